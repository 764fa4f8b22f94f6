"""What a visitor checked before use, for the pages that lead to an account."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings

from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.web import serving
from cadran.web.accounts import connection

register = template.Library()


@register.inclusion_tag("accounts/connection_note.html", takes_context=True)
@carries("IPP-0-prerequisites")
def connection_note(context: dict[str, Any]) -> dict[str, object]:
    """The last check of the connection, or a way to it; nothing where the terms ask for no speed."""
    terms = policy.terms_in_force(serving.brand_key(), settings.CIVIL_CLOCK.now())
    return {"wanted": connection.wanted(terms), "last": connection.last(context["request"])}

"""What every template knows: the brand, the customer signed in, the version of the static files."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from cadran.party import queries as party
from cadran.policy import queries as policy
from cadran.web import places, serving, versions


def site(request: HttpRequest) -> dict[str, object]:
    """Context of every page. `me` is the customer signed in, or None."""
    user = getattr(request, "user", None)
    number = user.pk if user is not None and user.is_authenticated else None
    me = SimpleLazyObject(lambda: party.customer(user_id=number)) if number else None
    return {
        "brand": policy.brand(serving.brand_key()),
        "me": me,
        "files": versions.files_version(),
        "places": SimpleLazyObject(lambda: places.navigation(policy.terms(me.terms)) if me else ()),
        "parts": SimpleLazyObject(lambda: places.parts(policy.terms(me.terms)) if me else frozenset()),
        "here": places.current(request.path),
        "sandbox": settings.SANDBOX,
        "mailbox_url": f"http://{settings.HOST}:{settings.SANDBOX_MAIL_PORT}/",
    }

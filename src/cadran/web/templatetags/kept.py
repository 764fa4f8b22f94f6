"""The names under which a customer keeps numbers, on pages that show calls."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def name_of(names: object, digits: str) -> str:
    """The contact's name of a number, empty where it is none, or where the page knows no names."""
    return str(names.get(str(digits), "")) if isinstance(names, Mapping) else ""

"""Who is asking: the user signed in, and the same asked again before a sensitive change."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from django.http import HttpRequest, HttpResponseBase


def asked_again(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The view, for somebody who proved in the last minutes that it is them; others are asked, and led back."""
    return reauthentication_required(view)  # type: ignore[no-any-return]


def needed(request: HttpRequest) -> bool:
    """Whether whoever signed in would be asked again."""
    return not did_recently_reauthenticate(request)


def user_id(request: HttpRequest) -> int:
    """The user signed in, by number; 0 where nobody is."""
    return int(request.user.pk or 0)

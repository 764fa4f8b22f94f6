"""Who gets into the back office: staff, signed in with both factors in this session, not idle, with the permission of the page."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

import structlog
from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from cadran.party import queries as party
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.web.office import pages

P = ParamSpec("P")
SEEN = "office_seen"
WRITE_EVERY_S = 60
LONGEST_SESSION_S = 12 * 3600

log = structlog.get_logger()


def for_staff(
    permission: Permission,
) -> Callable[[Callable[Concatenate[HttpRequest, Staff, P], HttpResponse]], Callable[..., HttpResponse]]:
    """The view, called with the request and the member of staff, for those who may.

    Visitors are sent to the sign-in. A customer gets 404: for it the page does not exist. Staff without a second factor sets one
    up first; with one that this session has not shown, shows it. A session that was idle, or is half a day old, ends. Staff
    without the permission gets 403.
    """

    def wrap(view: Callable[Concatenate[HttpRequest, Staff, P], HttpResponse]) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            staff = party.staff(request.user.pk)
            if staff is None or not staff.active:
                log.warning("office-refused", user=request.user.pk, permission=permission.value)
                raise Http404
            if (elsewhere := _second_factor(request, staff) or _over(request)) is not None:
                return elsewhere
            if not staff.may(permission):
                log.warning("office-refused", staff=staff.user_name, permission=permission.value)
                return pages.refused(request, staff)
            return view(request, staff, *args, **kwargs)

        checked.office_permission = permission  # type: ignore[attr-defined]
        return checked

    return wrap


def permission_of(view: Any) -> Permission | None:
    """The permission that a view asks for, for tests that go through every address; None for a view without the gate."""
    while view is not None:
        if (found := getattr(view, "office_permission", None)) is not None:
            return Permission(found)
        view = getattr(view, "__wrapped__", None)
    return None


def _second_factor(request: HttpRequest, staff: Staff) -> HttpResponseRedirect | None:
    """Where to go first, if the second factor is not set up or was not shown in this session."""
    if not staff.second_factor:
        messages.warning(request, _("Le back-office demande un second facteur : ajoutez-le, puis revenez ici."))
        return HttpResponseRedirect(reverse("mfa_activate_totp"))
    if not _shown_at(request):
        query = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{query}")
    return None


def _shown_at(request: HttpRequest) -> float:
    """When this session last showed the second factor, in wall-clock seconds; 0 if it never did."""
    records = get_authentication_records(request, request.user)  # type: ignore[no-untyped-call,unused-ignore]
    return max((float(one.get("at", 0)) for one in records if one.get("method") == "mfa"), default=0.0)


def _over(request: HttpRequest) -> HttpResponseRedirect | None:
    """Ends the session that was idle for too long, or whose second factor is half a day old."""
    now = time.time()  # the wall clock: sessions are real time, whatever a sandbox's civil clock says
    seen = float(request.session.get(SEEN, now))
    if now - seen > settings.OFFICE_IDLE_S or now - _shown_at(request) > LONGEST_SESSION_S:
        logout(request)
        messages.info(request, _("Votre session du back-office a expiré : connectez-vous à nouveau."))
        response = redirect_to_login(request.get_full_path())
        assert isinstance(response, HttpResponseRedirect)
        return response
    if SEEN not in request.session or now - seen > WRITE_EVERY_S:
        request.session[SEEN] = now
    return None

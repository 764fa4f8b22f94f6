"""What every page of somebody signed in passes through: the list of where they are signed in, and the terms that wait for approval."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from cadran.journeys import new_terms
from cadran.party import queries as party
from cadran.party import sign_ins
from cadran.units.clause import carries
from cadran.web.forms import client_ip

Answer = Callable[[HttpRequest], HttpResponse]
NOTED = "noted_at"
OPEN_TO_READ = ("/terms/", "/brand.css", "/language/", "/static/", "/health", "/descriptions/", "/offers/", "/prices/")


class NotedSignIn:
    """Where a user is signed in, noted at the first page and every five minutes from then on."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        user = request.user
        if user.is_authenticated and request.session.session_key:
            now = int(time.time())
            if now - int(request.session.get(NOTED, 0)) >= sign_ins.NOTED_EVERY.total_seconds():
                request.session[NOTED] = now
                sign_ins.note(
                    user_id=user.pk,
                    session_key=request.session.session_key,
                    address=client_ip(request),
                    agent=request.headers.get("User-Agent", ""),
                    at=settings.CIVIL_CLOCK.now(),
                )
        return response


@carries("KRY-2.2-new-terms")
class NewTerms:
    """A key change of the terms is read and approved before anything else; reading, signing out and closing the account stay open."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and not request.path.startswith(OPEN_TO_READ):
            customer = party.customer(user_id=request.user.pk)
            if customer is not None and customer.active and not self._passes(request.path):
                asked = new_terms.to_approve(accepted=customer.terms, at=settings.CIVIL_CLOCK.now())
                if asked is not None:
                    return redirect("terms_approval")
        return self.get_response(request)

    def _passes(self, path: str) -> bool:
        names = ("terms_approval", "account_logout", "account_reauthenticate", "account_change_password", "own_data")
        return path in {reverse(name) for name in names} or path.startswith((reverse("close_account"), "/office/"))

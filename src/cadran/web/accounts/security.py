"""The security page: second factor, passkeys, where one is signed in, codes; and signing out everywhere."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.party import queries as party
from cadran.party import sign_ins
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.web.accounts import again

PROMPT = "password.prompt_days"
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device(agent: str) -> str:
    """What a browser calls itself, as people say it: `Firefox, Windows`."""
    browser = next((name for mark, name in BROWSERS if f"{mark}/" in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return ", ".join(filter(None, (browser, system))) or _("navigateur inconnu")


@carries("KRY-4.2.1-account")
def password_prompt(customer: party.Customer) -> int:
    """The age in days of a site password that its customer is asked to change, by the terms in force; 0 where nothing is asked."""
    at = settings.CIVIL_CLOCK.now()
    terms = policy.terms_in_force(customer.brand, at)
    age = sign_ins.password_age(customer.user_id, at=at).days
    return age if PROMPT in terms.values and age >= terms.integer(PROMPT) else 0


@carries("KRY-4.2.2-session-safety")
@require_safe
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """All that keeps the account safe, on one page."""
    user_id = again.user_id(request)
    factors = dict.fromkeys(("totp", "webauthn", "recovery_codes"), 0)
    for kind in Authenticator.objects.filter(user_id=user_id).values_list("type", flat=True):
        factors[kind] += 1
    customer = party.customer(user_id=user_id)
    context = {
        "customer": customer,
        "factors": factors,
        "sign_ins": [(one, device(one.agent)) for one in sign_ins.of_user(user_id)],
        "this_key": request.session.session_key,
        "password_days": sign_ins.password_age(user_id, at=settings.CIVIL_CLOCK.now()).days,
        "prompt_days": password_prompt(customer) if customer else 0,
    }
    return render(request, "accounts/security.html", context)


@require_POST
@login_required
def end_sign_in(request: HttpRequest, sign_in_id: int) -> HttpResponse:
    """Sign out of one browser of one's own."""
    try:
        sign_ins.end(user_id=again.user_id(request), sign_in_id=sign_in_id)
    except sign_ins.UnknownSignIn:
        raise Http404 from None
    messages.success(request, _("Cet appareil est déconnecté."))
    return redirect("security")


@carries("KRY-4.2.2-session-safety")
@require_POST
@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of the account, this one included, wherever it was opened."""
    user_id = again.user_id(request)
    get_adapter().logout(request)
    sign_ins.end_all(user_id=user_id)
    messages.success(request, _("Vous êtes déconnecté partout."))
    return redirect("account_login")


@require_safe
def locked(request: HttpRequest) -> HttpResponse:
    """The sign-in was locked after a report: how to get back in."""
    return render(request, "accounts/locked.html", status=403)

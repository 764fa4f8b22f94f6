"""Another e-mail address for the account: confirmed by a link sent to the new one, told to the old one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from cadran.journeys import mails
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.party.operations import UnableToValidate
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web import serving, wording
from cadran.web.accounts import again
from cadran.web.accounts.limits import at_most

SALT = "cadran.web.accounts.email"
VALID = timedelta(days=3)


class EmailForm(forms.Form):
    """The new address."""

    email = forms.CharField(
        label=gettext_lazy("Nouvelle adresse e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
    )

    def clean_email(self) -> str:
        try:
            return party_rules.checked_email(self.cleaned_data["email"])
        except CadranError as error:
            raise forms.ValidationError(wording.of(error)) from error


@carries("KRY-4.2.1-account")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(5, 3600, "change-email")
@again.asked_again
def change(request: HttpRequest) -> HttpResponse:
    """Ask for another address. Whether somebody has it already is told to that somebody alone."""
    user = request.user
    assert user.is_authenticated
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        new = form.cleaned_data["email"]
        ask(request, user_id=user.pk, username=user.username, old=user.email, new=new)
        return render(request, "accounts/email_sent.html", {"email": new, "days": VALID.days})
    return render(request, "accounts/email.html", {"form": form, "email": user.email})


@carries("KRY-4.2.1-account")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(20, 3600, "confirm-email")
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link sent to the new address was followed: a deliberate click makes it the account's. It works once."""
    try:
        wish = read(token)
    except UnableToValidate:
        return render(request, "accounts/email_confirm.html", {"email": ""}, status=410)
    if request.method == "POST":
        try:
            adopt(request, token)
        except CadranError:
            return render(request, "accounts/email_confirm.html", {"email": ""}, status=410)
        messages.success(request, _("Votre nouvelle adresse est enregistrée."))
        return redirect("security" if request.user.is_authenticated else "account_login")
    return render(request, "accounts/email_confirm.html", {"email": wish.new, "token": token})


@dataclass(frozen=True, slots=True)
class Wish:
    """What a link asks for: whose address becomes which, instead of which."""

    user_id: int
    username: str
    old: str
    new: str


def ask(request: HttpRequest, *, user_id: int, username: str, old: str, new: str) -> None:
    """Send the link to the new address. Whether somebody has it already is told to that somebody alone."""
    if new == old:
        return
    token = signing.dumps([user_id, old, new], salt=SALT, compress=True)
    link = mails.site_url(serving.brand_key()) + reverse("confirm_new_email", args=[token])
    prefix = "accounts/mail/email_taken" if party.taken(email=new) else "accounts/mail/email_new"
    user = SimpleNamespace(pk=user_id, username=username)
    get_adapter(request).send_mail(prefix, new, {"user": user, "link": link, "days": VALID.days})


def read(token: str) -> Wish:
    """What a link asks for. Raises UnableToValidate for one that is altered, too old, or overtaken."""
    try:
        user_id, old, new = signing.loads(token, salt=SALT, max_age=VALID)
    except signing.BadSignature as error:
        raise UnableToValidate("this link is not ours, or is too old: ask again") from error
    customer = party.customer(user_id=user_id)
    if customer is None or customer.email != old:
        raise UnableToValidate("the address was changed meanwhile: ask again")
    return Wish(user_id, customer.username, old, new)


def adopt(request: HttpRequest, token: str) -> Wish:
    """The new address becomes the account's, and the old one is told. Raises UnableToValidate, EmailTaken."""
    wish = read(token)
    party_operations.change_email(user_id=wish.user_id, old=wish.old, new=wish.new, at=settings.CIVIL_CLOCK.now())
    user = SimpleNamespace(pk=wish.user_id, username=wish.username)
    get_adapter(request).send_mail("accounts/mail/email_changed", wish.old, {"user": user, "new": wish.new})
    return wish

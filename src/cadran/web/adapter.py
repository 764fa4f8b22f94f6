"""How sign-in pages (allauth) speak with our rooms: rules of names and codes, links, mails, and what a confirmed address opens."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from cadran.journeys import mails as journey_mails
from cadran.journeys import registration
from cadran.party import operations as party_operations
from cadran.party import passwords
from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.web import mails, serving, wording
from cadran.web.accounts.guessing import KnownBrowser

log = structlog.get_logger()


class AccountAdapter(KnownBrowser):
    """allauth's questions, answered by party and journeys."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return policy.brand(serving.brand_key()).registration_open

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Staff work in the back office; customers see their account."""
        if party.staff(request.user.pk or 0) is not None:
            return reverse("office:start")
        return str(super().get_login_redirect_url(request))

    def clean_username(self, username: str, shallow: bool = False) -> str:
        try:
            name = party_rules.checked_user_name(username)
        except party_rules.InvalidUserName as error:
            raise ValidationError(wording.of(error)) from error
        if not shallow and party.taken(username=name):
            raise ValidationError(wording.of(party_operations.UserNameTaken("")))
        return name

    def clean_email(self, email: str) -> str:
        try:
            return party_rules.checked_email(email)
        except party_rules.InvalidEmail as error:
            raise ValidationError(wording.of(error)) from error

    def clean_password(self, password: str, user: Any = None) -> str:
        try:
            passwords.checked(
                password, user_name=getattr(user, "username", "") or "", email=getattr(user, "email", "") or ""
            )
        except party_rules.WeakPassword as error:
            raise ValidationError(wording.of(error)) from error
        return str(super().clean_password(password, user))

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """The address and the customer become valid together, or neither does."""
        try:
            with transaction.atomic():
                if not super().confirm_email(request, email_address):
                    return False
                registration.confirm_email(
                    user_id=email_address.user_id, email=email_address.email, at=settings.CIVIL_CLOCK.now()
                )
        except CadranError as error:
            log.warning("email-confirmation-refused", error=error.error_id)
            return False
        return True

    def set_password(self, user: Any, password: str) -> None:
        super().set_password(user, password)
        party_operations.password_was_changed(user_id=user.pk, at=settings.CIVIL_CLOCK.now())

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return self._site() + reverse("account_confirm_email", args=[emailconfirmation.key])

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return self._site() + path.replace("UID-KEY", key)

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """The page itself says that a mail was sent; allauth's message comes for new addresses only, and would tell them apart."""
        if message_template != "account/messages/email_confirmation_sent.txt":
            super().add_message(request, level, message_template, *args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Into the queue: a mail server that does not answer keeps nobody waiting, and undoes no registration."""
        mails.send(template_prefix, email, context, brand=serving.brand_key())

    def _site(self) -> str:
        """Links in mails lead to the brand's own site, whatever host the visitor claimed."""
        return journey_mails.site_url(serving.brand_key())

"""The mails of the sign-in pages: allauth names them by template, and they go into the queue like every other mail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from cadran.journeys import mails
from cadran.messaging import operations, rendering
from cadran.party import queries as party
from cadran.policy import queries as policy
from cadran.units.ids import new_id

# Kinds with words of their own, and the name under which allauth gives their link.
LINKED = {
    "account/email/email_confirmation": ("confirm-address", "activate_url"),
    "account/email/email_confirmation_signup": ("confirm-address", "activate_url"),
    "account/email/account_already_exists": ("account-exists", "password_reset_url"),
    "account/email/password_reset_key": ("reset-password", "password_reset_url"),
}
SECURITY = {
    "account/email/password_changed": gettext_noop("Votre mot de passe a été changé"),
    "account/email/password_reset": gettext_noop("Votre mot de passe a été changé"),
    "account/email/password_set": gettext_noop("Votre mot de passe a été changé"),
    "account/email/email_changed": gettext_noop("Votre adresse e-mail a été changée"),
    "account/email/email_confirm": gettext_noop("Votre adresse e-mail a été confirmée"),
    "account/email/email_deleted": gettext_noop("Une adresse e-mail a été retirée de votre compte"),
    "mfa/email/totp_activated": gettext_noop("Un code à usage unique est demandé pour vous connecter"),
    "mfa/email/totp_deactivated": gettext_noop("Le code à usage unique n’est plus demandé"),
    "mfa/email/recovery_codes_generated": gettext_noop("De nouveaux codes de secours ont été créés"),
    "mfa/email/webauthn_added": gettext_noop("Une clé d’accès a été ajoutée à votre compte"),
    "mfa/email/webauthn_removed": gettext_noop("Une clé d’accès a été retirée de votre compte"),
}
_LINK = re.compile(r"https?://[^\s/]+/\S")


def send(template_prefix: str, email: str, context: Mapping[str, Any], *, brand: str) -> str:
    """Queue the mail of that template to that address, in the language of the page; returns its id. A mail that bears a link is
    kept only until a server has it."""
    user = context.get("user")
    user_id = getattr(user, "user_id", None) or getattr(user, "pk", None)  # a customer, or a sign-in
    customer = party.customer(user_id=user_id) if user_id else None
    url, at = mails.site_url(brand), settings.CIVIL_CLOCK.now()
    kind, words, fleeting = _written(template_prefix, context, user, brand, url, customer)
    return operations.queue_mail(
        key=new_id("account"),
        brand=brand,
        account=customer.account if customer else "",
        to=email,
        subject=words.subject,
        text=words.text,
        html=words.html,
        language=words.language,
        kind=kind,
        at=at,
        fleeting=fleeting,
    )


def _written(
    prefix: str, context: Mapping[str, Any], user: Any, brand: str, url: str, customer: party.Customer | None
) -> tuple[str, rendering.Written, bool]:
    language = (get_language() or "fr")[:2]
    known: dict[str, object] = {
        "username": getattr(user, "username", ""),
        "account": customer.account if customer else "",
        "days": settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS,
    }

    def written(kind: str, **more: object) -> rendering.Written:
        return rendering.written(kind, brand=brand, language=language, url=url, context=known | more)

    if prefix in LINKED:
        kind, link = LINKED[prefix]
        return kind, written(kind, link=context[link]), True
    if prefix in SECURITY:
        facts = {"at": settings.CIVIL_CLOCK.now(), "ip": context.get("ip"), "user_agent": context.get("user_agent")}
        return "security", written("security", sentence=_(SECURITY[prefix]), **facts), False
    shown = dict(context) | {"brand": policy.brand(brand), "public_url": url, "url": url}
    subject = " ".join(render_to_string(f"{prefix}_subject.txt", shown).split())
    text = render_to_string(f"{prefix}_message.txt", shown).strip()
    given = {"given_subject": subject, "given_text": text, "paragraphs": rendering.plain_as_html(text)}
    return prefix.rpartition("/")[2][:48], written("plain", **given), _LINK.search(text) is not None

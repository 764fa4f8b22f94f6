"""Registration without the page: the mails that it sends, and a token by which whoever registered follows it, before any sign-in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.core import context
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import override

from cadran.journeys import registration
from cadran.party import queries as party
from cadran.party import vault
from cadran.party.documents import queries as documents
from cadran.party.operations import UnableToValidate
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.units.errors import CadranError

OWNER = "registration token"
EMAIL, DOCUMENT = "email", "identity-document"


class UnknownRegistration(CadranError):
    """A token that we did not give, or that was altered."""

    error_id = "web-registration-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a registration stands. customer: None where none was made, which must show in nothing. `missing`: what is still to be
    proved, email and identity-document; `sides`: of a document, 0 where none is asked; `document`: the last one given."""

    customer: party.Customer | None
    state: str
    missing: tuple[str, ...]
    sides: int
    document: documents.Document | None


@carries("KRY-4.1-registration", "IPP-5.2-validation")
def begin(request: HttpRequest, *, brand: str, wish: registration.Wish, at: datetime) -> str:
    """Register, send the link, and return the token. Nobody learns from it whether the address had an account. Raises what
    `registration.begin` does."""
    customer = registration.begin(brand=brand, wish=wish, at=at)
    with override(wish.language), context.request_context(request):
        if customer is None:
            get_adapter(request).send_account_already_exists_mail(wish.email.strip().lower())
        else:
            address = EmailAddress.objects.get(user_id=customer.user_id, email=customer.email)
            EmailConfirmationHMAC(address).send(request, signup=True)
    return token(customer, brand=brand, at=at)


def token(customer: party.Customer | None, *, brand: str, at: datetime) -> str:
    """The token of a registration, or of none: sealed, so that the two look alike."""
    user_id = customer.user_id if customer else 0
    return vault.seal(
        {"user": f"{user_id:012d}", "brand": f"{brand:<30}", "at": f"{at.timestamp():018.6f}"}, owner=OWNER
    )


@carries("IPP-5.2-validation", "KRY-4.1-registration")
def standing(text: str, *, brand: str, at: datetime) -> Standing:
    """Where the registration of that token stands. Raises UnknownRegistration."""
    try:
        kept = vault.unseal(text, owner=OWNER)
    except (CadranError, ValueError) as error:
        raise UnknownRegistration("this is no token of a registration: register again") from error
    if kept["brand"].strip() != brand:
        raise UnknownRegistration("this registration is with another brand: call its host")
    customer = party.customer(user_id=int(kept["user"])) if int(kept["user"]) else None
    if customer is None:
        return _nobody(brand, datetime.fromtimestamp(float(kept["at"]), at.tzinfo), at)
    sides = documents.sides_needed(customer.terms)
    last = next(iter(documents.documents_of(customer_id=customer.id)), None) if sides else None
    missing = party.missing(user_id=customer.user_id) if customer.state == "registered" else ()
    return Standing(customer=customer, state=customer.state, missing=missing, sides=sides, document=last)


@carries("IPP-5.2-validation", "IPP-5.1-activation")
def confirm(key: str, *, at: datetime) -> party.Customer:
    """The link's key proves the address. Raises UnableToValidate."""
    found = EmailConfirmationHMAC.from_key(key)
    if found is None:
        raise UnableToValidate("this link is not ours, is too old, or was followed already")
    address = found.email_address
    return registration.confirm_email(user_id=address.user_id, email=address.email, at=at)


def _nobody(brand: str, made_at: datetime, at: datetime) -> Standing:
    """What a registration looks like whose link nobody follows."""
    terms = policy.terms_in_force(brand, made_at)
    asked = terms.texts("account.validated_by") if "account.validated_by" in terms.values else (EMAIL,)
    over = at >= made_at + timedelta(days=settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS)
    return Standing(
        customer=None,
        state="ended" if over else "registered",
        missing=() if over else tuple(asked),
        sides=documents.sides_needed(terms.ref),
        document=None,
    )

"""Registering: what a visitor is shown and ticks, the customer that comes of it, and the proof of the e-mail address."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password

from cadran.catalog import queries as catalog
from cadran.party import identity
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.party.documents import queries as documents_room
from cadran.policy import notices
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError

Document = party_rules.Document


class DocumentChanged(CadranError):
    """What was ticked is no longer what is in force: it must be read again."""

    error_id = "journeys-document-changed"


class RegistrationClosed(CadranError):
    """The brand takes no new customers, or none of that kind."""

    error_id = "journeys-registration-closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A document as it is shown before a tick: its version as `brand/version`, and the SHA-256 of exactly what is shown."""

    document: Document
    ref: str
    text_sha256: str
    language: str

    @property
    def token(self) -> str:
        """What the tick sends back, so that it names the very text that was shown."""
        return f"{self.ref} {self.text_sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a visitor filled in. `ticked`: the token of each ticked document; `adult`: the certificate of age or of the capacity to
    bind the company; `solvent`: that it is in no insolvency procedure."""

    email: str
    user_name: str
    password: str
    sip_password: str
    name: str
    first_names: str
    ticked: Mapping[Document, str]
    adult: bool
    solvent: bool = False
    phone: str = ""
    company: str = ""
    siren: str = ""
    vat_number: str = ""
    kind: party_rules.CustomerKind = party_rules.CustomerKind.PERSON
    language: str = "fr"
    country: str = "FR"
    ip: str = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a brand asks of a new customer, besides names, e-mail address, codes and country."""

    phone: bool
    sip_line: bool
    companies: bool
    sides: int
    minimum_age: int
    company_certifies: tuple[party_rules.Certificate, ...]
    closed_countries: tuple[str, ...]


@carries("KRY-4.1-registration", "KRY-4.1-capacity", "IPP-1b-age")
def asked(*, brand: str, at: datetime) -> Asked:
    """What the brand and its terms in force ask for. `sides` of an identity document come after the registration itself."""
    offerer, terms = policy.brand(brand), policy.terms_in_force(brand, at)
    listed = terms.texts("account.registration_asks") if "account.registration_asks" in terms.values else ()
    return Asked(
        phone=offerer.phone_asked or "phone" in listed,
        sip_line="voip" in offerer.services,
        companies=offerer.legal_entities,
        sides=documents_room.sides_needed(terms.ref),
        minimum_age=terms.integer("account.minimum_age"),
        company_certifies=identity.certificates(terms, party_rules.CustomerKind.COMPANY),
        closed_countries=identity.closed_countries(terms),
    )


@carries("IPP-0-acceptance", "KRY-2.1-acceptance")
def documents(*, brand: str, language: str, at: datetime) -> tuple[Offered, ...]:
    """What a new customer reads and ticks, each in the version in force: terms, legal notice, descriptions, prices, offers, and the
    special conditions of the brand's products where there are some."""
    terms = policy.terms_in_force(brand, at)
    shown = [(Document.TERMS, terms.ref, policy.terms_text(terms.ref, language)[1])]
    if (legal := policy.notice(brand, notices.LEGAL, language, at)) is not None:
        shown.append((Document.LEGAL, legal.ref, legal.sha256))
    if special := policy.special_conditions(brand, language, at):
        version = max(one.version for one in special)
        shown.append(
            (Document.SPECIAL, f"{brand}/special-{version}", _hash([(one.ref, one.sha256) for one in special]))
        )
    deck = catalog.in_force(brand, at)
    prices = (
        (f"{brand}/prices-{deck.name}-{deck.version}", deck.sha256) if deck else (f"{brand}/prices-none", _hash({}))
    )
    shown += [
        (Document.DESCRIPTIONS, terms.ref, _hash(described(terms, "calls.", "account.", "emergency."))),
        (Document.PRICES, *prices),
        (Document.OFFERS, terms.ref, _hash(described(terms, "topup.", "credit."))),
    ]
    accepts = _accepts(terms)
    return tuple(
        Offered(document=document, ref=ref, text_sha256=digest, language=language)
        for document, ref, digest in shown
        if document in accepts
    )


def _accepts(terms: Terms) -> frozenset[Document]:
    """The documents that these terms want accepted; all of them where they name none."""
    name = "account.accepts"
    return frozenset(Document(one) for one in terms.texts(name)) if name in terms.values else frozenset(Document)


def described(terms: Terms, *parts: str) -> dict[str, object]:
    """The values of the terms whose names begin with one of `parts`, as plain JSON: what the descriptions and offers pages state."""
    return {
        name: {
            "value": list(v.content) if isinstance(v.content, tuple) else v.content,
            "unit": v.unit,
            "clause": v.clause,
        }
        for name, v in sorted(terms.values.items())
        if name.startswith(parts)
    }


@carries("IPP-5.2-validation", "IPP-0-acceptance", "KRY-2.1-acceptance", "KRY-4.1-registration")
def register(*, brand: str, wish: Wish, at: datetime) -> party.Customer:
    """Make the customer of a complete registration; nothing works before `confirm_email`.

    Raises RegistrationClosed, DocumentChanged, and what party.operations.register_customer raises; then nothing is kept.
    """
    offerer = policy.brand(brand)
    if not offerer.registration_open or (wish.kind is party_rules.CustomerKind.COMPANY and not offerer.legal_entities):
        raise RegistrationClosed(f"{offerer.name} takes no new customers of this kind at present")
    needs = asked(brand=brand, at=at)
    return party_operations.register_customer(
        registration=party_operations.Registration(
            brand=brand,
            currency=offerer.currency,
            email=wish.email,
            user_name=wish.user_name,
            password=wish.password,
            sip_password=wish.sip_password,
            name=wish.name,
            first_names=wish.first_names,
            company=wish.company,
            kind=wish.kind,
            language=wish.language,
            country=wish.country,
            adult=wish.adult,
            solvent=wish.solvent,
            sip_line=needs.sip_line,
            phone=wish.phone,
            phone_needed=needs.phone,
            siren=wish.siren,
            vat_number=wish.vat_number,
            accepted=_accepted(brand, wish, at),
            ip=wish.ip,
        ),
        at=at,
    )


@carries("IPP-5.2-validation", "KRY-4.1-registration")
def begin(*, brand: str, wish: Wish, at: datetime) -> party.Customer | None:
    """`register`, for programs, so that nobody learns who has an account: None where the address has one, after as long as a
    registration takes; that somebody is told by mail. The same registration sent twice is one. Raises what `register` does."""
    try:
        return register(brand=brand, wish=wish, at=at)
    except party_operations.EmailTaken:
        make_password(wish.password)
        return None
    except party_operations.UserNameTaken:
        if party.is_registration_of(username=wish.user_name, email=wish.email, password=wish.password):
            return party.customer_named(wish.user_name)
        raise


@carries("IPP-5.2-validation", "IPP-5.1-activation")
def confirm_email(*, user_id: int, email: str, at: datetime) -> party.Customer:
    """The link of the mail was followed: services open, if the accepted terms ask for nothing more than is proved by now.

    Raises party.operations.UnableToValidate.
    """
    return party_operations.validate_email(user_id=user_id, email=email, at=at)


def next_lapse() -> datetime | None:
    """When the oldest registration that waits for its validation ends: its link is no longer valid then. None when none waits."""
    made_at = party.oldest_unvalidated()
    return made_at + _validity() if made_at else None


@carries("IPP-5.2-validation")
def lapse(*, at: datetime) -> int:
    """End the registrations whose link was valid until `at`; returns how many. Idempotent."""
    return party_operations.end_unvalidated_registrations(before=at - _validity(), at=at)


def _validity() -> timedelta:
    return timedelta(days=settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS)


def _accepted(brand: str, wish: Wish, at: datetime) -> tuple[party_rules.Accepted, ...]:
    """The ticks as they are kept; a missing one is left to party (special conditions aside), one of another text raises
    DocumentChanged."""
    accepted = []
    for offered in documents(brand=brand, language=wish.language, at=at):
        if (token := wish.ticked.get(offered.document)) is None:
            if offered.document is Document.SPECIAL:
                raise party_rules.Incomplete("not accepted yet: special", field="accepted")
            continue
        if token != offered.token:
            raise DocumentChanged(
                f"the {offered.document.value} changed meanwhile: read them again", document=offered.document
            )
        accepted.append(
            party_rules.Accepted(
                document=offered.document, ref=offered.ref, text_sha256=offered.text_sha256, language=offered.language
            )
        )
    return tuple(accepted)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

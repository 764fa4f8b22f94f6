"""Registering without the page: what is asked, the registration, its state, the identity document, the proof of the address."""

from __future__ import annotations

import hashlib
from datetime import date

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, File, Form, Router
from ninja.files import UploadedFile

from cadran.journeys import registration
from cadran.party import rules as party_rules
from cadran.party.documents import operations as documents
from cadran.party.documents import queries as document_queries
from cadran.party.documents import rules as document_rules
from cadran.party.keys.rules import Scope
from cadran.policy import queries as policy
from cadran.web import serving, uploads
from cadran.web.accounts import onboarding
from cadran.web.api import access, problems, shapes
from cadran.web.api import shapes_customer as told
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

router = Router(tags=["registration"])
A_HOUR = 3600
_UNKNOWN = ("web-registration-unknown",)
_REFUSED = (
    *("journeys-registration-closed", "journeys-document-changed", "party-registration-incomplete"),
    *("party-user-name-invalid", "party-user-name-taken", "party-email-invalid", "party-password-weak"),
    *("party-sip-password-weak", "party-name-invalid", "party-country-invalid", "party-country-closed"),
    *("party-phone-invalid", "party-company-number-invalid"),
)
_DOCUMENT = (
    *("party-document-not-awaited", "party-document-expired", "party-document-side-missing"),
    *("party-document-file-refused", "party-document-kind-unknown"),
)


@operation(router, "GET", "/registrations/needs", answers_with=told.Needs, open_to_all=True)
def read_registration_needs(request: HttpRequest) -> told.Needs:
    """What the brand asks of a new customer; the documents to read and tick are at `/documents`."""
    brand, at = policy.brand(serving.brand_key()), settings.CIVIL_CLOCK.now()
    asked = registration.asked(brand=brand.key, at=at)
    offered = registration.documents(brand=brand.key, language="fr", at=at)
    return shapes.of(
        told.Needs,
        asked,
        open=brand.registration_open,
        company_certifies=[one.value for one in asked.company_certifies],
        closed_countries=list(asked.closed_countries),
        accepts=[one.document.value for one in offered],
    )


@operation(
    router,
    "POST",
    "/registrations",
    answers_with=told.RegistrationMade,
    status=202,
    open_to_all=True,
    may_fail=_REFUSED,
)
def register(request: HttpRequest, asked: Body[told.RegistrationAsked]) -> told.RegistrationMade:
    """Register a customer: a link is sent to the address, and nothing works before it is followed.

    Each tick names the text that was shown, by version and hash. The answer is the same whether the address has an account or not:
    its holder alone is told. Few registrations an hour are taken from one address.
    """
    ip = access.client_address(request)
    access.at_most(request, "api-registration", ip, 10, A_HOUR)
    return told.RegistrationMade(registration=_begun(request, serving.brand_key(), asked, ip))


@operation(
    desk.router,
    "POST",
    "/staff/registrations",
    scope=Scope.STAFF_WRITE_REGISTRATIONS,
    answers_with=told.RegistrationMade,
    status=202,
    may_fail=_REFUSED,
)
def onboard(request: HttpRequest, asked: Body[told.OnboardingAsked]) -> told.RegistrationMade:
    """Register a customer whose registration a site of the operator's own took, with the address where the customer was.

    As the open one, with the key's allowance in place of the limit of an address. The customer ticked, and not the site.
    """
    caller = desk.caller(request)
    if caller.test:
        at = settings.CIVIL_CLOCK.now()
        return told.RegistrationMade(registration=onboarding.token(None, brand=caller.brand, at=at))
    desk.log(request, "registration", kind="deed", subject=asked.user_name)
    return told.RegistrationMade(registration=_begun(request, caller.brand, asked, asked.ip))


@operation(
    router,
    "POST",
    "/registrations/state",
    answers_with=told.RegistrationState,
    open_to_all=True,
    may_fail=_UNKNOWN,
)
def read_registration(request: HttpRequest, asked: Body[told.RegistrationRead]) -> told.RegistrationState:
    """Where a registration stands, what is missing, and why a document was refused.

    A POST, so that the token stands in no address.
    """
    return _state(asked.registration)


@operation(
    router,
    "POST",
    "/registrations/documents",
    answers_with=told.RegistrationState,
    open_to_all=True,
    may_fail=(*_UNKNOWN, *_DOCUMENT),
)
def give_document(
    request: HttpRequest,
    front: File[UploadedFile],
    asked: Form[told.DocumentForm],
    back: File[UploadedFile | None] = None,
) -> told.RegistrationState:
    """Give both sides of an identity document: photos or PDF, 10 MB each at most; one PDF may hold both.

    Once the address is proved, and again after a refusal. The files are inspected, redrawn and encrypted; the same ones sent again
    are one.
    """
    access.at_most(request, "api-document", asked.registration, 20, A_HOUR)
    at = settings.CIVIL_CLOCK.now()
    found = onboarding.standing(asked.registration, brand=serving.brand_key(), at=at)
    if found.customer is None or onboarding.EMAIL in found.missing:
        raise documents.UnableToSubmit("prove the e-mail address first, by the link that was sent to it", rule="email")
    files = {side: _content(file) for side, file in (("front", front), ("back", back)) if file is not None}
    digest = hashlib.sha256(b"\0".join(files[side] for side in sorted(files))).hexdigest()
    documents.submit(
        submission=documents.Submission(
            customer_id=found.customer.id,
            key=digest[:40],
            kind=asked.kind.value,
            expires_on=_day(asked.expires_on),
            files=files,
        ),
        at=at,
    )
    return _state(asked.registration)


@operation(
    router,
    "POST",
    "/registrations/confirmations",
    answers_with=told.Confirmed,
    open_to_all=True,
    may_fail=("party-validation-refused",),
)
def confirm_address(request: HttpRequest, asked: Body[told.ConfirmationAsked]) -> told.Confirmed:
    """Prove the address of a registration by the last part of the link that was sent there."""
    access.at_most(request, "api-confirmation", access.client_address(request), 30, A_HOUR)
    customer = onboarding.confirm(asked.key, at=settings.CIVIL_CLOCK.now())
    return told.Confirmed(email=customer.email, state=customer.state)


def given(found: document_queries.Document) -> told.GivenDocument:
    """A document as its customer sees it."""
    return shapes.of(told.GivenDocument, found, id=found.document_id)


def _begun(request: HttpRequest, brand: str, asked: told.RegistrationAsked, ip: str) -> str:
    wish = registration.Wish(
        email=asked.email,
        user_name=asked.user_name,
        password=asked.password,
        sip_password=asked.sip_password,
        name=asked.name,
        first_names=asked.first_names,
        ticked={one.document: f"{one.ref} {one.sha256}" for one in asked.accepted},
        adult=asked.adult,
        solvent=asked.solvent,
        phone=asked.phone,
        company=asked.company,
        siren=asked.siren,
        vat_number=asked.vat_number,
        kind=party_rules.CustomerKind(asked.kind),
        language=asked.language,
        country=asked.country,
        ip=ip,
    )
    return onboarding.begin(request, brand=brand, wish=wish, at=settings.CIVIL_CLOCK.now())


def _state(token: str) -> told.RegistrationState:
    found = onboarding.standing(token, brand=serving.brand_key(), at=settings.CIVIL_CLOCK.now())
    active = found.customer is not None and found.customer.active
    return told.RegistrationState(
        state=found.state,
        missing=list(found.missing),
        sides=found.sides,
        document=given(found.document) if found.document else None,
        account=found.customer.account if found.customer and active else None,
    )


def _content(file: UploadedFile) -> bytes:
    too_large = isinstance(file, uploads.TooLarge) or (file.size or 0) > document_rules.MAX_BYTES
    return b"\0" * (document_rules.MAX_BYTES + 1) if too_large else bytes(file.read())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise problems.InputInvalid("give a day such as 2030-12-31", field="form.expires_on") from error

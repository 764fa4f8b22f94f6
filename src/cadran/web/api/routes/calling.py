"""Calling by access numbers: the numbers to dial and to be recognised by, the PIN, the choice of the minute, prepared calls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext, override
from ninja import Body, Path, Router
from pydantic import StringConstraints

from cadran.journeys import call_through, calling_numbers, telling
from cadran.numbering import queries as numbering
from cadran.numbering.access import queries as access_numbers
from cadran.numbering.proofs import operations, queries
from cadran.party import queries as party
from cadran.party.calling import operations as calling
from cadran.party.calling import queries as kept
from cadran.party.calling import rules as calling_rules
from cadran.party.keys.rules import Scope
from cadran.policy import queries as policy
from cadran.units import clause
from cadran.units.errors import CadranError
from cadran.web import serving
from cadran.web.api import access, shapes
from cadran.web.api import shapes_calling as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.account import account_of
from cadran.web.api.routes.security import in_person
from cadran.web.calling import overview

router = Router(tags=["calling"])
public_router = Router(tags=["public"])
Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,15}$")]
NOTICE = "Votre opérateur peut vous facturer l’appel vers le numéro d’accès, en plus de votre crédit d’appel."
_UNPROVED = ("proofs-unknown",)


class MinuteNotOffered(CadranError):
    """This account has no such choice: it is for consumers, under terms that count by the minute."""

    error_id = "calling-minute-not-offered"


@clause.carries("KRY-4.4.1-access-cost", "KRY-3.1-call-credit")
@operation(public_router, "GET", "/access-numbers", answers_with=seen.AccessNumbers, open_to_all=True)
def list_access_numbers(request: HttpRequest, language: shapes.Language = "fr") -> seen.AccessNumbers:
    """The access numbers of the brand, and the notice to show before calling one.

    By country and place; empty for a brand that has none. The call to the access number itself may be billed by the caller's operator.
    """
    at, brand = settings.CIVIL_CLOCK.now(), serving.brand_key()
    stated = overview.cost_notice(policy.terms_in_force(brand, at))
    with override(language):
        notice = gettext(NOTICE)
    return seen.AccessNumbers(
        access_numbers=[
            seen.AccessNumber(
                number=f"+{one.digits}",
                country=one.country,
                place=one.place(language),
                language=one.language,
                service=one.service,
                opens_at=one.opened_at,
                closes_at=one.closed_at,
            )
            for one in access_numbers.access_numbers(brand, at)
        ],
        notice=notice if stated else None,
        notice_clause=stated or None,
    )


@operation(router, "GET", "/calling-numbers", scope=Scope.READ_ACCOUNT, answers_with=seen.CallingNumbers)
def list_calling_numbers(request: HttpRequest) -> seen.CallingNumbers:
    """The numbers by which the account is recognised when it calls an access number."""
    found = () if _test(request) else numbering.calling_numbers(_account(request))
    return seen.CallingNumbers(
        calling_numbers=[seen.CallingNumber(number=f"+{one.digits}", verified_at=one.from_at) for one in found]
    )


@clause.carries("KRY-4.4.1-caller-id")
@operation(
    router,
    "POST",
    "/calling-numbers",
    scope=Scope.WRITE_SECURITY,
    answers_with=seen.NumberProof,
    status=202,
    may_fail=(
        "numbering-dialled-unreadable",
        "numbering-unable-to-verify",
        "calling-number-not-rung",
        "calling-no-access-numbers",
        "proofs-too-many",
        "proofs-too-many-numbers",
        "proofs-code-untold",
    ),
)
def ask_for_calling_number(request: HttpRequest, asked: Body[seen.CallingNumberAsked]) -> seen.NumberProof:
    """Have a code spoken on a telephone, to prove that it is the account's.

    Cadran calls the number and says six digits, twice; give them back within ten minutes. The answer is the same whoever has the
    number so far. A few codes a day are spoken on a number, for an account and for an address.
    """
    customer, at = account_of(request).customer, settings.CIVIL_CLOCK.now()
    if _test(request):
        return _sample_proof(at)
    access.at_most(request, "calling-number", access.client_address(request), 30, 3600)
    told = calling_numbers.ask(
        customer=customer,
        text=asked.number,
        origin=access.client_address(request),
        language=asked.language,
        teller=telling.teller(),
        at=at,
    )
    return _proof(told.proof_id, customer.account, at)


@operation(
    router,
    "GET",
    "/calling-numbers/proofs/{proof_id}",
    scope=Scope.READ_ACCOUNT,
    answers_with=seen.NumberProof,
    may_fail=_UNPROVED,
)
def read_number_proof(request: HttpRequest, proof_id: Path[shapes.Identifier]) -> seen.NumberProof:
    """How a code stands: whether it was spoken, how many tries are left."""
    at = settings.CIVIL_CLOCK.now()
    return _sample_proof(at) if _test(request) else _proof(proof_id, _account(request), at)


@clause.carries("KRY-4.4.1-caller-id")
@operation(
    router,
    "POST",
    "/calling-numbers/proofs/{proof_id}/code",
    scope=Scope.WRITE_SECURITY,
    answers_with=seen.NumberProof,
    may_fail=(*_UNPROVED, "proofs-code-wrong", "proofs-held-elsewhere", "proofs-too-many-numbers"),
)
def give_spoken_code(
    request: HttpRequest, proof_id: Path[shapes.Identifier], asked: Body[seen.SpokenCodeAsked]
) -> seen.NumberProof:
    """Give the code back that was spoken: the number is the account's from now on.

    Five tries. Where another account is recognised by the number, it stays there until `claim` is called.
    """
    at = settings.CIVIL_CLOCK.now()
    if _test(request):
        return _sample_proof(at)
    operations.give_code(proof_id=proof_id, account=_account(request), code=asked.code, at=at)
    return _proof(proof_id, _account(request), at)


@clause.carries("KRY-4.4.1-caller-id")
@operation(
    router,
    "POST",
    "/calling-numbers/proofs/{proof_id}/claim",
    scope=Scope.WRITE_SECURITY,
    answers_with=seen.NumberProof,
    may_fail=(*_UNPROVED, "proofs-too-many-numbers"),
)
def claim_calling_number(request: HttpRequest, proof_id: Path[shapes.Identifier]) -> seen.NumberProof:
    """Move a number here that was proved, from the account that is recognised by it.

    That account is told, keeps its credit, and may prove the number again.
    """
    at = settings.CIVIL_CLOCK.now()
    if _test(request):
        return _sample_proof(at)
    operations.claim(proof_id=proof_id, account=_account(request), at=at)
    return _proof(proof_id, _account(request), at)


@operation(
    router,
    "DELETE",
    "/calling-numbers/{number}",
    scope=Scope.WRITE_SECURITY,
    answers_with=None,
    status=204,
    may_fail=("numbering-not-held",),
)
def remove_calling_number(request: HttpRequest, number: Path[Number]) -> None:
    """The account is recognised by that number no longer."""
    if not _test(request):
        caller: access.Caller = request.auth  # type: ignore[attr-defined]
        at = settings.CIVIL_CLOCK.now()
        operations.remove(account=_account(request), digits=number.removeprefix("+"), by=caller.by, at=at)


@operation(router, "GET", "/pin", scope=Scope.READ_ACCOUNT, answers_with=seen.PinState)
def read_pin(request: HttpRequest) -> seen.PinState:
    """Whether the account has a PIN for calls whose number the network does not vouch for; never the PIN itself."""
    return shapes.of(seen.PinState, kept.pin(_account(request)))


@clause.carries("KRY-4.4.1-caller-id")
@operation(
    router,
    "PUT",
    "/pin",
    scope=Scope.WRITE_SECURITY,
    answers_with=seen.PinState,
    may_fail=("api-password-wrong", "calling-pin-trivial"),
)
def set_pin(request: HttpRequest, asked: Body[seen.PinAsked]) -> seen.PinState:
    """Choose the PIN of calls, which also opens a locked one.

    It asks for the site password. Four to eight digits that are not guessed first: no run, no repetition, no year, no part of the
    account's numbers.
    """
    customer = in_person(request, asked.password)
    known = () if _test(request) else calling_numbers.known_digits(customer)
    calling_rules.checked_pin(asked.pin, known=known)
    if not _test(request):
        calling.set_pin(account=customer.account, pin=asked.pin, known=known, at=settings.CIVIL_CLOCK.now())
    return shapes.of(seen.PinState, kept.pin(customer.account))


@operation(router, "DELETE", "/pin", scope=Scope.WRITE_SECURITY, answers_with=None, status=204)
def remove_pin(request: HttpRequest) -> None:
    """Do without a PIN: only calls whose number the network vouches for are accepted then."""
    if not _test(request):
        calling.remove_pin(account=_account(request), at=settings.CIVIL_CLOCK.now())


@operation(router, "GET", "/minute-choice", scope=Scope.READ_ACCOUNT, answers_with=seen.MinuteChoice)
def read_minute_choice(request: HttpRequest) -> seen.MinuteChoice:
    """Whether calls to national numbers are counted by the second or, as asked for, by the minute."""
    return _minute(account_of(request).customer)


@clause.carries("LAW-per-second")
@operation(
    router,
    "PUT",
    "/minute-choice",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=seen.MinuteChoice,
    may_fail=("calling-minute-not-offered",),
)
def choose_minute(request: HttpRequest, asked: Body[seen.MinuteAsked]) -> seen.MinuteChoice:
    """Ask for the minute, or go back to the second, from the next call on.

    The law has consumers pay calls to national numbers by the second unless they ask for the minute themselves.
    """
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    customer, at = account_of(request).customer, settings.CIVIL_CLOCK.now()
    if not overview.offers_minute(customer, at):
        raise MinuteNotOffered("there is no such choice for this account")
    if not _test(request):
        calling.choose_minute(account=customer.account, by_minute=asked.by_minute, by=caller.by, at=at)
    return _minute(customer)


@operation(router, "GET", "/prepared-calls", scope=Scope.READ_ACCOUNT, answers_with=seen.PreparedCalls)
def list_prepared_calls(request: HttpRequest) -> seen.PreparedCalls:
    """The calls that are prepared and not taken yet."""
    found = () if _test(request) else kept.prepared_calls(_account(request), at=settings.CIVIL_CLOCK.now())
    return seen.PreparedCalls(prepared_calls=[_prepared(one) for one in found])


@clause.carries("KRY-4.4.1-easydialer")
@operation(
    router,
    "POST",
    "/prepared-calls",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=seen.PreparedCall,
    status=201,
    may_fail=("numbering-dialled-unreadable", "call-through-not-a-calling-number"),
)
def prepare_call(request: HttpRequest, asked: Body[seen.PreparedCallAsked]) -> seen.PreparedCall:
    """Prepare a call: the next one from that calling number to an access number goes straight to the destination.

    Within two minutes, once. It takes the place of one prepared before for the same calling number.
    """
    customer, at = account_of(request).customer, settings.CIVIL_CLOCK.now()
    if _test(request):
        return seen.PreparedCall(
            id="prc_sample",
            calling="+33999000000",
            destination="+33142000001",
            prepared_at=at,
            expires_at=at + timedelta(minutes=2),
        )
    made = call_through.prepare(customer=customer, calling=asked.calling or "", destination=asked.destination, at=at)
    return _prepared(made)


@operation(
    router,
    "DELETE",
    "/prepared-calls/{prepared_id}",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=None,
    status=204,
    may_fail=("calling-prepared-unknown",),
)
def withdraw_prepared_call(request: HttpRequest, prepared_id: Path[shapes.Identifier]) -> None:
    """The prepared call is not to be made."""
    if not _test(request):
        at = settings.CIVIL_CLOCK.now()
        calling.withdraw_prepared_call(account=_account(request), prepared_id=prepared_id, at=at)


def _account(request: HttpRequest) -> str:
    return account_of(request).customer.account


def _test(request: HttpRequest) -> bool:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return caller.test


def _proof(proof_id: str, account: str, at: datetime) -> seen.NumberProof:
    found = queries.proof(proof_id=proof_id, account=account, at=at)
    if found is None:
        raise operations.ProofUnknown("this account asked for no such code")
    return seen.NumberProof(
        id=found.proof_id,
        number=f"+{found.digits}",
        means=found.means,
        state=found.state,
        heard=telling.heard(found.proof_id) or None,
        tries_left=found.tries_left,
        asked_at=found.asked_at,
        expires_at=found.expires_at,
    )


def _sample_proof(at: datetime) -> seen.NumberProof:
    """What a test key gets: nothing rings."""
    return seen.NumberProof(
        id="prf_sample",
        number="+33999000000",
        means="voice",
        state="waiting",
        heard=None,
        tries_left=5,
        asked_at=at,
        expires_at=at + timedelta(minutes=10),
    )


def _minute(customer: party.Customer) -> seen.MinuteChoice:
    return seen.MinuteChoice(
        by_minute=kept.by_minute(customer.account),
        offered=overview.offers_minute(customer, settings.CIVIL_CLOCK.now()),
        chosen_at=kept.minute_chosen_at(customer.account),
    )


def _prepared(one: kept.PreparedCall) -> seen.PreparedCall:
    return seen.PreparedCall(
        id=one.prepared_id,
        calling=f"+{one.calling}",
        destination=f"+{one.destination}",
        prepared_at=one.prepared_at,
        expires_at=one.expires_at,
    )

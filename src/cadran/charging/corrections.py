"""A record is never altered: what was wrong is put right by a further record, and by transfers of its own."""

from __future__ import annotations

from msgspec.structs import replace

from cadran.balance import operations as balance
from cadran.balance.ports import Buckets
from cadran.charging import basis, checks, needs, rules
from cadran.charging.calls import refused
from cadran.charging.ports import CorrectCharge, Corrected
from cadran.charging.records import Record
from cadran.ledger.ports import Books
from cadran.policy import records as policy
from cadran.policy import rerating
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.rating import rules as rating
from cadran.rating.rules import Rate
from cadran.units.clause import carries
from cadran.units.errors import CadranError


@carries("IPP-10.1-cdr")
def correct(
    request: CorrectCharge, *, sessions: needs.Sessions, buckets: Buckets, books: Books, contracts: needs.Contracts
) -> Corrected:
    """See `ports.Corrections.correct`. Raises ChargingRefused: cdr-unknown, key-reused, correction-excluded, out-of-time, invalid."""
    checks.correction(request)
    cdr_id = f"cor_{request.key}"
    if known := sessions.record(request.account, cdr_id):
        if (known.corrects, known.charge_micros) != (request.cdr_id, request.charge_micros):
            raise refused("key-reused", f"{request.key} was another correction: use a new key")
        return Corrected(
            key=request.key, cdr_id=cdr_id, returned_micros=known.returned_micros, owed_micros=known.owed_micros
        )
    original = sessions.record(request.account, request.cdr_id)
    if original is None or original.corrects:
        raise refused(
            "cdr-unknown", f"{request.account} has no call record {request.cdr_id}: give the id of the first record"
        )
    try:
        terms = contracts.terms(original.terms)
    except (CadranError, KeyError) as error:
        raise refused(
            "terms-unknown", f"the terms {original.terms} of that call are gone: put their file back"
        ) from error
    decision = policy.correction_decision(terms, way=policy.FURTHER_RECORD, cdr_id=request.cdr_id)
    if not decision.allowed:
        raise refused("correction-excluded", f"the terms {terms.ref} do not let a further record correct a call")
    charge: dict[str, object] = {}
    rate = None
    if request.rate is not None:
        rate = basis.recounted(request.rate, original)
        decision, charge = _rerated(request, rate, original, terms)
    latest = sessions.latest_correction(request.account, request.cdr_id) or original
    difference = request.charge_micros - latest.charge_micros
    income = rules.income(terms) if original.service == "call" else f"revenue/{original.service}"
    transfers, owed = _moved(request, cdr_id, difference, income, terms, buckets=buckets, books=books)
    further = replace(
        original,
        cdr_id=cdr_id,
        corrects=request.cdr_id,
        reason=request.reason,
        charge_micros=request.charge_micros,
        clause=decision.clause,
        decision=decision.as_dict(),
        rate=rate,
        charge=charge,
        corrected_at=request.at,
        transfers=transfers,
        returned_micros=max(0, -difference),
        owed_micros=owed,
    )
    sessions.insert_record(further)
    return Corrected(key=request.key, cdr_id=cdr_id, returned_micros=further.returned_micros, owed_micros=owed)


def _moved(
    request: CorrectCharge,
    cdr_id: str,
    difference: int,
    income: str,
    terms: Terms,
    *,
    buckets: Buckets,
    books: Books,
) -> tuple[tuple[str, ...], int]:
    """What a difference (micros) moves: given back as credit below zero, taken above it. The transfers, and what stays owed."""
    if difference < 0:
        back = balance.give_back(
            buckets,
            books,
            owner=request.account,
            key=cdr_id,
            amount_micros=-difference,
            terms=terms,
            at=request.at,
            income=income,
        )
        return (back,), 0
    if difference == 0:
        return (), 0
    return balance.take_more(
        buckets,
        books,
        owner=request.account,
        key=cdr_id,
        amount_micros=difference,
        at=request.at,
        income=income,
    )


@carries("IPP-10.1-re-rating")
def _rerated(request: CorrectCharge, rate: Rate, original: Record, terms: Terms) -> tuple[Decision, dict[str, object]]:
    """The decision of a re-rating and its charge: of the seconds charged, at the instant at which the call asked for its price."""
    decision = rerating.rerating_decision(
        terms, counted_from=original.authorised_at, at=request.at, cdr_id=original.cdr_id
    )
    if not decision.allowed:
        raise refused("out-of-time", decision.en)
    if original.rate is None or rate.currency != original.currency:
        raise refused("invalid", f"{original.cdr_id} was not charged by a rate in {rate.currency}: it keeps its price")
    charge = rating.charge(rate, original.charged_s, original.authorised_at)
    if charge.micros != request.charge_micros:
        raise refused("invalid", f"that rate gives {charge.micros} micros for this call, not {request.charge_micros}")
    return decision, charge.as_dict()

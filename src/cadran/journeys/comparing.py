"""Comparing what evidence says with what the tables of the rooms hold: calls, transfers, events, acceptances, orders.

An altered row is found because its entry says otherwise, a removed one because its entry names it, an added one because no entry does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cadran.charging import queries as charging
from cadran.ledger import queries as ledger
from cadran.party import queries as party
from cadran.payment import queries as payment
from cadran.policy import events
from cadran.policy.proof import queries as proof
from cadran.policy.proof.report import Fault
from cadran.units.clause import carries

ALTERED, REMOVED, ADDED = "record-altered", "record-removed", "record-without-entry"
_CALLS = ("charging.cdr", "charging.correction")


class Tables:
    """`policy.proof.verification.Comparing` over the rooms' own reads."""

    def __init__(self) -> None:
        self._events: set[int] = set()
        self._transfers = 0

    @carries("KRY-2.4-evidence")
    def entry(self, kind: str, text: Mapping[str, Any]) -> Iterator[Fault]:
        body, subject, ref = text["body"], str(text["subject"]), str(text["ref"])
        if "record" in body:
            yield from _call(subject, ref, body["record"])
        for transfer in body.get("transfers", ()) if kind.startswith("charging.") else ():
            self._transfers += 1
            yield from _transfer(subject, transfer)
        if "event" in body:
            self._events.add(int(body["event"]))
            yield from _event(kind, body)
        elif kind == "party.acceptance":
            yield from _acceptance(ref, body)
        elif kind.startswith("payment.order-"):
            yield from _order(ref, body)

    @carries("KRY-2.4-evidence")
    def end(self, counts: Mapping[str, int]) -> Iterator[Fault]:
        entries = sum(counts.get(kind, 0) for kind in _CALLS)
        if charging.kept_since_evidence() > entries:
            for cdr_id in charging.without_evidence(limit=100):
                yield Fault(ADDED, f"call {cdr_id}", "no entry speaks of this call record")
        for event_id, kind in events.not_among(self._events | proof.erased_events(), limit=100):
            yield Fault(ADDED, f"event {event_id}", f"no entry speaks of this {kind}")


def _call(account: str, cdr_id: str, said: Mapping[str, Any]) -> Iterator[Fault]:
    kept = charging.kept(account, cdr_id)
    if kept is None:
        yield Fault(REMOVED, f"call {cdr_id}", f"the record of this call of {account} was removed")
    elif differing := sorted(name for name in {*said, *kept} if said.get(name) != kept.get(name)):
        told = "; ".join(f"{name} was {said.get(name)!r:.60}, is {kept.get(name)!r:.60}" for name in differing[:3])
        yield Fault(ALTERED, f"call {cdr_id}", told)


def _transfer(owner: str, said: list[Any]) -> Iterator[Fault]:
    where = f"transfer {owner}/{said[0]}"
    kept = ledger.kept(owner, str(said[0]))
    if kept is None:
        yield Fault(REMOVED, where, "this transfer was removed from the books")
    elif list(kept) != list(said[1:]):
        yield Fault(ALTERED, where, f"was {said[1:]}, is {list(kept)}")


def _event(kind: str, said: Mapping[str, Any]) -> Iterator[Fault]:
    where, kept = f"event {said['event']}", events.kept(int(said["event"]))
    if kept is None:
        yield Fault(REMOVED, where, f"this {kind} was removed")
    elif kept != (kind, said["key"], said["said"]):
        yield Fault(ALTERED, where, f"this {kind} says something else now")


def _acceptance(ref: str, said: Mapping[str, Any]) -> Iterator[Fault]:
    kept = party.acceptance(int(ref.partition(":")[2]))
    if kept is None:
        yield Fault(REMOVED, ref, f"the acceptance of {said['ref']} was removed")
    elif (kept.document, kept.ref, kept.text_sha256, kept.language, kept.ip) != (
        said["document"],
        said["ref"],
        said["text_sha256"],
        said["language"],
        said["ip"],
    ):
        yield Fault(ALTERED, ref, f"it was of {said['document']} {said['ref']}, and says something else now")


def _order(order_id: str, said: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        kept = payment.order(order_id)
    except payment.UnknownOrder:
        yield Fault(REMOVED, f"order {order_id}", f"this order of {said['account']} was removed")
        return
    if (kept.account, kept.amount_micros, kept.currency) != (said["account"], said["amount_micros"], said["currency"]):
        yield Fault(
            ALTERED,
            f"order {order_id}",
            f"was {said['amount_micros']} {said['currency']} of {said['account']}, is {kept.amount_micros} {kept.currency} of"
            f" {kept.account}",
        )

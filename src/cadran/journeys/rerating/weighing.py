"""Weighing calls against a corrected deck: reads only, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cadran.catalog import queries as catalog
from cadran.charging import traffic
from cadran.compliance import queries as compliance
from cadran.journeys import pricing
from cadran.journeys.rerating import rules
from cadran.journeys.rerating.rules import Scope, Tally, Verdict, Weighed
from cadran.party import search as party
from cadran.policy import queries as policy
from cadran.policy import rerating as policy_rerating
from cadran.policy.terms import Terms
from cadran.rating import decks
from cadran.units.clause import carries
from cadran.units.errors import CadranError

Progress = Callable[[int, int], None]
ENDED = "ended"
CORRECTION = "cor_"


class TooManyCalls(CadranError):
    """More calls than one run takes: choose a shorter period or fewer prefixes."""

    error_id = "journeys-rerating-too-many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a re-rating would do. until_position: the newest record that it covers."""

    scope: Scope
    at: datetime
    currency: str
    until_position: int
    tally: Tally

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON; amounts are micro-units."""
        tally = self.tally
        return {
            "scope": self.scope.as_dict(),
            "at": self.at.isoformat(),
            "currency": self.currency,
            "looked_at": tally.looked_at,
            "calls": {verdict.value: tally.verdicts[verdict] for verdict in Verdict},
            "changed": tally.changed,
            "customers": len(tally.customers),
            "up_micros": tally.up_micros,
            "down_micros": tally.down_micros,
            "left": {
                verdict.value: {"up_micros": up, "down_micros": down} for verdict, (up, down) in tally.left.items()
            },
            "destinations": [
                {
                    "destination": one.destination,
                    "destination_en": one.destination_en,
                    "calls": one.calls,
                    "seconds": one.seconds,
                    "up_micros": one.up_micros,
                    "down_micros": one.down_micros,
                }
                for one in tally.destinations()
            ],
            "largest": [
                {
                    "cdr": one.call.cdr_id,
                    "account": one.call.account,
                    "at": one.call.at.isoformat(),
                    "seconds": one.call.seconds,
                    "before_micros": one.before_micros,
                    "after_micros": one.after_micros,
                    "prefix_before": one.call.prefix,
                    "prefix_after": one.rate.prefix if one.rate else "",
                }
                for one in tally.largest()
            ],
        }


class Scales:
    """Weighs calls of one scope at one instant. run_id: the run whose own corrections count as not yet made."""

    def __init__(self, scope: Scope, *, at: datetime, run_id: str = "") -> None:
        version = catalog.deck(scope.brand, scope.deck, scope.version)
        self.deck = deck_of(version)
        self.currency, self.at, self.run_id = version.currency, at, run_id
        self._disputes = compliance.accounts_in_dispute(brand=scope.brand)
        self._open: dict[str, bool] = {}
        self._terms: dict[str, Terms] = {}
        self._prices = pricing.Prices()

    def weigh(self, calls: Iterable[traffic.Charged]) -> Iterator[Weighed]:
        """What becomes of each."""
        priced = [self._priced(call) for call in calls]
        self._look_up({one.call.account for one in priced if one.change_micros})
        for one in priced:
            yield self._judged(one) if one.change_micros else one

    def key(self, call: traffic.Charged) -> str:
        """The key of that call's correction in this run: the same whenever it is asked."""
        return f"{self.run_id}-{call.cdr_id}"

    def _priced(self, call: traffic.Charged) -> Weighed:
        before = call.micros_before(CORRECTION + self.key(call)) if self.run_id else call.micros
        rate = self.deck.find(call.number, call.at)
        if rate is None or rate.currency != call.currency:
            return Weighed(call=call, verdict=Verdict.NO_PRICE, before_micros=before, after_micros=before)
        rate = self._prices.counted(rate, call.counting)
        after = self._prices.micros(rate, call.seconds, call.at)
        verdict = Verdict.SAME if after == before else Verdict.DEARER if after > before else Verdict.CHEAPER
        return Weighed(call=call, verdict=verdict, before_micros=before, after_micros=after, rate=rate)

    @carries("IPP-10.1-re-rating")
    def _judged(self, one: Weighed) -> Weighed:
        """The verdict on a call whose price would change; one that this run has corrected already stays so."""
        call = one.call
        if self.run_id and any(made.cdr_id == CORRECTION + self.key(call) for made in call.corrections):
            return one
        if (terms := self._terms.get(call.terms)) is None:
            terms = self._terms[call.terms] = policy.terms(call.terms)
        decision = policy_rerating.rerating_decision(terms, counted_from=call.at, at=self.at, cdr_id=call.cdr_id)
        if not decision.allowed:
            late = decision.code == policy_rerating.OUT_OF_TIME
            return _with(one, Verdict.OUT_OF_TIME if late else Verdict.NOT_AGREED)
        if not self._open.get(call.account):
            return _with(one, Verdict.CLOSED)
        if one.verdict is Verdict.DEARER and call.account in self._disputes:
            return _with(one, Verdict.DISPUTED)
        return one

    def _look_up(self, accounts: set[str]) -> None:
        unknown = [one for one in accounts if one not in self._open]
        for start in range(0, len(unknown), party.MAX_ROWS):
            asked = unknown[start : start + party.MAX_ROWS]
            found = party.of_accounts(asked)
            self._open |= {one: one in found and found[one].state != ENDED for one in asked}


def deck_of(version: catalog.DeckVersion) -> decks.Deck:
    """One version as if it had always been in force; the last ones asked for are kept, since a version never changes."""
    return _deck(version.id, version.sha256, version)


@lru_cache(maxsize=2)
def _deck(_number: int, _sha256: str, version: catalog.DeckVersion) -> decks.Deck:
    return decks.of_rates(catalog.rates(version), version.brand)


def span_of(scope: Scope, last_position: int) -> traffic.Span:
    """The calls of a scope with records up to that position."""
    return traffic.Span(
        brand=scope.brand, since=scope.since, until=scope.until, prefixes=scope.prefixes, last_position=last_position
    )


@carries("IPP-10.1-re-rating")
def preview(*, scope: Scope, at: datetime, progress: Progress = lambda done, total: None) -> Preview:
    """What a re-rating of that scope would do at `at`; nothing is written. progress(calls looked at, calls in all).

    Raises InvalidRerating, UnknownDeck, TooManyCalls.
    """
    steps = preview_steps(scope=scope, at=at)
    while True:
        try:
            progress(*next(steps))
        except StopIteration as done:
            found: Preview = done.value
            return found


def preview_steps(*, scope: Scope, at: datetime) -> Generator[tuple[int, int], None, Preview]:
    """As `preview`, step by step: each step gives the calls looked at and the calls in all; the preview is what the generator
    returns. Nothing is read before the first step."""
    scope = rules.checked_scope(scope, at)
    scales, last = Scales(scope, at=at), traffic.last_position()
    span = span_of(scope, last)
    total = traffic.count(span)
    if total > rules.MAX_CALLS:
        raise TooManyCalls(
            f"{total} calls, and one run takes {rules.MAX_CALLS}: choose a shorter period or fewer prefixes"
        )
    tally, done = Tally(), 0
    yield 0, total
    for calls in traffic.calls(span):
        for one in scales.weigh(calls):
            tally.add(one)
        done = min(total, done + traffic.BATCH)
        yield done, total
    return Preview(scope=scope, at=at, currency=scales.currency, until_position=last, tally=tally)


def _with(one: Weighed, verdict: Verdict) -> Weighed:
    return Weighed(
        call=one.call,
        verdict=verdict,
        before_micros=one.before_micros,
        after_micros=one.after_micros,
        rate=one.rate,
    )

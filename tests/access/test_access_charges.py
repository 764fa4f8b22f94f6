"""The leg behind an access number on a clock of its own, charged by a real engine: 59, 60, 61 seconds, the warning, the cut."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cadran.catalog.rules import Rate
from cadran.charging import basis, needs, ports
from cadran.charging.engine import Engine
from cadran.policy import queries as policy
from cadran.rating import decks
from cadran.voice.access import second
from cadran.voice.b2bua import plans, shell
from cadran.voice.carriers.book import Book, Books, Carrier
from cadran.voice.menu import events as menu
from cadran.voice.rules import calls
from cadran.voice.rules import events as ev
from charging.charging_rig import AT, fresh_file

TERMS = "kryptoow/2018-01"
UK, FRANCE = "442079460000", "33142000001"  # 0.06 a minute: 60,000 micros; 0.012 a minute: 200 micros a second
RATES = (
    Rate(prefix="44", destination="United Kingdom", currency="EUR", price_nanos=60_000_000, deck="test", line=2),
    Rate(prefix="33", destination="France", currency="EUR", price_nanos=12_000_000, deck="test", line=3),
)


@dataclass
class Time:
    """The monotonic clock, the civil one, and the timers of the shell, which run when the test lets time pass."""

    at_s: float = 100.0
    timers: list[tuple[float, int, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def seconds(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return AT + timedelta(seconds=self.at_s - 100)

    def after(self, seconds: float, function: Callable[..., Any], *given: Any) -> Any:
        timer = SimpleNamespace(on=True, run=lambda: function(*given))
        timer.cancel = lambda: setattr(timer, "on", False)
        heapq.heappush(self.timers, (self.at_s + seconds, next(self.numbers), timer))
        return timer

    def until(self, at_s: float) -> None:
        while self.timers and self.timers[0][0] <= at_s:
            self.at_s, _, timer = heapq.heappop(self.timers)
            if timer.on:
                timer.run()
        self.at_s = at_s


class AtOnce:
    """Charging asked and answered without waiting."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.lost = False

    async def authorise(self, request: ports.AuthoriseCall) -> ports.Grant:
        return self.engine.authorise(request)

    async def extend(self, **given: Any) -> ports.Grant:
        if self.lost:
            raise ports.ChargingUnavailable("gone")
        return self.engine.extend(**given)

    def ask(self, work: Awaitable[Any], done: Callable[[Any], None]) -> None:
        try:
            work.__await__().send(None)
        except StopIteration as result:
            done(result.value)
        except ports.ChargingUnavailable:
            done(None)

    def add(self, request: ports.SettleCall, told: Callable[[Any], None]) -> None:
        told(self.engine.settle(request))


class Silence:
    """A line that takes everything."""

    closed = False

    def second(self, done: Callable[[str], None]) -> None:
        done("v=0")

    def bridge(self, _answer: str, done: Callable[[bool], None]) -> None:
        done(True)

    def unbridge(self) -> None:
        pass


class Dialled(second.SecondLeg):
    """Without SIP: the test answers."""

    def invite(self, action: ev.Dial, _offer: str) -> None:
        self.legs[action.branch.key] = SimpleNamespace(last_sdp="v=0", silence=lambda: None)  # type: ignore[assignment]

    def _do_remember(self, _action: ev.Remember) -> None:
        pass

    def _do_hangup(self, action: ev.HangUp) -> None:
        self.feed(ev.ByeAnswered(action.leg))


@dataclass
class Rig:
    time: Time
    engine: Engine
    charging: AtOnce
    server: Any
    told: list[menu.Event] = field(default_factory=list)

    def call(self, destination: str = UK, *, by_minute: bool = False, consumer: bool = True) -> Dialled:
        """An answered call."""
        plan = plans.Plan(
            ring="carriers",
            brand="kryptoow",
            account="acc1",
            terms=TERMS,
            number_class="geographic",
            destination=destination,
            dial=destination,
            shown="33612000001",
        )
        behind = second.Behind(
            plan=plan,
            family="call_1",
            via="access-number",
            consumer=consumer,
            by_minute=by_minute,
            warning_s=60,
            max_forwards=70,
            sip_call_id="x",
        )
        leg = Dialled(
            self.server,
            f"call_1-{len(self.told)}",
            Silence(),  # type: ignore[arg-type]
            behind,
            tell=self.told.append,
            finished=lambda _leg: None,
        )
        leg.begin()
        leg.feed(ev.BranchAnswered("1"))
        return leg

    def over(self) -> tuple[str, Any, Any]:
        """How the last call ended: outcome, seconds and micros charged."""
        last = self.told[-1]
        assert isinstance(last, menu.SecondOver)
        return last.outcome, last.values.get("charged_s"), last.values.get("charge_micros")


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Rig]]:
    engines: list[Engine] = []

    def made(micros: int) -> Rig:
        laws = {name: policy.law(name, AT) for name in (basis.PER_SECOND, basis.TERRITORIES)}
        contracts = needs.FixedContracts({TERMS: policy.terms(TERMS)}, laws)
        dated = decks.dated(RATES, AT - timedelta(days=9), 1)
        prices = needs.FixedPrices(decks.Deck(brand="kryptoow", generation=1, versions=(dated,)))
        engine = Engine(fresh_file(tmp_path / "charging.db"), contracts=contracts, prices=prices)
        engines.append(engine)
        engine.open_wallet(account="acc1", brand="kryptoow", currency="EUR", at=AT)
        bought = ports.BuyCredit(
            key="pay", account="acc1", terms=TERMS, amount_micros=micros, currency="EUR", at=AT - timedelta(seconds=1)
        )
        engine.buy_credit(bought)
        time, charging = Time(), AtOnce(engine)
        monkeypatch.setattr(shell.stack, "after", time.after)
        books = Books({"kryptoow": Book((Carrier(name="one", address=("127.0.0.1", 9)),))}, "kryptoow")
        server = SimpleNamespace(
            patience=calls.Patience(),
            clock=time,
            civil=time,
            charging=charging,
            background=charging,
            settlements=charging,
            place=SimpleNamespace(books=books, realm="cadran.local"),
        )
        return Rig(time, engine, charging, server)

    yield made
    for engine in engines:
        engine.close()


@pytest.mark.clause("KRY-4.4.1-per-minute", "LAW-per-second")
@pytest.mark.parametrize(
    ("destination", "seconds", "choice", "charged"),
    [
        (UK, 59, {}, 60_000),
        (UK, 60, {}, 60_000),
        (UK, 61, {}, 120_000),
        (FRANCE, 59, {}, 11_800),
        (FRANCE, 60, {}, 12_000),
        (FRANCE, 61, {}, 12_200),
        (FRANCE, 61, {"by_minute": True}, 24_000),
        (FRANCE, 61, {"consumer": False}, 24_000),
    ],
)
def test_minutes_begun_are_charged_abroad_and_seconds_at_home_to_a_consumer_who_chose_nothing(
    rig: Callable[[int], Rig], destination: str, seconds: int, choice: dict[str, bool], charged: int
) -> None:
    house = rig(10_000_000)
    leg = house.call(destination, **choice)
    house.time.until(100 + seconds)
    leg.drop()
    assert house.over() == ("over", seconds, charged)


@pytest.mark.clause("KRY-4.4.1-ivr")
def test_three_minutes_of_credit_are_warned_of_one_minute_before_the_end_and_cut(rig: Callable[[int], Rig]) -> None:
    house = rig(180_000)
    house.call(UK)
    house.time.until(219.9)
    assert house.told == [menu.SecondAnswered()]
    house.time.until(220)
    assert house.told[-1] == menu.Low(60)
    house.time.until(279.9)
    assert len(house.told) == 2
    house.time.until(280)
    assert house.over() == ("credit", 180, 180_000)


def test_a_call_refused_for_want_of_credit_holds_nothing_and_says_so(rig: Callable[[int], Rig]) -> None:
    house = rig(59_999)
    house.call(UK)
    assert house.over() == ("no-credit", None, None)


def test_charging_lost_in_mid_call_ends_it_when_the_grant_is_used_up_and_charges_no_more_than_that(
    rig: Callable[[int], Rig],
) -> None:
    house = rig(10_000_000)
    house.call(UK)
    house.charging.lost = True
    house.time.until(400)
    outcome, charged_s, micros = house.over()
    assert (outcome, charged_s, micros) == ("lost", 60, 60_000)


def test_two_calls_of_one_account_together_spend_what_it_has_and_no_more(rig: Callable[[int], Rig]) -> None:
    """Four minutes between two: each takes what is free when it asks, and both are cut in the end."""
    house = rig(240_000)
    house.call(UK)
    house.call(UK)
    house.time.until(1000)
    ends = [one for one in house.told if isinstance(one, menu.SecondOver)]
    assert [one.outcome for one in ends] == ["credit", "credit"]
    assert sum(int(one.values["charge_micros"]) for one in ends) == 240_000

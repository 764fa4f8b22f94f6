"""Charges, balances and expiry recomputed by hand: the deck's prices and the clauses' numbers are literals here, the arithmetic is
this file's own, and `cadran charging` is asked over its socket as a process of its own."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pytest

from acceptance.acceptance_charging import Refused, Socket
from acceptance.acceptance_cli import cadran

DECK = """prefix,destination,price,first_s,next_s,connection_fee
331,France fixe,0.0120,,,
336,France mobile,0.0900,,,
4420,Londres,0.0100,,,
4479,Royaume-Uni mobile,0.0950,60,60,
2250,Abidjan,0.1999,30,6,0.05
1907,Alaska,0.0000001,,,
"""
# per minute, first increment, next increment, connection fee
PARIS = ("33142000001", Fraction("0.0120"), 1, 1, Fraction(0))
LONDON = ("442071234567", Fraction("0.0100"), 1, 1, Fraction(0))
UK_MOBILE = ("447911123456", Fraction("0.0950"), 60, 60, Fraction(0))
ABIDJAN = ("2250712345678", Fraction("0.1999"), 30, 6, Fraction("0.05"))
ALASKA = ("19071234567", Fraction("0.0000001"), 1, 1, Fraction(0))
Tariff = tuple[str, Fraction, int, int, Fraction]
AT = "2026-06-15T10:00:00Z"


def by_hand(tariff: Tariff, seconds: int) -> int:
    """Micro-euros of a call: whole increments, exact, then one rounding, half up."""
    _, price, first_s, next_s, fee = tariff
    if seconds == 0:
        return 0
    billed = first_s if seconds <= first_s else first_s + -(-(seconds - first_s) // next_s) * next_s
    return floor((price * billed / 60 + fee) * 1_000_000 + Fraction(1, 2))


@dataclass
class Service:
    """`cadran charging` on a state folder of the test's own."""

    var: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def start(self) -> Socket:
        self.process = subprocess.Popen((sys.executable, "-m", "cadran", "charging"), env={**os.environ, **self.env})
        for _ in range(600):
            try:
                return Socket(self.var / "run" / "charging.sock")
            except OSError:
                assert self.process.poll() is None, "charging ended while starting"
                time.sleep(0.1)
        raise AssertionError("charging did not start")

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def name(self, what: str) -> str:
        return f"{what}-{next(self.numbers)}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    var = tmp_path_factory.mktemp("cadran")
    (var / "deck.csv").write_text(DECK)
    found = Service(var, {"CADRAN_VAR": str(var)})
    for args in (
        ("migrate",),
        ("deck", "import", str(var / "deck.csv"), "--deck-version", "hand", "--tax", "included"),
        ("deck", "activate", "hand", "--effective-from", "2026-01-01"),
    ):
        done = cadran(*args, var=var)
        assert done.code == 0, done.out + done.err
    yield found
    if found.process and found.process.poll() is None:
        found.kill()


@pytest.fixture(scope="module")
def charging(service: Service) -> Iterator[Socket]:
    connection = service.start()
    yield connection
    connection.close()


@dataclass
class Customer:
    """A wallet, and the calls of its owner."""

    service: Service
    socket: Socket
    account: str

    def buy(self, micros: int, at: str = AT) -> Any:
        key = self.service.name("buy")
        wish = {
            "key": key,
            "account": self.account,
            "terms": "ippi/2018-04",
            "amount_micros": micros,
            "currency": "EUR",
        }
        return self.socket.ask("buy_credit", **wish, at=at)

    def authorise(self, tariff: Tariff, at: str = AT, **more: object) -> Any:
        return self.socket.ask("authorise", **self.wish(tariff, at, **more))

    def wish(self, tariff: Tariff, at: str = AT, **more: object) -> dict[str, object]:
        asked = {"account": self.account, "terms": "ippi/2018-04", "number_class": "geographic", "country": "FR"}
        return {"session": self.service.name("call"), **asked, "destination": tariff[0], "at": at, **more}

    def extend_to_the_end(self, grant: Any, at: str = AT) -> Any:
        for seq in range(1, 2000):
            if grant["final"]:
                return grant
            used = grant["granted_s"]
            grant = self.socket.ask("extend", session=grant["session"], seq=seq, used_s=used, at=at)
        raise AssertionError("a grant without end")

    def settle(self, session: str, milliseconds: int | None, at: str = AT, ended_by: str = "caller") -> Any:
        """`milliseconds` None: it was never answered."""
        answered = {} if milliseconds is None else {"answered_at": at}
        how = {"disposition": "no-answer" if milliseconds is None else "answered", "ended_by": ended_by}
        return self.socket.ask("settle", session=session, at=at, measured_ms=milliseconds or 0, **answered, **how)


@pytest.fixture
def customer(service: Service, charging: Socket) -> Customer:
    account = service.name("A9")
    charging.ask("open_wallet", account=account, brand="ippi", currency="EUR", at=AT)
    return Customer(service, charging, account)


@pytest.mark.parametrize("tariff", [PARIS, LONDON, UK_MOBILE, ABIDJAN, ALASKA], ids=lambda one: one[0])
@pytest.mark.parametrize("seconds", [0, 1, 2, 30, 31, 59, 60, 61, 3599, 3600])
def test_a_call_costs_what_deck_and_clause_say(customer: Customer, tariff: Tariff, seconds: int) -> None:
    customer.buy(100_000_000)
    grant = customer.extend_to_the_end(customer.authorise(tariff))
    settled = customer.settle(grant["session"], seconds * 1000 if seconds else None)
    assert (settled["charged_s"], settled["charge_micros"]) == (seconds, by_hand(tariff, seconds))
    assert customer.buy(10_000_000)["balance_micros"] == 110_000_000 - by_hand(tariff, seconds)


@pytest.mark.parametrize(("milliseconds", "seconds"), [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (59_001, 60)])
def test_a_second_begun_counts_whole_and_an_answered_call_lasts_one_at_least(
    customer: Customer, milliseconds: int, seconds: int
) -> None:
    customer.buy(10_000_000)
    grant = customer.extend_to_the_end(customer.authorise(PARIS))
    settled = customer.settle(grant["session"], milliseconds)
    assert (settled["charged_s"], settled["charge_micros"]) == (seconds, 200 * seconds)


def test_the_last_micro_of_credit_buys_its_second_and_one_less_does_not(customer: Customer) -> None:
    # EUR 0.0120 a minute is 200 micros a second: 11 seconds cost 2200.
    customer.buy(2_200)
    grant = customer.extend_to_the_end(customer.authorise(PARIS))
    assert grant["granted_s"] == 11
    settled = customer.settle(grant["session"], 60_000, ended_by="credit")
    assert (settled["charged_s"], settled["charge_micros"], settled["cut"]) == (11, 2_200, True)
    customer.buy(2_199)
    grant = customer.extend_to_the_end(customer.authorise(PARIS))
    assert grant["granted_s"] == 10
    settled = customer.settle(grant["session"], 60_000, ended_by="credit")
    assert (settled["charged_s"], settled["charge_micros"]) == (10, 2_000)
    assert customer.buy(1)["balance_micros"] == 200


def test_the_first_grant_of_ten_seconds_must_be_paid_for_whole(customer: Customer) -> None:
    customer.buy(1_999)
    refused = customer.authorise(PARIS)
    assert (refused["decision"]["allowed"], refused["decision"]["code"]) == (False, "call-no-credit")
    assert refused["decision"]["clause"] == "IPP-9.2-cut-at-zero"
    customer.buy(1)
    granted = customer.authorise(PARIS)
    assert (granted["decision"]["allowed"], granted["granted_s"]) == (True, 10)


def test_a_price_that_divides_badly_is_rounded_once_half_up(customer: Customer) -> None:
    # EUR 0.0100 a minute: 1 s = 166.67, 2 s = 333.33, 3 s = 500, 7 s = 1166.67.
    customer.buy(10_000_000)
    for seconds, micros in ((1, 167), (2, 333), (3, 500), (7, 1_167)):
        grant = customer.extend_to_the_end(customer.authorise(LONDON))
        assert customer.settle(grant["session"], seconds * 1000)["charge_micros"] == micros


@pytest.mark.parametrize(("tariff", "first_grant"), [(PARIS, 2_000), (UK_MOBILE, 95_000), (ABIDJAN, 149_950)])
def test_thirty_calls_at_once_on_one_euro_get_as_many_first_grants_as_it_holds(
    customer: Customer, tariff: Tariff, first_grant: int
) -> None:
    customer.buy(1_000_000 if first_grant > 40_000 else 14 * first_grant + 1_999)
    fits = 14 if first_grant < 40_000 else 1_000_000 // first_grant
    grants = customer.socket.ask_all([("authorise", customer.wish(tariff)) for _ in range(30)])
    granted = [one for one in grants if one["decision"]["allowed"]]
    assert len(granted) == fits
    for one in granted:  # each talks on far beyond its grant
        settled = customer.settle(one["session"], 100_000, ended_by="credit")
        assert settled["charge_micros"] == first_grant
    left = customer.buy(1)["balance_micros"] - 1
    assert 0 <= left < first_grant
    assert cadran("ledger", "check", "--json", var=customer.service.var).json() == {
        "ok": True,
        "sums": {"EUR": 0},
        "faults": [],
    }


# Paris leaves summer time on 25 October 2026 (02:00 -> +01:00) and enters it on 28 March 2027 (02:00 -> +02:00).
EXPIRIES = [
    ("2026-05-01T10:00:00Z", "2026-10-28T23:00:00Z"),  # bought in summer, over in winter: midnight is 23:00 UTC
    ("2026-12-01T10:00:00Z", "2027-05-30T22:00:00Z"),  # bought in winter, over in summer: midnight is 22:00 UTC
    ("2026-04-28T21:59:59Z", "2026-10-25T23:00:00Z"),  # the 180th day is the day of 25 hours
    ("2026-09-29T12:00:00Z", "2027-03-28T22:00:00Z"),  # the 180th day is the day of 23 hours
    ("2026-06-15T21:59:59Z", "2026-12-12T23:00:00Z"),  # a second before midnight in Paris
    ("2026-06-15T22:00:00Z", "2026-12-13T23:00:00Z"),  # at midnight: a day later
]


@pytest.mark.parametrize(("bought", "over"), EXPIRIES)
def test_credit_is_over_at_midnight_in_paris_of_the_180th_day(customer: Customer, bought: str, over: str) -> None:
    assert customer.buy(10_000_000, at=bought)["expires_at"].replace("+00:00", "Z") == over
    before = over.replace("3:00:00", "2:59:59").replace("22:00:00", "21:59:59")
    assert before < over
    last = customer.authorise(PARIS, at=before)
    assert last["decision"]["allowed"]
    customer.settle(last["session"], None, at=before)
    late = customer.authorise(PARIS, at=over)
    assert (late["decision"]["allowed"], late["decision"]["code"]) == (False, "call-no-credit")


def test_a_purchase_one_second_before_expiry_extends_and_one_at_expiry_does_not(
    service: Service, charging: Socket
) -> None:
    for at, balance in (("2026-12-12T22:59:59Z", 20_000_000), ("2026-12-12T23:00:00Z", 10_000_000)):
        account = service.name("A8")
        charging.ask("open_wallet", account=account, brand="ippi", currency="EUR", at=AT)
        one = Customer(service, charging, account)
        assert one.buy(10_000_000)["expires_at"].startswith("2026-12-12T23:00:00")
        assert one.buy(10_000_000, at=at)["balance_micros"] == balance
        # What is left is good until the new end, 180 days on, and not at it: 24:00 of 10 or 11 June 2027.
        end = "2027-06-10T21:59:59Z" if at.endswith("59Z") else "2027-06-11T21:59:59Z"
        assert one.authorise(PARIS, at=end)["decision"]["allowed"]
        assert not one.authorise(PARIS, at=end.replace("21:59:59", "22:00:00"))["decision"]["allowed"]


def test_a_call_that_began_before_expiry_may_finish_what_it_holds(customer: Customer) -> None:
    customer.buy(10_000_000)
    grant = customer.authorise(PARIS, at="2026-12-12T22:59:59Z")
    settled = customer.settle(grant["session"], 5_000, at="2026-12-12T23:00:04Z")
    assert settled["charge_micros"] == 1_000
    customer.socket.ask("expire_credit", at="2026-12-12T23:00:05Z")
    assert customer.buy(1, at="2026-12-12T23:00:06Z")["balance_micros"] == 1


@pytest.mark.parametrize(("raised", "limit", "micros"), [(False, 3600, 720_000), (True, 7200, 1_440_000)])
def test_a_call_lasts_one_hour_or_the_120_minutes_the_customer_chose(
    customer: Customer, raised: bool, limit: int, micros: int
) -> None:
    customer.buy(100_000_000)
    grant = customer.authorise(PARIS, raised_duration=raised)
    assert grant["limit_s"] == limit
    assert grant["limit_clause"] == ("IPP-9.6-120-minutes" if raised else "IPP-5.5-one-hour")
    assert customer.extend_to_the_end(grant)["granted_s"] == limit
    settled = customer.settle(grant["session"], (limit + 30) * 1000, ended_by="limit")
    assert (settled["charged_s"], settled["charge_micros"], settled["cut"]) == (limit, micros, True)


def test_a_call_between_customers_is_free_and_has_no_limit(customer: Customer) -> None:
    grant = customer.authorise(PARIS, number_class="on_net", destination="33987654322")
    assert (grant["decision"]["allowed"], grant["granted_s"], grant["limit_s"]) == (True, None, None)
    assert customer.settle(grant["session"], 86_400_000)["charge_micros"] == 0


def test_garbage_on_the_socket_is_answered_by_its_name_and_moves_nothing(service: Service, customer: Customer) -> None:
    connection = Socket(service.var / "run" / "charging.sock")
    hostile = [b"{", b"[]", b'{"id": 1}', b'{"id": 1, "op": "drop"}', b'{"id": 1, "op": "authorise", "args": []}']
    hostile += [
        b'{"id": "x", "op": "ping"}',
        b"\xff\xfe",
        b'{"id": 1, "op": "buy_credit", "args": {"amount_micros": 1.5}}',
    ]
    for line in hostile:
        assert b'"error"' in connection.raw(line), line
    for change in (
        {"amount_micros": 0},
        {"amount_micros": -1},
        {"amount_micros": 2**70},
        {"at": "2026-06-15T10:00:00"},
    ):
        wish = {"key": "k", "account": customer.account, "terms": "ippi/2018-04", "amount_micros": 1, "currency": "EUR"}
        with pytest.raises(Refused):
            connection.ask("buy_credit", **{**wish, "at": AT, **change})
    connection.close()


def test_a_killed_process_charges_no_second_twice(service: Service, customer: Customer) -> None:
    customer.buy(1_000_000)
    grant = customer.authorise(PARIS)
    again = customer.socket.ask("extend", session=grant["session"], seq=1, used_s=5, at=AT)
    service.kill()
    customer.socket = service.start()
    assert customer.socket.ask("extend", session=grant["session"], seq=1, used_s=5, at=AT) == again
    settled = [customer.settle(grant["session"], 7_000) for _ in range(2)]
    assert settled[0] == settled[1]
    assert settled[0]["charge_micros"] == 1_400
    service.kill()
    customer.socket = service.start()
    assert customer.settle(grant["session"], 7_000) == settled[0]
    assert customer.buy(1)["balance_micros"] == 1_000_001 - 1_400
    customer.socket.close()

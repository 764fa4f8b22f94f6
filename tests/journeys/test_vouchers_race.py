"""Vouchers on real files: many at once on the same codes, and kill -9 before the credit, after it, and while a batch is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
READY = """
import json, os, signal, sys, threading
from cadran.commands.main import django_ready
django_ready()
from django.conf import settings
from django.db import connections
from cadran.payment.vouchers import operations, queries, rules
from journeys.voucher_rig import ANNE, BRUNO, EUR, REASON, make_customer, voucher_terms
at = settings.CIVIL_CLOCK.now()
ACCOUNTS = [f"A00000{n}" for n in range(1, 5)]

def killed(deed):
    connections.close_all()
    child = os.fork()
    if not child:
        deed()
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL

def kill():
    os.kill(os.getpid(), signal.SIGKILL)
"""
PREPARE = (
    READY
    + """
from cadran.commands import migrate
migrate.migrate_all()
for number, account in enumerate(ACCOUNTS):
    make_customer(f"caller{number}", account)
drafted = operations.draft(brand="kryptoow", currency="EUR", terms=voucher_terms(), reason=REASON, by=ANNE, at=at,
                           wish=rules.Wish(series="KRY", face_micros=5 * EUR, count=40))
operations.approved(batch_id=drafted.batch_id, at=at)
operations.make(at=at, most=15)

def half():
    from django.db.models.query import QuerySet
    whole = QuerySet.bulk_create
    def first_five(self, rows, **more):
        whole(self, rows[:5], **more)
        kill()
    QuerySet.bulk_create = first_five
    operations.make(at=at, most=15)

killed(half)
"""
)
STORY = (
    READY
    + """
from datetime import timedelta
from cadran.balance import queries as balance
from cadran.charging.adapters.client import SocketCharging
from cadran.charging.vouchers import ChargingCredits
from cadran.journeys import carry, due, vouchers
from cadran.journeys.vouchers import Origin
from cadran.ledger import queries as ledger
charging = SocketCharging(settings.CHARGING_SOCKET)

def redeem(code, account, key):
    origin = Origin(channel="portal", source="192.0.2.7")
    return str(vouchers.redeem(account=account, code=code, key=key, at=at, origin=origin, charging=charging).outcome)

def state():
    return {"sums": list(ledger.sums().values()), "credit": sum(balance.balance(one, at).micros for one in ACCOUNTS),
            "owed": queries.figures("kryptoow").outstanding_micros}

for account in ACCOUNTS:
    charging.open_wallet(account=account, brand="kryptoow", currency="EUR", at=at)
while operations.make(at=at, most=15):
    pass
(_, batch), = queries.batches()
codes = [code for _, code in operations.read_sheets(batch_id=batch.batch_id).codes]
operations.take_sheets(batch_id=batch.batch_id, form="csv", by=ANNE, at=at)
operations.issue(batch_id=batch.batch_id, first=1, last=40, alone_micros=0, reason=REASON, key="issue", by=BRUNO, at=at)
while carry.pending(charging=charging, now=at):
    pass
told = {"made": len(set(codes)), "counts": {str(k): v for k, v in queries.states(batch.batch_id).items()}}

answers, start = [], threading.Barrier(8)
def tried(number):
    start.wait()
    for place in range(4):
        code, account = codes[place], ACCOUNTS[(number + place) % 4]
        answers.append((code, redeem(code, account, f"{number}-{place}")))
    connections.close_all()
threads = [threading.Thread(target=tried, args=(number,)) for number in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
told |= {"raced": sorted(codes[:4]), "won": sorted(code for code, outcome in answers if outcome == "ok"),
         "outcomes": sorted({outcome for _, outcome in answers}), "after_race": state()}

given = ChargingCredits.credit_voucher
def dies_before(self, request):
    kill()
def dies_after(self, request):
    given(self, request)
    kill()
for number, dying in enumerate((dies_before, dies_after), start=4):
    ChargingCredits.credit_voucher = dying
    killed(lambda: redeem(codes[number], ACCOUNTS[0], f"killed{number}"))
ChargingCredits.credit_voucher = given
told["after_kills"] = state()
later = at + timedelta(minutes=5)
told["done"], told["again"] = ([one.name for one in due.run_due(charging=charging, now=later)] for _ in range(2))
told["asked_again"] = [redeem(codes[number], ACCOUNTS[0], f"killed{number}") for number in (4, 5)]
print(json.dumps(told | {"at_last": state()}))
"""
)


class House:
    """A state folder of its own, the charging process on it, and programs that come and go."""

    def __init__(self, var: Path) -> None:
        tests = Path(__file__).resolve().parents[1]
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("CADRAN_")}
        self.env |= {"CADRAN_VAR": str(var), "CADRAN_LOG": "json"}
        self.env["PYTHONPATH"] = f"{tests}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"

    def run(self, code: str) -> dict[str, Any]:
        """What the program printed last, as JSON."""
        done = subprocess.run([sys.executable, "-c", code], env=self.env, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr[-2000:]
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    var = tmp_path_factory.mktemp("vouchers")
    made = House(var)
    made.run(PREPARE)
    charging = subprocess.Popen([sys.executable, "-m", "cadran", "charging"], env=made.env, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not (var / "run" / "charging.sock").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield made
    finally:
        charging.terminate()
        charging.wait(20)


@pytest.mark.clause("KRY-2.4-coupons")
def test_each_code_is_credited_once_whoever_races_and_whatever_is_killed(house: House) -> None:
    told = house.run(STORY)
    assert (told["made"], told["counts"]) == (40, {"issued": 40})
    assert told["won"] == told["raced"]
    assert set(told["outcomes"]) <= {"ok", "used", "unknown"}
    assert told["after_race"] == {"sums": [0], "credit": 20_000_000, "owed": 180_000_000}
    assert told["after_kills"]["owed"] == 180_000_000
    assert (told["done"], told["again"]) == (["voucher-resumption"] * len(told["done"]), [])
    assert told["asked_again"] == ["ok", "ok"]
    assert told["at_last"] == {"sums": [0], "credit": 30_000_000, "owed": 170_000_000}

"""kill -9 of whoever carries a re-rating, and of the charging process: each call is corrected once, and counted once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadran.charging.adapters.client import SocketCharging
from cadran.charging.ports import ChargingUnavailable

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
CALLS = 120
PREPARE = """
from cadran.commands.main import django_ready
django_ready()
from datetime import timedelta
from django.conf import settings
from cadran.catalog import operations as catalog
from cadran.commands import migrate
from cadran.party import operations as party
from cadran.party.staff import Role
migrate.migrate_all()
at = settings.CIVIL_CLOCK.now()
for version, price in (("old", "0.12"), ("fixed", "0.06")):
    source = f"prefix,destination,price\\n336,France mobile,{price}\\n".encode()
    deck = catalog.import_deck(brand="ippi", source=source, at=at, version=version).deck
    if version == "old":
        catalog.activate_deck(deck=deck, effective_from=at - timedelta(days=30), at=at)
for name in ("anne", "bruno"):
    party.make_staff(user_name=name, email=f"{name}@staff.example.org", password="phare-ouest-1937", role=Role.BILLING,
                     brands=(), at=at)
from party.conftest import registration
claire = party.register_customer(registration=registration(), at=at - timedelta(days=20))
party.validate_email(user_id=claire.user_id, email=claire.email, at=at - timedelta(days=20))
"""
SEED = f"""
from cadran.commands.main import django_ready
django_ready()
from datetime import timedelta
from django.conf import settings
from cadran.charging.adapters.client import SocketCharging
from cadran.charging.ports import AuthoriseCall, BuyCredit, SettleCall
from cadran.party import queries as party
charging, at = SocketCharging(settings.CHARGING_SOCKET), settings.CIVIL_CLOCK.now() - timedelta(days=10)
account = party.customer_named("claire").account
charging.open_wallet(account=account, brand="ippi", currency="EUR", at=at)
charging.buy_credit(BuyCredit(key="pay", account=account, terms="ippi/2018-04", amount_micros=50_000_000, currency="EUR", at=at))
for one in range({CALLS}):
    charging.authorise(AuthoriseCall(session=f"s{{one}}", account=account, terms="ippi/2018-04", number_class="mobile",
                                     destination="33612345678", at=at))
    charging.settle(SettleCall(session=f"s{{one}}", at=at + timedelta(seconds=10), answered_at=at, measured_ms=10_000))
"""


class House:
    """A state folder of its own with the commands on it."""

    def __init__(self, var: Path) -> None:
        self.var = var
        tests = Path(__file__).resolve().parents[1]
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("CADRAN_")}
        self.env |= {"CADRAN_VAR": str(var), "CADRAN_LOG": "json"}
        self.env["PYTHONPATH"] = f"{tests}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        self.charging: subprocess.Popen[bytes] | None = None

    def python(self, code: str) -> None:
        subprocess.run([sys.executable, "-c", code], env=self.env, check=True, timeout=60, capture_output=True)

    def cadran(self, *args: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-m", "cadran", *args, "--json"], env=self.env, timeout=60, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "cadran", *args], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def serve(self) -> None:
        """The charging process, once it answers."""
        self.charging, client = self.start("charging"), SocketCharging(self.var / "run" / "charging.sock")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(ChargingUnavailable):
                client.ping()
                break
            time.sleep(0.05)
        client.close()

    def one(self, query: str) -> tuple[int, ...]:
        with contextlib.closing(sqlite3.connect(self.var / "charging.db")) as connection:
            return tuple(int(value or 0) for value in connection.execute(query).fetchone())

    def corrected(self) -> int:
        return self.one("SELECT count(*) FROM charging_cdr WHERE corrects <> ''")[0]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    found.python(PREPARE)
    found.serve()
    found.python(SEED)
    yield found
    assert found.charging is not None
    found.charging.kill()
    found.charging.wait(10)


@pytest.mark.clause("IPP-10.1-re-rating")
def test_a_run_killed_twice_and_its_charging_once_corrects_each_call_once(house: House) -> None:
    since = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 20 * 86_400)),)
    asked = ("--since", *since, "--deck-version", "fixed", "--reason", "Wrong price of mobiles", "--by", "anne")
    run = str(house.cadran("rerate", "propose", *asked)["rerating"])
    for least in (10, 40):
        runner = house.start("rerate", "apply", run, "--by", "bruno", "--wait")
        deadline = time.monotonic() + 30
        while house.corrected() < least and runner.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        runner.send_signal(signal.SIGKILL)
        runner.wait(10)
        assert least <= house.corrected() < CALLS, "killed in the middle"
    assert house.charging is not None
    house.charging.send_signal(signal.SIGKILL)
    house.charging.wait(10)
    house.serve()
    done = house.cadran("rerate", "apply", run, "--by", "bruno", "--wait")
    assert (done["state"], done["corrected"], done["looked_at"]) == ("done", CALLS, CALLS)
    assert (done["down_micros"], done["up_micros"], done["owed_micros"]) == (CALLS * 10_000, 0, 0)
    assert house.one("SELECT count(*), count(DISTINCT corrects) FROM charging_cdr WHERE corrects <> ''") == (
        CALLS,
        CALLS,
    )
    given_back = "SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'revenue/calls/EUR'"
    assert house.one(given_back) == (CALLS * 10_000,)
    assert house.one("SELECT sum(amount_micros) FROM ledger_posting") == (0,)
    assert house.cadran("rerate", "apply", run, "--by", "bruno", "--wait")["corrected"] == CALLS

"""An installation of its own for `cadran bench sip`: a state folder that is thrown away, charging, media and SIP processes, one
customer with credit, and a price for calls. `python -m cadran.commands.bench_plane seed` fills it from inside."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cadran.units import errors

USER, PASSWORD, HOST = "bench", "k7mq-x3dw-p9ra-t4hv", "127.0.0.1"
NUMBER = "0142000001"
DECK = b"prefix,destination,price\n33,France,0.0120\n"
START_S = 30.0


class BenchCannotRun(errors.CadranError):
    """A process of the benchmark did not start, or a program that it needs is missing."""

    error_id = "bench-cannot-run"


@dataclass(slots=True)
class BenchPlane:
    """The processes. `sip_port` takes calls; calls to NUMBER go to `carrier_port`."""

    folder: Path
    sip_port: int
    carrier_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    seeder: str = "cadran.commands.bench_plane"
    more: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CADRAN_VAR": str(self.folder),
            "CADRAN_SIP_PORT": str(self.sip_port),
            "CADRAN_SANDBOX_CARRIER_PORT": str(self.carrier_port),
            "CADRAN_SANDBOX_CARRIER2_PORT": str(self.carrier_port + 1),
            "CADRAN_SIP_NEW_CALLS_PER_S": "100000",
            "CADRAN_SIP_LAG_REFUSE_MS": "5000",
            "CADRAN_SIP_LAG_DROP_MS": "8000",
            "CADRAN_LOG": "json",
            "OPENBLAS_NUM_THREADS": "1",
            **self.more,
        }

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "cadran", name], env=self.environment(), stdout=log, stderr=log
            )

    def seed(self, part: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", self.seeder, part],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise BenchCannotRun(f"the installation for the benchmark could not be filled: {done.stderr[-500:]}")

    def wait(self, name: str, ready: str) -> None:
        """Until its log says so."""
        end, path = time.monotonic() + START_S, self.folder / f"{name}.log"
        while ready not in path.read_text(errors="replace"):
            if time.monotonic() > end or self.processes[name].poll() is not None:
                raise BenchCannotRun(f"{name} did not start: {path.read_text(errors='replace')[-500:]}")
            time.sleep(0.05)

    def resident_kb(self, name: str) -> int:
        """Memory of a process, in kB."""
        pages = int(Path(f"/proc/{self.processes[name].pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024


@contextlib.contextmanager
def running(seeder: str = "cadran.commands.bench_plane", **more: str) -> Iterator[BenchPlane]:
    """An installation with everything up; gone afterwards. seeder: the module that fills it, `base` before charging runs and `wallet`
    after. more: of its environment."""
    folder = Path(tempfile.mkdtemp(prefix="cadran-bench-"))
    plane = BenchPlane(folder, free_port(), free_port(), seeder=seeder, more=more)
    try:
        plane.seed("base")
        plane.start("charging")
        end = time.monotonic() + START_S
        while not (folder / "run" / "charging.sock").exists():
            if time.monotonic() > end:
                raise BenchCannotRun("charging did not start")
            time.sleep(0.05)
        plane.seed("wallet")
        plane.start("media")
        plane.wait("media", "media_ready")
        plane.start("sip")
        plane.wait("sip", "media_online")
        plane.wait("sip", "sip-ready")
        yield plane
    finally:
        for process in plane.processes.values():
            process.terminate()
        for process in plane.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(8)
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _base() -> None:
    """Databases, a price, a customer. Inside the installation."""
    from cadran.commands import migrate

    migrate.migrate_all()
    from django.conf import settings

    from cadran.catalog import operations as catalog
    from cadran.numbering import operations as numbering
    from cadran.party import operations as party
    from cadran.party import rules
    from cadran.units.e164 import E164

    at = settings.CIVIL_CLOCK.now()
    report = catalog.import_deck(brand="ippi", source=DECK, at=at, tax="included")
    if report.deck is None:
        raise BenchCannotRun("the price list of the benchmark was refused")
    catalog.activate_deck(deck=report.deck, effective_from=at, at=at)
    ticks = tuple(
        rules.Accepted(document=one, ref="ippi/2018-04", text_sha256="ab" * 32, language="fr") for one in rules.Document
    )
    given = party.Registration(
        brand="ippi",
        currency="EUR",
        email="bench@example.org",
        user_name=USER,
        password="vent-du-large-29",  # noqa: S106 - an account that lives for a minute
        sip_password=PASSWORD,
        name="Bench",
        first_names="Test",
        adult=True,
        accepted=ticks,
    )
    customer = party.register_customer(registration=given, at=at)
    customer = party.validate_email(user_id=customer.user_id, email=customer.email, at=at)
    numbering.assign_number(e164=E164("+33972100001"), account=customer.account, sip_username=USER, at=at)


def _wallet() -> None:
    """Credit for the customer. Inside the installation, after charging is up."""
    from cadran.commands import main

    main.django_ready()
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.charging.ports import BuyCredit
    from cadran.party import queries as party

    user = party.sip_user(USER)
    if user is None:
        raise BenchCannotRun("the benchmark's customer is missing")
    client, at = SocketCharging(settings.CHARGING_SOCKET), settings.CIVIL_CLOCK.now() + timedelta(seconds=1)
    client.open_wallet(account=user.account, brand="ippi", currency="EUR", at=at)
    for count in range(10):
        client.buy_credit(
            BuyCredit(
                key=f"bench-{count}",
                account=user.account,
                terms="ippi/2018-04",
                amount_micros=500_000_000,
                currency="EUR",
                at=at,
            )
        )


if __name__ == "__main__":
    (_base if sys.argv[1] == "base" else _wallet)()

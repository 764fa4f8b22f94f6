"""The charging service on a test's deck, as a process of its own: charging_process.py FILE SOCKET.

DIE_AFTER=operation:n kills the process, as kill -9 would, after the nth operation of that name is committed and before it is answered;
DIE_BEFORE=operation:n just before its commit. FILE may be the address of a PostgreSQL database; SHARD=1/2 is then the second of two.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cadran.settings")

from charging_rig import TERMS, SmallDeck

from cadran.charging import needs, pipeline
from cadran.charging.engine import Engine, Work
from cadran.charging.service import Service, stop_on_signals
from cadran.charging.shards import Shard
from cadran.policy import queries as policy
from cadran.units.clock import SystemClock
from cadran.units.store import Unit


class MortalEngine(Engine):
    """Dies where it is told to."""

    dying = False

    def run(self, batch: Sequence[Work]) -> list[object]:
        names = [getattr(getattr(work, "func", work), "__name__", "") for work in batch]
        if self._told("DIE_BEFORE", names):
            self.dying = True
        answers = super().run(batch)
        if self._told("DIE_AFTER", names):
            os.kill(os.getpid(), signal.SIGKILL)
        return answers

    def _write(self, unit: Unit) -> None:
        if self.dying:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._write(unit)

    def _told(self, variable: str, names: list[str]) -> bool:
        operation, _, count = os.environ.get(variable, "").partition(":")
        if not operation or f"do_{operation}" not in names:
            return False
        left = int(count) - names.count(f"do_{operation}")
        os.environ[variable] = f"{operation}:{left}"
        return left <= 0


def main(file: Path | str, socket: Path) -> None:
    pipeline.ALONE = 10**6  # every batch through `run`, where the process dies
    contracts = needs.FixedContracts({TERMS: policy.terms(TERMS)})
    number, count = map(int, os.environ.get("SHARD", "0/1").split("/"))
    prices = needs.FixedPrices(SmallDeck())
    engine = MortalEngine(file, contracts=contracts, prices=prices, shard=Shard(number, count))
    service = Service(engine, socket, civil=SystemClock())
    stop_on_signals(service)
    service.serve()
    engine.close()


if __name__ == "__main__":
    main(sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1]), Path(sys.argv[2]))

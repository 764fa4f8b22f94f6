"""While one batch is synced to the disk, the next is worked on in memory: the commit runs on a thread of its own.

What is written is prepared by the thread that works, so that the two hardly wait for the interpreter's lock. A request alone is
committed at once, without the thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from cadran.charging.engine import Engine, Work
from cadran.units import store

ALONE = 6  # as many requests are committed without the thread: handing over costs more than it saves
log = structlog.get_logger()
Key = Any  # whom to answer, as the caller knows them
Entry = tuple[Key, Work]
Answered = tuple[Key, object]


@dataclass(slots=True)
class _Flight:
    """A batch that is being committed."""

    entries: list[Entry]
    answers: list[object]
    unit: store.Unit
    error: BaseException | None = None


class Pipeline:
    """Runs batches of an engine for one thread. told: called on the committing thread when answers are ready."""

    def __init__(self, engine: Engine, told: Callable[[], None]) -> None:
        self._engine = engine
        self._told = told
        self._flying: _Flight | None = None
        self._entries: list[Entry] = []
        self._answers: list[object] = []
        self._ready: list[Answered] = []
        self._jobs: queue.SimpleQueue[_Flight | None] = queue.SimpleQueue()
        self._landed = threading.Event()
        self._thread = threading.Thread(target=self._commits, name="charging-commits", daemon=True)
        self._thread.start()
        engine.before_run = self.drain

    @property
    def waiting(self) -> int:
        """How many requests were worked on and wait for the batch before them."""
        return len(self._entries)

    def close(self) -> None:
        """Wait for what is being committed."""
        self.drain()
        self._engine.before_run = None
        self._jobs.put(None)
        self._thread.join(10)

    def add(self, entries: Sequence[Entry]) -> list[Answered]:
        """Work on a batch; returns what can be answered already."""
        engine = self._engine
        with engine.lock:
            if self._alone(entries):
                self.drain()
                answers = engine.run([work for _, work in entries])
                self._ready += [(key, answer) for (key, _), answer in zip(entries, answers, strict=True)]
                return self.ready()
            self._entries += entries
            try:
                self._answers += engine.attempts([work for _, work in entries])
                if self._flying is None:
                    self._launch()
            except (store.Conflict, store.DatabaseLost) as error:
                self._land()
                self._again(self._taken(), error)
            return self.ready()

    def ready(self) -> list[Answered]:
        """What has been committed since the last time, in order."""
        with self._engine.lock:
            if self._flying is not None and self._landed.is_set():
                self._land()
                self._go_on()
            ready, self._ready = self._ready, []
            return ready

    def drain(self) -> None:
        """Wait until nothing is being committed; the answers wait for `ready`."""
        with self._engine.lock:
            waited = False
            while self._flying is not None:
                waited = True
                self._land()
                self._go_on()
            if waited:
                self._told()

    def _alone(self, entries: Sequence[Entry]) -> bool:
        if self._engine.away:
            return True
        few = self._flying is None and len(entries) <= ALONE
        return few or any(self._engine.alone(work) for _, work in entries)

    def _launch(self) -> None:
        """Hand what was worked on to the committing thread."""
        unit = self._engine.prepared()
        entries = self._taken()
        flight = self._flying = _Flight([entry for entry, _ in entries], [answer for _, answer in entries], unit)
        self._landed.clear()
        self._jobs.put(flight)

    def _taken(self) -> list[tuple[Entry, object]]:
        answers = self._answers + [None] * (len(self._entries) - len(self._answers))
        taken = list(zip(self._entries, answers, strict=True))
        self._entries, self._answers = [], []
        return taken

    def _go_on(self) -> None:
        if self._flying is None and self._entries:
            try:
                self._launch()
            except (store.Conflict, store.DatabaseLost) as error:
                self._again(self._taken(), error)

    def _land(self) -> None:
        """The flight is over: its answers hold, or it is done again, with what was built upon it."""
        flight = self._flying
        if flight is None:
            return
        self._landed.wait()
        self._flying = None
        if flight.error is None:
            store.written(flight.unit)
            self._ready += [(key, answer) for (key, _), answer in zip(flight.entries, flight.answers, strict=True)]
            return
        self._again([(entry, None) for entry in flight.entries] + self._taken(), flight.error)

    def _again(self, entries: list[tuple[Entry, object]], error: BaseException) -> None:
        log.error("batch refused by the database, tried again", error=str(error), size=len(entries))
        self._engine.abandon()
        answers = self._engine.run([work for (_, work), _ in entries])
        self._ready += [(key, answer) for ((key, _), _), answer in zip(entries, answers, strict=True)]

    def _commits(self) -> None:
        while (flight := self._jobs.get()) is not None:
            try:
                self._engine.database.commit()
            except BaseException as error:  # noqa: BLE001 - told to the thread that waits
                flight.error = error
            self._landed.set()
            self._told()

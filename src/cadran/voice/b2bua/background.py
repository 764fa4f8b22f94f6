"""What must not hold up the SIP thread: charging on asyncio, the database on its own threads. Results come back to the
SIP thread; a failed task comes back as None after its error was logged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import structlog

from cadran.units.errors import CadranError
from cadran.voice.b2bua import figures, stack

log = structlog.get_logger("voice.background")
T = TypeVar("T")
_WAITING = 5000


class Background:
    """An asyncio loop in a thread, and a few threads for the database. `ask` and `read` are called on the SIP thread."""

    def __init__(self, readers: int = 2) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="asyncio", daemon=True)
        self._thread.start()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="database")
        self._pending = 0

    def ask(self, work: Coroutine[Any, Any, T], done: Callable[[T | None], None]) -> None:
        """Run a coroutine; `done` gets its result, or None if it failed."""
        if self._pending > _WAITING:
            work.close()
            stack.after(0, done, None)
            return
        self._pending += 1
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        future.add_done_callback(lambda finished: stack.on_sip_thread(self._finished, finished, done))

    def read(self, work: Callable[[], T], done: Callable[[T | None], None]) -> None:
        """Run a function on a database thread; `done` gets its result, or None if it failed."""
        if self._pending > _WAITING:
            stack.after(0, done, None)
            return
        self._pending += 1
        future = self._readers.submit(work)
        future.add_done_callback(lambda finished: stack.on_sip_thread(self._finished, finished, done))

    def _finished(self, future: Future[Any], done: Callable[[Any], None]) -> None:
        self._pending -= 1
        error = future.exception() if not future.cancelled() else None
        if isinstance(error, CadranError):
            log.warning("background-refused", error_id=error.error_id, detail=error.message)
        elif error is not None:
            figures.ERRORS.labels(where="background").inc()
            log.error("background-failed", exc_info=error)
        done(None if error is not None or future.cancelled() else future.result())

    def close(self) -> None:
        """Let what is running end, briefly."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(2)

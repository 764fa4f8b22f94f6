"""The way to one charging process, for threads and for event loops.

Every request is idempotent, so both send it again when the connection breaks, a bounded number of times within `timeout_s`, and then
raise ChargingUnavailable: nothing is known, and the same key may be sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import threading
import time

from cadran.charging import wire
from cadran.charging.ports import ChargingUnavailable

ATTEMPTS = 6
FIRST_PAUSE_S = 0.02
MAX_IDLE = 32
MAX_WAITING = 4096
_SLOW = frozenset({"reload_decks", "expire_credit", "erase_evidence"})
SLOW_TIMEOUT_S = 120.0


class Link:
    """The way to one charging process, for threads."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._pid = os.getpid()
        self._numbers = itertools.count(1)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def call(self, op: str, args: wire.Args) -> object:
        timeout_s = max(self._timeout_s, SLOW_TIMEOUT_S) if op in _SLOW else self._timeout_s
        deadline, pause_s = time.monotonic() + timeout_s, FIRST_PAUSE_S
        number = next(self._numbers)
        line = wire.request_line(number, op, args)
        for attempt in range(ATTEMPTS):
            try:
                return wire.result(op, self._exchange(number, line, deadline))
            except ChargingUnavailable as error:
                if error.details.get("reason") != wire.BUSY or attempt == ATTEMPTS - 1:
                    raise
            except (OSError, EOFError) as error:
                if attempt == ATTEMPTS - 1 or time.monotonic() + pause_s >= deadline:
                    raise _unavailable(self._path, error) from error
            time.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("every attempt returns, raises or goes on")

    def _exchange(self, number: int, line: bytes, deadline: float) -> wire.Answer:
        connection = self._take()
        try:
            connection.settimeout(_left(deadline))
            if connection.fileno() == -1 or not self._connected(connection):
                connection.connect(self._path)
            connection.sendall(line)
            answer = self._read(connection, deadline)
        except BaseException:
            connection.close()
            raise
        if answer.id != number:
            connection.close()
            raise ChargingUnavailable(
                f"the charging service answered request {answer.id} instead of {number}: send it again"
            )
        self._give(connection)
        return answer

    @staticmethod
    def _read(connection: socket.socket, deadline: float) -> wire.Answer:
        found = bytearray()
        while not found.endswith(b"\n"):
            connection.settimeout(_left(deadline))
            part = connection.recv(65536)
            if not part:
                raise EOFError("the charging service closed the connection")
            found += part
            if len(found) > wire.MAX_LINE:
                raise ChargingUnavailable("the charging service answered with a line too long")
        return wire.read_answer(bytes(found))

    @staticmethod
    def _connected(connection: socket.socket) -> bool:
        try:
            connection.getpeername()
        except OSError:
            return False
        return True

    def _take(self) -> socket.socket:
        with self._lock:
            if self._pid != os.getpid():  # after a fork the connections belong to the parent
                self._idle, self._pid = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def _give(self, connection: socket.socket) -> None:
        with self._lock:
            if len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()


class AsyncLink:
    """The way to one charging process, from an event loop: one connection, many requests at once."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[wire.Answer]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    async def close(self) -> None:
        """Close the connection; what still waits fails."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        self._drop(EOFError("closed"))

    async def call(self, op: str, args: wire.Args) -> object:
        timeout_s = max(self._timeout_s, SLOW_TIMEOUT_S) if op in _SLOW else self._timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await self._tried(op, args)
        except TimeoutError as error:
            raise _unavailable(self._path, error) from error

    async def _tried(self, op: str, args: wire.Args) -> object:
        pause_s = FIRST_PAUSE_S
        for attempt in range(ATTEMPTS):
            try:
                return wire.result(op, await self._exchange(op, args))
            except ChargingUnavailable as error:
                if error.details.get("reason") != wire.BUSY or attempt == ATTEMPTS - 1:
                    raise
            except (OSError, EOFError) as error:
                if attempt == ATTEMPTS - 1:
                    raise _unavailable(self._path, error) from error
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("every attempt returns, raises or goes on")

    async def _exchange(self, op: str, args: wire.Args) -> wire.Answer:
        if len(self._waiting) >= MAX_WAITING:
            raise ChargingUnavailable("too many requests wait for the charging service", reason=wire.BUSY)
        writer = self._writer or await self._connect()
        number = next(self._numbers)
        answer: asyncio.Future[wire.Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            writer.write(wire.request_line(number, op, args))
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _connect(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None:
                reader, writer = await asyncio.open_unix_connection(self._path, limit=wire.MAX_LINE)
                self._writer = writer
                self._reading = asyncio.create_task(self._read(reader, writer))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        failure: Exception = EOFError("the charging service closed the connection")
        try:
            while line := await reader.readline():
                answer = wire.read_answer(line)
                waiting = self._waiting.get(answer.id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except (OSError, ValueError, ChargingUnavailable) as error:
            failure = EOFError(str(error))
        finally:
            if self._writer is writer:
                self._drop(failure)

    def _drop(self, failure: Exception) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(failure)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def _unavailable(path: str, error: BaseException) -> ChargingUnavailable:
    why = str(error) or type(error).__name__
    return ChargingUnavailable(
        f"charging does not answer at {path} ({why}): start `cadran charging`, then send the same key again"
    )

"""Clients of the charging service: `SocketCharging` for threads and jobs, `AsyncCharging` for event loops.

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
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import cast

from cadran.charging import wire
from cadran.charging.ports import (
    AuthoriseCall,
    Bought,
    BuyCredit,
    Charged,
    ChargeEvent,
    ChargingUnavailable,
    CorrectCharge,
    Corrected,
    CreditLine,
    GiveCredit,
    Grant,
    Line,
    MovedVouchers,
    MoveVouchers,
    SettleCall,
    Settled,
    WithdrawCredit,
    Withdrawn,
)

TIMEOUT_S = 5.0
ATTEMPTS = 6
FIRST_PAUSE_S = 0.02
MAX_IDLE = 32
MAX_WAITING = 4096
_SLOW = frozenset({"reload_decks", "expire_credit", "erase_evidence"})
SLOW_TIMEOUT_S = 120.0


class SocketCharging:
    """`ports.Charging` over the socket, for threads: each request has a connection to itself, idle ones are kept."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path = str(path)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._pid = os.getpid()
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Close the idle connections; the client may be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def open_wallet(self, *, account: str, brand: str, currency: str, at: datetime) -> None:
        self._call("open_wallet", wire.OpenWallet(account=account, brand=brand, currency=currency, at=at))

    def authorise(self, request: AuthoriseCall) -> Grant:
        return cast(Grant, self._call("authorise", request))

    def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant:
        return cast(Grant, self._call("extend", wire.Extend(session=session, seq=seq, used_s=used_s, at=at)))

    def heartbeat(self, *, used_s: Mapping[str, int]) -> tuple[str, ...]:
        return cast(tuple[str, ...], self._call("heartbeat", wire.Heartbeat(used_s=dict(used_s))))

    def settle(self, request: SettleCall) -> Settled:
        return cast(Settled, self._call("settle", request))

    def buy_credit(self, request: BuyCredit) -> Bought:
        return cast(Bought, self._call("buy_credit", request))

    def correct(self, request: CorrectCharge) -> Corrected:
        return cast(Corrected, self._call("correct", request))

    def give_credit(self, request: GiveCredit) -> Bought:
        return cast(Bought, self._call("give_credit", request))

    def move_vouchers(self, request: MoveVouchers) -> MovedVouchers:
        return cast(MovedVouchers, self._call("move_vouchers", request))

    def charge_event(self, request: ChargeEvent) -> Charged:
        return cast(Charged, self._call("charge_event", request))

    def withdraw(self, request: WithdrawCredit) -> Withdrawn:
        return cast(Withdrawn, self._call("withdraw", request))

    def credit_line(self, request: CreditLine) -> Line:
        return cast(Line, self._call("credit_line", request))

    def expire_credit(self, *, at: datetime) -> int:
        return cast(int, self._call("expire_credit", wire.ExpireCredit(at=at)))

    def erase_evidence(self, *, holder: int) -> int:
        return cast(int, self._call("erase_evidence", wire.EraseEvidence(holder=holder)))

    def reload_decks(self) -> int:
        return cast(int, self._call("reload_decks", wire.ReloadDecks()))

    def ping(self) -> None:
        """Returns when the service answers."""
        self._call("ping", wire.Ping())

    def _call(self, op: str, args: wire.Args) -> object:
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


class AsyncCharging:
    """The same operations as coroutines over one connection, many at once. Use it from one event loop."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path = str(path)
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

    async def open_wallet(self, *, account: str, brand: str, currency: str, at: datetime) -> None:
        await self._call("open_wallet", wire.OpenWallet(account=account, brand=brand, currency=currency, at=at))

    async def authorise(self, request: AuthoriseCall) -> Grant:
        return cast(Grant, await self._call("authorise", request))

    async def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant:
        return cast(Grant, await self._call("extend", wire.Extend(session=session, seq=seq, used_s=used_s, at=at)))

    async def heartbeat(self, *, used_s: Mapping[str, int]) -> tuple[str, ...]:
        return cast(tuple[str, ...], await self._call("heartbeat", wire.Heartbeat(used_s=dict(used_s))))

    async def settle(self, request: SettleCall) -> Settled:
        return cast(Settled, await self._call("settle", request))

    async def buy_credit(self, request: BuyCredit) -> Bought:
        return cast(Bought, await self._call("buy_credit", request))

    async def correct(self, request: CorrectCharge) -> Corrected:
        return cast(Corrected, await self._call("correct", request))

    async def move_vouchers(self, request: MoveVouchers) -> MovedVouchers:
        return cast(MovedVouchers, await self._call("move_vouchers", request))

    async def charge_event(self, request: ChargeEvent) -> Charged:
        return cast(Charged, await self._call("charge_event", request))

    async def give_credit(self, request: GiveCredit) -> Bought:
        return cast(Bought, await self._call("give_credit", request))

    async def withdraw(self, request: WithdrawCredit) -> Withdrawn:
        return cast(Withdrawn, await self._call("withdraw", request))

    async def credit_line(self, request: CreditLine) -> Line:
        return cast(Line, await self._call("credit_line", request))

    async def expire_credit(self, *, at: datetime) -> int:
        return cast(int, await self._call("expire_credit", wire.ExpireCredit(at=at)))

    async def erase_evidence(self, *, holder: int) -> int:
        return cast(int, await self._call("erase_evidence", wire.EraseEvidence(holder=holder)))

    async def reload_decks(self) -> int:
        return cast(int, await self._call("reload_decks", wire.ReloadDecks()))

    async def ping(self) -> None:
        """Returns when the service answers."""
        await self._call("ping", wire.Ping())

    async def _call(self, op: str, args: wire.Args) -> object:
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

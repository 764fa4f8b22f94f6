"""The charging service: the engine behind a unix socket, many clients, one thread.

A turn of the loop reads what has come in from every client, does all of it in one durable transaction, and only then
answers. So a batch is as large as what arrived while the last one was written, nothing waits for a batch to fill, and
no answer is sent for what could be lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from cadran.charging import metrics, wire
from cadran.charging.engine import Engine, Work
from cadran.charging.pipeline import Answered, Pipeline
from cadran.charging.ports import ChargingUnavailable, Grant, Settled
from cadran.units.clock import CivilClock
from cadran.units.errors import CadranError

MAX_QUEUE = 512
MAX_CLIENTS = 1024
MAX_ACCEPTS = 64
READ = 1 << 16
MAX_UNSENT = 8 << 20
TICK_S = 1.0
DRAIN_S = 5.0
log = structlog.get_logger()
_events = logging.getLogger(__name__)


class SocketTaken(CadranError):
    """Another charging service answers at the socket."""

    error_id = "charging-socket-taken"


class _Client:
    """One connection: what has been read of it and not yet understood, and what it has not yet taken."""

    __slots__ = ("connection", "received", "unsent", "writing")

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = bytearray()
        self.unsent = bytearray()
        self.writing = False


class Service:
    """Serves an engine at a socket until `stop`. each_tick runs about once a second, between batches."""

    def __init__(
        self,
        engine: Engine,
        path: Path,
        *,
        civil: CivilClock,
        each_tick: Callable[[], None] = lambda: None,
        max_queue: int = MAX_QUEUE,
    ) -> None:
        self._engine = engine
        self._path = path
        self._civil = civil
        self._each_tick = each_tick
        self._max_queue = max_queue
        self._selector = selectors.DefaultSelector()
        self._clients: set[_Client] = set()
        self._queue: list[tuple[_Client, int, Work]] = []
        self._done_elsewhere: list[tuple[_Client, int, object]] = []
        self._wake, self._waker = socket.socketpair()
        self._stopping = False
        self._works: dict[str, Callable[..., object]] = {
            "authorise": engine.do_authorise,
            "settle": engine.do_settle,
            "buy_credit": engine.do_buy_credit,
            "correct": engine.do_correct,
            "give_credit": engine.do_give_credit,
            "move_vouchers": engine.do_move_vouchers,
            "withdraw": engine.do_withdraw,
            "credit_line": engine.do_credit_line,
            "charge_event": engine.do_charge_event,
        }
        self._listener = _listen(path)

    def stop(self) -> None:
        """Ask the loop to end: what has been read is still done and answered. Safe in signal handlers and other threads."""
        self._stopping = True
        self._call()

    def serve(self) -> None:
        """Run until `stop`; removes the socket at the end."""
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._pipeline = Pipeline(self._engine, self._call)
        log.info("charging ready", socket=str(self._path), open_calls=len(self._engine.calls.open))
        next_tick = time.monotonic() + TICK_S
        try:
            while not self._stopping:
                self._turn(max(0.0, next_tick - time.monotonic()))
                if time.monotonic() >= next_tick:
                    self._tick()
                    next_tick = time.monotonic() + TICK_S
            self._drain()
        finally:
            self._close()

    def _turn(self, wait_s: float) -> None:
        for key, events in self._selector.select(wait_s):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._wake:
                self._woken()
            else:
                client = key.data
                if events & selectors.EVENT_WRITE:
                    self._send(client)
                if events & selectors.EVENT_READ:
                    self._read(client)
        self._do()

    def _accept(self) -> None:
        for _ in range(MAX_ACCEPTS):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if len(self._clients) >= MAX_CLIENTS:
                connection.close()
                log.warning("too many clients", limit=MAX_CLIENTS)
                continue
            connection.setblocking(False)
            client = _Client(connection)
            self._clients.add(client)
            self._selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: _Client) -> None:
        try:
            part = client.connection.recv(READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            part = b""
        if not part:
            self._drop(client)
            return
        received = client.received
        received += part
        if (end := received.rfind(b"\n")) < 0:
            if len(received) > wire.MAX_LINE:
                log.warning("line too long, client dropped")
                self._drop(client)
            return
        lines = bytes(received[:end]).split(b"\n")
        del received[: end + 1]
        for line in lines:
            self._take(client, line)

    def _take(self, client: _Client, line: bytes) -> None:
        try:
            number, op, args = wire.read_request(line)
        except CadranError as error:
            told = error.details.get("number", 0)
            client.unsent += wire.error_line(told if isinstance(told, int) else 0, error)
            self._send(client)
            return
        if len(self._queue) + self._pipeline.waiting >= self._max_queue:
            metrics.BUSY.inc()
            client.unsent += wire.error_line(
                number, ChargingUnavailable("charging is busy: try again in a moment", reason=wire.BUSY)
            )
            self._send(client)
        elif op == "reload_decks":
            threading.Thread(target=self._reload, args=(client, number), name="reload-decks", daemon=True).start()
        else:
            self._queue.append((client, number, self._work(op, args)))

    def _work(self, op: str, args: wire.Args) -> Work:
        if (known := self._works.get(op)) is not None:
            return partial(known, args)
        engine = self._engine
        match args:
            case wire.Extend():
                return partial(engine.do_extend, session=args.session, seq=args.seq, used_s=args.used_s, at=args.at)
            case wire.Heartbeat():
                return partial(engine.do_heartbeat, used_s=args.used_s)
            case wire.OpenWallet():
                return partial(
                    engine.do_open_wallet, account=args.account, brand=args.brand, currency=args.currency, at=args.at
                )
            case wire.ExpireCredit():
                return partial(engine.do_expire_credit, at=args.at)
            case wire.EraseEvidence():
                return partial(engine.do_erase_evidence, holder=args.holder, shard=args.shard)
            case _:
                return lambda: None

    def _do(self) -> None:
        if not self._queue:
            return
        batch, self._queue = self._queue, []
        start = time.perf_counter()
        entries = [((client, number, start), work) for client, number, work in batch]
        metrics.BATCH.observe(len(batch))
        self._answer(self._pipeline.add(entries))

    def _answer(self, answered: list[Answered]) -> None:
        if not answered:
            return
        touched: dict[_Client, None] = {}
        for (client, number, _), answer in answered:
            client.unsent += _line(number, answer)
            touched[client] = None
        metrics.REQUEST.observe(time.perf_counter() - answered[0][0][2])
        for client in touched:
            self._send(client)
        if _events.isEnabledFor(logging.INFO):
            for _, answer in answered:
                _tell(answer)

    def _reload(self, client: _Client, number: int) -> None:
        """Off the loop: a deck takes a second or two to read, and calls go on."""
        try:
            answer: object = self._engine.prices.reload()
        except CadranError as error:
            answer = error
        except Exception as error:
            log.exception("decks not reloaded")
            answer = ChargingUnavailable(f"decks not reloaded: {error}")
        self._done_elsewhere.append((client, number, answer))
        self._call()

    def _call(self) -> None:
        """Wake the loop, from any thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)
        self._answer(self._pipeline.ready())
        done, self._done_elsewhere = self._done_elsewhere, []
        for client, number, answer in done:
            client.unsent += _line(number, answer)
            self._send(client)

    def _send(self, client: _Client) -> None:
        if client not in self._clients:
            return
        try:
            sent = client.connection.send(client.unsent) if client.unsent else 0
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._drop(client)
            return
        del client.unsent[:sent]
        if len(client.unsent) > MAX_UNSENT:
            log.warning("client does not read its answers, dropped")
            self._drop(client)
        elif bool(client.unsent) != client.writing:
            client.writing = bool(client.unsent)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.writing else 0)
            self._selector.modify(client.connection, events, client)

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.discard(client)
            self._selector.unregister(client.connection)
            client.connection.close()

    def _tick(self) -> None:
        try:
            self._engine.expire_leases(at=self._civil.now())
            self._each_tick()
        except CadranError as error:
            log.error("tick failed", error=str(error))

    def _drain(self) -> None:
        """Answer what was sent before the end: read once more, do it, and wait a little for slow readers."""
        log.info("charging stops", clients=len(self._clients))
        self._selector.unregister(self._listener)
        deadline = time.monotonic() + DRAIN_S
        self._turn(0)
        self._pipeline.close()
        self._answer(self._pipeline.ready())
        while any(client.unsent for client in self._clients) and time.monotonic() < deadline:
            self._turn(0.05)

    def _close(self) -> None:
        self._pipeline.close()
        for client in list(self._clients):
            self._drop(client)
        self._listener.close()
        self._wake.close()
        self._waker.close()
        self._selector.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def stop_on_signals(service: Service) -> None:
    """SIGTERM and SIGINT end the service in order."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())


def _tell(answer: object) -> None:
    """One event for each call refused or settled, once it is on disk and answered."""
    if isinstance(answer, Settled):
        log.info(
            "call settled",
            call=answer.session,
            cdr=answer.cdr_id,
            charged_s=answer.charged_s,
            charge_micros=answer.charge_micros,
            cut=answer.cut,
        )
    elif isinstance(answer, Grant) and not answer.decision.allowed:
        log.info("call refused", call=answer.session, code=answer.decision.code, clause=answer.decision.clause)


def _line(number: int, answer: object) -> bytes:
    return wire.error_line(number, answer) if isinstance(answer, CadranError) else wire.result_line(number, answer)


def _listen(path: Path) -> socket.socket:
    """Bind the socket, readable by its owner alone; a file left by a process that died is replaced. Raises SocketTaken."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        else:
            raise SocketTaken(f"a charging service answers at {path} already: stop it first")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    listener.listen(MAX_CLIENTS)
    listener.setblocking(False)
    return listener

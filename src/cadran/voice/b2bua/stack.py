"""sippy made fit for service: what its defaults get wrong is put right here, once, before anything else uses it.

- A Contact with transport=tcp, or UDP in capitals, made every later request raise: the next hop is always UDP.
- A URI may be pinned to the address that its message came from (phones behind NAT, host names in a Contact).
- Three sender threads reordered replies, and one slow host name stopped them all: requests are sent from the loop itself, to
  IP addresses only.
- Errors in timers and callbacks went to the standard output and were forgotten: they are logged and counted.
- The number of datagrams waiting for the loop had no limit.
- It compared timers, quoted names and looked for headers in roundabout ways.
- Its clock, asked sixty times in a call, went through ctypes, which lets go of the interpreter lock each time.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

os.environ.setdefault("SIPLOG_BEND", "none")

from sippy import Network_server, SipTransactionManager, Udp_server
from sippy import SipConf as _conf_module
from sippy import SipMsg as _message_module
from sippy import SipURL as _url_module
from sippy import SipVia as _via_module
from sippy.Core import EventDispatcher
from sippy.Core.EventDispatcher import ED2
from sippy.SipConf import SipConf
from sippy.SipURL import SipURL
from sippy.Time import MonoTime as sippy_clock
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout

from cadran.voice.b2bua import figures, retransmissions
from cadran.voice.rules import admission, datagrams

log = structlog.get_logger("voice.stack")
Address = tuple[str, int]
RECEIVE_BUFFER = 4 * 1024 * 1024
_BATCH = 64
_SHOWN = admission.TokenBucket(5)


def is_ip(host: object) -> bool:
    """Whether it is an IPv4 address, the only kind of next hop that needs no look-up."""
    return _is_ip(str(host))


@functools.lru_cache(8192)
def _is_ip(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _next_hop(url: Any) -> tuple[Address, str]:
    return getattr(url, "pinned", None) or url.getAddr(), "udp"


_copy_of_url = SipURL.getCopy


def _copy(url: Any) -> Any:
    fresh = _copy_of_url(url)
    fresh.scheme = url.scheme
    if (pinned := getattr(url, "pinned", None)) is not None:
        fresh.pinned = pinned
    return fresh


def _log_error(message: str, f: object = None, extra: object = None) -> None:
    """Stands in for sippy's dump_exception: called within the except clause. A flood of rubbish is counted, and a few are
    shown."""
    figures.ERRORS.labels(where="stack").inc()
    if not _SHOWN.take(time.monotonic()):
        return
    log.warning("sip-stack-error", detail=str(message)[:200], message_head=str(extra or "")[:120], exc_info=True)


def _has_my(thing: object) -> tuple[str, ...]:
    """For sippy's `'my' in dir(thing)`, which takes a tenth of a call's time when dir lists everything."""
    return ("my",) if hasattr(thing, "my") else ()


def _sooner(one: Any, other: Any) -> bool:
    """Which of two timers comes first, ninety times in a call."""
    return bool(one.etime.monot < other.etime.monot)


def _body_of(message: Any, name: str, idx: int = 0) -> Any:
    """sippy's getHFBody without a list of all."""
    for header in message.headers:
        if header.name == name:
            if idx == 0:
                return header.getBody()
            idx -= 1
    raise IndexError(name)


def install(agent: str) -> None:
    """Put sippy right. agent: what User-Agent and Server say."""
    SipConf.my_uaname = agent
    SipURL.getTAddr = _next_hop
    SipURL.getCopy = _copy
    for one in (_url_module, _via_module, _conf_module):
        one.dir = _has_my
    _url_module.quote = functools.lru_cache(1_000)(_url_module.quote)
    EventDispatcher.EventListener.__lt__ = _sooner
    _message_module.SipMsg.getHFBody = _body_of
    sippy_clock.clock_getdtime = time.clock_gettime
    SipTransactionManager.SipTMRetransmitO = retransmissions.answer
    for module in (SipTransactionManager, EventDispatcher, Network_server, Udp_server):
        module.dump_exception = _log_error


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its errors logged and contained: for timers and callbacks."""

    def run(*given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        except Exception:
            figures.ERRORS.labels(where=getattr(function, "__name__", "callback")).inc()
            log.exception("callback-failed", function=getattr(function, "__qualname__", str(function)))
            return None

    return run


def after(seconds: float, function: Callable[..., Any], *given: Any) -> Any:
    """Call once after so many seconds, on the SIP thread. Returns something with cancel()."""
    return Timeout(guarded(function), max(0.0, seconds), 1, *given)


def every(seconds: float, function: Callable[..., Any]) -> Any:
    """Call again and again, on the SIP thread."""
    return Timeout(guarded(function), seconds, -1)


def on_sip_thread(function: Callable[..., Any], *given: Any) -> None:
    """Have the SIP thread call it soon; may be used from any thread."""
    ED2.callFromThread(guarded(function), *given)


class UdpOptions(Udp_server.Udp_server_opts):  # type: ignore[misc]
    """No address sharing: a second process on the port must fail to start, not take half of the calls."""

    flags = 0
    nworkers = 1


class UdpServer(Udp_server.Udp_server):  # type: ignore[misc]
    """One socket: a reader thread that hands over batches through a bounded queue, and sending from the loop itself."""

    queue_bound = 4000
    max_datagram = 8000

    def __init__(self, global_config: dict[str, Any], options: Any) -> None:
        Network_server.Network_server.__init__(self, options)
        self.skt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.skt.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.skt.bind((self.uopts.laddress[0], int(self.uopts.laddress[1])))
        self.asenders = self.areceivers = ()
        self.waiting: deque[tuple[bytes, Address, Any]] = deque()
        self._called = False
        self._closing = False
        self._reader = threading.Thread(target=self._read, name="sip-reader", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._closing:
            try:
                data, source = self.skt.recvfrom(65535)
            except OSError:
                continue
            if len(data) > self.max_datagram:
                figures.DROPPED.labels(why="oversized").inc()
            elif len(data) < 32:
                figures.DROPPED.labels(why="short").inc()
            elif len(self.waiting) >= self.queue_bound or (
                len(self.waiting) >= self.queue_bound // 2 and datagrams.new_method(data)
            ):
                figures.DROPPED.labels(why="queue-full").inc()
            else:
                self.waiting.append((data, source, MonoTime()))
                self._call()

    def _call(self) -> None:
        """Have the SIP thread take what waits, once."""
        if self._called:
            return
        self._called = True
        try:
            ED2.callFromThread(self._deliver)
        except RuntimeError:  # its queue is full, or the process ends: the next datagram tries again
            self._called = False

    def _deliver(self) -> None:
        """On the SIP thread: a batch, then the loop gets its turn for timers."""
        for _ in range(_BATCH):
            try:
                data, source, rtime = self.waiting.popleft()
            except IndexError:
                break
            self.handle_read(data, Network_server.Remote_address(source, self.transport), rtime)
        self._called = False
        if self.waiting:
            self._call()

    def send_to(self, data: bytes | str, address: Any, delayed: bool = False) -> None:
        host, port = address
        if not is_ip(host) or not 0 < int(port) < 65536:
            figures.DROPPED.labels(why="no-address").inc()
            log.warning("next-hop-is-no-address", host=str(host)[:80])
            return
        try:
            self.skt.sendto(data if isinstance(data, bytes) else data.encode("utf-8", "replace"), (host, int(port)))
        except OSError as error:
            figures.DROPPED.labels(why="send-failed").inc()
            log.warning("send-failed", detail=str(error))

    def shutdown(self) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            self.skt.shutdown(socket.SHUT_RDWR)
        self._reader.join(1)
        self.skt.close()
        self.uopts.data_callback = None

    def join(self) -> None:
        self._reader.join(1)

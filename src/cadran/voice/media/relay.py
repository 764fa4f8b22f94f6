"""The media process: rtp-io, and around it a door that knows whether its controller lives.

One controller at a time. It connects to the door (a unix socket, mode 0600), says hello, is told where rtp-io takes commands,
and beats once a second. When it has not been heard for 5 seconds, stopped or gone, every session is ended, so that no call goes on
that nobody measures. When it comes back within the 5 seconds it finds the sessions of its predecessor, and clears them itself.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import prometheus_client
import structlog
from rtp.io import rtpproxy

from cadran.units import clock, errors
from cadran.voice.media import link
from cadran.voice.media.ears import Ears

SILENCE_S = 5.0
TICK_S = 0.25
STATISTICS_EVERY_S = 5.0
_KEEPER = "keeper"
MAX_LINE_BYTES = 4096
log = structlog.get_logger()

_SESSIONS = prometheus_client.Gauge(
    "cadran_voice_media_sessions", "Sessions open in the relay", multiprocess_mode="livemostrecent"
)
_PACKETS = prometheus_client.Gauge(
    "cadran_voice_media_packets_relayed", "RTP packets relayed since the start", multiprocess_mode="livemostrecent"
)
_CLEARED = prometheus_client.Counter(
    "cadran_voice_media_controller_lost", "Times that every session was ended because the controller was silent"
)
_IDLE = prometheus_client.Counter("cadran_voice_media_sessions_idle", "Sessions ended for lack of packets")


class MediaCannotStart(errors.CadranError):
    """The media process cannot take its socket or its ports."""

    error_id = "voice-media-cannot-start"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOptions:
    """door: path of the unix socket. host: address of the relay's ports. idle_s: life of a session without packets, which must
    outlast a call on hold; setup_s: the same before the call is answered."""

    door: Path
    host: str
    port_min: int
    port_max: int
    idle_s: int = 300
    setup_s: int = 300
    silence_s: float = SILENCE_S

    @property
    def relay_path(self) -> Path:
        return link.relay_beside(self.door)

    @property
    def prompts(self) -> Path:
        """Where the controller puts the files that the relay plays."""
        return link.prompts_beside(self.door)


class Relay:
    """rtp-io in this process. Only one in each process: its code keeps global state."""

    def __init__(self, options: RelayOptions) -> None:
        options.prompts.mkdir(parents=True, exist_ok=True, mode=0o700)
        remove_stale(options.relay_path)
        os.chdir(options.prompts)
        self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # never read: what nobody should hear is sent here
        self.sink.bind((options.host, 0))
        arguments = ["-F", "-l", options.host, "-m", options.port_min, "-M", options.port_max, "-T", options.idle_s]
        arguments += ["-W", options.setup_s, "-d", "crit", "-s", f"cunix:{options.relay_path}"]
        before = os.umask(0o177)
        try:
            self._proxy = rtpproxy(modules=("catch_dtmf",), extra_args=[str(a) for a in arguments])
        except Exception as why:
            raise MediaCannotStart(f"rtp-io does not start: {why}") from why
        finally:
            os.umask(before)
        os.chmod(options.relay_path, 0o600)
        self.notify_name: str = self._proxy.rtpp_nsock_spec
        self.notifications: socket.socket = self._proxy.rtpp_nsock
        self._commands: socket.socket = self._proxy.rtpp_sock
        self._commands.settimeout(2.0)
        self._keeper = (options.host, options.port_min)

    def ask(self, command: str) -> str:
        """One command by the inner socket, and its answer. Raises OSError when the relay does not answer."""
        self._commands.send(command.encode() + b"\n")
        return self._commands.recv(4096).decode("ascii", "replace").strip()

    def end_all(self) -> None:
        self.ask("X")

    def let_go(self) -> None:
        """Make rtp-io close the ports of sessions that ended: it does so only when a packet comes or a session begins, so that a
        relay whose ports were all in use would never have one again. A session of our own gets packets for that, RTP and RTCP."""
        host, port = self._keeper
        for one in (port, port + 1):
            self.sink.sendto(b"\0", (host, one))
        host, port = self.sink.getsockname()
        answer = self.ask(f"Ua {_KEEPER} {host} {port} a").split()
        if answer[0].isdigit():
            self._keeper = (host, int(answer[0]))

    def numbers(self) -> dict[str, int]:
        """Sessions open now and packets relayed since the start."""
        made, ended, relayed = (
            int(float(x)) for x in self.ask("G nsess_created nsess_destroyed npkts_relayed").split()
        )
        return {"sessions": max(0, made - ended - 1), "packets_relayed": relayed}


class Door:
    """Lets one controller in and ends all sessions when it has been silent for too long."""

    def __init__(self, options: RelayOptions, relay: Relay, clock_: clock.MonotonicClock | None = None) -> None:
        self._options, self._relay, self._clock = options, relay, clock_ or clock.BootClock()
        self._selector = selectors.DefaultSelector()
        self._listener = listening(options.door)
        self._controller: socket.socket | None = None
        self._heard_at: float | None = None  # None: nobody was heard since the sessions were last ended
        self._next_tick = self._next_statistics = 0.0
        self._unread: dict[socket.socket, bytes] = {}
        self._half_told = b""
        self._ears = Ears(self._selector, self._tell, options.prompts, self._clock)
        self._selector.register(self._listener, selectors.EVENT_READ, self._enter)
        self._selector.register(relay.notifications, selectors.EVENT_READ, self._notified)

    def serve(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            for key, _ in self._selector.select(TICK_S):
                handler: Callable[[socket.socket], None] = key.data
                handler(key.fileobj)  # type: ignore[arg-type]
            if self._clock.seconds() >= self._next_tick:
                self._next_tick = self._clock.seconds() + TICK_S
                self.tick()
        self._ears.close()
        for one in (self._listener, *self._unread):
            one.close()
        self._relay.end_all()
        for path in (self._options.door, self._options.relay_path):
            path.unlink(missing_ok=True)

    def tick(self) -> None:
        """End all sessions if the controller has not been heard for too long; refresh the statistics now and then."""
        now = self._clock.seconds()
        if self._heard_at is not None and now - self._heard_at >= self._options.silence_s:
            self._relay.end_all()
            self._ears.close()
            self._heard_at = None
            _CLEARED.inc()
            log.warning("media_controller_silent", silence_s=self._options.silence_s, action="all sessions ended")
            if self._controller is not None:
                self._leave(self._controller)
        self._relay.let_go()
        self._ears.tick()
        if now >= self._next_statistics:
            self._next_statistics = now + STATISTICS_EVERY_S
            numbers = self._relay.numbers()
            _SESSIONS.set(numbers["sessions"])
            _PACKETS.set(numbers["packets_relayed"])

    def _enter(self, listener: socket.socket) -> None:
        guest, _ = listener.accept()
        guest.setblocking(False)
        self._unread[guest] = b""
        self._selector.register(guest, selectors.EVENT_READ, self._heard)

    def _heard(self, guest: socket.socket) -> None:
        try:
            data = guest.recv(MAX_LINE_BYTES)
        except OSError:
            data = b""
        *lines, left = (self._unread[guest] + data).split(b"\n")
        if not data or len(left) > MAX_LINE_BYTES:
            return self._leave(guest)
        self._unread[guest] = left
        for line in lines:
            if line == b"hello":
                self._greet(guest)
            if guest is self._controller:
                self._heard_at = self._clock.seconds()
                if line not in (b"beat", b"hello", b""):
                    self._ears.asked(line.decode("ascii", "replace"))
                else:
                    self._say(guest, "heard")
        return None

    def _greet(self, guest: socket.socket) -> None:
        if self._controller not in (None, guest):
            log.warning("media_second_controller_refused")
            self._say(guest, "busy")
            return
        self._controller = guest
        self._ears.close()  # a predecessor's lines
        host, port = self._relay.sink.getsockname()
        log.info("media_controller_connected")
        self._say(guest, f"welcome {host} {port} {self._relay.notify_name}")

    def _notified(self, notifications: socket.socket) -> None:
        """rtp-io tells `<tag>` of a session that ended for lack of packets, `<tag> <digit> <volume> <duration> <side>` of a digit.
        Digits are never logged: they may be a PIN."""
        *lines, self._half_told = (self._half_told + notifications.recv(65536)).split(b"\n")
        for line in lines:
            tag, *digit = line.decode("ascii", "replace").split() or [""]
            if tag and not digit:
                _IDLE.inc()
                log.info("media_session_idle", call=tag)
            if tag:
                self._tell(f"digit {tag} {digit[0]}" if digit else f"ended {tag}")

    def _tell(self, line: str) -> None:
        """To the controller, if there is one."""
        if self._controller is not None:
            self._say(self._controller, line)

    def _say(self, guest: socket.socket, line: str) -> None:
        with contextlib.suppress(OSError):
            guest.send(line.encode() + b"\n")

    def _leave(self, guest: socket.socket) -> None:
        """The silence goes on counting from what was last heard."""
        self._selector.unregister(guest)
        del self._unread[guest]
        guest.close()
        if guest is self._controller:
            self._controller = None
            log.info("media_controller_disconnected")


def remove_stale(path: Path) -> None:
    """Remove a socket that a crash left. Raises MediaCannotStart when somebody still listens there, or it is no socket."""
    if len(os.fsencode(path)) > 100:
        raise MediaCannotStart(f"{path} is too long for a socket (100 bytes): choose a shorter state folder")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        return
    if not path.is_socket():
        raise MediaCannotStart(f"{path} is in the way: it is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise MediaCannotStart(f"another media process listens at {path}: stop it first")


def listening(path: Path) -> socket.socket:
    """A unix socket that only this user may connect to."""
    remove_stale(path)
    fresh = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        fresh.bind(str(path))
    finally:
        os.umask(before)
    fresh.listen(8)
    fresh.setblocking(False)
    return fresh


def run(options: RelayOptions) -> None:
    """Be the media process until SIGTERM or SIGINT. Never returns: rtp-io's threads hold nothing worth a tidy end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    remove_stale(options.door)
    relay = Relay(options)
    door = Door(options, relay)
    log.info("media_ready", host=options.host, ports=f"{options.port_min}-{options.port_max}", pid=os.getpid())
    door.serve(stop)
    log.info("media_stopped")
    os._exit(0)

"""The controller's side of the connection to the media process: two unix sockets, watched by one thread.

The door (settings.MEDIA_SOCKET) belongs to the process around the relay: `hello` is answered by `welcome` or `busy`, then a `beat`
each second says that the controller lives, and `heard` that the door does; it tells which sessions ended by themselves, `ended <tag>`,
and which digits came, `digit <tag> <digit>`. What it can be asked about the sound of a line: see ears.py.
The relay's own socket takes commands, one line each, and answers them in order.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

RETRY_S = 1.0
EARS = "127.0.0.1"  # where the media process hears copies of what is said: never reachable from outside
CONNECT_TIMEOUT_S = 2.0
MAX_PENDING_BYTES = 1 << 20
log = structlog.get_logger()


def relay_beside(door: Path) -> Path:
    """The socket at which the relay itself takes commands."""
    return door.with_name(door.stem + "-relay.sock")


def prompts_beside(door: Path) -> Path:
    """The folder of what the relay plays."""
    return door.with_name("prompts")


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the door says: where unwanted audio can be sent, and whom the relay notifies."""

    sink: tuple[str, int]
    notify: str


class LinkLost(OSError):
    """A socket of the connection is closed, or said something that cannot be understood."""


class Link(threading.Thread):
    """Connects, reads, and connects again a second after each loss, until `close`.

    `post(function, *arguments)` runs functions on the owner's thread. There, `up(greeting)`, then any number of
    `replies(lines)` and `notices(lines)`, then `down()`. The owner writes with `command` and `beat` on its own thread.
    """

    def __init__(
        self,
        path: Path,
        post: Callable[..., None],
        *,
        up: Callable[[Greeting], None],
        replies: Callable[[list[str]], None],
        notices: Callable[[list[str]], None],
        down: Callable[[], None],
    ) -> None:
        super().__init__(name="media-link", daemon=True)
        self._path, self._post = path, post
        self._up, self._replies, self._notices, self._down = up, replies, notices, down
        self._door: socket.socket | None = None
        self._relay: socket.socket | None = None
        self._closed = threading.Event()
        self._writing = threading.Lock()
        self._unsent: dict[socket.socket, bytearray] = {}
        self._heard_wake, self._wake = socket.socketpair()

    def command(self, line: str) -> bool:
        """Write one command line; False when the connection is lost, or a megabyte is waiting to be read at the other end."""
        return self._write(self._relay, line)

    def beat(self) -> bool:
        return self.tell("beat")

    def tell(self, line: str) -> bool:
        """Write one line to the door."""
        return self._write(self._door, line)

    def drop(self) -> None:
        """Give the connection up; `down` follows."""
        for one in (self._door, self._relay):
            if one is not None:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError as why:
                    log.debug("media_link_already_down", reason=str(why))

    def close(self) -> None:
        """For good."""
        self._closed.set()
        self.drop()

    def run(self) -> None:
        refused = ""
        while not self._closed.is_set():
            try:
                greeting = self._connect()
            except (OSError, ValueError) as why:
                if str(why) != refused:
                    log.warning("media_unreachable", socket=str(self._path), reason=str(why))
                    refused = str(why)
                self._disconnect()
            else:
                refused = ""
                self._post(self._up, greeting)
                self._read()
                self._disconnect()
                self._post(self._down)
            self._closed.wait(RETRY_S)
        self._wake.close()
        self._heard_wake.close()

    def _connect(self) -> Greeting:
        door = self._door = _connected(str(self._path))
        door.sendall(b"hello\n")
        said = b""
        while b"\n" not in said and len(said) < 1024 and (more := door.recv(1024)):
            said += more
        word, *rest = said.decode("ascii", "replace").split("\n", 1)[0].split() or ["silence"]
        if word != "welcome" or len(rest) != 3:
            raise LinkLost(f"the media process answers {word!r}: it serves one controller at a time")
        greeting = Greeting((rest[0], int(rest[1])), rest[2])
        self._relay = _connected(str(relay_beside(self._path)))
        for one in (door, self._relay):
            one.settimeout(None)
        return greeting

    def _read(self) -> None:
        door, relay = self._door, self._relay
        assert door is not None
        assert relay is not None
        left = {door: b"", relay: b""}
        handlers = {door: self._notices, relay: self._replies}
        waiting = select.poll()  # select() itself knows no descriptor beyond 1023
        known = {one.fileno(): one for one in (door, relay, self._heard_wake)}
        waiting.register(self._heard_wake, select.POLLIN)
        while True:
            for one in (door, relay):
                waiting.register(one, select.POLLIN | (select.POLLOUT if self._unsent.get(one) else 0))
            for one, event in [(known[number], event) for number, event in waiting.poll()]:
                if event & select.POLLOUT and not self._flush(one):
                    return
                if one is self._heard_wake:
                    one.recv(4096)
                if one is self._heard_wake or not event & ~select.POLLOUT:
                    continue
                try:
                    data = one.recv(65536)
                except OSError:
                    return
                *lines, left[one] = (left[one] + data).split(b"\n")
                if not data or len(left[one]) > MAX_PENDING_BYTES:
                    return
                if lines:
                    self._post(handlers[one], [line.decode("ascii", "replace").strip() for line in lines])

    def _disconnect(self) -> None:
        door, relay, self._door, self._relay = self._door, self._relay, None, None
        with self._writing:
            self._unsent.clear()
        for one in (door, relay):
            if one is not None:
                one.close()

    def _write(self, where: socket.socket | None, line: str) -> bool:
        """What cannot be written at once is kept for this thread: 280 short lines fill a socket of which nobody reads for a moment."""
        if where is None:
            return False
        data = line.encode("ascii") + b"\n"
        with self._writing:
            if unsent := self._unsent.get(where):
                unsent += data
                return len(unsent) <= MAX_PENDING_BYTES
            try:
                sent = where.send(data, socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            except OSError:
                return False
            if sent < len(data):
                self._unsent[where] = bytearray(data[sent:])
                with contextlib.suppress(OSError):  # it is awake already, or has ended
                    self._wake.send(b"\0", socket.MSG_DONTWAIT)
        return True

    def _flush(self, where: socket.socket) -> bool:
        with self._writing:
            unsent = self._unsent.get(where, bytearray())
            try:
                del unsent[: where.send(unsent, socket.MSG_DONTWAIT)]
            except BlockingIOError:
                return True
            except OSError:
                return False
        return True


def _connected(path: str) -> socket.socket:
    fresh = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    fresh.settimeout(CONNECT_TIMEOUT_S)
    try:
        fresh.connect(path)
    except OSError:
        fresh.close()
        raise
    return fresh

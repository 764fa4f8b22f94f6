"""The controller's side of the connection to the media process: two unix sockets, watched by one thread.

The door (settings.MEDIA_SOCKET) belongs to the process around the relay: `hello` is answered by `welcome` or `busy`, then a `beat`
each second says that the controller lives, and `heard` that the door does; it tells which sessions ended by themselves, `ended <tag>`,
and which digits came, `digit <tag> <digit>`. What it can be asked about the sound of a line: see ears.py.
The relay's own socket takes commands, one line each, and answers them in order.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    def command(self, line: str) -> bool:
        """Write one command line; False when the connection is lost or stuck."""
        return _write(self._relay, line)

    def beat(self) -> bool:
        return self.tell("beat")

    def tell(self, line: str) -> bool:
        """Write one line to the door."""
        return _write(self._door, line)

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
        known = {one.fileno(): one for one in (door, relay)}
        for one in known.values():
            waiting.register(one, select.POLLIN)
        while True:
            for one in (known[number] for number, _ in waiting.poll()):
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
        for one in (door, relay):
            if one is not None:
                one.close()


def _connected(path: str) -> socket.socket:
    fresh = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    fresh.settimeout(CONNECT_TIMEOUT_S)
    try:
        fresh.connect(path)
    except OSError:
        fresh.close()
        raise
    return fresh


def _write(where: Any, line: str) -> bool:
    data = line.encode("ascii") + b"\n"
    try:
        return where is not None and where.send(data, socket.MSG_DONTWAIT) == len(data)
    except OSError:
        return False

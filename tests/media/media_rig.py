"""A relay process, sippy's loop in the test, and phones that are mere UDP sockets."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sippy.Core.EventDispatcher import ED2

from cadran import settings

HOST = "127.0.0.1"
LOW = settings.RTP_PORT_MIN + 1000
HIGH = LOW + 198


def drive(until: Callable[[], Any], timeout_s: float = 10) -> Any:
    """Run sippy's loop until something is true, and return it."""
    end = time.monotonic() + timeout_s
    while not (result := until()):
        assert time.monotonic() < end, "it did not come about in time"
        ED2.loop(0.01)
    return result


class RelayProcess:
    """`cadran media` without the command line, so that the rule of 5 seconds can be tried in less."""

    def __init__(self, folder: Path, silence_s: float = 2.5, idle_s: int = 60, low: int = LOW) -> None:
        self.low = low
        self.folder, self.door = folder, folder / "media.sock"
        self.silence_s, self.idle_s = silence_s, idle_s
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> RelayProcess:
        program = (
            "from pathlib import Path; from cadran.voice.media import relay; relay.run(relay.RelayOptions("
            f"door=Path({str(self.door)!r}), host={HOST!r}, port_min={self.low}, port_max={self.low + 198}, "
            f"silence_s={self.silence_s}, idle_s={self.idle_s}, setup_s={self.idle_s}))"
        )
        self.process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
        return self

    def ready(self) -> RelayProcess:
        """Wait until it lets controllers in."""
        drive(self._answers)
        return self

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self.door)) == 0

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def hang(self) -> None:
        """Stop it with SIGSTOP, and wait until the system has: a signal takes effect in its own time."""
        self.signal(signal.SIGSTOP)
        assert self.process is not None
        threads = list(Path(f"/proc/{self.process.pid}/task").glob("*/stat"))
        drive(lambda: all(one.read_text().rpartition(")")[2].split()[0] == "T" for one in threads))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(10)


class Phone:
    """One RTP port. It sends packets whose payload is all one letter, and reads letters."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)
        self.sent = 0

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def sdp(self, formats: str = "8 0 101", extra: str = "a=sendrecv\r\n", address: str = HOST) -> str:
        return (
            f"v=0\r\no=phone 1 1 IN IP4 {address}\r\ns=call\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP {formats}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
            f"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n{extra}"
        )

    def say(self, letter: str, port: int, count: int = 1) -> None:
        for _ in range(count):
            self.sent += 1
            header = struct.pack("!BBHII", 0x80, 8, self.sent, self.sent * 160, ord(letter))
            self.socket.sendto(header + letter.encode() * 160, (HOST, port))

    def packets(self) -> list[bytes]:
        read = []
        while True:
            try:
                read.append(self.socket.recv(2048))
            except BlockingIOError:
                return read

    def heard(self) -> str:
        return "".join(dict.fromkeys(chr(packet[20]) for packet in self.packets()))


class Box:
    """Keeps what a callback was given."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __call__(self, value: Any = None) -> None:
        self.values.append(value)

    def get(self, timeout_s: float = 5) -> Any:
        drive(lambda: self.values, timeout_s)
        return self.values[-1]


def ask(method: Callable[..., None], *arguments: Any) -> Any:
    """Call a method whose last argument is `done`, and return what done was given."""
    box = Box()
    method(*arguments, box)
    assert not box.values, "done was called before the method returned"
    return box.get()

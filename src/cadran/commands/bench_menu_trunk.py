"""The carrier of `cadran bench menu`: calls the access number for its callers, and gets the calls that they dial, which it refuses as
busy. What was dialled is thus seen number by number, from outside."""

from __future__ import annotations

import contextlib
import random
import re
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cadran.commands import bench_menu_load, bench_menu_seed, bench_plane
from cadran.commands.bench_menu_load import Caller

ANSWER_S = 15.0
ARRIVES_S = 10.0  # a sentence is said before the call goes out
CALLS_PER_S = 50
AFTER_STAR_S, AFTER_BUSY_S, KEY_S = 0.6, 1.0, 0.16
_PORT = re.compile(r"^m=audio (\d+)", re.MULTILINE)
_NUMBER = re.compile(r"sip:\+?(\d+)@")


@dataclass(slots=True)
class _Dialog:
    """A caller's call. remote: the To line once it is answered."""

    call_id: str
    local: str
    branch: str
    remote: str = ""
    over: bool = False


@dataclass(slots=True)
class Trunk:
    """One socket, on which requests go both ways. `busy`: the numbers that each calling number's owner was connected to."""

    port: int
    sip_port: int
    busy: dict[str, list[str]] = field(default_factory=dict)
    _socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    _dialogs: dict[str, _Dialog] = field(default_factory=dict)
    _ports: dict[str, int] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((bench_plane.HOST, self.port))
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def call(self, all_callers: Sequence[Caller]) -> None:
        """All of them call and are answered. Raises BenchCannotRun."""
        uri, ids = f"sip:+{bench_menu_seed.ACCESS}@{bench_plane.HOST}:{self.sip_port}", []
        for number, one in enumerate(all_callers):
            calling = bench_menu_seed.NUMBER + number
            dialog = _Dialog(
                secrets.token_hex(8),
                f"<sip:+{calling}@carrier.example>;tag={secrets.token_hex(4)}",
                f"z9hG4bK{secrets.token_hex(8)}",
            )
            self._dialogs[dialog.call_id] = dialog
            ids.append(dialog.call_id)
            self._request("INVITE", uri, dialog, f"<{uri}>", one.offer)
            self._hear_for(1 / CALLS_PER_S)
        end = time.monotonic() + ANSWER_S
        while len(self._ports) < len(ids) and time.monotonic() < end:
            self._hear_for(0.05)
        if len(self._ports) < len(ids):
            raise bench_plane.BenchCannotRun(f"{len(ids) - len(self._ports)} of {len(ids)} calls were not answered")
        bench_menu_load.connect(all_callers, [self._ports[one] for one in ids])

    def hang_up(self) -> None:
        answered = [one for one in self._dialogs.values() if one.remote]
        for dialog in answered:
            dialog.branch = f"z9hG4bK{secrets.token_hex(8)}"
            self._request("BYE", f"sip:{bench_plane.HOST}:{self.sip_port}", dialog, dialog.remote)
        end = time.monotonic() + ANSWER_S
        while not all(one.over for one in answered) and time.monotonic() < end:
            self._hear_for(0.05)

    def hear(self) -> None:
        """Answer whatever has come."""
        while True:
            try:
                text = self._socket.recv(65535).decode("utf-8", "replace")
            except OSError:
                return
            if text.startswith("SIP/2.0"):
                self._answered(text)
            elif " " in text:
                self._requested(text)

    def _hear_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.hear()
            time.sleep(0.002)

    def _answered(self, text: str) -> None:
        dialog = self._dialogs.get(_header(text, "Call-ID"))
        code, method = int(text[8:11]), _header(text, "CSeq").partition(" ")[2]
        if dialog is None or code < 200:
            return
        if method == "BYE":
            dialog.over = True
        elif code == 200:
            dialog.remote = _header(text, "To")
            if found := _PORT.search(text):
                self._ports[dialog.call_id] = int(found[1])
            self._request("ACK", f"sip:{bench_plane.HOST}:{self.sip_port}", dialog, dialog.remote)

    def _requested(self, text: str) -> None:
        method = text.partition(" ")[0]
        if method == "ACK":
            return
        if method != "INVITE":
            self._respond(text, "200 OK")
            return
        dialled, calling = _NUMBER.search(text), _NUMBER.search(_header(text, "From"))
        if dialled and calling and _header(text, "Call-ID") not in self._seen:
            self._seen.add(_header(text, "Call-ID"))
            self.busy.setdefault(calling[1], []).append(dialled[1])
        self._respond(text, "486 Busy Here")

    def _request(self, method: str, uri: str, dialog: _Dialog, remote: str, body: str = "") -> None:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        branch = f"z9hG4bK{secrets.token_hex(8)}" if method == "ACK" else dialog.branch
        self._send(
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {bench_plane.HOST}:{self.port};rport;branch={branch}\r\n"
            f"Max-Forwards: 70\r\nFrom: {dialog.local}\r\nTo: {remote}\r\nCall-ID: {dialog.call_id}\r\n"
            f"CSeq: {2 if method == 'BYE' else 1} {method}\r\nContact: <sip:trunk@{bench_plane.HOST}:{self.port}>\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _respond(self, request: str, status: str) -> None:
        vias = "".join(f"{line}\r\n" for line in request.split("\r\n") if line.startswith("Via:"))
        to = _header(request, "To")
        self._send(
            f"SIP/2.0 {status}\r\n{vias}From: {_header(request, 'From')}\r\nTo: {to}{'' if 'tag=' in to else ';tag=b'}\r\n"
            f"Call-ID: {_header(request, 'Call-ID')}\r\nCSeq: {_header(request, 'CSeq')}\r\nContent-Length: 0\r\n\r\n"
        )

    def _send(self, text: str) -> None:
        with contextlib.suppress(BlockingIOError):
            self._socket.sendto(text.encode(), (bench_plane.HOST, self.sip_port))


class Numbers(bench_menu_load.Silent):
    """Each caller begins a number, takes it back with star, dials another with hash, and once it was found busy the next one."""

    continuous = False

    def __init__(self, trunk: Trunk, all_callers: Sequence[Caller]) -> None:
        self._trunk = trunk
        self._chance = random.Random(21)  # noqa: S311 - the same load each time
        self._calling = {id(one): str(bench_menu_seed.NUMBER + number) for number, one in enumerate(all_callers)}
        self._keys: dict[int, list[str]] = {id(one): [] for one in all_callers}
        self._at: dict[int, float] = dict.fromkeys(self._keys, 0.0)
        self.wished: dict[str, list[str]] = {number: [] for number in self._calling.values()}

    def next_key(self, one: Caller, now: float) -> str:
        me = id(one)
        if not self._at[me]:
            self._at[me] = now + self._chance.uniform(0.2, 2.0)
        if now < self._at[me] or one.awaited:
            return ""
        if not self._keys[me]:
            mine = self._calling[me]
            if len(self._trunk.busy.get(mine, ())) < len(self.wished[mine]):
                self._at[me] = now + AFTER_BUSY_S  # it is not found busy yet
                return ""
            number = f"0142{self._chance.randrange(10**6):06}"
            self.wished[mine].append("33" + number[1:])
            self._keys[me] = [*f"{self._chance.randrange(10**4):04}", "*", *number, "#"]
        key = self._keys[me].pop(0)
        self._at[me] = now + {"*": AFTER_STAR_S, "#": AFTER_BUSY_S}.get(key, KEY_S)
        return key

    def pressed(self, one: Caller, key: str) -> bool:
        return key in "*#"

    def answered(self, one: Caller, packet: bytes) -> bool:
        return True

    def turn(self) -> None:
        self._trunk.hear()

    def settle(self) -> None:
        """Wait until what was dialled to its end has arrived, or not."""
        end = time.monotonic() + ARRIVES_S
        while any(self.wrong()[:2]) and time.monotonic() < end:
            self._trunk.hear()
            time.sleep(0.02)

    def wrong(self) -> tuple[int, int, int]:
        """Of all numbers whose hash was dialled: digits that arrived wrong, lost or too many, numbers that never arrived, and how many
        digits there are."""
        faults = missing = digits = 0
        for me, mine in self._calling.items():
            wished = self.wished[mine][: len(self.wished[mine]) - bool(self._keys[me])]
            got = self._trunk.busy.get(mine, [])
            digits += sum(map(len, wished))
            strange = [one for one in got if one not in wished]
            left = [one for one in wished if one not in got]
            faults += sum(bench_menu_load.apart(*pair) for pair in zip(left, strange, strict=False))
            missing += max(0, len(left) - len(strange))
        return faults, missing, digits


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", text, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""

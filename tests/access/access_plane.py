"""What calls to access numbers are tested with: a plane whose prompts are three packets long and each its own, so that a recording
says word for word what was played; callers and called persons that record every packet."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import sqlite3
import struct
import threading
import time
import wave
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cadran.voice.media import g711
from cadran.voice.media import prompts as shelf
from voice import sip_plane
from voice.sip_peer import Dialog, Message, Peer, parse, sdp
from voice.sip_plane import HOST, ROOT, Plane, wait_until

PACKETS = 3
STRANGE = "127.0.0.2"  # a carrier that vouches for nobody and delivers calls from abroad
SILENCE = b"\xd5" * 160
CREDIT = {"ada": 10_000_000, "bea": 1_000_000, "cleo": 20_000, "dora": 100_000, "emma": 500_000, "fay": 2_000_000}


@dataclass
class AccessPlane(Plane):
    """charging, media and SIP with KRYPTOOW's access numbers. `callee_ports`: where its two carriers lie, tried in this order."""

    callee_ports: tuple[int, int] = (0, 0)
    words: dict[bytes, tuple[str, int]] = field(default_factory=dict)

    def prepare(self) -> None:
        brands = self.var / "folders"
        for brand in ("ippi", "kryptoow"):
            shutil.copytree(ROOT / "brands" / brand, brands / brand)
        self.words = record_prompts(brands / "kryptoow" / "prompts")
        first, second = self.callee_ports
        (brands / "kryptoow" / "carriers.toml").write_text(
            f'[[carrier]]\nname="first"\naddress="{HOST}:{first}"\npriority=1\nany_port=true\nvouches=true\n'
            f'[[carrier]]\nname="second"\naddress="{HOST}:{second}"\npriority=2\nany_port=true\nvouches=true\n'
            f'[[carrier]]\nname="strange"\naddress="{STRANGE}:9"\noutbound=false\nany_port=true\nfrom_abroad=true\n'
        )
        (brands / "ippi" / "carriers.toml").write_text("")
        terms = brands / "kryptoow" / "terms" / "2018-01.toml"
        _change(terms, 'value = ["email", "identity-document"]', 'value = ["email"]')
        for name, value in {"calls.warning_s": 1, "calls.first_increment_s": 1, "calls.next_increment_s": 1}.items():
            _set(terms, name, value)
        _set(terms, "calls.first_grant_min_s", 2)
        self.env |= {"CADRAN_BRANDS": str(brands), "CADRAN_SIP_HEARTBEAT_S": "1"}
        self.accounts = json.loads(self._seed("base"))
        self.start("charging")
        wait_until(lambda: (self.var / "run" / "charging.sock").exists(), 45, "charging")
        self._seed("wallets", json.dumps(self.accounts), json.dumps(CREDIT))
        self.start("media")
        self.start("sip")
        self.wait_ready()
        wait_until(lambda: '"access-numbers"' in self.log("sip"), 15, "access numbers", self)

    @property
    def seed_file(self) -> Path:
        return Path(__file__).with_name("seed.py")

    def cdrs(self, name: str) -> list[dict[str, object]]:
        """The call records of a customer, latest first, as the file holds them."""
        statement = "SELECT * FROM charging_cdr WHERE account = ? ORDER BY ended_at DESC, position DESC"
        return self.rows("charging.db", statement, self.accounts[name])

    def rows(self, file: str, statement: str, *values: object) -> list[dict[str, object]]:
        """Read one of the installation's files beside its processes."""
        with contextlib.closing(sqlite3.connect(self.var / file)) as connection:
            connection.row_factory = sqlite3.Row
            found = [dict(row) for row in connection.execute(statement, values)]
        for row in found:
            row |= json.loads(str(row.pop("body", "{}")))
        return found

    def said(self, packets: Iterable[bytes]) -> list[str]:
        """The prompts in the order in which they were played, each from its first packet on; a loop is told once."""
        found: list[str] = []
        for packet in packets:
            known = self.words.get(packet)
            if known is not None and known[1] == 0 and (not found or found[-1] != known[0]):
                found.append(known[0])
        return found

    def place(self, heard: npt.NDArray[np.int16], prompt: str) -> int | None:
        """Where a prompt begins in a recording, one of its three packets may be lost; None where it was not played."""
        path = self.var / "folders" / "kryptoow" / "prompts" / f"{prompt}.wav"
        word = np.frombuffer(path.read_bytes()[44:], "<i2").astype(float)
        samples = heard.astype(float)
        likeness = np.correlate(samples, word, "valid")
        loudness = np.sqrt(np.convolve(samples**2, np.ones(len(word)), "valid") * np.sum(word**2))
        found = int(np.argmax(likeness / np.maximum(loudness, 1.0)))
        return found if likeness[found] > 0.45 * loudness[found] else None


def record_prompts(folder: Path) -> dict[bytes, tuple[str, int]]:
    """A recording of noise for every prompt that Cadran ships; which packet belongs to which."""
    words: dict[bytes, tuple[str, int]] = {}
    for number, path in enumerate(sorted(shelf.RECORDINGS.glob("*/*.wav"))):
        samples = np.random.default_rng(number).integers(-8000, 8000, 160 * PACKETS).astype("<i2")
        target = folder / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(target), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(samples.tobytes())
        coded = g711.to_alaw(samples)
        for place in range(PACKETS):
            words[coded[place * 160 : place * 160 + 160]] = (f"{path.parent.name}/{path.stem}", place)
    return words


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, path
    path.write_text(text.replace(old, new))


def _set(path: Path, name: str, value: int) -> None:
    text, changed = re.subn(rf"(\[{re.escape(name)}\]\nvalue = )\d+", rf"\g<1>{value}", path.read_text())
    assert changed == 1, name
    path.write_text(text)


class Ear:
    """An RTP socket: sends silence every 20 ms, digits by RFC 4733 when asked, and keeps every packet of sound."""

    def __init__(self, host: str = HOST) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(0.01)
        self.port = self.socket.getsockname()[1]
        self.packets: list[bytes] = []
        self.at: list[float] = []
        self.target: tuple[str, int] | None = None
        self.sound = SILENCE
        self._digits: list[str] = []
        self._closed = False
        self._sequence, self._stamp = secrets.randbelow(30_000), secrets.randbelow(1 << 30)
        threading.Thread(target=self._run, daemon=True).start()

    def dial(self, digits: str) -> None:
        self._digits += list(digits)

    def close(self) -> None:
        self._closed = True

    def _run(self) -> None:
        due = time.monotonic()
        while not self._closed:
            try:
                data = self.socket.recv(2048)
                if len(data) == 172 and data[1] & 127 == 8:
                    self.packets.append(data[12:])
                    self.at.append(time.monotonic())
            except TimeoutError:
                pass
            if time.monotonic() >= due and self.target is not None:
                due = max(due + 0.02, time.monotonic() - 0.1)
                self._send(8, self.sound)
                if self._digits:
                    self._press(self._digits.pop(0))
        self.socket.close()

    def _press(self, digit: str) -> None:
        """One event: three packets while it is pressed, three that it has ended."""
        event, stamp = "0123456789*#".index(digit), self._stamp
        for ended, duration in ((0, 160), (0, 320), (0, 480), (128, 640), (128, 640), (128, 640)):
            self._send(101, struct.pack("!BBH", event, ended | 10, duration), stamp)
        self._stamp += 800

    def _send(self, kind: int, payload: bytes, stamp: int | None = None) -> None:
        assert self.target is not None
        self._sequence = self._sequence + 1 & 0xFFFF
        if stamp is None:
            stamp = self._stamp = self._stamp + 160 & 0xFFFFFFFF
        head = struct.pack("!BBHII", 0x80, kind, self._sequence, stamp, self.port)
        self.socket.sendto(head + payload, self.target)


def target_of(text: str) -> tuple[str, int]:
    """Where a session description wants its sound."""
    host = re.search(r"c=IN IP4 (\S+)", text)
    port = re.search(r"m=audio (\d+)", text)
    assert host
    assert port
    return host[1], int(port[1])


class Caller(Peer):
    """Somebody on the public network who calls an access number through a carrier."""

    def __init__(self, plane: AccessPlane, number: str, *, host: str = HOST) -> None:
        super().__init__("trunk", (HOST, plane.sip_port))
        self.socket.close()
        self.rtp.close()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port, self.host = self.socket.getsockname()[1], host
        self.plane, self.number = plane, number
        self.ear = Ear()
        self.call: Dialog | None = None

    def invite(  # type: ignore[override]
        self, target: str = "33199000100", *, extra: dict[str, str] | None = None, user: str = ""
    ) -> Dialog:
        uri = f"sip:+{target}@{HOST}:{self.plane.sip_port}"
        headers = {
            "From": f"<sip:{user or '+' + self.number}@carrier.example>;tag={secrets.token_hex(4)}",
            "To": f"<{uri}>",
            "Call-ID": secrets.token_hex(8),
            "CSeq": "1 INVITE",
            "Contact": f"<sip:trunk@{self.host}:{self.port}>",
            **(extra or {}),
        }
        self.last_invite = self.request("INVITE", uri, headers, sdp(self.ear.port))
        self.call = Dialog(headers["Call-ID"], headers["From"], headers["To"], uri)
        return self.call

    def request(self, method: str, uri: str, headers: dict[str, str], body: str = "") -> str:
        via = {"Via": f"SIP/2.0/UDP {self.host}:{self.port};rport;branch=z9hG4bK{secrets.token_hex(8)}"}
        return super().request(method, uri, via | headers, body)

    def connect(self, target: str = "33199000100", **given: object) -> Message:
        """Call, and be answered; digits and sound go from now on."""
        call = self.invite(target, **given)  # type: ignore[arg-type]
        final = self.expect(200, 183, timeout_s=8)
        self.ear.target = target_of(final.body)
        if final.code == 200:
            self.acknowledge(call, final)
        return final

    @property
    def heard(self) -> list[str]:
        return self.plane.said(self.ear.packets)

    def wait_heard(self, prompt: str, times: int = 1, timeout_s: float = 6.0) -> list[str]:
        """Wait until a prompt has been heard so often."""
        end = time.monotonic() + timeout_s
        while self.heard.count(prompt) < times:
            assert time.monotonic() < end, f"{prompt} not within {timeout_s} s, but {self.heard}"
            time.sleep(0.02)
        return self.heard

    def dial(self, digits: str) -> None:
        self.ear.dial(digits)

    def info(self, digits: str, *, relay: bool) -> None:
        """Dial by SIP INFO, in one of its two forms."""
        assert self.call is not None
        for digit in digits:
            kind, body = ("dtmf-relay", f"Signal={digit}\r\nDuration=160\r\n") if relay else ("dtmf", digit)
            self.within(self.call, "INFO", body, {"Content-Type": f"application/{kind}"})
            self.expect(200)

    def hang_up(self) -> None:
        assert self.call is not None
        self.within(self.call, "BYE")
        self.expect(200)

    def cancel(self, dialog: Dialog) -> None:
        via = re.search(r"^Via: (.*?)\r$", self.last_invite, re.MULTILINE)
        assert via
        headers = {"Via": via[1], "From": dialog.local, "To": dialog.remote, "Call-ID": dialog.call_id}
        self.request("CANCEL", dialog.target, headers | {"CSeq": "1 CANCEL"})

    def close(self) -> None:
        self.ear.close()
        self.socket.close()


class Callee:
    """The telephones behind one carrier: answers, or does what it is told to, on a thread of its own."""

    def __init__(self, port: int, server: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, port))
        self.port, self.server = port, server
        self.refuse = 0
        self.early = self.rings_only = False
        self.ears: dict[str, Ear] = {}
        self.seen: list[Message] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def invites(self) -> list[Message]:
        return [one for one in self.seen if one.method == "INVITE"]

    def methods(self, call_id: str) -> list[str]:
        return [one.method for one in self.seen if one["call-id"] == call_id and one.method]

    def hang_up(self, call_id: str) -> None:
        invite = next(one for one in self.invites() if one["call-id"] == call_id)
        target = re.search(r"<([^>]+)>", invite["contact"])
        assert target
        self._send(
            f"BYE {target[1]} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{self.port};rport;branch=z9hG4bK{secrets.token_hex(6)}\r\n"
            f"Max-Forwards: 70\r\nFrom: {invite['to']};tag=b1\r\nTo: {invite['from']}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\n"
            "Content-Length: 0\r\n\r\n"
        )

    def close(self) -> None:
        self._closed = True
        for ear in self.ears.values():
            ear.close()
        self._thread.join(2)

    def _send(self, text: str) -> None:
        self.socket.sendto(text.encode(), self.server)

    def _run(self) -> None:
        self.socket.settimeout(0.1)
        while not self._closed:
            try:
                message = parse(self.socket.recv(65535))
            except TimeoutError:
                continue
            self.seen.append(message)
            if message.method == "INVITE":
                self._invited(message)
            elif message.method in ("BYE", "CANCEL", "INFO"):
                self._respond(message, 200, "OK")
                if message.method == "CANCEL":
                    invite = next(one for one in self.invites() if one["call-id"] == message["call-id"])
                    self._respond(invite, 487, "Request Terminated")
        self.socket.close()

    def _invited(self, message: Message) -> None:
        if "tag=" in message["to"]:
            return
        if self.refuse:
            self._respond(message, self.refuse, "No")
            return
        ear = self.ears[message["call-id"]] = Ear()
        ear.target = target_of(message.body)
        if self.early:
            ear.sound = b"\x2a" * 160
            self._respond(message, 183, "Session Progress", sdp(ear.port))
            return
        self._respond(message, 180, "Ringing")
        if not self.rings_only:
            self._respond(message, 200, "OK", sdp(ear.port))

    def _respond(self, request: Message, code: int, reason: str, body: str = "") -> None:
        to = request["to"] + ("" if "tag=" in request["to"] else ";tag=b1")
        vias = "".join(f"Via: {one}\r\n" for one in request.headers["via"])
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._send(
            f"SIP/2.0 {code} {reason}\r\n{vias}From: {request['from']}\r\nTo: {to}\r\nCall-ID: {request['call-id']}\r\n"
            f"CSeq: {request['cseq']}\r\nContact: <sip:callee@{HOST}:{self.port}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )


def made(var: Path) -> AccessPlane:
    """A plane on free ports; `prepare` it."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    first, second = sip_plane.free_udp(2)
    return AccessPlane(var, callee_ports=(first, second))

"""The public telephone network in the test's hands: one SIP socket where the carrier stands, and telephones that speak and hear."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cadran.charging.adapters.client import SocketCharging
from cadran.charging.ports import BuyCredit
from cadran.voice.media import g711, prompts
from voice.sip_peer import Dialog, Message, Peer, sdp
from voice.sip_plane import HOST, ROOT, Plane, wait_until

SECOND_S = 8000
CUSTOMERS = {"ana": "33612000001", "ben": "33612000002", "cleo": "33612000003"}
THEM, THEM_ABROAD = "33142000001", "442079460001"
DECK = "prefix,destination,price\n33,France,0.60\n44,United Kingdom,0.60\n"  # a cent a second
SEED = f"""
import json
from django.conf import settings
from cadran.catalog import operations as catalog
from cadran.charging.adapters.client import SocketCharging
from cadran.numbering import operations as numbering
at = settings.CIVIL_CLOCK.now()
report = catalog.import_deck(brand="kryptoow", source={DECK!r}.encode(), at=at, tax="included")
catalog.activate_deck(deck=report.deck, effective_from=at, at=at)
client = SocketCharging(settings.CHARGING_SOCKET)
client.reload_decks()
for name, digits in {CUSTOMERS!r}.items():
    client.open_wallet(account="kry-" + name, brand="kryptoow", currency="EUR", at=at)
    numbering.record_verified_number(e164="+" + digits, account="kry-" + name, at=at)
"""


class Network(Peer):
    """Stands at the carrier's address: every call that goes out arrives here."""

    def __init__(self, plane: Plane) -> None:
        super().__init__("network", (HOST, plane.sip_port))
        self.socket.close()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, plane.carrier_port))
        self.port = plane.carrier_port
        self.phones: list[Telephone] = []

    def rung(self, digits: str, timeout_s: float = 6) -> Telephone:
        """The telephone of that number rings."""
        invite = self.expect("INVITE", timeout_s=timeout_s)
        assert re.search(r"sip:\+?(\d+)@", invite.start)[1] == digits, invite.start  # type: ignore[index]
        phone = Telephone(self, invite, f"t{len(self.phones)}")
        self.phones.append(phone)
        self.respond(invite, 180, "Ringing", tag=phone.tag)
        return phone

    def quiet(self, timeout_s: float = 0.5) -> None:
        """Nobody rings."""
        self.nothing("INVITE", timeout_s=timeout_s)

    def clear(self) -> None:
        for phone in self.phones:
            phone.close()
        self.phones.clear()
        self.inbox.clear()
        self.socket.setblocking(False)
        try:
            while self.socket.recv(65535):
                pass
        except BlockingIOError:
            pass

    def of(self, phone: Telephone, *wanted: int | str, timeout_s: float = 6) -> Message:
        """The next message of that call."""
        aside: list[Message] = []
        end = time.monotonic() + timeout_s
        try:
            while (left := end - time.monotonic()) > 0:
                found = self.expect(*wanted, timeout_s=left)
                if found["call-id"] == phone.invite["call-id"]:
                    return found
                aside.append(found)
        finally:
            self.inbox = aside + self.inbox
        raise AssertionError(f"no {wanted} for {phone.invite.start}")


class Telephone:
    """A telephone that is rung. From the answer on it speaks (packets full of its own letter) and keeps what it hears."""

    def __init__(self, network: Network, invite: Message, tag: str) -> None:
        self.network, self.invite, self.tag = network, invite, tag
        self.letter = bytes([0x20 + len(network.phones)])
        self.heard = bytearray()
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((HOST, 0))
        self.rtp.settimeout(0.1)
        self.dialog: Dialog | None = None
        self._open = True

    @property
    def shown(self) -> str:
        """The caller's number that it shows."""
        found = re.search(r"sip:\+?([\w.]+)@", self.invite["from"])
        return found[1] if found else ""

    def answer(self) -> None:
        self.network.respond(self.invite, 200, "OK", tag=self.tag, body=sdp(self.rtp.getsockname()[1]))
        self.dialog = self.network.dialog_of(self.invite, self.tag)
        self.network.of(self, "ACK")
        self.port = int(self.invite.body.split("m=audio ")[1].split()[0])
        threading.Thread(target=self._speak, daemon=True).start()
        threading.Thread(target=self._hear, daemon=True).start()

    def refuse(self, code: int, reason: str) -> None:
        self.network.respond(self.invite, code, reason, tag=self.tag)
        self.network.of(self, "ACK")

    def hang_up(self) -> None:
        assert self.dialog is not None
        self.network.within(self.dialog, "BYE")
        self.network.of(self, 200)

    def holds(self, direction: str = "sendonly") -> str:
        """It puts the call on hold, or takes it up again; the direction of the answer."""
        assert self.dialog is not None
        self.network.within(self.dialog, "INVITE", sdp(self.rtp.getsockname()[1], direction, self.dialog.cseq + 2))
        final = self.network.of(self, 200, 488, 491)
        self.network.acknowledge(self.dialog, final)
        found = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)", final.body)
        return found[1] if found else "sendrecv"

    def is_released(self, timeout_s: float = 6) -> None:
        """It gets its BYE."""
        self.network.respond(self.network.of(self, "BYE", timeout_s=timeout_s), 200, "OK")

    def is_cancelled(self) -> None:
        self.network.respond(self.network.of(self, "CANCEL"), 200, "OK")
        self.refuse(487, "Request Terminated")

    def close(self) -> None:
        self._open = False

    def _speak(self) -> None:
        number = 0
        while self._open:
            number += 1
            header = struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, number * 160, 7)
            self.rtp.sendto(header + self.letter * 160, (HOST, self.port))
            time.sleep(0.02)

    def _hear(self) -> None:
        while self._open:
            try:
                packet = self.rtp.recv(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            if packet[1] & 0x7F == 8:
                self.heard += packet[12:]

    def hears(self, name: str, timeout_s: float = 6, language: str = "fr") -> None:
        """That recording is heard, now or soon."""
        wait_until(lambda: self.heard_it(name, language), timeout_s, f"{name} at {self.invite.start}")

    def heard_it(self, name: str, language: str = "fr") -> bool:
        """Whether a stretch of that recording was heard: some from its middle, in case a packet was lost."""
        coded = g711.to_alaw(prompts.read_wav(prompts.RECORDINGS / language / f"{name}.wav"))
        middle = len(coded) // 2
        starts = range(max(0, middle - 2400), middle + 2400, 800)
        return any(len(part := coded[at : at + 480]) == 480 and part in self.heard for at in starts)

    def hears_voice(self, other: Telephone) -> bool:
        return other.letter * 160 in self.heard


def brands(folder: Path) -> Path:
    """The brands, with a shorter first grant and a later warning; every call goes out by the carriers of ippi."""
    for brand in ("ippi", "kryptoow"):
        shutil.copytree(ROOT / "brands" / brand, folder / "folders" / brand)
    (folder / "folders" / "kryptoow" / "carriers.toml").unlink()
    terms = folder / "folders" / "kryptoow" / "terms" / "2018-01.toml"
    text = terms.read_text()
    for name, value in (("calls.warning_s", 2), ("calls.first_grant_min_s", 4)):
        text, changed = re.subn(rf"(\[{re.escape(name)}\]\nvalue = )\d+", rf"\g<1>{value}", text)
        assert changed == 1, name
    terms.write_text(text)
    return folder / "folders"


def ready(plane: Plane) -> None:
    """The customers of KRYPTOOW, their verified numbers, a deck."""
    plane.shell(SEED)


def credit(plane: Plane, name: str, micros: int) -> None:
    """Credit for one of the customers."""
    at = datetime.now(UTC)
    SocketCharging(plane.var / "run" / "charging.sock").buy_credit(
        BuyCredit(
            key=f"{name}-{time.monotonic_ns()}",
            account=f"kry-{name}",
            terms="kryptoow/2018-01",
            amount_micros=micros,
            currency="EUR",
            at=at,
        )
    )


def order(name: str, key: str, **changes: Any) -> dict[str, Any]:
    """An order of one of the customers, as the door takes it."""
    made = {
        "key": key,
        "account": f"kry-{name}",
        "brand": "kryptoow",
        "terms": "kryptoow/2018-01",
        "first": CUSTOMERS[name],
        "second": f"+{THEM}",
        "access": "33199000100",
    }
    return made | changes


def ask(plane: Plane, deed: str, about: object) -> dict[str, str]:
    """One request at the door."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(6)
        one.connect(str(plane.var / "run" / "sip.sock"))
        one.sendall(json.dumps({deed: about}).encode() + b"\n")
        answer: dict[str, str] = json.loads(one.makefile("rb").readline())
        return answer


def row(plane: Plane, key: str) -> tuple[str, str, str]:
    """Id, stage and why of an order, as the SIP process keeps it."""
    with contextlib.closing(sqlite3.connect(plane.var / "voice.db", timeout=5)) as file:
        found = file.execute("SELECT id, stage, why FROM callback_placedcall WHERE key = ?", (key,)).fetchone()
    return found or ("", "", "")


def legs(plane: Plane, key: str) -> list[dict[str, Any]]:
    """What both legs came to, once charging has settled them."""
    call = row(plane, key)[0]

    def settled() -> list[dict[str, Any]]:
        found = {one["call"]: one for one in plane.events("call-settled")}
        return [found[session] for session in (f"{call}.1", f"{call}.2") if session in found]

    until(lambda: len(settled()) == 2, f"both legs of {key}")
    return settled()


def told(plane: Plane, key: str) -> dict[str, Any]:
    """The state of an order as pages read it."""
    code = (
        "import json, dataclasses\nfrom cadran.voice import control\n"
        f"print(json.dumps(dataclasses.asdict(control.callback_state({key!r})), default=str))"
    )
    found: dict[str, Any] = json.loads(plane.shell(code))
    return found


def until(happened: Callable[[], object], what: str, timeout_s: float = 6) -> None:
    wait_until(happened, timeout_s, what)


__all__ = ["ROOT", "Network", "Plane", "Telephone"]

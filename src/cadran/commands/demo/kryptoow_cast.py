"""The stage of the KRYPTOOW story: telephones of the public network, their owners, and what its acts share."""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cadran.commands.demo import hearing, people, phones, staging, teller

ANA, BEN = "ana", "ben"
NAMES = {ANA: ("Ana", "Morel"), BEN: ("Ben", "Leroy")}
NUMBERS = {ANA: "33612000001", BEN: "33612000002"}
STRANGER = "33612999999"
ACCESS = "+33199000100"
PORTS = {ANA: 40, BEN: 42, STRANGER: 44, "hidden": 46}
HOST = "127.0.0.1"
BRAND = "kryptoow"
# Mobile telephones stand on this machine: their network vouches for their numbers and delivers their calls from any port.
NETWORK = f"""
[[carrier]]
name = "mobile-network"
address = "{HOST}:9"
outbound = false
any_port = true
vouches = true
"""


def prepare(stage: staging.Stage) -> None:
    """Before the installation starts: KRYPTOOW is its brand, and the mobile network of the story delivers calls to it."""
    from cadran.commands import main

    shipped = Path(main.__file__).resolve().parents[3] / "brands"
    folder = stage.var / "folders"
    shutil.copytree(os.environ.get("CADRAN_BRANDS", shipped), folder, dirs_exist_ok=True)
    carriers = folder / BRAND / "carriers.toml"
    carriers.write_text(carriers.read_text() + NETWORK)
    os.environ["CADRAN_BRANDS"] = str(folder)
    os.environ["CADRAN_BRAND"] = BRAND
    os.environ["CADRAN_SIP_CARRIERS_S"] = "1"


@dataclass(slots=True)
class Story:
    """What the acts share."""

    stage: staging.Stage
    voice: teller.Teller
    site: str
    mailbox: str
    server: str
    carrier: str
    began: datetime
    who: dict[str, people.Customer]
    telephones: dict[str, phones.Phone] = field(default_factory=dict)
    ears: dict[str, hearing.Ear] = field(default_factory=dict)
    bought: dict[str, int] = field(default_factory=dict)
    vouchers: list[str] = field(default_factory=list)
    evidence_ok: bool = False

    def __getitem__(self, user: str) -> people.Customer:
        return self.who[user]

    def telephone(self, user: str, number: str, *options: str) -> phones.Phone:
        """A telephone of the public network, a process of its own, that records what it hears."""
        base = int(os.environ["CADRAN_PORT_BASE"])
        file = self.stage.var / f"{user}.wav"
        port = str(base + PORTS[user])
        given = ("--host", HOST, "--port", port, "--codec", "pcma", "--record", str(self.recording(user)))
        phone = self.telephones[user] = phones.Phone(number, "", self.server, *given, *options)
        phone.wait("ready")
        self.ears[user] = hearing.Ear(phone, file)
        return phone

    def recording(self, user: str) -> Path:
        """What that telephone heard in its last call, written at its end."""
        return self.stage.var / f"{user}-last.wav"

    def reachable(self, user: str) -> None:
        """Calls to that customer's mobile number go to its telephone, as a carrier with that prefix in the back office."""
        from cadran import settings
        from cadran.party import partners

        base = int(os.environ["CADRAN_PORT_BASE"])
        partners.set_up(
            kind=partners.PartnerKind.CARRIER,
            name=f"mobile-{user}",
            brand=BRAND,
            stated={
                "host": HOST,
                "port": str(base + PORTS[user]),
                "priority": "1",
                "prefixes": NUMBERS[user],
                "number_form": "plus",
                "inbound": "no",
                "user": "",
            },
            secrets={},
            by_id=0,
            by_name="demo",
            at=settings.CIVIL_CLOCK.now(),
        )

    def records(self, user: str) -> tuple[Any, ...]:
        """The customer's call records, oldest first."""
        from cadran.charging import queries

        return tuple(reversed(queries.cdrs(account=self[user].account, limit=200)))


def paper() -> bytes:
    """A picture of an identity document, made up."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (900, 600), "white")
    ImageDraw.Draw(picture).rectangle((40, 40, 860, 560), outline="navy", width=9)
    out = io.BytesIO()
    picture.save(out, "JPEG")
    return out.getvalue()

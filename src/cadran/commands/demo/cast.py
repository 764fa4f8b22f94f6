"""Who plays in the prepaid story, and what its acts share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from cadran.commands.demo import people, staging, teller

ANA, BEN, CHLOE, DORA = "ana", "ben", "chloe", "dora"
NAMES = {ANA: ("Ana", "Morel"), BEN: ("Ben", "Leroy"), CHLOE: ("Chloé", "Roux"), DORA: ("Dora", "Blanc")}
TOP_UP_MICROS = 10_000_000
ANAS_NUMBER, FROM_OUTSIDE = "+33987650001", "+33612345678"


@dataclass(slots=True)
class Story:
    """What the acts share: the installation, the people, the facts found so far."""

    stage: staging.Stage
    voice: teller.Teller
    who: dict[str, people.Customer]
    site: str
    mailbox: str
    server: str
    carrier: str
    began: datetime
    topped_up_micros: int = 0
    overdraw: dict[str, int] = field(default_factory=lambda: {"tried": 0, "granted": 0, "lowest_balance_micros": 0})
    landline_cdr: str = ""

    def __getitem__(self, user: str) -> people.Customer:
        return self.who[user]


def carrier_calls(story: Story, ending: str) -> list[dict[str, Any]]:
    """What the sandbox carrier says of its calls whose number ends so."""
    found: list[dict[str, Any]] = httpx.get(f"{story.carrier}/calls", timeout=5).json()
    return [one for one in found if str(one["number"]).endswith(ending)]

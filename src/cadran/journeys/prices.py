"""An activated deck reaches the calls."""

from __future__ import annotations

from cadran.charging.ports import Charging
from cadran.policy.events import PendingEvent


def take_up_deck(event: PendingEvent, charging: Charging) -> None:
    """Let charging load the deck; its dates say from when it holds. Again does no harm."""
    charging.reload_decks()

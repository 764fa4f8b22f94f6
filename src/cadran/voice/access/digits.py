"""Digits that come as SIP INFO, and each press counted once where a telephone tells it twice. Pure."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

SAME_PRESS_S = 1.5
_MOST = 32
_ALONE = 3
_RELAY = re.compile(r"^\s*Signal\s*=\s*([0-9*#]|1[01])\s*$", re.IGNORECASE | re.MULTILINE)
_PLAIN = re.compile(r"\s*([0-9*#])\s*")
_NAMED = {"10": "*", "11": "#"}


def of_info(content_type: str, body: str) -> str:
    """The digit of an INFO (application/dtmf-relay: `Signal=5`; application/dtmf: `5`), empty where there is none."""
    kind = content_type.split(";", 1)[0].strip().lower()
    text = body[:200]
    if kind == "application/dtmf-relay":
        found = _RELAY.search(text)
        return _NAMED.get(found[1], found[1]) if found else ""
    if kind == "application/dtmf":
        plain = _PLAIN.fullmatch(text)
        return plain[1] if plain else ""
    return ""


@dataclass(slots=True)
class Presses:
    """Tells the first report of a press from the second one, which comes by the other way within SAME_PRESS_S. A telephone whose first
    presses came by one way alone tells none twice: from then on every report counts."""

    _waiting: dict[str, deque[tuple[str, float]]] = field(default_factory=dict)
    _twice: bool = False
    _alone: int = 0

    def first(self, way: str, digit: str, now: float) -> bool:
        """Whether this is a press of its own. way: `line` (RFC 4733, in band) or `info`."""
        for other, told in self._waiting.items():
            if other != way and self._is_echo(told, digit, now):
                self._twice = True
                return False
        self._waiting.setdefault(way, deque(maxlen=_MOST)).append((digit, now))
        return True

    def _is_echo(self, told: deque[tuple[str, float]], digit: str, now: float) -> bool:
        while told and now - told[0][1] > SAME_PRESS_S:
            told.popleft()
            self._alone += 1
        if not told or told[0][0] != digit or (self._alone >= _ALONE and not self._twice):
            return False
        told.popleft()
        return True

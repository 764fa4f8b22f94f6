"""Notes of a call at an access number, for the operator's picture of where callers give up. Written by the journal's thread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import F

from cadran.voice.access import models
from cadran.voice.access.ports import Caller, Calling
from cadran.voice.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST, LAST = 48, 16  # states kept of a long call
Later = Callable[[float, Callable[[], None]], Any]
PAUSE_S = 1.0  # between two writes of one call


class Notes:
    """One call's. Everything is told at once and written at most once a second."""

    def __init__(
        self, session: str, calling: Calling, journal: Journal, *, seconds: Callable[[], float], later: Later
    ) -> None:
        self.session, self.calling, self.journal = session, calling, journal
        self.outcome = ""
        self._seconds, self._later = seconds, later
        self._began_s = seconds()
        self._row: dict[str, Any] = {"access_number": calling.access_number, "began_at": calling.at}
        self._states: list[tuple[int, str]] = []
        self._known = self._waiting = False

    def caller(self, caller: Caller) -> None:
        """It is known who calls, or why not."""
        self._known = True
        self._row |= {
            "brand": caller.brand,
            "service": caller.service,
            "language": caller.language,
            "account": caller.account,
            "refused": caller.refused,
        }

    def answered(self, at: datetime) -> None:
        self._row["answered_at"] = at
        self._soon()

    def state(self, name: str) -> None:
        """The caller has come to a state of the menu."""
        self._states.append((round((self._seconds() - self._began_s) * 1000), name))
        if len(self._states) > FIRST + LAST:
            del self._states[FIRST]
        self._row["state"] = name[:64]
        self._soon()

    def count(self, what: str) -> None:
        """One more second leg `dialled` or `talked`."""
        self._row[what] = self._row.get(what, 0) + 1
        self._soon()

    def ended(self, at: datetime) -> None:
        """The call is over: the last write."""
        self._row |= {"ended_at": at, "outcome": self.outcome[:32]}
        self._write()

    def _soon(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._later(PAUSE_S, self._again)

    def _again(self) -> None:
        self._waiting = False
        if "ended_at" not in self._row:
            self._write()

    def _write(self) -> None:
        if not self._known or self._row.get("refused") == "too-many":
            return
        row: Mapping[str, Any] = {**self._row, "states": [list(one) for one in self._states]}
        session = self.session
        self.journal.write(lambda: keep(session, row))


def keep(session: str, row: Mapping[str, Any]) -> None:
    """Write a call's row, new or not. On the journal's thread."""
    models.AccessCall.objects.update_or_create(session=session, defaults=dict(row))


def end_orphans() -> None:
    """What an earlier process left in progress is over. On the journal's thread."""
    models.AccessCall.objects.filter(ended_at=None).update(ended_at=F("began_at"), outcome="restart")


def erase(before: datetime) -> None:
    """Delete the notes of calls that began before that instant. On the journal's thread."""
    models.AccessCall.objects.filter(began_at__lt=before).delete()

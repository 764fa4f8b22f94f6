"""Takes the calls at access numbers in the SIP process: knows the numbers, their menus, who has guessed too often. SIP thread."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from cadran.policy import queries as policy
from cadran.units import ids
from cadran.units.clause import carries
from cadran.voice.access import calling as reading
from cadran.voice.access import notes
from cadran.voice.access.arrival import Arrival
from cadran.voice.access.ports import Caller, Calling, Desk
from cadran.voice.access.second import SecondLeg
from cadran.voice.access.session import AccessSession
from cadran.voice.b2bua import figures, stack, transactions
from cadran.voice.carriers.book import Carrier
from cadran.voice.media.port import Lines
from cadran.voice.menu.events import Action, Event
from cadran.voice.rules import admission

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

log = structlog.get_logger("voice.access")
ERASE_EVERY_S = 3600.0
GUESSES, GUESSES_OF_A_SOURCE, GUESSES_WINDOW_S = 5, 200, 300.0


class MenuOf(Protocol):
    """The menu of one call."""

    def on(self, event: Event) -> list[Action]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An access number that is answered, as far as must be known before the caller is."""

    brand: str
    language: str
    service: str


@dataclass(frozen=True, slots=True)
class House:
    """What is read from time to time. numbers: by E.164 digits. menus: makes the menu of a caller; None where its table is wrong."""

    numbers: Mapping[str, Open] = field(default_factory=dict)
    menus: Callable[[Caller], MenuOf | None] = lambda _caller: None


class Reception:
    """The server's guests at access numbers. read: the house as it is now, on a database thread."""

    def __init__(
        self, server: Server, *, desk: Desk, lines: Lines, read: Callable[[], House], every_s: float = 5.0
    ) -> None:
        self.server, self.desk, self.lines = server, desk, lines
        self.house = House()
        self.calls: dict[str, AccessSession] = {}
        self.legs: set[SecondLeg] = set()
        self.guesses = admission.FailureGate(GUESSES, GUESSES_OF_A_SOURCE, GUESSES_WINDOW_S)
        self._read, self._every_s = read, every_s

    def start(self) -> None:
        """Take up what an earlier process left, then look at the house again and again."""
        self.server.guests.append(self)
        self.server.journal.write(notes.end_orphans)
        self._look()
        stack.every(self._every_s, self._look)
        self._erase()
        stack.every(ERASE_EVERY_S, self._erase)

    def _look(self) -> None:
        def seen(house: House | None) -> None:
            if house is None:
                return
            if house.numbers != self.house.numbers:
                log.info("access-numbers", count=len(house.numbers))
            self.house = house

        self.server.background.read(self._read, seen)

    @carries("LAW-retention")
    def _erase(self) -> None:
        """Traffic data is kept for the time of the law."""
        at = self.server.civil.now()

        def years() -> int:
            return policy.law("retention.technical_years", at).integer()

        def known(kept: int | None) -> None:
            if kept is not None:
                before = at - timedelta(days=366 * kept)
                self.server.journal.write(functools.partial(notes.erase, before))

        self.server.background.read(years, known)

    # --- calls ---

    def take(self, request: Any, transaction: Any, carrier: Carrier) -> tuple[Any] | None:
        """An INVITE of a carrier: what sippy is to be told, in a tuple, where the number dialled is an access number; else None."""
        place = self.server.place
        dialled = reading.e164(str(request.getRURI().username or ""), place.country)
        if dialled not in self.house.numbers:
            return None
        source = (str(request.getSource()[0]), int(request.getSource()[1]))
        caller = reading.read(
            request,
            carrier,
            access_number=dialled,
            country=place.country,
            at=self.server.civil.now(),
            wall=datetime.now(UTC),
            keys=place.books.certificates,
        )
        session = AccessSession(self, ids.new_id("call"), caller, source=source, carrier=carrier.name)
        transactions.pin_url(request.getHFBody("contact").getUrl(), session.leg.pin, source)
        self.calls[session.id] = session
        figures.CALLS.set(self.server.in_progress())
        figures.STARTED.labels(direction="access").inc()
        session.log.info(
            "access-call",
            number=dialled,
            authenticated=caller.authenticated,
            withheld=not caller.digits,
            carrier=carrier.name,
        )
        try:
            return (session.leg.recvRequest(request, transaction),)
        except Exception:
            self.forget(session)
            raise

    def forget(self, session: Arrival) -> None:
        """The call is over."""
        self.calls.pop(session.id, None)
        figures.CALLS.set(self.server.in_progress())

    def notes_of(self, session: str, calling: Calling) -> notes.Notes:
        return notes.Notes(session, calling, self.server.journal, seconds=self.server.clock.seconds, later=stack.after)

    def menu(self, caller: Caller) -> MenuOf | None:
        return self.house.menus(caller)

    # --- callers who are not known ---

    def stranger(self, calling: Calling, refused: str) -> Caller:
        """Somebody who is refused before the desk is asked, in the language of the access number."""
        number = self.house.numbers[calling.access_number]
        return Caller(
            brand=number.brand,
            language=number.language,
            service=number.service,
            refused=refused,
            clause="KRY-4.4.1-caller-id",
        )

    def closed_to(self, calling: Calling) -> bool:
        """Whether that calling number, or its source, has guessed too often of late."""
        return self.guesses.closed(*_guesser(calling), self.server.clock.seconds())

    def guessed(self, calling: Calling) -> None:
        """A calling number that opens nothing, a wrong PIN, a voucher that does not exist."""
        self.guesses.failed(*_guesser(calling), self.server.clock.seconds())

    def known(self, calling: Calling) -> None:
        """The right PIN, or a voucher that there is: what that number guessed before is forgiven."""
        self.guesses.succeeded(*_guesser(calling))

    # --- guests of the server ---

    def in_progress(self) -> int:
        return len(self.calls) + sum(1 for leg in self.legs if leg.behind.family not in self.calls)

    def used_ms(self, now: float) -> dict[str, int]:
        found: dict[str, int] = {}
        for call in self.calls.values():
            found |= call.used_ms(now)
        return found

    def drop(self, session: str) -> bool:
        call = next((one for one in self.calls.values() if one.is_known_as(session)), None)
        return call is not None and call.drop()

    def drop_all(self) -> None:
        for call in list(self.calls.values()):
            call.drop()

    def media_lost(self) -> None:
        for call in list(self.calls.values()):
            call.media_lost()


def _guesser(calling: Calling) -> tuple[str, str]:
    """By whom guesses are counted: source and number. Of an authenticated number they are its own alone: who merely shows a customer's
    number, or floods its carrier, shuts that customer out of nothing."""
    if calling.authenticated:
        return f"authenticated {calling.digits}", calling.digits
    return calling.source, calling.digits or "withheld"

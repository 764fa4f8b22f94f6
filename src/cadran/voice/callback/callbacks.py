"""All calls that this process places by order: who may order how many, one call for each key, what staff and pages ask of them.

SIP thread; the database is asked on its own threads. An order is on disk before anything rings, so that its key rings once.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from prometheus_client import Counter

from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.voice.b2bua import stack
from cadran.voice.callback import events as ev
from cadran.voice.callback import keeping, machine, orders, planning
from cadran.voice.callback.events import State
from cadran.voice.callback.planning import Plans
from cadran.voice.callback.session import CallbackSession
from cadran.voice.callback.spoken import SpokenSession

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

log = structlog.get_logger("voice.callback")
ORDERED = Counter(
    "cadran_voice_callbacks_total", "Calls ordered of the SIP process, by kind and outcome", ["kind", "how"]
)
FORGET_S = 3600
ANSWER_S = 2.0  # the door is told by then, whatever charging says
_REMEMBERED = 10_000
Order = orders.CallbackOrder | orders.SpokenCode
Session = CallbackSession | SpokenSession
Answer = Callable[[dict[str, str]], None]
Known = tuple[str, str, str]


class Callbacks:
    """What the server calls `Guests`, and the door's deeds: `callback`, `speak`, `end-callback`."""

    def __init__(self, server: Server) -> None:
        self.server, self.options = server, server.options
        self.sessions: dict[str, Session] = {}
        self._taking: dict[str, str] = {}
        self._past: OrderedDict[str, deque[float]] = OrderedDict()
        self.patience = machine.Patience(
            first_rings_s=self.options.callback_rings_s,
            second_rings_s=self.options.callback_second_rings_s,
            carrier_silence_s=self.options.carrier_silence_s,
            bye_s=self.options.bye_s,
        )

    def start(self) -> None:
        """Nothing of an earlier process is under way any more: recovery has ended its legs."""
        at = self.server.civil.now()
        self.server.journal.write(lambda: keeping.restarted(at))
        self.server.journal.flush()
        stack.every(FORGET_S, self._forget)

    def deeds(self) -> dict[str, Callable[[Any, Answer], None]]:
        """What the door passes on."""
        return {"callback": self.callback, "speak": self.speak, "end-callback": self.end}

    # --- orders ---

    def callback(self, asked: Any, answer: Answer) -> None:
        """Take an order for a callback."""
        self._ordered(asked, orders.CallbackOrder, orders.CALLBACK, answer)

    def speak(self, asked: Any, answer: Answer) -> None:
        """Take an order for a spoken code."""
        self._ordered(asked, orders.SpokenCode, orders.CODE, answer)

    def _ordered(self, asked: Any, shape: type[Any], kind: str, answer: Answer) -> None:
        counted = functools.partial(self._answered, kind, answer)
        try:
            order: Order = msgspec.convert(asked, shape)
            ids.checked_key(order.key)
            if isinstance(order, orders.SpokenCode) and not (order.code.isascii() and order.code.isdigit()):
                raise ValueError
            if isinstance(order, orders.SpokenCode) and not 4 <= len(order.code) <= 6:
                raise ValueError
        except (msgspec.ValidationError, CadranError, ValueError):
            counted({"refused": "unreadable"})
            return
        if (known := self._under_way(order.key)) is not None:
            self._again(order, known, counted)
        elif order.key in self._taking:
            counted({"refused": "too-often"})
        elif why := self._turned(order):
            counted({"refused": why})
        else:
            self._taking[order.key] = _whose(order)
            self._take(order, kind, counted)

    def _answered(self, kind: str, answer: Answer, told: dict[str, str]) -> None:
        ORDERED.labels(kind=kind, how=told.get("refused", "taken")).inc()
        answer(told)

    def _turned(self, order: Order) -> str:
        """Why one more order is not taken now, or nothing."""
        spoken = isinstance(order, orders.SpokenCode)
        same = [one for one in self.sessions.values() if isinstance(one, SpokenSession) is spoken]
        whose = _whose(order)
        at_once = 1 if spoken else self.options.callbacks_per_account
        if self.server.full() or len(same) + len(self._taking) >= self.options.callbacks:
            return "full"
        if sum(one.whose == whose for one in same) + list(self._taking.values()).count(whose) >= at_once:
            return "too-many"
        return "" if self._rate(whose) else "too-often"

    def _rate(self, whose: str) -> bool:
        """Whether one more order of an account, or one more code for a number, is allowed within a minute."""
        now, past = self.server.clock.seconds(), self._past.pop(whose, deque())
        while past and past[0] <= now - 60:
            past.popleft()
        allowed = len(past) < self.options.callbacks_per_minute
        if allowed:
            past.append(now)
        self._past[whose] = past
        while len(self._past) > _REMEMBERED:
            self._past.popitem(last=False)
        return allowed

    def _take(self, order: Order, kind: str, answer: Answer) -> None:
        """Look at the order on a database thread: was it taken before, and where does it go?"""
        call_id, at, country = ids.new_id(kind), self.server.civil.now(), self.server.place.country

        def looked() -> Known | Plans | str:
            try:
                if (known := keeping.take(order, call_id=call_id, kind=kind, at=at)) is not None:
                    return known
            except orders.CallbackRefused as refused:
                return str(refused.details["reason"])
            try:
                if isinstance(order, orders.CallbackOrder):
                    return planning.callback(order, self.server.lookups)
                return planning.code(order, self.server.lookups, country=country)
            except Exception:
                keeping.note(order.key, "over", "unavailable", at)  # it was taken, and nothing will ring
                raise

        def seen(found: Known | Plans | str | None) -> None:
            self._taking.pop(order.key, None)
            if isinstance(found, str) or found is None:
                answer({"refused": found or "unavailable"})
            elif isinstance(found, tuple):
                answer(dict(zip(("id", "stage", "why"), found, strict=True)))
            else:
                self._begin(order, call_id, found, answer)

        self.server.background.read(looked, seen)

    def _begin(self, order: Order, call_id: str, plans: Plans, answer: Answer) -> None:
        """It goes out; answered when it rings or is refused."""
        waiting = [answer]

        def told(stage: str, why: str) -> None:
            at = self.server.civil.now()
            self.server.journal.write(lambda: keeping.note(order.key, stage, why, at))
            while waiting:
                waiting.pop()({"id": call_id, "stage": stage, "why": why})

        def done() -> None:
            self.sessions.pop(order.key, None)

        made: Session
        if isinstance(order, orders.CallbackOrder):
            patience = replace(self.patience, warning_s=plans.warning_s)
            made = CallbackSession(self.server, order, call_id, patience=patience, told=told, done=done)
        else:
            made = SpokenSession(self.server, order, call_id, told=told, done=done)
        made.whose, made.fingerprint = _whose(order), orders.fingerprint(order)
        self.sessions[order.key] = made
        stack.after(ANSWER_S, lambda: told(made.stage, "") if waiting else None)
        made.begin(plans)

    def _under_way(self, key: str) -> Session | None:
        return self.sessions.get(key)

    def _again(self, order: Order, known: Session, answer: Answer) -> None:
        """The same order once more while it is under way."""
        if known.fingerprint != orders.fingerprint(order):
            answer({"refused": "key-reused"})
        else:
            answer({"id": known.id, "stage": known.stage, "why": ""})

    def end(self, asked: Any, answer: Answer) -> None:
        """Who ordered it wants it to end, in whatever state it is."""
        found = self.sessions.get(asked) if isinstance(asked, str) else None
        if found is None or found.call.state in (State.ENDING, State.ENDED):
            answer({"refused": "over"})
            return
        found.feed(ev.Stopped())
        answer({"id": found.id, "stage": "over", "why": "ended"})

    # --- what the server asks of its guests ---

    def in_progress(self) -> int:
        return len(self.sessions)

    def used_ms(self, now: float) -> dict[str, int]:
        used: dict[str, int] = {}
        for one in self.sessions.values():
            used |= one.used_ms(now)
        return used

    def drop(self, session: str) -> bool:
        for one in self.sessions.values():
            if session in one.sessions.values() and one.call.state not in (State.ENDING, State.ENDED):
                one.log.warning("callback-cut", session=session)
                one.feed(ev.Dropped())
                return True
        return False

    def drop_all(self) -> None:
        for one in list(self.sessions.values()):
            one.feed(ev.Dropped())

    def media_lost(self) -> None:
        for one in list(self.sessions.values()):
            one.feed(ev.MediaLost())

    def _forget(self) -> None:
        at = self.server.civil.now()
        self.server.journal.write(lambda: keeping.forget_old(at))


def _whose(order: Order) -> str:
    """Of whom as few are under way at once: an account, or a number to which codes are spoken."""
    return order.digits if isinstance(order, orders.SpokenCode) else order.account

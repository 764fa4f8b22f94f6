"""One call at an access number: carries out what the menu decides, between the caller's line, the desk and the leg that follows.
SIP thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cadran.voice.access import journey, second
from cadran.voice.access.arrival import Arrival, Phase
from cadran.voice.access.ports import Answer, Caller
from cadran.voice.b2bua import plans, stack
from cadran.voice.menu import events as menu

if TYPE_CHECKING:
    pass

CODES = {"withheld": 433, "too-many": 429, "not-open": 480, "unavailable": 503}
REFUSED_CODE = 403
WAIT_S = 8.0  # for the desk and for charging, before anything is heard
ANNOUNCED_S = 45.0
_UNKNOWN_CALLER = frozenset({"unknown", "unauthenticated"})
_GUESSES = {"pin": {"wrong", "locked"}, "voucher": {"unknown", "locked"}}


class AccessSession(Arrival):
    """A caller's call: its own leg, the menu, one second leg after another."""

    # --- the menu's rim ---

    def feed(self, event: menu.Event) -> None:
        """Hand an event to the menu and carry out what it wants; events that come meanwhile wait their turn."""
        self._events.append(event)
        if self._busy or self.menu is None:
            return
        self._busy = True
        try:
            while self._events:
                for action in self.menu.on(self._events.popleft()):
                    stack.guarded(getattr(self, f"_do_{type(action).__name__.lower()}"))(action)
        finally:
            self._busy = False

    def _do_say(self, action: menu.Say) -> None:
        if self.line is not None:
            self.line.play(action.prompts, stack.guarded(lambda: self.feed(menu.Spoken())), times=action.times)

    def _do_hush(self, _action: menu.Hush) -> None:
        if self.line is not None:
            self.line.stop()

    def _do_arm(self, action: menu.Arm) -> None:
        self._wait(f"menu-{action.timer}", action.seconds, lambda: self.feed(menu.Fired(action.timer)))

    def _do_disarm(self, action: menu.Disarm) -> None:
        self._unwait(f"menu-{action.timer}")

    def _do_note(self, action: menu.Note) -> None:
        self.notes.state(action.state)

    def _do_hangup(self, action: menu.HangUp) -> None:
        self.notes.outcome = self.notes.outcome or action.why
        if self.phase is Phase.REFUSING:
            self._fail(self._refusal)
        else:
            self._end("operator")

    def _do_ask(self, action: menu.Ask) -> None:
        """On a database thread; the answer comes back by the number of the question."""
        assert self.caller is not None
        caller, desk = self.caller, self.reception.desk
        key, at = f"{self.id}:{action.number}", self.server.civil.now()
        if action.question in _GUESSES and self.reception.closed_to(self.calling):
            self.feed(menu.Answered(action.number, "locked"))
            return

        def answered(answer: Answer | None) -> None:
            if answer is None:
                self.feed(menu.Answered(action.number, "unavailable"))
                return
            if answer.outcome in _GUESSES.get(action.question, ()):
                self.reception.guessed(self.calling)
            elif action.question in _GUESSES and answer.outcome == "ok":
                self.reception.known(self.calling)
            if action.question == "destination":
                answer = self._allow(answer)
            self.log.info("access-asked", question=action.question, outcome=answer.outcome)
            self.feed(menu.Answered(action.number, answer.outcome, answer.values))

        work = lambda: desk.ask(caller, action.question, action.values, key=key, at=at)  # noqa: E731
        self.server.background.read(work, answered)

    def _allow(self, answer: Answer) -> Answer:
        """Keep what the desk allows to be dialled; its class is nothing that a menu speaks."""
        values = dict(answer.values)
        number_class = str(values.pop("number_class", ""))
        ok = answer.outcome == "ok"
        self._allowed = (str(values.get("destination", "")), number_class) if ok else ("", "")
        return replace(answer, values=values)

    # --- the second leg ---

    def _do_dial(self, action: menu.Dial) -> None:
        """Only what the desk has just allowed is dialled."""
        (allowed, number_class), self._allowed = self._allowed, ("", "")
        busy = self.second is not None and not self.second.told
        if self.line is None or not allowed or action.destination != allowed or busy:
            self.log.error("access-not-dialled", destination=action.destination)
            self.feed(menu.SecondOver("failed"))
            return
        self._legs += 1
        self.notes.count("dialled")
        behind = second.Behind(
            plan=self._plan(action.destination, number_class),
            family=self.id,
            via=journey.via(self._caller),
            consumer=self._caller.consumer,
            by_minute=self._caller.by_minute,
            warning_s=self._caller.warning_s,
            max_forwards=self._max_forwards,
            sip_call_id=str(self.leg.cId),
        )
        leg = second.SecondLeg(
            self.server,
            f"{self.id}-{self._legs}",
            self.line,
            behind,
            tell=self._second_says,
            finished=self._second_finished,
        )
        self.second = leg
        self.reception.legs.add(leg)
        leg.begin()

    @property
    def _caller(self) -> Caller:
        assert self.caller is not None
        return self.caller

    def _plan(self, destination: str, number_class: str) -> plans.Plan:
        caller = self._caller
        return plans.Plan(
            ring="carriers",
            account=caller.account,
            terms=caller.terms,
            accepted_terms=caller.accepted_terms,
            brand=caller.brand,
            language=caller.language,
            country=caller.country,
            number_class=number_class,
            destination=destination,
            dial=destination,
            international=True,
            caller=self.calling.digits,
            shown=caller.shown,
            withheld=not caller.shown,
            asserted=f"+{caller.shown}" if caller.shown else caller.account,
            from_user=f"+{caller.shown}" if caller.shown else caller.account,
        )

    def _second_says(self, event: menu.Event) -> None:
        """What the second leg reports; the credit left is asked for before its end is told."""
        if isinstance(event, menu.SecondAnswered):
            self.notes.count("talked")
        if not isinstance(event, menu.SecondOver) or self.phase is not Phase.ANSWERED:
            self.feed(event)
            return
        caller, desk, at = self._caller, self.reception.desk, self.server.civil.now()
        key = f"{self.id}:after-{self._legs}"

        def known(answer: Answer | None) -> None:
            credit = answer.values if answer is not None and answer.outcome == "ok" else {}
            left = {name: credit[name] for name in ("credit_micros",) if name in credit}
            self.feed(menu.SecondOver(event.outcome, {**event.values, **left}))

        self.server.background.read(lambda: desk.ask(caller, "credit", {}, key=key, at=at), known)

    def _do_dropsecond(self, _action: menu.DropSecond) -> None:
        if self.second is not None:
            self.second.drop()

    def _second_finished(self, leg: second.SecondLeg) -> None:
        self.reception.legs.discard(leg)

    # --- for the server ---

    def used_ms(self, now: float) -> Mapping[str, int]:
        """Of each answered leg that charging knows."""
        if self.phase is not Phase.ANSWERED:
            return {}
        used = {self.id: max(0, round((now - self._answered_s) * 1000))}
        if self.second is not None and self.second.talking:
            used[self.second.id] = self.second.call.used_ms(now)
        return used

    def is_known_as(self, session: str) -> bool:
        """Whether that charging session is one of its legs now; one that is over names nothing any more."""
        return session == self.id or (self.second is not None and not self.second.told and session == self.second.id)

"""The SIP process: requests outside dialogs, calls in progress, heartbeats, an orderly end. SIP thread."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import structlog
from sippy.Core.EventDispatcher import ED2
from sippy.SipLogger import SipLogger

from cadran.charging.ports import ChargingUnavailable
from cadran.units import ids
from cadran.units.clock import CivilClock, MonotonicClock
from cadran.voice.b2bua import figures, plans, recovery, stack, targets, transactions
from cadran.voice.b2bua.background import Background
from cadran.voice.b2bua.identity import Identity
from cadran.voice.b2bua.legs import ALLOW
from cadran.voice.b2bua.session import RETRY_AFTER_S, Session
from cadran.voice.b2bua.settling import AsyncCharging, Settlements
from cadran.voice.carriers.book import Books, Carrier
from cadran.voice.directory.cache import Directory, SipUser
from cadran.voice.directory.lookups import Lookups, NotKnown
from cadran.voice.journal import writer
from cadran.voice.options import Options
from cadran.voice.registrar import dismissals
from cadran.voice.registrar.dismissals import Dismissals
from cadran.voice.registrar.registrar import Registrar
from cadran.voice.rules import admission, bindings, refusals, responses
from cadran.voice.rules import calls as machine
from cadran.voice.rules import events as ev

log = structlog.get_logger("voice.server")
_LAG_TICK_S = 0.1
_UNANSWERED_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where this process stands: its address, the domains that are its own, and how its own brand dials."""

    local: tuple[str, int]
    realm: str
    brand: str
    country: str
    books: Books
    private_targets: bool
    prompts: Path


class Guests(Protocol):
    """Calls of another shape than a customer's INVITE (access numbers, callbacks), which share this process: its heartbeat, its cut by
    staff, its loss of media, its end. A charged leg is known by charging's session. SIP thread."""

    def in_progress(self) -> int:
        """How many of the process's calls they are."""
        ...

    def used_ms(self, now: float) -> dict[str, int]:
        """The answered legs that are charged, with the milliseconds since each was answered."""
        ...

    def drop(self, session: str) -> bool:
        """The operator ends the call of that charged leg; False where there is none to end."""
        ...

    def drop_all(self) -> None:
        """The process ends."""
        ...

    def media_lost(self) -> None:
        """The media process is gone."""
        ...


class Reception(Protocol):
    """Takes the calls of carriers that are for no customer's number."""

    def take(self, request: Any, transaction: Any, carrier: Carrier) -> tuple[Any] | None:
        """What sippy is to be told of an INVITE, in a tuple; None where it is not for us."""
        ...


class Server:
    """Everything that lives as long as the process."""

    def __init__(
        self,
        place: Place,
        options: Options,
        *,
        clock: MonotonicClock,
        civil: CivilClock,
        background: Background,
        charging: AsyncCharging,
        media: Any,
        journal: writer.Journal,
        carriers: Callable[[], Books] | None = None,
    ) -> None:
        self.place, self.options, self.local = place, options, place.local
        self.carriers = carriers
        self.clock, self.civil = clock, civil
        self.background, self.charging, self.media, self.journal = background, charging, media, journal
        self.sessions: dict[str, Session] = {}
        self.guests: list[Guests] = []
        self.reception: Reception | None = None
        self.patience = machine.Patience(
            no_answer_s=options.no_answer_s, carrier_silence_s=options.carrier_silence_s, bye_s=options.bye_s
        )
        self.directory = Directory(background, clock, ttl_s=options.directory_ttl_s)
        self.lookups = Lookups(clock, ttl_s=options.directory_ttl_s)
        failures = admission.FailureGate(options.failures, options.failures_per_source, options.failure_window_s)
        self.identity = Identity(
            realm=place.realm, directory=self.directory, clock=clock, gate=failures, lifetime_s=options.nonce_lifetime_s
        )
        table = bindings.Bindings(options.min_expires_s, options.max_expires_s, options.devices)
        self.registrar = Registrar(table, journal, clock)
        self.dismissals = Dismissals(self.registrar, background)
        self.settlements = Settlements(background, charging, journal)
        self.gate = admission.Admission(
            refuse_lag_s=options.lag_refuse_ms / 1000,
            drop_lag_s=options.lag_drop_ms / 1000,
            calls=admission.TokenBucket(options.new_calls_per_s),
            registers=admission.TokenBucket(options.registers_per_s),
        )
        stack.UdpServer.queue_bound, stack.UdpServer.max_datagram = options.queue, options.max_datagram
        self.config: dict[str, Any] = {
            "_sip_address": place.local[0],
            "_sip_port": place.local[1],
            "_sip_logger": SipLogger("cadran"),
        }
        self.transactions = transactions.Transactions(
            self.config,
            self.request,
            gate=self.gate,
            clock=clock,
            trusted=lambda source: self.place.books.sender(source) is not None,
            challenge=lambda agent: None if self.full() else self.identity.challenges(agent),
        )
        self.config["_sip_tm"] = self.transactions
        self._ticked_at = clock.seconds()
        self._stopping = False

    def start(self) -> None:
        """Take up what an earlier process left, then serve."""
        restored = self.registrar.restore()
        ended = recovery.end_orphans(self)
        self.settlements.resume(writer.settlements())
        self.media.on_lost = stack.guarded(self._media_lost)
        stack.every(self.options.heartbeat_s, self._heartbeat)
        self._ticked_at = self.clock.seconds()
        stack.every(_LAG_TICK_S, self._tick)
        stack.every(max(1, self.options.carriers_s), self._read_carriers)
        self.dismissals.look()
        stack.every(dismissals.EVERY_S, self.dismissals.look)
        log.info(
            "sip-ready",
            port=self.local[1],
            registrations=restored,
            orphans=ended,
            settlements=self.settlements.waiting(),
        )

    def _read_carriers(self) -> None:
        """Take up carriers that were changed in the file or the back office; calls in progress keep theirs."""
        if self.carriers is None:
            return

        def read(found: Books | None) -> None:
            if found is not None and found != self.place.books:
                self.place = replace(self.place, books=found)
                names = {one.name for book in found.by_brand.values() for one in book.carriers}
                log.info("carriers-taken-up", carriers=sorted(names))

        self.background.read(self.carriers, read)

    # --- requests outside any dialog ---

    def request(self, request: Any, transaction: Any) -> Any:
        """What sippy calls for each request that no user agent claims. Returns a response and two callbacks, or None."""
        method = request.getMethod()
        if request.getHFBody("to").getTag() is not None:
            return self._reply(request, 481)
        if method == "OPTIONS":
            answer = request.genResponse(200, "OK")
            answer.appendHeader(transactions.header("Allow", ALLOW + ", REGISTER"))
            answer.appendHeader(transactions.header("Accept", "application/sdp"))
            return answer, None, None
        if method not in ("INVITE", "REGISTER"):
            known = method in ("SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH", "REFER", "UPDATE", "PRACK", "INFO", "BYE")
            code = 481 if method in ("BYE", "INFO", "UPDATE", "PRACK") else 405 if known else 501
            return self._reply(request, code, ("Allow", ALLOW + ", REGISTER") if code != 481 else None)
        if (early := self._unacceptable(request)) is not None:
            return early
        source = request.getSource()
        if method == "INVITE" and (carrier := self.place.books.sender(source)) is not None:
            taken = self.reception.take(request, transaction, carrier) if self.reception is not None else None
            return taken[0] if taken is not None else self._invite(request, transaction, carrier=carrier)
        return self._identified(request, transaction)

    def _unacceptable(self, request: Any) -> Any:
        """What can be refused before asking who it is: hops used up, extensions demanded, no Contact, no room."""
        hops = (transactions.raw_headers(request, "max-forwards") or ["70"])[0].strip()
        if not re.fullmatch(r"\d{1,3}", hops):
            return self._reply(request, 400)
        if int(hops) == 0:
            return self._reply(request, 483)
        if demanded := transactions.raw_headers(request, "require"):
            return self._reply(request, 420, ("Unsupported", ", ".join(demanded)[:200]))
        if request.getRURI().scheme != "sip":
            return self._reply(request, 416)
        if request.getMethod() == "INVITE":
            if request.countHFs("contact") != 1 or request.getHFBody("contact").asterisk:
                return self._reply(request, 400)
            if self.full():
                return self._reply(request, 503, ("Retry-After", str(RETRY_AFTER_S)))
        return None

    def in_progress(self) -> int:
        """Calls of every shape."""
        return len(self.sessions) + sum(guests.in_progress() for guests in self.guests)

    def full(self) -> bool:
        """Whether no further call can be taken now."""
        return self._stopping or not self.media.online or self.in_progress() >= self.options.calls

    def _identified(self, request: Any, transaction: Any) -> Any:
        """Digest first. Where the directory must be asked, the answer follows later on the same transaction."""
        here: list[Any] = []
        waiting = [True]

        def done(user: SipUser | None, refusal: Any) -> None:
            if waiting[0]:
                here.append((user, refusal))
                return
            if transaction.tid is None or transaction.tid not in self.transactions.tserver:
                return  # cancelled or timed out meanwhile
            self._send(request, transaction, self._proceed(request, transaction, user, refusal))

        self.identity.check(request, done)
        waiting[0] = False
        if here:
            return self._proceed(request, transaction, *here[0])
        if transaction.teE is None:
            transaction.teE = stack.after(_UNANSWERED_S, self._abandon, transaction)
        return None

    def _proceed(self, request: Any, transaction: Any, user: SipUser | None, refusal: Any) -> Any:
        if user is None:
            return refusal, None, None
        if request.getMethod() == "REGISTER":
            return self.registrar.register(request, user), None, None
        return self._invite(request, transaction, user=user)

    def _send(self, request: Any, transaction: Any, result: Any) -> None:
        if result is not None:
            answer, transaction.cancel_cb, transaction.noack_cb = result
            if answer is not None:
                self.transactions.sendResponse(answer, transaction)

    def _abandon(self, transaction: Any) -> None:
        transaction.teE = None
        self.transactions.tserver.pop(transaction.tid, None)

    def _reply(self, request: Any, code: int, extra: tuple[str, str] | None = None) -> Any:
        answer = request.genResponse(code, responses.reason(code))
        if extra is not None:
            answer.appendHeader(transactions.header(*extra))
        return answer, None, None

    # --- calls ---

    def _invite(
        self, request: Any, transaction: Any, *, user: SipUser | None = None, carrier: Carrier | None = None
    ) -> Any:
        source = (str(request.getSource()[0]), int(request.getSource()[1]))
        session = Session(self, ids.new_id("call"), source, pin="hidden" if user else "names")
        transactions.pin_url(request.getHFBody("contact").getUrl(), session.caller.pin, source)
        session.dialling = targets.read(request, self.place, user=user, carrier=carrier)
        request.delHFs("authorization")
        request.delHFs("proxy-authorization")
        self.sessions[session.id] = session
        figures.CALLS.set(len(self.sessions))
        figures.STARTED.labels(direction="outbound" if user else "inbound").inc()
        session.log.info(
            "call-started", sip_call_id=str(request.getHFBody("call-id"))[:80], user=user.username if user else ""
        )
        try:
            return session.caller.recvRequest(request, transaction)
        except Exception:
            self.forget(session)
            raise

    def caller_tried(self, session: Session, _event: Any) -> None:
        """The INVITE was taken: find out where it goes."""
        if not session.caller_sdp or session.dialling is None:
            session.feed(ev.Turned(488))
            return
        session.wait(self.patience.authorise_s)
        work = session.dialling.plan
        try:
            plan = work(self.lookups.known)
        except NotKnown:
            self.background.read(lambda: work(self.lookups), lambda plan: self._planned(session, plan))
        else:
            self._planned(session, plan)

    def _planned(self, session: Session, plan: plans.Plan | None) -> None:
        if plan is None:
            session.feed(ev.Turned(503))
            return
        session.plan = plan
        if plan.turned:
            prompts: tuple[str, ...] = ()
            if plan.turned_as:
                _, prompts = refusals.refusal(plan.turned_as, brand=plan.brand, language=plan.language)
            session.log.info("call-turned", sip_code=plan.turned)
            session.feed(ev.Turned(plan.turned, prompts))
            return
        stages = targets.stages(session, plan, self)
        session.feed(ev.Planned(stages))

    def cut(self, session_id: str) -> str:
        """Staff ends a call: `cut`, or `over` when there is none of that id to end."""
        session = self.sessions.get(session_id)
        if session is None or session.call.state in (ev.State.ENDING, ev.State.ENDED):
            return "cut" if any(guests.drop(session_id) for guests in self.guests) else "over"
        session.log.warning("call-cut-by-staff")
        session.feed(ev.Dropped())
        return "cut"

    def forget(self, session: Session) -> None:
        """The call is over."""
        self.sessions.pop(session.id, None)
        figures.CALLS.set(len(self.sessions))

    # --- what goes on all the time ---

    def _answered(self) -> list[Session]:
        return [one for one in self.sessions.values() if one.call.state is ev.State.ANSWERED]

    def _heartbeat(self) -> None:
        now = self.clock.seconds()
        used = {one.id: one.call.used_ms(now) for one in self._answered()}
        for guests in self.guests:
            used |= guests.used_ms(now)
        if not used:
            return
        self.journal.heartbeat(used)
        self.background.ask(
            self._beat({session: milliseconds // 1000 for session, milliseconds in used.items()}), self._beaten
        )

    async def _beat(self, used_s: dict[str, int]) -> tuple[str, ...]:
        try:
            return await self.charging.heartbeat(used_s=used_s)
        except ChargingUnavailable as error:
            if (closed := error.details.get("closed")) and isinstance(closed, tuple):
                return closed  # one of several shards is away; the others have answered
            raise

    def _beaten(self, closed: tuple[str, ...] | None) -> None:
        for session_id in closed or ():
            session = self.sessions.get(session_id)
            if session is None:
                any(guests.drop(session_id) for guests in self.guests)
            elif session.call.state is ev.State.ANSWERED:
                session.log.warning("session-closed-by-charging")
                session.feed(ev.Dropped())

    def _tick(self) -> None:
        now = self.clock.seconds()
        lag, self._ticked_at = now - self._ticked_at - _LAG_TICK_S, now
        figures.LAG.set(max(lag, self.gate.lag.seconds(now), 0.0))

    def _media_lost(self) -> None:
        log.error("media-lost", calls=self.in_progress())
        for session in list(self.sessions.values()):
            session.feed(ev.MediaLost())
        for guests in self.guests:
            guests.media_lost()

    # --- the end ---

    def stop(self) -> None:
        """End every call and leave when the BYEs are answered, within three seconds."""
        if self._stopping:
            return
        self._stopping = True
        log.info("sip-stopping", calls=self.in_progress())
        for session in list(self.sessions.values()):
            session.feed(ev.Dropped())
        for guests in self.guests:
            guests.drop_all()
        deadline = self.clock.seconds() + 3.0
        stack.every(0.05, lambda: self._leave(deadline))

    def _leave(self, deadline: float) -> None:
        busy = self.in_progress() or self.settlements.waiting()
        if not busy or self.clock.seconds() > deadline:
            self.journal.close()
            ED2.breakLoop()

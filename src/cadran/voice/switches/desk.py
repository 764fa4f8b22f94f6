"""What outside switches ask of charging, whatever protocol they ask by. Each answer is charging's own, remembered under its key."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cadran.charging import ports
from cadran.policy import queries as policy
from cadran.policy.rules import Decision
from cadran.units.clock import CivilClock
from cadran.units.errors import CadranError, InvalidInput
from cadran.voice.b2bua import plans
from cadran.voice.rules import refusals, responses
from cadran.voice.switches import rules
from cadran.voice.switches.callers import Callers, Wish

AHEAD = timedelta(minutes=1)
EVENT_KEY = 64


class NotAllowed(CadranError):
    """The key may not do this."""

    error_id = "switch-scope-missing"


class InvalidWish(InvalidInput):
    """Fields of a request that make no sense together; `field` names one."""

    error_id = "switch-input-invalid"


class AsyncCharging(Protocol):
    """The part of charging that switches need, on asyncio."""

    def authorise(self, request: ports.AuthoriseCall) -> Awaitable[ports.Grant]: ...
    def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Awaitable[ports.Grant]: ...
    def heartbeat(self, *, used_s: Mapping[str, int]) -> Awaitable[tuple[str, ...]]: ...
    def settle(self, request: ports.SettleCall) -> Awaitable[ports.Settled]: ...
    def charge_event(self, request: ports.ChargeEvent) -> Awaitable[ports.Charged]: ...
    def ping(self) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised:
    """The answer to a call: charging's grant, or None where the number dialled leads nowhere, and then nothing is remembered.
    sip_code: what to answer the caller when it is refused, 0 when it is not."""

    grant: ports.Grant | None
    plan: plans.Plan
    sip_code: int

    @property
    def allowed(self) -> bool:
        return self.grant is not None and self.grant.decision.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a switch says that a call ended. measured_ms: from answer to end, 0 when nobody answered."""

    answered: bool
    measured_ms: int = 0
    ended_by: str = "caller"
    sip_code: int = 0
    carrier: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A one-off service as a switch asks for it. step as in `ports.ChargeEvent`; clause and the sentences say why it costs that."""

    key: str
    step: str
    caller: str = ""
    account: str = ""
    service: str = ""
    amount_micros: int | None = None
    currency: str = ""
    units: int = 1
    to: str = ""
    clause: str = ""
    fr: str = ""
    en: str = ""
    hold_s: int = 0


class Desk:
    """Authorise, extend, settle, event. May raise ChargingUnavailable and ChargingRefused beside its own errors."""

    def __init__(self, charging: AsyncCharging, callers: Callers, civil: CivilClock) -> None:
        self.charging, self.callers, self.civil = charging, callers, civil

    async def authorise(
        self, switch: rules.Switch, wish: Wish, *, session: str, call_id: str = "", wanted_s: int = 0, lease_s: int = 0
    ) -> Authorised:
        _needs(switch, rules.Scope.CALLS)
        plan = await self.callers.plan(switch, wish)
        if plan.turned:
            return Authorised(grant=None, plan=plan, sip_code=plan.turned)
        request = plans.authorise_call(
            plan, session=rules.session(switch.name, session), at=self.civil.now(), call_id=call_id
        )
        if wanted_s or lease_s:
            request = replace(request, wanted_s=wanted_s, lease_s=lease_s)
        grant = await self.charging.authorise(request)
        code = 0
        if not grant.decision.allowed:
            code, _ = refusals.refusal(grant.decision.code, brand=plan.brand, language=plan.language)
        return Authorised(grant=grant, plan=plan, sip_code=code)

    async def extend(self, switch: rules.Switch, *, session: str, seq: int, used_s: int) -> ports.Grant:
        _needs(switch, rules.Scope.CALLS)
        return await self.charging.extend(
            session=rules.session(switch.name, session), seq=seq, used_s=used_s, at=self.civil.now()
        )

    async def heartbeat(self, switch: rules.Switch, used_s: Mapping[str, int]) -> tuple[str, ...]:
        """Returns the sessions that are no longer open, as the switch names them."""
        _needs(switch, rules.Scope.CALLS)
        named = {rules.session(switch.name, session): session for session in used_s}
        closed = await self.charging.heartbeat(used_s={ours: used_s[theirs] for ours, theirs in named.items()})
        return tuple(named[ours] for ours in closed)

    async def settle(self, switch: rules.Switch, ended: Ended, *, session: str) -> ports.Settled:
        _needs(switch, rules.Scope.CALLS)
        now = self.civil.now()
        at = now if ended.ended_at is None else _past(ended.ended_at, now)
        request = ports.SettleCall(
            session=rules.session(switch.name, session),
            at=at,
            answered_at=at - timedelta(milliseconds=ended.measured_ms) if ended.answered else None,
            measured_ms=ended.measured_ms if ended.answered else 0,
            disposition="answered" if ended.answered else responses.disposition(ended.sip_code or 480),
            ended_by=ended.ended_by,
            sip_code=ended.sip_code or (200 if ended.answered else 480),
            carrier=ended.carrier or switch.name,
        )
        return await self.charging.settle(request)

    async def event(self, switch: rules.Switch, event: Event) -> tuple[str, ports.Charged]:
        """The account that pays, which the later steps name, and the answer."""
        _needs(switch, rules.Scope.EVENTS)
        key = f"@{switch.name}/{event.key}"
        if event.step in ("take", "release"):
            if not event.account:
                raise InvalidWish("name the account that the hold was answered with", field="account")
            later = ports.ChargeEvent(
                key=key,
                account=event.account,
                step=event.step,
                at=self.civil.now(),
                amount_micros=event.amount_micros if event.step == "take" else None,
            )
            return event.account, await self.charging.charge_event(later)
        if (event.amount_micros or 0) > switch.event_limit_micros:
            raise NotAllowed(f"this key charges {switch.event_limit_micros} micros at most for one event")
        user = await self.callers.user(switch, caller=event.caller, account=event.account)
        request = ports.ChargeEvent(
            key=key,
            account=user.account,
            step=event.step,
            at=self.civil.now(),
            service=event.service,
            terms=user.terms,
            accepted_terms=user.accepted_terms,
            amount_micros=event.amount_micros,
            currency=event.currency,
            units=event.units,
            destination=event.to,
            caller=user.username,
            decision=_priced(event, user.terms),
            hold_s=event.hold_s,
        )
        return user.account, await self.charging.charge_event(request)


def _priced(event: Event, terms: str) -> Decision:
    """The caller's decision: that the service is due at that price, and by which clause."""
    clause = policy.clause(event.clause).id if event.clause else policy.terms(terms).clause("credit.floor_micros")
    return Decision(
        allowed=True,
        clause=clause,
        terms=terms,
        code=f"{event.service or 'event'}-charged",
        fr=event.fr or "Un service à l’unité, au prix annoncé.",
        en=event.en or "A one-off service, at the price announced.",
        inputs={"units": event.units, "destination": event.to},
    )


def _needs(switch: rules.Switch, scope: rules.Scope) -> None:
    if scope.value not in switch.scopes:
        raise NotAllowed(f"this key has not the scope {scope.value}: make one that has")


def _past(at: datetime, now: datetime) -> datetime:
    if at.tzinfo is None or at > now + AHEAD:
        raise InvalidWish("ended_at is an instant with its zone, not later than now", field="ended_at")
    return min(at.astimezone(UTC), now)

"""What the charging API reads and answers. Typed: a field that is unknown, missing, of a wrong type or out of bounds is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from cadran.charging import ports
from cadran.policy.rules import Decision
from cadran.voice.switches.desk import Authorised

DAY_S = 86_400
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Text = Annotated[str, msgspec.Meta(max_length=256)]
Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:@-]{1,64}\Z")]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=10 * DAY_S)]
Millis = Annotated[int, msgspec.Meta(ge=0, le=10 * DAY_S * 1000)]
Micros = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
EndedBy = Literal["caller", "callee", "credit", "limit", "operator", "media-lost", "restart"]


class Request(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Unknown fields are mistakes: a misspelt one would otherwise change what is charged without a word."""


class Authorise(Request):
    session: Named
    to: Named
    caller: Text = ""
    account: Text = ""
    direction: Literal["outbound", "inbound"] = "outbound"
    withhold: bool = False
    call_id: Text = ""
    wanted_s: Seconds = 0
    lease_s: Seconds = 0


class Extend(Request):
    session: Named
    seq: Annotated[int, msgspec.Meta(ge=1, le=10**6)]
    used_s: Seconds


class Heartbeat(Request):
    used_s: Annotated[dict[Named, Seconds], msgspec.Meta(max_length=500)]


class Settle(Request):
    session: Named
    answered: bool
    measured_ms: Millis = 0
    ended_by: EndedBy = "caller"
    sip_code: Annotated[int, msgspec.Meta(ge=0, le=699)] = 0
    carrier: Annotated[str, msgspec.Meta(max_length=64)] = ""
    ended_at: datetime | None = None


class Event(Request):
    event: Key
    step: Literal["once", "hold", "take", "release"] = "once"
    caller: Text = ""
    account: Text = ""
    service: Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z0-9-]{0,29})?\Z")] = ""
    amount_micros: Micros | None = None
    currency: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{3})?\Z")] = ""
    units: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 1
    to: Text = ""
    clause: Annotated[str, msgspec.Meta(max_length=64)] = ""
    fr: Text = ""
    en: Text = ""
    hold_s: Annotated[int, msgspec.Meta(ge=0, le=7 * DAY_S)] = 0


class Why(msgspec.Struct, frozen=True):
    """The contract's answer: a stable code, the clause and the version of the terms that it rests on, a sentence for the customer."""

    code: str
    clause: str
    terms: str
    fr: str
    en: str


class Route(msgspec.Struct, frozen=True):
    """kind: `user` (a customer of ours: ring `username`), `carriers` (send `dial` out) or `uri` (a SIP address elsewhere)."""

    kind: str
    username: str
    dial: str
    uri: str
    shown: str


class Granted(msgspec.Struct, frozen=True):
    session: str
    allowed: bool
    granted_s: int | None
    limit_s: int | None
    limit_clause: str
    final: bool
    sip_code: int = 0
    account: str = ""
    number_class: str = ""
    why: Why | None = None
    route: Route | None = None


class Settled(msgspec.Struct, frozen=True):
    session: str
    cdr: str
    charged_s: int
    charge_micros: int
    currency: str
    cut: bool


class Charged(msgspec.Struct, frozen=True):
    event: str
    account: str
    state: str
    amount_micros: int
    currency: str
    cdr: str
    why: Why


class Closed(msgspec.Struct, frozen=True):
    closed: tuple[str, ...]


def why(decision: Decision) -> Why:
    return Why(decision.code, decision.clause, decision.terms, decision.fr, decision.en)


def authorised(session: str, found: Authorised) -> Granted:
    """The answer to a call. One whose number leads nowhere says so without a clause: the contract was not asked."""
    plan, grant = found.plan, found.grant
    if grant is None:
        code = plan.turned_as or ("callee-unavailable" if plan.turned == 480 else "number-unknown")
        return Granted(
            session, False, None, None, "", True, found.sip_code, plan.account, plan.number_class,
            Why(code, "", plan.terms, "Ce numéro ne mène nulle part.", "This number leads nowhere."),
        )  # fmt: skip
    allowed = grant.decision.allowed
    return Granted(
        session=session,
        allowed=allowed,
        granted_s=grant.granted_s,
        limit_s=grant.limit_s,
        limit_clause=grant.limit_clause,
        final=grant.final,
        sip_code=found.sip_code,
        account=plan.account,
        number_class=plan.number_class,
        why=why(grant.decision),
        route=Route(plan.ring, plan.username, plan.dial, plan.uri, plan.shown) if allowed else None,
    )


def extended(session: str, grant: ports.Grant) -> Granted:
    return Granted(
        session=session,
        allowed=grant.decision.allowed,
        granted_s=grant.granted_s,
        limit_s=grant.limit_s,
        limit_clause=grant.limit_clause,
        final=grant.final,
    )


def settled(session: str, done: ports.Settled) -> Settled:
    return Settled(session, done.cdr_id, done.charged_s, done.charge_micros, done.currency, done.cut)


def charged(event: str, account: str, done: ports.Charged) -> Charged:
    return Charged(event, account, done.state, done.amount_micros, done.currency, done.cdr_id, why(done.decision))

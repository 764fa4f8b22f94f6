"""What a RADIUS request means, and how charging's answer is told: no socket here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import structlog

from cadran.charging.ports import ChargingRefused
from cadran.voice.switches import rules
from cadran.voice.switches.callers import CallerNotActive, CallerUnknown, Wish
from cadran.voice.switches.desk import Authorised, Desk, Ended
from cadran.voice.switches.radius import codec

GRANT_S = 3600
LEASE_BEYOND_S = 600
CLASS = "cadran:"
START, STOP, INTERIM, ON, OFF = 1, 2, 3, 7, 8
_ENDED_BY = {1: "caller", 2: "media-lost", 3: "media-lost", 5: "credit", 6: "operator", 7: "operator", 10: "operator"}
_RETURN_CODES = {"call-no-credit": "12", "call-no-price": "9", "call-not-offered": "9", "number-unknown": "9"}
_SIP_OF_CAUSE = {1: 404, 16: 487, 17: 486, 18: 480, 19: 480, 20: 480, 21: 603, 22: 410, 27: 502, 28: 484, 34: 503}
log = structlog.get_logger("voice.radius")


@dataclass(frozen=True, slots=True)
class Answer:
    """The code and the attributes of the reply."""

    code: int
    values: dict[str, object]


class Exchange:
    """Answers requests that are proven. May raise ChargingUnavailable: then nothing is answered, and the client asks again."""

    def __init__(self, desk: Desk, *, grant_s: int = GRANT_S) -> None:
        self._desk, self._grant_s = desk, grant_s

    async def answer(self, switch: rules.Switch, request: codec.Request) -> Answer:
        if request.code == codec.ACCESS_REQUEST:
            return await self._access(switch, request)
        if request.code == codec.ACCOUNTING_REQUEST:
            await self._accounting(switch, request)
            return Answer(codec.ACCOUNTING_RESPONSE, {})
        await self._desk.charging.ping()
        return Answer(codec.ACCESS_ACCEPT, {"Reply-Message": "charging answers"})

    async def _access(self, switch: rules.Switch, request: codec.Request) -> Answer:
        session = _session(request) or _own_name(switch, request)
        wish = Wish(
            caller=request.text("User-Name") or request.text("Calling-Station-Id"),
            to=request.text("Called-Station-Id"),
        )
        try:
            found = await self._desk.authorise(
                switch,
                wish,
                session=session,
                call_id=request.text("Acct-Session-Id"),
                wanted_s=self._grant_s,
                lease_s=self._grant_s + LEASE_BEYOND_S,
            )
        except (CallerUnknown, CallerNotActive) as error:
            return _reject("1", error.message)
        except ChargingRefused as error:
            return _reject("9", error.message)
        return _told(session, found)

    async def _accounting(self, switch: rules.Switch, request: codec.Request) -> None:
        """What charging cannot take is logged and acknowledged: to send it again would not help."""
        kind, session = request.number("Acct-Status-Type"), _session(request)
        if kind in (ON, OFF) or not session:
            return
        seconds = min(request.number("Acct-Session-Time") or 0, 10 * 86_400)
        try:
            if kind == STOP:
                await self._desk.settle(switch, _ended(request, seconds), session=session)
            elif kind == INTERIM:
                await self._desk.extend(switch, session=session, seq=seconds + 1, used_s=seconds)
            elif kind == START:
                await self._desk.heartbeat(switch, {session: seconds})
        except ChargingRefused as error:
            reason = error.details.get("reason")
            log.warning("accounting-refused", switch=switch.name, kind=kind, call=session, reason=reason)


def _told(session: str, found: Authorised) -> Answer:
    grant = found.grant
    if grant is None:
        return _reject(_RETURN_CODES["number-unknown"], "Ce numéro ne mène nulle part. This number leads nowhere.")
    if not grant.decision.allowed:
        decision = grant.decision
        text = f"{decision.fr} {decision.en} ({decision.clause}, {decision.terms})"
        return _reject(_RETURN_CODES.get(decision.code, "10"), text)
    values: dict[str, object] = {"Class": f"{CLASS}{session}".encode(), "h323-return-code": "0"}
    bounds = [seconds for seconds in (grant.granted_s, grant.limit_s) if seconds is not None]
    if bounds:
        values["h323-credit-time"] = str(min(bounds))
        values["Session-Timeout"] = min(bounds)
    return Answer(codec.ACCESS_ACCEPT, values)


def _reject(return_code: str, text: str) -> Answer:
    return Answer(codec.ACCESS_REJECT, {"Reply-Message": text, "h323-return-code": return_code})


def _ended(request: codec.Request, seconds: int) -> Ended:
    connected = bool(request.text("h323-connect-time"))
    cause = request.text("h323-disconnect-cause")
    sip_code = _SIP_OF_CAUSE.get(int(cause, 16) if _is_hex(cause) else 0, 480)
    answered = seconds > 0 or (connected and cause in ("", "10"))
    return Ended(
        answered=answered,
        measured_ms=seconds * 1000,
        ended_by=_ENDED_BY.get(request.number("Acct-Terminate-Cause") or 1, "caller"),
        sip_code=200 if answered else sip_code,
    )


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 2 and all(mark in "0123456789abcdefABCDEF" for mark in text)


def _session(request: codec.Request) -> str:
    """How the client names the call: what we gave it in Class, else Cisco's conference, else the accounting session."""
    kept = next((one for one in request.values.get("Class", ()) if isinstance(one, bytes)), b"")
    if kept.startswith(CLASS.encode()):
        return kept.removeprefix(CLASS.encode()).decode("utf-8", "replace")[:256]
    return request.text("h323-conf-id") or request.text("Acct-Session-Id")


def _own_name(switch: rules.Switch, request: codec.Request) -> str:
    """For an Access-Request that names no call: its authenticator is random, and the same when it is sent again."""
    return hashlib.sha256(switch.name.encode() + request.authenticator).hexdigest()[:32]

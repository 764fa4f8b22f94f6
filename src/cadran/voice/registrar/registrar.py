"""REGISTER requests carried out on the table of rules.bindings, and kept in the journal. SIP thread."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog

from cadran.units.clock import MonotonicClock
from cadran.voice.b2bua import figures, stack, transactions
from cadran.voice.directory.cache import SipUser
from cadran.voice.journal import writer
from cadran.voice.rules import bindings, responses

log = structlog.get_logger("voice.registrar")
_SWEEP_S = 2.0
_MAX_CONTACT = 512


class Registrar:
    """Bindings in memory, written behind to voice.db."""

    def __init__(self, table: bindings.Bindings, journal: writer.Journal, clock: MonotonicClock) -> None:
        self.table, self.journal, self.clock = table, journal, clock
        stack.every(_SWEEP_S, self.sweep)

    def wall_offset_s(self) -> float:
        return time.time() - self.clock.seconds()

    def restore(self) -> int:
        """Take up the registrations of the last process; returns how many."""
        found = writer.registrations(time.time(), self.wall_offset_s())
        for one in found:
            self.table.restore(one)
        return len(found)

    def register(self, request: Any, user: SipUser) -> Any:
        """The response to a REGISTER of this user; nothing changes unless it is 200."""
        now = self.clock.seconds()
        try:
            change = self._carry_out(request, user, now)
        except bindings.RegistrationRefused as refused:
            figures.REGISTERS.labels(code=str(refused.code)).inc()
            answer = request.genResponse(refused.code, responses.REASONS.get(refused.code, "Interval Too Brief"))
            if refused.code == 423:
                answer.appendHeader(transactions.header("Min-Expires", str(self.table.min_expires_s)))
            return answer
        if change.written or change.removed:
            self.journal.bindings_changed(user.username, change.written, change.removed, self.wall_offset_s())
            log.info(
                "registered" if change.written else "unregistered",
                user=user.username,
                contacts=[one.contact for one in change.written] or list(change.removed),
            )
        figures.REGISTERS.labels(code="200").inc()
        answer = request.genResponse(200, "OK")
        for one in self.table.live(user.username, now):
            left = max(1, round(one.expires_at - now))
            answer.appendHeader(transactions.header("Contact", f"<{one.contact}>;expires={left}"))
        for value in transactions.raw_headers(request, "path"):
            answer.appendHeader(transactions.header("Path", value))
        return answer

    def _carry_out(self, request: Any, user: SipUser, now: float) -> bindings.Change:
        own = request.getHFBody("to").getUrl().username
        if own is not None and own.lower() != user.username.lower():
            raise bindings.RegistrationRefused(403, "a user registers only his own address")
        call_id, cseq = str(request.getHFBody("call-id")), request.getHFBody("cseq").getCSeqNum()
        default_s = _number(str(request.getHFBody("expires"))) if request.countHFs("expires") else None
        contacts = request.getHFBodys("contact")
        if any(one.asterisk for one in contacts):
            if len(contacts) > 1 or default_s != 0:
                raise bindings.RegistrationRefused(400, "Contact: * stands alone and with Expires: 0")
            return self.table.remove_all(user.username, call_id=call_id, cseq=cseq)
        if not contacts:
            return bindings.Change()
        template = bindings.Binding(
            user=user.username,
            contact="",
            source=(str(request.getSource()[0]), int(request.getSource()[1])),
            call_id=call_id,
            cseq=cseq,
            expires_at=now,
            agent=_agent(request),
            path=tuple(transactions.raw_headers(request, "path")[:4]),
        )
        wanted = [_wanted(one) for one in contacts]
        return self.table.apply(user.username, wanted, default_s=default_s, template=template, now=now)

    def drop(self, username: str) -> None:
        """The user's codes were blocked or changed: every device must register again, with the codes of now."""
        change = self.table.forget(username)
        if change.removed:
            self.journal.bindings_changed(username, (), change.removed, self.wall_offset_s())
            log.info("registrations-dropped", user=username, contacts=list(change.removed))

    def sweep(self) -> None:
        """Forget what has expired."""
        now = self.clock.seconds()
        if gone := self.table.sweep(now):
            log.info("registrations-expired", count=len(gone))
            self.journal.expired(now + self.wall_offset_s())
        figures.REGISTRATIONS.set(self.table.count(now))


def _wanted(contact: Any) -> bindings.Wanted:
    text = str(contact.getUrl())
    if len(text) > _MAX_CONTACT or not re.match(r"(?i)sips?:[^\s<>\"]+$", text):
        raise bindings.RegistrationRefused(400, "a contact is a SIP URI of at most 512 characters")
    params = {name.lower(): value for name, value in contact.address.params.items()}
    return bindings.Wanted(text, _number(params["expires"]) if params.get("expires") else None)


def _number(text: str) -> int:
    """Seconds; a malformed value counts as one hour (RFC 3261 10.2.1.1)."""
    return min(int(text), 2**31) if re.fullmatch(r"\d{1,10}", text.strip()) else 3600


def _agent(request: Any) -> str:
    return (transactions.raw_headers(request, "user-agent") or [""])[0][:120]

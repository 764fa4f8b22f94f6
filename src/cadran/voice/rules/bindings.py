"""Where users can be reached: the registrar's table (RFC 3261 10.3), pure. Instants are monotonic seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cadran.units.errors import InvalidInput


class RegistrationRefused(InvalidInput):
    """A REGISTER that cannot be carried out; nothing was changed. `code` is the SIP answer."""

    error_id = "voice-registration-refused"

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message, code=code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Binding:
    """One device of a user. contact: the URI as registered; source: where its REGISTER came from, which is where
    requests are sent; path: Path values of RFC 3327, nearest first."""

    user: str
    contact: str
    source: tuple[str, int]
    call_id: str
    cseq: int
    expires_at: float
    agent: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One Contact of a REGISTER; expires_s None means the header's or the default."""

    contact: str
    expires_s: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a REGISTER changed: bindings to write, contacts to remove."""

    written: tuple[Binding, ...] = ()
    removed: tuple[str, ...] = ()


def key(contact: str) -> str:
    """What makes two Contact URIs the same device: user, host and port, whatever the case of host and parameters."""
    match = re.match(r"(?i)sips?:(?:([^@]*)@)?([^;?>]*)", contact)
    return f"{match[1] or ''}@{match[2].lower()}" if match else contact.lower()


@dataclass(slots=True)
class Bindings:
    """All bindings, at most `devices` for each user: one more replaces the one that expires first."""

    min_expires_s: int = 60
    max_expires_s: int = 3600
    devices: int = 10
    _users: dict[str, dict[str, Binding]] = field(default_factory=dict)

    def restore(self, binding: Binding) -> None:
        """Put back a binding that was kept on disk."""
        self._users.setdefault(binding.user, {})[key(binding.contact)] = binding

    def live(self, user: str, now: float) -> tuple[Binding, ...]:
        """The user's devices that have not expired, latest first."""
        found = [one for one in self._users.get(user, {}).values() if one.expires_at > now]
        return tuple(sorted(found, key=lambda one: -one.expires_at))

    def count(self, now: float) -> int:
        return sum(1 for devices in self._users.values() for one in devices.values() if one.expires_at > now)

    def forget(self, user: str) -> Change:
        """All of the user's devices go: the codes that they registered with are worth nothing any more."""
        return Change(removed=tuple(one.contact for one in self._users.pop(user, {}).values()))

    def remove_all(self, user: str, *, call_id: str, cseq: int) -> Change:
        """`Contact: *` with Expires 0. Raises RegistrationRefused for an old CSeq."""
        known = self._users.get(user, {})
        for one in known.values():
            self._check_order(one, call_id, cseq)
        self._users.pop(user, None)
        return Change(removed=tuple(one.contact for one in known.values()))

    def apply(
        self,
        user: str,
        wanted: Sequence[Wanted],
        *,
        default_s: int | None,
        template: Binding,
        now: float,
    ) -> Change:
        """Add, renew and remove, all or nothing. template: what all of them share (source, Call-ID, CSeq, agent, path).
        Raises RegistrationRefused: 423 for an interval below the minimum, 400 for too many contacts or an old CSeq."""
        if len(wanted) > self.devices:
            raise RegistrationRefused(400, f"register at most {self.devices} contacts")
        known = dict(self._users.get(user, {}))
        written: dict[str, Binding] = {}
        removed: list[str] = []
        for one in wanted:
            seconds = one.expires_s if one.expires_s is not None else default_s
            seconds = self.max_expires_s if seconds is None else min(seconds, self.max_expires_s)
            name = key(one.contact)
            if (old := known.get(name)) is not None:
                self._check_order(old, template.call_id, template.cseq)
            if seconds == 0:
                if known.pop(name, None) is not None:
                    removed.append(old.contact if old else one.contact)
                continue
            if seconds < self.min_expires_s:
                raise RegistrationRefused(423, f"register for at least {self.min_expires_s} s")
            if old is not None and old.contact != one.contact:
                removed.append(old.contact)
            known[name] = written[name] = replace(template, user=user, contact=one.contact, expires_at=now + seconds)
        known = {name: one for name, one in known.items() if one.expires_at > now}
        while len(known) > self.devices:
            oldest = min(known, key=lambda name: known[name].expires_at)
            removed.append(known.pop(oldest).contact)
            written.pop(oldest, None)
        if known:
            self._users[user] = known
        else:
            self._users.pop(user, None)
        return Change(tuple(written.values()), tuple(removed))

    def sweep(self, now: float) -> tuple[Binding, ...]:
        """Forget what has expired; returns it."""
        gone = [one for devices in self._users.values() for one in devices.values() if one.expires_at <= now]
        for one in gone:
            devices = self._users[one.user]
            devices.pop(key(one.contact), None)
            if not devices:
                del self._users[one.user]
        return tuple(gone)

    def _check_order(self, old: Binding, call_id: str, cseq: int) -> None:
        if old.call_id == call_id and cseq <= old.cseq:
            raise RegistrationRefused(400, "this REGISTER is older than the one that was carried out")

"""Who a switch speaks of, and what his call is: the same look-ups and the same plans as for calls that pass through our own plane."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from django.db import close_old_connections

from cadran.party import queries as party
from cadran.units.clock import MonotonicClock
from cadran.units.errors import CadranError
from cadran.voice.b2bua import plans
from cadran.voice.carriers.book import Carrier
from cadran.voice.directory.lookups import Look, Lookups, NotKnown
from cadran.voice.switches import rules

T = TypeVar("T")
READERS = 2
MOST_WAITING = 256
_DIGITS = re.compile(r"\+?([1-9][0-9]{6,14})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class CallerUnknown(CadranError):
    """None of the brands that the switch serves has such a caller."""

    error_id = "switch-caller-unknown"


class CallerNotActive(CadranError):
    """The caller's account or SIP user may not be used at present."""

    error_id = "switch-caller-not-active"


class DirectoryBusy(CadranError):
    """Too many look-ups wait for the database: try again in a moment."""

    error_id = "switch-directory-busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a switch asks: `caller` (a SIP user, or one of our numbers) or `account` wants to call `to`. inbound: `to` is ours."""

    to: str
    caller: str = ""
    account: str = ""
    withhold: bool = False
    inbound: bool = False


class Callers:
    """Finds callers and plans. What is kept answers at once; the database is read on threads of its own, a bounded number waiting."""

    def __init__(
        self,
        clock: MonotonicClock,
        *,
        realm: str,
        country: str,
        private_targets: bool,
        own: tuple[str, int],
        ttl_s: float = 5.0,
        lookups: Lookups | None = None,
    ) -> None:
        self._lookups = lookups or Lookups(clock, ttl_s=ttl_s)
        self._realm, self._country = realm.lower(), country
        self._private_targets, self._own = private_targets, own
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database")
        self._waiting = 0

    def close(self) -> None:
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def plan(self, switch: rules.Switch, wish: Wish) -> plans.Plan:
        """Where the call goes and who pays. Raises CallerUnknown, CallerNotActive, DirectoryBusy."""
        return await self._looked(lambda look: self._plan(switch, wish, look))

    async def user(self, switch: rules.Switch, *, caller: str, account: str) -> party.SipUser:
        """Who pays for a one-off service. Raises CallerUnknown, CallerNotActive, DirectoryBusy."""
        return await self._looked(lambda look: self._user(switch, caller, account, look))

    async def read(self, work: Callable[[], T]) -> T:
        """Run a function on a database thread. Raises DirectoryBusy."""
        if self._waiting >= MOST_WAITING:
            raise DirectoryBusy("too many look-ups wait: try again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, _fresh, work)
        finally:
            self._waiting -= 1

    async def _looked(self, work: Callable[[Look], T]) -> T:
        try:
            return work(self._lookups.known)
        except NotKnown:
            return await self.read(lambda: work(self._lookups))

    def _plan(self, switch: rules.Switch, wish: Wish, look: Look) -> plans.Plan:
        if wish.inbound:
            carrier = Carrier(name=switch.name, address=("", 0))
            plan = plans.inbound(carrier, wish.to, wish.caller, "", look, country=self._country)
            if not plan.turned and not switch.serves(plan.brand):
                raise _unknown()
            return plan
        user = self._user(switch, wish.caller, wish.account, look)
        return plans.outbound(
            user, wish.to, look, withhold=wish.withhold, private_targets=self._private_targets, own=self._own
        )

    def _user(self, switch: rules.Switch, caller: str, account: str, look: Look) -> party.SipUser:
        found = look.payer(account) if account else self._named(caller, look)
        if (
            found is None
            or not switch.serves(found.brand)
            or (account and caller and not self._is(found, caller, look))
        ):
            raise _unknown()
        if not found.active:
            raise CallerNotActive("this caller's account or SIP user is not active: see the customer's page")
        return found

    def _is(self, found: party.SipUser, caller: str, look: Look) -> bool:
        named = self._named(caller, look)
        return named is not None and named.account == found.account

    def _named(self, caller: str, look: Look) -> party.SipUser | None:
        """A SIP user by its name or address, or the holder of a number."""
        text = caller.removeprefix("sip:").partition(";")[0]
        text, at, host = text.partition("@")
        if at and host.partition(":")[0].lower() not in (self._realm, "localhost"):
            return None
        if (number := _DIGITS.fullmatch(text)) is not None:
            holder = look.holder(number[1])
            if holder is not None:
                return look.sip_user(holder.sip_username)
        return look.sip_user(text.lower()) if _NAME.fullmatch(text) else None


def _unknown() -> CallerUnknown:
    return CallerUnknown("no customer of the brands that this key serves goes by that caller or account")


def _fresh(work: Callable[[], T]) -> T:
    close_old_connections()
    return work()

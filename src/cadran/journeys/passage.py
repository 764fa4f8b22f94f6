"""The passing of time in a sandbox: its civil clock jumps, and whatever fell due meanwhile is done in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings

from cadran.charging.adapters.client import SocketCharging
from cadran.journeys import carry, due
from cadran.units.clock import LONGEST_STEP, ClockMovedBack, OffsetClock
from cadran.units.errors import CadranError, InvalidInput

_MOST_EVENTS = 1000


class NotASandbox(CadranError):
    """The civil clock of a production installation is the wall clock."""

    error_id = "clock-not-a-sandbox"


class TooFar(InvalidInput):
    """Further than twenty years at once."""

    error_id = "clock-invalid-step"


def advance(target: datetime, tell: Callable[[str, datetime, int], None]) -> datetime:
    """Move the sandbox's clock to `target`, running each due act on its way at its own instant; returns what the clock shows.

    Events recorded until then are carried before the next act. `tell` hears each act's name, instant and count. Raises
    NotASandbox, ClockMovedBack, charging-unavailable.
    """
    civil = settings.CIVIL_CLOCK
    if not isinstance(civil, OffsetClock):
        raise NotASandbox("only a sandbox's clock can be moved: this installation runs with CADRAN_SANDBOX=0")
    if target < civil.now() - timedelta(seconds=1):
        raise ClockMovedBack(f"the civil clock already shows {civil.now():%Y-%m-%dT%H:%M:%SZ}: choose a later instant")
    if target - civil.now() > LONGEST_STEP:
        raise TooFar("advance by twenty years at most at a time")
    charging = SocketCharging(settings.CHARGING_SOCKET, timeout_s=10)

    def reach(at: datetime) -> None:
        if at > civil.now():
            civil.advance_to(at)
        for _ in range(_MOST_EVENTS):
            if not carry.pending(charging=charging, now=civil.now()):
                return

    reach(civil.now())
    for done in due.run_due(charging=charging, now=target, reach=reach):
        tell(done.name, done.at, done.count)
    reach(max(target, civil.now()))
    now: datetime = civil.now()
    return now

"""Puts the faces for outside switches together, from settings."""

from __future__ import annotations

from cadran import settings
from cadran.charging.adapters.client import AsyncCharging
from cadran.policy import queries as policy
from cadran.units.clock import BootClock
from cadran.voice.options import Options
from cadran.voice.switches.callers import Callers
from cadran.voice.switches.desk import Desk
from cadran.voice.switches.http import Application
from cadran.voice.switches.keyring import Keyring

CHARGING_TIMEOUT_S = 4.0


def desk() -> Desk:
    """A desk on the charging process of this installation."""
    options, clock = Options.from_environment(), BootClock()
    private = settings.SANDBOX if options.private_targets < 0 else bool(options.private_targets)
    callers = Callers(
        clock,
        realm=settings.SIP_REALM,
        country=policy.brand(settings.BRAND).country,
        private_targets=private,
        own=(settings.SIP_HOST, settings.SIP_PORT),
        ttl_s=options.directory_ttl_s,
    )
    return Desk(AsyncCharging(settings.CHARGING_SOCKET, timeout_s=CHARGING_TIMEOUT_S), callers, settings.CIVIL_CLOCK)


def application() -> Application:
    """The charging API."""
    found = desk()
    return Application(found, Keyring(found.callers.read, clock=BootClock(), civil=settings.CIVIL_CLOCK))

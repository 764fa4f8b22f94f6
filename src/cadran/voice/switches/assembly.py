"""Puts the faces for outside switches together, from settings."""

from __future__ import annotations

from cadran import settings
from cadran.policy import queries as policy
from cadran.units.clock import BootClock
from cadran.voice.options import Options
from cadran.voice.switches.callers import Callers
from cadran.voice.switches.desk import Desk
from cadran.voice.switches.http import Application
from cadran.voice.switches.keyring import Keyring
from cadran.voice.switches.pipe import PipedCharging
from cadran.voice.switches.radius import server
from cadran.voice.switches.radius.exchange import Exchange

CHARGING_TIMEOUT_S = 4.0
LEAST_SECRET = 16


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
    return Desk(PipedCharging(settings.CHARGING_SOCKET, timeout_s=CHARGING_TIMEOUT_S), callers, settings.CIVIL_CLOCK)


def application() -> Application:
    """The charging API."""
    found = desk()
    return Application(found, Keyring(found.callers.read, clock=BootClock(), civil=settings.CIVIL_CLOCK))


def radius_exchange() -> Exchange:
    """The answers of RADIUS."""
    return Exchange(desk(), grant_s=settings.RADIUS_GRANT_S)


def radius_clients() -> dict[str, server.Client]:
    """The clients by address. Each one's secret is CADRAN_SECRET_RADIUS_<NAME>, else a file of the state folder, made at first use.
    Raises server.InvalidClients."""
    found = {}
    for name, address, brands in server.read_clients(settings.RADIUS_CLIENTS):
        for brand in brands:
            policy.brand(brand)
        secret = settings.secret(f"radius_{name.replace('-', '_')}")
        if len(secret) < LEAST_SECRET:
            raise server.InvalidClients(
                f"the secret of {name} has fewer than {LEAST_SECRET} characters: it would be guessed"
            )
        found[address] = server.client(name, address, brands, secret)
    return found

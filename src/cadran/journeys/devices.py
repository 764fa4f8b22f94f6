"""A device of a customer taken off the registrar, as the device itself would."""

from __future__ import annotations

from django.conf import settings

from cadran.party import queries as party
from cadran.units.errors import CadranError
from cadran.voice import queries as voice
from cadran.voice.registrar import removal


class UnknownDevice(CadranError):
    """No device of this account is registered under that number."""

    error_id = "journeys-device-unknown"


def drop(*, account: str, device_id: int, now_wall_s: float) -> None:
    """End the registration of that device with a REGISTER. It may come back with the password that it knows.

    Raises UnknownDevice, for another account's too, and removal.NotRemoved.
    """
    users = [identity.username for identity in party.sip_identities(account=account)]
    device = next((one for one in voice.devices(users, now_wall_s=now_wall_s) if one.id == device_id), None)
    user = party.sip_user(device.username) if device else None
    if device is None or user is None:
        raise UnknownDevice("no device of this account is registered under that number: look at the list again")
    removal.remove(
        server=(settings.SIP_HOST, settings.SIP_PORT),
        realm=settings.SIP_REALM,
        username=device.username,
        ha1=user.ha1,
        contact=device.contact,
    )

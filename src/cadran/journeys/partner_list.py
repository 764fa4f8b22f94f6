"""The partners as they are set up now: what the screen states, what a file does, and where each setting comes from. No secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from cadran.party import partners
from cadran.party.partners import PartnerKind
from cadran.units.errors import CadranError
from cadran.voice.carriers import book


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier of a brand. source: `file` or `screen`."""

    name: str
    address: str
    priority: int
    prefixes: str
    source: str
    enabled: bool
    stated: Mapping[str, str]
    has_password: bool


def carriers(brand: str) -> list[Carrier]:
    """The brand's carriers by priority: those of the screen, and those of its file that the screen does not name."""
    screen = {one.name: one for one in partners.carriers(brand)}
    found = [
        Carrier(
            name=one.name,
            address=f"{one.stated['host']}:{one.stated['port']}",
            priority=int(one.stated["priority"]),
            prefixes=one.stated["prefixes"],
            source="screen",
            enabled=one.enabled,
            stated=dict(one.stated),
            has_password=bool(one.secrets.get("password")),
        )
        for one in screen.values()
    ]
    try:
        filed = book.load(settings.BRANDS / brand / "carriers.toml").carriers
    except CadranError:
        filed = ()
    for line in filed:
        if line.name not in screen:
            host, port = line.address
            stated = {"host": host, "port": str(port), "priority": str(line.priority), "number_form": line.number_form}
            stated |= {"inbound": "yes" if line.inbound else "no", "prefixes": "", "user": ""}
            found.append(Carrier(line.name, f"{host}:{port}", line.priority, "", "file", True, stated, False))
    return sorted(found, key=lambda one: (one.priority, one.name))


def source(kind: PartnerKind) -> str:
    """Where the card provider or the mail server in use is stated: environment, screen or default."""
    if partners.stated_by_environment(kind):
        return "environment"
    return "screen" if partners.in_use(kind) else "default"

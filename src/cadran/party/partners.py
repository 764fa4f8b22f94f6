"""Partners set up from the back office: carriers, the card provider, the mail server. Each change is a further row with who made it;
secrets are sealed and never shown again. What the environment states comes first; what nobody set up is the installation's default."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from cadran.party import vault
from cadran.party.models import PartnerChange
from cadran.policy import operations as policy
from cadran.units.errors import CadranError, InvalidInput
from cadran.units.period import utc

MAX_TEXT = 200
MAX_SECRET = 400
HISTORY = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PREFIXES = re.compile(r"([0-9]{1,15}(,[0-9]{1,15}){0,49})?")


class PartnerKind(StrEnum):
    CARRIER = "carrier"
    CARD = "card"
    MAIL = "mail"


class InvalidPartner(InvalidInput):
    """A setting that cannot be used; `details["field"]` names it."""

    error_id = "partners-invalid"


class AddressForbidden(CadranError):
    """An address that a partner cannot have: no https, or inside a private network."""

    error_id = "partners-address-forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A partner as it is set up now. `secrets` are open: for use, never for pages. brand is empty but for carriers."""

    kind: PartnerKind
    brand: str
    name: str
    stated: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    enabled: bool
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change, without secrets: `resealed` names those that it set."""

    kind: PartnerKind
    brand: str
    name: str
    stated: Mapping[str, str]
    enabled: bool
    resealed: tuple[str, ...]
    changed_by: str
    changed_at: datetime


FIELDS: Mapping[PartnerKind, tuple[str, ...]] = {
    PartnerKind.CARRIER: ("host", "port", "priority", "prefixes", "number_form", "inbound", "user"),
    PartnerKind.CARD: ("api_base",),
    PartnerKind.MAIL: ("host", "port", "security", "user", "sender"),
}
SECRETS: Mapping[PartnerKind, tuple[str, ...]] = {
    PartnerKind.CARRIER: ("password",),
    PartnerKind.CARD: ("api_key", "webhook_secret"),
    PartnerKind.MAIL: ("password",),
}
# The variables of the environment that reach a partner. Where one of them is set, the screen does not count: a password that was
# typed here is not sent to a host that is named there.
ENVIRONMENT: Mapping[PartnerKind, tuple[str, ...]] = {
    PartnerKind.CARRIER: (),
    PartnerKind.CARD: ("CADRAN_CARD_API_BASE", "CADRAN_SECRET_CARD_API_KEY", "CADRAN_SECRET_CARD_WEBHOOK"),
    PartnerKind.MAIL: ("CADRAN_SMTP_HOST", "CADRAN_SMTP_PORT", "CADRAN_SMTP_USER", "CADRAN_SECRET_SMTP"),
}


def reached_by(kind: PartnerKind, brands: Sequence[str]) -> bool:
    """Whether who serves these brands (none named: all) may set that kind of partner up: the card provider and the mail server serve
    every brand, so that who serves some of them changes neither."""
    return kind is PartnerKind.CARRIER or not brands


def set_up(
    *,
    kind: PartnerKind,
    name: str,
    stated: Mapping[str, str],
    secrets: Mapping[str, str],
    by_id: int,
    by_name: str,
    at: datetime,
    brand: str = "",
    enabled: bool = True,
) -> Change:
    """Keep how a partner is reached from now on. A secret left empty stays as it was; it is forgotten where the address changes, so
    that it is never sent to another host. Raises InvalidPartner, AddressForbidden."""
    tidy = {key: str(stated.get(key, "")).strip() for key in FIELDS[kind]}
    check(kind, name, tidy, secrets)
    if enabled:
        check_address(kind, tidy)
    with transaction.atomic():
        before = partner(kind, brand=brand, name=name)
        kept = dict(before.secrets) if before is not None and _reach(before.stated) == _reach(tidy) else {}
        fresh = {key: secrets[key] for key in SECRETS[kind] if secrets.get(key)}
        row = PartnerChange.objects.create(
            kind=kind,
            brand=brand,
            name=name,
            stated=tidy,
            sealed=vault.seal(kept | fresh, owner=_owner(kind, brand, name)),
            resealed=sorted(fresh),
            enabled=enabled,
            changed_by=by_id,
            changed_name=by_name[:64],
            changed_at=utc(at),
        )
        policy.record_event(
            kind="party.partner-changed",
            key=f"{kind}/{brand or 'all'}/{name}/{row.pk}",
            body={"kind": kind, "brand": brand, "name": name, "stated": tidy, "resealed": sorted(fresh), "by": by_id},
            at=at,
        )
    return _change(row)


def partner(kind: PartnerKind, *, brand: str = "", name: str = "") -> Partner | None:
    """How that partner is set up from the screen; None where it never was."""
    row = PartnerChange.objects.filter(kind=kind, brand=brand, name=name).order_by("-id").first()
    return None if row is None else _open(row)


def carriers(brand: str) -> tuple[Partner, ...]:
    """The carriers of a brand as they are set up from the screen, those that were switched off too."""
    newest: dict[str, PartnerChange] = {}
    for row in PartnerChange.objects.filter(kind=PartnerKind.CARRIER, brand=brand).order_by("id"):
        newest[row.name] = row
    return tuple(_open(row) for _, row in sorted(newest.items()))


def reseal(*, at: datetime) -> int:
    """Seal the secrets in use again with the newest key, as further rows; returns how many. Run it after a new key came."""
    count = 0
    newest = {(row.kind, row.brand, row.name): row for row in PartnerChange.objects.order_by("id")}
    for row in newest.values():
        if not vault.sealed_with_newest(row.sealed):
            owner = _owner(row.kind, row.brand, row.name)
            row.pk, row.sealed, row.changed_name = (
                None,
                vault.seal(vault.unseal(row.sealed, owner=owner), owner=owner),
                "cadran",
            )
            row.resealed, row.changed_by, row.changed_at, row._state.adding = [], 0, utc(at), True
            row.save()
            count += 1
    return count


def history(*, kind: PartnerKind | None = None, limit: int = HISTORY) -> tuple[Change, ...]:
    """The last changes, newest first."""
    rows = PartnerChange.objects.all() if kind is None else PartnerChange.objects.filter(kind=kind)
    return tuple(_change(row) for row in rows.order_by("-id")[:limit])


def generation() -> int:
    """Grows with each change: a process that remembers how it reached a partner looks here."""
    row = PartnerChange.objects.order_by("-id").values_list("id", flat=True).first()
    return int(row or 0)


def stated_by_environment(kind: PartnerKind) -> tuple[str, ...]:
    """The variables by which the environment reaches that partner; none where the screen or the default counts."""
    return tuple(variable for variable in ENVIRONMENT[kind] if os.environ.get(variable))


def in_use(kind: PartnerKind) -> Partner | None:
    """The card provider or mail server that the screen set up, if it counts; None: the environment's or the default one."""
    if stated_by_environment(kind):
        return None
    found = partner(kind)
    return found if found is not None and found.enabled else None


def check(kind: PartnerKind, name: str, stated: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Raises InvalidPartner for the first field that cannot be used."""
    for where, problem in _problems(kind, name, stated, secrets):
        raise InvalidPartner(problem, field=where)


def check_address(kind: PartnerKind, stated: Mapping[str, str]) -> None:
    """Raises AddressForbidden for a host inside a private network, or a card provider without https; a sandbox may have both."""
    if settings.SANDBOX:
        return
    if kind is PartnerKind.CARD:
        if not stated["api_base"]:
            return  # Stripe itself
        found = urlsplit(stated["api_base"])
        if found.scheme != "https":
            raise AddressForbidden("a card provider is reached by https")
        host = found.hostname or ""
    else:
        host = stated["host"]
    for address in addresses(host):
        if not address.is_global or address.is_multicast:
            raise AddressForbidden(f"{host} lies inside a private network ({address}): choose a public address")


def addresses(host: str) -> Sequence[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Every address that a host name stands for. Raises InvalidPartner where it stands for none."""
    try:
        rows = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        raise InvalidPartner(f"no host is named {host[:80]!r}", field="host") from None
    found = [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows]
    return [getattr(one, "ipv4_mapped", None) or one for one in found]


def _problems(
    kind: PartnerKind, name: str, stated: Mapping[str, str], secrets: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for key, text in stated.items():
        if len(text) > MAX_TEXT or not text.isprintable():
            yield key, f"{key} holds at most {MAX_TEXT} printable characters"
    for key, text in secrets.items():
        if len(text) > MAX_SECRET or not text.isascii() or not text.isprintable():
            yield key, f"{key} holds at most {MAX_SECRET} printable characters of ASCII"
    if kind is PartnerKind.CARD:
        yield from _card_problems(stated["api_base"])
        return
    if not _HOST.fullmatch(stated["host"]):
        yield "host", "give a host name or an IP address"
    if not re.fullmatch(r"[0-9]{1,5}", stated["port"]) or not 0 < int(stated["port"]) < 65536:
        yield "port", "give a port from 1 to 65535"
    if kind is PartnerKind.MAIL:
        if stated["security"] not in ("none", "starttls", "tls"):
            yield "security", "security is none, starttls or tls"
        if "@" not in stated["sender"]:
            yield "sender", "give the sender's address"
        return
    if not _NAME.fullmatch(name):
        yield "name", "a carrier's name is lower-case letters, digits and dashes"
    if not re.fullmatch(r"[0-9]{1,4}", stated["priority"]):
        yield "priority", "priority is a whole number; the lower is tried first"
    if not _PREFIXES.fullmatch(stated["prefixes"].replace(" ", "")):
        yield "prefixes", "write prefixes as digits with commas, such as 33,44; none means every number"
    if stated["number_form"] not in ("plus", "digits") or stated["inbound"] not in ("yes", "no"):
        yield "number_form", "number_form is plus or digits, inbound yes or no"


def _card_problems(api_base: str) -> Iterator[tuple[str, str]]:
    if not api_base:
        return
    try:
        found = urlsplit(api_base)
        port_is_right = found.port is None or 0 < found.port < 65536
    except ValueError:
        yield "api_base", "this is no address"
        return
    plain = not (found.username or found.password or found.query or found.fragment)
    if found.scheme not in ("http", "https") or not found.hostname or not plain or not port_is_right:
        yield "api_base", "write an address such as https://api.provider.example, without user, query or fragment"


def _reach(stated: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(stated.get(key, "") for key in ("host", "port", "api_base", "user"))


def _owner(kind: str, brand: str, name: str) -> str:
    return f"partner/{kind}/{brand}/{name}"


def _open(row: PartnerChange) -> Partner:
    return Partner(
        kind=PartnerKind(row.kind),
        brand=row.brand,
        name=row.name,
        stated=row.stated,
        secrets=vault.unseal(row.sealed, owner=_owner(row.kind, row.brand, row.name)),
        enabled=row.enabled,
        changed_by=row.changed_name,
        changed_at=row.changed_at,
    )


def _change(row: PartnerChange) -> Change:
    return Change(
        kind=PartnerKind(row.kind),
        brand=row.brand,
        name=row.name,
        stated=row.stated,
        enabled=row.enabled,
        resealed=tuple(row.resealed),
        changed_by=row.changed_name,
        changed_at=row.changed_at,
    )

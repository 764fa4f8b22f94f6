"""Reads brands/<brand>/carriers.toml: to whom calls go out, in what order, and who may send calls in.

[[carrier]]
name = "alpha"
address = "${sandbox_carrier}"      # host:port, or a name of the sandbox
priority = 10                       # lower is tried first
inbound = true                      # calls from this address are calls for our numbers
any_port = false                    # whether inbound calls may come from other ports of that host
number_form = "plus"                # +33..., or "digits"
vouches = false                     # whether it lets only calls through whose calling number it has authenticated
from_abroad = false                 # whether it delivers calls that come from other countries

[[certificate]]                     # of an operator whose SHAKEN PASSporTs are believed, filed beside carriers.toml
x5u = "https://certificates.example/one.pem"
file = "certificates/one.pem"
"""

from __future__ import annotations

import re
import socket
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from cadran import settings
from cadran.party import partners
from cadran.party.partners import Partner
from cadran.units.errors import CadranError, InvalidInput

log = structlog.get_logger("voice.carriers")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9][A-Za-z0-9_-]*){0,2}\.pem")
_FLAGS = {"inbound": True, "outbound": True, "any_port": False, "vouches": False, "from_abroad": False}
_KEYS = {"name", "address", "priority", "number_form", *_FLAGS}


class InvalidCarriers(InvalidInput):
    """A carriers.toml that cannot be used."""

    error_id = "voice-carriers-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """One carrier. address: IP and port where calls are sent. prefixes: the numbers that it takes, none for all. user,
    password: what it is told when it asks who calls (RFC 3261, 22). vouches, from_abroad: what it says of the callers of its calls."""

    name: str
    address: tuple[str, int]
    priority: int = 100
    inbound: bool = True
    outbound: bool = True
    any_port: bool = False
    vouches: bool = False
    from_abroad: bool = False
    number_form: str = "plus"
    prefixes: tuple[str, ...] = ()
    user: str = ""
    password: str = field(default="", repr=False)

    def sends_from(self, source: tuple[str, int]) -> bool:
        """Whether a request from that address is this carrier's."""
        return self.inbound and source[0] == self.address[0] and (self.any_port or source[1] == self.address[1])


@dataclass(frozen=True, slots=True)
class Book:
    """All carriers of a brand, in the order in which they are tried. certificates: (x5u, PEM) of operators whose PASSporTs are
    believed."""

    carriers: tuple[Carrier, ...] = ()
    certificates: tuple[tuple[str, str], ...] = ()

    def outbound(self, digits: str = "") -> tuple[Carrier, ...]:
        """Those that take calls to a number (international digits without plus), in the order in which they are tried."""
        return tuple(
            one for one in self.carriers if one.outbound and (not one.prefixes or digits.startswith(one.prefixes))
        )

    def with_partners(self, partners: Sequence[Partner]) -> Book:
        """This book with the carriers that the back office set up: one of the same name takes the place of the file's, or takes it
        out where it was switched off. One whose host is not known now is left out, and told in the log."""
        kept = {one.name: one for one in self.carriers}
        for partner in partners:
            filed = kept.pop(partner.name, None)
            if partner.enabled and (made := _of_partner(partner)) is not None:
                kept[partner.name] = _vouched(made, filed)
        return replace(self, carriers=tuple(sorted(kept.values(), key=lambda one: (one.priority, one.name))))

    def sender(self, source: tuple[str, int]) -> Carrier | None:
        """The carrier that this source address belongs to, or None."""
        return next((one for one in self.carriers if one.sends_from(source)), None)


@dataclass(frozen=True, slots=True)
class Books:
    """The carriers of every brand that has any. own: the brand whose carriers serve those that have none of their own."""

    by_brand: Mapping[str, Book] = field(default_factory=dict)
    own: str = ""

    def of(self, brand: str) -> Book:
        """The carriers by which calls of that brand go out."""
        theirs = self.by_brand.get(brand, Book())
        return theirs if theirs.carriers else self.by_brand.get(self.own, Book())

    @property
    def certificates(self) -> Mapping[str, str]:
        """The PEM certificates of all brands by their x5u."""
        return {x5u: pem for book in self.by_brand.values() for x5u, pem in book.certificates}

    def sender(self, source: tuple[str, int]) -> Carrier | None:
        """The carrier, of whatever brand, that this source address belongs to; where several brands have it, none of them must say
        more of its callers than the others."""
        found = [one for book in self.by_brand.values() if (one := book.sender(source)) is not None]
        if not found:
            return None
        vouches, abroad = all(one.vouches for one in found), any(one.from_abroad for one in found)
        return replace(found[0], vouches=vouches, from_abroad=abroad)


def sandbox_names() -> Mapping[str, str]:
    """What ${...} stands for in an address."""
    return {
        "sandbox_carrier": f"{settings.SIP_HOST}:{settings.SANDBOX_CARRIER_PORT}",
        "sandbox_carrier2": f"{settings.SIP_HOST}:{settings.SANDBOX_CARRIER2_PORT}",
    }


def load(path: Path, names: Mapping[str, str] | None = None) -> Book:
    """Read a file; none means no carriers. Raises InvalidCarriers with the file's name and what is wrong."""
    if not path.exists():
        return Book()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidCarriers(f"{path.name}: {error}") from None
    rows = data.get("carrier", [])
    if (
        not isinstance(rows, list)
        or set(data) - {"carrier", "certificate"}
        or not all(isinstance(row, dict) for row in rows)
    ):
        raise InvalidCarriers(
            f"{path.name}: write each carrier as a [[carrier]] table, certificates as [[certificate]]"
        )
    found = [_carrier(row, path.name, sandbox_names() if names is None else names) for row in rows]
    if len({one.name for one in found}) != len(found):
        raise InvalidCarriers(f"{path.name}: two carriers have the same name")
    return Book(
        tuple(sorted(found, key=lambda one: (one.priority, one.name))),
        _certificates(data.get("certificate", []), path),
    )


def of_brand(brand: str, folder: Path) -> Book:
    """The carriers of a brand now: its file's and the back office's. Reads the database. Raises InvalidCarriers."""
    return load(folder / brand / "carriers.toml").with_partners(partners.carriers(brand))


def of_brands(brands: Sequence[str], folder: Path, *, own: str) -> Books:
    """The carriers of those brands now. One whose file cannot be used is left out, and told in the log, unless it is `own`. Reads the
    database. Raises InvalidCarriers for `own`."""
    found: dict[str, Book] = {own: of_brand(own, folder)}
    for brand in brands:
        try:
            found.setdefault(brand, of_brand(brand, folder) if brand != own else found[own])
        except InvalidCarriers as error:
            log.error("carriers-unusable", brand=brand, error=error.message)
    return Books({brand: book for brand, book in found.items() if book.carriers or brand == own}, own)


def _certificates(rows: object, path: Path) -> tuple[tuple[str, str], ...]:
    found = {}
    for row in rows if isinstance(rows, list) else [None]:
        x5u, name = (row.get("x5u"), row.get("file")) if isinstance(row, dict) else (None, None)
        if not (
            isinstance(x5u, str) and isinstance(name, str) and _FILE.fullmatch(name) and x5u.startswith("https://")
        ):
            raise InvalidCarriers(
                f"{path.name}: a certificate has an x5u (https://...) and a file beside carriers.toml"
            )
        try:
            found[x5u] = (path.parent / name).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            raise InvalidCarriers(f"{path.name}: the certificate {name} cannot be read") from None
    return tuple(sorted(found.items()))


def _vouched(carrier: Carrier, filed: Carrier | None) -> Carrier:
    """What the file says of its callers holds for a carrier of the screen while it stays at the same address: whoever may change the
    address may not have somebody else's word believed."""
    if filed is None or filed.address != carrier.address:
        return replace(carrier, from_abroad=filed.from_abroad if filed is not None else False)
    return replace(carrier, vouches=filed.vouches, from_abroad=filed.from_abroad)


def _of_partner(partner: Partner) -> Carrier | None:
    stated = partner.stated
    try:
        host, port = _address(f"{stated['host']}:{stated['port']}", f"carrier {partner.name}", {})
        partners.check_address(partner.kind, {**stated, "host": host})
    except CadranError as error:
        log.warning("carrier-left-out", carrier=partner.name, error=error.message)
        return None
    return Carrier(
        name=partner.name,
        address=(host, port),
        priority=int(stated["priority"]),
        inbound=stated["inbound"] == "yes",
        number_form=stated["number_form"],
        prefixes=tuple(one for one in stated["prefixes"].replace(" ", "").split(",") if one),
        user=stated["user"],
        password=partner.secrets.get("password", ""),
    )


def _carrier(row: Mapping[str, object], file: str, names: Mapping[str, str]) -> Carrier:
    name = row.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidCarriers(f"{file}: a carrier needs a name of lower-case letters, digits and dashes")
    if unknown := set(row) - _KEYS:
        raise InvalidCarriers(f"{file}: carrier {name}: unknown key {sorted(unknown)[0]}")
    priority, form = row.get("priority", 100), row.get("number_form", "plus")
    if type(priority) is not int or form not in ("plus", "digits"):
        raise InvalidCarriers(f"{file}: carrier {name}: priority is a whole number, number_form is plus or digits")
    flags = {key: row.get(key, default) for key, default in _FLAGS.items()}
    if any(type(value) is not bool for value in flags.values()):
        raise InvalidCarriers(f"{file}: carrier {name}: {', '.join(_FLAGS)} are true or false")
    return Carrier(
        name=name,
        address=_address(row.get("address"), f"{file}: carrier {name}", names),
        priority=priority,
        number_form=str(form),
        inbound=bool(flags["inbound"]),
        outbound=bool(flags["outbound"]),
        any_port=bool(flags["any_port"]),
        vouches=bool(flags["vouches"]),
        from_abroad=bool(flags["from_abroad"]),
    )


def _address(text: object, where: str, names: Mapping[str, str]) -> tuple[str, int]:
    if not isinstance(text, str):
        raise InvalidCarriers(f"{where}: address is host:port or ${{name}}")
    if named := re.fullmatch(r"\$\{([a-z0-9_]+)\}", text):
        if named[1] not in names:
            raise InvalidCarriers(f"{where}: no address is named {named[1]}")
        text = names[named[1]]
    host, _, port = text.partition(":")
    if not host or not re.fullmatch(r"\d{1,5}", port or "5060") or not 0 < int(port or 5060) < 65536:
        raise InvalidCarriers(f"{where}: address is host:port, not {text!r}")
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]), int(port or 5060)
    except OSError:
        raise InvalidCarriers(f"{where}: the host {host} is not known") from None

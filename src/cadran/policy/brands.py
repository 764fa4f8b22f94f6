"""Brand: who sells, where and under which terms. Read from brands/<brand>/brand.toml. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from cadran.policy.sections import Fault, Section, check_keys, shortly
from cadran.units.errors import CadranError

KEY = re.compile(r"[a-z][a-z0-9-]{0,29}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,29}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2}")


class UnknownBrand(CadranError):
    """No brand folder of that name."""

    error_id = "policy-brand-unknown"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who issues the brand's receipts, as the law has it named on them: from [operator] of brand.toml, empty where it says nothing.

    siren: nine digits; vat_number: FR and eleven more. receipt_prefix: what receipt numbers begin with, the key in capitals
    where none is given. notice: a line for every receipt, such as that an identity is an example.
    """

    legal_form: str = ""
    share_capital: str = ""
    address: tuple[str, ...] = ()
    registry: str = ""
    siren: str = ""
    vat_number: str = ""
    email: str = ""
    phone: str = ""
    receipt_prefix: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand of the installation.

    key: folder name and first half of a terms reference. country: ISO 3166 alpha-2, where it is established and whose
    dialling habits are its default. languages: the first is the official one, the others are indicative.
    emergency_countries: where the brand serves callers and the law expects emergency routing. emergency_routed: where its
    default terms switch it on. phone_asked: whether registration needs a telephone number. numbers: `own-number`, and what a
    caller without one may show (`verified`, `withheld`).
    staff_alone_micros: what one member of staff may give, take back or refund in 24 hours without a second one;
    staff_most_micros: what may be moved at once; staff_proposal_days: how long a proposal waits for the second one.
    """

    key: str
    name: str
    legal_name: str
    country: str
    currency: str
    zone: str
    languages: tuple[str, ...]
    default_terms: str
    site: str
    summary: Mapping[str, str]
    colours: Mapping[str, str]
    registration_open: bool
    registration_verify: tuple[str, ...]
    minimum_age: int
    legal_entities: bool
    phone_asked: bool
    services: tuple[str, ...]
    free_of_own_number: tuple[str, ...]
    emergency_countries: tuple[str, ...]
    emergency_routed: tuple[str, ...] = ()
    versions: tuple[str, ...] = field(default=())
    staff_alone_micros: int = 0
    staff_most_micros: int = 100_000_000
    staff_proposal_days: int = 7
    operator: Operator = field(default=Operator())

    @property
    def language(self) -> str:
        """The official language, two letters."""
        return self.languages[0]

    @property
    def terms(self) -> str:
        """The terms that a new customer accepts by default, as `brand/version`. By date: `queries.terms_in_force`."""
        return f"{self.key}/{self.default_terms}"


_SPEC: dict[str, dict[str, type]] = {
    "brand": {
        "key": str,
        "name": str,
        "legal_name": str,
        "country": str,
        "currency": str,
        "zone": str,
        "languages": list,
        "default_terms": str,
        "site": str,
        "services": list,
    },
    "summary": {"fr": str, "en": str},
    "colours": {"primary": str, "accent": str, "background": str, "text": str},
    "registration": {"open": bool, "verify": list, "minimum_age": int, "legal_entities": bool, "phone": bool},
    "numbers": {"free_of_own_number": list},
    "emergency": {"countries": list},
    "staff": {"alone_micros": int, "most_micros": int, "proposal_days": int},
}
_OPTIONAL = {"staff"}
_MOST = {"alone_micros": 10**12, "most_micros": 10**12, "proposal_days": 90}
_OPERATOR: dict[str, type] = {
    "legal_form": str,
    "share_capital": str,
    "address": list,
    "registry": str,
    "siren": str,
    "vat_number": str,
    "email": str,
    "phone": str,
    "receipt_prefix": str,
    "notice": str,
}
_CHOICES = {
    ("registration", "verify"): ("email", "bank-details", "identity-document", "company"),
    ("numbers", "free_of_own_number"): ("verified", "withheld"),
    ("brand", "services"): ("voip", "calling-card", "airtime", "phone-system"),
}
_FORMS = {
    ("brand", "key"): (KEY, "small letters, digits and dashes"),
    ("brand", "country"): (_COUNTRY, "two capital letters such as FR"),
    ("brand", "currency"): (_CURRENCY, "three capital letters such as EUR"),
    ("brand", "default_terms"): (VERSION, "a version of the terms folder"),
    ("operator", "siren"): (re.compile(r"[0-9]{9}"), "nine digits"),
    ("operator", "vat_number"): (re.compile(r"[A-Z]{2}[0-9A-Z]{2,13}"), "two letters and up to 13 letters and digits"),
    ("operator", "receipt_prefix"): (re.compile(r"[A-Z][A-Z0-9]{0,14}"), "1 to 15 capital letters and digits"),
    ("operator", "email"): (re.compile(r"[^@\s]{1,64}@[^@\s]{1,180}"), "an e-mail address"),
}


def check_brand(sections: list[Section], shown: str, folder: str) -> list[Fault]:
    """Every error of a brand.toml."""
    by_name = {section.name: section for section in sections}
    faults = [
        Fault(shown, 1, f"[{name}] is missing") for name in _SPEC if name not in by_name and name not in _OPTIONAL
    ]
    for section in sections:
        spec = _OPERATOR if section.name == "operator" else _SPEC.get(section.name)
        if spec is None:
            faults.append(section.fault(f"unknown section [{section.name}]: one of {', '.join(_SPEC)}, operator"))
            continue
        wrong = check_keys(section, spec, set() if spec is _OPERATOR else set(spec))
        faults += wrong or _contents(section, folder)
    return faults


def read_brand(sections: list[Section], versions: tuple[str, ...], emergency_routed: tuple[str, ...]) -> Brand:
    """The brand of sections that `check_brand` found right."""
    data: dict[str, dict[str, object]] = {section.name: dict(section.body) for section in sections}
    head, registration = data["brand"], data["registration"]
    return Brand(
        key=str(head["key"]),
        name=str(head["name"]),
        legal_name=str(head["legal_name"]),
        country=str(head["country"]),
        currency=str(head["currency"]),
        zone=str(head["zone"]),
        languages=_texts(head["languages"]),
        default_terms=str(head["default_terms"]),
        site=str(head["site"]),
        summary={key: str(text) for key, text in data["summary"].items()},
        colours={key: str(text) for key, text in data["colours"].items()},
        registration_open=bool(registration["open"]),
        registration_verify=_texts(registration["verify"]),
        minimum_age=int(str(registration["minimum_age"])),
        legal_entities=bool(registration["legal_entities"]),
        phone_asked=bool(registration["phone"]),
        services=_texts(head["services"]),
        free_of_own_number=_texts(data["numbers"]["free_of_own_number"]),
        emergency_countries=_texts(data["emergency"]["countries"]),
        emergency_routed=emergency_routed,
        versions=versions,
        **{f"staff_{key}": int(str(value)) for key, value in data.get("staff", {}).items()},
        operator=_operator(data.get("operator", {})),
    )


def _operator(body: Mapping[str, object]) -> Operator:
    lines = _texts(body.get("address", []))
    return Operator(address=lines, **{key: str(text) for key, text in body.items() if key != "address"})


def is_zone(name: str) -> bool:
    """Whether the name is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def _contents(section: Section, folder: str) -> Iterator[Fault]:
    for key, value in section.body.items():
        where = (section.name, key)
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            yield section.fault(f"{key} must be a list of texts", key)
            continue
        if isinstance(value, str) and (not value.strip() or len(value) > 400):
            yield section.fault(f"{key} must hold 1 to 400 characters", key)
        if where in _FORMS and not _FORMS[where][0].fullmatch(str(value)):
            yield section.fault(f"{key} must be {_FORMS[where][1]}, not {shortly(value)}", key)
        if where in _CHOICES and isinstance(value, list):
            for item in set(value) - set(_CHOICES[where]):
                yield section.fault(f"{key}: unknown {shortly(item)}, one of {', '.join(_CHOICES[where])}", key)
        if section.name == "colours" and not _COLOUR.fullmatch(str(value)):
            yield section.fault(f"{key} must be a colour such as #0b5fa5, not {shortly(value)}", key)
    if section.name == "staff":
        for key, value in section.body.items():
            if not 0 <= int(str(value)) <= _MOST[key] or (key == "proposal_days" and not value):
                yield section.fault(
                    f"{key} lies between {int(key == 'proposal_days')} and {_MOST[key]}, not {value}", key
                )
    if section.name == "brand":
        yield from _head_contents(section, folder)
    if section.name == "emergency":
        yield from _each(section, "countries", _COUNTRY, "a country is two capital letters such as FR")


def _head_contents(section: Section, folder: str) -> Iterator[Fault]:
    if section.body["key"] != folder:
        yield section.fault(f"key must be the folder's name, {folder!r}", "key")
    if not is_zone(str(section.body["zone"])):
        yield section.fault(
            f"zone must be an IANA name such as Europe/Paris, not {shortly(section.body['zone'])}", "zone"
        )
    if not section.body["languages"]:
        yield section.fault("languages must name at least one", "languages")
    yield from _each(section, "languages", _LANGUAGE, "a language is two small letters such as fr")


def _each(section: Section, key: str, form: re.Pattern[str], sentence: str) -> Iterator[Fault]:
    items = section.body[key]
    assert isinstance(items, list)
    if any(not form.fullmatch(str(item)) for item in items):
        yield section.fault(f"{sentence}, not {shortly(items)}", key)


def _texts(raw: object) -> tuple[str, ...]:
    assert isinstance(raw, list)
    return tuple(str(item) for item in raw)

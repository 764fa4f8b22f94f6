"""What a dated value may be: its content, its unit, and what name and unit say of each other. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeGuard

from cadran.policy import brands
from cadran.policy.sections import shortly
from cadran.policy.terms import Content, Scalar

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
MAX_TEXT = 500
MAX_ITEMS = 200
MAX_INTEGER = 2**62

# unit -> what its content is made of. Money has one unit for each currency: micro-EUR, micro-USD...
UNITS: dict[str, type] = {
    "second": int,
    "minute": int,
    "hour": int,
    "day": int,
    "working-day": int,
    "week": int,
    "month": int,
    "year": int,
    "age": int,
    "count": int,
    "kbit/s": int,
    "percent": int,
    "basis-point": int,  # one hundredth of a percent
    "per-mille": int,
    "times": int,
    "times-ten": int,  # 15 = one and a half times
    "class": str,
    "choice": str,
    "zone": str,
    "country": str,
    "prefix": str,
    "number": str,
    "clock-time": str,
    "port": str,
    "codec": str,
    "language": str,
    "text": str,
    "flag": bool,
}
_MONEY = re.compile(r"micro-[A-Z]{3}")
# How the items of a unit, or of a value by its name, are written, and how that is said.
_FORMS = {
    "country": (re.compile("[A-Z]{2}"), "a country of two capital letters, such as FR"),
    "calls.closed_services": (
        re.compile("[A-Z]{2}:(access-number|callback|mobility)"),
        "a country and a way of calling closed there, such as AE:callback or AE:access-number",
    ),
}
_SUFFIXES = {
    "_s": "second",
    "_minutes": "minute",
    "_days": "day",
    "_working_days": "working-day",
    "_months": "month",
    "_years": "year",
    "_zone": "zone",
    "_classes": "class",
    "_kbit_s": "kbit/s",
}


def unit_type(unit: str) -> type | None:
    """What a value of that unit is made of; None for an unknown unit."""
    return int if _MONEY.fullmatch(unit) else UNITS.get(unit)


def content(raw: object) -> Content | None:
    """The content of a value read from TOML, lists as tuples; None for a shape that no value has (floats, dates, tables in
    tables, mixed or oversized lists)."""
    if _is_scalar(raw):
        return raw
    if isinstance(raw, list):
        if len(raw) > MAX_ITEMS or not all(_is_scalar(item) for item in raw) or len({type(item) for item in raw}) > 1:
            return None
        return tuple(raw)
    if isinstance(raw, dict):
        if len(raw) > MAX_ITEMS or not all(_is_scalar(item) for item in raw.values()):
            return None
        return dict(raw)
    return None


def name_problem(name: str) -> str:
    """What is wrong with a name, as a sentence; "" for a right one."""
    if NAME.fullmatch(name) and len(name) <= 80:
        return ""
    return f"the name {shortly(name)} must be group.name in small letters, digits and underscores"


def problems(name: str, raw: object, unit: str) -> Iterator[str]:
    """What is wrong with a value of that name and unit, as sentences."""
    wanted = unit_type(unit)
    if wanted is None:
        yield f"unknown unit {shortly(unit)}: one of {', '.join(sorted(UNITS))}, or micro-EUR and the like for money"
        return
    yield from _suffix_problems(name, unit)
    if isinstance(raw, float):
        yield "a value is never a float: write money in micro-units (EUR 1.50 = 1_500_000), shares in basis points"
        return
    read = content(raw)
    if read is None:
        yield f"value must be a text, a whole number, true or false, a list of one of them or a flat table, not {shortly(raw)}"
        return
    for item in _items(read):
        if type(item) is not wanted:
            yield f"a value in {unit} is made of {_NAMES[wanted]}, not {shortly(item)}"
            return
        if isinstance(item, int) and not isinstance(item, bool) and item < 0:
            yield f"a value in {unit} cannot be negative ({item})"
        if unit == "zone" and not brands.is_zone(str(item)):
            yield f"{shortly(item)} is no time zone of the IANA list, such as Europe/Paris"
        if (form := _FORMS.get(name, _FORMS.get(unit))) is not None and not form[0].fullmatch(str(item)):
            yield f"{shortly(item)} is not {form[1]}"
    if isinstance(read, tuple) and len(set(read)) < len(read) and wanted is str:
        yield f"the list holds an item twice: {shortly(raw)}"


_NAMES = {int: "whole numbers", str: "texts", bool: "true or false"}


def _is_scalar(raw: object) -> TypeGuard[Scalar]:
    if isinstance(raw, str):
        return len(raw) <= MAX_TEXT
    return isinstance(raw, bool) or (type(raw) is int and abs(raw) <= MAX_INTEGER)


def _items(read: Content) -> Iterator[Scalar]:
    if isinstance(read, tuple):
        yield from read
    elif isinstance(read, Mapping):
        yield from read.values()
    else:
        yield read


def _suffix_problems(name: str, unit: str) -> Iterator[str]:
    suffixes = [suffix for suffix in _SUFFIXES if name.endswith(suffix)]
    if suffixes and unit != (wanted := _SUFFIXES[max(suffixes, key=len)]):
        yield f"a name that ends in {max(suffixes, key=len)} is in {wanted}, not {unit}"
    if name.endswith("_micros") != bool(_MONEY.fullmatch(unit)):
        yield f"money ends in _micros and has a unit such as micro-EUR: {name} is in {unit}"

"""The document in French: what its English, in the code, says in the other language; french.toml beside this holds it."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@functools.cache
def words() -> Mapping[str, Any]:
    """The whole table."""
    return tomllib.loads(Path(__file__).with_name("french.toml").read_text(encoding="utf-8"))


@functools.cache
def fields() -> Mapping[str, tuple[str, str]]:
    """What each field and parameter means, by its name or `Shape.name`: English and French."""
    found = tomllib.loads(Path(__file__).with_name("fields.toml").read_text(encoding="utf-8"))
    return {name: (english, french) for name, (english, french) in found.items()}


def field(name: str, *, shape: str = "", language: str) -> str:
    """What a field means; of that shape, where something is said of it alone."""
    english, french = fields().get(f"{shape}.{name}") or fields().get(name) or ("", "")
    return french if language == "fr" else english


def shape(name: str) -> str:
    """What a shape is, in French."""
    return str(words()["schemas"].get(name, ""))


def summary(operation: str) -> str:
    """The French summary of an operation; those of staff's webhooks are those of customers'."""
    return _operation(operation)[0]


def text(operation: str) -> str:
    """What else is told of an operation; empty where its summary says all."""
    told = _operation(operation)
    return told[1] if len(told) > 1 else ""


def _operation(operation: str) -> list[str]:
    known: Mapping[str, list[str]] = words()["operations"]
    return known.get(operation) or known.get(operation.replace("staff_", "")) or [""]

"""The page of fields states the bounds of the code, and names rules that are there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from cadran.compliance import rules as compliance
from cadran.party import rules

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "input.md").read_text()


def test_bounds_are_those_of_the_code() -> None:
    shortest, longest = rules.PASSWORD_LENGTHS
    assert f"| site password | {shortest} to {longest} characters" in PAGE
    shortest, longest = rules.SIP_PASSWORD_LENGTHS
    assert f"| SIP password | {shortest} to {longest} letters" in PAGE
    assert f"| {compliance.MAX_TEXT} characters at most |" in PAGE


def test_every_rule_that_is_named_is_there() -> None:
    named = re.findall(r"\| `((?:party|payment|compliance|units|catalog|messaging|numbering)\.[\w.]+)` \|", PAGE)
    assert len(named) == 16
    for name in named:
        room, _, last = f"cadran.{name}".rpartition(".")
        try:
            import_module(f"{room}.{last}")
        except ModuleNotFoundError:
            assert hasattr(import_module(room), last), name

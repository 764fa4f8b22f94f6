"""States that a table leaves out: what led to them leads on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cadran.voice.menu.table import AnyState


def followed(left_out: Mapping[str, str], name: str) -> str:
    """Where a state that is left out leads in the end; to itself when all in a ring are left out, which checking finds missing."""
    seen = {name}
    onward = left_out[name]
    while onward in left_out and onward not in seen:
        seen.add(onward)
        onward = left_out[onward]
    return onward


def rerouted(state: AnyState, left_out: Mapping[str, str]) -> AnyState:
    """The same state, leading past those left out."""
    changed: dict[str, Any] = {}
    for key in ("next", "silence", "wrong", "short_next", "otherwise", "known", "left"):
        if (to := getattr(state, key, None)) in left_out:
            changed[key] = left_out[str(to)]
    for key in ("keys", "outcomes"):
        ways = getattr(state, key, None)
        if ways:
            changed[key] = {name: left_out.get(to, to) for name, to in ways.items()}
    return replace(state, **changed)

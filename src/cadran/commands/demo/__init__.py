"""Stories that Cadran plays by itself, with separate phone programs over real SIP and RTP: `cadran serve --demo`."""

from __future__ import annotations


def play(*, name: str | None, language: str, as_json: bool) -> int:
    """Play the story of that name (None lists them all). Returns the exit code."""
    raise NotImplementedError

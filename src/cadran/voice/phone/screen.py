"""The phone's screen."""

from __future__ import annotations

from collections.abc import Callable

from cadran.units.errors import CadranError
from cadran.voice.phone import engine
from cadran.voice.phone.handset import Handset


async def serve(
    handset_for: Callable[[Callable[[engine.Event], None]], Handset], *, number: str, language: str | None
) -> None:
    raise CadranError("the screen is being drawn: use --control for now")

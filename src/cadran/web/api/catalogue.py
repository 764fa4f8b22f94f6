"""Every failure that a room names, found in the code: what the table of problems is made of."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator

import cadran
from cadran.units.errors import CadranError, InvalidInput

_ABSTRACT = {"cadran-error", "invalid-input"}
_NOT_OURS = {"commands", "settings", "__main__"}


@functools.cache
def kinds() -> dict[str, type[CadranError]]:
    """The failures by their id, of every room that the API may reach."""
    for room in pkgutil.iter_modules(cadran.__path__):
        if room.name not in _NOT_OURS and room.ispkg:
            for name in ("rules", "queries", "operations", "ports", "models", "control"):
                _imported(f"cadran.{room.name}.{name}")
    return {
        kind.error_id: kind
        for kind in sorted(_all(CadranError), key=lambda one: one.__module__)
        if kind.error_id not in _ABSTRACT
        and kind.__module__.startswith("cadran.")
        and ".commands." not in kind.__module__
    }


def _imported(name: str) -> None:
    if importlib.util.find_spec(name) is not None:
        importlib.import_module(name)


def _all(kind: type[CadranError]) -> Iterator[type[CadranError]]:
    for below in kind.__subclasses__():
        if below is not InvalidInput:
            yield below
        yield from _all(below)

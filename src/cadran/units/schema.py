"""Reads a room's schema for its migration: triggers are whole statements, which a split at each semicolon would break."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def statements(path: Path) -> list[str]:
    """The SQL statements of a file, in order. Raises ValueError if the last one is not complete."""
    found, current = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("--") or not (current or line.strip()):
            continue
        current += line + "\n"
        if sqlite3.complete_statement(current):
            found.append(current.strip())
            current = ""
    if current.strip():
        raise ValueError(f"{path.name} ends within a statement: {current[:60]!r}")
    return found

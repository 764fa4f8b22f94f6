"""The start of a benchmark's process of its own: Django is made ready before any module with models is imported."""

from __future__ import annotations

import importlib

from cadran.commands.main import django_ready


def run(module: str, name: str, *arguments: object) -> None:
    """Call a function by its name, in a fresh interpreter."""
    django_ready()
    getattr(importlib.import_module(module), name)(*arguments)

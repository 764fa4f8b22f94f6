"""`cadran`: one command line for everything. Each sub-command is a module of its own, imported when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sqlite3
from importlib import metadata
from typing import NoReturn

import click

from cadran.commands import logs
from cadran.units import errors

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cadran.settings")

# The module of cadran.commands that holds each sub-command, as `command`. An underscore becomes a dash.
COMMANDS = (
    "backup",
    "bench",
    "brand",
    "charging",
    "clauses",
    "clock",
    "credit",
    "customer",
    "deck",
    "doctor",
    "documents",
    "evidence",
    "explain",
    "jobs",
    "ledger",
    "media",
    "migrate",
    "number",
    "payment",
    "phone",
    "rate",

"""The address of a PostgreSQL database, as Django's settings want it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cadran.units.errors import InvalidInput


class InvalidAddress(InvalidInput):
    """Not the address of a database."""

    error_id = "settings-invalid"


def read(url: str) -> dict[str, Any]:
    """The settings of a database alias. Raises InvalidAddress."""
    found = urlsplit(url)
    if found.scheme not in ("postgresql", "postgres") or not found.path.strip("/"):
        raise InvalidAddress("write CADRAN_CHARGING_DATABASE as postgresql://user:password@host:port/database")
    query = dict(parse_qsl(found.query))
    return {
        "ENGINE": "cadran.units.postgresql_reads",
        "NAME": unquote(found.path.strip("/")),
        "USER": unquote(found.username or query.pop("user", "")),
        "PASSWORD": unquote(found.password or ""),
        "HOST": unquote(found.hostname or query.pop("host", "")),
        "PORT": str(found.port or query.pop("port", "")),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": query,
    }

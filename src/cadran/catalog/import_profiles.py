"""Saved profiles of imports: how a carrier's price list is to be read, kept under a name."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import router, transaction

from cadran.catalog import models
from cadran.catalog.adapters import mapped
from cadran.units import period
from cadran.units.errors import CadranError, InvalidInput

MAX_PROFILES = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


class BadProfileName(InvalidInput):
    """A profile's name becomes an argument of commands."""

    error_id = "catalog-profile-name"


class UnknownProfile(CadranError):
    """No profile of that name."""

    error_id = "catalog-profile-unknown"


class TooManyProfiles(CadranError):
    """There is room for so many alone."""

    error_id = "catalog-profiles-full"


def save(*, name: str, mapping: mapped.ColumnMap, at: datetime) -> None:
    """Keep a mapping under a name, in place of what stood there. Raises BadProfileName, BadMapping, TooManyProfiles."""
    if not _NAME.fullmatch(name):
        raise BadProfileName(f"a profile's name is 1 to 40 of a-z 0-9 . _ -, not {name[:60]!r}")
    mapping.check()
    with transaction.atomic(using=router.db_for_write(models.ImportProfile)):
        others = models.ImportProfile.objects.exclude(name=name).count()
        if others >= MAX_PROFILES:
            raise TooManyProfiles(f"there are {others} profiles: save over one of them")
        models.ImportProfile.objects.update_or_create(
            name=name, defaults={"body": mapping.to_text(), "saved_at": period.utc(at)}
        )


def find(name: str) -> mapped.ColumnMap:
    """The mapping of that name. Raises UnknownProfile."""
    row = models.ImportProfile.objects.filter(name=name).first()
    if row is None:
        known = ", ".join(names()) or "none is saved yet"
        raise UnknownProfile(f"there is no profile {name[:40]!r}: {known}")
    return mapped.from_text(row.body)


def names() -> tuple[str, ...]:
    """All of them, by name."""
    return tuple(models.ImportProfile.objects.order_by("name").values_list("name", flat=True))

"""Open, change and close access numbers. Each is one transaction with an event that says who did it."""

from __future__ import annotations

import tomllib
from datetime import datetime

from django.db import transaction

from cadran import settings
from cadran.numbering.access import models, queries, rules
from cadran.numbering.models import PhoneNumber
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.period import utc

FILE = "access_numbers.toml"


class AccessNumberTaken(CadranError):
    """The number is open already, of this brand or another, or it is a customer's own."""

    error_id = "access-number-taken"


class AccessNumberUnknown(CadranError):
    """This brand has no such access number open."""

    error_id = "access-number-unknown"


@carries("KRY-3.1-call-credit")
def open_number(*, brand: str, described: rules.Published, by: str, opens_at: datetime, at: datetime) -> None:
    """Publish an access number; it is answered from `opens_at` on. The same again changes nothing.

    Raises AccessNumberTaken, policy's UnknownBrand.
    """
    policy.brand(brand)
    with transaction.atomic():
        row = models.AccessNumber.objects.filter(digits=described.number.digits, closed_at=None).first()
        if row is not None and (row.brand, row.opened_at, _said(row)) == (brand, utc(opens_at), _described(described)):
            return
        if row is not None:
            raise AccessNumberTaken(f"{described.number} is an access number already: close it first")
        if PhoneNumber.objects.filter(digits=described.number.digits, until_at=None).exists():
            raise AccessNumberTaken(f"{described.number} is a customer's number: choose another")
        if models.AccessNumber.objects.filter(digits=described.number.digits, closed_at__gt=utc(opens_at)).exists():
            raise AccessNumberTaken(f"{described.number} is still open until it closes: open it from then on")
        row = models.AccessNumber.objects.create(
            brand=brand, digits=described.number.digits, opened_at=utc(opens_at), **_described(described)
        )
        _tell("opened", row, by, at)


def change_number(*, brand: str, described: rules.Published, by: str, at: datetime) -> None:
    """Say something else of an open number: its place, language or service. Raises AccessNumberUnknown."""
    with transaction.atomic():
        row = _open_row(brand, described.number.digits)
        said = _described(described)
        if said == _said(row):
            return
        for name, value in said.items():
            setattr(row, name, value)
        row.save(update_fields=[*said])
        _tell("changed", row, by, at)


def close_number(*, brand: str, digits: str, by: str, closes_at: datetime, at: datetime) -> None:
    """Answer it no longer from `closes_at` on (not before it opened). Raises AccessNumberUnknown."""
    with transaction.atomic():
        row = _open_row(brand, digits.removeprefix("+"))
        row.closed_at = max(utc(closes_at), row.opened_at)
        row.save(update_fields=["closed_at"])
        _tell("closed", row, by, at)


def load_reference(*, at: datetime) -> tuple[queries.AccessNumber, ...]:
    """Open the numbers of each brand's access_numbers.toml that the installation has never had; what the office changed or closed
    stays so. Returns those opened. Raises rules.InvalidAccessNumbers."""
    opened = []
    for brand in policy.brands():
        path = settings.BRANDS / brand.key / FILE
        if not path.is_file():
            continue
        try:
            described = rules.read_file(tomllib.loads(path.read_text(encoding="utf-8")), brand.zone)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise rules.InvalidAccessNumbers(f"brands/{brand.key}/{FILE}: {error}") from error
        except rules.InvalidAccessNumbers as error:
            raise rules.InvalidAccessNumbers(f"brands/{brand.key}/{FILE}: {error.message}") from error
        for one, opens_at in described:
            if not models.AccessNumber.objects.filter(digits=one.number.digits).exists():
                open_number(brand=brand.key, described=one, by="", opens_at=opens_at, at=at)
                found = queries.access_number(one.number.digits, opens_at)
                assert found is not None
                opened.append(found)
    return tuple(opened)


def _open_row(brand: str, digits: str) -> models.AccessNumber:
    row = models.AccessNumber.objects.filter(brand=brand, digits=digits, closed_at=None).first()
    if row is None:
        raise AccessNumberUnknown(f"+{digits} is no open access number of {brand}: look at the list of access numbers")
    return row


def _described(described: rules.Published) -> dict[str, str]:
    return {
        "country": described.country,
        "place_fr": described.place_fr,
        "place_en": described.place_en,
        "language": described.language,
        "service": described.service.value,
    }


def _said(row: models.AccessNumber) -> dict[str, str]:
    return {name: getattr(row, name) for name in ("country", "place_fr", "place_en", "language", "service")}


def _tell(what: str, row: models.AccessNumber, by: str, at: datetime) -> None:
    body: dict[str, object] = {
        "number": row.digits,
        "brand": row.brand,
        **_said(row),
        "opened_at": row.opened_at.isoformat(),
        "closed_at": row.closed_at.isoformat() if row.closed_at else "",
        "by": by[:64],
    }
    policy_operations.record_event(kind=f"numbering.access-number-{what}", key=ids.new_id("acn"), body=body, at=at)

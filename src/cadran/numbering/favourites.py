"""The numbers that an account keeps at hand: at most MOST, the latest last."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from cadran.numbering.models import FavouriteNumber
from cadran.units.e164 import E164
from cadran.units.errors import CadranError
from cadran.units.period import utc

MOST = 8


class TooManyFavourites(CadranError):
    """The account keeps MOST numbers already."""

    error_id = "numbering-favourites-full"


def kept(account: str) -> tuple[str, ...]:
    """The digits of the account's numbers, in the order in which they came."""
    return tuple(FavouriteNumber.objects.filter(account=account).order_by("pk").values_list("digits", flat=True))


@transaction.atomic
def keep(*, account: str, number: E164, at: datetime) -> None:
    """Keep a number; again changes nothing. Raises TooManyFavourites."""
    if number.digits in (known := kept(account)):
        return
    if len(known) >= MOST:
        raise TooManyFavourites(f"{account} keeps {MOST} numbers: remove one first")
    FavouriteNumber.objects.create(account=account, digits=number.digits, at=utc(at))


def remove(*, account: str, digits: str) -> None:
    """Keep a number no longer; one that is not kept changes nothing."""
    FavouriteNumber.objects.filter(account=account, digits=digits).delete()

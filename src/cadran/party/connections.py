"""What a customer's connection was measured at before use, and whether it fits (IPP-0-prerequisites)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cadran.party import models
from cadran.units.clause import carries
from cadran.units.period import utc

MOST_KEPT = 5
FINE_LATENCY_MS = 150
MOST_LATENCY_MS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Speeds in kbit/s, the delay there and back in milliseconds, and the kind of device."""

    down_kbit_s: int
    up_kbit_s: int
    latency_ms: int
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Measured):
    """A check that was kept; `at` is None for one that only the browser keeps."""

    fits: bool
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether each measure is enough; `latency` is fine, slow or bad (ITU-T G.114: 150 ms one way are fine, 400 too many)."""

    down: bool
    up: bool
    latency: str

    @property
    def fits(self) -> bool:
        return self.down and self.up and self.latency != "bad"


@carries("IPP-0-prerequisites")
def judge(measured: Measured, *, down_kbit_s: int, up_kbit_s: int) -> Judged:
    """Compare with what the terms ask for, at least so many kbit/s."""
    one_way = measured.latency_ms / 2
    latency = "fine" if one_way <= FINE_LATENCY_MS else "slow" if one_way <= MOST_LATENCY_MS else "bad"
    return Judged(measured.down_kbit_s >= down_kbit_s, measured.up_kbit_s >= up_kbit_s, latency)


def keep(*, user_id: int, measured: Measured, fits: bool, at: datetime) -> None:
    """Keep a check with the user; the last five stay."""
    with transaction.atomic():
        models.ConnectionCheck.objects.create(
            user_id=user_id,
            down_kbit_s=measured.down_kbit_s,
            up_kbit_s=measured.up_kbit_s,
            latency_ms=measured.latency_ms,
            device=measured.device,
            fits=fits,
            at=utc(at),
        )
        older = models.ConnectionCheck.objects.filter(user_id=user_id).order_by("-at", "-id")[MOST_KEPT:]
        models.ConnectionCheck.objects.filter(pk__in=[row.pk for row in older]).delete()


def last(*, user_id: int) -> Check | None:
    """The user's newest check, or None."""
    return next(iter(checks(user_id=user_id)), None)


def checks(*, user_id: int) -> tuple[Check, ...]:
    """The user's checks, newest first."""
    rows = models.ConnectionCheck.objects.filter(user_id=user_id).order_by("-at", "-id")
    return tuple(
        Check(
            down_kbit_s=row.down_kbit_s,
            up_kbit_s=row.up_kbit_s,
            latency_ms=row.latency_ms,
            device=row.device,
            fits=row.fits,
            at=row.at,
        )
        for row in rows
    )

"""Reading batches, vouchers, redemptions and tries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum

from cadran.payment.vouchers import rules
from cadran.payment.vouchers.models import Voucher, VoucherBatch, VoucherDeed, VoucherRedemption, VoucherTry
from cadran.payment.vouchers.rules import BatchState, VoucherState
from cadran.units.errors import CadranError


class UnknownBatch(CadranError):
    """No such batch."""

    error_id = "vouchers-batch-unknown"


class UnknownVoucher(CadranError):
    """No voucher has that serial."""

    error_id = "vouchers-voucher-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as pages show it; no code, and nothing that codes could be made from. `states`: how many vouchers are in each."""

    batch_id: str
    brand: str
    series: str
    number: int
    face_micros: int
    currency: str
    count: int
    made: int
    valid_days: int
    expires_at: datetime
    terms: str
    state: BatchState
    reason: str
    replaces: str
    made_by: int
    made_by_name: str
    made_at: datetime
    taken_by: int | None
    taken_by_name: str
    taken_as: str
    taken_at: datetime | None

    @property
    def name(self) -> str:
        """The series and the number, as serials begin: `KRY 0012`."""
        return f"{self.series} {self.number:04d}"

    @property
    def worth_micros(self) -> int:
        return self.face_micros * self.count

    @property
    def first_serial(self) -> str:
        return rules.serial_of(self.series, self.number, 1)

    @property
    def last_serial(self) -> str:
        return rules.serial_of(self.series, self.number, self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something done to vouchers of a batch: kind is issued, blocked or expired; micros: what the books moved for it."""

    deed_id: str
    batch_id: str
    kind: str
    first: int
    last: int
    count: int
    micros: int
    reason: str
    by: int
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """A voucher that an account claimed; balance_micros and expires_at once it is credited."""

    redemption_id: str
    serial: str
    batch_id: str
    brand: str
    account: str
    amount_micros: int
    currency: str
    channel: str
    state: str
    claimed_at: datetime
    ended_at: datetime | None
    balance_micros: int | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One voucher as staff see it."""

    serial: str
    index: int
    state: VoucherState
    account: str
    batch: Batch
    deeds: tuple[Deed, ...] = ()
    redemptions: tuple[Redemption, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A code that somebody gave; `because`: for staff alone."""

    account: str
    brand: str
    channel: str
    source: str
    outcome: str
    because: str
    serial: str
    repeats: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How many vouchers are in each state and what they are worth, in micros. outstanding_micros: what is owed to holders."""

    counts: Mapping[VoucherState, int]
    micros: Mapping[VoucherState, int]

    @property
    def outstanding_micros(self) -> int:
        return self.micros.get(VoucherState.ISSUED, 0) + self.micros.get(VoucherState.CLAIMED, 0)

    @property
    def redeemed_micros(self) -> int:
        return self.micros.get(VoucherState.REDEEMED, 0)

    @property
    def ever_issued_micros(self) -> int:
        """Issued at any time: still good, redeemed, or ended after they were."""
        return self.outstanding_micros + self.redeemed_micros + self.ended_micros

    ended_micros: int = 0


def batch(batch_id: str) -> Batch:
    """The batch of that id. Raises UnknownBatch."""
    row = VoucherBatch.objects.filter(batch_id=batch_id[:64]).first()
    if row is None:
        raise UnknownBatch(f"there is no batch {batch_id[:40]!r}")
    return as_batch(row)


def batches(*, brands: tuple[str, ...] = (), before: int = 0, limit: int = 50) -> tuple[tuple[int, Batch], ...]:
    """The newest batches with their positions, of those brands or of all, from a position on."""
    found = VoucherBatch.objects.order_by("-id")
    if brands:
        found = found.filter(brand__in=brands)
    if before:
        found = found.filter(pk__lt=before)
    return tuple((row.pk, as_batch(row)) for row in found[:limit])


def states(batch_id: str) -> Mapping[VoucherState, int]:
    """How many vouchers of a batch are in each state."""
    found = Voucher.objects.filter(batch__batch_id=batch_id).values("state").annotate(many=Count("id"))
    return {VoucherState(row["state"]): row["many"] for row in found.order_by()}


def vouchers(batch_id: str, *, after: int = 0, state: VoucherState | None = None, limit: int = 50) -> tuple[Shown, ...]:
    """Vouchers of a batch in order, from a place on."""
    found = Voucher.objects.select_related("batch").filter(batch__batch_id=batch_id, index__gt=after).order_by("index")
    if state is not None:
        found = found.filter(state=state)
    return tuple(
        Shown(
            serial=row.serial,
            index=row.index,
            state=VoucherState(row.state),
            account=row.account,
            batch=as_batch(row.batch),
        )
        for row in found[:limit]
    )


def voucher(serial: str) -> Shown:
    """The voucher of that serial, with all that happened to it. Raises InvalidSerial, UnknownVoucher."""
    row = Voucher.objects.select_related("batch").filter(serial=rules.read_serial(serial)).first()
    if row is None:
        raise UnknownVoucher(f"no voucher has the serial {serial[:24]!r}")
    deeds = VoucherDeed.objects.select_related("batch").filter(
        batch=row.batch, first__lte=row.index, last__gte=row.index
    )
    redeemed = VoucherRedemption.objects.select_related("voucher__batch").filter(voucher=row).order_by("id")
    return Shown(
        serial=row.serial,
        index=row.index,
        state=VoucherState(row.state),
        account=row.account,
        batch=as_batch(row.batch),
        deeds=tuple(as_deed(deed) for deed in deeds.order_by("id")[:50]),
        redemptions=tuple(as_redemption(one) for one in redeemed[:50]),
    )


def deeds(batch_id: str, limit: int = 50) -> tuple[Deed, ...]:
    """What was done to the vouchers of a batch, newest first."""
    found = VoucherDeed.objects.select_related("batch").filter(batch__batch_id=batch_id).order_by("-id")
    return tuple(as_deed(row) for row in found[:limit])


def redemptions(*, account: str, limit: int = 50) -> tuple[Redemption, ...]:
    """The vouchers that an account redeemed or is redeeming, newest first."""
    found = VoucherRedemption.objects.select_related("voucher__batch").filter(account=account)
    return tuple(as_redemption(row) for row in found.exclude(state="released").order_by("-id")[:limit])


def waiting(account: str) -> bool:
    """Whether a voucher of that account waits for its credit."""
    return VoucherRedemption.objects.filter(account=account, state="claimed").exists()


def redemption(redemption_id: str) -> Redemption:
    """One redemption. Raises UnknownVoucher."""
    row = VoucherRedemption.objects.select_related("voucher__batch").filter(redemption_id=redemption_id[:64]).first()
    if row is None:
        raise UnknownVoucher(f"there is no redemption {redemption_id[:40]!r}")
    return as_redemption(row)


def tries(*, brands: tuple[str, ...] = (), account: str = "", serial: str = "", limit: int = 50) -> tuple[Try, ...]:
    """The newest codes that were given and were not good at once."""
    found = VoucherTry.objects.exclude(outcome="pending").order_by("-id")
    if brands:
        found = found.filter(brand__in=brands)
    if account:
        found = found.filter(account=account)
    if serial:
        found = found.filter(serial=serial)
    names = ("account", "brand", "channel", "source", "outcome", "because", "serial", "repeats", "at")
    return tuple(Try(**{name: getattr(row, name) for name in names}) for row in found[:limit])


def figures(brand: str) -> Figures:
    """How the vouchers of a brand stand, from the vouchers themselves; the books say the same (ledger account vouchers/issued)."""
    faces = dict(VoucherBatch.objects.filter(brand=brand).values_list("pk", "face_micros"))
    found = Voucher.objects.filter(batch__brand=brand).values("batch_id", "state").annotate(many=Count("id")).order_by()
    counts, micros = Counter[VoucherState](), Counter[VoucherState]()
    for row in found:
        state = VoucherState(row["state"])
        counts[state] += row["many"]
        micros[state] += row["many"] * faces[row["batch_id"]]
    ended = VoucherDeed.objects.filter(batch__brand=brand, kind__in=("blocked", "expired"))
    return Figures(
        counts=counts,
        micros=micros,
        ended_micros=ended.aggregate(total=Sum("micros"))["total"] or 0,
    )


def search(text: str, *, brands: tuple[str, ...] = ()) -> tuple[Shown, ...]:
    """Vouchers whose serial begins as typed (letters and at least four digits); at most ten."""
    wanted = "".join(letter for letter in text[:40].upper() if letter.isascii() and letter.isalnum())
    if len(wanted) < 6 or not wanted[:2].isalpha():
        return ()
    found = Voucher.objects.select_related("batch").filter(Q(serial__gte=wanted) & Q(serial__lt=wanted + "~"))
    if brands:
        found = found.filter(batch__brand__in=brands)
    return tuple(
        Shown(
            serial=row.serial,
            index=row.index,
            state=VoucherState(row.state),
            account=row.account,
            batch=as_batch(row.batch),
        )
        for row in found.order_by("serial")[:10]
    )


def as_batch(row: VoucherBatch) -> Batch:
    same = ("batch_id", "brand", "series", "number", "face_micros", "currency", "count", "made", "valid_days")
    more = ("expires_at", "terms", "reason", "replaces", "made_by", "made_by_name", "made_at")
    taken = ("taken_by", "taken_by_name", "taken_as", "taken_at")
    return Batch(state=BatchState(row.state), **{name: getattr(row, name) for name in (*same, *more, *taken)})


def as_deed(row: VoucherDeed) -> Deed:
    names = ("deed_id", "kind", "first", "last", "count", "micros", "reason", "by", "by_name", "at")
    return Deed(batch_id=row.batch.batch_id, **{name: getattr(row, name) for name in names})


def as_redemption(row: VoucherRedemption) -> Redemption:
    batch = row.voucher.batch
    names = ("redemption_id", "account", "channel", "state", "claimed_at", "ended_at", "balance_micros", "expires_at")
    return Redemption(
        serial=row.voucher.serial,
        batch_id=batch.batch_id,
        brand=batch.brand,
        amount_micros=batch.face_micros,
        currency=batch.currency,
        **{name: getattr(row, name) for name in names},
    )

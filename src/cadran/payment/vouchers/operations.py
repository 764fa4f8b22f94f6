"""Batches of vouchers: asked for, made in pieces, their sheets taken once, issued, blocked and expired. One transaction each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet, Sum

from cadran.payment.vouchers import codes, queries, rules
from cadran.payment.vouchers.models import Voucher, VoucherBatch, VoucherDeed
from cadran.payment.vouchers.queries import Batch, UnknownBatch
from cadran.payment.vouchers.rules import BatchState, VoucherState, Wish
from cadran.policy import operations as policy
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key, new_id
from cadran.units.period import utc

PIECE = 500
MOST_DRAWS = 20
MACHINE = 0
DAY = timedelta(hours=24)
MOST_REASON = 400


class BatchNotReady(CadranError):
    """The batch is not in the state that this needs: its message says which it is."""

    error_id = "vouchers-batch-not-ready"


class SheetsTaken(CadranError):
    """The sheets were taken before, and the codes are kept nowhere: block the batch and make another."""

    error_id = "vouchers-sheets-taken"


class NothingDone(CadranError):
    """None of these vouchers is in a state that this changes."""

    error_id = "vouchers-nothing-done"


class SameTwoHands(CadranError):
    """Who took the codes does not make them good as well, beyond what one person may do alone."""

    error_id = "vouchers-same-hands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """A member of staff who does something, or the machine (user id 0)."""

    user_id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """The codes of a batch, once: (serial, code) in order. Never logged, never kept."""

    batch: Batch
    codes: tuple[tuple[str, str], ...] = field(repr=False)


@carries("KRY-2.4-coupons")
def draft(
    *, brand: str, currency: str, terms: Terms, wish: Wish, reason: str, by: Hand, at: datetime, replaces: str = ""
) -> Batch:
    """A batch that waits for its approval; inside the caller's transaction. Raises InvalidBatch."""
    wish = rules.checked_wish(terms, wish)
    with transaction.atomic():
        number = (VoucherBatch.objects.filter(series=wish.series).aggregate(last=Max("number"))["last"] or 0) + 1
        if number > rules.MOST_BATCH_NUMBER:
            raise rules.InvalidBatch(f"the series {wish.series} is full: begin another")
        if VoucherBatch.objects.filter(series=wish.series).exclude(brand=brand).exists():
            raise rules.InvalidBatch(f"the series {wish.series} belongs to another brand: choose other letters")
        row = VoucherBatch.objects.create(
            batch_id=new_id("vba"),
            brand=brand,
            series=wish.series,
            number=number,
            face_micros=wish.face_micros,
            currency=currency,
            count=wish.count,
            valid_days=wish.valid_days,
            expires_at=rules.expiry(terms, at, wish.valid_days),
            terms=terms.ref,
            state=BatchState.PROPOSED,
            reason=reason[:MOST_REASON],
            replaces=replaces,
            made_by=by.user_id,
            made_by_name=by.name[:64],
            made_at=utc(at),
        )
        _tell_batch("proposed", row, by, at)
        return queries.as_batch(row)


def approved(*, batch_id: str, at: datetime) -> Batch:
    """A second person agreed, or none was needed: its vouchers are made from now on. Again changes nothing."""
    with transaction.atomic():
        row = _row(batch_id)
        if BatchState(row.state) is BatchState.PROPOSED:
            row.state, row.sealed = BatchState.MAKING, codes.fresh_secret(row.batch_id)
            row.save(update_fields=["state", "sealed"])
        return queries.as_batch(row)


def dropped(*, batch_id: str, at: datetime) -> Batch:
    """It was refused or withdrawn, or nobody decided. Again changes nothing."""
    with transaction.atomic():
        row = _row(batch_id)
        if BatchState(row.state) is BatchState.PROPOSED:
            row.state = BatchState.DROPPED
            row.save(update_fields=["state"])
        return queries.as_batch(row)


@carries("KRY-2.4-coupons")
def make(*, at: datetime, batch_id: str = "", most: int = PIECE) -> int:
    """Make the next vouchers of a batch, or of the oldest that is being made, at most `most`; returns how many. What a kill
    interrupts is gone on with: the codes are derived, not drawn."""
    with transaction.atomic():
        waiting = VoucherBatch.objects.select_for_update().filter(state=BatchState.MAKING).order_by("id")
        row = waiting.filter(batch_id=batch_id).first() if batch_id else waiting.first()
        if row is None:
            return 0
        secret = codes.secret_of(row.batch_id, row.sealed)
        wanted = range(row.made + 1, min(row.count, row.made + most) + 1)
        Voucher.objects.bulk_create(_fresh(row, secret, wanted))
        row.made += len(wanted)
        if row.made == row.count:
            row.state = BatchState.READY
            _tell_batch("made", row, Hand(user_id=MACHINE, name="cadran"), at)
        row.save(update_fields=["made", "state"])
        return len(wanted)


def read_sheets(*, batch_id: str) -> Printed:
    """The codes of a batch whose sheets nobody took yet: render them, then `take_sheets`, then hand them out, in this order.
    Raises BatchNotReady, SheetsTaken."""
    row = _row(batch_id)
    _check_ready(row)
    secret = codes.secret_of(row.batch_id, row.sealed)
    vouchers = Voucher.objects.filter(batch=row).order_by("index").values_list("serial", "index", "draw")
    found = tuple((serial, codes.derived(secret, index, draw)) for serial, index, draw in vouchers.iterator())
    return Printed(batch=queries.as_batch(row), codes=found)


@carries("KRY-2.4-coupons")
def take_sheets(*, batch_id: str, form: str, by: Hand, at: datetime) -> Batch:
    """The sheets leave, once: what their codes were derived from is erased. form: pdf or csv. Of two at once, one has them.
    Raises BatchNotReady, SheetsTaken."""
    with transaction.atomic():
        row = _row(batch_id)
        _check_ready(row)
        row.state, row.sealed = BatchState.TAKEN, ""
        row.taken_by, row.taken_by_name, row.taken_as, row.taken_at = by.user_id, by.name[:64], form[:8], utc(at)
        row.save()
        _tell_batch("taken", row, by, at)
        return queries.as_batch(row)


@carries("KRY-2.4-coupons")
def issue(
    *, batch_id: str, first: int, last: int, alone_micros: int, reason: str, key: str, by: Hand, at: datetime
) -> queries.Deed:
    """Make vouchers of a batch good, from one place in it to another: they are handed out or sold, and owed from now on.

    alone_micros: beyond it in 24 hours, in however many pieces, who took the sheets does not do it. Idempotent by key.

    Raises BatchNotReady, SameTwoHands, NothingDone.
    """
    with transaction.atomic():
        if known := _done(key, "issued", batch_id):
            return known
        row = _row(batch_id)
        if BatchState(row.state) is not BatchState.TAKEN:
            raise BatchNotReady(f"this batch is {row.state}: take its sheets first")
        if row.expires_at <= at:
            raise BatchNotReady("the last day of this batch is over: make another")
        found = _between(row, first, last).filter(state=VoucherState.MADE)
        count = found.count()
        if row.taken_by == by.user_id and count * row.face_micros + _issued_by_taker(by, at) > alone_micros:
            raise SameTwoHands("you took these sheets: a colleague issues the vouchers")
        found.update(state=VoucherState.ISSUED)
        return _deed(row, "issued", first, last, count, count, reason, key, by, at)


@carries("KRY-2.4-coupons")
def block(*, batch_id: str, first: int, last: int, reason: str, key: str, by: Hand, at: datetime) -> queries.Deed:
    """Block vouchers of a batch for good, from one place in it to another: those that nobody redeemed. A batch whose sheets nobody
    took loses them. Idempotent by key. Raises NothingDone."""
    with transaction.atomic():
        if known := _done(key, "blocked", batch_id):
            return known
        row = _row(batch_id)
        if BatchState(row.state) in (BatchState.PROPOSED, BatchState.MAKING, BatchState.DROPPED):
            raise BatchNotReady(f"this batch is {row.state}: there is nothing to block yet")
        found = _between(row, first, last)
        good = found.filter(state=VoucherState.ISSUED).update(state=VoucherState.BLOCKED)
        count = good + found.filter(state=VoucherState.MADE).update(state=VoucherState.BLOCKED)
        if count == row.count:
            _close_unread(row)
        return _deed(row, "blocked", first, last, count, good, reason, key, by, at)


@carries("KRY-2.4-coupons")
def expire(*, at: datetime) -> int:
    """End every voucher whose last day is over; returns how many were still good or not yet issued. Idempotent."""
    total = 0
    for batch_id in list(_open().filter(expires_at__lte=utc(at)).values_list("batch_id", flat=True)):
        with transaction.atomic():
            row = _row(batch_id)
            found = _between(row, 1, row.count)
            good = found.filter(state=VoucherState.ISSUED).update(state=VoucherState.EXPIRED)
            count = good + found.filter(state=VoucherState.MADE).update(state=VoucherState.EXPIRED)
            if count:
                number = row.deeds.filter(kind="expired").count() + 1  # a claim that was released may expire later
                key = f"expiry/{row.batch_id}/{number}"
                hand = Hand(user_id=MACHINE, name="cadran")
                _close_unread(row)
                _deed(row, "expired", 1, row.count, count, good, "the last day is over", key, hand, at)
            total += count
    return total


def next_expiry() -> datetime | None:
    """When the next voucher's last day is over."""
    row = _open().order_by("expires_at").first()
    return None if row is None else row.expires_at


def _issued_by_taker(by: Hand, at: datetime) -> int:
    """What that person issued of sheets that they took themselves, in the 24 hours before."""
    found = VoucherDeed.objects.filter(kind="issued", by=by.user_id, batch__taken_by=by.user_id, at__gt=utc(at) - DAY)
    return int(found.aggregate(total=Sum("micros"))["total"] or 0)


def _close_unread(row: VoucherBatch) -> None:
    """None of its vouchers will ever be good, and nobody took its sheets: nobody shall."""
    if BatchState(row.state) is BatchState.READY:
        row.state, row.sealed = BatchState.DROPPED, ""
        row.save(update_fields=["state", "sealed"])


def _open() -> QuerySet[VoucherBatch]:
    """The batches with vouchers whose last day still means something."""
    waiting = Voucher.objects.filter(batch=OuterRef("pk"), state__in=(VoucherState.MADE, VoucherState.ISSUED))
    return VoucherBatch.objects.filter(Exists(waiting))


def _between(row: VoucherBatch, first: int, last: int) -> QuerySet[Voucher]:
    if not 1 <= first <= last <= row.count:
        raise rules.InvalidBatch(f"this batch has the vouchers 1 to {row.count}: name a range within it")
    return Voucher.objects.filter(batch=row, index__gte=first, index__lte=last)


def _fresh(row: VoucherBatch, secret: bytes, wanted: range) -> list[Voucher]:
    """The vouchers of those places, each with a code that no other voucher has."""
    found, taken = [], set[str]()
    drawn = {index: codes.digest(codes.derived(secret, index, 0)) for index in wanted}
    elsewhere = set(Voucher.objects.filter(digest__in=list(drawn.values())).values_list("digest", flat=True))
    for index, first in drawn.items():
        draw, digest = 0, first
        while digest in taken or digest in elsewhere:
            draw += 1
            assert draw < MOST_DRAWS, "so many codes cannot be taken"
            digest = codes.digest(codes.derived(secret, index, draw))
            if Voucher.objects.filter(digest=digest).exists():
                elsewhere.add(digest)
        taken.add(digest)
        serial = rules.serial_of(row.series, row.number, index)
        found.append(Voucher(batch=row, serial=serial, index=index, draw=draw, digest=digest, state=VoucherState.MADE))
    return found


def _check_ready(row: VoucherBatch) -> None:
    if BatchState(row.state) is BatchState.TAKEN:
        raise SheetsTaken(
            f"{row.taken_by_name} took these sheets, and their codes are kept nowhere: block the batch and make another"
        )
    if BatchState(row.state) is not BatchState.READY:
        raise BatchNotReady(f"this batch is {row.state}: its sheets are there once all vouchers are made")


def _row(batch_id: str) -> VoucherBatch:
    row = VoucherBatch.objects.select_for_update().filter(batch_id=batch_id[:64]).first()
    if row is None:
        raise UnknownBatch(f"there is no batch {batch_id[:40]!r}")
    return row


def _done(key: str, kind: str, batch_id: str) -> queries.Deed | None:
    known = VoucherDeed.objects.select_related("batch").filter(key=checked_key(key)).first()
    if known is None:
        return None
    if (known.kind, known.batch.batch_id) != (kind, batch_id):
        raise NothingDone("this form was sent before for something else: open it again")
    return queries.as_deed(known)


@carries("KRY-2.4-evidence")
def _deed(
    row: VoucherBatch,
    kind: str,
    first: int,
    last: int,
    count: int,
    good: int,
    reason: str,
    key: str,
    by: Hand,
    at: datetime,
) -> queries.Deed:
    """Write down what was done to `count` vouchers, of which `good` were or become owed, and tell the books."""
    if not count:
        raise NothingDone(f"no voucher from {first} to {last} of this batch can be {kind}: look at their states")
    deed = VoucherDeed.objects.create(
        deed_id=new_id("vde"),
        key=key,
        batch=row,
        kind=kind,
        first=first,
        last=last,
        count=count,
        micros=good * row.face_micros,
        reason=" ".join(reason.split())[:MOST_REASON],
        by=by.user_id,
        by_name=by.name[:64],
        at=utc(at),
    )
    body = {
        "deed": deed.deed_id,
        "brand": row.brand,
        "batch": row.batch_id,
        "first": rules.serial_of(row.series, row.number, first),
        "last": rules.serial_of(row.series, row.number, last),
        "count": count,
        "micros": deed.micros,
        "currency": row.currency,
        "reason": deed.reason,
        "by": by.user_id,
    }
    policy.record_event(kind=f"payment.vouchers-{kind}", key=deed.deed_id, body=body, at=at)
    return queries.as_deed(deed)


def _tell_batch(what: str, row: VoucherBatch, by: Hand, at: datetime) -> None:
    body = {
        "batch": row.batch_id,
        "brand": row.brand,
        "series": row.series,
        "number": row.number,
        "face_micros": row.face_micros,
        "currency": row.currency,
        "count": row.count,
        "by": by.user_id,
        "reason": row.reason,
    }
    policy.record_event(kind=f"payment.voucher-batch-{what}", key=row.batch_id, body=body, at=at)

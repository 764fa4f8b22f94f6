"""Codes and serials of vouchers, the states that a voucher goes through, and how long a wrong code makes wait. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units import period
from cadran.units.clause import carries
from cadran.units.errors import InvalidInput

CODE_DIGITS = 16
GROUP = 4
MOST_TYPED = 64
NUMBER_DIGITS, INDEX_DIGITS = 4, 6
MOST_BATCH_NUMBER = 10**NUMBER_DIGITS - 1
MOST_IN_BATCH = 10**INDEX_DIGITS - 1
_SERIES = re.compile(r"[A-Z]{2,6}")
_SERIAL = re.compile(rf"([A-Z]{{2,6}})([0-9]{{{NUMBER_DIGITS}}})([0-9]{{{INDEX_DIGITS}}})([0-9])")
_BETWEEN = re.compile(r"[\s.·-]+")
# Damm's quasigroup of order ten: it notices every single wrong digit and every two neighbours that changed places.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


class InvalidBatch(InvalidInput):
    """A batch of vouchers that the brand's terms do not foresee, or whose particulars make no sense."""

    error_id = "vouchers-batch-invalid"


class InvalidSerial(InvalidInput):
    """No serial number: it is the series' letters and eleven digits, the last one a check digit."""

    error_id = "vouchers-serial-invalid"


class VoucherState(StrEnum):
    """made: printed or to be printed, worth nothing yet; issued: handed out, and good; claimed: taken by an account whose credit is
    on its way; redeemed: it became credit; blocked and expired: it never will."""

    MADE = "made"
    ISSUED = "issued"
    CLAIMED = "claimed"
    REDEEMED = "redeemed"
    BLOCKED = "blocked"
    EXPIRED = "expired"


FOLLOWS: Mapping[VoucherState, frozenset[VoucherState]] = {
    VoucherState.MADE: frozenset({VoucherState.ISSUED, VoucherState.BLOCKED, VoucherState.EXPIRED}),
    VoucherState.ISSUED: frozenset({VoucherState.CLAIMED, VoucherState.BLOCKED, VoucherState.EXPIRED}),
    VoucherState.CLAIMED: frozenset({VoucherState.REDEEMED, VoucherState.ISSUED}),
    VoucherState.REDEEMED: frozenset(),
    VoucherState.BLOCKED: frozenset(),
    VoucherState.EXPIRED: frozenset(),
}


class BatchState(StrEnum):
    """proposed: waits for a second person; making: its vouchers are being made; ready: its sheets can be taken, once; taken: they
    were, and nobody can read its codes again; dropped: refused, withdrawn or given up before it was made."""

    PROPOSED = "proposed"
    MAKING = "making"
    READY = "ready"
    TAKEN = "taken"
    DROPPED = "dropped"


class Outcome(StrEnum):
    """What became of a code given.

    ok: it is credit now; pending: it is this account's, and its credit follows within moments; mistyped: it cannot be a code (a
    slip of the finger), which is no guess; unknown: no good voucher has it, for whatever reason a stranger need not know; used:
    this same account redeemed it; expired, blocked: so it is; locked: too many wrong ones, ask again later.
    """

    OK = "ok"
    PENDING = "pending"
    MISTYPED = "mistyped"
    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    LOCKED = "locked"


# What counts as a guess. A slip of the finger has a count of its own, and one's own used voucher none.
WRONG = (Outcome.UNKNOWN, Outcome.EXPIRED, Outcome.BLOCKED)


def check_digit(digits: str) -> str:
    """The check digit of a row of digits, by Damm's algorithm; of a row that ends in its check digit, `0`."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return str(interim)


@carries("KRY-2.4-coupons")
def read_code(typed: str) -> str | None:
    """The sixteen digits of what somebody typed, spaces, points and dashes left out; None for what no voucher of ours can carry:
    another length, a letter, a wrong check digit."""
    digits = _BETWEEN.sub("", typed[:MOST_TYPED])
    if len(typed) > MOST_TYPED or len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    return digits if check_digit(digits) == "0" else None


def code_of(number: int) -> str:
    """The code of a random number: its last fifteen digits and their check digit."""
    digits = f"{number % 10 ** (CODE_DIGITS - 1):0{CODE_DIGITS - 1}d}"
    return digits + check_digit(digits)


def grouped(code: str) -> str:
    """A code as it is printed: four groups of four."""
    return " ".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def serial_of(series: str, number: int, index: int) -> str:
    """The serial of a voucher: series, number of the batch, number in the batch, check digit, such as `KRY00120000345`."""
    digits = f"{number:0{NUMBER_DIGITS}d}{index:0{INDEX_DIGITS}d}"
    return f"{series}{digits}{check_digit(digits)}"


def read_serial(typed: str) -> str:
    """A serial as it is kept, however it was spaced or cased. Raises InvalidSerial."""
    serial = _BETWEEN.sub("", typed[:MOST_TYPED]).upper()
    found = _SERIAL.fullmatch(serial) if serial.isascii() else None
    if found is None or check_digit("".join(found.groups()[1:])) != "0":
        raise InvalidSerial(
            "a serial number is two to six letters and eleven digits as printed, such as KRY 0012 000034 5: check it"
        )
    return serial


def shown_serial(serial: str) -> str:
    """A serial as it is printed: `KRY 0012 000034 5`."""
    found = _SERIAL.fullmatch(serial)
    return " ".join(found.groups()) if found else serial


def index_of(serial: str) -> int:
    """The place of a voucher in its batch, from 1."""
    found = _SERIAL.fullmatch(serial)
    assert found is not None, "a serial as it is kept"
    return int(found[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A batch as somebody wants it. valid_days: 0 for as long as the terms say."""

    series: str
    face_micros: int
    count: int
    valid_days: int = 0


def offers_vouchers(terms: Terms) -> bool:
    """Whether the brand's terms know vouchers at all."""
    return "voucher.face_micros" in terms.values


@carries("KRY-2.4-coupons")
def checked_wish(terms: Terms, wish: Wish) -> Wish:
    """The batch wished for, if the terms foresee it: a face value offered, not too many, not longer valid than vouchers are.
    Raises InvalidBatch."""
    if not offers_vouchers(terms):
        raise InvalidBatch(
            f"the terms {terms.ref} know no vouchers: state voucher.face_micros and its companions there"
        )
    faces, most = terms.integers("voucher.face_micros"), terms.integer("voucher.batch_most")
    longest = terms.integer("voucher.validity_days")
    if not _SERIES.fullmatch(wish.series):
        raise InvalidBatch("a series is named by two to six capital letters, such as KRY")
    if wish.face_micros not in faces:
        raise InvalidBatch("choose a face value that the terms offer")
    if not 0 < wish.count <= most:
        raise InvalidBatch(f"a batch has 1 to {most} vouchers, not {wish.count}: make several")
    if not 0 <= wish.valid_days <= longest:
        raise InvalidBatch(f"vouchers are valid for 1 to {longest} days")
    return Wish(
        series=wish.series,
        face_micros=wish.face_micros,
        count=wish.count,
        valid_days=wish.valid_days or longest,
    )


@carries("KRY-2.4-coupons")
def expiry(terms: Terms, made_at: datetime, valid_days: int) -> datetime:
    """The first instant at which a voucher is no longer good: 24:00, in the terms' zone, of the day that lies so many days on."""
    zone = terms.text("voucher.zone")
    return period.end_of_civil_day(period.civil_day(made_at, zone) + timedelta(days=valid_days), zone)


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong codes of one account, or from one address, within the window: how many different ones, and when the last was."""

    wrong: int = 0
    last_at: datetime | None = None


def window(terms: Terms) -> timedelta:
    """For how long a wrong code counts: as long as the longest wait."""
    return timedelta(seconds=terms.integer("voucher.wait_most_s"))


@carries("KRY-2.4-coupons", "KRY-3.1-interfaces")
def wait_until(terms: Terms, tries: Tries, allowed: int) -> datetime | None:
    """Until when nothing more is heard of whoever gave that many wrong codes: from the one that reaches what is allowed,
    `voucher.wait_s` after it, twice as long after each further one, `voucher.wait_most_s` at most. None: no wait."""
    if tries.wrong < allowed or tries.last_at is None:
        return None
    first, most = terms.integer("voucher.wait_s"), terms.integer("voucher.wait_most_s")
    return tries.last_at + timedelta(seconds=min(most, first << min(tries.wrong - allowed, 40)))


@carries("KRY-2.4-coupons", "KRY-3.1-interfaces")
def locked_until(
    terms: Terms, *, account: Tries, mistyped: Tries, source: Tries, everybody_wrong: int, at: datetime
) -> datetime | None:
    """Until when a code is not even looked at, or None.

    An account has `voucher.wrong_tries` guesses and `voucher.mistyped_tries` slips, the address or calling number behind it
    `voucher.source_tries`. While more than `voucher.alarm_wrong` wrong codes came in from everybody within the hour, one guess is
    one too many; who has made none is not kept waiting by others.
    """
    own = 1 if everybody_wrong > terms.integer("voucher.alarm_wrong") else terms.integer("voucher.wrong_tries")
    waits = (
        wait_until(terms, account, own),
        wait_until(terms, mistyped, terms.integer("voucher.mistyped_tries")),
        wait_until(terms, source, terms.integer("voucher.source_tries")),
    )
    return max((until for until in waits if until is not None and until > at), default=None)


def said(terms: Terms, outcome: Outcome, inputs: Mapping[str, str | int | bool | None]) -> Decision:
    """What became of a code, with its reason in both languages."""
    fr, en = _SAID[outcome]
    return Decision(
        allowed=outcome in (Outcome.OK, Outcome.PENDING),
        clause=terms.clause("voucher.wrong_tries" if outcome is Outcome.LOCKED else "voucher.validity_days"),
        terms=terms.ref,
        code=f"voucher-{outcome}",
        fr=fr,
        en=en,
        inputs=dict(inputs),
    )


def liability(moves: Sequence[tuple[str, int]]) -> int:
    """What is owed to holders of vouchers after those moves (step, micros): issued less redeemed, blocked and expired."""
    return sum(micros if step == "issue" else -micros for step, micros in moves)


_SAID: Mapping[Outcome, tuple[str, str]] = {
    Outcome.OK: ("Votre ticket est crédité.", "Your voucher has been credited."),
    Outcome.PENDING: (
        "Votre ticket est accepté : votre crédit arrive dans un instant.",
        "Your voucher is accepted: your credit follows in a moment.",
    ),
    Outcome.MISTYPED: (
        "Ce n'est pas un code de ticket : vérifiez les seize chiffres et recommencez.",
        "This is not a voucher's code: check the sixteen digits and try again.",
    ),
    Outcome.UNKNOWN: (
        "Ce code n'est pas valable : vérifiez-le, et gardez le ticket si vous nous écrivez.",
        "This code is not valid: check it, and keep the voucher if you write to us.",
    ),
    Outcome.USED: (
        "Vous avez déjà utilisé ce ticket : son crédit est sur votre compte depuis.",
        "You have used this voucher already: its credit went to your account then.",
    ),
    Outcome.EXPIRED: (
        "La date limite de ce ticket est passée : il ne peut plus être utilisé.",
        "This voucher's last day is over: it can no longer be used.",
    ),
    Outcome.BLOCKED: (
        "Ce ticket a été bloqué : écrivez-nous en indiquant son numéro de série.",
        "This voucher has been blocked: write to us and give its serial number.",
    ),
    Outcome.LOCKED: (
        "Trop de codes erronés : attendez un peu avant de recommencer.",
        "Too many wrong codes: wait a little before you try again.",
    ),
}

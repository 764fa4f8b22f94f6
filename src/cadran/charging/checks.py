"""What a request must look like before anything is done with it. Each raises ChargingRefused with the reason `invalid`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from cadran.charging import rules
from cadran.charging.ports import (
    AuthoriseCall,
    BuyCredit,
    ChargeEvent,
    ChargingRefused,
    CorrectCharge,
    CreditLine,
    GiveCredit,
    MoveVouchers,
    SettleCall,
    WithdrawCredit,
)
from cadran.rating.rules import check_rate
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key, is_key
from cadran.units.money import Money
from cadran.units.period import utc

MAX_SESSION = 100
MAX_TEXT = 256
MAX_SECONDS = 10 * 86_400
MAX_HEARTBEAT = 5_000
MAX_CHARGE_MICROS = 10**12
YEARS = (1990, 9000)
MAX_EVENT_KEY = MAX_SESSION - len("event/")
MAX_INPUTS = 32
MAX_HOLD_S = 7 * 86_400
EVENT_STEPS = frozenset({"once", "hold", "take", "release"})
_SERVICE = re.compile(r"[a-z][a-z0-9-]{0,29}")
LINE_STEPS = frozenset({"limit", "repay"})
VOUCHER_STEPS = frozenset({"issued", "blocked", "expired"})
WITHDRAWAL_STEPS = frozenset({"hold", "take", "release"})


def authorise(request: AuthoriseCall) -> None:
    """Keys, classes, addresses and the instant of a call."""
    _session(request.session)
    _key(request.account, "account")
    _key(request.terms, "terms")
    if accepted := getattr(request, "accepted_terms", ""):
        _key(accepted, "accepted_terms")
    _text(request.number_class, "number_class", least=1)
    _text(request.destination, "destination", least=1)
    for name in ("caller", "shown", "call_id", "country"):
        _text(getattr(request, name), name)
    _one_of(request.direction, rules.DIRECTIONS, "direction")
    if request.family:
        _key(request.family, "family")
        if len(request.family) > MAX_SESSION:
            raise invalid(f"a family has at most {MAX_SESSION} characters")
    _one_of(request.via, rules.VIAS, "via")
    for name in ("raised_duration", "consumer", "by_minute"):
        _flag(getattr(request, name), name)
    _whole(request.wanted_s, "wanted_s", most=MAX_SECONDS)
    _whole(request.lease_s, "lease_s", most=MAX_SECONDS)
    _instant(request.at)


def extend(*, session: str, seq: int, used_s: int, at: datetime) -> None:
    """The number of the extension and what was used so far."""
    _session(session)
    _whole(seq, "seq", least=1, most=10**6)
    _whole(used_s, "used_s", most=MAX_SECONDS)
    _instant(at)


def heartbeat(used_s: Mapping[str, int]) -> None:
    """Sessions and their seconds, not too many at once."""
    if len(used_s) > MAX_HEARTBEAT:
        raise invalid(f"at most {MAX_HEARTBEAT} sessions in one heartbeat, not {len(used_s)}: send several")
    for session, seconds in used_s.items():
        _session(session)
        _whole(seconds, "used_s", most=MAX_SECONDS)


def settle(request: SettleCall) -> None:
    """How a call ended, and what was measured."""
    _session(request.session)
    _whole(request.measured_ms, "measured_ms", most=MAX_SECONDS * 1000)
    _whole(request.sip_code, "sip_code", most=999)
    _text(request.carrier, "carrier")
    _one_of(request.disposition, rules.DISPOSITIONS, "disposition")
    _one_of(request.ended_by, rules.ENDINGS, "ended_by")
    _instant(request.at)
    if request.answered_at is not None:
        _instant(request.answered_at)
        if request.answered_at > request.at:
            raise invalid("a call cannot end before it was answered")


def buy(request: BuyCredit) -> None:
    """The key, the amount and the instant of a purchase."""
    _key(request.key, "key")
    if len(request.key) > MAX_SESSION:
        raise invalid(f"a key of a purchase has at most {MAX_SESSION} characters")
    _key(request.account, "account")
    _key(request.terms, "terms")
    if accepted := getattr(request, "accepted_terms", ""):
        _key(accepted, "accepted_terms")
    _key(request.means, "means")
    _instant(request.at)
    try:
        amount = Money(request.amount_micros, request.currency)
    except (CadranError, TypeError) as error:
        raise invalid(str(error)) from error
    if amount.micros <= 0:
        raise invalid(f"a purchase is above zero, not {request.amount_micros} micros")


def correction(request: CorrectCharge) -> None:
    """The key, the record, the new charge and its reason."""
    _key(request.key, "key")
    if len(request.key) > MAX_SESSION:
        raise invalid(f"a key of a correction has at most {MAX_SESSION} characters")
    _key(request.account, "account")
    _key(request.cdr_id, "cdr_id")
    _whole(request.charge_micros, "charge_micros", most=MAX_CHARGE_MICROS)
    _text(request.reason, "reason", least=1)
    _instant(request.at)
    if request.rate is not None:
        try:
            check_rate(request.rate)
        except CadranError as error:
            raise invalid(str(error)) from error


def withdrawal(request: WithdrawCredit) -> None:
    """The key, the step, the amount and where it goes."""
    _key(request.key, "key")
    if len(request.key) > MAX_SESSION:
        raise invalid(f"a key of a withdrawal has at most {MAX_SESSION} characters")
    _key(request.account, "account")
    _one_of(request.step, WITHDRAWAL_STEPS, "step")
    _instant(request.at)
    if request.step == "hold":
        _key(request.towards, "towards")
        if request.bucket:
            _key(request.bucket, "bucket")
        _whole(request.amount_micros, "amount_micros", most=MAX_CHARGE_MICROS)
        if request.amount_micros <= 0:
            raise invalid("a withdrawal is above zero")


def event(request: ChargeEvent) -> None:
    """The key, the step and the instant of an event; what it is and who decided its price, unless it is one of the later steps."""
    _key(request.key, "key")
    if len(request.key) > MAX_EVENT_KEY:
        raise invalid(f"a key of an event has at most {MAX_EVENT_KEY} characters")
    _key(request.account, "account")
    _one_of(request.step, EVENT_STEPS, "step")
    _instant(request.at)
    if request.amount_micros is not None:
        _whole(request.amount_micros, "amount_micros", most=MAX_CHARGE_MICROS)
    if request.step in ("take", "release"):
        return
    if (
        not isinstance(request.service, str)
        or not _SERVICE.fullmatch(request.service)
        or request.service in ("call", "calls")
    ):
        raise invalid(f"service is a word of small letters such as sms, not {request.service!r}")
    if request.amount_micros is None:
        raise invalid("amount_micros is missing: the caller decides the price")
    wallet(account=request.account, brand="any", currency=request.currency, at=request.at)
    _key(request.terms, "terms")
    if request.accepted_terms:
        _key(request.accepted_terms, "accepted_terms")
    _whole(request.units, "units", most=10**9)
    _whole(request.hold_s, "hold_s", most=MAX_HOLD_S)
    _text(request.destination, "destination")
    _text(request.caller, "caller")
    decision = request.decision
    if decision is None or not decision.allowed or decision.terms != request.terms:
        raise invalid("decision is the caller's own: allowed, and by the terms of the request")
    _key(decision.clause, "clause")
    _key(decision.code, "code")
    _text(decision.fr, "fr", least=1)
    _text(decision.en, "en", least=1)
    if len(decision.inputs) > MAX_INPUTS:
        raise invalid(f"a decision has at most {MAX_INPUTS} inputs")
    for name, value in decision.inputs.items():
        _text(name, "a name of the inputs", least=1)
        if isinstance(value, str):
            _text(value, name)
        elif isinstance(value, int):
            _whole(int(value), name, least=-(2**63), most=2**63 - 1)


def line(request: CreditLine) -> None:
    """The key, the step, the amount and the instant of a credit line's change."""
    _key(request.key, "key")
    if len(request.key) > MAX_SESSION:
        raise invalid(f"a key of a credit line has at most {MAX_SESSION} characters")
    _key(request.account, "account")
    _key(request.means, "means")
    _one_of(request.step, LINE_STEPS, "step")
    _whole(request.amount_micros, "amount_micros", least=0 if request.step == "limit" else 1, most=MAX_CHARGE_MICROS)
    _instant(request.at)


def gift(request: GiveCredit) -> None:
    """The key, the amount and the instant of credit given."""
    _key(request.key, "key")
    if len(request.key) > MAX_SESSION:
        raise invalid(f"a key of a gift has at most {MAX_SESSION} characters")
    _key(request.account, "account")
    _key(request.terms, "terms")
    if accepted := getattr(request, "accepted_terms", ""):
        _key(accepted, "accepted_terms")
    _instant(request.at)
    try:
        amount = Money(request.amount_micros, request.currency)
    except (CadranError, TypeError) as error:
        raise invalid(str(error)) from error
    if not 0 < amount.micros <= MAX_CHARGE_MICROS:
        raise invalid(f"a gift lies above zero and up to {MAX_CHARGE_MICROS} micros, not {request.amount_micros}")


def voucher_move(request: MoveVouchers) -> None:
    """The key, the step, the amount and the instant of vouchers issued, blocked or expired."""
    _key(request.key, "key")
    if len(request.key) > MAX_SESSION:
        raise invalid(f"a key of a voucher's move has at most {MAX_SESSION} characters")
    _one_of(request.step, VOUCHER_STEPS, "step")
    _whole(request.amount_micros, "amount_micros", least=1, most=MAX_CHARGE_MICROS)
    wallet(account="any", brand=request.brand, currency=request.currency, at=request.at)


def wallet(*, account: str, brand: str, currency: str, at: datetime) -> None:
    """Whose wallet, of which brand, in which currency."""
    _key(account, "account")
    _key(brand, "brand")
    _instant(at)
    try:
        Money(0, currency)
    except (CadranError, TypeError) as error:
        raise invalid(str(error)) from error


def instant(at: datetime) -> None:
    """An aware instant."""
    _instant(at)


def holder(number: int) -> None:
    """The number of an evidence holder."""
    _whole(number, "holder", least=1, most=2**63 - 1)


def invalid(message: str) -> ChargingRefused:
    """The error of a request of a wrong form."""
    return ChargingRefused(message, reason="invalid")


def _session(value: str) -> None:
    _key(value, "session")
    if len(value) > MAX_SESSION:
        raise invalid(f"a session has at most {MAX_SESSION} characters")


def _key(value: str, name: str) -> None:
    if not is_key(value):
        _checked(lambda: checked_key(value), name)


def _instant(value: datetime) -> None:
    if type(value) is datetime and value.tzinfo is UTC and YEARS[0] <= value.year < YEARS[1]:
        return
    if not isinstance(value, datetime):
        raise invalid(f"an instant is a date and time with its zone, not {value!r}")
    _checked(lambda: utc(value), "at")
    if not YEARS[0] <= value.year < YEARS[1]:
        raise invalid(f"an instant lies between the years {YEARS[0]} and {YEARS[1]}, not in {value.year}")


def _checked(check: Callable[[], object], name: str) -> None:
    try:
        check()
    except (CadranError, OverflowError) as error:
        raise invalid(f"{name}: {error}") from error


def _text(value: str, name: str, least: int = 0) -> None:
    if type(value) is str and least <= len(value) <= MAX_TEXT and value.isascii() and value.isprintable():
        return
    if not isinstance(value, str) or not least <= len(value) <= MAX_TEXT or any(ord(letter) < 32 for letter in value):
        raise invalid(f"{name} is a text of {least} to {MAX_TEXT} characters without control characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise invalid(f"{name} is not text that can be written") from error


def _whole(value: int, name: str, *, least: int = 0, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise invalid(f"{name} is a whole number from {least} to {most}, not {value!r}")


def _flag(value: bool, name: str) -> None:
    if not isinstance(value, bool):
        raise invalid(f"{name} is true or false, not {value!r}")


def _one_of(value: str, known: frozenset[str], name: str) -> None:
    if not isinstance(value, str) or value not in known:
        raise invalid(f"{name} is one of {', '.join(sorted(known))}, not {value!r}")

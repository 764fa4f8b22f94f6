"""The desk over the rooms: access numbers, callers, credit, prices, past calls, vouchers. On database threads alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from cadran.balance import queries as balance
from cadran.charging import ports as charging_ports
from cadran.charging import usage
from cadran.charging import vouchers as charging_vouchers
from cadran.numbering import queries as numbering
from cadran.numbering.access import queries as access
from cadran.party.calling import operations as calling_operations
from cadran.party.calling import queries as callers
from cadran.payment.vouchers import redemption
from cadran.policy import queries as policy
from cadran.units import period
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.voice.access import journey
from cadran.voice.access.ports import Answer, Caller, Calling
from cadran.voice.menu.events import Value

log = structlog.get_logger("voice.desk")
WARNING, MOBILITY_WARNING = "calls.warning_s", "mobility.warning_s"
WITHHELD = "calls.withheld_caller_accepted"
MOBILITY = "mobility"
LAST_CALLS = "calls.last_calls_read"
MOST_READ = 5  # the menu has words for five
_REFUSED_STATES = {"registered": "suspended", "blocked": "suspended", "ended": "closed"}
_VOUCHER = {"mistyped": "unknown", "pending": "ok"}
Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class HouseDesk:
    """`ports.Desk` over the house's and the money's files. charging: for vouchers alone; a client for threads."""

    charging: charging_ports.Charging

    # --- who calls ---

    @carries("KRY-4.4.1-caller-id", "KRY-4.4.1-ivr")
    def recognise(self, calling: Calling) -> Caller | None:
        """By the number that the caller shows, among those that accounts of the access number's brand have proved to be theirs."""
        number = access.access_number(calling.access_number, calling.at)
        if number is None:
            return None

        def refused(why: str, language: str = "", account: str = "", clause: str = "KRY-4.4.1-caller-id") -> Caller:
            return Caller(
                brand=number.brand,
                language=language or number.language,
                service=number.service,
                refused=why,
                clause=clause,
                account=account,
            )

        if not number.is_open(calling.at):
            return refused("not-open")
        if not calling.digits:
            accepted, clause = _withheld(number.brand, calling.at)
            return refused("unknown" if accepted else "withheld", clause=clause)
        account = numbering.verified_holder(calling.digits, number.brand)
        customer = callers.calling_customer(account, at=calling.at) if account is not None else None
        if customer is None or customer.brand != number.brand:
            return refused("unknown")
        if not customer.active:
            return refused(_REFUSED_STATES.get(customer.state, "suspended"), customer.language, customer.account)
        if not calling.authenticated and customer.pin != "set":
            return refused("unauthenticated", customer.language, customer.account)
        values: dict[str, Value] = {
            "language": customer.language,
            "account": customer.account,
            "currency": balance.currency(customer.account) or "EUR",
        }
        if calling.authenticated:
            values |= _prepared(calling.digits, number.brand, customer.account, calling.at)
        return Caller(
            brand=number.brand,
            language=customer.language,
            service=number.service,
            account=customer.account,
            terms=customer.terms,
            accepted_terms=customer.accepted_terms,
            country=customer.country,
            consumer=customer.consumer,
            by_minute=customer.by_minute,
            shown=calling.digits,
            warning_s=_warning_s(customer.terms, number.service),
            begins="" if calling.authenticated else "pin",
            values=values,
        )

    # --- the menu's questions ---

    def ask(self, caller: Caller, question: str, values: Values, *, key: str, at: datetime) -> Answer:
        """See ports.Desk. A question that cannot be answered now is `unavailable`, which every table leads somewhere."""
        answers: dict[str, Callable[[], Answer]] = {
            "pin": lambda: self._pin(caller, values, at),
            "destination": lambda: journey.destination(caller, str(values.get("number", "")), at),
            "speed-dial": lambda: _speed_dial(caller, values),
            "credit": lambda: _credit(caller, at),
            "statement": lambda: _statement(caller, at),
            "last-calls": lambda: _last_calls(caller),
            "voucher": lambda: self._voucher(caller, values, key, at),
        }
        answer = answers.get(question)
        if answer is None:
            log.error("menu-question-unknown", question=question)
            return Answer(outcome="unavailable")
        try:
            return answer()
        except CadranError as error:
            log.warning("menu-question-failed", question=question, error_id=error.error_id, detail=error.message)
            return Answer(outcome="unavailable")

    @carries("KRY-4.4.1-caller-id")
    def _pin(self, caller: Caller, values: Values, at: datetime) -> Answer:
        """The second factor of a number that nobody vouches for. A call that was prepared for the number waits behind it."""
        tried = calling_operations.try_pin(account=caller.account, pin=str(values.get("pin", "")), at=at)
        if tried.outcome == "ok":
            return Answer(outcome="ok", values=_prepared(caller.shown, caller.brand, caller.account, at))
        return Answer(outcome="wrong" if tried.outcome == "wrong" else "locked")

    @carries("KRY-2.4-coupons")
    def _voucher(self, caller: Caller, values: Values, key: str, at: datetime) -> Answer:
        try:
            found = charging_vouchers.redeem(
                account=caller.account,
                terms=policy.terms(caller.terms),
                code=str(values.get("code", "")),
                key=key,
                at=at,
                origin=redemption.Origin(channel="phone", source=caller.shown),
                charging=self.charging,
            )
        except (redemption.NoVouchers, redemption.NotCredited):
            return Answer(outcome="unavailable")
        outcome = _VOUCHER.get(found.outcome.value, found.outcome.value)
        told: dict[str, Value] = {}
        if outcome == "ok":
            told["amount_micros"] = found.amount_micros
        if found.outcome.value == "ok":
            told["credit_micros"] = found.balance_micros
        return Answer(outcome=outcome, values=told)


@carries("KRY-4.4.1-caller-id")
def _withheld(brand: str, at: datetime) -> tuple[bool, str]:
    """Whether the brand's terms take callers who show no number, and their clause. Nobody is known by it, even where they do."""
    terms = policy.terms_in_force(brand, at)
    if WITHHELD not in terms.values:
        return False, "KRY-4.4.1-caller-id"
    return terms.flag(WITHHELD), terms.clause(WITHHELD)


@carries("KRY-4.4.1-ivr", "IPP-9.4-mobility")
def _warning_s(terms_ref: str, service: str) -> int:
    name, terms = (MOBILITY_WARNING if service == MOBILITY else WARNING), policy.terms(terms_ref)
    return terms.integer(name) if name in terms.values else 0


@carries("KRY-4.4.1-easydialer")
def _prepared(digits: str, brand: str, account: str, at: datetime) -> dict[str, Value]:
    """The destination of a call that was prepared for that number, which is then taken. A busy database prepares nothing."""
    try:
        found = calling_operations.take_prepared_call(digits=digits, brand=brand, at=at)
    except Exception:  # the call goes on as any other
        log.warning("prepared-call-not-read", exc_info=True)
        return {}
    if found is None or found.account != account:
        return {}
    return {"destination": f"+{found.destination}"}


def _speed_dial(caller: Caller, values: Values) -> Answer:
    key = str(values.get("key", ""))
    number = callers.speed_dialled(caller.account, int(key)) if key.isdecimal() and len(key) <= 2 else ""
    return Answer(outcome="ok", values={"number": f"+{number}"}) if number else Answer(outcome="empty")


@carries("KRY-4.4.1-phone-statement", "KRY-4.4.1-ivr")
def _credit(caller: Caller, at: datetime) -> Answer:
    """What is left, and the last day on which the first of it is valid."""
    found = balance.balance(caller.account, at)
    values: dict[str, Value] = {"credit_micros": found.free_micros}
    if found.buckets:
        first = min(one.expires_at for one in found.buckets) - timedelta(microseconds=1)
        values["expires_on"] = period.civil_day(first, policy.brand(caller.brand).zone).isoformat()
    return Answer(outcome="ok", values=values)


@carries("KRY-4.4.1-phone-statement")
def _statement(caller: Caller, at: datetime) -> Answer:
    """How many communications there were, and what they cost."""
    found = usage.told(account=caller.account)
    credit = balance.balance(caller.account, at).free_micros
    return Answer(outcome="ok", values={"count": found.calls, "spent_micros": found.micros, "credit_micros": credit})


@carries("KRY-4.4.1-phone-statement")
def _last_calls(caller: Caller) -> Answer:
    """The last communications, the latest first, as many as the terms have read out."""
    terms = policy.terms(caller.terms)
    most = min(MOST_READ, terms.integer(LAST_CALLS)) if LAST_CALLS in terms.values else MOST_READ
    calls = usage.told(account=caller.account, last=most).last
    values: dict[str, Value] = {"count": len(calls)}
    for number, call in enumerate(calls, 1):
        values[f"call{number}_destination"] = call.record.destination
        values[f"call{number}_seconds"] = call.record.charged_s
        values[f"call{number}_micros"] = call.micros
    return Answer(outcome="ok", values=values)

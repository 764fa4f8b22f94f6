"""A customer has Cadran call it and whom it wants to reach: what that costs, the order, its state, its history.

Charging has the last word on credit and permission; what is looked at here tells the customer before anything rings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cadran.balance import queries as balance
from cadran.charging import queries as charging
from cadran.journeys import quote
from cadran.journeys.callback_orders import operations, queries
from cadran.journeys.quote import Quote, Way
from cadran.numbering import queries as numbering
from cadran.numbering import rules as numbers
from cadran.numbering.access import queries as access
from cadran.party import queries as party
from cadran.party.calling import queries as calling
from cadran.policy import queries as policy
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.rating import rules as rating
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key
from cadran.voice import control

WAYS = "easydialer.ways"
CALLBACK = "callback"
LONGEST_KEY = 64
PLACED_WITHIN = timedelta(minutes=2)
LONGEST_S = 24 * 3600


class CallbackNotOffered(CadranError):
    """The brand, or the state of the account, allows no callback."""

    error_id = "callback-not-offered"


class NotACallingNumber(CadranError):
    """A callback rings a number that the account has proved to be its own, and no other."""

    error_id = "callback-not-your-number"


class CallbackNotPossible(CadranError):
    """One of the two calls would not go out; `decision` says why, with its clause."""

    error_id = "callback-not-possible"

    def __init__(self, message: str, decision: Decision) -> None:
        super().__init__(message, code=decision.code, clause=decision.clause)
        self.decision = decision


class NotEnoughCredit(CadranError):
    """The credit does not pay for the first moments of both legs."""

    error_id = "callback-no-credit"


class OrderTooOld(CadranError):
    """The order was never placed and is no longer: order anew, with a new key."""

    error_id = "callback-order-too-old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A callback before it is ordered. first, second: the price of each leg. seconds: how long both may talk on the credit, when both
    answer at once; 0 where it does not suffice to begin. access: the number that the customer will see calling."""

    first: Quote
    second: Quote
    seconds: int
    credit_micros: int
    currency: str
    access: str
    name: str

    @property
    def minutes(self) -> int:
        return self.seconds // 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An order and what became of it. charge_micros: of both legs, once they are settled, with `settled`."""

    order: queries.Ordered
    state: control.CallbackState
    charge_micros: int
    currency: str
    settled: bool


def offered(brand: str, at: datetime) -> bool:
    """Whether the brand's terms have callbacks."""
    return CALLBACK in _ways(policy.terms_in_force(brand, at))


@carries("KRY-4.4.1-easydialer")
def offer(*, customer: party.Customer, second: str, at: datetime, first: str = "") -> Offer:
    """Price and minutes, shown before anything is ordered. first: which of the customer's numbers is rung, the oldest one where not
    given. second: whom to reach, as dialled in the customer's country.

    Raises CallbackNotOffered, NotACallingNumber, numbers.UnreadableNumber and CallbackNotPossible.
    """
    terms = _terms(customer, at)
    ours = _own(customer, first)
    reached = _reached(second, customer.country)
    if reached == ours or access.is_access_number(reached):
        raise numbers.UnreadableNumber("choose whom you want to reach: not your own number, nor an access number")
    kinds = _kinds(customer)
    quotes = [
        _quote(customer, f"+{digits}", kinds(via), terms, at)
        for digits, via in ((ours, "callback-leg"), (reached, CALLBACK))
    ]
    credit = balance.spendable_micros(customer.account, at)
    return Offer(
        first=quotes[0],
        second=quotes[1],
        seconds=both_s((quotes[0].rate, quotes[1].rate), credit, terms, at),
        credit_micros=credit,
        currency=customer.currency,
        access=_seen(customer.brand, ours, at),
        name=calling.contact_names(customer.account, (reached,)).get(reached, ""),
    )


@carries("KRY-4.4.1-easydialer")
def order(
    *, customer: party.Customer, key: str, second: str, at: datetime, door: Path, first: str = "", language: str = ""
) -> Told:
    """Have both called. key: the browser's, one for each order: the same again rings nobody twice.

    Raises what `offer` raises, NotEnoughCredit, operations.KeyReused, OrderTooOld, control.CallbackRefused (too-many, too-often, full)
    and control.CallsUnreachable.
    """
    if len(checked_key(key)) > LONGEST_KEY:
        raise control.CallbackRefused(f"a key has at most {LONGEST_KEY} characters", reason="unreadable")
    known = queries.order(customer.account, key)
    if known is not None and known.second != _reached(second, customer.country):
        raise operations.KeyReused("this key was used for another callback: use a new one for each")
    if known is not None and (told := _state(known)) is not None:
        return told
    made = offer(customer=customer, first=first, second=second, at=at)
    if made.seconds == 0:
        raise NotEnoughCredit("your credit does not pay for both calls: top it up first")
    kept = operations.keep(
        account=customer.account,
        key=key,
        brand=customer.brand,
        first=made.first.number,
        second=made.second.number,
        name=made.name,
        access=made.access,
        at=at,
    )
    if at - kept.ordered_at > PLACED_WITHIN:
        raise OrderTooOld("this order was not placed in time: order anew")
    terms, way = _terms(customer, at), _kinds(customer)(CALLBACK)
    placed = control.CallbackOrder(
        key=_whole_key(customer.account, key),
        account=customer.account,
        brand=customer.brand,
        terms=terms.ref,
        accepted_terms=customer.terms,
        first=kept.first,
        second=f"+{kept.second}",
        access=kept.access,
        language=language or customer.language,
        country=customer.country,
        consumer=way.consumer,
        by_minute=way.by_minute,
    )
    return _told(kept, control.callback(placed, door=door))


def state(*, account: str, key: str) -> Told:
    """Where an order stands. Raises control.CallbackUnknown."""
    kept = queries.order(account, key)
    told = _state(kept) if kept is not None else None
    if told is None:
        raise control.CallbackUnknown("no callback was ordered under this key")
    return told


def end(*, account: str, key: str, door: Path) -> None:
    """The customer wants no more of it, whether it rings or they talk. Raises control.CallOver, CallbackUnknown, CallsUnreachable."""
    if queries.order(account, key) is None:
        raise control.CallbackUnknown("no callback was ordered under this key")
    control.end_callback(_whole_key(account, key), door=door)


@carries("KRY-1.1-beneficiary")
def history(*, account: str, second: str = "", limit: int = 50, after: int = 0) -> tuple[Told, ...]:
    """What was ordered, newest first, with what became of it; `second` narrows it to one correspondent (E.164 digits)."""
    found = ((one, _state(one)) for one in queries.orders(account, second=second, limit=limit, after=after))
    return tuple(told or _told(one, _never(one)) for one, told in found)


def both_s(rates: tuple[rating.Rate | None, rating.Rate | None], credit: int, terms: Terms, at: datetime) -> int:
    """The whole seconds that a credit pays for when both legs last as long; 0 where it does not pay for both first grants."""
    charged = [one for one in rates if one is not None]
    least = terms.integer("calls.first_grant_min_s")

    def cost(seconds: int) -> int:
        return sum(rating.cost_micros(one, seconds, at) for one in charged)

    if sum(rating.cost_micros(one, rating.first_grant_s(one, at, least), at) for one in charged) > credit:
        return 0
    low, high = 0, LONGEST_S
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cost(middle) <= credit else (low, middle - 1)
    return low


def _terms(customer: party.Customer, at: datetime) -> Terms:
    """The terms that govern, which must have callbacks, for an account that is open."""
    terms = policy.governing_terms(customer.terms, at)
    if CALLBACK not in _ways(terms) or not customer.active:
        raise CallbackNotOffered("callbacks are not possible for this account")
    return terms


def _ways(terms: Terms) -> tuple[str, ...]:
    return tuple(terms.texts(WAYS)) if WAYS in terms.values else ()


def _own(customer: party.Customer, first: str) -> str:
    """The digits of the customer's number that is rung."""
    held = [one.digits for one in numbering.numbers_of(customer.account)]
    wanted = _reached(first, customer.country) if first.strip() else (held[0] if held else "")
    if wanted not in held:
        raise NotACallingNumber("choose one of your own numbers: register it first, it is proved by a code")
    return wanted


def _reached(text: str, country: str) -> str:
    """E.164 digits of what was typed."""
    dialled = numbers.read_dialled(text, country)
    if dialled.e164 is None or dialled.number_class is numbers.NumberClass.UNKNOWN:
        raise numbers.UnreadableNumber("type a whole number, with + and the country code for one abroad")
    return dialled.e164.digits


def _kinds(customer: party.Customer) -> Callable[[str], Way]:
    way = quote.way_of(customer.brand, customer)
    return lambda via: Way(via, way.consumer, way.by_minute)


def _quote(customer: party.Customer, text: str, way: Way, terms: Terms, at: datetime) -> Quote:
    found = quote.quote(
        text=text, brand=customer.brand, country=customer.country, terms=terms, seconds=60, at=at, way=way
    )
    if found is None:
        raise numbers.UnreadableNumber("type a whole number, with + and the country code for one abroad")
    if not found.priced:
        raise CallbackNotPossible(found.decision.en, found.decision)
    return found


def _seen(brand: str, digits: str, at: datetime) -> str:
    """The access number that the customer sees calling: of its own country where there is one."""
    found = [one for one in access.access_numbers(brand, at) if one.is_open(at)]
    country = numbers.read_dialled(f"+{digits}").country
    return next((one.digits for one in found if one.country == country), found[0].digits if found else "")


def _whole_key(account: str, key: str) -> str:
    """The order's key at the SIP process, where all accounts meet."""
    return f"{account}:{key}"


def _state(order: queries.Ordered) -> Told | None:
    try:
        open_calls = charging.open_calls(order.account)  # first: what is settled now is in the costs read after it
        return _told(order, control.callback_state(_whole_key(order.account, order.key)), open_calls)
    except control.CallbackUnknown:
        return None


def _never(order: queries.Ordered) -> control.CallbackState:
    """An order of which the SIP process knows nothing: forgotten after a week, or never placed."""
    return control.CallbackState(
        key=order.key, id="", stage="over", why="forgotten", asked_at=order.ordered_at, changed_at=order.ordered_at
    )


def _told(order: queries.Ordered, found: control.CallbackState, open_calls: int | None = None) -> Told:
    """open_calls: of the account, before `found` was read; counted now where not given."""
    legs = [one for one in (found.first, found.second) if one is not None]
    if open_calls is None:
        open_calls = charging.open_calls(order.account)
    open_ = found.id != "" and len(legs) < 2 and open_calls > 0
    return Told(
        order=order,
        state=found,
        charge_micros=sum(one.charge_micros for one in legs),
        currency=legs[0].currency if legs else "",
        settled=found.over and not open_,
    )

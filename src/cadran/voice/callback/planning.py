"""Where both persons of a callback are sought, and by whom it is paid: the reads that come before anything rings. Database thread."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from cadran.charging.ports import AuthoriseCall
from cadran.numbering import queries as numbering
from cadran.numbering import rules as numbers
from cadran.numbering.access import queries as access
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.units.e164 import InvalidNumber
from cadran.units.errors import CadranError
from cadran.voice.b2bua import plans
from cadran.voice.b2bua.plans import Plan
from cadran.voice.callback import orders
from cadran.voice.callback.events import Side
from cadran.voice.directory.lookups import Look

# Numbers that somebody holds and answers: no special, emergency or satellite number is rung to prove or to connect anything.
RINGABLE = {numbers.NumberClass.GEOGRAPHIC, numbers.NumberClass.MOBILE, numbers.NumberClass.ON_NET}
VIA = {Side.FIRST: "callback-leg", Side.SECOND: "callback"}
WARNING = "calls.warning_s"
_DIGITS = re.compile(r"[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class Plans:
    """turned: why the order cannot be carried out, in a word; else where each leg goes. warning_s: seconds before the end at which the
    customer is told of it, 0 for never."""

    turned: str = ""
    warning_s: int = 0
    first: Plan = field(default_factory=Plan)
    second: Plan = field(default_factory=Plan)

    def of(self, side: Side) -> Plan:
        return self.first if side is Side.FIRST else self.second


@carries("KRY-4.4.1-easydialer", "IPP-0-calls")
def callback(order: orders.CallbackOrder, look: Look) -> Plans:
    """The customer is rung at a number that its account has proved to be its own, and at no other: nobody can have a stranger rung.
    The correspondent sees that number; the customer sees the access number."""
    if not _DIGITS.fullmatch(order.first) or not numbering.may_show(order.account, order.first):
        return Plans(turned="number-not-yours")
    common = Plan(
        account=order.account,
        terms=order.terms,
        accepted_terms=order.accepted_terms,
        brand=order.brand,
        language=order.language,
        country=order.country,
        caller=order.first,
    )
    first = _towards(f"+{order.first}", order.country, _shown(common, order.access), look)
    if first is None or numbers.NumberClass(first.number_class) not in RINGABLE:
        return Plans(turned="number-not-yours")
    second = _towards(order.second, order.country, _shown(common, order.first), look)
    if second is None:
        return Plans(turned="number-unknown")
    if second.destination == order.first or access.is_access_number(second.destination):
        return Plans(turned="number-own")
    return Plans(first=first, second=second, warning_s=_warning_s(order.terms))


def code(order: orders.SpokenCode, look: Look, *, country: str) -> Plans:
    """Where a code is spoken: any number that a person may hold."""
    common = Plan(brand=order.brand, language=order.language, country=country, caller=order.access)
    found = _towards(f"+{order.digits}", country, _shown(common, order.access), look)
    if found is None or numbers.NumberClass(found.number_class) not in RINGABLE:
        return Plans(turned="number-unknown")
    return Plans(first=found)


def _warning_s(terms_ref: str) -> int:
    """As the terms state it; charging says what is to be said of terms that are not known."""
    try:
        terms = policy.terms(terms_ref)
    except CadranError:
        return 0
    return terms.integer(WARNING) if WARNING in terms.values else 0


def _shown(plan: Plan, digits: str) -> Plan:
    """The same plan with the number that is shown; withheld where there is none."""
    shown = f"+{digits}" if digits else ""
    return replace(plan, shown=digits, withheld=not digits, asserted=shown or plan.brand, from_user=shown or plan.brand)


def _towards(text: str, country: str, common: Plan, look: Look) -> Plan | None:
    """A number of ours rings its SIP user's devices, any other goes to the carriers. None for what is no number."""
    try:
        dialled = numbers.read_dialled(text, country)
    except InvalidNumber:
        return None
    if dialled.number_class in (numbers.NumberClass.UNKNOWN, numbers.NumberClass.OPEN_SIP):
        return None
    digits = dialled.e164.digits if dialled.e164 is not None else dialled.short or re.sub(r"\D", "", text)
    holder = look.holder(digits) if dialled.e164 is not None else None
    if holder is None:
        return replace(
            common,
            ring="carriers",
            number_class=dialled.number_class.value,
            destination=digits,
            dial=digits,
            international=dialled.e164 is not None,
        )
    user = look.sip_user(holder.sip_username)
    ring = "user" if user is not None and user.active else ""
    name = numbers.NumberClass.ON_NET.value
    return replace(common, ring=ring, number_class=name, destination=digits, username=holder.sip_username)


def authorise(order: orders.CallbackOrder, plan: Plan, side: Side, *, callback_id: str, at: datetime) -> AuthoriseCall:
    """What charging is asked for one leg: both are of one family."""
    session = orders.sessions(callback_id)[0 if side is Side.FIRST else 1]
    asked = plans.authorise_call(plan, session=session, at=at, call_id=session)
    return replace(asked, family=callback_id, via=VIA[side], consumer=order.consumer, by_minute=order.by_minute)

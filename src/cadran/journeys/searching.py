"""One search over numbers, names, addresses, user names, accounts, orders, calls and receipts, for a member of staff."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from cadran.charging import search as calls
from cadran.invoicing import queries as invoicing
from cadran.numbering import search as numbers
from cadran.party import search as customers
from cadran.party import staff as staff_rules
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.payment import search as orders
from cadran.payment.vouchers import queries as vouchers
from cadran.payment.vouchers import rules as voucher_rules

LEAST = 2
CUSTOMER, NUMBER, CALLS_TO, ORDER, RECEIPT, CALL = "customer", "number", "calls-to", "order", "receipt", "call"
VOUCHER = "voucher"


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the answer. kind: customer | number | calls-to | order | receipt | call | voucher; `ref` names it: an account,
    digits, or an id. `words` and `more` of customers and numbers are personal data."""

    kind: str
    ref: str
    words: str
    more: str
    account: str
    exact: bool
    how: str = ""

    def masked(self) -> Found:
        """The line for who may not see personal data: names, addresses and the ends of numbers are hidden."""
        words = {CUSTOMER: staff_rules.masked, NUMBER: staff_rules.masked_number, CALLS_TO: staff_rules.masked_number}
        more = {CUSTOMER: staff_rules.masked, NUMBER: staff_rules.masked, CALL: staff_rules.masked_number}
        return dataclasses.replace(
            self,
            ref=staff_rules.masked_number(self.ref) if self.kind == CALLS_TO else self.ref,
            words=words[self.kind](self.words) if self.kind in words else self.words,
            more=more[self.kind](self.more) if self.kind in more else self.more,
        )


def search(text: str, *, staff: Staff, brand: str = "") -> list[Found]:
    """What fits, exact ones first, within what that member's role and brands reach; of `brand` alone where one is named."""
    query = text.strip()
    if len(query) < LEAST:
        return []
    brands = (brand,) if brand else staff.brands
    found = [*_customers(query, brands), *_numbers(query, brands)]
    if staff.may(Permission.SEE_MONEY):
        found += [*_orders(query, brands), *_receipts(query, brands)]
    if staff.may(Permission.SEE_CALLS):
        found += _calls(query, brands)
    if staff.may(Permission.SEE_VOUCHERS):
        found += _vouchers(query, brands)
    return sorted(found, key=lambda one: not one.exact)


def _customers(query: str, brands: tuple[str, ...]) -> list[Found]:
    return [
        Found(
            kind=CUSTOMER,
            ref=hit.customer.account,
            words=hit.customer.display_name,
            more=hit.customer.email,
            account=hit.customer.account,
            exact=hit.exact,
            how=hit.how,
        )
        for hit in customers.find(query, brands=brands)
    ]


def _numbers(query: str, brands: tuple[str, ...]) -> list[Found]:
    digits = re.sub(r"[\s.()/-]", "", query)
    if not re.fullmatch(r"\+?[0-9]{4,15}", digits):
        return []
    plain = digits.removeprefix("+")
    tries = [plain, plain.removeprefix("00")]
    if plain.startswith("0") and not plain.startswith("00"):
        tries.append("33" + plain[1:])  # as dialled in France
    held = {one.digits + one.account: (one, each) for each in dict.fromkeys(tries) for one in numbers.sought(each)}
    known = customers.of_accounts([one.account for one, _each in held.values()])
    found = []
    for one, each in held.values():
        customer = known.get(one.account)
        if customer is not None and staff_rules.serves(brands, customer.brand):
            exact = one.digits == each and one.until_at is None
            found.append(Found(NUMBER, one.account, one.digits, customer.display_name, one.account, exact, one.kind))
    if len(plain) >= calls.WHOLE_NUMBER:
        found.append(Found(CALLS_TO, tries[-1], tries[-1], "", "", False))
    return found


def _orders(query: str, brands: tuple[str, ...]) -> list[Found]:
    return [
        Found(
            kind=ORDER,
            ref=one.order_id,
            words=one.order_id,
            more=one.state.value,
            account=one.account,
            exact=query in (one.order_id, one.reference, one.provider_ref),
        )
        for one in orders.sought(query)
        if staff_rules.serves(brands, one.brand)
    ]


def _receipts(query: str, brands: tuple[str, ...]) -> list[Found]:
    try:
        one = invoicing.receipt(query)
    except invoicing.UnknownReceipt:
        return []
    if not staff_rules.serves(brands, one.brand):
        return []
    return [Found(RECEIPT, one.number, one.number, "", one.account, True)]


def _vouchers(query: str, brands: tuple[str, ...]) -> list[Found]:
    return [
        Found(
            kind=VOUCHER,
            ref=one.serial,
            words=voucher_rules.shown_serial(one.serial),
            more=one.state.value,
            account=one.account,
            exact=one.serial == "".join(query.split()).upper(),
        )
        for one in vouchers.search(query, brands=brands)
    ]


def _calls(query: str, brands: tuple[str, ...]) -> list[Found]:
    if len(query) < 6:
        return []
    return [
        Found(
            kind=CALL,
            ref=one.cdr_id,
            words=one.cdr_id,
            more=one.destination,
            account=one.account,
            exact=query in (one.cdr_id, one.session, one.call_id),
        )
        for one in calls.sought(query)
        if staff_rules.serves(brands, one.brand)
    ]

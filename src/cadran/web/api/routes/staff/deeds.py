"""What staff does to a customer's lines and mails, and the brand's orders of credit."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path

from cadran.messaging import operations as messaging
from cadran.messaging import queries as mails
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party.keys.rules import Scope
from cadran.payment import search as orders
from cadran.web.api import cursors, shapes, sources, told
from cadran.web.api import shapes_staff as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.account import SipName
from cadran.web.api.routes.staff import desk

_LINE = (*desk.CUSTOMER, "party-sip-user-unknown")


@operation(
    desk.router,
    "GET",
    "/staff/orders",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=shapes.Orders,
    may_fail=(*desk.CUSTOMER, "api-cursor-invalid"),
)
def list_brand_orders(
    request: HttpRequest,
    account: shapes.Account | None = None,
    since: shapes.Instant | None = None,
    until: shapes.Instant | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> shapes.Orders:
    """The orders of credit of the brand's customers, newest first."""
    caller = desk.caller(request)
    if account:
        desk.customer(request, account)
    where = f"brand orders {caller.owner}"
    before = int(cursors.read(where, cursor, (int,))[0]) if cursor else None
    desk.log(request, "orders", kind="list", account=account or "")
    found = (
        ()
        if caller.test
        else orders.orders(
            brands=(caller.brand,), account=account or "", since=since, until=until, before=before, limit=limit + 1
        )
    )
    bank = dict(sources.bank())
    return shapes.Orders(
        orders=[told.order(order, bank) for _, order in found[:limit]],
        next=cursors.write(where, (found[limit - 1][0],)) if len(found) > limit else None,
    )


@operation(
    desk.router,
    "POST",
    "/staff/customers/{account}/lines/{username}/block",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=_LINE,
)
def block_line(
    request: HttpRequest, account: Path[shapes.Account], username: Path[SipName], asked: Body[seen.ReasonAsked]
) -> None:
    """Block one SIP user of a customer: no phone registers with it."""
    if _own(request, account, username.lower()):
        desk.log(request, "customer", kind="block-sip", account=account, subject=username, reason=asked.reason)
        party_operations.block_sip_user(username=username.lower(), at=settings.CIVIL_CLOCK.now())


@operation(
    desk.router,
    "POST",
    "/staff/customers/{account}/lines/{username}/unblock",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=_LINE,
)
def unblock_line(
    request: HttpRequest, account: Path[shapes.Account], username: Path[SipName], asked: Body[seen.ReasonAsked]
) -> None:
    """Let a blocked SIP user register again, once its password is changed."""
    if _own(request, account, username.lower()):
        desk.log(request, "customer", kind="unblock-sip", account=account, subject=username, reason=asked.reason)
        party_operations.unblock_sip_user(username=username.lower(), at=settings.CIVIL_CLOCK.now())


@operation(
    desk.router,
    "POST",
    "/staff/customers/{account}/mails/{mail_id}/again",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=202,
    may_fail=(*desk.CUSTOMER, "messaging-mail-unknown", "messaging-not-to-be-sent-again"),
)
def send_mail_again(request: HttpRequest, account: Path[shapes.Account], mail_id: Path[shapes.Identifier]) -> None:
    """Send a mail once more, to the address that the customer has now."""
    caller, customer = desk.caller(request), desk.customer(request, account)
    if caller.test:
        raise mails.UnknownMail("a test key's customer got no mail")
    mails.mail(mail_id, account=account)
    desk.log(request, "customer", kind="resend", account=account, subject=mail_id)
    messaging.send_again(
        mail_id=mail_id, key=caller.deed, by=caller.key.staff, at=settings.CIVIL_CLOCK.now(), to=customer.email
    )


def _own(request: HttpRequest, account: str, username: str) -> bool:
    """Whether something is to be done to that line of the customer's; false for a test key. Raises UnknownSipUser."""
    desk.customer(request, account)
    if desk.caller(request).test:
        return False
    if username not in {one.username for one in party.sip_identities(account=account)}:
        raise party_operations.UnknownSipUser("this account has no such SIP user")
    return True

"""What a key of staff reads and does, within its brand and no further than the role of the member who made it."""

from __future__ import annotations

from typing import Annotated, Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router
from pydantic import StringConstraints

from cadran.charging import queries as charging
from cadran.charging import search as calls
from cadran.journeys import adjustments
from cadran.journeys.proposals import queries as proposals
from cadran.journeys.proposals.rules import Person, ProposalKind
from cadran.ledger import queries as ledger
from cadran.party import blocking
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import search as customers
from cadran.party import staff as staff_rules
from cadran.party.keys.rules import Scope
from cadran.payment import queries as payment
from cadran.policy.proof import queries as proof
from cadran.voice import control
from cadran.web.api import access, cursors, shapes, sources, told
from cadran.web.api import shapes_staff as seen
from cadran.web.api.application import operation
from cadran.web.api.samples import Sample

router = Router(tags=["staff"])
Typed = Annotated[str, StringConstraints(max_length=80, pattern=shapes.CONTROL_FREE)]
CustomerState = Literal["registered", "active", "blocked", "ended"]
Disposition = Literal["answered", "busy", "no-answer", "cancelled", "declined", "failed", "refused", "delivered"]
_CUSTOMER = ("party-customer-unknown",)


def _caller(request: HttpRequest) -> access.Caller:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return caller


def _personal(caller: access.Caller) -> bool:
    return Scope.STAFF_READ_PERSONAL.value in caller.key.scopes


def _customer(request: HttpRequest, account: str) -> party.Customer:
    """The customer, if it is of the key's brand; looking at it is logged. Raises UnknownCustomer."""
    caller = _caller(request)
    if caller.test:
        sample = Sample(caller.brand, settings.CIVIL_CLOCK.now()).customer
        if account != sample.account:
            raise party.UnknownCustomer(f"no customer is known by {account!r}: check the spelling")
        return sample
    found = party.customer_of_account(account)
    if found.brand != caller.brand:
        raise party.UnknownCustomer(f"no customer is known by {account!r}: check the spelling")
    return found


def _log(
    request: HttpRequest, page: str, *, kind: str = "view", account: str = "", subject: str = "", reason: str = ""
) -> None:
    """Into the log of what staff sees and does, before it is shown or done."""
    caller = _caller(request)
    member = party.staff(caller.staff_id)
    if member is not None and not caller.test:
        party_operations.record_staff_act(
            staff_id=member.id,
            kind=kind,
            page=f"api {page}",
            account=account,
            subject=subject or f"key {caller.key.prefix}",
            reason=reason,
            at=settings.CIVIL_CLOCK.now(),
            ip=access.client_address(request),
        )


def _shown(customer: party.Customer, personal: bool) -> seen.Customer:
    def text(value: str) -> str:
        return value if personal else staff_rules.masked(value)

    return seen.Customer(
        account=customer.account,
        brand=customer.brand,
        kind=customer.kind,
        display_name=text(customer.display_name),
        username=text(customer.username),
        email=text(customer.email),
        language=customer.language,
        country=customer.country,
        state=customer.state,
        state_reason=customer.state_reason,
        currency=customer.currency,
        terms=customer.terms,
        created_at=customer.created_at,
        validated_at=customer.validated_at,
        personal=personal,
    )


@operation(
    router,
    "GET",
    "/staff/customers",
    scope=Scope.STAFF_READ_CUSTOMERS,
    answers_with=seen.Customers,
    may_fail=("api-cursor-invalid",),
)
def list_customers(
    request: HttpRequest,
    state: CustomerState | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> seen.Customers:
    """The brand's customers, newest first.

    Names and addresses are masked unless the key may see personal data.
    """
    caller = _caller(request)
    where = f"customers {caller.owner}"
    before = int(cursors.read(where, cursor, (int,))[0]) if cursor else None
    if caller.test:
        found: tuple[party.Customer, ...] = (Sample(caller.brand, settings.CIVIL_CLOCK.now()).customer,)
    else:
        _log(request, "customers")
        found = customers.customers(brands=[caller.brand], state=state or "", before=before, limit=limit + 1)
    return seen.Customers(
        customers=[_shown(one, _personal(caller)) for one in found[:limit]],
        next=cursors.write(where, (found[limit - 1].id,)) if len(found) > limit else None,
    )


class Search(shapes.Asked):
    """What is looked for: an account, a user name, an e-mail address, a SIP user or a name. In a body, so that it is in no log."""

    text: Annotated[str, StringConstraints(min_length=2, max_length=80, pattern=shapes.CONTROL_FREE)]


@operation(router, "POST", "/staff/customers/search", scope=Scope.STAFF_READ_CUSTOMERS, answers_with=seen.Customers)
def search_customers(request: HttpRequest, asked: Body[Search]) -> seen.Customers:
    """Find customers by account, user name, e-mail address, SIP user or name.

    A POST, so that no personal data stands in an address.
    """
    caller = _caller(request)
    if caller.test:
        found: tuple[party.Customer, ...] = (Sample(caller.brand, settings.CIVIL_CLOCK.now()).customer,)
    else:
        _log(request, "search")
        found = tuple(hit.customer for hit in customers.find(asked.text, brands=[caller.brand], limit=20))
    return seen.Customers(customers=[_shown(one, _personal(caller)) for one in found], next=None)


@operation(
    router,
    "GET",
    "/staff/customers/{account}",
    scope=Scope.STAFF_READ_CUSTOMERS,
    answers_with=seen.CustomerPage,
    may_fail=_CUSTOMER,
)
def read_customer(request: HttpRequest, account: Path[shapes.Account]) -> seen.CustomerPage:
    """Everything about one customer.

    Credit, SIP users, numbers, accepted documents and the last orders. Who looked is logged.
    """
    caller, at = _caller(request), settings.CIVIL_CLOCK.now()
    customer, personal = _customer(request, account), _personal(caller)
    _log(request, "customer", account=account)
    source: sources.AccountSource = Sample(caller.brand, at) if caller.test else sources.Rooms(customer)
    shown = source.shown_number()
    bank = dict(sources.bank())
    return seen.CustomerPage(
        customer=_shown(customer, personal),
        balance=told.funds(source.balance(at), customer.currency),
        sip=[told.identity(one) for one in source.identities()] if personal else [],
        numbers=[told.number(one, shown) for one in source.numbers()] if personal else [],
        acceptances=[told.acceptance(one) for one in source.acceptances()] if personal else [],
        orders=[told.order(one, bank) for one in source.orders("", 20)],
    )


@operation(
    router,
    "POST",
    "/staff/customers/{account}/required-change",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=_CUSTOMER,
)
def require_change(request: HttpRequest, account: Path[shapes.Account], asked: Body[seen.ChangeAsked]) -> None:
    """Require new codes of a customer.

    `site`: a new password before anything else at the next sign-in; `sip`: no phone registers before its password is changed.
    """
    customer = _customer(request, account)
    if not _caller(request).test:
        _log(request, "required-change", kind="deed", account=account, reason=asked.reason)
        party_operations.require_change(
            user_name=customer.username,
            site=asked.site,
            sip=asked.sip,
            reason=asked.reason,
            at=settings.CIVIL_CLOCK.now(),
        )


@operation(
    router,
    "POST",
    "/staff/customers/{account}/block",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=(*_CUSTOMER, "party-block-refused", "party-staff-invalid"),
)
def block_customer(request: HttpRequest, account: Path[shapes.Account], asked: Body[seen.ReasonAsked]) -> None:
    """Block an active customer, for a reason that it reads.

    While it is blocked, neither the site, nor a phone, nor a key of the API opens anything.
    """
    _customer(request, account)
    if not _caller(request).test:
        _log(request, "block", kind="deed", account=account, reason=asked.reason)
        blocking.block_customer(
            account=account, reason=asked.reason, by=_caller(request).by, at=settings.CIVIL_CLOCK.now()
        )


@operation(
    router,
    "POST",
    "/staff/customers/{account}/unblock",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=(*_CUSTOMER, "party-block-refused", "party-staff-invalid"),
)
def unblock_customer(request: HttpRequest, account: Path[shapes.Account], asked: Body[seen.ReasonAsked]) -> None:
    """Let a blocked customer in again."""
    _customer(request, account)
    if not _caller(request).test:
        _log(request, "unblock", kind="deed", account=account, reason=asked.reason)
        blocking.unblock_customer(
            account=account, reason=asked.reason, by=_caller(request).by, at=settings.CIVIL_CLOCK.now()
        )


@operation(
    router,
    "GET",
    "/staff/calls",
    scope=Scope.STAFF_READ_CALLS,
    answers_with=seen.StaffCalls,
    may_fail=("api-cursor-invalid",),
)
def list_brand_calls(
    request: HttpRequest,
    account: shapes.Account | None = None,
    since: shapes.Instant | None = None,
    until: shapes.Instant | None = None,
    disposition: Disposition | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> seen.StaffCalls:
    """The calls of the brand's customers, the last first.

    A page may hold fewer than `limit` while there are more: go on as long as `next` is not null.
    """
    caller = _caller(request)
    where = f"brand calls {caller.owner}"
    after = None
    if cursor:
        ended, position = cursors.read(where, cursor, (int, int))
        after = calls.Place(cursors.at_instant(int(ended)), int(position))
    if caller.test:
        sample = Sample(caller.brand, settings.CIVIL_CLOCK.now())
        records = tuple(record for _, record in sample.calls(charging.Wanted(since=since, until=until), None, limit))
        page = calls.Page(records=records, further=None)
    else:
        _log(request, "calls", account=account or "")
        wanted = calls.Wanted(
            brands=[caller.brand], account=account or "", disposition=disposition or "", since=since, until=until
        )
        page = calls.calls(wanted, after=after, limit=limit)
    further = page.further
    return seen.StaffCalls(
        calls=[told.call(one) for one in page.records],
        next=cursors.write(where, (cursors.instant(further.ended_at), further.position)) if further else None,
    )


@operation(
    router,
    "GET",
    "/staff/calls/{call_id}",
    scope=Scope.STAFF_READ_CALLS,
    answers_with=shapes.Why,
    may_fail=("charging-cdr-unknown",),
)
def read_brand_call(request: HttpRequest, call_id: Path[shapes.Identifier]) -> shapes.Why:
    """One call of a customer of the brand, with its why."""
    caller = _caller(request)
    if caller.test:
        return told.why(Sample(caller.brand, settings.CIVIL_CLOCK.now()).why(call_id))
    record = calls.by_id(call_id)
    if record is None or record.brand != caller.brand:
        raise charging.UnknownCdr(f"no call record {call_id!r}: see the identifiers of the customer's calls")
    _log(request, "call", account=record.account, subject=call_id)
    return told.why(charging.explanation(call_id, account=record.account))


@operation(router, "GET", "/staff/live-calls", scope=Scope.STAFF_READ_CALLS, answers_with=seen.LiveCalls)
def list_live_calls(request: HttpRequest) -> seen.LiveCalls:
    """The calls in progress of the brand's customers."""
    caller = _caller(request)
    found = () if caller.test else calls.live(brands=[caller.brand])
    if not caller.test:
        _log(request, "live-calls")
    return seen.LiveCalls(
        calls=[
            seen.LiveCall(
                session=one.session,
                account=one.account,
                direction=one.direction,
                number_class=one.number_class,
                destination=one.destination,
                opened_at=one.opened_at,
                granted_s=one.granted_s,
                used_s=one.used_s,
                held_micros=one.held_micros,
                currency=one.currency,
            )
            for one in found
        ]
    )


@operation(
    router,
    "POST",
    "/staff/live-calls/{session}/cut",
    scope=Scope.STAFF_WRITE_CALLS,
    answers_with=None,
    status=204,
    may_fail=("voice-call-over", "voice-calls-unreachable"),
)
def cut_call(request: HttpRequest, session: Path[shapes.Identifier], asked: Body[seen.ReasonAsked]) -> None:
    """End a call in progress, and say why.

    Both legs get a BYE; the record says that the operator ended it.
    """
    caller = _caller(request)
    found = () if caller.test else calls.live(brands=[caller.brand], limit=1000)
    if (one := next((one for one in found if one.session == session), None)) is None:
        raise control.CallOver("this call is over: nothing was cut")
    _log(request, "cut", kind="deed", account=one.account, subject=session, reason=asked.reason)
    control.cut(session, door=settings.SIP_SOCKET)


@operation(router, "GET", "/staff/books", scope=Scope.STAFF_READ_LEDGER, answers_with=seen.Books)
def read_books(request: HttpRequest) -> seen.Books:
    """The sums of the ledger: zero in each currency, always."""
    sums = {} if _caller(request).test else ledger.sums()
    return seen.Books(
        sums=[seen.Sum(currency=currency, micros=total) for currency, total in sums.items()],
        balanced=not any(sums.values()),
    )


@operation(router, "GET", "/staff/receipts", scope=Scope.STAFF_READ_LEDGER, answers_with=seen.Receipts)
def list_unmatched_receipts(request: HttpRequest, limit: shapes.Limit = 50) -> seen.Receipts:
    """Money that arrived at the bank and found no order."""
    found = () if _caller(request).test else payment.unmatched_receipts(limit=limit)
    _log(request, "receipts")
    return seen.Receipts(
        receipts=[
            seen.Receipt(
                bank_reference=one.bank_reference,
                amount_micros=one.amount_micros,
                currency=one.currency,
                remittance=one.remittance,
                booked_at=one.booked_at,
                because=one.because,
            )
            for one in found
        ]
    )


@operation(
    router,
    "GET",
    "/staff/adjustments",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.Adjustments,
)
def list_adjustments(
    request: HttpRequest, account: shapes.Account | None = None, limit: shapes.Limit = 50
) -> seen.Adjustments:
    """Credit given and taken back, and payments refunded: proposed, approved, done."""
    caller = _caller(request)
    found = () if caller.test else proposals.proposals(kinds=adjustments.MONEY, account=account or "", limit=limit)
    return seen.Adjustments(adjustments=[_adjustment(one) for one in found if one.brand == caller.brand])


@operation(
    router,
    "POST",
    "/staff/adjustments",
    scope=Scope.STAFF_WRITE_CREDIT,
    answers_with=seen.Adjustment,
    status=201,
    may_fail=(*_CUSTOMER, "payment-order-unknown", "journeys-proposal-invalid", "journeys-proposal-same-person"),
)
def propose_adjustment(request: HttpRequest, asked: Body[seen.AdjustmentAsked]) -> seen.Adjustment:
    """Propose to give or take back credit, or to refund a payment.

    Within the brand's limit it is approved at once, and done soon after; above it, it waits for a second person in the back office.
    No key approves: that takes a person with a second factor.
    """
    caller, at = _caller(request), settings.CIVIL_CLOCK.now()
    customer = _customer(request, asked.account)
    if caller.test:
        return _dry(asked, customer, caller)
    _log(request, "adjustment", kind="deed", account=asked.account, reason=asked.reason)
    found = adjustments.propose(
        key=caller.deed,
        kind=ProposalKind(asked.kind),
        account=asked.account,
        amount_micros=asked.amount_micros,
        reason=asked.reason,
        by=Person(user_id=caller.staff_id, name=caller.key.staff),
        at=at,
        order_id=asked.order or "",
    )
    return _adjustment(found)


@operation(router, "GET", "/staff/evidence", scope=Scope.STAFF_READ_EVIDENCE, answers_with=seen.EvidenceStatus)
def read_evidence_status(request: HttpRequest) -> seen.EvidenceStatus:
    """How far what moves money or decides is sealed, and witnessed from outside."""
    found = proof.status()
    return seen.EvidenceStatus(
        entries=found.entries,
        seals=found.seals,
        head=found.head,
        sealed_at=found.sealed_at,
        unsealed=found.unsealed,
        unwitnessed=found.unwitnessed,
        witnessed_at=found.witnessed_at,
    )


@operation(
    router,
    "GET",
    "/staff/customers/{account}/evidence",
    scope=Scope.STAFF_READ_EVIDENCE,
    answers_with=seen.Entries,
    may_fail=(*_CUSTOMER, "api-cursor-invalid"),
)
def list_evidence(
    request: HttpRequest,
    account: Path[shapes.Account],
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> seen.Entries:
    """The decisions and movements on record of one customer, newest first, each with its seal."""
    caller, where = _caller(request), f"evidence {account}"
    _customer(request, account)
    after = str(cursors.read(where, cursor, (str,))[0]) if cursor else ""
    _log(request, "evidence", account=account)
    found = () if caller.test else proof.entries(subject=account, limit=limit + 1, after=after)
    personal = _personal(caller)
    return seen.Entries(
        entries=[
            seen.Entry(
                id=one.id,
                at=one.at,
                kind=one.kind,
                subject=one.subject,
                ref=one.ref,
                state=str(one.state),
                text=one.text if personal else "",
                seal=one.seal,
                witnessed_at=one.witnessed_at,
            )
            for one in found[:limit]
        ],
        next=cursors.write(where, (found[limit - 1].cursor,)) if len(found) > limit else None,
    )


def _adjustment(found: proposals.Shown) -> seen.Adjustment:
    return seen.Adjustment(
        id=found.proposal_id,
        kind=str(found.kind),
        account=found.account,
        order=found.subject or None,
        amount_micros=found.amount_micros,
        currency=found.currency,
        reason=found.reason,
        state=str(found.state),
        alone=found.alone,
        proposed_at=found.proposed_at,
        proposed_by=found.proposer,
        note=found.last.note if found.steps else "",
    )


def _dry(asked: seen.AdjustmentAsked, customer: party.Customer, caller: access.Caller) -> seen.Adjustment:
    """What a test key gets: the shape of a proposal, and no proposal."""
    return seen.Adjustment(
        id="prop_sample",
        kind=asked.kind,
        account=asked.account,
        order=asked.order,
        amount_micros=asked.amount_micros if asked.kind == "give-credit" else -asked.amount_micros,
        currency=customer.currency,
        reason=asked.reason,
        state="proposed",
        alone=False,
        proposed_at=settings.CIVIL_CLOCK.now(),
        proposed_by=caller.key.staff,
        note="",
    )

"""What a customer's key reads and changes of its own account. Nothing here takes an account from the request: it is the key's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router
from pydantic import StringConstraints

from cadran.catalog import queries as catalog
from cadran.charging import queries as charging
from cadran.charging.records import Record
from cadran.journeys import quote
from cadran.numbering import queries as numbering
from cadran.numbering.rules import NumberClass
from cadran.party.keys import operations as key_operations
from cadran.party.keys.rules import Scope
from cadran.policy import calls
from cadran.policy import queries as policy
from cadran.rating import rules as rating
from cadran.web.api import access, cursors, problems, shapes, sources, told
from cadran.web.api.application import operation
from cadran.web.api.samples import Sample

router = Router(tags=["account"])
Dialled = Annotated[
    str,
    StringConstraints(pattern=r"^\+?[0-9]{2,15}$"),
    shapes.Says({"description": "As the customer dials it, or in international form.", "examples": ["+33612345678"]}),
]
Disposition = Literal["answered", "busy", "no-answer", "cancelled", "declined", "failed", "refused", "delivered"]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:@/+-]{1,100}$")]
SipName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,32}$")]


def account_of(request: HttpRequest) -> sources.AccountSource:
    """The account that the key acts for: the rooms', or the sample for a test key."""
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    if caller.customer is None:
        raise problems.ScopeMissing("a key of staff acts for no account: use the operations under /staff")
    if caller.test:
        return Sample(caller.brand, settings.CIVIL_CLOCK.now())
    return sources.Rooms(caller.customer)


@operation(router, "GET", "/key", answers_with=shapes.ThisKey)
def read_key(request: HttpRequest) -> shapes.ThisKey:
    """The key of this very request: what it may do, and until when."""
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return told.this_key(caller.key)


@operation(router, "POST", "/key/revocation", answers_with=None, status=204)
def revoke_key(request: HttpRequest) -> None:
    """Revoke the key of this very request.

    For a key that leaked: whoever holds it can end it, and nothing else needs it. It works no more from the next request on.
    """
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    key_operations.revoke_key(
        prefix=caller.key.prefix,
        account=caller.key.account,
        brand=caller.brand,
        because="revoked through the API",
        by=caller.by,
        at=settings.CIVIL_CLOCK.now(),
    )


@operation(router, "GET", "/me", scope=Scope.READ_ACCOUNT, answers_with=shapes.Me)
def read_me(request: HttpRequest) -> shapes.Me:
    """The customer that the key acts for."""
    return told.me(account_of(request).customer)


@operation(router, "GET", "/balance", scope=Scope.READ_ACCOUNT, answers_with=shapes.Balance)
def read_balance(request: HttpRequest) -> shapes.Balance:
    """The credit and its buckets, in order of use.

    What is unconsumed and valid, and what calls in progress hold of it.
    """
    account = account_of(request)
    return told.funds(account.balance(settings.CIVIL_CLOCK.now()), account.customer.currency)


@operation(
    router,
    "GET",
    "/minutes",
    scope=Scope.READ_ACCOUNT,
    answers_with=shapes.Minutes,
    may_fail=("api-not-found",),
)
def read_minutes(request: HttpRequest, number: Dialled) -> shapes.Minutes:
    """How long the free credit lasts to a number.

    By the price of this moment, and never longer than one call may last; null where nothing limits it.
    """
    account, at = account_of(request), settings.CIVIL_CLOCK.now()
    dialled = numbering.called(number, account.customer.country)
    longest = calls.longest_s(account.terms, account.customer.raised_duration)
    way = quote.way_of(account.customer.brand, account.customer)
    if dialled.number_class is NumberClass.ON_NET and not way.via:
        return shapes.Minutes(
            number=dialled.e164.digits if dialled.e164 else number,
            number_class=str(dialled.number_class),
            free=True,
            seconds=None,
            price=None,
        )
    found = catalog.price_of(account.customer.brand, dialled.e164.digits, at) if dialled.e164 else None
    if found is None or dialled.e164 is None:
        raise problems.NotFound("no price of the day covers this number")
    quoted = quote.quote(
        text=number,
        brand=account.customer.brand,
        country=account.customer.country,
        terms=account.terms,
        seconds=60,
        at=at,
        way=way,
    )
    if quoted is not None and quoted.rate is not None:
        found = replace(found, rate=quoted.rate)
    most = rating.MAX_DURATION_S if longest is None else longest
    seconds = rating.affordable_s(found.rate, account.balance(at).free_micros, at, most)
    return shapes.Minutes(
        number=dialled.e164.digits,
        number_class=str(dialled.number_class),
        free=False,
        seconds=seconds,
        price=told.price(found, account.customer.language),
    )


@operation(router, "GET", "/calls", scope=Scope.READ_CALLS, answers_with=shapes.Calls, may_fail=("api-cursor-invalid",))
def list_calls(
    request: HttpRequest,
    since: shapes.Instant | None = None,
    until: shapes.Instant | None = None,
    disposition: Disposition | None = None,
    number_class: NumberClass | None = None,
    destination: shapes.Digits | None = None,
    charged: bool | None = None,
    family: Key | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> shapes.Calls:
    """The calls, the last first.

    Those that ended in [since, until); `destination` is how the number begins. A corrected call has a further record.
    """
    account = account_of(request)
    where = f"calls {account.customer.account}"
    before = None
    if cursor:
        ended, position = cursors.read(where, cursor, (int, int))
        before = (cursors.at_instant(int(ended)), int(position))
    wanted = charging.Wanted(
        since=since,
        until=until,
        dispositions=(disposition,) if disposition else (),
        number_classes=(number_class.value,) if number_class else (),
        destination=destination or "",
        charged=charged,
        family=family or "",
    )
    found = account.calls(wanted, before, limit + 1)
    return shapes.Calls(
        calls=[told.call(record) for _, record in found[:limit]],
        next=_call_cursor(where, found[limit - 1]) if len(found) > limit else None,
    )


def _call_cursor(where: str, last: tuple[int, Record]) -> str:
    return cursors.write(where, (cursors.instant(last[1].ended_at), last[0]))


@operation(
    router,
    "GET",
    "/calls/{call_id}",
    scope=Scope.READ_CALLS,
    answers_with=shapes.Why,
    may_fail=("charging-cdr-unknown",),
)
def read_call(request: HttpRequest, call_id: Path[shapes.Identifier]) -> shapes.Why:
    """One call with its why.

    Decision, rate, arithmetic, clause and version of the terms, entries in the ledger; and the same in words, French and English.
    """
    return told.why(account_of(request).why(call_id))


@operation(
    router,
    "GET",
    "/movements",
    scope=Scope.READ_LEDGER,
    answers_with=shapes.Movements,
    may_fail=("api-cursor-invalid",),
)
def list_movements(request: HttpRequest, limit: shapes.Limit = 50, cursor: shapes.Cursor = "") -> shapes.Movements:
    """The statement: everything that the credit gained or paid, newest first."""
    account = account_of(request)
    where = f"movements {account.customer.account}"
    before: tuple[datetime, str] | None = None
    if cursor:
        at, transfer = cursors.read(where, cursor, (int, str))
        before = (cursors.at_instant(int(at)), str(transfer))
    found = account.movements(before, limit + 1)
    more = len(found) > limit
    last = found[limit - 1] if more else None
    return shapes.Movements(
        movements=[told.movement(one) for one in found[:limit]],
        next=cursors.write(where, (cursors.instant(last.at), last.transfer)) if last else None,
    )


@operation(router, "GET", "/sip", scope=Scope.READ_ACCOUNT, answers_with=shapes.SipIdentities)
def list_sip_identities(request: HttpRequest) -> shapes.SipIdentities:
    """The SIP users of the account, and where phones register."""
    return shapes.SipIdentities(
        identities=[told.identity(one) for one in account_of(request).identities()],
        server=f"{settings.SIP_HOST}:{settings.SIP_PORT}",
        realm=settings.SIP_REALM,
    )


@operation(
    router,
    "PUT",
    "/sip/{username}/password",
    scope=Scope.WRITE_SIP,
    answers_with=None,
    status=204,
    may_fail=("party-sip-user-unknown", "party-sip-password-weak"),
)
def set_sip_password(request: HttpRequest, username: Path[SipName], asked: Body[shapes.SipPasswordAsked]) -> None:
    """Set the SIP password of one of the account's SIP users.

    12 to 64 characters, letters and digits mixed, without the user's name, and not the site's password. Every phone must take it.
    """
    account_of(request).set_sip_password(
        username=username.lower(), password=asked.password, at=settings.CIVIL_CLOCK.now()
    )


@operation(router, "GET", "/numbers", scope=Scope.READ_ACCOUNT, answers_with=shapes.Numbers)
def list_numbers(request: HttpRequest) -> shapes.Numbers:
    """The account's own numbers and those that it verified; `shown` is the one that called people see."""
    account = account_of(request)
    shown = account.shown_number()
    return shapes.Numbers(numbers=[told.number(one, shown) for one in account.numbers()])


@operation(router, "GET", "/preferences", scope=Scope.READ_ACCOUNT, answers_with=shapes.Preferences)
def read_preferences(request: HttpRequest) -> shapes.Preferences:
    """The customer's choices."""
    return _preferences(account_of(request))


@operation(
    router,
    "PATCH",
    "/preferences",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=shapes.Preferences,
    may_fail=("journeys-threshold-not-offered",),
)
def change_preferences(request: HttpRequest, asked: Body[shapes.PreferencesAsked]) -> shapes.Preferences:
    """Change some of the customer's choices; they hold for calls that start from now on."""
    account, at = account_of(request), settings.CIVIL_CLOCK.now()
    if asked.low_credit_micros is not None:
        account.warn_below(asked.low_credit_micros, at)
    account.prefer(raised=asked.raised_duration, language=asked.language, at=at)
    return _preferences(account)


def _preferences(account: sources.AccountSource) -> shapes.Preferences:
    raised = account.customer.raised_duration
    terms = policy.terms(account.terms.ref)
    offered, chosen = account.warning_choices(settings.CIVIL_CLOCK.now())
    return shapes.Preferences(
        low_credit_micros=chosen,
        low_credit_choices=list(offered),
        raised_duration=raised,
        longest_call_s=calls.longest_s(terms, raised),
        language=account.customer.language,
    )


@operation(router, "GET", "/acceptances", scope=Scope.READ_ACCOUNT, answers_with=shapes.Acceptances)
def list_acceptances(request: HttpRequest) -> shapes.Acceptances:
    """Every document that the customer accepted: version, hash of the text, language, when and from where."""
    return shapes.Acceptances(acceptances=[told.acceptance(one) for one in account_of(request).acceptances()])

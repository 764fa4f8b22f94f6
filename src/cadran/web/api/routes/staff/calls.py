"""The calls of the brand's customers: records, why, and those in progress, which staff may cut."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path

from cadran.charging import queries as charging
from cadran.charging import records
from cadran.charging import search as calls
from cadran.party import staff as staff_rules
from cadran.party.keys.rules import Scope
from cadran.voice import control
from cadran.web.api import access, cursors, shapes, told
from cadran.web.api import shapes_staff as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.account import Disposition
from cadran.web.api.routes.staff import desk
from cadran.web.api.samples import Sample


@operation(
    desk.router,
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

    The ends of numbers are hidden unless the key may see personal data. A page may hold fewer than `limit` while there are more: go
    on as long as `next` is not null.
    """
    caller = desk.caller(request)
    where = f"brand calls {caller.owner}"
    after = None
    if cursor:
        ended, position = cursors.read(where, cursor, (int, int))
        after = calls.Place(cursors.at_instant(int(ended)), int(position))
    if caller.test:
        sample = Sample(caller.brand, settings.CIVIL_CLOCK.now())
        found = tuple(record for _, record in sample.calls(charging.Wanted(since=since, until=until), None, limit))
        page = calls.Page(records=found, further=None)
    else:
        desk.log(request, "calls", account=account or "")
        wanted = calls.Wanted(
            brands=[caller.brand], account=account or "", disposition=disposition or "", since=since, until=until
        )
        page = calls.calls(wanted, after=after, limit=limit)
    further = page.further
    return seen.StaffCalls(
        calls=[_shown(one, caller) for one in page.records],
        next=cursors.write(where, (cursors.instant(further.ended_at), further.position)) if further else None,
    )


@operation(
    desk.router,
    "GET",
    "/staff/calls/{call_id}",
    scope=Scope.STAFF_READ_CALLS,
    answers_with=shapes.Why,
    may_fail=("charging-cdr-unknown",),
)
def read_brand_call(request: HttpRequest, call_id: Path[shapes.Identifier]) -> shapes.Why:
    """One call of a customer of the brand, with its why.

    Unless the key may see personal data, the ends of numbers are hidden, and the sentences that speak of them are left out.
    """
    caller = desk.caller(request)
    if caller.test:
        return told.why(Sample(caller.brand, settings.CIVIL_CLOCK.now()).why(call_id))
    record = calls.by_id(call_id)
    if record is None or record.brand != caller.brand:
        raise charging.UnknownCdr(f"no call record {call_id!r}: see the identifiers of the customer's calls")
    desk.log(request, "call", account=record.account, subject=call_id)
    why = told.why(charging.explanation(call_id, account=record.account))
    return why if caller.may(Scope.STAFF_READ_PERSONAL) else _without_numbers(why)


@operation(desk.router, "GET", "/staff/live-calls", scope=Scope.STAFF_READ_CALLS, answers_with=seen.LiveCalls)
def list_live_calls(request: HttpRequest) -> seen.LiveCalls:
    """The calls in progress of the brand's customers.

    The ends of numbers are hidden unless the key may see personal data.
    """
    caller = desk.caller(request)
    found = () if caller.test else calls.live(brands=[caller.brand])
    if not caller.test:
        desk.log(request, "live-calls")
    return seen.LiveCalls(
        calls=[
            seen.LiveCall(
                session=one.session,
                account=one.account,
                direction=one.direction,
                number_class=one.number_class,
                destination=_number(one.destination, caller),
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
    desk.router,
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
    caller = desk.caller(request)
    found = () if caller.test else calls.live(brands=[caller.brand], limit=1000)
    if (one := next((one for one in found if one.session == session), None)) is None:
        raise control.CallOver("this call is over: nothing was cut")
    desk.log(request, "cut", kind="deed", account=one.account, subject=session, reason=asked.reason)
    control.cut(session, door=settings.SIP_SOCKET)


def _shown(record: records.Record, caller: access.Caller) -> shapes.Call:
    call = told.call(record)
    return call.model_copy(update={name: _number(getattr(call, name), caller) for name in ("destination", "shown")})


def _number(digits: str, caller: access.Caller) -> str:
    return digits if caller.may(Scope.STAFF_READ_PERSONAL) else staff_rules.masked_number(digits)


def _without_numbers(why: shapes.Why) -> shapes.Why:
    text = why.model_copy(update={"lines_fr": [], "lines_en": []}).model_dump_json()
    for digits in filter(None, (why.call.destination, why.call.shown)):
        text = text.replace(digits, staff_rules.masked_number(digits))
    return shapes.Why.model_validate_json(text)

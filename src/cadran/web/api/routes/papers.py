"""Receipts, mails and cases of the account; its calls in progress and devices; automatic top-up. A test key finds none of them."""

from __future__ import annotations

import base64
import time
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Path, Router
from pydantic import StringConstraints

from cadran.charging import usage
from cadran.compliance import queries as compliance
from cadran.invoicing import pdf
from cadran.invoicing import queries as invoicing
from cadran.messaging import queries as messaging
from cadran.party.keys.rules import Scope
from cadran.payment import automatic
from cadran.voice import queries as voice
from cadran.web.api import access, shapes
from cadran.web.api import shapes_papers as told
from cadran.web.api.application import operation
from cadran.web.api.routes.account import account_of

router = Router(tags=["account"])
ReceiptNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,40}$")]


def _account(request: HttpRequest) -> str:
    """The account; for a test key none, so that there is nothing to find."""
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return "" if caller.test else account_of(request).customer.account


@operation(router, "GET", "/live-calls", scope=Scope.READ_CALLS, answers_with=told.CallsInProgress)
def list_own_live_calls(request: HttpRequest) -> told.CallsInProgress:
    """The calls in progress, with what each costs so far."""
    account = _account(request)
    found = usage.live(account=account, measured_ms=voice.measured_ms(usage.open_sessions(account))) if account else ()
    return told.CallsInProgress(
        calls=[
            told.CallInProgress(
                session=one.session.request.session,
                destination=one.session.request.destination,
                number_class=one.session.request.number_class,
                answered=one.answered,
                seconds=one.seconds,
                cost_micros=one.outcome.micros,
                currency=one.session.currency,
                granted_s=one.session.granted_s,
            )
            for one in found
        ]
    )


@operation(router, "GET", "/devices", scope=Scope.READ_ACCOUNT, answers_with=told.Devices)
def list_devices(request: HttpRequest) -> told.Devices:
    """The devices that are registered under the account's SIP users."""
    names = [] if _test(request) else [one.username for one in account_of(request).identities()]
    return told.Devices(devices=[shapes.of(told.Device, one) for one in voice.devices(names, now_wall_s=time.time())])


@operation(router, "GET", "/receipts", scope=Scope.READ_LEDGER, answers_with=told.Receipts)
def list_receipts(request: HttpRequest, limit: shapes.Limit = 50) -> told.Receipts:
    """The receipts of payments and refunds, newest first."""
    return told.Receipts(receipts=[_receipt(one) for one in invoicing.receipts(account=_account(request), limit=limit)])


@operation(
    router,
    "GET",
    "/receipts/{number}/file",
    scope=Scope.READ_LEDGER,
    answers_with=told.ReceiptFile,
    may_fail=("invoicing-receipt-unknown",),
)
def read_receipt_file(request: HttpRequest, number: Path[ReceiptNumber]) -> told.ReceiptFile:
    """A receipt as PDF, in base64."""
    found = invoicing.receipt(number, account=_account(request))
    content = base64.b64encode(pdf.receipt_pdf(found)).decode()
    return told.ReceiptFile(file_name=found.file_name, media_type="application/pdf", content=content)


@operation(router, "GET", "/mails", scope=Scope.READ_ACCOUNT, answers_with=told.Mails)
def list_mails(request: HttpRequest, limit: shapes.Limit = 50) -> told.Mails:
    """The mails that were sent to the customer, newest first, without their words."""
    found = [] if _test(request) else messaging.mails(account=_account(request), limit=limit)
    return told.Mails(
        mails=[
            told.Mail(
                id=one.mail_id,
                kind=one.kind,
                subject=one.subject,
                language=one.language,
                state=str(one.state),
                queued_at=one.queued_at,
                ended_at=one.ended_at,
            )
            for one in found
        ]
    )


@operation(router, "GET", "/cases", scope=Scope.READ_ACCOUNT, answers_with=told.Cases)
def list_cases(request: HttpRequest, limit: shapes.Limit = 50) -> told.Cases:
    """The reports that the customer made, with their tracking numbers."""
    found = () if _test(request) else compliance.cases(account=_account(request), limit=limit)
    return told.Cases(cases=[case(one) for one in found])


@operation(router, "GET", "/automatic-topup", scope=Scope.READ_LEDGER, answers_with=told.AutomaticTopUp)
def read_automatic_top_up(request: HttpRequest) -> told.AutomaticTopUp:
    """Whether and how credit is bought by itself.

    It is agreed to on the site alone, by the customer in person.
    """
    return _automatic(None if _test(request) else automatic.wish(_account(request)))


@operation(router, "DELETE", "/automatic-topup", scope=Scope.WRITE_TOPUP, answers_with=None, status=204)
def end_automatic_top_up(request: HttpRequest) -> None:
    """End automatic top-up, at once."""
    if not _test(request):
        automatic.end(account=_account(request), at=settings.CIVIL_CLOCK.now())


def case(found: compliance.Case) -> told.Case:
    """A case as its customer sees it."""
    return shapes.of(told.Case, found)


def _test(request: HttpRequest) -> bool:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    account_of(request)  # a key of staff acts for no account
    return caller.test


def _receipt(found: invoicing.Receipt) -> told.Receipt:
    return told.Receipt(
        number=found.number,
        kind=str(found.kind),
        order=found.order,
        corrects=found.corrects or None,
        amount_micros=found.amount_micros,
        vat_micros=found.vat_micros,
        currency=found.currency,
        means=found.means,
        paid_at=found.paid_at,
        issued_at=found.issued_at,
    )


def _automatic(found: automatic.Wish | None) -> told.AutomaticTopUp:
    if found is None:
        return told.AutomaticTopUp(
            state="none", threshold_micros=0, amount_micros=0, cap_micros=0, card="", agreed_at=None
        )
    return told.AutomaticTopUp(
        state=str(found.state),
        threshold_micros=found.threshold_micros,
        amount_micros=found.amount_micros,
        cap_micros=found.cap_micros,
        card=found.label,
        agreed_at=found.agreed_at,
    )

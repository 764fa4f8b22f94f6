"""What the pages ask the password for again: one's data, another address or password, closing; and where one is signed in."""

from __future__ import annotations

import time
from collections.abc import Iterator

from allauth.account.adapter import get_adapter
from allauth.core import context
from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import override
from ninja import Body, Path, Router

from cadran.journeys import closing, devices, own_data
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.party import sign_ins
from cadran.party.documents import queries as documents
from cadran.party.keys.rules import Scope
from cadran.web.accounts import email
from cadran.web.api import access, problems, shapes
from cadran.web.api import shapes_customer as told
from cadran.web.api.application import operation
from cadran.web.api.routes.account import account_of
from cadran.web.api.routes.registering import given

router = Router(tags=["account"])
A_HOUR = 3600
_PASSWORD = ("api-password-wrong",)


def in_person(request: HttpRequest, password: str) -> party.Customer:
    """The customer, who proves by the site password that it is them. Raises PasswordWrong, RateLimited."""
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    customer = account_of(request).customer
    access.at_most(request, "api-password", caller.owner, 10, 300)
    if not caller.test and not sign_ins.password_is_right(user_id=customer.user_id, password=password):
        raise problems.PasswordWrong("this is not the site password of the account")
    return customer


def _test(request: HttpRequest) -> bool:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return caller.test


@operation(router, "GET", "/identity-documents", scope=Scope.READ_ACCOUNT, answers_with=told.GivenDocuments)
def list_own_documents(request: HttpRequest) -> told.GivenDocuments:
    """The identity documents that the customer gave, newest first: how each stands, and when it was erased."""
    customer = account_of(request).customer
    found = () if _test(request) else documents.documents_of(customer_id=customer.id)
    return told.GivenDocuments(documents=[given(one) for one in found])


@operation(
    router,
    "POST",
    "/data-export",
    scope=Scope.READ_EXPORT,
    answers_with=None,
    kept=False,
    may_fail=_PASSWORD,
)
def export_data(request: HttpRequest, asked: Body[told.PasswordAsked]) -> StreamingHttpResponse:
    """All that is kept of the customer, as one ZIP: JSON and CSV of each part, and a page to read it by.

    It is made while it is sent, so that there is nothing to wait for and nothing left behind. It asks for the site password.
    """
    customer, at = in_person(request, asked.password), settings.CIVIL_CLOCK.now()
    access.at_most(request, "own-data", customer.account, 6, A_HOUR)

    def pieces() -> Iterator[bytes]:
        with override(customer.language):
            yield from own_data.archive(customer=customer, at=at)

    response = StreamingHttpResponse(pieces(), content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="cadran-{customer.account}-{at:%Y%m%d}.zip"'
    return response


@operation(
    router,
    "POST",
    "/email",
    scope=Scope.WRITE_SECURITY,
    answers_with=None,
    status=202,
    may_fail=(*_PASSWORD, "party-email-invalid"),
)
def ask_for_email(request: HttpRequest, asked: Body[told.EmailAsked]) -> None:
    """Ask for another e-mail address: the link that is sent there makes it the account's.

    It asks for the site password. Whether somebody has that address already is told to that somebody alone.
    """
    customer, new = in_person(request, asked.password), party_rules.checked_email(asked.email)
    access.at_most(request, "change-email", customer.account, 5, A_HOUR)
    if not _test(request):
        with override(customer.language), context.request_context(request):
            email.ask(request, user_id=customer.user_id, username=customer.username, old=customer.email, new=new)


@operation(
    router,
    "POST",
    "/email/confirmations",
    answers_with=told.Confirmed,
    open_to_all=True,
    may_fail=("party-validation-refused", "party-email-taken"),
)
def confirm_email(request: HttpRequest, asked: Body[told.ConfirmationAsked]) -> told.Confirmed:
    """Make an address the account's, by the last part of the link that was sent there. It works once; the old address is told."""
    access.at_most(request, "confirm-email", access.client_address(request), 20, A_HOUR)
    with context.request_context(request):
        wish = email.adopt(request, asked.key)
    return told.Confirmed(email=wish.new, state="active")


@operation(
    router,
    "PUT",
    "/password",
    scope=Scope.WRITE_SECURITY,
    answers_with=None,
    status=204,
    may_fail=(*_PASSWORD, "party-password-weak"),
)
def set_password(request: HttpRequest, asked: Body[told.NewPasswordAsked]) -> None:
    """Change the site password, for which it asks as well. Every browser is signed out, and a mail says so."""
    customer = in_person(request, asked.password)
    if _test(request):
        party_rules.checked_password(asked.new_password, user_name=customer.username, email=customer.email)
        return
    at = settings.CIVIL_CLOCK.now()
    party_operations.set_password(user_id=customer.user_id, password=asked.new_password, at=at)
    sign_ins.end_all(user_id=customer.user_id)
    with override(customer.language), context.request_context(request):
        get_adapter(request).send_mail("account/email/password_changed", customer.email, {"user": customer})


@operation(router, "GET", "/sign-ins", scope=Scope.READ_ACCOUNT, answers_with=told.SignIns)
def list_sign_ins(request: HttpRequest) -> told.SignIns:
    """The browsers in which the customer is signed in, last seen first."""
    customer = account_of(request).customer
    found = () if _test(request) else sign_ins.of_user(customer.user_id)
    return told.SignIns(sign_ins=[shapes.of(told.SignIn, one) for one in found])


@operation(
    router,
    "DELETE",
    "/sign-ins/{sign_in_id}",
    scope=Scope.WRITE_SECURITY,
    answers_with=None,
    status=204,
    may_fail=("party-sign-in-unknown",),
)
def end_sign_in(request: HttpRequest, sign_in_id: Path[shapes.RowId]) -> None:
    """Sign out of one browser."""
    sign_ins.end(user_id=_user_id(request), sign_in_id=sign_in_id)


@operation(router, "DELETE", "/sign-ins", scope=Scope.WRITE_SECURITY, answers_with=None, status=204)
def end_every_sign_in(request: HttpRequest) -> None:
    """Sign out everywhere. Keys of programs are not concerned."""
    sign_ins.end_all(user_id=_user_id(request))


@operation(
    router,
    "DELETE",
    "/devices/{device_id}",
    scope=Scope.WRITE_SIP,
    answers_with=None,
    status=204,
    may_fail=("journeys-device-unknown", "voice-device-not-removed"),
)
def drop_device(request: HttpRequest, device_id: Path[shapes.RowId]) -> None:
    """Take a device off the registrar. If it knows the SIP password it can come back: change that."""
    account = "" if _test(request) else account_of(request).customer.account
    devices.drop(account=account, device_id=device_id, now_wall_s=time.time())


@operation(router, "GET", "/closing", scope=Scope.READ_ACCOUNT, answers_with=told.Closing)
def read_closing(request: HttpRequest) -> told.Closing:
    """What closing the account would mean now: what is lost, what is kept and until when, what stands in the way."""
    customer = account_of(request).customer
    found = closing.consequences(customer=customer, at=settings.CIVIL_CLOCK.now())
    return shapes.of(
        told.Closing,
        found,
        numbers=list(found.numbers),
        sip_users=list(found.sip_users),
        in_the_way=list(found.in_the_way),
        keeping=_keeping(found.keeping),
    )


@operation(
    router,
    "POST",
    "/closing",
    scope=Scope.WRITE_SECURITY,
    answers_with=told.Closed,
    may_fail=(*_PASSWORD, "journeys-close-refused"),
)
def close_account(request: HttpRequest, asked: Body[told.ClosingWish]) -> told.Closed:
    """Close the account, for good: services stop at once, and nothing of it works any more, this key included.

    It asks for the site password and a word. What the law wants kept is kept apart, until the day that the answer names.
    """
    customer, at = in_person(request, asked.password), settings.CIVIL_CLOCK.now()
    if _test(request):
        return told.Closed(keeping=_keeping(closing.keeping(customer=customer, at=at)))
    return told.Closed(keeping=_keeping(closing.close(user_id=customer.user_id, at=at)))


def _keeping(found: tuple[closing.Keeping, ...]) -> list[told.Keeping]:
    return [shapes.of(told.Keeping, one) for one in found]


def _user_id(request: HttpRequest) -> int:
    return 0 if _test(request) else account_of(request).customer.user_id

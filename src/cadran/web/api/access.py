"""Who calls: the key of the request, its scopes, how often it may call. Cookies of the site are not read here, so that no page of
another site can make a browser act."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest
from ninja.security import HttpBearer

from cadran.party import queries as party
from cadran.party.keys import operations as key_operations
from cadran.party.keys import queries as keys
from cadran.party.keys.rules import NEEDS, Scope
from cadran.web import serving
from cadran.web.accounts import limits
from cadran.web.api import problems, rates
from cadran.web.forms import client_network

log = structlog.get_logger()
GUESSES = rates.Quota("guesses", 20, 60)
OPEN = rates.Quota("open", 240, 60)
MAX_BODY = 64 * 1024
PROMPTS = "/api/v1/staff/prompts/"
# What takes files, as multipart/form-data, or a long text; each with its bytes at most.
LARGER: Mapping[str, int] = {
    "/api/v1/registrations/documents": 25 * 1024 * 1024,
    "/api/v1/staff/decks": 13 * 1024 * 1024,
    PROMPTS: 13 * 1024 * 1024,
    "/api/v1/staff/terms/drafts": 1024 * 1024,
}
FORM = "multipart/form-data"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever holds the key: a customer, or a member of staff within one brand. `deed` names the request that writes, for the rooms'
    own idempotency keys and for what is logged."""

    key: keys.Key
    customer: party.Customer | None
    staff_id: int
    member: party.Staff | None = None
    deed: str = field(default="", compare=False)

    def may(self, scope: Scope) -> bool:
        """Whether the key has that scope, and its maker's role of today what the scope needs."""
        return scope.value in self.key.scopes and self._holds(scope)

    def check(self, scope: Scope) -> None:
        """Raises ScopeMissing for a key that has not the scope, PermissionMissing for one whose maker's role holds it no more."""
        if scope.value not in self.key.scopes:
            raise problems.ScopeMissing(f"this needs the scope {scope.value}, which the key has not")
        if not self._holds(scope):
            raise problems.PermissionMissing(f"the role of {self.key.staff} holds no {NEEDS[scope].value} any more")

    def _holds(self, scope: Scope) -> bool:
        return scope not in NEEDS or (self.member is not None and self.member.may(NEEDS[scope]))

    @property
    def test(self) -> bool:
        return self.key.test

    @property
    def brand(self) -> str:
        return self.key.brand

    @property
    def owner(self) -> str:
        """Whose answers are stored together: the account's, or the brand's staff's; those of test keys lie apart."""
        who = self.key.account or f"staff:{self.brand}:{self.key.staff}"
        return f"{who}:test" if self.test else who

    @property
    def by(self) -> str:
        """Who did it, as deeds are signed."""
        return f"{self.key.staff or self.key.account} (key {self.key.prefix})"


class Key(HttpBearer):
    """`Authorization: Bearer ck_live_…`, with all of these scopes."""

    def __init__(self, *scopes: Scope) -> None:
        super().__init__()
        self.scopes = scopes

    def __call__(self, request: HttpRequest) -> Caller:
        """The caller. Raises a problem; never returns nothing."""
        guesses, visitor = meter("guesses"), visitor_slot(request)
        if not (left := guesses.take(visitor, cost=0)).allowed:
            raise problems.RateLimited("too many unknown keys came from this address: wait", retry_s=left.retry_s)
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            guesses.take(visitor)
            raise problems.KeyMissing("send the key as `Authorization: Bearer ck_…`")
        at = settings.CIVIL_CLOCK.now()
        try:
            holder = keys.holder(text.strip(), at=at)
        except keys.KeyUnknown:
            guesses.take(visitor)
            raise
        _count(request, meter("calls"), holder.key.id)
        if holder.key.brand != serving.brand_key():
            raise problems.WrongBrand(f"this key is for {holder.key.brand}: call the host of that brand")
        member = party.staff(holder.staff_id) if holder.staff_id else None
        customer = party.customer_of_account(holder.key.account) if holder.key.account else None
        caller = Caller(key=holder.key, customer=customer, staff_id=holder.staff_id, member=member)
        for scope in self.scopes:
            caller.check(scope)
        check_body(request)
        with contextlib.suppress(OperationalError):  # a busy database must not refuse a call for the sake of a note
            key_operations.note_use(key=holder.key, at=at)
        return caller

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        raise NotImplementedError


class Open:
    """Anybody may ask this, so many times a minute from one address."""

    def __call__(self, request: HttpRequest) -> bool:
        _count(request, meter("open"), visitor_slot(request))
        check_body(request)
        return True


def at_most(request: HttpRequest, name: str, who: str, count: int, window_s: int) -> None:
    """Count one use by `who`: as the pages count theirs, and with them. Raises RateLimited."""
    if not limits.allowed(name, who, count, window_s):
        log.warning("limit-reached", limit=name, network=client_network(request))
        raise problems.RateLimited(f"at most {count} in {window_s} seconds: wait", retry_s=window_s)


def _count(request: HttpRequest, counted: rates.Meter, slot: int) -> None:
    left = counted.take(slot)
    request.api_left = (counted.quota, left)  # type: ignore[attr-defined]
    if not left.allowed:
        raise problems.RateLimited(
            f"{counted.quota.calls} calls in {counted.quota.window_s} seconds are allowed: wait", retry_s=left.retry_s
        )


def most_bytes(path: str) -> int:
    """How large a body may be at that address."""
    return next((most for start, most in LARGER.items() if path.startswith(start)), MAX_BODY)


def takes_form(path: str) -> bool:
    """Whether that address takes files."""
    return path in {"/api/v1/registrations/documents", "/api/v1/staff/decks"} or path.startswith(PROMPTS)


def check_body(request: HttpRequest) -> None:
    """A body, where there is one, is JSON; or a form, where files are taken. Raises ContentTypeUnsupported."""
    empty = request.META.get("CONTENT_LENGTH") in {None, "", "0"}
    wanted = FORM if takes_form(request.path_info) else "application/json"
    if request.method in {"POST", "PUT", "PATCH"} and not empty and request.content_type != wanted:
        raise problems.ContentTypeUnsupported(f"send the body as Content-Type: {wanted}")


@functools.cache
def meter(name: str) -> rates.Meter:
    """The counters of one quota: `calls` of keys, `open` of addresses without one, `guesses` of unknown keys."""
    quota = {"guesses": GUESSES, "open": OPEN, "calls": rates.Quota("calls", settings.API_CALLS_A_MINUTE, 60)}[name]
    return rates.Meter(settings.VAR / "run" / f"api-{name}.rates", quota)


def visitor_slot(request: HttpRequest) -> int:
    """The slot of the visitor's address; of IPv6, of its network of 64 bits, which one subscriber has."""
    text = client_address(request)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = ipaddress.ip_address("0.0.0.0")  # noqa: S104 - nobody's address, for those that have none
    if address.version == 6:
        address = ipaddress.ip_network((address, 64), strict=False).network_address
    return int.from_bytes(hashlib.blake2b(address.packed, digest_size=4).digest(), "big")


def client_address(request: HttpRequest) -> str:
    """The visitor's address: what our own proxies say, else where the connection comes from."""
    trusted = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    if trusted and len(hops) >= trusted:
        return hops[-trusted]
    return str(request.META.get("REMOTE_ADDR") or "")

"""What is told, to which addresses, how it is signed and when it is tried again. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from cadran.messaging.webhooks.kinds import KINDS, Audience
from cadran.units.errors import InvalidInput

PING = "ping"
PAUSES_S = (5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200, 86_400)
MOST_ATTEMPTS = len(PAUSES_S) + 1
MOST_ENDPOINTS = 10
MOST_WAITING = 10_000
GIVEN_UP_BEFORE_SUSPENSION = 20
TOLERANCE_S = 300
KEPT_FOR = timedelta(days=30)
OVERLAP = timedelta(hours=24)
MOST_ANSWER = 300
_SECRET = re.compile(r"whsec_([A-Za-z0-9+/]{43}=)")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]")


class InvalidEndpoint(InvalidInput):
    """An endpoint that cannot be kept as asked: its address, its kinds, or its description."""

    error_id = "webhooks-endpoint-invalid"


class AddressRefused(InvalidInput):
    """An address that we do not call: not https, or not a public address of the Internet."""

    error_id = "webhooks-address-refused"


class ForgedWebhook(InvalidInput):
    """A webhook that none of the secrets signed, or that is too old."""

    error_id = "webhooks-forged"


def told(kind: str, body: Mapping[str, object]) -> dict[str, object]:
    """Of a body, the fields that the kind tells."""
    return {name: body[name] for name in KINDS[kind].fields if name in body}


def kinds_of(account: str) -> tuple[str, ...]:
    """The kinds that the endpoints of an account may want; with an empty account, those of the brand's staff."""
    return tuple(name for name, kind in KINDS.items() if not account or kind.audience is not Audience.STAFF)


def checked_kinds(names: Iterable[str], *, account: str) -> tuple[str, ...]:
    """The kinds in their order, without repeats. Raises InvalidEndpoint for none, for an unknown one, and for one of staff alone where
    the account is a customer's."""
    wanted, known = {str(name) for name in names}, kinds_of(account)
    found = tuple(name for name in known if name in wanted)
    if not found or len(found) != len(wanted):
        raise InvalidEndpoint(f"choose at least one kind, of these alone: {', '.join(known)}", field="kinds")
    return found


def checked_url(text: str, *, lax: bool) -> str:
    """The address in the form in which it is kept: https, a host name, no user, no fragment, 500 characters at most. `lax`, in a
    sandbox, lets http through as well. Raises AddressRefused."""
    parts = _split(text)
    if parts.scheme != "https" and not (lax and parts.scheme == "http"):
        raise AddressRefused("a webhook goes to an https address", field="url")
    if parts.username is not None or parts.password is not None or "#" in text:
        raise AddressRefused("leave user, password and fragment out of the address", field="url")
    host = parts.netloc.lower().rpartition(":")[0] if parts.port is not None else parts.netloc.lower()
    if not _HOST.fullmatch(host) or ".." in host:
        raise AddressRefused("the address has no host name that can be looked up (write it in ASCII)", field="url")
    if (literal := _literal(host)) is not None and not lax and not public(literal):
        raise AddressRefused("the address is not a public one", field="url")
    return parts.geturl()


def _split(text: str) -> SplitResult:
    if len(text) > 500 or not re.fullmatch(r"[\x21-\x7e]+", text) or "\\" in text:
        raise AddressRefused("write an address of 500 ASCII characters at most, without spaces", field="url")
    try:
        parts = urlsplit(text)
        if parts.port == 0:
            raise ValueError("port 0")
    except ValueError as error:
        raise AddressRefused("the address cannot be read", field="url") from error
    return parts


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


def public(address: str) -> bool:
    """Whether an address is one of the public Internet, whatever it is wrapped in (IPv4 in IPv6, 6to4, NAT64, Teredo)."""
    found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if found in ipaddress.ip_network("::/96") or found in ipaddress.ip_network("64:ff9b:1::/48"):
            return False
        if inner is not None:
            return public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved and not found.is_unspecified


def new_secret(random: bytes) -> str:
    """A secret of 32 random bytes in the form that receivers take."""
    assert len(random) == 32
    return "whsec_" + base64.b64encode(random).decode()


def signature(secret: str, *, notice_id: str, timestamp: int, body: bytes) -> str:
    """The signature of one secret, `v1,…` (Standard Webhooks): HMAC-SHA256 of id, timestamp and body, joined by dots."""
    found = _SECRET.fullmatch(secret)
    if not found:
        raise ValueError("a webhook secret is whsec_ and 32 bytes in base64")
    signed = b".".join((notice_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(base64.b64decode(found[1]), signed, hashlib.sha256).digest()).decode()


def headers(secrets: Sequence[str], *, notice_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt, signed by each secret that holds now."""
    signatures = (signature(one, notice_id=notice_id, timestamp=timestamp, body=body) for one in secrets)
    return {
        "content-type": "application/json",
        "user-agent": "Cadran-Webhooks/1",
        "webhook-id": notice_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(secret: str, received: Mapping[str, str], body: bytes, *, now_s: int) -> str:
    """What a receiver does: the notice's id, if the secret signed it and it is not older than TOLERANCE_S. Raises ForgedWebhook."""
    try:
        notice_id, stamp = received["webhook-id"], received["webhook-timestamp"]
        timestamp = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 else -1
        wanted = signature(secret, notice_id=notice_id, timestamp=timestamp, body=body)
        offered = received["webhook-signature"].split()[:10]
    except (KeyError, binascii.Error) as error:
        raise ForgedWebhook("a webhook bears webhook-id, webhook-timestamp and webhook-signature") from error
    if abs(now_s - timestamp) > TOLERANCE_S:
        raise ForgedWebhook("the webhook is too old: it may be a replay")
    if not any(hmac.compare_digest(wanted.encode(), one.encode("utf-8", "replace")) for one in offered):
        raise ForgedWebhook("none of the signatures is ours")
    return notice_id


def next_attempt(attempts: int, at: datetime) -> datetime | None:
    """When to try again after so many attempts; None when that is the end."""
    return at + timedelta(seconds=PAUSES_S[attempts - 1]) if attempts < MOST_ATTEMPTS else None

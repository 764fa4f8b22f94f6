"""Where a call goes and who pays for it: the reads that come before charging is asked. Runs on the SIP thread where all of them
are kept (`look` raises NotKnown otherwise), else on a database thread."""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cadran.charging.ports import AuthoriseCall
from cadran.numbering import rules as numbers
from cadran.units.e164 import InvalidNumber
from cadran.voice.carriers.book import Carrier
from cadran.voice.directory.cache import SipUser
from cadran.voice.directory.lookups import Look, NotKnown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHOWN = re.compile(r"\+?[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
ANONYMOUS = ("anonymous", "anonymous.invalid", "Anonymous")
_read_dialled = functools.lru_cache(500)(numbers.read_dialled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """ring: 'user' (his devices), 'carriers', 'uri' (an open SIP address) or '' with `turned`, the final code at once.

    destination and number_class are what charging is told; dial is what carriers are sent: E.164 digits or a short number.
    shown: the caller number presented, digits, empty when withheld; asserted: who it is towards a carrier (RFC 3325).
    """

    ring: str = ""
    turned: int = 0
    turned_as: str = ""
    account: str = ""
    terms: str = ""
    accepted_terms: str = ""
    brand: str = ""
    language: str = "fr"
    direction: str = "outbound"
    raised_duration: bool = False
    country: str = ""
    consumer: bool = True
    number_class: str = ""
    destination: str = ""
    caller: str = ""
    username: str = ""
    dial: str = ""
    international: bool = False
    uri: str = ""
    next_hop: tuple[str, int] = ("", 0)
    shown: str = ""
    withheld: bool = False
    asserted: str = ""
    from_user: str = ""
    from_name: str = ""
    inputs: dict[str, str] = field(default_factory=dict)


def authorise_call(plan: Plan, *, session: str, at: datetime, call_id: str) -> AuthoriseCall:
    """What charging is asked for a call with that plan."""
    return AuthoriseCall(
        session=session,
        account=plan.account,
        terms=plan.terms,
        accepted_terms=plan.accepted_terms,
        number_class=plan.number_class,
        destination=plan.destination,
        at=at,
        caller=plan.caller,
        shown=plan.shown,
        direction=plan.direction,
        raised_duration=plan.raised_duration,
        call_id=call_id[:120],
        country=plan.country,
        consumer=plan.consumer,
    )


def outbound(
    user: SipUser, text: str, look: Look, *, withhold: bool, private_targets: bool, own: tuple[str, int]
) -> Plan:
    """A customer calls `text`: a number, a user name, or user@host[:port] of another domain. own: our SIP address."""
    shown = look.shown_number(user.account)
    common: dict[str, Any] = {
        "account": user.account,
        "terms": user.terms,
        "accepted_terms": user.accepted_terms,
        "brand": user.brand,
        "language": user.language,
        "raised_duration": user.raised_duration,
        "country": user.country,
        "consumer": user.consumer,
        "caller": user.username,
        "shown": "" if withhold else shown,
        "withheld": withhold,
        "asserted": f"+{shown}" if shown else user.username,
        "from_user": f"+{shown}" if shown else user.username,
    }
    if "@" in text:
        if not look.may_wait:
            raise NotKnown("a host name")
        return _open_sip(text, common, private_targets=private_targets, own=own)
    try:
        dialled = _read_dialled(text, user.country)
    except InvalidNumber:
        return _by_name(text, common, look)
    if dialled.e164 is not None and (holder := look.holder(dialled.e164.digits)) is not None:
        name = numbers.NumberClass.ON_NET.value
        digits, username = dialled.e164.digits, holder.sip_username
        callee = look.sip_user(username)
        if callee is None or not callee.active:
            return Plan(turned=480, **common)
        return Plan(ring="user", number_class=name, destination=digits, username=username, **common)
    if dialled.number_class == numbers.NumberClass.UNKNOWN:
        return _by_name(text, common, look)
    common["withheld"] = withhold or not shown
    digits = dialled.e164.digits if dialled.e164 is not None else dialled.short or re.sub(r"\D", "", text)
    return Plan(
        ring="carriers",
        number_class=dialled.number_class.value,
        destination=digits,
        dial=digits,
        international=dialled.e164 is not None,
        **common,
    )


def _by_name(text: str, common: dict[str, Any], look: Look) -> Plan:
    """A SIP user of ours, or nobody."""
    callee = (look.sip_user(text) or look.sip_user(text.lower())) if _NAME.fullmatch(text) else None
    if callee is None or not callee.active:
        return Plan(turned=404, turned_as="number-unknown", **common)
    name = numbers.NumberClass.ON_NET.value
    return Plan(ring="user", number_class=name, destination=callee.username, username=callee.username, **common)


def inbound(carrier: Carrier, text: str, from_user: str, from_name: str, look: Look, *, country: str) -> Plan:
    """A carrier delivers a call for `text`, in any usual form."""
    wanted = f"+{text}" if re.fullmatch(r"[1-9]\d{6,14}", text) else text
    try:
        number = _read_dialled(wanted, country).e164
    except InvalidNumber:
        number = None
    holder = look.holder(number.digits) if number is not None else None
    user = look.sip_user(holder.sip_username) if holder is not None else None
    if number is None or user is None or not user.active:
        return Plan(turned=404)
    shown = from_user if _SHOWN.fullmatch(from_user) and from_user.lower() != "anonymous" else ""
    return Plan(
        ring="user",
        direction="inbound",
        account=user.account,
        terms=user.terms,
        accepted_terms=user.accepted_terms,
        brand=user.brand,
        language=user.language,
        number_class=numbers.NumberClass.ON_NET.value,
        destination=number.digits,
        caller=shown,
        username=user.username,
        shown=shown.lstrip("+"),
        withheld=not shown,
        from_user=shown or ANONYMOUS[0],
        from_name=re.sub(r"[^\w .+-]", "", from_name)[:40],
        inputs={"carrier": carrier.name},
    )


def _open_sip(text: str, common: dict[str, Any], *, private_targets: bool, own: tuple[str, int]) -> Plan:
    """A SIP address elsewhere: called directly, unless it leads back here or into a private network."""
    user, _, rest = text.rpartition("@")
    host, _, port_text = rest.partition(":")
    if (
        not user
        or not re.fullmatch(r"[A-Za-z0-9._%+~*!'()-]{1,64}", user)
        or not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", host)
    ):
        return Plan(turned=404, turned_as="number-unknown", **common)
    if port_text and not (port_text.isdigit() and 0 < int(port_text) < 65536):
        return Plan(turned=404, turned_as="number-unknown", **common)
    port = int(port_text or 5060)
    try:
        address = str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0])
    except (OSError, UnicodeError):
        return Plan(turned=404, turned_as="number-unknown", **common)
    if (address, port) == own:
        return Plan(turned=482, **common)
    if not private_targets and not ipaddress.IPv4Address(address).is_global:
        return Plan(turned=403, **common)
    uri = f"sip:{user}@{rest}"
    return Plan(
        ring="uri",
        number_class=numbers.NumberClass.OPEN_SIP.value,
        destination=f"{user}@{rest}",
        uri=uri,
        next_hop=(address, port),
        **common,
    )

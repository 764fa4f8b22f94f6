"""Who calls an access number, as far as its network says so. SIP headers in, `ports.Calling` out."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from cadran.numbering import rules as numbers
from cadran.policy import queries as policy
from cadran.policy.law import UnknownLaw
from cadran.units.clause import carries
from cadran.units.e164 import InvalidNumber
from cadran.voice.access import passport
from cadran.voice.access.ports import Calling
from cadran.voice.b2bua import transactions
from cadran.voice.carriers.book import Carrier

_USER = re.compile(r"(?:sips?|tel):([^@;>\s]{1,80})", re.IGNORECASE)
_PRIVATE = re.compile(r"\b(id|user|header|full)\b", re.IGNORECASE)
_FRENCH_MOBILE = re.compile(r"33[67]\d{8}")


@carries("KRY-4.4.1-caller-id")
def read(
    request: Any,
    carrier: Carrier,
    *,
    access_number: str,
    country: str,
    at: datetime,
    wall: datetime,
    keys: passport.Keys,
) -> Calling:
    """What a carrier's INVITE says of its caller: P-Asserted-Identity before From (RFC 3325), nothing where it is withheld. The number
    is authenticated by a SHAKEN PASSporT with full attestation, or by a carrier that vouches for all it shows."""
    digits = "" if _withheld(request) else _number(request, country)
    authenticated = bool(digits) and carrier.vouches
    if digits and not authenticated:
        for one in transactions.raw_headers(request, "identity")[:4]:
            if passport.vouches(one, calling=digits, called=access_number, at=at, wall=wall, keys=keys):
                authenticated = True
                break
    if not authenticated and carrier.from_abroad and masked(digits, at):
        digits = ""
    return Calling(
        access_number=access_number,
        digits=digits,
        authenticated=authenticated,
        source=str(request.getSource()[0]),
        at=at,
    )


def masked(digits: str, at: datetime) -> bool:
    """Whether a call from abroad that shows this number, unauthenticated, counts as withheld (L44 IV CPCE)."""
    if not _FRENCH_MOBILE.fullmatch(digits):
        return False
    try:
        return policy.law("caller.foreign_unauthenticated_mobile_masked", at).content is True
    except UnknownLaw:
        return False


def _withheld(request: Any) -> bool:
    if any(_PRIVATE.search(value) for value in transactions.raw_headers(request, "privacy")):
        return True
    sender = request.getHFBody("from").getUrl()
    user, host = str(sender.username or "").lower(), str(sender.host).lower()
    return user in ("anonymous", "unavailable", "restricted") or host == "anonymous.invalid"


def _number(request: Any, country: str) -> str:
    """The calling number in E.164 digits, or empty."""
    told = [
        found[1]
        for value in transactions.raw_headers(request, "p-asserted-identity")[:4]
        for found in _USER.finditer(value)
    ]
    told.append(str(request.getHFBody("from").getUrl().username or ""))
    for text in told:
        if digits := e164(text, country):
            return digits
    return ""


def e164(text: str, country: str) -> str:
    """A number as a carrier writes it (+33..., 33..., 0033..., 06...), as E.164 digits; empty for what is none."""
    wanted = f"+{text}" if re.fullmatch(r"[1-9]\d{7,14}", text) else text
    try:
        number = numbers.read_dialled(wanted, country).e164
    except InvalidNumber:
        return ""
    return number.digits if number is not None else ""

"""Datagrams to requests, answers to datagrams. pyrad reads and writes the packets; what is not proven to be the client's is dropped.

Every Access-Request must bear a right Message-Authenticator: without one, whoever sits between can turn a reject into an accept
(BlastRADIUS, CVE-2024-3596). Accounting-Requests are proven by their Request Authenticator (RFC 2866, 3).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyrad import dictionary, packet

from cadran.units.errors import CadranError

MAX_PACKET = 4096
ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT = 1, 2, 3
ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE, STATUS_SERVER = 4, 5, 12
MESSAGE_AUTHENTICATOR = 80
_HEADER = struct.Struct("!BBH16s")
_TEXT_BYTES = 247  # what fits into a vendor's attribute


class Unproven(CadranError):
    """A datagram that is no RADIUS request, or not provably of that client: it is dropped without an answer. `why` says which."""

    error_id = "radius-unproven"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its attributes by name; of vendors as well. A value sent several times is there several times."""

    code: int
    authenticator: bytes
    values: Mapping[str, tuple[Any, ...]]
    source: Any = field(repr=False)

    def text(self, name: str) -> str:
        """The first value as text without control characters; Cisco's repeat their name, `h323-conf-id=…`, which is left out."""
        found = self.values.get(name, ("",))[0]
        text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
        return "".join(mark for mark in text.removeprefix(f"{name}=") if mark.isprintable())[:256]

    def number(self, name: str) -> int | None:
        found = self.values.get(name, (None,))[0]
        return found if isinstance(found, int) else None


@functools.cache
def _dictionary() -> Any:
    return dictionary.Dictionary(str(Path(__file__).with_name("dictionary.txt")))


def read(datagram: bytes, secret: bytes) -> Request:
    """The request of a datagram, proven to come from who knows the secret. Raises Unproven."""
    if not 20 <= len(datagram) <= MAX_PACKET:
        raise Unproven(f"a packet has 20 to {MAX_PACKET} bytes", why="size")
    code, _id, length, _authenticator = _HEADER.unpack_from(datagram)
    if code not in (ACCESS_REQUEST, ACCOUNTING_REQUEST, STATUS_SERVER) or length > len(datagram):
        raise Unproven("no request", why="form")
    kind = packet.AcctPacket if code == ACCOUNTING_REQUEST else packet.AuthPacket
    try:
        found = kind(secret=secret, dict=_dictionary(), packet=datagram)
        proven = _proven(found)
        values = _values(found)
    except Exception as error:  # an edge: the library fails in its own ways on what strangers send
        raise Unproven(f"unreadable: {type(error).__name__}", why="form") from error
    if not proven:
        raise Unproven(
            "the Message-Authenticator or the Request Authenticator is missing or wrong", why="authenticator"
        )
    return Request(code, found.authenticator, values, found)


def _proven(found: Any) -> bool:
    signed = found.message_authenticator is not None
    if signed and (len(found.get(MESSAGE_AUTHENTICATOR, ())) != 1 or not found.verify_message_authenticator()):
        return False
    return bool(found.VerifyAcctRequest()) if found.code == ACCOUNTING_REQUEST else signed


def _values(found: Any) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(found[name]) for name in _dictionary().attributes if name in found and name != "User-Password"}


def reply(request: Request, code: int, values: Mapping[str, object]) -> bytes:
    """The answer as it is sent, with a Message-Authenticator as its first attribute."""
    answer = request.source.CreateReply()
    answer.code = code
    for name, value in values.items():
        answer[name] = _cut(name, value)
    answer.add_message_authenticator()
    return bytes(answer.ReplyPacket())


def _cut(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    text = f"{name}={value}" if name.startswith("h323-") else value
    return text.encode()[:_TEXT_BYTES].decode(errors="ignore")


def pairs(request: Request) -> Mapping[str, str]:
    """Cisco's pairs `name=value` that come in one attribute."""
    values: Sequence[Any] = request.values.get("Cisco-AVPair", ())
    return dict(str(one).partition("=")[::2] for one in values if isinstance(one, str))

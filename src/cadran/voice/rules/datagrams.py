"""Looking at a datagram before the SIP stack does: is it new work, and the answer that costs nothing to send."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

_METHOD = re.compile(rb"([A-Z]{3,12}) [^\r\n ]{1,2000} SIP/2\.0\r?\n")
_NEEDED = (b"via", b"from", b"to", b"call-id", b"cseq")
_SHORT = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id"}
_TO_TAG = re.compile(rb"\n(?:to|t)[ \t]*:[^\n]*;[ \t]*tag[ \t]*=", re.IGNORECASE)
_CREDENTIALS = re.compile(rb"\nauthorization[ \t]*:", re.IGNORECASE)
_AGENT = re.compile(rb"\nuser-agent[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_REQUIRE = re.compile(rb"\n(?:proxy-)?require[ \t]*:", re.IGNORECASE)
_HOPS = re.compile(rb"\nmax-forwards[ \t]*:[ \t]*[1-9]\d{0,2}[ \t]*\r", re.IGNORECASE)
_CONTACT = re.compile(rb"\n(?:contact|m)[ \t]*:[^\n,*]*\r(?=\n)", re.IGNORECASE)
_CONTACTS = re.compile(rb"\n(?:contact|m)[ \t]*:", re.IGNORECASE)
_VIA_RPORT = re.compile(rb"\n(?:via|v)[ \t]*:[^\n,]*;[ \t]*rport[;\r \t]", re.IGNORECASE)
_OUR_TAG = re.compile(rb"\n(?:to|t)[ \t]*:[^\n]*;[ \t]*tag=s[0-9a-f]{8}[ \t]*\r", re.IGNORECASE)
_RPORT = re.compile(rb";[ \t]*rport(?=[;,\r\n \t]|$)", re.IGNORECASE)


def is_sip(data: bytes) -> bool:
    """Whether it begins like a SIP request or response; whatever does not is not worth parsing."""
    return data.startswith(b"SIP/2.0 ") or _METHOD.match(data) is not None


def new_method(data: bytes) -> str:
    """The method of a request outside any dialog, or empty for responses, requests within a dialog, and rubbish."""
    match = _METHOD.match(data)
    if match is None or _TO_TAG.search(data[:4000]):
        return ""
    return match[1].decode()


def has_credentials(data: bytes) -> bool:
    """Whether the request carries an Authorization header."""
    return _CREDENTIALS.search(data[:4000]) is not None


def plain_invite(data: bytes) -> bool:
    """Whether it is an INVITE about which nothing is to be said before it is known who sends it: a sip URI, hops left, one
    Contact, no extension demanded, and a reply that may go where it came from (rport)."""
    head = data.split(b"\r\n\r\n", 1)[0] + b"\r\n"
    return bool(
        head.startswith(b"INVITE sip:")
        and _HOPS.search(head)
        and _VIA_RPORT.search(head)
        and len(_CONTACTS.findall(head)) == 1
        and _CONTACT.search(head)
        and not _REQUIRE.search(head)
    )


def agent(data: bytes) -> str:
    """What User-Agent says, or empty."""
    match = _AGENT.search(data[:4000])
    return match[1].decode("utf-8", "replace") if match else ""


def acknowledges_stateless(data: bytes) -> bool:
    """Whether it is the ACK for a response that `stateless_reply` made: nobody waits for it."""
    return data.startswith(b"ACK ") and _OUR_TAG.search(data[:4000]) is not None


def stateless_reply(
    data: bytes,
    code: int,
    reason: str,
    *,
    source: tuple[str, int],
    retry_after_s: int = 0,
    headers: Iterable[tuple[str, str]] = (),
) -> bytes | None:
    """A final response made from the request's own headers, without a transaction (RFC 3261 8.2.7), or None where the
    request lacks what a response needs."""
    head = data.split(b"\r\n\r\n", 1)[0][:8000]
    found: dict[bytes, list[bytes]] = {name: [] for name in _NEEDED}
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        name = name.strip().lower()
        name = _SHORT.get(name, name)
        if colon and name in found:
            found[name].append(value.strip())
    if any(not found[name] for name in _NEEDED) or any(len(found[name]) > 1 for name in _NEEDED[1:]):
        return None
    via = found[b"via"]
    host, port = source
    top, comma, below = via[0].partition(b",")
    via[0] = _RPORT.sub(b"", top) + f";received={host};rport={port}".encode() + comma + below
    to = found[b"to"][0]
    if b"tag=" not in to.lower():
        to += f";tag=s{zlib.crc32(found[b'call-id'][0]):08x}".encode()
    lines = [f"SIP/2.0 {code} {reason}".encode(), *(b"Via: " + one for one in via)]
    lines += [b"From: " + found[b"from"][0], b"To: " + to]
    lines += [b"Call-ID: " + found[b"call-id"][0], b"CSeq: " + found[b"cseq"][0]]
    if retry_after_s:
        lines.append(f"Retry-After: {retry_after_s}".encode())
    lines += [f"{name}: {value}".encode() for name, value in headers]
    return b"\r\n".join([*lines, b"Content-Length: 0", b"", b""])

"""Looking at a datagram before the SIP stack does: is it new work, and the answer that costs nothing to send."""

from __future__ import annotations

import re
import zlib

_METHOD = re.compile(rb"([A-Z]{3,12}) [^\r\n ]{1,2000} SIP/2\.0\r?\n")
_NEEDED = (b"via", b"from", b"to", b"call-id", b"cseq")
_SHORT = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id"}
_TO_TAG = re.compile(rb"\n(?:to|t)[ \t]*:[^\n]*;[ \t]*tag[ \t]*=", re.IGNORECASE)
_CREDENTIALS = re.compile(rb"\nauthorization[ \t]*:", re.IGNORECASE)
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


def stateless_reply(
    data: bytes, code: int, reason: str, *, source: tuple[str, int], retry_after_s: int = 0
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
    return b"\r\n".join([*lines, b"Content-Length: 0", b"", b""])

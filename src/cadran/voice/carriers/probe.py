"""Asks a carrier whether it is there: one OPTIONS (RFC 3261, 11) over UDP, and the first answer to it."""

from __future__ import annotations

import re
import secrets
import socket
import time
from dataclasses import dataclass

from cadran import settings
from cadran.units.errors import CadranError

TIMEOUT_S = 3.0
_RETRANSMIT_S = 0.5
_STATUS = re.compile(rb"SIP/2\.0 ([1-6]\d\d) ([^\r\n]{0,80})")


class NoAnswer(CadranError):
    """Nothing came back in time."""

    error_id = "voice-carrier-silent"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the carrier said to OPTIONS, and after how many milliseconds. Any answer shows that it is there; 200 that it knows us."""

    code: int
    reason: str
    ms: int


def options(address: tuple[str, int], timeout_s: float = TIMEOUT_S) -> Answered:
    """Send OPTIONS to an IP address and port. Raises NoAnswer."""
    call_id, branch = secrets.token_hex(12), f"z9hG4bK{secrets.token_hex(8)}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        try:
            plug.connect(address)
            here, port = plug.getsockname()
            request = _request(address, (here, port), call_id, branch)
            start = time.monotonic()
            while (left := start + timeout_s - time.monotonic()) > 0:
                plug.send(request)
                plug.settimeout(min(_RETRANSMIT_S, left))
                try:
                    answer = plug.recv(8192)
                except TimeoutError:
                    continue
                found = _STATUS.match(answer)
                if found is not None and call_id.encode() in answer and int(found[1]) >= 200:
                    took = round((time.monotonic() - start) * 1000)
                    return Answered(int(found[1]), found[2].decode("utf-8", "replace"), took)
        except OSError as error:
            raise NoAnswer(f"{address[0]}:{address[1]} cannot be reached: {error.strerror or error}") from error
    raise NoAnswer(f"{address[0]}:{address[1]} said nothing to OPTIONS within {timeout_s:g} s")


def _request(address: tuple[str, int], here: tuple[str, int], call_id: str, branch: str) -> bytes:
    uri, realm = f"sip:{address[0]}:{address[1]}", settings.SIP_REALM
    lines = (
        f"OPTIONS {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {here[0]}:{here[1]};branch={branch};rport",
        "Max-Forwards: 70",
        f"From: <sip:cadran@{realm}>;tag={secrets.token_hex(4)}",
        f"To: <{uri}>",
        f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:cadran@{here[0]}:{here[1]}>",
        "Accept: application/sdp",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()

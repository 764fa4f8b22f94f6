"""Takes a device off the registrar from outside the SIP process: one REGISTER that ends its contact (RFC 3261 10.2.2), signed with
the digest secret that the registrar itself checks against. No back door, and nothing to keep in step."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Mapping

from cadran.units.errors import CadranError
from cadran.voice.phone import digest, message
from cadran.voice.phone.message import Message

TRY_S = 0.5
TRIES = 4
MAX_ANSWER = 8192


class NotRemoved(CadranError):
    """The registrar did not answer, or did not agree: the device is registered as before."""

    error_id = "voice-device-not-removed"


def remove(
    *, server: tuple[str, int], realm: str, username: str, ha1: Mapping[str, str], contact: str, try_s: float = TRY_S
) -> None:
    """End the registration of one contact of a SIP user. ha1: digest secrets by algorithm. Raises NotRemoved
    within some seconds."""
    host = "127.0.0.1" if server[0] in {"0.0.0.0", "::"} else server[0]  # noqa: S104 - an address that listens, not one to send to
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect((host, server[1]))
        own = line.getsockname()
        request = _register(realm, username, contact, own)
        answer = _exchange(line, request, try_s)
        if answer.code == 401 and (signed := _signed(request, answer, realm, username, ha1)):
            answer = _exchange(line, signed, try_s)
    if answer.code != 200:
        raise NotRemoved(f"the registrar answered {answer.code} for {username}: the device is still registered")


def _register(realm: str, username: str, contact: str, own: tuple[str, int]) -> Message:
    request = Message(method="REGISTER", uri=f"sip:{realm}")
    address = f"<sip:{username}@{realm}>"
    request.headers = [
        ("via", f"SIP/2.0/UDP {own[0]}:{own[1]};branch=z9hG4bK{secrets.token_hex(8)};rport"),
        ("max-forwards", "70"),
        ("from", f"{address};tag={secrets.token_hex(6)}"),
        ("to", address),
        ("call-id", f"{secrets.token_hex(12)}@portal"),
        ("cseq", "1 REGISTER"),
        ("contact", f"<{contact}>;expires=0"),
        ("expires", "0"),
        ("user-agent", "Cadran"),
    ]
    return request


def _signed(request: Message, refusal: Message, realm: str, username: str, ha1: Mapping[str, str]) -> Message | None:
    """The request again with an answer to the first challenge that a known secret fits."""
    for value in (text for name, text in refusal.headers if name == "www-authenticate"):
        challenge = digest.read(value, proxy=False)
        if challenge is None or challenge.realm != realm or challenge.algorithm not in ha1:
            continue
        answer = digest.answer(
            challenge,
            user=username,
            password="",
            method="REGISTER",
            uri=request.uri,
            cnonce=secrets.token_hex(8),
            secret=ha1[challenge.algorithm],
        )
        request.put("cseq", "2 REGISTER")
        request.put("via", request.first("via").replace("branch=z9hG4bK", "branch=z9hG4bKa"))
        request.put("authorization", answer)
        return request
    return None


def _exchange(line: socket.socket, request: Message, try_s: float) -> Message:
    """Send, and again until a final answer to this very request comes."""
    wanted = request.sequence, request.first("call-id")
    for _ in range(TRIES):
        try:
            line.send(request.encode())
            until = time.monotonic() + try_s
            while (left := until - time.monotonic()) > 0:
                line.settimeout(left)
                answer = message.read(line.recv(MAX_ANSWER))
                if answer.code >= 200 and (answer.sequence, answer.first("call-id")) == wanted:
                    return answer
        except (OSError, message.UnreadableMessage):
            continue
    raise NotRemoved("the registrar does not answer: is the SIP process running?")

"""A bare SIP peer for tests: every byte that it sends is in the test's hands. Blocking, one UDP socket."""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import time
from dataclasses import dataclass, field

from voice.sip_plane import HOST, PASSWORD, REALM

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


@dataclass
class Message:
    """A received message: start line, headers by lower-case name, body."""

    start: str
    headers: dict[str, list[str]]
    body: str

    @property
    def code(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return "" if self.code else self.start.split()[0]

    def __getitem__(self, name: str) -> str:
        return self.headers.get(name.lower(), [""])[0]

    @property
    def cseq_method(self) -> str:
        return self["cseq"].split()[1]


def parse(data: bytes) -> Message:
    head, _, body = data.decode().partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return Message(start, headers, body)


def sdp(port: int, direction: str = "sendrecv", version: int = 1) -> str:
    return (
        f"v=0\r\no=- 1 {version} IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )


@dataclass
class Dialog:
    """One dialog as this peer sees it."""

    call_id: str
    local: str
    remote: str
    target: str
    cseq: int = 1
    routes: list[str] = field(default_factory=list)


class Peer:
    """A phone. `contact_params` go into its Contact (such as `;transport=tcp`)."""

    def __init__(self, user: str, server: tuple[str, int], contact_params: str = "", password: str = PASSWORD) -> None:
        self.user, self.server, self.contact_params, self.password = user, server, contact_params, password
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((HOST, 0))
        self.rtp.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.rtp_port = self.rtp.getsockname()[1]
        self.inbox: list[Message] = []
        self.register_call_id = secrets.token_hex(8)
        self.cseq = 0
        self.nc: dict[str, int] = {}

    def close(self) -> None:
        self.socket.close()
        self.rtp.close()

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{HOST}:{self.port}{self.contact_params}>"

    # --- sending ---

    def send(self, text: str) -> None:
        self.socket.sendto(text.encode(), self.server)

    def request(self, method: str, uri: str, headers: dict[str, str], body: str = "") -> str:
        given = {
            "Via": f"SIP/2.0/UDP {HOST}:{self.port};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards": "70",
            **headers,
        }
        if body:
            given.setdefault("Content-Type", "application/sdp")
        lines = [f"{method} {uri} SIP/2.0", *(f"{name}: {value}" for name, value in given.items())]
        text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
        self.send(text)
        return text

    def respond(
        self, request: Message, code: int, reason: str, *, tag: str = "", body: str = "", extra: str = ""
    ) -> None:
        to = request["to"] + (f";tag={tag}" if tag and "tag=" not in request["to"] else "")
        vias = "".join(f"Via: {one}\r\n" for one in request.headers["via"])
        routes = "".join(f"Record-Route: {one}\r\n" for one in request.headers.get("record-route", []))
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.send(
            f"SIP/2.0 {code} {reason}\r\n{vias}{routes}From: {request['from']}\r\nTo: {to}\r\nCall-ID: {request['call-id']}\r\n"
            f"CSeq: {request['cseq']}\r\nContact: {self.contact}\r\n{extra}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    # --- receiving ---

    def receive(self, timeout_s: float = 5.0) -> Message:
        if self.inbox:
            return self.inbox.pop(0)
        self.socket.settimeout(timeout_s)
        return parse(self.socket.recv(65535))

    def expect(self, *wanted: int | str, timeout_s: float = 6.0) -> Message:
        """The next message that is one of the given methods or codes; the others are kept aside in order."""
        aside: list[Message] = []
        end = time.monotonic() + timeout_s
        try:
            while (left := end - time.monotonic()) > 0:
                try:
                    found = self.receive(left)
                except TimeoutError:
                    break
                if (found.code or found.method) in wanted:
                    return found
                aside.append(found)
            raise AssertionError(f"{self.user}: no {wanted} within {timeout_s} s, but {[one.start for one in aside]}")
        finally:
            self.inbox = [one for one in aside if one.code != 100] + self.inbox

    def nothing(self, *unwanted: int | str, timeout_s: float = 0.6) -> None:
        """None of these comes within that time."""
        try:
            found = self.expect(*unwanted, timeout_s=timeout_s)
        except AssertionError:
            return
        raise AssertionError(f"{self.user}: unexpected {found.start}")

    # --- digest ---

    def credentials(
        self,
        challenge: Message,
        method: str,
        uri: str,
        *,
        algorithm: str = "MD5",
        nc: int | None = None,
        user: str = "",
    ) -> str:
        """The Authorization value for a 401."""
        text = next(one for one in challenge.headers["www-authenticate"] if f"algorithm={algorithm}," in one)
        nonce = re.search(r'nonce="([^"]+)"', text)[1]  # type: ignore[index]
        self.nc[nonce] = nc if nc is not None else self.nc.get(nonce, 0) + 1
        user, cnonce, count = user or self.user, secrets.token_hex(4), f"{self.nc[nonce]:08x}"

        def h(value: str) -> str:
            return hashlib.new(HASHES[algorithm], value.encode()).hexdigest()

        ha1, ha2 = h(f"{user}:{REALM}:{self.password}"), h(f"{method}:{uri}")
        response = h(f"{ha1}:{nonce}:{count}:{cnonce}:auth:{ha2}")
        return (
            f'Digest username="{user}",realm="{REALM}",nonce="{nonce}",uri="{uri}",response="{response}",'
            f'algorithm={algorithm},qop=auth,nc={count},cnonce="{cnonce}"'
        )

    # --- whole exchanges ---

    def register(self, expires: int = 60, contact: str = "", algorithm: str = "MD5", **more: str) -> Message:
        """REGISTER with digest; returns the final response."""
        uri = f"sip:{REALM}"

        def once(authorization: str = "") -> Message:
            self.cseq += 1
            headers = {
                "From": f"<sip:{self.user}@{REALM}>;tag={secrets.token_hex(4)}",
                "To": f"<sip:{self.user}@{REALM}>",
                "Call-ID": self.register_call_id,
                "CSeq": f"{self.cseq} REGISTER",
                "Contact": contact or self.contact,
                "Expires": str(expires),
                **more,
            }
            if authorization:
                headers["Authorization"] = authorization
            self.request("REGISTER", uri, headers)
            return self.expect(*range(200, 700))

        challenge = once()
        if challenge.code != 401:
            return challenge
        return once(self.credentials(challenge, "REGISTER", uri, algorithm=algorithm))

    def invite(self, target: str, *, body: str | None = None, extra: dict[str, str] | None = None) -> Dialog:
        """INVITE with digest; returns the dialog, its final response still to come."""
        uri = target if target.startswith("sip:") else f"sip:{target}@{REALM}"
        call_id, tag = secrets.token_hex(8), secrets.token_hex(4)
        headers = {
            "From": f"<sip:{self.user}@{REALM}>;tag={tag}",
            "To": f"<{uri}>",
            "Call-ID": call_id,
            "CSeq": "1 INVITE",
            "Contact": self.contact,
            **(extra or {}),
        }
        offer = sdp(self.rtp_port) if body is None else body
        first = self.request("INVITE", uri, headers, offer)
        challenge = self.expect(401)
        via = re.search(r"^Via: (.*?)\r$", first, re.MULTILINE)[1]  # type: ignore[index]
        self.request("ACK", uri, {**headers, "Via": via, "To": challenge["to"], "CSeq": "1 ACK"})
        headers |= {"CSeq": "2 INVITE", "Authorization": self.credentials(challenge, "INVITE", uri)}
        self.last_invite = self.request("INVITE", uri, headers, offer)
        return Dialog(call_id, headers["From"], headers["To"], uri, cseq=2)

    def cancel(self, dialog: Dialog) -> None:
        via = re.search(r"^Via: (.*?)\r$", self.last_invite, re.MULTILINE)[1]  # type: ignore[index]
        self.request(
            "CANCEL",
            dialog.target,
            {"Via": via, "From": dialog.local, "To": dialog.remote, "Call-ID": dialog.call_id, "CSeq": "2 CANCEL"},
        )

    def acknowledge(self, dialog: Dialog, final: Message) -> None:
        """ACK a final response; a 2xx completes the dialog."""
        dialog.remote = final["to"]
        headers = {"From": dialog.local, "To": dialog.remote, "Call-ID": dialog.call_id, "CSeq": f"{dialog.cseq} ACK"}
        uri = dialog.target
        if 200 <= final.code < 300:
            uri = dialog.target = re.search(r"<([^>]+)>", final["contact"])[1]  # type: ignore[index]
        else:
            headers["Via"] = re.search(r"^Via: (.*?)\r$", self.last_invite, re.MULTILINE)[1]  # type: ignore[index]
        self.request("ACK", uri, headers)

    def within(self, dialog: Dialog, method: str, body: str = "", extra: dict[str, str] | None = None) -> None:
        """A request within the dialog."""
        dialog.cseq += 1
        self.request(
            method,
            dialog.target,
            {
                "From": dialog.local,
                "To": dialog.remote,
                "Call-ID": dialog.call_id,
                "CSeq": f"{dialog.cseq} {method}",
                "Contact": self.contact,
                **(extra or {}),
            },
            body,
        )

    def acknowledge_failure(self, dialog: Dialog, final: Message) -> None:
        """ACK a refused request within the dialog."""
        via = final["via"].replace(";received=" + HOST, "")
        headers = {"Via": via, "From": dialog.local, "To": dialog.remote, "Call-ID": dialog.call_id}
        self.request("ACK", dialog.target, headers | {"CSeq": f"{dialog.cseq} ACK"})

    def dialog_of(self, invite: Message, tag: str) -> Dialog:
        """The dialog that this peer entered by answering an INVITE with that tag."""
        target = re.search(r"<([^>]+)>", invite["contact"])[1]  # type: ignore[index]
        return Dialog(invite["call-id"], f"{invite['to']};tag={tag}", invite["from"], target, cseq=0)

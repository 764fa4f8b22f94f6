"""SIP messages as text (RFC 3261, section 7): read with care, since they come from anywhere, and written plainly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cadran.units.errors import CadranError

Address = tuple[str, int]

LARGEST = 65_535
MOST_HEADERS = 256
COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "s": "subject",
    "k": "supported",
    "r": "refer-to",
    "o": "event",
}
NEEDED = ("via", "from", "to", "call-id", "cseq")
_URI = re.compile(r"(?i)^(sips?):(?:([^@\s]*)@)?(\[[0-9a-f:.]+\]|[^\s:;?@]+)(?::(\d{1,5}))?([^\s]*)$")
_METHOD = re.compile(r"[A-Z]{2,20}")


class UnreadableMessage(CadranError):
    """Bytes that are not a usable SIP message; they are dropped."""

    error_id = "phone-unreadable-message"


@dataclass(slots=True)
class Message:
    """A request (`method`, `uri`) or a response (`code`, `reason`); header names are lower case and never compact."""

    method: str = ""
    uri: str = ""
    code: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def first(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.headers if key == name), default)

    def every(self, name: str) -> list[str]:
        """All values of a header that may also be written as one comma-separated list."""
        return [part for key, value in self.headers if key == name for part in split_list(value)]

    def add(self, name: str, value: str) -> None:
        self.headers.append((name, value))

    def put(self, name: str, value: str) -> None:
        self.headers = [(key, text) for key, text in self.headers if key != name]
        self.headers.append((name, value))

    @property
    def sequence(self) -> tuple[int, str]:
        number, method = self.first("cseq").split(None, 1)
        return int(number), method.strip()

    @property
    def branch(self) -> str:
        return parameter(self.every("via")[0], "branch")

    def encode(self) -> bytes:
        start = f"SIP/2.0 {self.code} {self.reason}" if self.code else f"{self.method} {self.uri} SIP/2.0"
        lines = [start, *(f"{_written(name)}: {value}" for name, value in self.headers if name != "content-length")]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + self.body


def _written(name: str) -> str:
    special = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate"}
    return special.get(name) or "-".join(part.capitalize() for part in name.split("-"))


def read(data: bytes) -> Message:
    """Bytes of one datagram to a message. Raises UnreadableMessage on anything that an answer could not be built for."""
    if not 20 <= len(data) <= LARGEST:
        raise UnreadableMessage("not the size of a SIP message")
    head, _, body = data.partition(b"\r\n\r\n")
    if not _ and b"\n\n" in data:
        head, _, body = data.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").replace("\r\n", "\n").lstrip("\n").split("\n")
    message = _start(lines[0])
    for line in lines[1:]:
        _header(message, line)
    for name in NEEDED:
        if not message.first(name):
            raise UnreadableMessage(f"no {name}")
    try:
        number, method = message.sequence
    except ValueError as error:
        raise UnreadableMessage("CSeq is not a number and a method") from error
    if not 0 <= number < 2**32 or (message.method and method != message.method):
        raise UnreadableMessage("CSeq does not fit the request")
    if not message.branch and not message.code:
        raise UnreadableMessage("no branch")
    message.body = _body(message, body)
    return message


def _start(line: str) -> Message:
    parts = line.split(" ", 2)
    if len(parts) < 2:
        raise UnreadableMessage("no start line")
    if parts[0] == "SIP/2.0":
        if not re.fullmatch(r"[1-6]\d\d", parts[1]):
            raise UnreadableMessage("a status code is three digits")
        return Message(code=int(parts[1]), reason=parts[2].strip() if len(parts) > 2 else "")
    if len(parts) != 3 or parts[2].strip() != "SIP/2.0" or not _METHOD.fullmatch(parts[0]):
        raise UnreadableMessage("neither request nor response")
    return Message(method=parts[0], uri=parts[1])


def _header(message: Message, line: str) -> None:
    if line[:1] in (" ", "\t") and message.headers:
        name, value = message.headers[-1]
        message.headers[-1] = (name, f"{value} {line.strip()}")
        return
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        if line.strip():
            raise UnreadableMessage("a header without a colon")
        return
    if len(message.headers) >= MOST_HEADERS:
        raise UnreadableMessage("too many headers")
    name = name.strip().lower()
    message.headers.append((COMPACT.get(name, name), value.strip()))


def _body(message: Message, body: bytes) -> bytes:
    text = message.first("content-length")
    if not text:
        return body
    if not re.fullmatch(r"\d{1,6}", text) or int(text) > len(body):
        raise UnreadableMessage("Content-Length does not fit")
    return body[: int(text)]


def split_list(value: str) -> list[str]:
    """A header's value at its commas, but not those inside quotes or angle brackets."""
    parts, start, quoted, angle, escaped = [], 0, False, False, False
    for index, letter in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif not quoted and letter in "<>":
            angle = letter == "<"
        elif letter == "," and not quoted and not angle:
            parts.append(value[start:index].strip())
            start = index + 1
    parts.append(value[start:].strip())
    return [part for part in parts if part]


def parameter(value: str, name: str) -> str:
    """A `;name=value` parameter outside the angle brackets, or ""."""
    tail = value.rpartition(">")[2] if "<" in value else value
    for part in tail.split(";")[1:]:
        key, _, text = part.partition("=")
        if key.strip().lower() == name:
            return text.strip().strip('"')
    return ""


def uri_of(value: str) -> str:
    """The URI of a name-addr (`"Bob" <sip:bob@host>;tag=1`) or addr-spec."""
    if "<" in value:
        return value.partition("<")[2].partition(">")[0].strip()
    return value.partition(";")[0].strip()


def name_of(value: str) -> str:
    """The display name of a name-addr, without its quotes."""
    return value.partition("<")[0].strip().strip('"') if "<" in value else ""


def user_of(uri: str) -> str:
    found = _URI.match(uri)
    return (found[2] or "").partition(";")[0] if found else ""


def host_port(uri: str) -> Address | None:
    """Where a URI leads by UDP: its host and port (5060 unless given); None if it cannot be read."""
    found = _URI.match(uri)
    if not found or not 0 < int(found[4] or 5060) < 65_536:
        return None
    return found[3].strip("[]"), int(found[4] or 5060)

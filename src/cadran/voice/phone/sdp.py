"""Session descriptions (RFC 4566, 3264) for one audio stream of G.711 and telephone-events."""

from __future__ import annotations

import re
from dataclasses import dataclass

PCMU, PCMA = 0, 8
EVENTS = 101
NAMES = {PCMU: "PCMU/8000", PCMA: "PCMA/8000"}


@dataclass(frozen=True, slots=True)
class Media:
    """What the other side said: where it listens, the payload types it takes (ours only), the one of its events, and
    whether it wants to hear and to speak."""

    host: str
    port: int
    codecs: tuple[int, ...]
    events: int | None
    hears: bool
    speaks: bool


def read(body: bytes) -> Media | None:
    """The first audio stream of a description, or None if there is none that this phone can use."""
    text = body.decode("utf-8", "replace")
    stream = re.search(r"(?m)^m=audio (\d{1,5})(?:/\d+)? RTP/AVPF? ([\d ]{1,200})\r?$", text)
    if not stream or not 0 < int(stream[1]) < 65_536:
        return None
    section = text[stream.start() :].split("\nm=", 1)[0]
    lines = re.findall(r"(?m)^c=IN IP4 ([0-9.]+)", section) or re.findall(r"(?m)^c=IN IP4 ([0-9.]+)", text)
    offered = [int(number) for number in stream[2].split()]
    codecs = tuple(number for number in offered if number in NAMES)
    if not lines or not codecs:
        return None
    found = re.search(r"(?mi)^a=rtpmap:(\d{1,3}) telephone-event/8000", section)
    direction = re.search(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\r?$", section) or re.search(
        r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\r?$", text[: stream.start()]
    )
    way = direction[1] if direction else "sendrecv"
    held = lines[0] == "0.0.0.0"  # noqa: S104
    return Media(
        host=lines[0],
        port=int(stream[1]),
        codecs=codecs,
        events=int(found[1]) if found and int(found[1]) in offered else None,
        hears=way in ("sendrecv", "recvonly") and not held,
        speaks=way in ("sendrecv", "sendonly"),
    )


def write(
    *, host: str, port: int, codecs: tuple[int, ...], events: int | None, version: int, direction: str = "sendrecv"
) -> bytes:
    """An offer or an answer."""
    types = [*codecs, *([events] if events is not None else [])]
    lines = [
        "v=0",
        f"o=- {port} {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, types))}",
        *(f"a=rtpmap:{codec} {NAMES[codec]}" for codec in codecs),
    ]
    if events is not None:
        lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-16"]
    return "".join(f"{line}\r\n" for line in [*lines, "a=ptime:20", f"a={direction}"]).encode()


def answering(direction_of: Media) -> str:
    """The direction to answer with, seen from us."""
    if direction_of.hears and direction_of.speaks:
        return "sendrecv"
    if direction_of.speaks:
        return "recvonly"
    return "sendonly" if direction_of.hears else "inactive"

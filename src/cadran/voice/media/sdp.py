"""Session descriptions (RFC 8866) in offers and answers (RFC 3264): read what a phone sent, write what its peer shall get.

Pure. The relay puts itself between the two: each description that is passed on carries the relay's address, one audio stream
with the codecs as they were offered (nothing is transcoded), and only attributes that are known to be harmless. Every other
stream of an offer is refused in the answer with port 0. IPv6 and host names are refused: the relay speaks IPv4.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cadran.units import errors

MAX_CHARACTERS = 16_384
MAX_LINES = 256
MAX_STREAMS = 16
MAX_FORMATS = 64
MAX_ATTRIBUTES = 64

SENDRECV, SENDONLY, RECVONLY, INACTIVE = "sendrecv", "sendonly", "recvonly", "inactive"
DIRECTIONS = (SENDRECV, SENDONLY, RECVONLY, INACTIVE)
PROFILES = ("RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF")
PCMU, PCMA = 0, 8
LAWS = (PCMA, PCMU)
_NAMES = {PCMU: "PCMU", PCMA: "PCMA"}

_LINE = re.compile(r"([a-z])=([^\x00-\x08\x0a-\x1f\x7f]*)")
_NUMBER = re.compile(r"[0-9]{1,5}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~/-]{1,32}")
_TELEPHONE_EVENT = re.compile(r"rtpmap:([0-9]{1,3}) +telephone-event/8000\b", re.IGNORECASE)
# Attributes of a stream that the peer may see; the rest (ICE candidates, rtcp ports, identities) speaks of another address.
_PASSED_ON = frozenset({"rtpmap", "fmtp", "ptime", "maxptime", "crypto", "silenceSupp", "rtcp-fb"})


class UnusableSdp(errors.InvalidInput):
    """A session description that cannot be read, or that the relay cannot serve; answer 488 (RFC 3261, 21.4.26)."""

    error_id = "voice-sdp-unusable"


@dataclass(frozen=True, slots=True)
class Stream:
    """One m= line as it was sent; enough to refuse it."""

    kind: str
    port: int
    profile: str
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """What one side said.

    address, port: where it wants its audio (IPv4). direction: from its own point of view. held: it wants to hear nothing.
    stated: the direction as it was written, which the address 0.0.0.0 may belie.
    streams: all m= lines in order; audio_index: which of them is the audio stream that is used.
    """

    address: str
    port: int
    direction: str
    profile: str
    formats: tuple[str, ...]
    attributes: tuple[str, ...]
    streams: tuple[Stream, ...]
    audio_index: int
    stated: str = SENDRECV

    @property
    def nowhere(self) -> bool:
        """The address is 0.0.0.0: the old way to hold (RFC 3264, 8.4)."""
        return self.address == "0.0.0.0"  # noqa: S104

    @property
    def held(self) -> bool:
        return self.direction in (SENDONLY, INACTIVE)

    @property
    def telephone_event(self) -> str:
        """The payload type of RFC 4733 digits beside a codec of 8 kHz, or empty."""
        for attribute in self.attributes:
            if (found := _TELEPHONE_EVENT.match(attribute)) and found[1] in self.formats:
                return found[1]
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the relay listens for one side, and the identity of the description (o= line) that says so."""

    address: str
    port: int
    session: int = 1
    version: int = 1


def parse(text: str) -> Description:
    """Read a session description. Raises UnusableSdp for one that is malformed, oversized, or without usable audio."""
    session, sections = _sections(text)
    streams = tuple(_stream(section[0][1]) for section in sections)
    index = next((i for i, s in enumerate(streams) if s.kind == "audio" and s.port and s.profile in PROFILES), None)
    if index is None:
        raise UnusableSdp("offer one audio stream over RTP with a port that is not 0")
    audio, lines = streams[index], sections[index][1:]
    address = _address(_last(lines, "c") or _last(session, "c"))
    if not 1024 <= audio.port <= 65534:
        raise UnusableSdp(f"offer an audio port between 1024 and 65534, not {audio.port}")
    attributes = tuple(value for kind, value in lines if kind == "a")
    if len(attributes) > MAX_ATTRIBUTES:
        raise UnusableSdp(f"a stream has at most {MAX_ATTRIBUTES} attributes")
    direction = stated = _direction(attributes) or _direction(tuple(v for k, v in session if k == "a")) or SENDRECV
    if address == "0.0.0.0":  # noqa: S104
        direction = {SENDRECV: SENDONLY, RECVONLY: INACTIVE}.get(direction, direction)
    return Description(
        address=address,
        port=audio.port,
        direction=direction,
        profile=audio.profile,
        formats=audio.formats,
        attributes=tuple(a for a in attributes if a.split(":", 1)[0] in _PASSED_ON),
        streams=streams,
        audio_index=index,
        stated=stated,
    )


def offer(said: Description, place: Place) -> str:
    """The offer that is passed on: the same audio, at the relay's address. The streams that are refused are left out."""
    return _written(place, [_audio(said, said.formats, place.port)])


def answer(said: Description, offered: Description, place: Place) -> str:
    """The answer that is passed on to whoever made the offer `offered`: its other streams are refused with port 0."""
    if said.profile != offered.profile:
        raise UnusableSdp(f"answer with the profile that was offered, {offered.profile}, not {said.profile}")
    common = tuple(f for f in said.formats if f in offered.formats or int(f) >= 96)
    if not common:
        raise UnusableSdp("answer with a codec that was offered")
    return _written(place, _answered(offered, _audio(said, common, place.port)))


def law_of(said: Description, laws: tuple[int, ...] = LAWS) -> int | None:
    """The first of these payload types of G.711 that a description has, unencrypted; None without any."""
    usable = said.profile in ("RTP/AVP", "RTP/AVPF")
    return next((law for law in laws if usable and str(law) in said.formats), None)


def spoken_answer(offered: Description, place: Place, laws: tuple[int, ...] = LAWS) -> tuple[str, int]:
    """The answer of who speaks by itself, and the payload type to play: A-law, else mu-law. Raises UnusableSdp without either."""
    payload = law_of(offered, laws)
    if payload is None:
        raise UnusableSdp("an announcement needs unencrypted A-law or mu-law")
    direction = {SENDONLY: RECVONLY, RECVONLY: SENDONLY}.get(offered.direction, offered.direction)
    audio = _spoken(place.port, offered.profile, (payload,), offered.telephone_event, direction)
    return _written(place, _answered(offered, audio)), payload


def spoken_offer(place: Place, laws: tuple[int, ...], event: str) -> str:
    """An offer of our own: these payload types of G.711, and digits (RFC 4733) as the type `event` unless it is empty."""
    return _written(place, [_spoken(place.port, "RTP/AVP", laws, event, SENDRECV)])


def _spoken(port: int, profile: str, laws: tuple[int, ...], event: str, direction: str) -> list[str]:
    formats, attributes = [str(law) for law in laws], [f"rtpmap:{law} {_NAMES[law]}/8000" for law in laws]
    if event:
        formats += [event]
        attributes += [f"rtpmap:{event} telephone-event/8000", f"fmtp:{event} 0-15"]
    audio = f"m=audio {port} {profile} {' '.join(formats)}"
    return [audio, *(f"a={a}" for a in attributes), "a=ptime:20", f"a={direction}"]


def _sections(text: str) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
    """The lines before the first m=, and one list for each m= with it first."""
    if len(text) > MAX_CHARACTERS:
        raise UnusableSdp(f"a session description has at most {MAX_CHARACTERS} characters")
    lines = text.replace("\r\n", "\n").strip("\n ").split("\n")
    if len(lines) > MAX_LINES:
        raise UnusableSdp(f"a session description has at most {MAX_LINES} lines")
    read = []
    for line in lines:
        if not (found := _LINE.fullmatch(line.rstrip())):
            raise UnusableSdp(f"a line of a session description is a letter, = and text, not {line[:40]!r}")
        read.append((found[1], found[2]))
    if read[0] != ("v", "0"):
        raise UnusableSdp("a session description begins with v=0")
    starts = [i for i, (kind, _) in enumerate(read) if kind == "m"]
    if not 1 <= len(starts) <= MAX_STREAMS:
        raise UnusableSdp(f"a session description has 1 to {MAX_STREAMS} m= lines")
    ends = [*starts[1:], len(read)]
    return read[: starts[0]], [read[start:end] for start, end in zip(starts, ends, strict=True)]


def _stream(value: str) -> Stream:
    words = value.split()
    if len(words) < 4 or len(words) > 3 + MAX_FORMATS or not all(_TOKEN.fullmatch(word) for word in words):
        raise UnusableSdp(f"an m= line is a kind, a port, a profile and formats, not {value[:40]!r}")
    port = words[1].split("/", 1)[0]
    if not _NUMBER.fullmatch(port) or int(port) > 65535:
        raise UnusableSdp(f"a port is a number up to 65535, not {port!r}")
    if words[2] in PROFILES and not all(f.isdigit() and int(f) < 128 for f in words[3:]):
        raise UnusableSdp("formats of RTP are payload types from 0 to 127")
    return Stream(words[0].lower(), int(port), words[2], tuple(words[3:]))


def _address(value: str) -> str:
    words = value.split()
    if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
        raise UnusableSdp("give the address of the audio in a line such as c=IN IP4 192.0.2.1")
    if words[1] == "IP6":
        raise UnusableSdp("IPv6 media are not relayed: offer an IPv4 address")
    try:
        address = ipaddress.IPv4Address(words[2])
    except ValueError:
        raise UnusableSdp(f"an address of media is four numbers, not {words[2][:40]!r}") from None
    if address.is_multicast or address.is_reserved or 0 < int(address) < 1 << 24:
        raise UnusableSdp(f"media cannot be sent to {address}")
    return str(address)


def _last(lines: list[tuple[str, str]], kind: str) -> str:
    return next((value for k, value in reversed(lines) if k == kind), "")


def _direction(attributes: tuple[str, ...]) -> str:
    return next((a for a in reversed(attributes) if a in DIRECTIONS), "")


def _audio(said: Description, formats: tuple[str, ...], port: int) -> list[str]:
    kept = [
        a for a in said.attributes if not a.startswith(("rtpmap:", "fmtp:", "rtcp-fb:")) or _format_of(a) in formats
    ]
    return [
        f"m=audio {port} {said.profile} {' '.join(formats)}",
        *(f"a={attribute}" for attribute in kept),
        f"a={said.direction}",
    ]


def _format_of(attribute: str) -> str:
    return attribute.split(":", 1)[1].split(" ", 1)[0]


def _answered(offered: Description, audio: list[str]) -> Iterator[list[str]]:
    for i, stream in enumerate(offered.streams):
        refused = f"m={stream.kind} 0 {stream.profile} {' '.join(stream.formats)}"
        yield audio if i == offered.audio_index else [refused]


def _written(place: Place, streams: Iterable[list[str]]) -> str:
    lines = [
        "v=0",
        f"o=- {place.session} {place.version} IN IP4 {place.address}",
        "s=-",
        f"c=IN IP4 {place.address}",
        "t=0 0",
    ]
    for stream in streams:
        lines.extend(stream)
    return "\r\n".join(lines) + "\r\n"

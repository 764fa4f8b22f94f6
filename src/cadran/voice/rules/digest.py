"""HTTP digest for SIP, server side (RFC 2617, RFC 7616, RFC 8760): read, challenge, verify, and no nonce used twice.

Pure: the time, the key and the random part of a nonce are arguments; nobody's password is ever here, only HA1.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote

from cadran.units.errors import InvalidInput

ALGORITHMS: Mapping[str, str] = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
MAX_HEADER = 2048
_PARAMETER = re.compile(r'\s*([A-Za-z][A-Za-z0-9-]{0,31})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_MD5_ALONE = re.compile(r"(?i)baresip v([0-2]\.|3\.([0-9]|10)\.)")
_STRONG_FIRST = re.compile(r"(?i)(cadran|linphone|baresip|flexisip)")
_HEX8 = re.compile(r"[0-9A-Fa-f]{8}")
_UNUSED, _ONCE = (0, 0), (1, 1)  # most nonces are used once: they share this
_USER = re.compile(r"(?i)^sips?:(?:([^@:;?]*)(?:[:;][^@]*)?@)?")


class MalformedCredentials(InvalidInput):
    """An Authorization header that cannot be read."""

    error_id = "voice-digest-malformed"


class Verdict(StrEnum):
    """What became of a request's credentials."""

    ACCEPTED = "accepted"
    ABSENT = "absent"
    STALE = "stale"
    REPLAYED = "replayed"
    UNKNOWN_USER = "unknown-user"
    WRONG = "wrong"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A Digest Authorization header, quotes removed. `qop` is empty for the old form of RFC 2069."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str = ""
    cnonce: str = ""
    nc: str = ""


def parse(header: str) -> Credentials:
    """Read the value of an Authorization header. Commas and escapes within quotes are data. Raises MalformedCredentials."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "digest" or len(header) > MAX_HEADER:
        raise MalformedCredentials("the Authorization header must be a Digest of at most 2048 characters")
    found: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None or match.end() == position:
            raise MalformedCredentials("the Authorization header holds a parameter that cannot be read")
        name = match[1].lower()
        if name in found:
            raise MalformedCredentials(f"the Authorization header gives {name} twice")
        found[name] = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        position = match.end()
    try:
        given = Credentials(
            username=found["username"],
            realm=found["realm"],
            nonce=found["nonce"],
            uri=found["uri"],
            response=found["response"].lower(),
            algorithm=_algorithm(found.get("algorithm", "MD5")),
            qop=found.get("qop", "").lower(),
            cnonce=found.get("cnonce", ""),
            nc=found.get("nc", ""),
        )
    except KeyError as missing:
        raise MalformedCredentials(f"the Authorization header lacks {missing.args[0]}") from None
    if given.qop not in ("", "auth"):
        raise MalformedCredentials("only qop=auth is offered")
    if given.qop and (not given.cnonce or not _HEX8.fullmatch(given.nc) or int(given.nc, 16) == 0):
        raise MalformedCredentials("qop=auth needs a cnonce and a nonce count of 8 hexadecimal digits, from 00000001")
    return given


def _algorithm(name: str) -> str:
    for known in ALGORITHMS:
        if name.upper() == known:
            return known
    raise MalformedCredentials(f"the digest algorithm must be one of {', '.join(ALGORITHMS)}")


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """The stored form of a SIP password: hex of H(username:realm:password)."""
    return _hash(algorithm, f"{username}:{realm}:{password}")


def expected_response(given: Credentials, *, ha1_hex: str, method: str) -> str:
    """The response that somebody who knows the password sends with these parameters."""
    ha2 = _hash(given.algorithm, f"{method}:{given.uri}")
    middle = f"{given.nonce}:{given.nc}:{given.cnonce}:{given.qop}" if given.qop else given.nonce
    return _hash(given.algorithm, f"{ha1_hex}:{middle}:{ha2}")


def _hash(algorithm: str, text: str) -> str:
    return hashlib.new(
        ALGORITHMS[algorithm], text.encode("utf-8", "surrogateescape"), usedforsecurity=False
    ).hexdigest()


def same_target(digest_uri: str, request_uri: str) -> bool:
    """The signed URI must name the same user as the request's, or none: hosts may be rewritten on the way, and some phones sign
    the server's address alone."""
    if digest_uri == request_uri:
        return True
    signed, wanted = _USER.match(digest_uri), _USER.match(request_uri)
    if signed is None or wanted is None:
        return False
    return not signed[1] or unquote(signed[1]) == unquote(wanted[1] or "")


@dataclass(slots=True)
class Nonces:
    """Nonces signed with a key of this process, and the counts already used with each.

    A nonce is `<expiry of issue in ms, hex><random, hex>.<signature>`; nothing is kept for one that was never used. At most
    `bound` used ones are remembered; when older ones are forgotten, every nonce as old as they are becomes stale, so that
    forgetting never lets a replay through. Counts may arrive out of order within a window of 64.
    """

    key: bytes
    lifetime_s: float = 300.0
    bound: int = 5_000
    _used: OrderedDict[str, tuple[int, int]] = field(default_factory=OrderedDict)
    _forgotten_until: float = 0.0

    def issue(self, *, now: float, random_hex: str) -> str:
        """A fresh nonce. now: monotonic seconds; random_hex: at least 16 hexadecimal characters."""
        body = f"{int(now * 1000):012x}{random_hex}"
        return f"{body}.{self._signature(body)}"

    def issued_at(self, nonce: str) -> float | None:
        """When it was issued (monotonic seconds), or None when it is not one of ours."""
        body, _, signature = nonce.partition(".")
        if len(body) > 64 or not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return None
        return _issued_s(body)

    def fresh(self, nonce: str, *, now: float) -> bool:
        """Ours, not too old, and not among those whose counts were forgotten."""
        at = self.issued_at(nonce)
        return at is not None and now - at <= self.lifetime_s and at > self._forgotten_until

    def use(self, nonce: str, count: int, *, now: float) -> bool:
        """Take a count of a fresh nonce; False when it was taken before (a replay) or lies behind the window."""
        body = nonce.partition(".")[0]
        highest, seen = self._used.get(body, _UNUSED)
        if count > highest:
            shift = count - highest
            seen, highest = ((seen << shift) | 1) & (2**64 - 1) if shift < 64 else 1, count
        else:
            bit = 1 << (highest - count) if highest - count < 64 else 0
            if bit == 0 or seen & bit:
                return False
            seen |= bit
        self._used[body] = _ONCE if highest == 1 else (highest, seen)
        self._used.move_to_end(body)
        while now - _issued_s(next(iter(self._used))) > self.lifetime_s:  # too old to be taken again
            self._used.popitem(last=False)
        while len(self._used) > self.bound:
            oldest, _ = self._used.popitem(last=False)
            if now - (old := _issued_s(oldest)) <= self.lifetime_s:
                self._forgotten_until = max(self._forgotten_until, old)
        return True

    def _signature(self, body: str) -> str:
        return hmac.new(self.key, body.encode("utf-8", "replace"), "sha256").hexdigest()[:32]


def _issued_s(body: str) -> float:
    return int(body[:12], 16) / 1000


def offered(agent: str) -> tuple[str, ...]:
    """The algorithms to challenge a phone with, in order, by its User-Agent.

    RFC 8760 has a phone use the first that it knows. Many phones look at the first only, so MD5 comes first for those of which
    nothing is known; baresip before 3.11 (Debian 12 has 1.0) gives up on seeing any but MD5; some are known to do it right.
    """
    if _MD5_ALONE.match(agent):
        return ("MD5",)
    return ("SHA-256", "MD5", "SHA-512-256") if _STRONG_FIRST.match(agent) else ("MD5", "SHA-256", "SHA-512-256")


def challenge(*, realm: str, nonce: str, algorithm: str, stale: bool = False) -> str:
    """The value of a WWW-Authenticate header."""
    tail = ",stale=true" if stale else ""
    return f'Digest realm="{realm}",nonce="{nonce}",algorithm={algorithm},qop="auth"{tail}'


def verify(
    given: Credentials,
    *,
    method: str,
    request_uri: str,
    realm: str,
    ha1_by_algorithm: Mapping[str, str] | None,
    nonces: Nonces,
    now: float,
) -> Verdict:
    """Judge credentials. ha1_by_algorithm is None for an unknown or closed user, who gets the same effort and answer."""
    if given.realm != realm or not nonces.fresh(given.nonce, now=now):
        return Verdict.STALE if given.realm == realm else Verdict.WRONG
    stored = (ha1_by_algorithm or {}).get(given.algorithm, "")
    wanted = expected_response(given, ha1_hex=stored or "0" * 32, method=method)
    right = hmac.compare_digest(wanted.encode(), given.response.encode("utf-8", "replace"))
    if ha1_by_algorithm is None:
        return Verdict.UNKNOWN_USER
    if not right or not stored or not same_target(given.uri, request_uri):
        return Verdict.WRONG
    if not nonces.use(given.nonce, int(given.nc, 16) if given.qop else 1, now=now):
        return Verdict.REPLAYED
    return Verdict.ACCEPTED

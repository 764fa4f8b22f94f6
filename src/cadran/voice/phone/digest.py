"""The caller's side of digest authentication: RFC 7616, with the algorithms of RFC 8760."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_PAIR = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    realm: str
    nonce: str
    algorithm: str
    opaque: str
    qop: bool
    stale: bool
    proxy: bool


def read(value: str, *, proxy: bool) -> Challenge | None:
    """A WWW-Authenticate or Proxy-Authenticate value; None if it asks for something this phone cannot do."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    pairs = {key.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for key, quoted, bare in _PAIR.findall(rest)}
    algorithm = pairs.get("algorithm", "MD5").upper()
    offered = {part.strip().lower() for part in pairs.get("qop", "").split(",") if part.strip()}
    if algorithm not in ALGORITHMS or "nonce" not in pairs or (offered and "auth" not in offered):
        return None
    return Challenge(
        realm=pairs.get("realm", ""),
        nonce=pairs["nonce"],
        algorithm=algorithm,
        opaque=pairs.get("opaque", ""),
        qop=bool(offered),
        stale=pairs.get("stale", "").lower() == "true",
        proxy=proxy,
    )


def answer(
    challenge: Challenge, *, user: str, password: str, method: str, uri: str, cnonce: str, secret: str = ""
) -> str:
    """The value of the Authorization or Proxy-Authorization header; each nonce is used once, so its count is 1.
    secret: the hash of user, realm and password, for who knows no more than that."""

    def digest(text: str) -> str:
        return hashlib.new(ALGORITHMS[challenge.algorithm], text.encode(), usedforsecurity=False).hexdigest()

    secret = secret or digest(f"{user}:{challenge.realm}:{password}")
    asked = digest(f"{method}:{uri}")
    middle = f"00000001:{cnonce}:auth:" if challenge.qop else ""
    response = digest(f"{secret}:{challenge.nonce}:{middle}{asked}")
    parts = [
        f"username={_quoted(user)}",
        f"realm={_quoted(challenge.realm)}",
        f"nonce={_quoted(challenge.nonce)}",
        f"uri={_quoted(uri)}",
        f'response="{response}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.qop:
        parts += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"']
    if challenge.opaque:
        parts.append(f"opaque={_quoted(challenge.opaque)}")
    return "Digest " + ", ".join(parts)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""SHAKEN PASSporTs of incoming calls (RFC 8224, 8225, 8588): whether an Identity header vouches for a calling number.

The key is found by the header's `x5u` among certificates that the operator has filed; nothing is fetched while a call waits, and no
address that a caller names is ever visited.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from cadran.policy import queries as policy
from cadran.policy.law import UnknownLaw

Keys = Mapping[str, str]
"""PEM certificates by the address (x5u) at which their owner publishes them."""
FULL = "A"
MAX_CHARACTERS = 4000
_FIELD = re.compile(r"[A-Za-z0-9_-]+")


def vouches(identity: str, *, calling: str, called: str, at: datetime, wall: datetime, keys: Keys) -> bool:
    """Whether the header attests in full (A), freshly and with a known key, that `calling` (E.164 digits) calls `called`. at: of the
    civil clock, for the law; wall: the time of day by which the PASSporT and its certificate were dated."""
    parts = identity.strip()[:MAX_CHARACTERS].split(";", 1)[0].strip().split(".")
    if len(parts) != 3 or not all(_FIELD.fullmatch(part) for part in parts):
        return False
    header, claims = _read(parts[0]), _read(parts[1])
    if header is None or claims is None:
        return False
    if (header.get("alg"), header.get("typ"), header.get("ppt")) != ("ES256", "passport", "shaken"):
        return False
    certificate = keys.get(str(header.get("x5u")))
    if certificate is None or not _claimed(claims, calling=calling, called=called, at=at, wall=wall):
        return False
    key = _public_key(certificate, wall)
    return key is not None and _signed(key, f"{parts[0]}.{parts[1]}".encode(), parts[2])


def _claimed(claims: Mapping[str, Any], *, calling: str, called: str, at: datetime, wall: datetime) -> bool:
    try:
        issued, origin, target = claims["iat"], claims["orig"]["tn"], claims["dest"]["tn"]
        fresh_s = policy.law("caller.passport_fresh_s", at).integer()
    except (KeyError, TypeError, UnknownLaw):
        return False
    told = target if isinstance(target, list) else [target]
    if not isinstance(issued, int) or isinstance(issued, bool):
        return False
    fresh = abs(int(wall.timestamp()) - issued) <= fresh_s
    return fresh and claims.get("attest") == FULL and origin == calling and called in told[:8]


def _signed(key: ec.EllipticCurvePublicKey, signed: bytes, signature: str) -> bool:
    raw = _bytes(signature)
    if raw is None or len(raw) != 64:
        return False
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(der, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _public_key(pem: str, wall: datetime) -> ec.EllipticCurvePublicKey | None:
    found = _certificate(pem)
    if found is None:
        return None
    certificate, key = found
    skew = timedelta(minutes=5)
    valid = certificate.not_valid_before_utc - skew <= wall <= certificate.not_valid_after_utc + skew
    return key if valid else None


@functools.lru_cache(256)
def _certificate(pem: str) -> tuple[x509.Certificate, ec.EllipticCurvePublicKey] | None:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        return None
    return certificate, key


def _read(part: str) -> dict[str, Any] | None:
    raw = _bytes(part)
    try:
        found = json.loads(raw) if raw is not None else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _bytes(part: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return None

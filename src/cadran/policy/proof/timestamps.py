"""RFC 3161 time stamps: the request, the reply, and the check of a token against trusted certificates. No network here.

`openssl ts -verify` comes to the same verdicts; this reads thousands of tokens without starting a program for each.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from cadran.policy.proof.rules import EvidenceError

MAX_REPLY = 64 * 1024
_LONGEST_CHAIN = 6
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
# What the libraries raise for bytes that are no certificate or no signature; some of theirs are no ValueError.
_UNREADABLE = (
    *(ValueError, TypeError, KeyError, AttributeError, InvalidSignature, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.ExtensionNotFound, x509.UnsupportedGeneralNameType),
)


class TokenRefused(EvidenceError):
    """A reply or a token that does not prove what it should."""

    error_id = "evidence-token-refused"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token proves: the SHA-256 `imprint` existed at `at` (UTC), says `authority` (the signer's name)."""

    imprint: bytes
    at: datetime
    authority: str
    serial: int


def request(digest: bytes) -> tuple[bytes, int]:
    """The query for a SHA-256, in DER, and its nonce. The signer's certificate is asked for."""
    nonce = secrets.randbits(63)
    query = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
            "nonce": nonce,
            "cert_req": True,
        }
    )
    return bytes(query.dump()), nonce


def token_of(reply: bytes, *, digest: bytes, nonce: int) -> bytes:
    """The token of a reply, once it answers that very query; its signature is `check`'s. Raises TokenRefused."""
    try:
        answer = tsp.TimeStampResp.load(reply, strict=True)
        status = answer["status"]["status"].native
        if status not in ("granted", "granted_with_mods"):
            raise TokenRefused(f"the witness refused: {status}")
        token = answer["time_stamp_token"]
        info = token["content"]["encap_content_info"]["content"].parsed
        if info["nonce"].native != nonce or info["message_imprint"]["hashed_message"].native != digest:
            raise TokenRefused("the witness answered another query")
        return bytes(token.dump())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TokenRefused("the witness answered something that is no time stamp") from error


def check(token: bytes, *, digest: bytes | None, trusted: Sequence[x509.Certificate]) -> Stamp:
    """What a token proves, of that SHA-256 or of any; its signature and its signer's certificates are checked up to a trusted one.

    Raises TokenRefused.
    """
    try:
        content = cms.ContentInfo.load(token, strict=True)
        if content["content_type"].native != "signed_data":
            raise TokenRefused("this is no signed token")
        signed = content["content"]
        encapsulated = signed["encap_content_info"]
        if encapsulated["content_type"].native != "tst_info" or len(signed["signer_infos"]) != 1:
            raise TokenRefused("this is no time-stamp token")
        info: tsp.TSTInfo = encapsulated["content"].parsed
        imprint = info["message_imprint"]
        hashed: bytes = imprint["hashed_message"].native
        if imprint["hash_algorithm"]["algorithm"].native != "sha256" or digest not in (None, hashed):
            raise TokenRefused("the token is about something else")
        at: datetime = info["gen_time"].native
        held = _certificates(signed)
        signer = _signer(signed["signer_infos"][0], held)
        _check_signature(signed["signer_infos"][0], signer, bytes(encapsulated["content"].contents))
        _check_chain(signer, held, trusted, at)
        return Stamp(
            imprint=hashed,
            at=at.astimezone(UTC),
            authority=signer.subject.rfc4514_string(),
            serial=int(info["serial_number"].native),
        )
    except _UNREADABLE as error:
        raise TokenRefused(f"the token does not hold: {type(error).__name__}") from error


def read_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file. Raises TokenRefused."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except _UNREADABLE as error:
        raise TokenRefused("the file of the witness's certificates is no PEM file with certificates") from error


def _certificates(signed: cms.SignedData) -> list[x509.Certificate]:
    chosen = [choice.chosen for choice in signed["certificates"] or () if choice.name == "certificate"]
    return [x509.load_der_x509_certificate(one.dump()) for one in chosen[:_LONGEST_CHAIN]]


def _signer(info: cms.SignerInfo, held: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate that the signer info names, among those of the token; the signed attributes must name it too (ESS)."""
    named = info["sid"].chosen
    for one in held:
        if isinstance(named, cms.IssuerAndSerialNumber):
            issuer = asn1_x509.Name.load(one.issuer.public_bytes())
            if one.serial_number != named["serial_number"].native or issuer != named["issuer"]:
                continue
        der = one.public_bytes(Encoding.DER)
        for attribute in info["signed_attrs"]:
            kind = attribute["type"].native
            if kind == "signing_certificate_v2":
                first = attribute["values"][0]["certs"][0]
                name = first["hash_algorithm"]["algorithm"].native
                if hashlib.new(name, der).digest() == first["cert_hash"].native:
                    return one
            elif kind == "signing_certificate":
                first = attribute["values"][0]["certs"][0]
                if hashlib.sha1(der, usedforsecurity=False).digest() == first["cert_hash"].native:
                    return one
    raise TokenRefused("the token does not hold its signer's certificate")


def _check_signature(info: cms.SignerInfo, signer: x509.Certificate, content: bytes) -> None:
    name = info["digest_algorithm"]["algorithm"].native
    attributes = {attribute["type"].native: attribute["values"] for attribute in info["signed_attrs"]}
    if attributes["content_type"][0].native != "tst_info":
        raise TokenRefused("the token signs something else")
    if name not in _HASHES or hashlib.new(name, content).digest() != attributes["message_digest"][0].native:
        raise TokenRefused("the token's content was altered")
    signed = info["signed_attrs"].untag().dump()
    _verify(signer, info["signature_algorithm"], info["signature"].native, signed, name)


def _verify(
    signer: x509.Certificate, algorithm: algos.SignedDigestAlgorithm, signature: bytes, data: bytes, digest: str
) -> None:
    key = signer.public_key()
    with_hash = algorithm.hash_algo if algorithm.signature_algo in ("ecdsa", "rsassa_pss") else digest
    if isinstance(key, rsa.RSAPublicKey):
        if algorithm.signature_algo == "rsassa_pss":
            pss = padding.PSS(padding.MGF1(_HASHES[with_hash]), padding.PSS.AUTO)
            key.verify(signature, data, pss, _HASHES[with_hash])
        else:
            key.verify(signature, data, padding.PKCS1v15(), _HASHES[with_hash])
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(_HASHES[with_hash]))
    else:
        raise TokenRefused("the token is signed by a kind of key that is not known here")


def _check_chain(
    signer: x509.Certificate, held: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], at: datetime
) -> None:
    """The signer may stamp, and a chain of certificates valid at that instant leads from it to a trusted one."""
    usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TokenRefused("the token's signer is no time-stamp authority")
    current = signer
    for _ in range(_LONGEST_CHAIN):
        if not current.not_valid_before_utc <= at <= current.not_valid_after_utc:
            raise TokenRefused("a certificate of the token was not valid at that time")
        if current in trusted:
            return
        issuer = next((one for one in (*trusted, *held) if one is not current and _issued(one, current)), None)
        if issuer is None:
            break
        current = issuer
    raise TokenRefused("no trusted certificate stands behind the token: see the witness's certificates in the settings")


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return True

"""The authority: its certificates, and RFC 3161 replies that any verifier takes."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY = "1.3.6.1.4.1.99999.1.1"  # of nobody: this authority proves nothing outside a sandbox
LENGTHS = {"sha256": 32, "sha384": 48, "sha512": 64}
YEARS = 20


class Authority:
    """Signs time stamps. Its keys and certificates lie in a folder and are made once; the root is also added to `certificates`, a file
    for those who check."""

    def __init__(self, folder: Path, certificates: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._lock = folder, threading.Lock()
        if not (folder / "tsa.pem").exists():
            self._make()
        self.root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
        self.certificate = x509.load_pem_x509_certificate((folder / "tsa.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "tsa.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        if certificates is not None:
            self._publish(certificates)

    def reply(self, query: bytes, *, serial: int, at: datetime) -> tuple[bytes, str]:
        """The reply to a query in DER, and the hash stamped in hex (empty when refused)."""
        try:
            asked = tsp.TimeStampReq.load(query, strict=True)
            algorithm = asked["message_imprint"]["hash_algorithm"]["algorithm"].native
            digest = asked["message_imprint"]["hashed_message"].native
            wanted, nonce = bool(asked["cert_req"].native), asked["nonce"].native
        except (ValueError, TypeError, KeyError):
            return _refusal("bad_data_format"), ""
        if algorithm not in LENGTHS or len(digest) != LENGTHS[algorithm]:
            return _refusal("bad_alg"), ""
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": POLICY,
                "message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest},
                "serial_number": serial,
                "gen_time": at.astimezone(UTC).replace(microsecond=0),
                **({"nonce": nonce} if nonce is not None else {}),
            }
        )
        token = self._signed(info.dump(), with_certificate=wanted)
        reply = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token})
        return bytes(reply.dump()), digest.hex()

    def _signed(self, content: bytes, *, with_certificate: bool) -> cms.ContentInfo:
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        name = asn1_x509.Name.load(self.certificate.issuer.public_bytes())
        essence = tsp.SigningCertificateV2(
            {"certs": [{"hash_algorithm": {"algorithm": "sha256"}, "cert_hash": hashlib.sha256(der).digest()}]}
        )
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {"type": "signing_certificate_v2", "values": [essence]},
            ]
        )
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": {"issuer_and_serial_number": {"issuer": name, "serial_number": self.certificate.serial_number}},
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signature": self._key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
            }
        )
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {
                    "content_type": "tst_info",
                    "content": core.ParsableOctetString(content),
                },
                "signer_infos": [signer],
            }
        )
        if with_certificate:
            signed["certificates"] = [asn1_x509.Certificate.load(der)]
        return cms.ContentInfo({"content_type": "signed_data", "content": signed})

    def _make(self) -> None:
        now = datetime.now(UTC)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name, name = _name("Bac à sable, racine"), _name("Bac à sable, horodatage")
        root = (
            _certificate(root_name, root_name, root_key.public_key(), now)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        tsa = (
            _certificate(name, root_name, key.public_key(), now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for file, content in (
            ("tsa.key", private),
            ("root.pem", root.public_bytes(serialization.Encoding.PEM)),
            ("tsa.pem", tsa.public_bytes(serialization.Encoding.PEM)),  # last: with it the folder is whole
        ):
            fresh = self._folder / f".{file}.{os.getpid()}"
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(content)
            fresh.replace(self._folder / file)

    def _publish(self, path: Path) -> None:
        pem = self.root.public_bytes(serialization.Encoding.PEM)
        known = path.read_bytes() if path.exists() else b""
        if pem not in known:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            fresh.write_bytes(known + pem)
            fresh.replace(path)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cadran Sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=not signs_certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _refusal(reason: str) -> bytes:
    return bytes(tsp.TimeStampResp({"status": {"status": "rejection", "fail_info": {reason}}}).dump())

"""A real SMTP server with a certificate of its own, a login, and answers that a test chooses."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "cadran", "porte-plume-77"


@dataclass
class Postman:
    """What the server answers, and what it took. `answer` and `rcpt` are said instead of 250 where they are not empty."""

    answer: str = ""
    rcpt: str = ""
    taken: list[Envelope] = field(default_factory=list)
    logins: list[bool] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    hang_up: bool = False

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.encrypted.append(session.ssl is not None)
        if self.answer and not self.hang_up:
            return self.answer
        self.taken.append(envelope)
        if self.hang_up:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()  # it was accepted, and nobody will hear of it
        return "250 2.0.0 kept as 12345"

    def allow(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append(right)
        return AuthResult(success=right)


@dataclass(frozen=True)
class Running:
    """A server that runs: its postman, where it is, and the certificate to trust."""

    postman: Postman
    port: int
    authorities: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and no other name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test server")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def smtp(certificate: tuple[Path, Path]) -> Iterator[Callable[..., Running]]:
    """Starts servers: `security` none, starttls or tls; with `login`, nobody sends without."""
    running: list[Controller] = []

    def start(security: str = "starttls", *, login: bool = True) -> Running:
        postman = Postman()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        server = Controller(
            postman,
            hostname="127.0.0.1",
            port=port,
            ssl_context=tls if security == "tls" else None,
            tls_context=tls if security == "starttls" else None,
            require_starttls=security == "starttls",
            auth_required=login,
            auth_require_tls=security == "starttls",
            authenticator=postman.allow if login else None,
            ready_timeout=10,
        )
        server.start()
        running.append(server)
        return Running(postman, port, str(certificate[0]))

    yield start
    for server in running:
        server.stop()

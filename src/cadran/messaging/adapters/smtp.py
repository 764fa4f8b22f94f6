"""Mails over SMTP (RFC 5321), with TLS and a login where the server asks for them."""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cadran.messaging.ports import NeverTaken, NotTakenNow, ServerAway
from cadran.units.errors import InvalidInput


class InvalidServer(InvalidInput):
    """SMTP settings that cannot work, or would send a password in the clear."""

    error_id = "messaging-smtp-invalid"


class Security(StrEnum):
    """none: in the clear; starttls: encrypted after STARTTLS, usually port 587; tls: from the first byte, usually port 465."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where mails are handed over. `authorities`: a PEM file to trust instead of the system's."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    authorities: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.host or any(c.isspace() for c in self.host) or not 0 < self.port < 65536:
            raise InvalidServer("an SMTP server has a host name and a port from 1 to 65535")
        if self.user and self.security is Security.NONE and not _is_loopback(self.host):
            raise InvalidServer("a login in the clear would show its password: choose starttls or tls")


class SmtpTransport:
    """One connection, opened at the first mail and kept until `close`. Its certificates are checked, names included."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._open: smtplib.SMTP | None = None

    def deliver(self, *, sender: str, recipient: str, raw: bytes) -> str:
        """See ports.Transport. 4xx and a refused sender wait; 5xx to the recipient or the content is for ever; what breaks the
        connection is ServerAway."""
        client = self._connected()
        try:
            return self._handed_over(client, sender, recipient, raw)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise ServerAway(f"{self.server.host} does not answer: {_told(error)}") from error

    def check(self) -> str:
        """Connect, encrypt, sign in and say NOOP; returns the server's words. Raises ServerAway."""
        try:
            code, words = self._connected().noop()
        except (OSError, smtplib.SMTPException) as error:
            raise ServerAway(f"{self.server.host} does not answer: {_told(error)}") from error
        finally:
            self.close()
        return f"{code} {_text(words)}"

    def close(self) -> None:
        client, self._open = self._open, None
        if client is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()

    def _connected(self) -> smtplib.SMTP:
        if self._open is None:
            try:
                self._open = self._fresh()
            except (OSError, smtplib.SMTPException, ValueError) as error:
                raise ServerAway(f"{self.server.host}:{self.server.port} cannot be used: {_told(error)}") from error
        return self._open

    def _fresh(self) -> smtplib.SMTP:
        server = self.server
        tls = ssl.create_default_context(cafile=server.authorities or None)
        client: smtplib.SMTP
        if server.security is Security.TLS:
            client = smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=tls)
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
        try:
            client.ehlo_or_helo_if_needed()
            if server.security is Security.STARTTLS:
                client.starttls(context=tls)
                client.ehlo()
            if server.user:
                client.login(server.user, server.password)
        except BaseException:
            client.close()
            raise
        return client

    def _handed_over(self, client: smtplib.SMTP, sender: str, recipient: str, raw: bytes) -> str:
        code, words = client.mail(sender, [f"size={len(raw)}"] if client.has_extn("size") else [])
        if code != 250:
            client.rset()
            raise NotTakenNow(f"{code} {_text(words)}")
        code, words = client.rcpt(recipient)
        if code not in (250, 251):
            client.rset()
            raise _verdict(code, words)
        try:
            code, words = client.data(raw)
        except smtplib.SMTPDataError as error:
            client.rset()
            raise _verdict(error.smtp_code, error.smtp_error) from error
        if code != 250:
            raise _verdict(code, words)
        return f"{code} {_text(words)}"


def _verdict(code: int, words: Any) -> NotTakenNow | NeverTaken:
    said = f"{code} {_text(words)}"
    return NeverTaken(said) if 500 <= code < 600 else NotTakenNow(said)


def _text(words: Any) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def _told(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return f"{type(error).__name__}: {error}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

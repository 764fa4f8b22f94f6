"""Who can reach Cadran: this machine alone (the default), the local network (--lan), or everybody (--public)."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import MutableMapping
from urllib.parse import urlsplit

from cadran.units import errors


class NoLocalNetwork(errors.CadranError):
    """--lan on a machine without a network."""

    error_id = "serve-no-lan"


class UnsafePublic(errors.CadranError):
    """--public with something that must not face the internet."""

    error_id = "serve-unsafe-public"


def lan_address() -> str:
    """The address of this machine on its local network. Raises NoLocalNetwork."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # sends nothing: only asks which address would be used
            address = str(sock.getsockname()[0])
        except OSError:
            address = "127.0.0.1"
    if ipaddress.ip_address(address).is_loopback:
        raise NoLocalNetwork(
            "this machine has no address on a local network: connect it, or start without --lan (or name the address in CADRAN_HOST)"
        )
    return address


def open_to_lan(environ: MutableMapping[str, str] = os.environ) -> None:
    """Bind every process to the address of the local network, the sandbox's partners included (a phone's browser opens the card
    page too). Call it before the settings are read. An address in CADRAN_HOST is kept."""
    address = environ.get("CADRAN_HOST") or lan_address()
    environ["CADRAN_HOST"] = address
    environ.setdefault("CADRAN_SIP_HOST", address)
    environ.setdefault("CADRAN_SMTP_HOST", address)
    hosts = environ.get("CADRAN_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
    environ["CADRAN_ALLOWED_HOSTS"] = f"{hosts},{address}"


def public_reasons(environ: MutableMapping[str, str]) -> list[str]:
    """What in the environment forbids --public, each with what to do about it. Empty when nothing does."""
    reasons = []
    url = urlsplit(environ.get("CADRAN_PUBLIC_URL", ""))
    if url.scheme != "https" or not url.hostname:
        reasons.append("CADRAN_PUBLIC_URL must be the https address under which customers reach the pages")
    if environ.get("CADRAN_TLS_FRONT", "").strip().lower() not in {"1", "true", "yes", "on"}:
        reasons.append(
            "no TLS front is declared: put a reverse proxy with a certificate before the web port and a SIP edge with TLS before "
            "the SIP port, then set CADRAN_TLS_FRONT=1"
        )
    if environ.get("CADRAN_SANDBOX", "").strip().lower() in {"1", "true", "yes", "on"}:
        reasons.append("CADRAN_SANDBOX=1 gives credit without payment: remove it")
    if "CADRAN_SIP_REALM" not in environ:
        reasons.append("CADRAN_SIP_REALM must name your SIP domain: passwords are bound to it")
    return reasons


def open_to_public(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set the environment for the internet: no sandbox, secure cookies. Raises UnsafePublic with every reason at once."""
    if reasons := public_reasons(environ):
        raise UnsafePublic("not started, because " + "; ".join(reasons))
    environ["CADRAN_PUBLIC"] = "1"
    environ["CADRAN_SANDBOX"] = "0"
    host = urlsplit(environ["CADRAN_PUBLIC_URL"]).hostname or ""
    environ.setdefault("CADRAN_ALLOWED_HOSTS", f"{host},127.0.0.1,localhost")

"""The processes of an installation, and the ports that they need: what `cadran serve` supervises."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cadran.commands import probes, supervisor
from cadran.units import errors

PARTNERS, MONEY, MEDIA, CALLS, FACES = 1, 2, 3, 4, 5
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


class PortsTaken(errors.CadranError):
    """A port that Cadran needs is held by another program."""

    error_id = "serve-ports-taken"


@dataclass(frozen=True, slots=True)
class Port:
    """A port that an installation binds: which, of what kind, for whom, and the variable that moves it."""

    host: str
    number: int
    kind: socket.SocketKind
    owner: str
    variable: str

    @property
    def protocol(self) -> str:
        return "tcp" if self.kind is TCP else "udp"


def ports() -> tuple[Port, ...]:
    """Every port of this installation, media ports left out (they are taken one pair at a time)."""
    from cadran import settings

    found = [
        Port(settings.HOST, settings.WEB_PORT, TCP, "web", "CADRAN_WEB_PORT"),
        Port(settings.HOST, settings.METRICS_PORT, TCP, "metrics", "CADRAN_METRICS_PORT"),
        Port(settings.SIP_HOST, settings.SIP_PORT, UDP, "sip", "CADRAN_SIP_PORT"),
        Port(settings.CHARGING_API_HOST, settings.CHARGING_API_PORT, TCP, "charging-api", "CADRAN_CHARGING_API_PORT"),
    ]
    if settings.RADIUS_CLIENTS:
        found += [
            Port(settings.RADIUS_HOST, settings.RADIUS_AUTH_PORT, UDP, "radius", "CADRAN_RADIUS_AUTH_PORT"),
            Port(settings.RADIUS_HOST, settings.RADIUS_ACCT_PORT, UDP, "radius", "CADRAN_RADIUS_ACCT_PORT"),
        ]
    if settings.SANDBOX:
        loop = "127.0.0.1"
        found += [
            Port(settings.HOST, settings.SANDBOX_CARD_PORT, TCP, "card", "CADRAN_SANDBOX_CARD_PORT"),
            Port(settings.HOST, settings.SANDBOX_BANK_PORT, TCP, "bank", "CADRAN_SANDBOX_BANK_PORT"),
            Port(settings.HOST, settings.SANDBOX_MAIL_PORT, TCP, "mailbox", "CADRAN_SANDBOX_MAIL_PORT"),
            Port(settings.HOST, settings.SANDBOX_SMTP_PORT, TCP, "mailbox", "CADRAN_SANDBOX_SMTP_PORT"),
            Port(settings.SIP_HOST, settings.SANDBOX_CARRIER_PORT, UDP, "carrier", "CADRAN_SANDBOX_CARRIER_PORT"),
            Port(settings.SIP_HOST, settings.SANDBOX_CARRIER2_PORT, UDP, "carrier2", "CADRAN_SANDBOX_CARRIER2_PORT"),
            Port(loop, settings.SANDBOX_CARRIER_CONTROL_PORT, TCP, "carrier", "CADRAN_SANDBOX_CARRIER_CONTROL_PORT"),
            Port(settings.HOST, settings.SANDBOX_WITNESS_PORT, TCP, "witness", "CADRAN_SANDBOX_WITNESS_PORT"),
        ]
    return tuple(found)


def check_ports() -> None:
    """Raises PortsTaken, naming each port, who holds it and the variable that moves it."""
    taken = [port for port in ports() if not probes.port_is_free(port.host, port.number, port.kind)]
    if taken:
        lines = [
            f"{port.protocol} {port.number} ({port.owner}) is held by {probes.holder(port.number, port.kind) or 'another program'}"
            f": set {port.variable}"
            for port in taken
        ]
        raise PortsTaken("; ".join(lines) + "; or move them all at once with CADRAN_PORT_BASE (default 8000)")


def services() -> tuple[supervisor.Service, ...]:
    """The processes to run, in their stages. A part that is not installed is left out."""
    found = [*_core()]
    from cadran import settings

    if settings.RADIUS_CLIENTS:
        ready = settings.VAR / "run" / "radius.ready"
        found.append(supervisor.Service(name="radius", argv=_cadran("radius"), ready=ready.exists, stage=CALLS))
    if settings.SANDBOX:
        found += _partners()
    return tuple(one for one in found if _exists(one.argv))


def _exists(argv: Sequence[str]) -> bool:
    module = f"cadran.commands.{argv[4].replace('-', '_')}" if argv[2] == "cadran" else argv[2]
    if argv[-1] == "jobs":
        module = "cadran.charging.adapters"
    return importlib.util.find_spec(module) is not None


def _cadran(name: str, *args: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "cadran", "--", name, *args)


def _core() -> list[supervisor.Service]:
    from cadran import settings

    return [
        *(
            supervisor.Service(
                name=socket_path.stem,
                argv=_cadran("charging", *(("--shard", str(shard)) if shard else ())),
                ready=probes.unix(socket_path),
                stage=MONEY,
            )
            for shard, socket_path in enumerate(settings.CHARGING_SOCKETS)
        ),
        supervisor.Service(name="media", argv=_cadran("media"), ready=probes.unix(settings.MEDIA_SOCKET), stage=MEDIA),
        supervisor.Service(
            name="sip",
            argv=_cadran("sip"),
            ready=probes.sip(settings.SIP_HOST, settings.SIP_PORT),
            stage=CALLS,
            stop_s=10,
        ),
        supervisor.Service(
            name="charging-api",
            argv=_cadran("charging-api"),
            ready=probes.tcp(settings.CHARGING_API_HOST, settings.CHARGING_API_PORT),
            stage=CALLS,
        ),
        supervisor.Service(
            name="web", argv=_cadran("web"), ready=probes.tcp(settings.HOST, settings.WEB_PORT), stage=FACES
        ),
        supervisor.Service(
            name="jobs", argv=_cadran("jobs"), ready=lambda: (settings.VAR / "run" / "jobs.ready").exists(), stage=FACES
        ),
    ]


def _partners() -> list[supervisor.Service]:
    from cadran import settings

    var = settings.VAR / "sandbox"
    carrier_rtp = settings.SANDBOX_CARRIER_RTP_PORT

    def partner(
        name: str,
        *args: object,
        ready: probes.Probe,
        module: str = "",
        host: str = settings.HOST,
        env: Mapping[str, str] | None = None,
    ) -> supervisor.Service:
        argv = (sys.executable, "-m", f"cadran_sandbox.{module or name}", "--host", host, *map(str, args))
        return supervisor.Service(name=name, argv=argv, ready=ready, stage=PARTNERS, stop_s=4, env=env or {})

    return [
        partner(
            "mailbox",
            *("--port", settings.SANDBOX_MAIL_PORT, "--smtp-port", settings.SANDBOX_SMTP_PORT),
            ready=probes.tcp(settings.HOST, settings.SANDBOX_SMTP_PORT),
        ),
        partner(
            "card",
            *("--port", settings.SANDBOX_CARD_PORT, "--dir", var / "card"),
            *("--webhook-url", f"{settings.PUBLIC_URL}/payments/webhooks/card"),
            ready=probes.tcp(settings.HOST, settings.SANDBOX_CARD_PORT),
            env={
                "SANDBOX_CARD_API_KEY": settings.CARD_API_KEY,
                "SANDBOX_CARD_WEBHOOK_SECRET": settings.CARD_WEBHOOK_SECRET,
            },
        ),
        partner(
            "bank",
            *("--port", settings.SANDBOX_BANK_PORT, "--dir", var / "bank"),
            ready=probes.tcp(settings.HOST, settings.SANDBOX_BANK_PORT),
            env={"SANDBOX_BANK_TOKEN": settings.BANK_TOKEN},
        ),
        partner(
            "witness",
            *("--port", settings.SANDBOX_WITNESS_PORT, "--dir", var / "witness"),
            *("--certificates", settings.WITNESS_CERTIFICATES),
            ready=probes.tcp(settings.HOST, settings.SANDBOX_WITNESS_PORT),
        ),
        partner(
            "carrier",
            *("--port", settings.SANDBOX_CARRIER_PORT, "--control-port", settings.SANDBOX_CARRIER_CONTROL_PORT),
            *("--name", "one", "--rtp-min", carrier_rtp, "--rtp-max", carrier_rtp + 999),
            ready=probes.sip(settings.SIP_HOST, settings.SANDBOX_CARRIER_PORT),
            host=settings.SIP_HOST,
        ),
        partner(
            "carrier2",
            *("--port", settings.SANDBOX_CARRIER2_PORT),
            *("--name", "two", "--rtp-min", carrier_rtp + 1000, "--rtp-max", carrier_rtp + 1999),
            ready=probes.sip(settings.SIP_HOST, settings.SANDBOX_CARRIER2_PORT),
            module="carrier",
            host=settings.SIP_HOST,
        ),
    ]

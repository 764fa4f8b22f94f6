"""`cadran media`: the process that carries the sound of calls (rtp-io), for the SIP process of the same installation."""

from __future__ import annotations

import click


@click.command("media")
@click.option(
    "--idle-s", default=300, show_default=True, help="Life of a session without any packet, calls on hold included."
)
def command(idle_s: int) -> None:
    """Run the media relay until it is told to stop."""
    from cadran import settings
    from cadran.commands import logs
    from cadran.voice.media import relay

    logs.configure("media")
    relay.run(
        relay.RelayOptions(
            door=settings.MEDIA_SOCKET,
            host=settings.SIP_HOST,
            port_min=settings.RTP_PORT_MIN,
            port_max=settings.RTP_PORT_MAX,
            idle_s=idle_s,
            setup_s=max(idle_s, 300),
        )
    )

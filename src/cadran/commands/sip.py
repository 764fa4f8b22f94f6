"""`cadran sip`: the SIP process, registrar and calls."""

from __future__ import annotations

import click

from cadran.commands import logs
from cadran.commands.main import django_ready


@click.command("sip")
def command() -> None:
    """Serve SIP until told to stop: registrations and calls."""
    logs.configure("sip")
    django_ready()
    from cadran.voice.b2bua import process

    process.run()

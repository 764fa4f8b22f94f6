"""Puts the SIP process together and runs it: SIP in the main thread, charging on asyncio, the database on its own threads."""

from __future__ import annotations

import gc
import os
import signal
import sys

import structlog

from cadran import settings
from cadran.charging.adapters.client import AsyncCharging
from cadran.policy import queries as policy
from cadran.units import errors
from cadran.units.clock import BootClock
from cadran.voice.access import assembly
from cadran.voice.b2bua import stack
from cadran.voice.b2bua.background import Background
from cadran.voice.b2bua.door import Door
from cadran.voice.b2bua.server import Place, Server
from cadran.voice.carriers import book
from cadran.voice.journal import writer
from cadran.voice.options import Options

log = structlog.get_logger("voice.process")
CHARGING_TIMEOUT_S = 4.0
SWITCH_S = 0.0005  # the SIP thread lets go of the interpreter at each send, and got it back 5 ms later
# Of 600 objects that a call leaves, 100 lie in cycles: to look for them after every 700th took a tenth of the time.
COLLECT = (5_000, 10, 5)


class SipCannotStart(errors.CadranError):
    """The SIP port is taken."""

    error_id = "voice-sip-cannot-start"


def place(options: Options) -> Place:
    """Where this installation's SIP process stands, from settings and the brand's files."""
    brand = policy.brand(settings.BRAND)
    private = settings.SANDBOX if options.private_targets < 0 else bool(options.private_targets)
    return Place(
        local=(settings.SIP_HOST, settings.SIP_PORT),
        realm=settings.SIP_REALM,
        brand=brand.key,
        country=brand.country,
        books=book.of_brands(policy.brand_keys(), settings.BRANDS, own=brand.key),
        private_targets=private,
        prompts=settings.BRANDS,
    )


def carriers() -> book.Books:
    """The carriers of all brands as they are now; on a database thread."""
    return book.of_brands(policy.brand_keys(), settings.BRANDS, own=settings.BRAND)


def run() -> None:
    """Serve until SIGTERM or SIGINT, then end every call. Raises SipCannotStart."""
    stack.install("Cadran")
    from sippy.Core.EventDispatcher import ED2
    from sippy.Signal import Signal

    from cadran.voice.callback.callbacks import Callbacks
    from cadran.voice.media.client import MediaClient

    options = Options.from_environment()
    clock = BootClock()
    background, journal = Background(), writer.Journal()
    media = MediaClient(
        settings.MEDIA_SOCKET,
        settings.SIP_HOST,
        brands=settings.BRANDS,
        published=settings.PUBLISHED,
        ports=(settings.RTP_PORT_MIN, settings.RTP_PORT_MAX),
    )
    try:
        server = Server(
            place(options),
            options,
            clock=clock,
            civil=settings.CIVIL_CLOCK,
            background=background,
            charging=AsyncCharging(settings.CHARGING_SOCKET, timeout_s=CHARGING_TIMEOUT_S),
            media=media,
            journal=journal,
            carriers=carriers,
        )
    except OSError as error:
        raise SipCannotStart(
            f"UDP {settings.SIP_HOST}:{settings.SIP_PORT} cannot be taken ({error.strerror}): set CADRAN_SIP_PORT"
        ) from error
    for number in (signal.SIGTERM, signal.SIGINT):
        Signal(number, stack.guarded(server.stop))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    sys.setswitchinterval(SWITCH_S)
    server.start()
    server.reception = assembly.reception(server, media, every_s=options.carriers_s)
    server.reception.start()
    callbacks = Callbacks(server)
    server.guests.append(callbacks)
    callbacks.start()
    Door(server, settings.SIP_SOCKET, callbacks.deeds()).open()
    ED2.loop()
    log.info("sip-stopped")
    media.close()
    background.close()
    os._exit(0)  # reader threads hold nothing worth a tidy end

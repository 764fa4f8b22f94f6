"""`cadran charging`: the process that owns the money. It runs until SIGTERM, and answers what it has read before it ends."""

from __future__ import annotations

import gc

import click

from cadran.commands import logs
from cadran.commands.main import django_ready

LEASE_S = 60


@click.command(name="charging")
@click.option(
    "--lease-s",
    type=click.IntRange(1, 3600),
    default=LEASE_S,
    show_default=True,
    help="Seconds without a report after which a call is settled; voice reports every five.",
)
@click.option(
    "--shard",
    type=click.IntRange(0, 15),
    default=0,
    show_default=True,
    help="Which share of the accounts, of CADRAN_CHARGING_SHARDS.",
)
def command(lease_s: int, shard: int) -> None:
    """Serve online charging at the socket of the state folder."""
    django_ready()
    from django.conf import settings

    from cadran.charging import shards
    from cadran.charging.adapters.brands import BrandContracts, BrandPrices
    from cadran.charging.engine import Engine
    from cadran.charging.service import Service, stop_on_signals

    if shard >= settings.CHARGING_SHARDS:
        raise click.BadParameter(f"CADRAN_CHARGING_SHARDS is {settings.CHARGING_SHARDS}: shards count from 0")
    logs.configure(shards.source(shard))
    contracts, prices = BrandContracts(), BrandPrices()
    prices.preload()
    gc.collect()
    gc.freeze()  # the decks stay: no collection goes through them while calls wait
    gc.set_threshold(20_000, 20, 50)  # what an operation makes is gone at its end, and holds no circles
    place = settings.CHARGING_DATABASE or settings.VAR / "charging.db"
    mine = shards.Shard(shard, settings.CHARGING_SHARDS)
    engine = Engine(place, contracts=contracts, prices=prices, lease_s=lease_s, shard=mine)
    engine.rewrap_evidence()
    service = Service(engine, settings.CHARGING_SOCKETS[shard], civil=settings.CIVIL_CLOCK, each_tick=contracts.refresh)
    stop_on_signals(service)
    try:
        service.serve()
    finally:
        engine.close()

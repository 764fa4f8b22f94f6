"""Puts calls at access numbers together: the desk over the rooms, the tables of menus, the numbers that there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from cadran import settings
from cadran.charging.adapters.client import SocketCharging
from cadran.numbering.access import queries as access
from cadran.policy import queries as policy
from cadran.voice.access.desk import HouseDesk
from cadran.voice.access.ports import Caller
from cadran.voice.access.reception import House, MenuOf, Open, Reception
from cadran.voice.media.port import Lines
from cadran.voice.menu import menus
from cadran.voice.menu.machine import Menu
from cadran.voice.menu.table import Table, TableUnknown, TableWrong

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

log = structlog.get_logger("voice.access")
CHARGING_TIMEOUT_S = 4.0
TABLES_EVERY = 6  # readings of the numbers to one of the tables


def reception(server: Server, lines: Lines, *, every_s: float) -> Reception:
    """The reception of this installation; `start` it with the server."""
    desk = HouseDesk(SocketCharging(settings.CHARGING_SOCKET, timeout_s=CHARGING_TIMEOUT_S))
    return Reception(server, desk=desk, lines=lines, read=Houses(settings.BRANDS), every_s=every_s)


class Houses:
    """Reads the house, on a database thread. A table that is wrong keeps its last good form."""

    def __init__(self, brands: Path) -> None:
        self._brands = brands
        self._tables: dict[tuple[str, str], Table] = {}
        self._turn = 0

    def __call__(self) -> House:
        at = settings.CIVIL_CLOCK.now()
        numbers = {
            one.digits: Open(brand=one.brand, language=one.language, service=one.service)
            for brand in policy.brand_keys()
            for one in access.every_access_number(brand)
            if one.closed_at is None or one.closed_at > at
        }
        wanted = {(one.brand, one.service) for one in numbers.values()}
        if self._turn % TABLES_EVERY == 0 or not wanted <= self._tables.keys():
            self._tables = {key: table for key in sorted(wanted) if (table := self._table(*key)) is not None}
        self._turn += 1
        tables = self._tables

        def menu(caller: Caller) -> MenuOf | None:
            table = tables.get((caller.brand, caller.service))
            return Menu(table, brand=caller.brand, language=caller.language) if table is not None else None

        return House(numbers, menu)

    def _table(self, brand: str, service: str) -> Table | None:
        try:
            return menus.load(service, brand_folder=self._brands / brand, recorded=Path(settings.PUBLISHED) / brand)
        except (TableUnknown, TableWrong) as error:
            log.error("menu-table-unusable", brand=brand, table=service, detail=error.message)
            return self._tables.get((brand, service))

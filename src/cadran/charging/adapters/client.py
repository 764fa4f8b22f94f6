"""Clients of the charging service: `SocketCharging` for threads and jobs, `AsyncCharging` for event loops.

Where several processes share the accounts, a request goes to the one that owns its account; see `routing`. How often a request is sent
again: see `links`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

from cadran.charging import wire
from cadran.charging.adapters import routing
from cadran.charging.adapters.links import AsyncLink, Link
from cadran.charging.ports import (
    AuthoriseCall,
    Bought,
    BuyCredit,
    Charged,
    ChargeEvent,
    CorrectCharge,
    Corrected,
    CreditLine,
    GiveCredit,
    Grant,
    Line,
    MovedVouchers,
    MoveVouchers,
    SettleCall,
    Settled,
    WithdrawCredit,
    Withdrawn,
)

TIMEOUT_S = 5.0


class SocketCharging:
    """`ports.Charging` over the socket, for threads: each request has a connection to itself, idle ones are kept.

    path: the installation's socket, which stands for those of all its shards, or these one by one.
    """

    def __init__(self, path: Path | Sequence[Path], timeout_s: float = TIMEOUT_S) -> None:
        self._links = [Link(place, timeout_s) for place in routing.places(path)]
        self._routes = routing.Routes(len(self._links)) if len(self._links) > 1 else None

    def close(self) -> None:
        """Close the idle connections; the client may be used again."""
        for link in self._links:
            link.close()

    def open_wallet(self, *, account: str, brand: str, currency: str, at: datetime) -> None:
        self._call("open_wallet", wire.OpenWallet(account=account, brand=brand, currency=currency, at=at))

    def authorise(self, request: AuthoriseCall) -> Grant:
        return cast(Grant, self._call("authorise", request))

    def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant:
        return cast(Grant, self._call("extend", wire.Extend(session=session, seq=seq, used_s=used_s, at=at)))

    def heartbeat(self, *, used_s: Mapping[str, int]) -> tuple[str, ...]:
        return cast(tuple[str, ...], self._call("heartbeat", wire.Heartbeat(used_s=dict(used_s))))

    def settle(self, request: SettleCall) -> Settled:
        return cast(Settled, self._call("settle", request))

    def buy_credit(self, request: BuyCredit) -> Bought:
        return cast(Bought, self._call("buy_credit", request))

    def correct(self, request: CorrectCharge) -> Corrected:
        return cast(Corrected, self._call("correct", request))

    def give_credit(self, request: GiveCredit) -> Bought:
        return cast(Bought, self._call("give_credit", request))

    def move_vouchers(self, request: MoveVouchers) -> MovedVouchers:
        return cast(MovedVouchers, self._call("move_vouchers", request))

    def charge_event(self, request: ChargeEvent) -> Charged:
        return cast(Charged, self._call("charge_event", request))

    def withdraw(self, request: WithdrawCredit) -> Withdrawn:
        return cast(Withdrawn, self._call("withdraw", request))

    def credit_line(self, request: CreditLine) -> Line:
        return cast(Line, self._call("credit_line", request))

    def expire_credit(self, *, at: datetime) -> int:
        return cast(int, self._call("expire_credit", wire.ExpireCredit(at=at)))

    def erase_evidence(self, *, holder: int, shard: int = 0) -> int:
        return cast(int, self._call("erase_evidence", wire.EraseEvidence(holder=holder, shard=shard)))

    def reload_decks(self) -> int:
        return cast(int, self._call("reload_decks", wire.ReloadDecks()))

    def ping(self) -> None:
        """Returns when the service answers."""
        self._call("ping", wire.Ping())

    def _call(self, op: str, args: wire.Args) -> object:
        if self._routes is None:
            return self._links[0].call(op, args)
        return routing.walked(self._routes.steps(op, args), lambda shard, op, args: self._links[shard].call(op, args))


class AsyncCharging:
    """The same operations as coroutines over one connection to each process, many at once. Use it from one event loop."""

    def __init__(self, path: Path | Sequence[Path], timeout_s: float = TIMEOUT_S) -> None:
        self._links = [self.link(place, timeout_s) for place in routing.places(path)]
        self._routes = routing.Routes(len(self._links)) if len(self._links) > 1 else None

    def link(self, path: str, timeout_s: float) -> AsyncLink:
        """The way to one of the processes."""
        return AsyncLink(path, timeout_s)

    async def close(self) -> None:
        """Close the connections; what still waits fails."""
        for link in self._links:
            await link.close()

    async def open_wallet(self, *, account: str, brand: str, currency: str, at: datetime) -> None:
        await self._call("open_wallet", wire.OpenWallet(account=account, brand=brand, currency=currency, at=at))

    async def authorise(self, request: AuthoriseCall) -> Grant:
        return cast(Grant, await self._call("authorise", request))

    async def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant:
        return cast(Grant, await self._call("extend", wire.Extend(session=session, seq=seq, used_s=used_s, at=at)))

    async def heartbeat(self, *, used_s: Mapping[str, int]) -> tuple[str, ...]:
        return cast(tuple[str, ...], await self._call("heartbeat", wire.Heartbeat(used_s=dict(used_s))))

    async def settle(self, request: SettleCall) -> Settled:
        return cast(Settled, await self._call("settle", request))

    async def buy_credit(self, request: BuyCredit) -> Bought:
        return cast(Bought, await self._call("buy_credit", request))

    async def correct(self, request: CorrectCharge) -> Corrected:
        return cast(Corrected, await self._call("correct", request))

    async def move_vouchers(self, request: MoveVouchers) -> MovedVouchers:
        return cast(MovedVouchers, await self._call("move_vouchers", request))

    async def charge_event(self, request: ChargeEvent) -> Charged:
        return cast(Charged, await self._call("charge_event", request))

    async def give_credit(self, request: GiveCredit) -> Bought:
        return cast(Bought, await self._call("give_credit", request))

    async def withdraw(self, request: WithdrawCredit) -> Withdrawn:
        return cast(Withdrawn, await self._call("withdraw", request))

    async def credit_line(self, request: CreditLine) -> Line:
        return cast(Line, await self._call("credit_line", request))

    async def expire_credit(self, *, at: datetime) -> int:
        return cast(int, await self._call("expire_credit", wire.ExpireCredit(at=at)))

    async def erase_evidence(self, *, holder: int, shard: int = 0) -> int:
        return cast(int, await self._call("erase_evidence", wire.EraseEvidence(holder=holder, shard=shard)))

    async def reload_decks(self) -> int:
        return cast(int, await self._call("reload_decks", wire.ReloadDecks()))

    async def ping(self) -> None:
        """Returns when the service answers."""
        await self._call("ping", wire.Ping())

    async def _call(self, op: str, args: wire.Args) -> object:
        if self._routes is None:
            return await self._links[0].call(op, args)
        steps = self._routes.steps(op, args)
        return await routing.walked_async(steps, lambda shard, op, args: self._links[shard].call(op, args))

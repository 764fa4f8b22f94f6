"""Which charging processes a request goes to, where several share the accounts.

A request that names an account goes to its shard. One that names a session alone goes where this client, or an earlier answer, saw
that session; else every shard is asked, and all but one answer that they do not know it, which changes nothing.

The steps are generators, so that clients of threads and of event loops take the same ones: each yields (shard, op, arguments) and is
sent the answer, or thrown the error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path

from django.conf import settings

from cadran.charging import shards, wire
from cadran.charging.ports import AuthoriseCall, ChargingRefused, ChargingUnavailable, MoveVouchers, SettleCall
from cadran.units.errors import CadranError

MOST_KNOWN = 100_000  # sessions, of each client
Ask = tuple[int, str, wire.Args]
Steps = Generator[Ask, object, object]
_OF_ALL = frozenset({"expire_credit", "reload_decks", "ping"})


def places(path: Path | str | Sequence[Path]) -> tuple[str, ...]:
    """The sockets to ask. The installation's own socket stands for those of all its shards."""
    if not isinstance(path, Path | str):
        return tuple(map(str, path))
    if settings.configured and getattr(settings, "CHARGING_SHARDS", 1) > 1 and Path(path) == settings.CHARGING_SOCKET:
        return tuple(map(str, settings.CHARGING_SOCKETS))
    return (str(path),)


class Routes:
    """Where requests go, among so many shards. Safe in threads: what is kept is a hint that may be missing."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._known: dict[str, int] = {}

    def steps(self, op: str, args: wire.Args) -> Steps:
        """The steps of a request; their end is its result or its error."""
        match args:
            case wire.Heartbeat():
                return self._heartbeat(args)
            case wire.Extend() | SettleCall():
                return self._found(op, args, args.session)
            case wire.EraseEvidence():
                return _one(min(args.shard, self.count - 1), op, args)
            case AuthoriseCall():
                shard = shards.of(args.account, self.count)
                self._note(args.session, shard)
                return _one(shard, op, args)
            case MoveVouchers():
                return _one(shards.of(f"house/{args.brand}", self.count), op, args)
            case wire.ExpireCredit() | wire.ReloadDecks() | wire.Ping():
                return self._all(op, args)
            case _:
                return _one(shards.of(args.account, self.count), op, args)

    def _found(self, op: str, args: wire.Args, session: str) -> Steps:
        known = self._known.get(session)
        if known is not None:
            return (yield known, op, args)
        away: ChargingUnavailable | None = None
        unknown: ChargingRefused | None = None
        for shard in range(self.count):
            try:
                answer = yield shard, op, args
            except ChargingUnavailable as error:
                away = error
            except ChargingRefused as error:
                if error.details.get("reason") != "session-unknown":
                    raise
                unknown = error
            else:
                self._note(session, shard)
                return answer
        raise away or unknown or AssertionError("there is a shard")

    def _heartbeat(self, args: wire.Heartbeat) -> Steps:
        """Sessions that nobody knows are closed only when every shard has said so. Fails when one that was asked did not answer, after
        the others were told: not all of it was noted. `details["closed"]` of the error is what the others said."""
        closed: dict[str, int] = {}
        failed: ChargingUnavailable | None = None
        for shard in range(self.count):
            mine = {one: used for one, used in args.used_s.items() if self._known.get(one, shard) == shard}
            if not mine:
                continue
            try:
                said = yield shard, "heartbeat", wire.Heartbeat(used_s=mine)
            except ChargingUnavailable as error:
                failed = error
                continue
            gone = set(said) if isinstance(said, tuple) else set[str]()
            for session in mine:
                if session not in gone:
                    self._note(session, shard)
                elif self._known.get(session) == shard:
                    closed[session] = self.count
                else:
                    closed[session] = closed.get(session, 0) + 1
        told = tuple(session for session, times in closed.items() if times >= self.count)
        if failed is not None:
            raise ChargingUnavailable(failed.message, **{**failed.details, "closed": told})
        return told

    def _all(self, op: str, args: wire.Args) -> Steps:
        """Each shard is asked, also after one that failed; what they count is added up."""
        total = 0
        failed: CadranError | None = None
        for shard in range(self.count):
            try:
                answer = yield shard, op, args
            except CadranError as error:
                failed = failed or error
            else:
                number = answer if isinstance(answer, int) else 0
                total = max(total, number) if op == "reload_decks" else total + number
        if failed is not None:
            raise failed
        return None if op == "ping" else total

    def _note(self, session: str, shard: int) -> None:
        if len(self._known) >= MOST_KNOWN:
            for old in list(self._known)[: MOST_KNOWN // 10]:
                self._known.pop(old, None)
        self._known[session] = shard


def _one(shard: int, op: str, args: wire.Args) -> Steps:
    return (yield shard, op, args)


def walked(steps: Steps, ask: Callable[[int, str, wire.Args], object]) -> object:
    """Take the steps of a request by asking one after the other."""
    try:
        step = next(steps)
        while True:
            try:
                answer = ask(*step)
            except CadranError as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return end.value


async def walked_async(steps: Steps, ask: Callable[[int, str, wire.Args], Awaitable[object]]) -> object:
    """The same for an event loop."""
    try:
        step = next(steps)
        while True:
            try:
                answer = await ask(*step)
            except CadranError as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return end.value

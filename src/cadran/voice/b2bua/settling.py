"""Settlements that are never lost, and the heartbeat of calls. SIP thread."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import structlog

from cadran.charging import ports
from cadran.voice.b2bua import figures, stack
from cadran.voice.b2bua.background import Background
from cadran.voice.journal import records, writer

log = structlog.get_logger("voice.settling")
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 15.0
_IN_FLIGHT = 64


class AsyncCharging(Protocol):
    """The part of charging that calls need, on asyncio."""

    def authorise(self, request: ports.AuthoriseCall) -> Awaitable[ports.Grant]: ...
    def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Awaitable[ports.Grant]: ...
    def heartbeat(self, *, used_s: Mapping[str, int]) -> Awaitable[tuple[str, ...]]: ...
    def settle(self, request: ports.SettleCall) -> Awaitable[ports.Settled]: ...


class Settlements:
    """Each settlement is on disk before it is sent, and stays there until charging has acknowledged it or refused it for
    good. Retries back off to 15 s; at most 64 are under way at once, the others wait on disk and in memory as bodies."""

    def __init__(self, background: Background, charging: AsyncCharging, journal: writer.Journal) -> None:
        self.background, self.charging, self.journal = background, charging, journal
        self._waiting: dict[str, dict[str, Any]] = {}
        self._under_way: set[str] = set()
        self._told: dict[str, Callable[[ports.Settled | None], None]] = {}
        self._pause_s = 0.0
        self._retry: Any = None

    def add(self, request: ports.SettleCall, told: Callable[[ports.Settled | None], None] | None = None) -> None:
        """Keep it, then send it. told: called once with what the call became, or with None where charging refused it for good."""
        body = records.settlement_body(request)
        if told is not None:
            self._told[request.session] = stack.guarded(told)
        self.journal.ended(request.session, body)
        self._waiting[request.session] = body
        self._pump()

    def resume(self, kept: list[tuple[str, dict[str, Any]]]) -> None:
        """Take up what an earlier process left."""
        self._waiting.update(kept)
        self._pump()

    def waiting(self) -> int:
        return len(self._waiting)

    def _pump(self) -> None:
        figures.SETTLEMENTS.set(len(self._waiting))
        if self._retry is not None:
            return
        for session in list(self._waiting):
            if len(self._under_way) >= _IN_FLIGHT:
                return
            if session not in self._under_way:
                self._under_way.add(session)
                self.background.ask(self._settle(self._waiting[session]), functools.partial(self._came_back, session))

    async def _settle(self, body: Mapping[str, Any]) -> ports.Settled | str:
        try:
            settled = await self.charging.settle(records.settlement(body))
        except ports.ChargingRefused as refused:
            log.error("settlement-refused", call=body["session"], detail=refused.message)
            return "refused"
        log.info(
            "call-settled",
            call=body["session"],
            cdr=settled.cdr_id,
            charged_s=settled.charged_s,
            charge_micros=settled.charge_micros,
            cut=settled.cut,
        )
        return settled

    def _came_back(self, session: str, outcome: ports.Settled | str | None) -> None:
        self._under_way.discard(session)
        if outcome is not None:
            self._waiting.pop(session, None)
            self.journal.settled(session)
            self._pause_s = 0.0
            if (told := self._told.pop(session, None)) is not None:
                told(outcome if isinstance(outcome, ports.Settled) else None)
            self._pump()
        elif self._retry is None:
            self._pause_s = min(max(self._pause_s * 2, _FIRST_RETRY_S), _LAST_RETRY_S)
            self._retry = stack.after(self._pause_s, self._again)

    def _again(self) -> None:
        self._retry = None
        self._pump()

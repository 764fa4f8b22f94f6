"""After a crash: the calls that nobody ended get their BYE on both legs and are settled at their last heartbeat."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from cadran.charging.ports import SettleCall
from cadran.voice.b2bua import figures
from cadran.voice.b2bua.legs import Leg
from cadran.voice.journal import writer

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

log = structlog.get_logger("voice.recovery")


def end_orphans(server: Server) -> int:
    """End every dialog of the journal; returns how many. Their media end with the relay's sessions, which the media client
    clears when it connects."""
    found = writer.dialogs()
    for session, body, used_ms in found:
        for side in body.keys() & {"caller", "callee"}:  # a leg that Cadran placed itself is one alone
            try:
                Leg.from_dialog(server.config, body[side]).end()
            except Exception:
                figures.ERRORS.labels(where="recovery").inc()
                log.exception("orphan-leg-not-ended", call=session, leg=side)
        answered_at = datetime.fromisoformat(str(body["answered_at"]))
        log.warning("orphan-ended", call=session, measured_ms=used_ms)
        figures.ENDED.labels(by="restart").inc()
        server.settlements.add(
            SettleCall(
                session=session,
                at=answered_at + timedelta(milliseconds=used_ms),
                answered_at=answered_at,
                measured_ms=used_ms,
                disposition="answered",
                ended_by="restart",
                carrier=str(body.get("carrier", "")),
            )
        )
    return len(found)

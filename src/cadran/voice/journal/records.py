"""Settlements as plain values for JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cadran.charging.ports import SettleCall


def settlement_body(request: SettleCall) -> dict[str, Any]:
    """The form kept on disk; instants in ISO 8601 with their zone."""
    return {
        "session": request.session,
        "at": request.at.isoformat(),
        "answered_at": request.answered_at.isoformat() if request.answered_at else None,
        "measured_ms": request.measured_ms,
        "disposition": request.disposition,
        "ended_by": request.ended_by,
        "sip_code": request.sip_code,
        "carrier": request.carrier,
    }


def settlement(body: Mapping[str, Any]) -> SettleCall:
    """The reverse of settlement_body."""
    answered = body["answered_at"]
    return SettleCall(
        session=str(body["session"]),
        at=datetime.fromisoformat(str(body["at"])),
        answered_at=datetime.fromisoformat(str(answered)) if answered else None,
        measured_ms=int(body["measured_ms"]),
        disposition=str(body["disposition"]),
        ended_by=str(body["ended_by"]),
        sip_code=int(body["sip_code"]),
        carrier=str(body["carrier"]),
    )

"""What became of the calls that Cadran was asked to place: from the SIP process's file, and what they cost from charging's."""

from __future__ import annotations

from cadran.charging import queries as charging
from cadran.voice.callback import models, orders


def state(key: str) -> orders.CallbackState | None:
    """The order of that key, None where there is none. What a leg cost is known once charging has settled it."""
    row = models.PlacedCall.objects.filter(key=key).first()
    if row is None:
        return None
    costs = _costs(row.account, row.id) if row.kind == orders.CALLBACK and row.account else (None, None)
    return orders.CallbackState(
        key=row.key,
        id=row.id,
        stage=row.stage,
        why=row.why,
        asked_at=row.asked_at,
        changed_at=row.changed_at,
        first=costs[0],
        second=costs[1],
    )


def _costs(account: str, callback_id: str) -> tuple[orders.LegCost | None, orders.LegCost | None]:
    wanted = orders.sessions(callback_id)
    found = charging.of_sessions(account, wanted)
    made = [
        orders.LegCost(
            cdr_id=record.cdr_id,
            disposition=record.disposition,
            measured_s=-(-record.measured_ms // 1000),
            charged_s=record.charged_s,
            charge_micros=record.charge_micros,
            currency=record.currency,
        )
        if (record := found.get(session)) is not None
        else None
        for session in wanted
    ]
    return made[0], made[1]

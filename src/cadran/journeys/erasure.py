"""An erasure of evidence reaches the file that charging owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cadran.charging.ports import Charging
from cadran.policy.events import PendingEvent
from cadran.policy.proof import operations
from cadran.units.clause import carries


@carries("KRY-2.4-evidence")
def erase_in_charging(event: PendingEvent, charging: Charging) -> None:
    """Remove what the money's file keeps of an erased holder: bodies, salts and data key; then the bodies of events that had still to
    be carried. Again changes nothing."""
    holders = event.body["holders"]
    assert isinstance(holders, Mapping)
    for source, holder in holders.items():
        room, _, shard = str(source).partition("-")
        if room == "charging":
            charging.erase_evidence(holder=int(str(holder)), **({"shard": int(shard)} if shard else {}))
    waiting = event.body["events"]
    assert isinstance(waiting, Sequence)
    operations.finish_erasure(event_ids=[int(one) for one in waiting])

"""Charging shared by several processes: each owns the accounts that fall to its shard, and no other touches them. Pure.

An account's shard follows from its id alone (CRC-32, the same on every machine and for ever) and from how many shards there are.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from cadran.charging.ports import ChargingRefused

MOST = 16


@dataclass(frozen=True, slots=True)
class Shard:
    """The share of the accounts that one process owns: `number` of `count`, from 0."""

    number: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.count <= MOST:
            raise ValueError(f"a shard is one of at most {MOST}, counted from 0: not {self.number} of {self.count}")

    def owns(self, account: str) -> bool:
        return self.count == 1 or of(account, self.count) == self.number

    def check(self, account: str) -> None:
        """Raises ChargingRefused (`shard-differs`) for an account of another one: the caller believes in another number of shards."""
        if not self.owns(account):
            raise ChargingRefused(
                f"{account} belongs to shard {of(account, self.count)} of {self.count}, not to {self.number}:"
                " give every process the same CADRAN_CHARGING_SHARDS",
                reason="shard-differs",
            )


ONE = Shard()


def of(account: str, count: int) -> int:
    """The number of the shard that owns an account, of so many."""
    return zlib.crc32(account.encode("utf-8", "surrogatepass")) % count


def schema(number: int) -> str:
    """Where a shard keeps the evidence of its own in PostgreSQL: the first beside everything else, the others in a schema each."""
    return "public" if number == 0 else f"charging_{number}"


def source(number: int) -> str:
    """The name of a shard's evidence, which stands in every leaf and never changes."""
    return "charging" if number == 0 else f"charging-{number}"

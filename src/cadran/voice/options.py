"""Limits and times of the SIP process, each from the environment as CADRAN_SIP_<NAME> (`min_expires_s` is
CADRAN_SIP_MIN_EXPIRES_S), with values that suit a small installation."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from cadran.units.errors import InvalidInput


class InvalidOption(InvalidInput):
    """An environment variable that is no number."""

    error_id = "voice-option-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that bounds the SIP process. Times in seconds, rates per second."""

    min_expires_s: int = 60
    max_expires_s: int = 3600
    devices: int = 10
    nonce_lifetime_s: int = 300
    directory_ttl_s: int = 5
    failures: int = 20
    failures_per_source: int = 200
    failure_window_s: int = 60
    new_calls_per_s: int = 120
    registers_per_s: int = 200
    calls: int = 2000
    queue: int = 4000
    max_datagram: int = 8000
    lag_refuse_ms: int = 400
    lag_drop_ms: int = 1500
    no_answer_s: int = 90
    carrier_silence_s: int = 6
    bye_s: int = 6
    heartbeat_s: int = 4
    carriers_s: int = 5
    private_targets: int = -1
    callbacks: int = 200
    callbacks_per_account: int = 2
    callbacks_per_minute: int = 6
    callback_rings_s: int = 40
    callback_second_rings_s: int = 60

    @classmethod
    def from_environment(cls) -> Options:
        """Read the variables that are set. Raises InvalidOption."""
        found: dict[str, int] = {}
        for one in fields(cls):
            name = f"CADRAN_SIP_{one.name.upper()}"
            if (text := os.environ.get(name)) is not None:
                try:
                    found[one.name] = int(text)
                except ValueError:
                    raise InvalidOption(f"{name} must be a whole number, not {text!r}") from None
        return cls(**found)

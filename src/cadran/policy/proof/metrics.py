"""Figures of evidence for Prometheus, shown by the process that seals."""

from __future__ import annotations

import time

from prometheus_client import Gauge

from cadran.policy.proof import queries

SEALS = Gauge("cadran_evidence_seals", "Number of the newest seal", multiprocess_mode="mostrecent")
UNSEALED = Gauge("cadran_evidence_unsealed_entries", "Entries that no seal covers yet", multiprocess_mode="mostrecent")
UNWITNESSED = Gauge(
    "cadran_evidence_unwitnessed_seals", "Seals that no time stamp covers yet", multiprocess_mode="mostrecent"
)
OLDEST = Gauge(
    "cadran_evidence_unwitnessed_seconds", "Age of the oldest seal without a time stamp", multiprocess_mode="mostrecent"
)
FAILURES = Gauge(
    "cadran_evidence_witness_failures", "Failed attempts in a row to reach the witness", multiprocess_mode="mostrecent"
)


def show(*, failures: int) -> None:
    """Set the gauges from the files, and the attempts that failed in a row."""
    state = queries.status()
    SEALS.set(state.seals)
    UNSEALED.set(state.unsealed)
    UNWITNESSED.set(state.unwitnessed)
    OLDEST.set(max(0.0, time.time() - state.unwitnessed_since.timestamp()) if state.unwitnessed_since else 0.0)
    FAILURES.set(failures)

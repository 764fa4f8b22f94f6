"""Figures of the charging process for Prometheus."""

from __future__ import annotations

import functools

from prometheus_client import Counter, Gauge, Histogram

from cadran.charging.ports import Charged, Grant
from cadran.charging.records import Record

AUTHORISED = Counter("cadran_charging_authorised_total", "Calls asked for, by answer", ["code"])
SETTLED = Counter("cadran_charging_settled_total", "Calls over, by what ended them", ["ended_by"])
CHARGED = Counter("cadran_charging_charged_micros_total", "Charged to customers", ["currency"])
LOSS = Counter(
    "cadran_charging_loss_micros_total", "Measured beyond what was granted, borne by the operator", ["currency"]
)
LOSS_S = Counter("cadran_charging_loss_seconds_total", "Seconds measured beyond what was granted")
LEASES = Counter("cadran_charging_leases_over_total", "Calls settled because nothing more was heard of them")
EVENTS = Counter("cadran_charging_events_total", "One-off services, by step and what became of it", ["step", "state"])
OPEN = Gauge("cadran_charging_open_calls", "Calls with a session open", multiprocess_mode="livesum")
BATCH = Histogram(
    "cadran_charging_batch_requests", "Requests in one transaction", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
)
REQUEST = Histogram(
    "cadran_charging_batch_seconds",
    "From the start of a batch to its commit",
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10),
)
FAILED = Counter("cadran_charging_failed_total", "Requests that failed against all expectation")
BUSY = Counter("cadran_charging_busy_total", "Requests turned away because the queue was full")


@functools.lru_cache(maxsize=512)
def _of(counter: Counter, *labels: str) -> Counter:
    """One series of a counter, looked up once."""
    return counter.labels(*labels)


def authorised(grant: Grant) -> None:
    _of(AUTHORISED, grant.decision.code).inc()


def settled(record: Record) -> None:
    _of(SETTLED, record.ended_by).inc()
    if record.charge_micros:
        _of(CHARGED, record.currency).inc(record.charge_micros)
    if record.loss_s:
        LOSS_S.inc(record.loss_s)
        _of(LOSS, record.currency).inc(record.loss_micros)


def charged(step: str, event: Charged) -> None:
    _of(EVENTS, step, event.state).inc()


def open_sessions(count: int) -> None:
    OPEN.set(count)


def failed() -> None:
    FAILED.inc()


def lease_over() -> None:
    LEASES.inc()

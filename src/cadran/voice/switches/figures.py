"""Prometheus figures of what outside switches ask."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "cadran_switch_requests_total",
    "Requests of outside switches, by face, what was asked and status",
    ["face", "op", "status"],
)
SECONDS = Histogram(
    "cadran_switch_request_seconds",
    "From a request of a switch to its answer",
    ["op"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
TURNED = Counter("cadran_switch_turned_away_total", "Requests not looked at, by reason", ["why"])

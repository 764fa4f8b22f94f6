"""Figures of all processes on one page: each writes its own files under var/metrics, the supervisor adds them up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from wsgiref.simple_server import WSGIServer

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def directory(var: Path) -> Path:
    """Where the processes of this state folder keep their figures."""
    return var / "metrics"


def prepare(var: Path) -> dict[str, str]:
    """An empty folder for this run, and the variable that its processes need before they import the client."""
    folder = directory(var)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return {_VARIABLE: str(folder)}


def serve(var: Path, host: str, port: int) -> WSGIServer:
    """Answer GET /metrics in the Prometheus form on a thread of its own. The caller shuts the server down."""
    os.environ.setdefault(_VARIABLE, str(directory(var)))
    from prometheus_client import CollectorRegistry, multiprocess, start_http_server

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(directory(var)))  # type: ignore[no-untyped-call]
    server, _thread = start_http_server(port, addr=host, registry=registry)
    return server


def forget(var: Path, pid: int) -> None:
    """Drop the live gauges of a process that ended; its counters stay, so that totals never fall."""
    from prometheus_client import multiprocess

    if directory(var).is_dir():
        multiprocess.mark_process_dead(pid, path=str(directory(var)))  # type: ignore[no-untyped-call]

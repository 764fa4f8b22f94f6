"""The examples of the how-to run as they stand, against a live server."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from web_api_program import Program

from cadran.messaging.webhooks import deliveries, operations, queries
from cadran.messaging.webhooks.adapters.http import HttpSender
from cadran.party import queries as party

PAGE = Path(__file__).parents[2] / "docs/how-to/api.md"
FENCES = re.findall(r"^```(bash|python)( title=\"[^\"]+\")?\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
EXAMPLES = [(language, code) for language, title, code in FENCES if not title]
(RECEIVER,) = [code for _, title, code in FENCES if title]


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_each_example_of_the_how_to_runs_with_a_test_key(
    live_server: Any, prices: None, claire: party.Customer, key_for: Callable[..., Program], tmp_path: Path
) -> None:
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env |= {"CADRAN_API": f"{live_server.url}/api/v1", "CADRAN_KEY": key_for(claire, test=True).key}
    assert [language for language, _ in EXAMPLES] == ["bash"] * 3 + ["python", "bash", "python", "python", "bash"]
    for language, code in EXAMPLES:
        argv = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert done.stdout


@pytest.mark.django_db(databases="__all__")
def test_the_receiver_of_the_how_to_takes_what_we_send_and_refuses_a_forgery(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    at, owner = datetime.now(UTC), queries.Owner("ippi", "A000001")
    made = operations.add_endpoint(
        owner=owner, url=f"http://127.0.0.1:{port}/", kinds=["call.ended"], by="claire", at=at
    )
    env = {**os.environ, "WEBHOOK_SECRET": made.secret, "PORT": str(port)}
    running = subprocess.Popen(
        [sys.executable, "-c", RECEIVER], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        _listening(port)
        sender = HttpSender(lax=True)
        for stamp in (int(time.time()), int(time.time()) - 301):
            operations.ping(owner=owner, endpoint_id=made.endpoint.endpoint_id, at=at)
            deliveries.deliver_due(at=at, wall_s=stamp, sender=sender)
        late, fresh = (one for _, one in queries.deliveries(made.endpoint.endpoint_id, owner))
        assert (fresh.state, fresh.log[0].status) == ("delivered", 204)
        assert (late.state, late.log[0].status) == ("waiting", 400)
    finally:
        running.send_signal(signal.SIGTERM)
        told, _ = running.communicate(timeout=10)
    assert told.decode().split()[:2] == ["ping", fresh.notice_id]


def _listening(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the receiver does not listen")

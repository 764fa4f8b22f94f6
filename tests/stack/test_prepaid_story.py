"""The main story holds, and its JSON has the agreed form."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


@pytest.mark.clause("IPP-10.1-free-on-net", "IPP-10.1-per-second", "IPP-10.1-cdr", "IPP-9.2-180-days", "LAW-emergency")
def test_the_prepaid_story_holds_and_prints_one_object() -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("CADRAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "cadran", "serve", "--demo", "--json"],
        env=env,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert [step for step in told["steps"] if not step["ok"]] == []
    assert done.returncode == 0, done.stderr
    assert told["topped_up_micros"] == 10_000_000
    assert told["overdraw_attempts"] == {"tried": 30, "granted": 25, "lowest_balance_micros": 0}
    assert told["ledger_sums"] == {"EUR": 0}
    by_class = {call["class"] for call in told["calls"]}
    assert by_class >= {"on_net", "geographic", "mobile", "emergency"}
    assert all(call["charge_micros"] == 0 for call in told["calls"] if call["class"] in ("on_net", "emergency"))
    abroad = [call for call in told["calls"] if call["to"] == "447911123456" and call["from"] == "chloe"]
    assert [(call["seconds"], call["charge_micros"], call["cut"]) for call in abroad] == [(12, 24_000, True)]

"""The story of the faces holds in Chromium, and its JSON has the agreed form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(400)]


@pytest.mark.clause("IPP-1d-dashboard", "IPP-10.1-consumption", "KRY-2.4-evidence", "IPP-5.1-activation")
def test_the_portal_story_holds_leaves_its_pictures_and_proves_what_happened(tmp_path: Path) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("CADRAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "cadran", "serve", "--demo", "portal", "--json"],
        env=env | {"CADRAN_VAR": str(tmp_path / "v")},
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    told = json.loads(done.stdout)
    assert [step for step in told["steps"] if not step["ok"]] == []
    assert done.returncode == 0, done.stderr
    assert told["ledger_sums"] == {"EUR": 0}
    assert told["evidence_ok"] is True
    pictures = {path.name for path in (tmp_path / "v" / "demo").glob("*.png")}
    assert pictures == set(told["screenshots"])
    shown = " ".join(sorted(pictures))
    for what in ("registration-phone", "dashboard-live-wide", "why-fr-phone", "why-en-wide", "office-customer-phone"):
        assert what in shown

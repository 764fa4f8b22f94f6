"""An import that is killed in the middle of its writing leaves nothing, and can be made again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, signal, sys
import django
django.setup()
from datetime import UTC, datetime
from pathlib import Path
from django.core.management import call_command
from cadran.catalog import models, operations, queries
call_command("migrate", database="default", verbosity=0)
def told(stage, done, total):
    if stage == "write" and done >= total // 2 and sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
at = datetime(2026, 11, 22, tzinfo=UTC)
report = operations.import_deck(brand="ippi", source=Path(sys.argv[1]), at=at, progress=told)
print(models.Deck.objects.count(), models.DeckRate.objects.count(), report.created)
"""


def test_kill_9_in_the_middle_of_an_import_leaves_nothing(tmp_path: Path) -> None:
    deck = tmp_path / "deck.csv"
    lines = (f"{number},Somewhere,0.01" for number in range(10_000, 30_000))
    deck.write_text("\n".join(["prefix,destination,price", *lines]))
    environment = {**os.environ, "CADRAN_VAR": str(tmp_path / "var"), "DJANGO_SETTINGS_MODULE": "cadran.settings"}

    def run(mode: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "var").mkdir(exist_ok=True)
        command = [sys.executable, "-c", PROGRAM, str(deck), mode]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    killed = run("die")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = run("live")
    assert again.stdout.split() == ["1", "20000", "True"], again.stderr

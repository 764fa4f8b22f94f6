"""Has each file inspected in a process of its own: a bomb takes its own memory and time, not ours, and learns no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import cadran
from cadran.party.documents import inspection, rules
from cadran.units.errors import InvalidInput

WAIT_S = 40
AT_ONCE = 2  # inspections of one process: each may take a gigabyte for a moment
_turns = threading.BoundedSemaphore(AT_ONCE)


class FileRefused(InvalidInput):
    """A file that is not taken. `details["rule"]`: empty, size, type, heic, broken, pixels, small, pages, locked, active,
    busy."""

    error_id = "party-document-file-refused"


_SENTENCES = {
    "empty": "choose a file",
    "size": f"a file has at most {rules.MAX_BYTES // 1024 // 1024} MB",
    "type": "give a photo (JPEG, PNG, WebP) or a PDF",
    "heic": "this photo is in HEIC form: save it as JPEG",
    "broken": "this file cannot be read: take the photo again",
    "pixels": "this picture is too large: reduce it",
    "small": f"this picture is too small to be read: {inspection.SHORTEST_SIDE} points a side at least",
    "pages": f"a PDF has at most {rules.MAX_PAGES} pages",
    "locked": "this PDF is locked by a password: save it without",
    "busy": "too many files are being checked: send it again in a minute",
    "active": "this PDF holds scripts, forms or attachments: print it to a new PDF, or take a photo",
}


def inspected(raw: bytes) -> inspection.Safe:
    """The harmless copy of a file. Raises FileRefused."""
    if not raw:
        raise refusal("empty")
    if len(raw) > rules.MAX_BYTES:
        raise refusal("size")
    try:
        inspection.real_type(raw)  # most wrong files are told without a process
    except inspection.Refused as error:
        raise refusal(str(error)) from error
    argv = [sys.executable, "-m", inspection.__name__, str(rules.MAX_BYTES), str(rules.MAX_PAGES)]
    source = str(Path(cadran.__file__).resolve().parents[1])
    env = {"PYTHONPATH": source, "PATH": os.defpath, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if not _turns.acquire(timeout=WAIT_S):
        raise refusal("busy")
    try:
        done = subprocess.run(argv, input=raw, capture_output=True, timeout=WAIT_S, env=env, cwd="/", check=False)
    except subprocess.TimeoutExpired as error:
        raise refusal("broken") from error
    finally:
        _turns.release()
    line, _, content = done.stdout.partition(b"\n")
    if done.returncode != 0 or not line:  # it took more memory or time than a document needs
        raise refusal("broken")
    head = json.loads(line)
    if "refused" in head:
        raise refusal(str(head["refused"]))
    return inspection.Safe(str(head["media_type"]), int(head["pages"]), content)


def refusal(rule: str) -> FileRefused:
    """The failure of that rule."""
    return FileRefused(_SENTENCES.get(rule, _SENTENCES["broken"]), rule=rule)

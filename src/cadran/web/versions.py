"""The version of the static files."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path


@functools.cache
def files_version() -> str:
    """Changes whenever a static file does, so that browsers fetch it again."""
    folder = Path(__file__).parent / "static" / "web"
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]

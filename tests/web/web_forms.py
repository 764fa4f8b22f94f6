"""Reading what the site sends."""

from __future__ import annotations

import re


def link(text: str) -> str:
    """The path of the one link of a mail."""
    found = re.findall(r"http://127\.0\.0\.1:\d+(/account/\S+)", text)
    assert len(found) == 1, text
    return str(found[0])

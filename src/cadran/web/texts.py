"""Texts that the brand writes in Markdown, as safe HTML: no raw HTML passes, and links lead to web, mail or phone addresses only."""

from __future__ import annotations

import functools

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt


@functools.lru_cache(maxsize=32)
def html(markdown: str) -> SafeString:
    """The text as HTML. Raw HTML in it is shown, not run; javascript: and the like are no links."""
    renderer = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")
    return SafeString(renderer.render(markdown))

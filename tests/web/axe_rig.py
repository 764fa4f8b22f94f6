"""axe-core on a page that Chromium shows: what a screen reader or a keyboard would stumble over, by the rules of WCAG 2.2 AA.

From tests of other folders: `from web.axe_rig import axe_violations`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe_violations(page: Any) -> list[str]:
    """What axe finds wrong on the page as it stands: rule, place and reason, one line each; empty when all is right.

    page: a Playwright page. The script runs through the debugger, so that the site's policy need not let it in.
    """
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(_axe())
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
        ".then(result => result.violations.map(v => ({id: v.id, nodes: v.nodes.map(n =>"
        " ({at: n.target.join(' '), why: n.failureSummary}))})))",
        TAGS,
    )
    return [
        f"{rule['id']} at {node['at']}: {' '.join(str(node['why']).split())[:300]}"
        for rule in found
        for node in rule["nodes"]
    ]


@functools.cache
def _axe() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8") + ";0"

"""`cadran doctor`: what is wrong with this machine and this installation, and how to mend it. Changes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import click

OK, WARN, BAD = "ok", "warning", "bad"
_MARKS = {OK: ("✓", "green"), WARN: ("!", "yellow"), BAD: ("✗", "red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. state: ok | warning | bad; `mend` says what to do about it, empty when all is well."""

    check: str
    state: str
    detail: str
    mend: str = ""


Check = Callable[[], list[Finding]]


def examine(checks: dict[str, Check]) -> list[Finding]:
    """Run every check; one that fails itself is a finding, and the others go on."""
    found: list[Finding] = []
    for name, check in checks.items():
        try:
            found += check()
        except Exception as error:  # noqa: BLE001 - the edge: a doctor who faints helps nobody
            found.append(
                Finding(
                    name,
                    BAD,
                    f"the check failed: {type(error).__name__}: {error}",
                    "report this with the output of the command",
                )
            )
    return found


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
def command(*, as_json: bool) -> None:
    """Look at Python, packages, ports, disk, clocks, settings, secrets, databases, sockets and processes.

    Exit code 0 when nothing is bad, 1 otherwise.
    """
    from cadran.commands import checks

    found = examine(checks.ALL)
    bad = sum(one.state == BAD for one in found)
    warnings = sum(one.state == WARN for one in found)
    if as_json:
        findings = [asdict(one) for one in found]
        click.echo(
            json.dumps({"ok": not bad, "bad": bad, "warnings": warnings, "findings": findings}, ensure_ascii=False)
        )
    else:
        for one in found:
            mark, colour = _MARKS[one.state]
            click.echo(f"{click.style(mark, fg=colour)} {one.check:<12} {one.detail}")
            if one.mend:
                click.echo(f"  {'':<12} -> {one.mend}")
        click.echo(f"{len(found)} checks, {bad} bad, {warnings} warnings")
    sys.exit(1 if bad else 0)

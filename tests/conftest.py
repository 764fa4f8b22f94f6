"""A check that was skipped is not a check that passed: where `CI` is set, it fails."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

SPEAKING = {"access", "callback", "peers", "phone", "voice"}
"""Folders whose tests hear voices in real time, on media ports that are theirs: they run alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell apart what may run beside others: an installation or a site has ports of its own, a voice needs the whole machine."""
    for item in items:
        outside = item.get_closest_marker("peers") is not None
        speaks = item.path.parent.name in SPEAKING and item.get_closest_marker("stack") is not None
        if outside or speaks:
            item.add_marker(pytest.mark.alone)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped where every check must run: {report.longrepr}"
    return report

"""The examples of the reference are sent as they stand, one after the other, and answered as they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from charging_rig import Books
from switch_rig import Switchboard

from cadran.voice.switches import problems

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "charging-api.md"
_EXAMPLE = re.compile(r'```json title="POST /v1/(\w+)"\n(.*?)```\n\n```json title="(\d+)"\n(.*?)```', re.DOTALL)


def test_every_example_is_answered_as_the_page_says(board: Switchboard, books: Books) -> None:
    examples = _EXAMPLE.findall(PAGE.read_text())
    assert len(examples) == 7
    named = {"A000001": board.house.accounts["alice"], "A000002": board.house.accounts["bob"]}
    for op, request, status, answer in examples:
        for shown, real in named.items():
            request, answer = request.replace(shown, real), answer.replace(shown, real)
        got = board.post(op, json.loads(request))
        assert got.status_code == int(status)
        assert _comparable(got.json()) == _comparable(json.loads(answer)), request
    books.check()


def _comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Ids differ from one time to the next."""
    return {name: value if name not in ("cdr", "request_id") else bool(value) for name, value in answer.items()}


def test_the_page_names_every_failure_of_the_api() -> None:
    page = PAGE.read_text()
    told = {*problems.STATUS, *(f"charging-{reason}" for reason in problems.TITLES)}
    assert {error for error in told if f"`{error}`" not in page} == set()

"""What carries a clause is found in the source, and what must not be is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.policy import evidence, mutations
from cadran.policy.evidence import Value
from cadran.policy.register import Clause

CODE = """
from cadran.units import clause
from cadran.units.clause import carries

@carries("A-1", "A-2")
def free(): ...

class Room:
    @clause.carries("A-1")
    def held(self):
        @carries("A-3")
        def inner(): ...

if True:
    @carries("A-4")
    async def late(): ...

@carries(NAME)
def vague(): ...
"""
TESTS = """
import pytest
pytestmark = [pytest.mark.clause("A-1"), pytest.mark.stack]

@pytest.mark.clause("A-2", "A-3")
@pytest.mark.parametrize("x", [1])
def test_one(x): ...

class TestMore:
    pytestmark = pytest.mark.clause("A-4")

    @pytest.mark.peers
    def test_two(self, db): ...

def helper(): ...
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src" / "room" / "inner").mkdir(parents=True)
    (tmp_path / "src" / "room" / "inner" / "rules.py").write_text(CODE)
    (tmp_path / "src" / "room" / "__init__.py").write_text("# carries nothing\n")
    (tmp_path / "tests" / "room").mkdir(parents=True)
    (tmp_path / "tests" / "room" / "test_room.py").write_text(TESTS)
    return tmp_path


def test_code_is_found_by_its_decorator_wherever_it_stands(project):
    tags, wrong = evidence.carrying_code(project / "src" / "room")
    assert [(tag.clause, tag.name) for tag in tags] == [
        ("A-1", "room.inner.rules:free"),
        ("A-2", "room.inner.rules:free"),
        ("A-1", "room.inner.rules:Room.held"),
        ("A-3", "room.inner.rules:Room.held.<locals>.inner"),
        ("A-4", "room.inner.rules:late"),
    ]
    assert [(fault.line, fault.message) for fault in wrong] == [
        (18, "clause ids must be literal texts, so that the register finds them")
    ]


def test_tests_are_found_by_the_marks_of_function_class_and_module(project):
    tags, wrong = evidence.proving_tests(project)
    assert not wrong
    one, two = "tests/room/test_room.py::test_one", "tests/room/test_room.py::TestMore::test_two"
    assert [(tag.clause, tag.name) for tag in tags] == [
        ("A-1", one),
        ("A-2", one),
        ("A-3", one),
        ("A-1", two),
        ("A-4", two),
    ]
    assert tags[0].marks >= {"stack", "parametrize"}
    assert tags[-1].marks >= {"stack", "peers", "django_db"}


def test_a_file_that_is_no_python_is_told_and_does_not_stop_the_rest(project):
    (project / "src" / "room" / "spoilt.py").write_text("@carries('A-1'\ndef")
    tags, wrong = evidence.carrying_code(project / "src" / "room")
    assert len(tags) == 5
    assert any(fault.file == "room/spoilt.py" and "cannot be read as Python" in fault.message for fault in wrong)


def _found(state: str, complete: bool) -> tuple[evidence.Evidence, ...]:
    tag = evidence.Tag("A-1", "x", "x.py", 3)
    held = (Value("b/1:n.m", "A-1", 1, "count"),) if complete else ()
    return (evidence.Evidence(Clause("A-1", "rule", "must", state), held, (tag,), (tag,)),)


def told(state: str, complete: bool, baseline: list[str], clause: str = "A-1") -> list[str]:
    tag = evidence.Tag(clause, "x", "x.py", 3)
    return [str(fault) for fault in evidence.faults(_found(state, complete), [tag], [], baseline, "done.txt")]


def test_a_done_clause_with_value_code_test_and_record_is_right():
    assert told("done", True, ["A-1"]) == []


def test_a_done_clause_without_a_value_is_told():
    assert told("done", False, ["A-1"]) == ["A-1:1: is done but has no values"]


def test_a_clause_in_part_or_planned_may_lack_anything():
    assert told("part", False, []) == []
    assert told("planned", False, []) == []


def test_a_done_clause_that_turned_undone_is_told():
    assert told("part", True, ["A-1"]) == ["done.txt:1: A-1 was done and is part now"]


def test_a_done_clause_that_is_not_recorded_is_told():
    assert told("done", True, []) == ["done.txt:1: A-1 is done but not recorded: run `cadran clauses --record`"]


def test_a_tag_that_points_nowhere_is_told_with_its_place():
    assert told("planned", True, [], clause="A-9") == ["x.py:3: x names the unknown clause A-9"]


@pytest.mark.parametrize(
    ("content", "unit", "some"),
    [
        (180, "day", [181, 179]),
        (0, "micro-EUR", [1]),
        (True, "flag", [False]),
        ("Europe/Paris", "zone", ["UTC"]),
        ("purchase", "choice", ["expiry"]),
        ((), "country", [("FR",)]),
        (("a", "b"), "choice", [("a",), ("b",), ("a", "expiry")]),
        ((0, 0, 30), "day", [(0, 0), (0, 0, 31)]),
        ({"AM04": "again"}, "text", [{"AM04": "again-other"}, {}]),
    ],
)
def test_a_value_has_other_contents_that_a_slip_could_have_written(content, unit, some):
    found = mutations.others(content, unit)
    assert content not in found
    assert all(other in found for other in some)


@given(
    st.one_of(
        st.integers(0, 10**9),
        st.booleans(),
        st.text(max_size=5),
        st.lists(st.integers(0, 9), max_size=4).map(tuple),
        st.lists(st.text(max_size=2), max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=2), st.integers(0, 9), min_size=1, max_size=3),
    ),
    st.sampled_from(["day", "choice", "zone", "country"]),
)
def test_other_contents_always_exist_and_always_differ(content, unit):
    found = mutations.others(content, unit)
    assert found
    assert all(other != content for other in found)

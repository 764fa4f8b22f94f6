"""What a unit of work keeps in memory until it is on disk."""

from __future__ import annotations

from cadran.units.store import Memory, written


def test_what_a_later_unit_put_in_its_place_stays_until_that_one_is_written() -> None:
    memory, kept = Memory(), dict[str, object]()
    units = []
    for value in ("first", "second"):
        memory.put(kept, "key", [value])
        memory.pass_on(kept, "key")
        memory.keep()
        units.append(memory.take())
    written(units[0])
    assert kept == {"key": ["second"]}
    written(units[1])
    assert kept == {}


def test_what_a_failed_request_passed_on_is_not_forgotten_by_another() -> None:
    memory, kept = Memory(), dict[str, object]()
    memory.put(kept, "key", 1)
    memory.keep()
    memory.put(kept, "key", 2)
    memory.pass_on(kept, "key")
    memory.undo()
    written(memory.take())
    assert kept == {"key": 1}

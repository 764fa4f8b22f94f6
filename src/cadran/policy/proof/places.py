"""What became of sealed entries whose place does not hold what was sealed: altered, moved to another place, or removed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cadran.policy.proof import rules
from cadran.policy.proof.report import Fault

MOST_SOUGHT = 400
MOST_KEPT = 20_000


@dataclass(slots=True)
class Places:
    """Gathers the places that do not hold what was sealed, then names what happened to each. Beyond MOST_SOUGHT of them, moved entries
    are no longer told from altered ones; beyond MOST_KEPT they are only counted."""

    _expected: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _found: dict[tuple[str, int], rules.Entry] = field(default_factory=dict)
    _holes: list[tuple[str, int]] = field(default_factory=list)
    _last: dict[str, int] = field(default_factory=dict)
    _more: int = 0

    def look(self, source: str, position: int, leaf: bytes, entry: rules.Entry | None) -> None:
        """The place, the leaf that was sealed of it, and what lies there now."""
        if entry is None and leaf == rules.hole(source, position):
            self._holes.append((source, position))
            return
        if entry is not None and rules.leaf(entry) == leaf:
            return
        if len(self._expected) >= MOST_KEPT:
            self._more += 1
            return
        self._expected[source, position] = leaf
        if entry is not None:
            self._found[source, position] = entry

    def end(self, source: str, last: int) -> None:
        """The last position that the file holds now."""
        self._last[source] = last

    def faults(self) -> Iterator[Fault]:
        for source, position in self._holes:
            yield Fault("entry-removed", f"{source}:{position}", "removed before it was sealed")
        moved = self._moved() if len(self._expected) <= MOST_SOUGHT else {}
        homes = set(moved.values())
        for home, place in sorted((home, place) for place, home in moved.items()):
            yield Fault("entry-moved", _name(home), f"it now lies at {_name(place)}")
        gone = list[tuple[str, int]]()
        for place in self._expected:
            if place in homes:
                continue
            if place in self._found and place not in moved:
                kind = self._found[place].kind
                yield Fault("entry-altered", _name(place), f"what lies there ({kind}) is not what was sealed")
            else:
                gone.append(place)
        yield from self._gone(sorted(gone))
        if self._more:
            yield Fault("entry-altered", "further", f"{self._more} further entries are not what was sealed")

    def _moved(self) -> dict[tuple[str, int], tuple[str, int]]:
        """Present place of each entry that was sealed at another one, and that one."""
        homes = {leaf: place for place, leaf in self._expected.items()}
        moved = {}
        for place, entry in self._found.items():
            for source, position in self._expected:
                home = homes.get(rules.leaf(replace(entry, source=source, position=position)))
                if home == (source, position) and home != place:
                    moved[place] = home
        return moved

    def _gone(self, places: list[tuple[str, int]]) -> Iterator[Fault]:
        """Runs of removed places; a run that ends where the seals end, beyond the file's last entry, is a tail cut off."""
        runs = list[tuple[str, int, int]]()
        for source, position in places:
            if runs and runs[-1][0] == source and runs[-1][2] == position - 1:
                runs[-1] = (source, runs[-1][1], position)
            else:
                runs.append((source, position, position))
        for source, first, last in runs:
            where = f"{source}:{first}" + (f"-{last}" if last > first else "")
            if first > self._last.get(source, 0):
                yield Fault(
                    "tail-cut", where, f"sealed, and no longer there: the file ends at {self._last.get(source, 0)}"
                )
            else:
                yield Fault("entry-removed", where, "sealed, and no longer there")


def _name(place: tuple[str, int]) -> str:
    return f"{place[0]}:{place[1]}"

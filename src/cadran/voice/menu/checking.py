"""What is wrong with a table of states, found when it is read: a call never meets a state, a prompt or a value that is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cadran.voice.menu import desk
from cadran.voice.menu.table import (
    BACK,
    AnyState,
    Branch,
    Call,
    Ending,
    HasPrompt,
    Inquiry,
    Problem,
    Question,
    Sentence,
    Switch,
    Table,
    Telling,
    sentences,
    targets,
)

UNRECORDED = "menu-unknown-prompt"


def problems(table: Table, has_prompt: HasPrompt) -> list[Problem]:
    """Everything wrong, in the order of the table; empty for a table that can be used."""
    found = list(_menu(table))
    for state in table.states.values():
        found += _leads(table, state)
        found += _own(state)
        found += _said(table, state, has_prompt)
    if not found:  # paths mean something only when every target exists
        found += _paths(table)
    return found


def unreached(table: Table) -> list[str]:
    """States to which nothing leads: allowed, and worth a word."""
    seen = _reached(table, [table.start, table.errors_to, *table.entries])
    return [name for name in table.states if name not in seen]


def _menu(table: Table) -> Iterable[Problem]:
    if not table.languages:
        yield Problem("menu-language", "menu.languages", "name at least one language")
    for key, name in (
        ("start", table.start),
        ("errors_to", table.errors_to),
        *(("entries", one) for one in table.entries),
    ):
        if name not in table.states:
            yield Problem("menu-unknown-target", f"menu.{key}", f"there is no state {name!r}")
    if table.errors_to in table.states and not isinstance(table.states[table.errors_to], Ending):
        yield Problem("menu-errors-end", "menu.errors_to", f"{table.errors_to!r} must be a state of kind end")


def _leads(table: Table, state: AnyState) -> Iterable[Problem]:
    for key, to in targets(state):
        if to != BACK and to not in table.states:
            yield Problem("menu-unknown-target", f"states.{state.name}.{key}", f"there is no state {to!r}")
    if isinstance(state, Question):
        for key, to in (("silence", state.silence), ("wrong", state.wrong)):
            there = table.states.get(to)
            if there is not None and not isinstance(there, Ending) and not (isinstance(there, Telling) and there.error):
                yield Problem(
                    "menu-errors-uncounted",
                    f"states.{state.name}.{key}",
                    f"{to!r} must count: a state with error = true, or an end",
                )


def _own(state: AnyState) -> Iterable[Problem]:
    where = f"states.{state.name}"
    if isinstance(state, Question) and not state.short_most < state.least <= state.most:
        yield Problem("menu-out-of-bounds", f"{where}.least", "short.most < least <= most")
    if isinstance(state, Call):
        for name in state.outcomes.keys() - set(desk.CALL_OUTCOMES):
            yield Problem(
                "menu-unknown-outcome", f"{where}.outcomes.{name}", f"a call ends as {', '.join(desk.CALL_OUTCOMES)}"
            )
        for key in ("ringback", "low"):
            if not getattr(state, key):
                yield Problem("menu-missing-key", f"{where}.{key}", "a call needs it")
    if isinstance(state, Inquiry):
        asked = desk.QUESTIONS.get(state.ask)
        if asked is None:
            yield Problem("menu-unknown-question", f"{where}.ask", f"the desk answers {', '.join(desk.QUESTIONS)}")
            return
        for name in state.outcomes.keys() - asked.outcomes.keys():
            yield Problem("menu-unknown-outcome", f"{where}.outcomes.{name}", f"it answers {', '.join(asked.outcomes)}")
        for name in state.give.keys() - set(asked.gives):
            yield Problem(
                "menu-unknown-value", f"{where}.give.{name}", f"it takes {', '.join(asked.gives) or 'nothing'}"
            )


def _said(table: Table, state: AnyState, has_prompt: HasPrompt) -> Iterable[Problem]:
    known = _known_values(table)
    for key, sentence in sentences(state):
        where = f"states.{state.name}.{key}"
        for part in (part for group in sentence for part in group):
            if part.value and part.value not in known:
                yield Problem("menu-unknown-value", where, f"no call ever knows {part.value!r}")
            if part.prompt:
                language, slash, name = part.prompt.rpartition("/")
                for one in (language,) if slash else table.languages:
                    if not has_prompt(one, name):
                        yield Problem(
                            UNRECORDED, where, f"there is no recording {name!r} in {one!r}", about=f"{one}/{name}"
                        )
    for key in ("ringback", "waiting"):
        repeated: Sentence = getattr(state, key, ())
        if any(part.value for group in repeated for part in group):
            yield Problem("menu-bad-value", f"states.{state.name}.{key}", "what is repeated names recordings alone")


def _known_values(table: Table) -> set[str]:
    known = set(desk.OTHER_VALUES)
    for state in table.states.values():
        if isinstance(state, Question):
            known.add(state.into)
        elif isinstance(state, Inquiry) and state.ask in desk.QUESTIONS:
            known.update(value for values in desk.QUESTIONS[state.ask].outcomes.values() for value in values)
    return known


def _paths(table: Table) -> Iterable[Problem]:
    """Each state can come to an end, and no ring of states turns without the caller: only questions, calls and counted errors may
    be in one."""
    ending = {name for name, state in table.states.items() if isinstance(state, Ending)}
    before = len(ending) - 1
    while before < len(ending):
        before = len(ending)
        ending |= {name for name in table.states if any(to in ending for to in _onward(table, name))}
    for name in table.states:
        if name not in ending:
            yield Problem("menu-no-way-out", f"states.{name}", "nothing leads from here to an end")
    for name in _rings(table):
        yield Problem(
            "menu-ring", f"states.{name}", "these states lead to themselves without asking the caller anything"
        )


def _onward(table: Table, name: str) -> list[str]:
    """Where a state may lead, BACK being every question; a counted error and a question also lead to the end after too many."""
    state = table.states[name]
    found = [to for _key, to in targets(state) if to != BACK]
    if any(to == BACK for _key, to in targets(state)):
        found += [one for one, other in table.states.items() if isinstance(other, Question)]
    if isinstance(state, Telling) and state.error:
        found.append(table.errors_to)
    return found


def _reached(table: Table, entries: list[str]) -> set[str]:
    seen: set[str] = set()
    left = [name for name in entries if name in table.states]
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += [to for to in _onward(table, name) if to in table.states]
    return seen


def _rings(table: Table) -> list[str]:
    """States that can come round to themselves by states that ask nothing."""
    idle = {
        name: [to for to in _onward(table, name) if isinstance(table.states[to], Telling | Inquiry | Branch | Switch)]
        for name, state in table.states.items()
        if isinstance(state, Telling | Inquiry | Branch | Switch)
    }
    left = dict(idle)
    while gone := [name for name, onward in left.items() if not any(to in left for to in onward)]:
        for name in gone:
            del left[name]
    return [name for name in left if name in _round(left, name)]


def _round(ways: Mapping[str, list[str]], name: str) -> set[str]:
    seen: set[str] = set()
    left = list(ways[name])
    while left:
        one = left.pop()
        if one in ways and one not in seen:
            seen.add(one)
            left += ways[one]
    return seen

"""Reads tables of states from TOML, with every error at once: file by file, state by state."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cadran.voice.menu import leaving_out, speech
from cadran.voice.menu.table import (
    BACK,
    LANGUAGES,
    TABLES,
    AnyState,
    Branch,
    Call,
    Ending,
    Group,
    Inquiry,
    Limits,
    Part,
    Problem,
    Question,
    Sentence,
    Switch,
    Table,
    TableUnknown,
    TableWrong,
    Telling,
)

MOST_BYTES = 256 * 1024
MOST_STATES = 200
MOST_PARTS = 64
MOST_EXTENDED = 4
MOST_TOLD = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PROMPT = re.compile(r"(?:[a-z]{2}/)?[a-z0-9][a-z0-9_-]{0,63}")
_VALUE = re.compile(r"\{([a-z0-9_]{1,40})\|([a-z]{1,20})\}")
_KEYS = re.compile(r"[*][0-9*]{0,8}")
_WHYS = ("goodbye", "errors", "refused")
# Where a number may lie, both ends included.
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "errors": (1, 9),
    "typed_ahead": (0, 64),
    "steps": (20, 2000),
    "first_digit_s": (2, 60),
    "between_digits_s": (1, 60),
    "answer_s": (2, 60),
    "waiting_s": (0.2, 20),
    "leave_s": (0.5, 5),
    "settle_s": (2, 60),
    "least": (1, 40),
    "most": (1, 40),
    "short.most": (1, 39),
}


def find(name: str, brand_folder: Path | None) -> Path:
    """The file of a table: the brand's own first. Raises TableUnknown."""
    if not _NAME.fullmatch(name):
        raise TableUnknown(f"a table is named in small letters, digits and dashes, not {name[:40]!r}")
    own = [brand_folder / "menus" / f"{name}.toml"] if brand_folder else []
    for path in (*own, TABLES / f"{name}.toml"):
        if path.is_file():
            return path
    shipped = ", ".join(sorted(path.stem for path in TABLES.glob("*.toml")))
    raise TableUnknown(f"there is no menu {name!r}: shipped are {shipped}")


def read(name: str, brand_folder: Path | None = None) -> Table:
    """The table of that name, well formed; whether it holds together is for checking.py. Raises TableUnknown, TableWrong."""
    path = find(name, brand_folder)
    source: list[Path] = []
    merged = _merged(path, source)
    return _Reading(path).table(name, merged, tuple(source))


def wrong(path: Path, problems: list[Problem]) -> TableWrong:
    problems = list(dict.fromkeys(problems))
    told = "\n".join(f"  {one.where}: {one.text} ({one.code})" for one in problems[:MOST_TOLD])
    return TableWrong(f"{path}: {len(problems)} to put right\n{told}", problems=tuple(problems), path=str(path))


def _merged(path: Path, source: list[Path]) -> dict[str, Any]:
    """The file, laid over the one that it extends. `extend` names a shipped table, so that chains end."""
    if path in source or len(source) >= MOST_EXTENDED:
        raise wrong(path, [Problem("menu-extend", "extend", "a table extends a shipped one, and never itself")])
    source.append(path)
    try:
        raw = path.read_bytes()
        if len(raw) > MOST_BYTES:
            raise wrong(path, [Problem("menu-too-large", path.name, f"a table has up to {MOST_BYTES} bytes")])
        mine = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as why:
        raise wrong(path, [Problem("menu-not-toml", path.name, f"not TOML that can be read: {why}")]) from why
    extended = mine.pop("extend", None)
    if extended is None:
        return mine
    if not isinstance(extended, str) or not _NAME.fullmatch(extended):
        raise wrong(path, [Problem("menu-extend", "extend", 'write extend = "calling-card"')])
    return _laid(_merged(find(extended, None), source), mine)


def _laid(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables `menu` and `limits` key by key, states state by state and key by key; a state of another kind replaces the one below."""
    made = dict(below)
    for area, content in above.items():
        if not isinstance(content, dict) or not isinstance(below.get(area), dict):
            made[area] = content
        elif area != "states":
            made[area] = below[area] | content
        else:
            made[area] = dict(below[area])
            for name, state in content.items():
                known = below[area].get(name)
                same = isinstance(known, dict) and isinstance(state, dict)
                kept = same and state.get("kind", known.get("kind")) == known.get("kind")
                made[area][name] = known | state if kept else state
    return made


class _Reading:
    """One table being read; keeps what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.where = ""
        self.given: dict[str, Any] = {}
        self.skipped: Mapping[str, str] = {}

    def table(self, name: str, content: dict[str, Any], source: tuple[Path, ...]) -> Table:
        for area in content.keys() - {"menu", "limits", "states"}:
            self.problem("menu-unknown-key", area, "a table has [menu], [limits] and [states.<name>]", at="")
        states = self._states(self._dict(content, "states"))
        self._at("limits", self._dict(content, "limits"))
        limits = Limits(**{key: self._number(key, value) for key, value in self._defaults().items()})
        self._over()
        self._at("menu", self._dict(content, "menu"))
        languages = self._words("languages", tuple(LANGUAGES))
        for language in languages:
            if language not in LANGUAGES:
                self.problem("menu-language", "languages", f"Cadran speaks {', '.join(LANGUAGES)}, not {language!r}")
        title = self.given.pop("title", {})
        if not isinstance(title, dict) or not all(isinstance(one, str) and len(one) <= 200 for one in title.values()):
            self.problem("menu-bad-value", "title", 'write title = { fr = "…", en = "…" }')
            title = {}
        made = Table(
            name=name,
            title=title,
            languages=languages,
            start=self._past(self._word("start")),
            entries=tuple(name for name in self._words("entries", ()) if name not in self.skipped),
            errors_to=self._word("errors_to"),
            limits=limits,
            states=states,
            source=source,
        )
        self._over()
        if self.problems:
            raise wrong(self.path, self.problems)
        return made

    def _states(self, given: dict[str, Any]) -> dict[str, AnyState]:
        if len(given) > MOST_STATES:
            self.problem("menu-too-large", "states", f"a table has up to {MOST_STATES} states", at="")
            return {}
        skipped = self._left_out(given)
        made: dict[str, AnyState] = {}
        for name, state in given.items():
            if not _NAME.fullmatch(name) or name == BACK:
                self.problem(
                    "menu-state-name", f"states.{name[:64]}", "small letters, digits and dashes; `back` is taken", at=""
                )
            elif not isinstance(state, dict):
                self.problem("menu-bad-value", f"states.{name}", "a state is a table of keys", at="")
            elif name not in skipped:
                self._at(f"states.{name}", state)
                self.given.pop("leave_out", None)
                kind = str(self.given.pop("kind", ""))
                if kind not in _KINDS:
                    self.problem(
                        "menu-unknown-kind", "kind", f"a state is one of {', '.join(_KINDS)}, not {kind[:40]!r}"
                    )
                    continue
                made[name] = _KINDS[kind](self, name)
                self._over()
        self.skipped = skipped
        return {name: leaving_out.rerouted(state, skipped) for name, state in made.items()} if skipped else made

    def _past(self, name: str) -> str:
        return self.skipped.get(name, name)

    def _left_out(self, given: dict[str, Any]) -> dict[str, str]:
        """States left out, each to where it would have gone on."""
        found = {}
        for name, state in given.items():
            if not isinstance(state, dict) or not state.get("leave_out", False):
                continue
            onward = state.get("next") or (state.get("outcomes") or {}).get("ok")
            if state["leave_out"] is not True or not isinstance(onward, str):
                self.problem(
                    "menu-leave-out",
                    f"states.{name}.leave_out",
                    "only a state with next or ok can be left out",
                    at="",
                )
            else:
                found[name] = onward
        return {name: leaving_out.followed(found, name) for name in found}

    # ---- keys of the state being read ----

    def problem(self, code: str, key: str, text: str, at: str | None = None) -> None:
        place = self.where if at is None else at
        self.problems.append(Problem(code, f"{place}.{key}".strip("."), text))

    def _at(self, where: str, given: dict[str, Any]) -> None:
        self.where, self.given = where, dict(given)

    def _over(self) -> None:
        for key in self.given:
            self.problem("menu-unknown-key", str(key)[:64], "no such key here")

    def _dict(self, content: dict[str, Any], key: str) -> dict[str, Any]:
        found = content.get(key, {})
        if isinstance(found, dict):
            return found
        self.problem("menu-bad-value", key, "a table of keys", at="")
        return {}

    def _defaults(self) -> dict[str, Any]:
        return {key: getattr(Limits(), key) for key in Limits.__dataclass_fields__}

    def _word(self, key: str, default: str | None = None) -> str:
        found = self.given.pop(key, default)
        if isinstance(found, str) and (_NAME.fullmatch(found.replace("_", "-")) or found == default == ""):
            return found
        self.problem(
            "menu-missing-key" if found is None else "menu-bad-value",
            key,
            "write a name in small letters, digits, dashes",
        )
        return ""

    def _words(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        found = self.given.pop(key, default)
        if isinstance(found, list | tuple) and all(isinstance(one, str) for one in found):
            return tuple(found)
        self.problem("menu-bad-value", key, "write a list of names")
        return default

    def _number(self, key: str, default: Any) -> Any:
        found = self.given.pop(key.rpartition(".")[2], default)
        low, high = _BOUNDS[key]
        if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
            self.problem("menu-out-of-bounds", key, f"a number from {low:g} to {high:g}, not {found!r:.40}")
            return default
        if isinstance(default, int) and not isinstance(found, int):
            self.problem("menu-out-of-bounds", key, "a whole number")
            return default
        return found

    def _flag(self, key: str) -> bool:
        found = self.given.pop(key, False)
        if isinstance(found, bool):
            return found
        self.problem("menu-bad-value", key, "true or false")
        return False

    def _map(self, key: str, pattern: re.Pattern[str] | None = None) -> dict[str, str]:
        found = self.given.pop(key, {})
        if not isinstance(found, dict) or not all(isinstance(to, str) for to in found.values()):
            self.problem("menu-bad-value", key, "write names = states")
            return {}
        for name in found:
            if pattern is not None and not pattern.fullmatch(name):
                self.problem("menu-bad-keys", f"{key}.{name[:20]}", "a combination is star and up to 8 digits, as *0")
        return found

    def _sentence(self, key: str) -> Sentence:
        found = self.given.pop(key, [])
        if not isinstance(found, list):
            self.problem("menu-bad-value", key, "write a list of prompts")
            return ()
        groups: list[Group] = []
        loose: list[Part] = []
        for one in found:
            if isinstance(one, list):
                groups += [tuple(loose)] if loose else []
                loose = []
                groups.append(tuple(part for text in one if (part := self._part(key, text))))
            elif part := self._part(key, one):
                loose.append(part)
        groups += [tuple(loose)] if loose else []
        if sum(map(len, groups)) > MOST_PARTS:
            self.problem("menu-too-large", key, f"a sentence has up to {MOST_PARTS} parts")
            return ()
        return tuple(group for group in groups if group)

    def _part(self, key: str, text: object) -> Part | None:
        if isinstance(text, str) and _PROMPT.fullmatch(text):
            return Part(prompt=text)
        if isinstance(text, str) and (value := _VALUE.fullmatch(text)):
            if value[2] in speech.FORMS:
                return Part(value=value[1], form=value[2])
            self.problem("menu-unknown-form", key, f"{value[2]!r} is none of {', '.join(speech.FORMS)}")
            return None
        self.problem(
            "menu-bad-value", key, f'a prompt as "welcome" or a value as "{{minutes|minutes}}", not {str(text)[:40]!r}'
        )
        return None

    # ---- kinds ----

    def telling(self, name: str) -> AnyState:
        return Telling(
            name=name,
            say=self._sentence("say"),
            next=self._word("next"),
            error=self._flag("error"),
            fresh=self._flag("fresh"),
        )

    def question(self, name: str) -> AnyState:
        short = self.given.pop("short", {})
        outer, self.given = self.given, dict(short) if isinstance(short, dict) else {"short": short}
        most, to = (int(self._number("short.most", 2)), self._word("next")) if short else (0, "")
        self._over()
        self.given = outer
        return Question(
            name=name,
            say=self._sentence("say"),
            into=self._word("into"),
            next=self._word("next"),
            silence=self._word("silence"),
            wrong=self._word("wrong"),
            least=int(self._number("least", 1)),
            most=int(self._number("most", 20)),
            corrected=self._sentence("corrected"),
            keys=self._map("keys", _KEYS),
            short_most=most,
            short_next=to,
        )

    def inquiry(self, name: str) -> AnyState:
        return Inquiry(
            name=name,
            ask=self._word("ask"),
            give=self._map("give"),
            outcomes=self._map("outcomes"),
            otherwise=self._word("otherwise"),
            waiting=self._sentence("waiting"),
        )

    def branch(self, name: str) -> AnyState:
        return Branch(
            name=name, value=self._word("value"), known=self._word("known"), otherwise=self._word("otherwise")
        )

    def call(self, name: str) -> AnyState:
        return Call(
            name=name,
            say=self._sentence("say"),
            waiting=self._sentence("waiting"),
            ringback=self._sentence("ringback"),
            low=self._sentence("low"),
            outcomes=self._map("outcomes"),
            otherwise=self._word("otherwise"),
            left=self._word("left"),
        )

    def switch(self, name: str) -> AnyState:
        return Switch(name=name, next=self._word("next"))

    def ending(self, name: str) -> AnyState:
        why = self._word("why", "goodbye")
        if why not in _WHYS:
            self.problem("menu-bad-value", "why", f"one of {', '.join(_WHYS)}")
        return Ending(name=name, say=self._sentence("say"), why=why)


_KINDS: Mapping[str, Callable[[_Reading, str], AnyState]] = {
    "say": _Reading.telling,
    "digits": _Reading.question,
    "desk": _Reading.inquiry,
    "branch": _Reading.branch,
    "call": _Reading.call,
    "language": _Reading.switch,
    "end": _Reading.ending,
}

"""A table of states as a picture (SVG): the way of a call from top to bottom, what leaves it to the right.

Where a way leads to a state that is drawn already it is written in the card instead of a line across the picture.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from cadran.voice.menu import texts
from cadran.voice.menu.table import (
    BACK,
    AnyState,
    Branch,
    Call,
    Ending,
    Inquiry,
    Question,
    Switch,
    Table,
    Telling,
    targets,
)

CARD_W, COLUMN, ROW_GAP, LINE, PAD, TOP = 236, 366, 20, 16, 14, 84
_KINDS: Mapping[type, str] = {
    Telling: "say",
    Question: "digits",
    Inquiry: "desk",
    Branch: "branch",
    Call: "call",
    Switch: "language",
    Ending: "end",
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "say": "dit",
        "digits": "attend des chiffres",
        "desk": "demande à la maison",
        "branch": "choisit",
        "call": "appelle",
        "language": "change de langue",
        "end": "dit, puis raccroche",
        "entries": "Autres entrées",
        "error": "compte une erreur",
        "states": "états",
    },
    "en": {
        "say": "says",
        "digits": "waits for digits",
        "desk": "asks the house",
        "branch": "chooses",
        "call": "calls",
        "language": "changes the language",
        "end": "says, then hangs up",
        "entries": "Other entries",
        "error": "counts an error",
        "states": "states",
    },
}
STYLE = """
.ivr{--paper:#fbfbfd;--card:#fff;--ink:#1c2230;--soft:#5d6678;--line:#b6bfce;--say:#2563eb;--digits:#b45309;--desk:#7c3aed;
--branch:#64748b;--call:#15803d;--language:#0e7490;--end:#be123c}
@media(prefers-color-scheme:dark){.ivr{--paper:#12161f;--card:#1b2130;--ink:#eef1f7;--soft:#a4aec0;--line:#4a556a;--say:#7da7ff;
--digits:#f0b25a;--desk:#b79bff;--branch:#9fb0c6;--call:#5fd08a;--language:#5ccbe0;--end:#ff8aa0}}
"""
RULES = """
.ivr{font-family:system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif}.ivr .paper{fill:var(--paper)}
.ivr .card{fill:var(--card);stroke:var(--line)}.ivr .name{fill:var(--ink);font-weight:650;font-size:14px}
.ivr .kind{font-size:11px;font-weight:600}.ivr .text{fill:var(--soft);font-size:12px}.ivr .way{fill:var(--soft);font-size:11px}
.ivr .to{fill:var(--ink);font-weight:600}.ivr .title{fill:var(--ink);font-size:22px;font-weight:700}
.ivr .line{fill:none;stroke:var(--line);stroke-width:1.6}.ivr .tip{fill:var(--line)}.ivr .label{fill:var(--soft);font-size:11px}
.ivr .under{stroke:var(--paper);stroke-width:5px;stroke-linejoin:round;paint-order:stroke}
.ivr .say{fill:var(--say)}.ivr .digits{fill:var(--digits)}.ivr .desk{fill:var(--desk)}.ivr .branch{fill:var(--branch)}
.ivr .call{fill:var(--call)}.ivr .language{fill:var(--language)}.ivr .end{fill:var(--end)}
"""


@dataclass(slots=True)
class _Card:
    state: AnyState
    x: int
    y: int
    lines: list[str]
    ways: list[tuple[str, str]] = field(default_factory=list)  # to states drawn elsewhere

    @property
    def height(self) -> int:
        return PAD * 2 + 32 + LINE * (len(self.lines) + len(self.ways)) + (6 if self.ways else 0)


@dataclass(frozen=True, slots=True)
class _Edge:
    source: str
    to: str
    label: str
    down: bool


def svg(table: Table, language: str, *, styled: bool = True) -> str:
    """The picture. styled: with its own colours, light and dark, as a file of its own; without, for a page that brings them."""
    return _Picture(table, language if language in _WORDS else "fr").text(styled)


class _Picture:
    def __init__(self, table: Table, language: str) -> None:
        self.table, self.language, self.words = table, language, _WORDS[language]
        self.cards: dict[str, _Card] = {}
        self.edges: list[_Edge] = []
        self.headings: list[tuple[int, str]] = []
        self.spine = self._spine()
        self.bottom = TOP
        self._lay()

    def _spine(self) -> list[str]:
        found: list[str] = []
        name = self.table.start
        while name in self.table.states and name not in found:
            found.append(name)
            name = _onward(self.table.states[name])
        return found

    def _lay(self) -> None:
        entries = [name for name in self.table.entries if name not in self.spine]
        placed = {*self.spine, *entries}
        for at, name in enumerate(self.spine):
            below = self.spine[at + 1] if at + 1 < len(self.spine) else ""
            self.bottom = self._branches(name, 0, self.bottom, placed, below) + ROW_GAP
        left = [name for name in (self.table.errors_to, *self.table.states) if name not in placed]
        others = list(dict.fromkeys([*entries, *left]))
        if others:
            self.headings.append((self.bottom + 22, self.words["entries"]))
            self.bottom += 44
        ends: list[str] = []
        for name in others:
            if name in self.cards or name in ends:
                continue
            placed.add(name)
            if isinstance(self.table.states[name], Ending):
                ends.append(name)
            else:
                self.bottom = self._branches(name, 0, self.bottom, placed, "") + ROW_GAP
        self._grid(ends)

    def _grid(self, names: list[str], columns: int = 4) -> None:
        for at in range(0, len(names), columns):
            row = [self._card(name, column, self.bottom) for column, name in enumerate(names[at : at + columns])]
            self.bottom += max(card.height for card in row) + ROW_GAP

    def _branches(self, name: str, column: int, y: int, placed: set[str], below: str) -> int:
        """Draw a state and all that leaves it, to the right; gives the lowest line used."""
        state = self.table.states[name]
        card = self._card(name, column, y)
        fresh: dict[str, list[str]] = {}
        down: list[str] = []
        for label, to in _ways(state):
            if to == below:
                down.append(label)
            elif to in fresh or (to != BACK and to not in placed):
                placed.add(to)
                fresh.setdefault(to, []).append(label)
            else:
                card.ways.append((label, to))
        card.ways = _together(card.ways)
        if down:
            self.edges.append(_Edge(name, below, ", ".join(filter(None, down)), True))
        lowest = y
        for to, labels in fresh.items():
            self.edges.append(_Edge(name, to, ", ".join(labels), False))
            lowest = self._branches(to, column + 1, lowest, placed, "") + ROW_GAP
        return max(y + card.height, lowest - ROW_GAP)

    def _card(self, name: str, column: int, y: int) -> _Card:
        state = self.table.states[name]
        said = texts.sentence(getattr(state, "say", ()), self.language)
        if isinstance(state, Inquiry):
            said = f"{state.ask} ?" if self.language == "fr" else f"{state.ask}?"
        elif isinstance(state, Branch):
            said = state.value
        lines = textwrap.wrap(said, 33, max_lines=3, placeholder=" …")
        self.cards[name] = _Card(state, 24 + column * COLUMN, y, lines)
        return self.cards[name]

    # ---- writing ----

    def text(self, styled: bool) -> str:
        width = max(card.x for card in self.cards.values()) + CARD_W + 24
        height = max(card.y + card.height for card in self.cards.values()) + 28
        above = 0 if styled else TOP - 14  # a page has the title already
        title = self.table.title.get(self.language) or self.table.name
        count = f"{len(self.table.states)} {self.words['states']}"
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="ivr" viewBox="0 {above} {width} {height - above}" '
            f'width="{width}" height="{height - above}" '
            f'role="img" aria-label="{_quoted(title)}">',
            f"<style>{STYLE}{RULES}</style>" if styled else "",
            f'<rect class="paper" width="{width}" height="{height}"/>' if styled else "",
            f'<text class="title" x="24" y="40">{escape(title)}</text>' if styled else "",
            f'<text class="way" x="24" y="62">{escape(self.table.name)} · {escape(count)}</text>' if styled else "",
            *(f'<text class="name" x="24" y="{y}">{escape(word)}</text>' for y, word in self.headings),
            *(self._line(edge) for edge in self.edges),
            *(self._drawn(name, card) for name, card in self.cards.items()),
            *(self._label(edge) for edge in self.edges),
            "</svg>",
        ]
        return "\n".join(part for part in parts if part) + "\n"

    def _line(self, edge: _Edge) -> str:
        a, b = self.cards[edge.source], self.cards[edge.to]
        if edge.down:
            x = a.x + 26
            path, tip = f"M{x} {a.y + a.height}V{b.y - 6}", f"M{x} {b.y}l-4.5 -8h9z"
        else:
            bend, y = a.x + CARD_W + 16, b.y + 24
            start = a.y + 24
            curve = f"H{b.x - 6}" if y == start else f"H{bend}V{y - 8}q0 8 8 8H{b.x - 6}"
            path, tip = f"M{a.x + CARD_W} {start}{curve}", f"M{b.x} {y}l-8 -4.5v9z"
        return f'<path class="line" d="{path}"/><path class="tip" d="{tip}"/>'

    def _label(self, edge: _Edge) -> str:
        a, b = self.cards[edge.source], self.cards[edge.to]
        if edge.down:
            return f'<text class="label under" x="{a.x + 36}" y="{b.y - 7}">{escape(edge.label)}</text>'
        label = textwrap.shorten(edge.label, 17, placeholder="…") if len(edge.label) > 17 else edge.label
        return f'<text class="label under" x="{b.x - 10}" y="{b.y + 19}" text-anchor="end">{escape(label)}</text>'

    def _drawn(self, name: str, card: _Card) -> str:
        kind = _KINDS[type(card.state)]
        x, y = card.x, card.y
        told = self.words[kind]
        if isinstance(card.state, Telling) and card.state.error:
            told = f"{told} · {self.words['error']}"
        parts = [
            f'<rect class="card" x="{x}" y="{y}" width="{CARD_W}" height="{card.height}" rx="9"/>',
            f'<rect class="{kind}" x="{x}" y="{y + 9}" width="4" height="{card.height - 18}" rx="2"/>',
            f'<text class="name" x="{x + PAD + 2}" y="{y + PAD + 11}">{escape(name)}</text>',
            f'<text class="kind {kind}" x="{x + PAD + 2}" y="{y + PAD + 27}">{escape(told)}</text>',
        ]
        line = y + PAD + 32
        for text in card.lines:
            line += LINE
            parts.append(f'<text class="text" x="{x + PAD + 2}" y="{line - 2}">{escape(text)}</text>')
        line += 6 if card.ways else 0
        for label, to in card.ways:
            line += LINE
            short = textwrap.shorten(label, 24, placeholder="…")
            parts.append(
                f'<text class="way" x="{x + PAD + 2}" y="{line - 2}">{escape(short)} '
                f'<tspan class="to">→ {escape(to)}</tspan></text>'
            )
        return "".join(parts)


def _onward(state: AnyState) -> str:
    """Where the way of a call goes on."""
    match state:
        case Telling() | Question() | Switch():
            return state.next
        case Inquiry():
            return state.outcomes.get("ok", state.otherwise)
        case Branch():
            return state.otherwise
        case Call():
            return state.outcomes.get("over", state.otherwise)
        case Ending():
            return ""


def _ways(state: AnyState) -> list[tuple[str, str]]:
    """Every way out with a short word for it, the way of the call first."""
    short = []
    for key, to in targets(state):
        label = key.removeprefix("outcomes.").removeprefix("keys.")
        if key == "next":
            label = "#" if isinstance(state, Question) else ""
        elif key == "short.next" and isinstance(state, Question):
            label = f"1–{'9' * state.short_most} #"
        elif key == "left":
            label = "**"
        short.append((label, to))
    return short


def _together(ways: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Ways to the same state on one line."""
    found: dict[str, list[str]] = {}
    for label, to in ways:
        found.setdefault(to, []).append(label)
    return [(", ".join(filter(None, labels)), to) for to, labels in found.items()]


def _quoted(text: str) -> str:
    return escape(text, {'"': "&quot;"})

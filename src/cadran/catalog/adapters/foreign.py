"""Rate exports of ASTPP, MagnusBilling and A2Billing: what their columns mean, as their documentation and their engines have it.

Each reads a line to a `PrefixLine`, exactly. What a form says that no call is priced by (routes, trunks, purchase prices) is not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from cadran.catalog import plans
from cadran.catalog.adapters import cgrates_cells, mapped, tables
from cadran.catalog.adapters.deck_cells import BadCell, shown
from cadran.catalog.adapters.deck_csv import MAX_PROBLEMS, Problem
from cadran.catalog.adapters.deck_file import UnreadableDeckFile

MAX_SECONDS = 86_400
DEFAULT_PREFIX = "defaultprefix"
WEEK_ENDS = ("", "0", "10079")

Cells = Mapping[str, str]


@dataclass(slots=True)
class Reading:
    """What a file holds; what has a problem is left out."""

    lines: list[plans.PrefixLine] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    notes: list[str] = field(default_factory=list)
    count: int = 0

    def wrong(self, line: int, column: str, code: str, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(line, column, code, message))

    @property
    def plan(self) -> plans.PrefixPlan:
        found: dict[str, list[plans.PrefixLine]] = {}
        for line in self.lines:
            found.setdefault(line.prefix, []).append(line)
        return plans.PrefixPlan(lines={prefix: tuple(lines) for prefix, lines in found.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of file. names: the columns that are read, by how they are written without blanks and marks, lower case. order: their
    places in a file without a header. needed: without these there is no price."""

    title: str
    names: Mapping[str, str]
    order: tuple[str, ...]
    needed: tuple[str, ...]
    line: Callable[[Cells, int], plans.PrefixLine]


def read(source: Path | bytes, form: str, *, delimiter: str = "", encoding: str = "") -> Reading:
    """The lines of an export. Raises UnreadableDeckFile."""
    of = FORMS[form]
    table = tables.read(source, delimiter=delimiter, encoding=encoding)
    reading = Reading()
    first = next(table.rows, None)
    if first is None:
        raise UnreadableDeckFile("the file has no rows")
    places = _places(first.cells, of)
    headless = places is None
    if places is None:
        if len(first.cells) > len(of.order):
            raise UnreadableDeckFile(
                f"the first row names no columns, and has more than the {len(of.order)} of an import of {of.title}: add a header"
            )
        places = {name: place for place, name in enumerate(of.order) if place < len(first.cells)}
        _take(first, places, of, reading)
    missing = [name for name in of.needed if name not in places]
    if missing:
        raise UnreadableDeckFile(
            f"no column of this file is {', '.join(missing)} of {of.title}; the first row is {', '.join(map(shown, first.cells[:20]))}"
        )
    for row in table.rows:
        _take(row, places, of, reading)
    others = (
        [] if headless else [cell for place, cell in enumerate(first.cells) if cell and place not in places.values()]
    )
    if others:
        reading.notes.append(f"columns that are not read: {', '.join(map(shown, others[:20]))}")
    reading.notes += table.notes
    reading.problems += table.problems
    reading.problem_count += table.problem_count
    reading.problems.sort(key=lambda problem: problem.line)
    return reading


def _places(header: tuple[str, ...], of: Form) -> dict[str, int] | None:
    """Where each column stands; None where the first row is no header."""
    found: dict[str, int] = {}
    for place, title in enumerate(header):
        bare = re.sub(r"\(.*?\)|[^a-z0-9]", "", title.casefold())
        if bare in of.names:
            found.setdefault(of.names[bare], place)
    return found if len(found) >= 2 else None


def _take(row: tables.Row, places: Mapping[str, int], of: Form, reading: Reading) -> None:
    reading.count += 1
    cells = {name: row.cells[place] if place < len(row.cells) else "" for name, place in places.items()}
    for place, code, message in row.wrong:
        if place in places.values():
            reading.wrong(row.line, next(name for name in places if places[name] == place), code, message)
            return
    try:
        reading.lines.append(of.line(cells, row.line))
    except BadCell as bad:
        column = bad.code if bad.code in places else ""
        reading.wrong(row.line, column, bad.code, str(bad))


def _prefix(text: str, name: str) -> str:
    """`^93.*`, `+93`, `0093`: digits. `defaultprefix` is any number."""
    if text == DEFAULT_PREFIX:
        return ""
    bare = mapped.prefix(text.removeprefix("^").removesuffix(".*"))
    if not (bare.isascii() and bare.isdigit() and len(bare) <= 15):
        raise BadCell(
            name, f"{name} is 1 to 15 digits, not {shown(text)}: a range or a pattern becomes a line for each prefix"
        )
    return bare


def _amount(cells: Cells, name: str) -> Fraction:
    return cgrates_cells.amount(cells.get(name, ""), name)


def _seconds(cells: Cells, name: str) -> int:
    """Whole seconds; blank is 0."""
    text = re.sub(r"\.0+$", "", cells.get(name, "")) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 7) or int(text) > MAX_SECONDS:
        raise BadCell(name, f"{name} is a whole number of seconds up to {MAX_SECONDS}, not {shown(text)}")
    return int(text)


def _nothing(cells: Cells, *names: str) -> None:
    """Columns that would change the price in a way that is not read: they must be blank or 0."""
    for name in names:
        if _amount(cells, name):
            raise BadCell(name, f"{name} is {shown(cells[name])}: only 0 is read, since no price of ours says this")


def _slot(start: int, rate: Fraction, increment: int, fee: Fraction = Fraction(0)) -> plans.Slot:
    return plans.Slot(
        start_s=Fraction(start), rate=rate, unit_s=Fraction(60), increment_s=Fraction(max(increment, 1)), fee=fee
    )


def _rate(connect: Fraction, *slots: plans.Slot) -> plans.PlanRate:
    return plans.PlanRate(tag="", connect_fee=connect, slots=slots)


def _astpp(cells: Cells, line: int) -> plans.PrefixLine:
    """Included seconds are free; then the initial increment whole, then whole increments. Without a column of initial increments,
    all are alike; an increment of 0 is a second."""
    free, step = _seconds(cells, "includedseconds"), max(1, _seconds(cells, "inc"))
    first = max(1, _seconds(cells, "init_inc")) if "init_inc" in cells else step
    price = _amount(cells, "cost")
    slots = (_slot(0, price, first), _slot(free + first, price, step))
    return plans.PrefixLine(
        prefix=_prefix(cells["pattern"], "pattern"),
        destination=cells.get("comment", "") or cells["pattern"],
        rate=_rate(_amount(cells, "connectcost"), *slots),
        line=line,
        free_s=free,
    )


def _blocks(price: Fraction, first: int, step: int) -> tuple[plans.Slot, ...]:
    """A first block whole; beyond it, the whole duration rounded up to a multiple of the step."""
    if step == 0 or first == 0 or first % step == 0:
        return _slot(0, price, first or step), *((_slot(first, price, step),) if first else ())
    rest = step - first % step
    return _slot(0, price, first), _slot(first, price, rest), _slot(first + rest, price, step)


def _magnusbilling(cells: Cells, line: int) -> plans.PrefixLine:
    """Blocks of 0 are a second. A call below the least time costs nothing. The disconnection charge is kept, and never charged."""
    _nothing(cells, "additional_grace")
    first, step = (max(1, _seconds(cells, name)) for name in ("initblock", "billingblock"))
    return plans.PrefixLine(
        prefix=_prefix(cells["dialprefix"], "dialprefix"),
        destination=cells.get("destination", "") or cells["dialprefix"],
        rate=_rate(_amount(cells, "connectcharge"), *_blocks(_amount(cells, "rateinitial"), first, step)),
        line=line,
        least_s=_seconds(cells, "minimal_time_charge"),
    )


def _a2billing(cells: Cells, line: int) -> plans.PrefixLine:
    """A flat rate in blocks, or up to three cycles with a price, a length, a block and a charge at their beginning each."""
    _nothing(cells, "additional_grace", "additional_block_charge", "rounding_calltime", "rounding_threshold")
    if cells.get("starttime", "") not in WEEK_ENDS or cells.get("endtime", "") not in WEEK_ENDS:
        raise BadCell("starttime", "starttime and endtime other than the whole week (0 to 10079) are not read")
    first, step = _seconds(cells, "initblock"), _seconds(cells, "billingblock")
    price, slots = _amount(cells, "rateinitial"), _cycles(cells)
    if slots:
        end = sum(_seconds(cells, f"timecharge{cycle}") for cycle in "abc"[: len(slots)])
        slots = [*slots, _slot(end, price, step)]
    return plans.PrefixLine(
        prefix=_prefix(cells["dialprefix"], "dialprefix"),
        destination=cells.get("destination", "") or cells["dialprefix"],
        rate=_rate(_amount(cells, "connectcharge"), *(slots or _blocks(price, first, step))),
        line=line,
        minimum=_amount(cells, "minimal_cost"),
        billed_from_s=first if slots else 0,
        ending=_amount(cells, "disconnectcharge"),
        ending_after_s=_seconds(cells, "disconnectcharge_after"),
        valid_from=_day(cells, "startdate"),
        valid_to=_day(cells, "stopdate"),
    )


def _cycles(cells: Cells) -> list[plans.Slot]:
    """Cycle after cycle, as long as each has a price and a length."""
    slots: list[plans.Slot] = []
    start = 0
    for cycle in "abc":
        price, length = _amount(cells, f"charge{cycle}"), _seconds(cells, f"timecharge{cycle}")
        if not price or not length:
            break
        block = _seconds(cells, f"billingblock{cycle}")
        if block and length % block:
            raise BadCell(f"timecharge{cycle}", f"a cycle of {length} s is not a whole number of blocks of {block} s")
        slots.append(_slot(start, price, block, _amount(cells, f"stepcharge{cycle}")))
        start += length
    return slots


def _day(cells: Cells, name: str) -> datetime | None:
    """`2026-01-31 00:00:00` in UTC; blank and a day of zeros are none."""
    text = cells.get(name, "")
    if not text or text.startswith("0000-"):
        return None
    try:
        return cgrates_cells.instant(text)
    except BadCell:
        raise BadCell(name, f"{name} is an instant such as 2026-01-31 00:00:00, not {shown(text)}") from None


FORMS = {
    "astpp": Form(
        title="ASTPP",
        names={
            **dict.fromkeys(("code", "prefix", "pattern"), "pattern"),
            **dict.fromkeys(("destination", "comment", "description"), "comment"),
            **dict.fromkeys(("connectcost", "connectioncost", "connectfee", "connectionfee"), "connectcost"),
            **dict.fromkeys(("includedseconds", "gracetime"), "includedseconds"),
            **dict.fromkeys(("perminutecost", "costmin", "costpermin", "costminute", "cost"), "cost"),
            **dict.fromkeys(("initialincrement", "initialblock", "initinc"), "init_inc"),
            **dict.fromkeys(("increment", "inc"), "inc"),
        },
        order=("pattern", "comment", "connectcost", "includedseconds", "cost", "inc", "precedence"),
        needed=("pattern", "cost"),
        line=_astpp,
    ),
    "magnusbilling": Form(
        title="MagnusBilling",
        names={
            **dict.fromkeys(("dialprefix", "prefix", "prefixo", "prefijo", "idprefix"), "dialprefix"),
            **dict.fromkeys(("destination", "destino"), "destination"),
            **dict.fromkeys(("rateinitial", "sellprice", "sellingprice", "rate"), "rateinitial"),
            **dict.fromkeys(("initblock", "initialblock"), "initblock"),
            **dict.fromkeys(("billingblock", "increment"), "billingblock"),
            **dict.fromkeys(("minimaltimecharge", "minimaltimetocharge", "minimumtimetocharge"), "minimal_time_charge"),
            **dict.fromkeys(("connectcharge", "connectioncharge"), "connectcharge"),
            **dict.fromkeys(("disconnectcharge", "disconnectioncharge"), "disconnectcharge"),
            **dict.fromkeys(("additionalgrace", "additionaltime"), "additional_grace"),
        },
        order=(
            *("dialprefix", "destination", "rateinitial", "initblock", "billingblock"),
            *("minimal_time_charge", "connectcharge", "disconnectcharge"),
        ),
        needed=("dialprefix", "rateinitial"),
        line=_magnusbilling,
    ),
    "a2billing": Form(
        title="A2Billing",
        names={
            **{
                name.replace("_", ""): name
                for name in (
                    *("dialprefix", "destination", "rateinitial", "initblock", "billingblock", "connectcharge"),
                    *("disconnectcharge", "disconnectcharge_after", "minimal_cost", "additional_grace", "starttime"),
                    *("additional_block_charge", "rounding_calltime", "rounding_threshold", "endtime", "startdate"),
                    *(
                        f"{word}{cycle}"
                        for cycle in "abc"
                        for word in ("stepcharge", "charge", "timecharge", "billingblock")
                    ),
                    "stopdate",
                )
            },
            **dict.fromkeys(("prefix", "prefx"), "dialprefix"),
            "sellrate": "rateinitial",
            **dict.fromkeys(("sellratemindur", "sellratemindurationinitblock", "sellrateminduration"), "initblock"),
            "sellratebillingblock": "billingblock",
        },
        order=("dialprefix", "destination", "rateinitial"),
        needed=("dialprefix", "rateinitial"),
        line=_a2billing,
    ),
}

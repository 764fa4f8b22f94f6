"""Which column of a file holds what: stated, or known by its name. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from cadran.units.errors import InvalidInput

UNITS = ("s", "ms", "us", "ns")
AMBIGUOUS = ("reject", "earliest", "latest")
# Names under which CDR files of switches carry the three columns, in lower case without marks.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "number": (
        "number",
        "called",
        "callednumber",
        "calledstationid",
        "callee",
        "calleenumber",
        "bnumber",
        "destination",
        "destinationnumber",
        "dialednumber",
        "dst",
        "to",
    ),
    "at": (
        "at",
        "answer",
        "answeredat",
        "answerstamp",
        "answertime",
        "calldate",
        "callstart",
        "datetime",
        "setuptime",
        "start",
        "startedat",
        "startstamp",
        "starttime",
        "time",
        "timestamp",
    ),
    "seconds": (
        "seconds",
        "acctsessiontime",
        "billmsec",
        "billsec",
        "callduration",
        "duration",
        "durationms",
        "durations",
        "durationseconds",
        "milliseconds",
        "sessiontime",
        "usage",
    ),
    "amount": ("amount", "callcost", "charge", "charged", "cost", "debit", "price", "sessionbill"),
}
MILLISECONDS = ("durationms", "billmsec", "milliseconds")


class WrongColumns(InvalidInput):
    """A file lacks a column, has one twice, or holds in it what cannot be a number, an instant or a duration."""

    error_id = "rating-columns-wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the cells of a file are meant.

    mapping: column of the file for each of `number`, `at`, `seconds` (and `amount`, for a replay); others are known by their
    names. zone: of instants that state none; empty: those are refused. instant_unit: of instants that are whole numbers.
    duration_unit: s, ms, us, ns, or empty: s, save where the column's name says otherwise. ambiguous: of a wall-clock time that
    comes twice, the earliest or the latest instant, or its rejection. delimiter: empty: found in the header.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
    instant_unit: str = "s"
    duration_unit: str = ""
    ambiguous: str = "reject"
    encoding: str = "utf-8"
    delimiter: str = ""

    def __post_init__(self) -> None:
        if unknown := set(self.mapping) - set(KNOWN):
            raise WrongColumns(f"a mapping names {', '.join(KNOWN)}, not {', '.join(sorted(unknown))}")
        if self.zone:
            try:
                ZoneInfo(self.zone)
            except Exception:  # noqa: BLE001 - zoneinfo raises ValueError, OSError or its own error, depending on the text
                raise WrongColumns(f"write a zone as Europe/Paris or UTC, not {self.zone!r}") from None
        try:
            plain = '\n,"'.encode(self.encoding) == b'\n,"'
        except (LookupError, UnicodeError):
            plain = False
        if not plain:
            raise WrongColumns(f"write an encoding such as utf-8 or latin-1, not {self.encoding!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of one file. duration_unit: s, ms, us or ns. amount: empty where none is asked for."""

    number: str
    at: str
    seconds: str
    duration_unit: str
    amount: str = ""


def find(names: Sequence[str], reading: Reading, *, amount: bool = False) -> Columns:
    """The columns of a file with these names. Raises WrongColumns, with the names and what to write."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WrongColumns(f"the header has {', '.join(twice[:5])!r} more than once: give each column one name")
    wanted = ("number", "at", "seconds", *(["amount"] if amount else []))
    found = {what: _column(what, names, reading) for what in wanted}
    if len(set(found.values())) < len(found):
        raise WrongColumns(f"one column cannot be two things: {found}")
    unit = reading.duration_unit or ("ms" if _bare(found["seconds"]) in MILLISECONDS else "s")
    return Columns(
        number=found["number"],
        at=found["at"],
        seconds=found["seconds"],
        duration_unit=unit,
        amount=found.get("amount", ""),
    )


def added(names: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """The names of columns that are added to a file: `rated_` stands before one that the file has already."""
    taken = {name.lower() for name in names}
    fresh = tuple(f"rated_{name}" if name in taken else name for name in own)
    if again := [name for name in fresh if name in taken]:
        raise WrongColumns(f"the file has been rated twice already: rename its column {again[0]}")
    return fresh


def _column(what: str, names: Sequence[str], reading: Reading) -> str:
    stated = reading.mapping.get(what)
    if stated is not None:
        if stated not in names:
            raise WrongColumns(f"there is no column {stated!r} for {what}: the file has {_list(names)}")
        return stated
    known = [name for name in names if _bare(name) in KNOWN[what]]
    if len(known) == 1:
        return known[0]
    if known:
        raise WrongColumns(f"{what} may be {_list(known)}: write --map {what}={known[0]}, or the other")
    raise WrongColumns(f"no column is known as {what}: write --map {what}=NAME; the file has {_list(names)}")


def _bare(name: str) -> str:
    return "".join(mark for mark in name.lower() if mark.isalnum())


def _list(names: Sequence[str]) -> str:
    """Names for a message: cut, escaped, so that they do no harm where it is printed."""
    shown = [ascii(name if len(name) <= 40 else name[:40] + "...")[1:-1] for name in names[:20]]
    return ", ".join(shown) + (f" and {len(names) - 20} more" if len(names) > 20 else "")

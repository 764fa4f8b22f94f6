"""Records that another system has charged: rated by us, compared one by one, and summed up by cause."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from cadran.catalog.rules import Rounding
from cadran.rating import decks, rules
from cadran.rating.files import cells, columns, rated, reading, reasons
from cadran.rating.files import run as files
from cadran.rating.files.engine import EPOCH, Engine
from cadran.rating.replay import causes
from cadran.rating.replay.causes import Call, Causes, Finding, Theirs
from cadran.rating.replay.patterns import Patterns
from cadran.units import money

# What is added to the columns of a record and its charge: theirs less ours, and why.
COMPARED = pa.schema([("their_amount", pa.decimal128(19, 9)), ("difference", pa.decimal128(19, 9))])
WHY = pa.schema([("cause", pa.string()), ("cause_detail", pa.string())])
EXAMPLES = 10
SAMPLE = 2_000


@dataclass(frozen=True, slots=True, order=True)
class Example:
    """One difference. nanos, of both sides: 1e-9 of the currency."""

    size: int
    file: str
    line: int
    number: str
    at: str
    seconds: int
    theirs: int
    ours: int
    currency: str
    detail: str

    def as_dict(self) -> dict[str, object]:
        return {
            "file": self.file,
            "line": self.line,
            "number": self.number,
            "at": self.at,
            "seconds": self.seconds,
            "theirs": amount(self.theirs),
            "ours": amount(self.ours),
            "currency": self.currency,
            "detail": self.detail,
        }


@dataclass(slots=True)
class Cause:
    """All differences of one cause in one currency. examples: the largest, as a heap."""

    records: int = 0
    theirs: int = 0
    ours: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Comparison:
    """What a replay found. causes: by cause and currency, `same` among them. rejected: records that we cannot rate."""

    causes: dict[tuple[str, str], Cause] = field(default_factory=dict)
    decimals: int = 0
    roundings: tuple[str, ...] = ()
    files: files.Outcome | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON: amounts as exact decimals, causes with the largest difference first."""
        assert self.files is not None
        sums = self.files.sums
        same = sum(cause.records for key, cause in self.causes.items() if key[0] == causes.SAME)
        return {
            "records": sums.records,
            "rated": sums.rated,
            "rejected": sums.rejected,
            "rejects": dict(sums.rejects.most_common()),
            "same": same,
            "different": sums.rated - same,
            "their_decimals": self.decimals,
            "their_rounding": list(self.roundings),
            "causes": [_told(key, cause) for key, cause in self.ordered()],
            "outputs": [str(path) for path in (*self.files.outputs, *self.files.rejects)],
            "elapsed_s": round(self.files.seconds, 3),
        }

    def ordered(self) -> list[tuple[tuple[str, str], Cause]]:
        """`same` first, then by the size of the difference."""
        return sorted(
            self.causes.items(),
            key=lambda item: (item[0][0] != causes.SAME, -abs(item[1].theirs - item[1].ours), item[0]),
        )


def replay(
    job: files.Job,
    engine: Engine,
    deck: decks.Deck,
    *,
    taxes: Sequence[Fraction] = (Fraction(1, 5),),
    look: reading.Look = lambda _bytes: None,
) -> Comparison:
    """Rate the inputs and compare: for each a file with both amounts, their difference and its cause.

    Raises what files.run raises. A comparison is made anew each time: job.force says whether it may replace an earlier one.
    """
    found = Comparison()
    labels = rated.Labels()
    labels.take_up(engine.rates)

    def one(unit: files.Unit) -> rated.Sums:
        work = _Work(job, engine, deck, tuple(taxes), found, labels)
        return work.do(unit, look)

    found.files = files.run_units(job, one, again=True)
    return found


class _Work:
    def __init__(
        self,
        job: files.Job,
        engine: Engine,
        deck: decks.Deck,
        taxes: tuple[Fraction, ...],
        found: Comparison,
        labels: rated.Labels,
    ) -> None:
        self._job, self._engine, self._deck, self._taxes = job, engine, deck, taxes
        self._found, self._labels = found, labels
        self._causes: Causes | None = None
        self._patterns: Patterns | None = None

    def do(self, unit: files.Unit, look: reading.Look) -> rated.Sums:
        sources = [reading.open_file(path, self._job.reading, look) for path in unit.inputs]
        first = sources[0].schema
        for source in sources:
            if source.schema != first:
                raise files.CannotRate(f"{source.path.name} has other columns than {unit.inputs[0].name}")
        names = columns.added(first.names, rated.ADDED.names)
        ours = columns.added([*first.names, *names], [*COMPARED.names, *WHY.names])
        fields = [pa.field(name, one.type) for name, one in zip(ours, [*COMPARED, *WHY], strict=True)]
        schema = pa.schema([*files.rated_schema(first, names), *fields])
        return files.write(unit, schema, self._chunks(sources, names, ours), escape=self._job.escape)

    def _chunks(
        self, sources: Sequence[reading.Source], names: Sequence[str], ours: Sequence[str]
    ) -> Iterator[files.Rated]:
        for source in sources:
            found = columns.find(source.schema.names, self._job.reading, amount=True)
            for piece in source.pieces:
                chunk = source.read(piece)
                table, wrong, sums = rated.rate(chunk, found, self._job.reading, self._engine, self._labels, names)
                lines = chunk.lines if wrong is None else np.setdiff1d(chunk.lines, wrong["line"].to_numpy())
                for name, column in zip(ours, self._compare(source, table, found, names, lines), strict=True):
                    table = table.append_column(name, column)
                yield table, wrong, sums

    def _compare(
        self, source: reading.Source, table: Any, found: columns.Columns, names: Sequence[str], lines: cells.Int64
    ) -> list[Any]:
        theirs, missing = cells.amounts(table[found.amount])
        own = dict(zip(rated.ADDED.names, names, strict=True))
        micros = table[own["charge_micros"]].to_numpy()
        used = rated.usage(table, found, self._job.reading)
        nanos = micros * 1000
        differs = np.flatnonzero((theirs != nanos) & (missing == reasons.RATED))
        why = [Finding(causes.SAME)] * len(micros)
        for index in np.flatnonzero(missing).tolist():
            why[index] = Finding(causes.NO_AMOUNT, reasons.word(int(missing[index])))
        calls = [self._call(used, theirs, index) for index in differs.tolist()]
        known = np.flatnonzero(missing == reasons.RATED)
        self._learn(theirs, [self._call(used, theirs, one) for one in known[:: max(1, len(known) // SAMPLE)].tolist()])
        for index, finding in zip(differs.tolist(), self._explained(calls), strict=True):
            why[index] = finding
        self._sum(source, table[own["currency"]], used, theirs, nanos, why, lines)
        text = pa.array([one.cause for one in why], pa.string()), pa.array([one.detail for one in why], pa.string())
        return [_decimals(theirs), _decimals(np.where(missing == reasons.RATED, theirs - nanos, 0)), *text]

    def _call(self, used: rated.Usage, theirs: cells.Int64, index: int) -> Call:
        digits = cells.digits_of(int(used.keys[index]))
        at = EPOCH + timedelta(seconds=int(used.at_s[index]))
        rate = self._deck.find(digits, at)
        assert rate is not None
        return Call(digits, at, int(used.seconds[index]), rate, int(theirs[index]))

    def _learn(self, theirs: cells.Int64, calls: Sequence[Call]) -> None:
        """How many decimals the other system writes, and which way it rounds: from all amounts so far, and a sample of calls."""
        decimals = max(self._found.decimals, _places(theirs))
        if self._causes is not None and decimals == self._found.decimals:
            return
        self._found.decimals = decimals
        modes = _modes(calls, decimals)
        self._found.roundings = tuple(str(mode) for mode in modes)
        self._causes = Causes(self._deck, Theirs(decimals, modes), self._taxes)
        self._patterns = Patterns(self._causes)

    def _explained(self, calls: Sequence[Call]) -> list[Finding]:
        assert self._causes is not None
        assert self._patterns is not None
        found = [self._causes.explain(call) for call in calls]
        left = [index for index, one in enumerate(found) if one.cause == causes.UNEXPLAINED]
        for index, finding in zip(left, self._patterns.explain([calls[index] for index in left]), strict=True):
            found[index] = finding
        return found

    def _sum(
        self,
        source: reading.Source,
        currency: Any,
        used: rated.Usage,
        theirs: cells.Int64,
        ours: cells.Int64,
        why: Sequence[Finding],
        lines: cells.Int64,
    ) -> None:
        names = np.array(currency.cast(pa.string()).to_pylist(), object)
        same = np.array([finding.cause == causes.SAME for finding in why], np.bool_)
        for name in np.unique(names[same].astype(str)) if same.any() else ():
            where = same & (names == name)
            cause = self._found.causes.setdefault((causes.SAME, str(name)), Cause())
            cause.records += int(where.sum())
            cause.theirs += sum(theirs[where].tolist())
            cause.ours += sum(ours[where].tolist())
        for index in np.flatnonzero(~same).tolist():
            finding, name = why[index], names[index]
            cause = self._found.causes.setdefault((finding.cause, name), Cause())
            cause.records += 1
            cause.theirs += int(theirs[index])
            cause.ours += int(ours[index])
            size = abs(int(theirs[index]) - int(ours[index]))
            if len(cause.examples) >= EXAMPLES and size <= cause.examples[0].size:
                continue
            example = Example(
                size,
                source.path.name,
                int(lines[index]),
                cells.digits_of(int(used.keys[index])),
                (EPOCH + timedelta(seconds=int(used.at_s[index]))).isoformat().replace("+00:00", "Z"),
                int(used.seconds[index]),
                int(theirs[index]),
                int(ours[index]),
                name,
                finding.detail,
            )
            (heapq.heappush if len(cause.examples) < EXAMPLES else heapq.heapreplace)(cause.examples, example)


def amount(nanos: int) -> str:
    """Nanos as an exact decimal: `0.0132`."""
    return rules.exact_text(Fraction(nanos, 10**9)) if nanos % 1000 else money.decimal_text(nanos // 1000)


def _told(key: tuple[str, str], cause: Cause) -> dict[str, object]:
    return {
        "cause": key[0],
        "currency": key[1],
        "records": cause.records,
        "theirs": amount(cause.theirs),
        "ours": amount(cause.ours),
        "difference": amount(cause.theirs - cause.ours),
        "examples": [one.as_dict() for one in sorted(cause.examples, reverse=True)],
    }


def _decimals(nanos: cells.Int64) -> Any:
    pairs = np.empty((len(nanos), 2), np.int64)
    pairs[:, 0] = nanos
    pairs[:, 1] = nanos >> 63
    return pa.Array.from_buffers(pa.decimal128(19, 9), len(nanos), [None, pa.py_buffer(pairs)])


def _places(nanos: cells.Int64) -> int:
    """The decimals that the amounts need."""
    for places in range(causes.MOST_DECIMALS):
        if not (nanos % 10 ** (causes.MOST_DECIMALS - places)).any():
            return places
    return causes.MOST_DECIMALS


def _modes(calls: Sequence[Call], decimals: int) -> tuple[Rounding, ...]:
    """The roundings by which nearly all of the calls come out that tell one from another; all, where there is no such one."""
    hits, telling = dict.fromkeys(causes.MODES, 0), 0
    for call in calls:
        exact = rules.charge(call.rate, call.seconds, call.at).exact / 1_000_000
        outcomes = {mode: rules.rounded(exact, mode, decimals) * causes.NANOS == call.nanos for mode in causes.MODES}
        if 0 < sum(outcomes.values()) < len(outcomes):
            telling += 1
            for mode, holds in outcomes.items():
                hits[mode] += holds
    found = tuple(mode for mode in causes.MODES if hits[mode] * 10 >= telling * 9)
    return found or causes.MODES

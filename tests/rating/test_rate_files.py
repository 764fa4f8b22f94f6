"""Files of call records: every column type that carries them, what is rejected, and that nothing is lost."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cadran.catalog.rules import Rate, TimeBand
from cadran.rating import decks, rules, tables
from cadran.rating.files import cells, columns, engine, reading, reasons, run

AT = datetime(2026, 1, 1, 10, tzinfo=UTC)
FRANCE = Rate(prefix="33", destination="France", currency="EUR", price_nanos=12_000_000, version="v1")
MOBILE = Rate(
    prefix="336", destination="Mobile", currency="EUR", price_nanos=50_000_000, first_s=60, connection_micros=100_000
)
DECK = decks.of_rates([FRANCE, MOBILE])
HEADER = "number,at,seconds\n"


def words(found: tuple[Any, Any]) -> list[str]:
    return [reasons.word(int(code)) for code in found[1]]


def rate(inputs: Path | list[Path], out: Path, **options: Any) -> run.Outcome:
    paths = inputs if isinstance(inputs, list) else [inputs]
    job = run.Job(inputs=run.inputs(paths), out=out, prices=options.pop("prices", "p"), **options)
    return run.run(job, engine.Scalar(DECK))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def file(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_numbers_of_every_spelling_and_type_become_the_same_keys() -> None:
    written = ["+33612345678", "0033 6 12-34.56 78", "33(6)12345678"]
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary()):
        keys, wrong = cells.numbers(pa.array(written).cast(kind))
        assert {cells.digits_of(int(key)) for key in keys} == {"33612345678"}
        assert not wrong.any()
    for column in (
        pa.array(["33612345678"]).dictionary_encode(),
        pa.array([33612345678], pa.uint64()),
        pa.chunked_array([["33612345678"], []]),
        pa.array(["x", "33612345678"])[1:],
    ):
        assert cells.numbers(column)[0].tolist() == [cells.key_of("33612345678")]
    assert cells.key_of("112") != cells.key_of("1120")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("9" * 15, ""),
        ("9" * 16, "number-invalid"),
        ("1", ""),
        ("0612345678", "number-invalid"),
        ("++33142", "number-invalid"),
        ("+", "number-invalid"),
        ("0x33", "number-invalid"),
        ("-33142", ""),  # a mark between digits, not a sign
        ("33142\0", "number-invalid"),
        ("٣٣١٤٢", "number-invalid"),
        (" ", "number-missing"),
        (None, "number-missing"),
    ],
)
def test_what_is_no_number_is_told(text: str | None, word: str) -> None:
    assert words(cells.numbers(pa.array([text, "33142"], pa.string()))) == [word, ""]
    assert words(cells.numbers(pa.array([text, "33142", text], pa.string()).dictionary_encode())) == [word, "", word]


def test_instants_of_every_unit_and_form_become_the_same_second() -> None:
    second = int(AT.timestamp())
    for unit in ("s", "ms", "us", "ns"):
        stamps = pa.array([second]).cast(pa.timestamp("s")).cast(pa.timestamp(unit))
        assert cells.instants(stamps.cast(pa.timestamp(unit, "Asia/Tokyo")))[0].tolist() == [second]
        assert cells.instants(stamps, zone="UTC")[0].tolist() == [second]
        assert cells.instants(stamps, zone="Europe/Paris")[0].tolist() == [second - 3600]
        whole = pa.array([second * cells.A_SECOND[unit]])
        assert cells.instants(whole, unit=unit)[0].tolist() == [second]
    texts = ["2026-01-01T10:00:00Z", "2026-01-01 11:00:00+01:00", "2026-01-01T10:00:00.999Z", str(second)]
    assert cells.instants(pa.array(texts))[0].tolist() == [second] * 4


def test_instants_without_a_zone_are_refused_until_one_is_stated() -> None:
    for column in (pa.array(["2026-01-01T10:00:00"]), pa.array([AT.replace(tzinfo=None)], pa.timestamp("us"))):
        with pytest.raises(columns.WrongColumns, match="--zone"):
            cells.instants(column)


@pytest.mark.parametrize(
    ("civil", "choice", "found"),
    [
        ("2026-03-29T01:59:59", "reject", "2026-03-29T00:59:59"),
        ("2026-03-29T02:00:00", "reject", "instant-never"),
        ("2026-03-29T02:59:59", "latest", "instant-never"),
        ("2026-03-29T03:00:00", "reject", "2026-03-29T01:00:00"),
        ("2026-10-25T01:59:59", "reject", "2026-10-24T23:59:59"),
        ("2026-10-25T02:00:00", "reject", "instant-twice"),
        ("2026-10-25T02:30:00", "earliest", "2026-10-25T00:30:00"),
        ("2026-10-25T02:30:00", "latest", "2026-10-25T01:30:00"),
        ("2026-10-25T03:00:00", "reject", "2026-10-25T02:00:00"),
    ],
)
def test_both_clock_changes_are_told_or_chosen(civil: str, choice: str, found: str) -> None:
    second, wrong = cells.instants(pa.array([civil]), zone="Europe/Paris", ambiguous=choice)
    told = reasons.word(int(wrong[0])) or datetime.fromtimestamp(int(second[0]), UTC).isoformat()[:19]
    assert told == found


def test_durations_are_rounded_up_and_bounded() -> None:
    assert cells.durations(pa.array([30_000, 30_001]), unit="ms")[0].tolist() == [30, 31]
    assert cells.durations(pa.array([30.2, 30.0]))[0].tolist() == [31, 30]
    assert cells.durations(pa.array(["30", "30.2", "00:01:30", "0"]))[0].tolist() == [30, 31, 90, 0]
    assert cells.durations(pa.array([1500], pa.duration("ms")))[0].tolist() == [2]
    limit = rules.MAX_DURATION_S
    bad = pa.array([limit, limit + 1, -1, None, 2**63 - 1])
    assert words(cells.durations(bad)) == [
        "",
        "duration-range",
        "duration-negative",
        "duration-missing",
        "duration-range",
    ]
    texts = pa.array(["", "x", "-1", "1e3", "0x10", "9" * 40])
    assert (
        words(cells.durations(texts))
        == ["duration-missing", *["duration-invalid"] * 1, "duration-negative"] + ["duration-invalid"] * 3
    )
    assert words(cells.durations(pa.array([float("nan"), float("inf"), 1e300]))) == ["duration-invalid"] * 2 + [
        "duration-range"
    ]


@pytest.mark.parametrize("column", [pa.array([True]), pa.array([1.5]), pa.array([[1]])])
def test_a_column_that_cannot_hold_a_number_is_refused_whole(column: Any) -> None:
    with pytest.raises(columns.WrongColumns):
        cells.numbers(column)


def test_columns_are_known_by_name_or_stated() -> None:
    found = columns.find(["id", "dst", "calldate", "billsec"], columns.Reading())
    assert (found.number, found.at, found.seconds, found.duration_unit) == ("dst", "calldate", "billsec", "s")
    assert columns.find(["to", "at", "duration_ms"], columns.Reading()).duration_unit == "ms"
    with pytest.raises(columns.WrongColumns, match="--map seconds=duration"):
        columns.find(["dst", "calldate", "duration", "billsec"], columns.Reading())
    with pytest.raises(columns.WrongColumns, match="no column is known as at"):
        columns.find(["dst", "x", "billsec"], columns.Reading())
    with pytest.raises(columns.WrongColumns, match="more than once"):
        columns.find(["dst", "dst", "at", "billsec"], columns.Reading())


def test_a_csv_keeps_its_cells_and_its_rejects_their_lines(tmp_path: Path) -> None:
    text = (
        "dst,calldate,billsec,note\r\n"
        "+33142000001,2026-01-01T10:00:00Z,61,=1+1\r\n"
        '0033612345678,2026-01-01T10:00:00Z,61,"two\nlines, and ""marks"""\r\n'
        "\r\n"
        "999,2026-01-01T10:00:00Z,5,\r\n"
        "33,short\r\n"
        '33142000001,2026-01-01T10:00:00Z,5,"open\r\n'
        "33142000001,2026-01-01T10:00:00Z,-5,x\r\n"
    )
    outcome = rate(file(tmp_path / "calls.csv", text), tmp_path / "out")
    rated = rows(tmp_path / "out/calls.rated.csv")
    assert [(row["amount"], row["rate_prefix"], row["note"]) for row in rated] == [
        ("0.012200", "33", "=1+1"),
        ("0.150833", "336", 'two\nlines, and "marks"'),
    ]
    assert rated[0]["dst"] == "+33142000001"
    told = [(row["line"], row["reason"]) for row in rows(tmp_path / "out/calls.rejects.csv")]
    assert told == [("6", "no-price"), ("7", "row-cells"), ("8", "row-quotes"), ("9", "duration-negative")]
    assert (outcome.sums.records, outcome.sums.rated, outcome.sums.rejected) == (6, 2, 4)
    assert outcome.as_dict()["totals"] == [{"currency": "EUR", "amount": "0.163033"}]


def test_formulas_are_escaped_when_asked_for(tmp_path: Path) -> None:
    text = "number,at,seconds,=note\n+33142,2026-01-01T10:00:00Z,1,=cmd()\n33142,2026-01-01T10:00:00Z,1,-5\n"
    rate(file(tmp_path / "a.csv", text), tmp_path / "b.csv", escape=True)
    assert [(row["number"], row["'=note"]) for row in rows(tmp_path / "b.csv")] == [
        ("+33142", "'=cmd()"),
        ("33142", "-5"),
    ]


def test_csv_gz_and_parquet_give_the_same_charges(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.csv.gz", "wt") as packed:
        packed.write(HEADER + "33142,2026-01-01T10:00:00Z,61\n" * 3)
    rate(tmp_path / "a.csv.gz", tmp_path / "a.parquet")
    table = pa.table({"number": [33142] * 3, "at": [AT] * 3, "seconds": [61] * 3, "other": [[1], None, []]})
    pq.write_table(table, tmp_path / "b.parquet")
    rate(tmp_path / "b.parquet", tmp_path / "c.parquet")
    first, second = (pq.read_table(tmp_path / name) for name in ("a.parquet", "c.parquet"))
    assert first["charge_micros"].to_pylist() == second["charge_micros"].to_pylist() == [12_200] * 3
    assert str(first["amount"][0].as_py()) == "0.012200"
    assert second["other"].to_pylist() == [[1], None, []]
    assert second["status"].to_pylist() == ["rated"] * 3


def test_a_folder_is_rated_file_by_file_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        file(folder / name, HEADER + "33142,2026-01-01T10:00:00Z,1\n")
    assert rate(folder, folder).earlier == 0
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == [
        "a.csv",
        "a.rated.csv",
        "b.csv",
        "b.rated.csv",
    ]
    again = rate(folder, folder)
    assert (again.earlier, again.sums.rated, again.fresh_records) == (2, 2, 0)
    (folder / "b.rated.csv").unlink()  # as after a crash
    assert (rate(folder, folder).earlier, rate(folder, folder).earlier) == (1, 2)
    with pytest.raises(run.AlreadyThere, match="--force"):
        rate(folder, folder, prices="others")
    assert rate(folder, folder, prices="others", force=True).earlier == 0


def test_the_output_never_replaces_an_input(tmp_path: Path) -> None:
    path = file(tmp_path / "a.csv", HEADER)
    with pytest.raises(run.CannotRate, match="replace an input"):
        rate(path, path, force=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"\xff\xfen\0u\0"),
        ("a.csv", b"x" * (reading.MAX_LINE + 1)),
        ("a.csv.gz", b"\x1f\x8b\x08 broken"),
        ("a.parquet", b"PAR1 truncated"),
    ],
)
def test_a_broken_file_leaves_nothing_behind(tmp_path: Path, name: str, content: bytes) -> None:
    path = file(tmp_path / name, content)
    with pytest.raises(reading.UnreadableFile):
        rate(path, tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_a_parquet_file_that_breaks_off_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    table = pa.table({"number": [33142] * 500, "at": [AT] * 500, "seconds": list(range(500))})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    whole = (tmp_path / "a.parquet").read_bytes()
    file(tmp_path / "a.parquet", whole[:50] + bytes(60) + whole[110:])
    with pytest.raises(reading.UnreadableFile):
        rate(tmp_path / "a.parquet", tmp_path / "out")
    assert not [path for path in (tmp_path / "out").glob("*") if not path.name.startswith(".")]


def test_a_line_longer_than_any_record_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    good = "33142,2026-01-01T10:00:00Z,1\n"
    path = file(tmp_path / "a.csv", HEADER + good + "x" * (2 * reading.BLOCK_BYTES) + "\n" + good)
    outcome = rate(path, tmp_path / "out")
    assert outcome.sums.rated == 2
    assert [(row["line"], row["reason"]) for row in rows(tmp_path / "out/a.rejects.csv")] == [("3", "row-length")]


def test_a_gzip_made_to_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "GROWTH_FROM", 1 << 20)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(HEADER.encode() + b"\n" * (9 << 20)))
    with pytest.raises(reading.UnreadableFile, match="unpacks"):
        rate(tmp_path / "a.csv.gz", tmp_path / "out")


def test_bytes_of_another_encoding_are_rejected_or_read_in_it(tmp_path: Path) -> None:
    line = "33142,2026-01-01T10:00:00Z,1,Orl\xe9ans\n"
    path = file(tmp_path / "a.csv", ("number,at,seconds,town\n" + line).encode("latin-1"))
    assert dict(rate(path, tmp_path / "out").sums.rejects) == {"row-text": 1}
    rate(path, tmp_path / "b.csv", reading=columns.Reading(encoding="latin-1"))
    assert rows(tmp_path / "b.csv")[0]["town"] == "Orléans"


def test_a_column_that_has_the_name_of_an_added_one_is_kept(tmp_path: Path) -> None:
    path = file(tmp_path / "a.csv", "destination,at,seconds,status\n33142,2026-01-01T10:00:00Z,0,ANSWERED\n")
    rate(path, tmp_path / "b.csv")
    row = rows(tmp_path / "b.csv")[0]
    assert (row["destination"], row["rated_destination"], row["status"], row["rated_status"]) == (
        "33142",
        "France",
        "ANSWERED",
        "no-usage",
    )


def test_the_tables_and_the_rules_of_live_calls_write_the_same_files(tmp_path: Path) -> None:
    night = TimeBand(name="night", zone="Europe/Paris", price_nanos=5_000_000, windows=((0, 480),))
    noon = TimeBand(name="noon", zone="Europe/Paris", price_nanos=7_000_000, windows=((720, 840),))
    banded = Rate(prefix="44", destination="UK", currency="GBP", price_nanos=20_000_000, bands=(night, noon))
    free = Rate(prefix="4480", destination="Free", currency="GBP", price_nanos=0, valid_to=AT)
    deck = decks.of_rates([FRANCE, MOBILE, replace(banded, bands=(noon,), prefix="4420"), banded, free])
    first = int(datetime(2026, 3, 28, 20, tzinfo=UTC).timestamp())
    numbers = ("33142", "33612", "44", "4480", "4420", "999")
    lines = [f"{numbers[index % 6]},{first + index * 977},{index % 130}\n" for index in range(600)]
    path = file(tmp_path / "a.csv", HEADER + "".join(lines))
    found = []
    for rater in (engine.Scalar(deck), engine.Batch(tables.compile_deck(deck), "numpy")):
        out = tmp_path / f"{type(rater).__name__}.csv"
        outcome = run.run(run.Job(inputs=(path,), out=out, prices="p", workers=2), rater)
        found.append((out.read_bytes(), out.with_name(f"{out.stem}.rejects.csv").read_bytes(), outcome.sums))
    assert found[0] == found[1]
    assert {b"night", b"noon"} <= set(found[0][0].replace(b'"', b"").replace(b"\n", b",").split(b","))


def test_a_parquet_file_whose_dictionary_stands_for_gigabytes_is_refused(tmp_path: Path) -> None:
    cell = "y" * (reading.MAX_CELL + 1)
    notes = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), pa.array([cell]))
    columns_of = {"number": [33142] * 50_000, "at": [AT] * 50_000, "seconds": [1] * 50_000, "note": notes}
    pq.write_table(pa.table(columns_of), tmp_path / "a.parquet", store_schema=False)
    assert (tmp_path / "a.parquet").stat().st_size < 1 << 20
    with pytest.raises(reading.UnreadableFile, match="cell"):
        rate(tmp_path / "a.parquet", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_every_column_of_a_parquet_file_keeps_its_type_and_values(tmp_path: Path) -> None:
    columns_of = {
        "number": pa.array(["33142"] * 3, pa.large_string()),
        "at": pa.array([10**18] * 3, pa.timestamp("ns", "Asia/Tokyo")),
        "seconds": pa.array([5000] * 3, pa.duration("ms")),
        "clock": pa.array([1, 2, None], pa.time32("s")),
        "lists": pa.array([["a"], [], None], pa.large_list(pa.string())),
        "records": pa.array([{"x": 1}, None, {"x": None}]),
        "pairs": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int8())),
        "nothing": pa.nulls(3),
        "views": pa.array(["a", "b", None], pa.string_view()),
        "bytes": pa.array([b"\xff", b"", None]),
        "float": pa.array([1.5, None, 2.0], pa.float32()),
    }
    pq.write_table(pa.table(columns_of), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    rate(tmp_path / "a.parquet", tmp_path / "b.parquet")
    rated = pq.read_table(tmp_path / "b.parquet")
    assert rated.select(table.schema.names).equals(table)
    assert rated.schema.field("currency").type == pa.string()
    rate(tmp_path / "a.parquet", tmp_path / "c.csv")
    written = (tmp_path / "c.csv").read_bytes()
    assert b"\"['a']\"" in written
    assert b"\xff" in written

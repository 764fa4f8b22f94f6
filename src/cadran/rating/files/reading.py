"""Files of call records in chunks of bounded size: CSV (also .csv.gz) and Parquet. What is broken is told, never guessed."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from cadran.rating.files import cells, reasons
from cadran.rating.files.columns import Reading, WrongColumns
from cadran.units.errors import InvalidInput

BLOCK_BYTES = 4 << 20
MAX_LINE = 1 << 20
MAX_RECORD_LINES = 100
MAX_COLUMNS = 500
MAX_CELL = 64 << 10
CHUNK = 65_536
TEXT_BYTES = 64 << 20  # of one text column in one chunk
MANY_GROUPS = 64
SHOWN = 2_000
# A gzip of call records shrinks them tenfold; what grows beyond these is made to fill a disk or a memory.
MAX_GROWTH = 200
GROWTH_FROM = 256 << 20

Look = Callable[[int], None]


class UnreadableFile(InvalidInput):
    """A file of records that is missing, truncated, packed to burst, or of another form than its name says."""

    error_id = "rating-file-unreadable"


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is no record: its number (1 is the header), why (`reasons`), and its beginning."""

    line: int
    reason: int
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one file. lines: where each stands (in Parquet: the record's number, from 1). broken: lines between them."""

    table: Any
    lines: cells.Int64
    broken: tuple[Broken, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """An open file: the names and types of its columns, and its raw pieces, each to be read by `read` in any thread."""

    path: Path
    schema: Any
    pieces: Iterator[Any]
    read: Callable[[Any], Chunk]


def form(path: Path) -> str:
    """`csv` or `parquet`, by the name. Raises UnreadableFile."""
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz", ".txt", ".tsv")):
        return "csv"
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    raise UnreadableFile(f"{path.name} is neither .csv, .csv.gz nor .parquet")


def open_file(
    path: Path, reading: Reading, look: Look = lambda _bytes: None, *, groups: Sequence[int] = (), first: int = 1
) -> Source:
    """Raises UnreadableFile and WrongColumns. `look` hears how many bytes of the file have been read since it was last called.
    groups: some row groups of a Parquet file alone, the first record of which is number `first`."""
    return _parquet(path, look, groups, first) if form(path) == "parquet" else _csv(path, reading, look)


def _parquet(path: Path, look: Look, groups: Sequence[int], start: int) -> Source:
    try:
        file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
        schema = file.schema_arrow.remove_metadata()
    except (OSError, pa.ArrowException) as error:
        raise UnreadableFile(f"{path.name} is not a whole Parquet file: {str(error)[:200]}") from None
    if len(schema) > MAX_COLUMNS:
        raise WrongColumns(f"{path.name} has {len(schema)} columns: a record has at most {MAX_COLUMNS}")

    def pieces() -> Iterator[tuple[int, Any]]:
        counts = [file.metadata.row_group(one).num_rows for one in range(file.num_row_groups)]
        size, total = path.stat().st_size, max(sum(counts), 1)
        place = start
        try:
            for some in _together(list(groups) or list(range(len(counts))), counts):
                for batch in file.iter_batches(_rows(path, schema, some), row_groups=some, use_threads=False):
                    yield place, batch
                    look(size * batch.num_rows // total)
                    place += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            raise UnreadableFile(f"{path.name} breaks off after record {place - 1}: {str(error)[:200]}") from None
        finally:
            file.close()
        expected = sum(counts[one] for one in groups) if groups else file.metadata.num_rows
        if place - start != expected:
            raise UnreadableFile(f"{path.name} holds {place - start} records, and says that it has {expected}")

    def read(piece: tuple[int, Any]) -> Chunk:
        first, batch = piece
        lines = np.arange(first, first + batch.num_rows, dtype=np.int64)
        return Chunk(pa.Table.from_batches([batch], schema=batch.schema).replace_schema_metadata(None), lines)

    return Source(path, schema, pieces(), read)


def _together(groups: list[int], counts: list[int]) -> Iterator[list[int]]:
    """Row groups that are read at once: small ones together."""
    some: list[int] = []
    for group in groups:
        some.append(group)
        if sum(counts[one] for one in some) >= CHUNK or len(some) >= MANY_GROUPS:
            yield some
            some = []
    if some:
        yield some


def _rows(path: Path, schema: Any, groups: list[int]) -> int:
    """How many rows may be read at once. A dictionary lets a small file stand for texts without end, so its longest is looked at
    first. Raises UnreadableFile for a cell beyond MAX_CELL."""
    texts = [field.name for field in schema if _is_text(field.type)]
    longest = MAX_CELL >> 2 if any(pa.types.is_nested(field.type) for field in schema) else 1
    for group in groups if texts else ():
        with pq.ParquetFile(path, read_dictionary=texts, buffer_size=1 << 16, pre_buffer=False) as file:
            for batch in file.iter_batches(16, row_groups=[group], columns=texts, use_threads=False):
                for column in batch.columns:
                    held = column.dictionary if pa.types.is_dictionary(column.type) else column
                    longest = max(longest, pc.max(pc.binary_length(held)).as_py() or 0)
                break
    if longest > MAX_CELL:
        raise UnreadableFile(f"{path.name} has a cell longer than {MAX_CELL} bytes: that is no call record")
    return max(256, min(CHUNK, TEXT_BYTES // longest))


def _is_text(kind: Any) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))
    )


def _csv(path: Path, reading: Reading, look: Look) -> Source:
    blocks = _blocks(path, look)
    try:
        _, head = next(blocks)
    except StopIteration:
        raise UnreadableFile(f"{path.name} is empty: its first line names the columns") from None
    if isinstance(head, Broken):
        raise UnreadableFile(f"{path.name} starts with a line of more than {MAX_LINE} bytes")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head.partition(b"\n")[0]:
        raise UnreadableFile(f"{path.name} is UTF-16 or no text at all: convert it to UTF-8")
    head = head.removeprefix(b"\xef\xbb\xbf")
    first, _, rest = head.partition(b"\n")
    try:
        header = first.rstrip(b"\r").decode(reading.encoding)
    except UnicodeDecodeError:
        raise UnreadableFile(f"the header of {path.name} is not {reading.encoding}: state another --encoding") from None
    delimiter = reading.delimiter or max(",;\t|", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    names = [name.strip() for name in names]
    if not all(names) or len(names) > MAX_COLUMNS or len(names) < 2:
        raise WrongColumns(f"the first line of {path.name} must name its columns, each of at most {MAX_COLUMNS}")
    schema = pa.schema([(name, pa.string()) for name in names])

    def pieces() -> Iterator[tuple[int, bytes | Broken]]:
        if rest:
            yield 2, rest
        yield from blocks

    def read(piece: tuple[int, bytes | Broken]) -> Chunk:
        line, block = piece
        if isinstance(block, Broken):
            return Chunk(schema.empty_table(), np.zeros(0, np.int64), (block,))
        return _Block(line, block, names, delimiter, reading.encoding).read()

    return Source(path, schema, pieces(), read)


def _blocks(path: Path, look: Look) -> Iterator[tuple[int, bytes | Broken]]:
    """Whole records of about BLOCK_BYTES with the number of their first line; a line beyond MAX_LINE as Broken."""
    line, kept, skipping = 1, b"", False
    for data in _bytes(path, look):
        if skipping:
            _, newline, data = data.partition(b"\n")
            if not newline:
                continue
            line, skipping = line + 1, False
        kept += data
        cut = _cut(kept)
        if cut:
            yield line, kept[:cut]
            line += kept.count(b"\n", 0, cut)
            kept = kept[cut:]
        if len(kept) > MAX_LINE:
            yield line, Broken(line, reasons.ROW_LENGTH, kept[:SHOWN].decode("utf-8", "replace"))
            kept, skipping = b"", True
    if kept:
        yield line, kept


def _cut(data: bytes) -> int:
    """Behind the last newline that no quoted cell holds; where none is found near the end, behind the last one at all."""
    end = data.rfind(b"\n") + 1
    cut, quotes = end, data.count(b'"', 0, end)
    while quotes % 2 and cut > max(0, end - MAX_CELL):
        before = data.rfind(b"\n", 0, cut - 1) + 1
        quotes -= data.count(b'"', before, cut)
        cut = before
    return cut if quotes % 2 == 0 else end


def _bytes(path: Path, look: Look) -> Iterator[bytes]:
    size, given = path.stat().st_size if path.exists() else 0, 0
    try:
        with path.open("rb") as raw:
            packed = path.name.lower().endswith(".gz")
            stream: BinaryIO = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
            place = 0
            while data := stream.read(BLOCK_BYTES):
                given += len(data)
                if packed and given > max(GROWTH_FROM, MAX_GROWTH * size):
                    raise UnreadableFile(
                        f"{path.name} unpacks to more than {MAX_GROWTH} times its size: unpack it by hand"
                    )
                look(raw.tell() - place)
                place = raw.tell()
                yield data
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"{path.name} cannot be read to its end: {str(error)[:200]}") from None


@dataclass(frozen=True, slots=True)
class _Block:
    """Some lines of a CSV file. Nearly all are read by Arrow; those with blank lines, line breaks within cells, open quotation
    marks or bytes of another encoding are read record by record."""

    line: int
    data: bytes
    names: list[str]
    delimiter: str
    encoding: str

    def read(self) -> Chunk:
        data = self.data if self.encoding.lower() in ("utf-8", "utf8") else self._recoded()
        wrong: list[Broken] = []

        def keep(row: pa_csv.InvalidRow) -> str:
            wrong.append(Broken(self.line + row.number - 1, reasons.ROW_CELLS, row.text[:SHOWN]))
            return "skip"

        try:
            table = pa_csv.read_csv(
                pa.BufferReader(data),
                read_options=pa_csv.ReadOptions(column_names=self.names, use_threads=False, block_size=len(data) + 1),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=keep
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types={name: pa.string() for name in self.names}, strings_can_be_null=False
                ),
            )
        except (pa.ArrowException, UnicodeDecodeError):
            return self._slowly(data)
        count = data.count(b"\n") + (not data.endswith(b"\n"))
        if table.num_rows + len(wrong) != count:
            return self._slowly(data)
        lines = np.arange(self.line, self.line + count, dtype=np.int64)
        if wrong:
            lines = np.delete(lines, [one.line - self.line for one in wrong])
        return Chunk(table, lines, tuple(wrong))

    def _recoded(self) -> bytes:
        return self.data.decode(self.encoding, "replace").encode()

    def _slowly(self, data: bytes) -> Chunk:
        rows: list[list[str]] = []
        lines: list[int] = []
        broken: list[Broken] = []
        texts = data.split(b"\n")
        index = 0
        while index < len(texts):
            line, taken = self.line + index, 1
            text = texts[index].rstrip(b"\r")
            if text:
                taken, row = self._record(texts, index)
                if isinstance(row, int):
                    broken.append(Broken(line, row, text[:SHOWN].decode("utf-8", "replace")))
                else:
                    rows.append(row)
                    lines.append(line)
            index += taken
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)] if rows else None
        schema = pa.schema([(name, pa.string()) for name in self.names])
        table = pa.table(columns, schema=schema) if columns else schema.empty_table()
        return Chunk(table, np.array(lines, np.int64), tuple(broken))

    def _record(self, texts: list[bytes], index: int) -> tuple[int, list[str] | int]:
        """How many lines the record takes that begins at `index`, and its cells or what is wrong with it."""
        first = texts[index]
        open_quotes = first.count(b'"') % 2 == 1
        if open_quotes:
            for taken in range(2, min(MAX_RECORD_LINES, len(texts) - index) + 1):
                if texts[index + taken - 1].count(b'"') % 2 == 1:
                    row = self._cells(b"\n".join(texts[index : index + taken]))
                    if isinstance(row, list):
                        return taken, row
                    break
        row = self._cells(first)
        return 1, reasons.ROW_QUOTES if open_quotes and isinstance(row, int) else row

    def _cells(self, text: bytes) -> list[str] | int:
        try:
            found = list(
                csv.reader(io.StringIO(text.rstrip(b"\r").decode(), newline=""), delimiter=self.delimiter, strict=True)
            )
        except UnicodeDecodeError:
            return reasons.ROW_TEXT
        except csv.Error:
            return reasons.ROW_QUOTES
        return found[0] if len(found) == 1 and len(found[0]) == len(self.names) else reasons.ROW_CELLS


def checked_cells(table: Any) -> None:
    """Raises UnreadableFile where a text of the chunk is beyond MAX_CELL: a few of them would fill the memory."""
    for column in table.columns:
        if (
            pa.types.is_string(column.type)
            and len(column)
            and (pc.max(pc.binary_length(column)).as_py() or 0) > MAX_CELL
        ):
            raise UnreadableFile(f"a cell is longer than {MAX_CELL} bytes: that is no call record")

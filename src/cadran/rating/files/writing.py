"""Files written beside and renamed when whole: whoever sees a rated file sees all of it."""

from __future__ import annotations

import base64
import contextlib
import csv
import gzip
import io
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from cadran.units.errors import CadranError

FORMULA = r"^[=+\-@\t\r]"
_NUMERAL = r"^[+-]?[0-9][0-9 .]*$"


class CannotWrite(CadranError):
    """The output cannot be written: a folder that is missing, a full disk, a right that is lacking."""

    error_id = "rating-file-unwritable"


def form(path: Path) -> str:
    """`csv` or `parquet`, by the name; empty for neither, which is the name of a folder."""
    name = path.name.lower()
    return "parquet" if name.endswith((".parquet", ".pq")) else "csv" if name.endswith((".csv", ".csv.gz")) else ""


class Whole:
    """One file in the making: tables of one schema go in; `seal` and `finish` make it appear under its name. Left without them,
    nothing remains of it. escape: cells of a CSV that a spreadsheet would run as formulas get a ' in front."""

    def __init__(self, path: Path, schema: Any, *, escape: bool = False) -> None:
        self.path, self.rows = path, 0
        self._part = path.with_name(f".{path.name}.part")
        self._schema, self._escape = schema, escape
        self._closed = False
        self._writer: Any = None
        self._stream: Any = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if form(path) == "csv":
                self._open_csv()
        except (OSError, pa.ArrowException) as error:
            raise CannotWrite(f"cannot write {path}: {error}") from None

    def write(self, table: Any) -> None:
        """Raises CannotWrite."""
        try:
            if self._stream is not None:
                self._stream.write(_csv_bytes(table, self._escape))
            else:
                self._writer = self._writer or self._parquet(table)
                self._writer.write_table(table if table.schema == self._schema else table.cast(self._schema))
        except (OSError, pa.ArrowException) as error:
            raise CannotWrite(f"cannot write {self.path}: {str(error)[:300]}") from None
        self.rows += table.num_rows

    def seal(self) -> int:
        """All of it is on the disk, not yet under its name; its bytes. Raises CannotWrite."""
        try:
            self._close()
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
            return self._part.stat().st_size
        except (OSError, pa.ArrowException) as error:
            raise CannotWrite(f"cannot write {self.path}: {error}") from None

    def finish(self) -> None:
        """Let it appear. Raises CannotWrite."""
        try:
            os.replace(self._part, self.path)
        except OSError as error:
            raise CannotWrite(f"cannot write {self.path}: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, pa.ArrowException):  # what is given up need not be closed well
            self._close()
        self._part.unlink(missing_ok=True)

    def _parquet(self, first: Any) -> Any:
        """Texts that repeat are written as dictionaries; readers are told of plain texts, whose dictionaries differ by chunk."""
        repeated = [
            name
            for name, column in zip(first.schema.names, first.columns, strict=True)
            if pa.types.is_dictionary(column.type)
            or (_is_text(column.type) and pc.count_distinct(column).as_py() * 2 <= len(column))
        ]
        plain = [
            field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
            for field in self._schema
        ]
        writer = pq.ParquetWriter(
            self._part,
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=repeated or False,
            store_decimal_as_integer=True,
            store_schema=False,
        )
        told = base64.b64encode(pa.schema(plain).serialize().to_pybytes())
        writer.add_key_value_metadata({"ARROW:schema": told.decode()})
        return writer

    def _open_csv(self) -> None:
        packed = self.path.name.lower().endswith(".gz")
        self._stream = gzip.GzipFile(self._part, "wb", compresslevel=1) if packed else self._part.open("wb")
        head = io.StringIO()
        csv.writer(head, lineterminator="\n").writerow(_escaped_name(name, self._escape) for name in self._schema.names)
        self._stream.write(head.getvalue().encode())

    def _close(self) -> None:
        if form(self.path) == "parquet" and self._writer is None and not self._closed:
            self._writer = self._parquet(self._schema.empty_table())
        self._closed = True
        for one in (self._writer, self._stream):
            if one is not None:
                one.close()
        self._writer = self._stream = None


def _csv_bytes(table: Any, escape: bool) -> Any:
    columns = [_as_text(column, escape) for column in table.columns]
    plain = pa.table(columns, names=table.schema.names)
    for style in ("none", "needed"):
        sink = pa.BufferOutputStream()
        try:
            pa_csv.write_csv(plain, sink, pa_csv.WriteOptions(include_header=False, quoting_style=style))
        except pa.ArrowInvalid:
            continue  # a cell holds a comma, a quotation mark or a line break
        return sink.getvalue()
    raise pa.ArrowInvalid("a cell cannot be written as CSV")


def _as_text(column: Any, escape: bool) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_decimal(kind) and kind.scale > 6:  # Arrow would write 0.0000001 as 1E-7
        texts = [None if one is None else f"{one:f}" for one in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    elif pa.types.is_nested(kind):
        column = pa.chunked_array(
            [pa.array([None if one is None else str(one) for one in column.to_pylist()], pa.string())]
        )
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or kind in (pa.string_view(), pa.binary_view()):
        column = column.cast(pa.large_string(), safe=False)
    if not escape or not _is_text(column.type):
        return column
    runs = pc.and_(pc.match_substring_regex(column, FORMULA), pc.invert(pc.match_substring_regex(column, _NUMERAL)))
    return pc.if_else(pc.fill_null(runs, False), pc.binary_join_element_wise("'", column, ""), column)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _escaped_name(name: str, escape: bool) -> str:
    return f"'{name}" if escape and name.startswith(("=", "+", "-", "@", "\t", "\r")) else name

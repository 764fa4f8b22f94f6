"""What the clients asked and were answered, written down as it happens: half of every proof, kept where no kill reaches it.

One JSON object a line: `ask` before the first sending of a request, `ack` for each answer, `refused` for each refusal, `left` for
a call whose client died. The other half is the database.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

ASK, ACK, REFUSED, LEFT = "ask", "ack", "refused", "left"
_encode = msgspec.json.Encoder().encode


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. kind: see the module; op: the operation; key: its idempotency key; said: arguments, answer, or reason of a refusal."""

    kind: str
    op: str
    key: str
    said: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(Line).decode


@dataclass(slots=True)
class Diary:
    """Open for the length of a run."""

    path: Path
    _file: gzip.GzipFile | None = None
    asked: int = 0
    acknowledged: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Diary:
        self._file = gzip.open(self.path, "wb", compresslevel=1)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._file.close()

    def ask(self, op: str, key: str, args: object) -> None:
        self.asked += 1
        self._write(ASK, op, key, args)

    def ack(self, op: str, key: str, answer: object) -> None:
        self.acknowledged += 1
        self._write(ACK, op, key, answer)

    def refuse(self, op: str, key: str, reason: str) -> None:
        self.refused[reason] += 1
        self._write(REFUSED, op, key, reason)

    def left(self, session: str, talked_s: int, reported_s: int) -> None:
        """The client of that call died: seconds talked until then, and seconds of the last report that was acknowledged."""
        self._write(LEFT, "left", session, (talked_s, reported_s))

    def copy(self, line: Line) -> None:
        """A line of another diary."""
        assert self._file is not None
        self._file.write(_encode(line) + b"\n")

    def _write(self, kind: str, op: str, key: str, said: object) -> None:
        self.copy(Line(kind, op, key, msgspec.Raw(_encode(said))))


def read(path: Path) -> Iterator[Line]:
    """The lines of a diary, in order."""
    with gzip.open(path, "rb") as file:
        for line in file:
            yield _decode(line)


def said(line: Line, form: Any = Any) -> Any:
    """What a line says, read as that type."""
    return msgspec.json.decode(line.said, type=form)

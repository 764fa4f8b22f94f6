"""The charging socket as another program sees it: lines of JSON, no code of Cadran's."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import Any


class Refused(Exception):
    """The service answered with an error; `reason` is its stable id."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error_id, self.reason = error["error_id"], error.get("reason", "")


class Socket:
    """One connection to the charging service."""

    def __init__(self, path: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(20)
        self._connection.connect(str(path))
        self._file = self._connection.makefile("rwb")
        self._number = 0

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what was not sent to a process that is gone
            self._file.close()
        self._connection.close()

    def ask(self, op: str, **args: object) -> Any:
        return self.ask_all([(op, args)])[0]

    def ask_all(self, wishes: list[tuple[str, dict[str, object]]]) -> list[Any]:
        """All requests at once, then all answers, in the order asked. Raises Refused at the first that is an error."""
        first = self._number + 1
        for op, args in wishes:
            self._number += 1
            self._file.write(json.dumps({"id": self._number, "op": op, "args": args}).encode() + b"\n")
        self._file.flush()
        answers: dict[int, Any] = {}
        while len(answers) < len(wishes):
            answer = json.loads(self._file.readline())
            answers[answer["id"]] = answer
        found = [answers[number] for number in range(first, self._number + 1)]
        for answer in found:
            if "error" in answer:
                raise Refused(answer["error"])
        return [answer.get("result") for answer in found]

    def raw(self, line: bytes) -> bytes:
        self._file.write(line + b"\n")
        self._file.flush()
        return self._file.readline()

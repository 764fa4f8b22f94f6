"""Logs of every process: JSON, one line an event, on the standard error (the supervisor files it in var/log), or
readable lines on a terminal. Secrets and personal data never appear in clear."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_SECRET_KEYS = re.compile(
    r"passw|secret|token|ha1|authorization|cookie|credential|cnonce|^response$|passphrase|^key$", re.IGNORECASE
)
_NAME_KEYS = frozenset({"name", "first_name", "last_name", "address", "birth_date", "display_name"})
_NUMBER_KEYS = frozenset(
    {"to", "from", "caller", "callee", "destination", "shown", "dialled", "number", "e164", "msisdn", "phone"}
)
_EMAIL = re.compile(r"([\w.+-])[\w.+-]*@([\w-]+(?:\.[\w-]+)+)")
_LONG_NUMBER = re.compile(r"(?<![\w.-])(\+|00|(?:sips?|tel):\+?)(\d{4})\d{2,}(\d{2})(?![\w:-]|\.\d)")
_DIGEST = re.compile(
    r"""\b(response|cnonce|password|passwd|pwd|token|secret)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)""",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"[A-Za-z ._-]*")  # holds none of what is searched for above
_MAX_DEPTH = 4


def masked_number(digits: str) -> str:
    """A telephone number that still tells country and operator: four digits and the last two. Short ones stay."""
    bare = digits.lstrip("+")
    if not bare.isdigit() or len(bare) <= 6:
        return digits
    return f"{'+' if digits.startswith('+') else ''}{bare[:4]}{'*' * (len(bare) - 6)}{bare[-2:]}"


def masked_text(text: str) -> str:
    """The text with mail addresses, telephone numbers in international form and credentials made unreadable."""
    if _HARMLESS.fullmatch(text):
        return text
    text = _DIGEST.sub(r"\1\2***", text)
    text = _EMAIL.sub(r"\1***@\2", text)
    return _LONG_NUMBER.sub(r"\1\2***\3", text)


@functools.lru_cache(1000)
def _secret(key: str) -> bool:
    return _SECRET_KEYS.search(key) is not None


def _masked(key: str, value: object, depth: int = 0) -> object:
    if _secret(key):
        return "***"
    if isinstance(value, str):
        if key in _NAME_KEYS:
            return f"{value[:1]}***"
        return masked_number(value) if key in _NUMBER_KEYS and value.lstrip("+").isdigit() else masked_text(value)
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        return {name: _masked(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return [_masked(key, item, depth + 1) for item in value]
    return value


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor that stands before every renderer: secrets become `***`, numbers and addresses are shortened."""
    for key in list(event):
        if key not in {"level", "timestamp", "process", "logger", "call"}:
            event[key] = _masked(key, event[key])
    return event


class _Lines:
    """Writes finished lines: events do not pass the standard logging, which costs as much again. Without a name, the logger has that
    of the module that asked for it. A line that cannot be written is lost: nothing stops for it."""

    def __init__(self, out: TextIO, *name: str) -> None:
        self._out, self.name = out, _NAMED(*name).name

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._out.write(line + "\n")
            self._out.flush()

    debug = info = warning = warn = error = exception = critical = fatal = log = msg


_NAMED = structlog.stdlib.LoggerFactory(ignore_frame_names=[__name__])
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)


def _json(event: object, **_given: object) -> str:
    return _ENCODER.encode(event)


def _add_process(
    process: str, _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    event["process"] = process
    return event


def configure(process: str, *, stream: TextIO | None = None, level: str | None = None) -> None:
    """Set up structlog and the standard logging of this process; `process` is its name (`sip`, `charging`...).

    CADRAN_LOG_LEVEL (INFO) sets the level; CADRAN_LOG=json or pretty forces the form, which else follows the terminal.
    """
    out = stream or sys.stderr
    form = os.environ.get("CADRAN_LOG", "pretty" if out.isatty() else "json")
    level = level or os.environ.get("CADRAN_LOG_LEVEL", "INFO").upper()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        functools.partial(_add_process, process),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty())
        if form == "pretty"
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=functools.partial(_Lines, out),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.WARNING)

"""The phone driven by a program: JSON lines in, JSON lines out. docs/how-to/phone.md lists commands and events."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import stat
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TextIO

from cadran.units.errors import CadranError, InvalidInput
from cadran.voice.phone import engine, rtp, sound
from cadran.voice.phone.handset import Handset

LONGEST_LINE = 65_536
MOST_EVENTS = 10_000
MOST_WAIT_S = 3_600.0


class Remote:
    """Reads commands one after the other; events come as they happen, also while a command waits."""

    def __init__(
        self, handset_for: Callable[[Callable[[engine.Event], None]], Handset], output: TextIO = sys.stdout
    ) -> None:
        self._output = output
        self._seen: deque[engine.Event] = deque(maxlen=MOST_EVENTS)
        self._news = asyncio.Event()
        self._stats_every: float | None = None
        self._ending = False
        self.handset = handset_for(self._tell)
        self._commands: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "register": self._register,
            "unregister": self._unregister,
            "call": self._call,
            "answer": self._answer,
            "auto_answer": self._auto_answer,
            "reject": self._reject,
            "digits": self._digits,
            "mute": self._mute,
            "hangup": self._hang_up,
            "ignore_bye": self._ignore_bye,
            "stats": self._stats,
            "heard": self._heard,
            "stats_every": self._set_stats_every,
            "wait": self._wait,
            "quit": self._quit,
        }

    async def run(self, commands: asyncio.StreamReader) -> None:
        """Until `quit` or the end of the input; then hangs up, unregisters and leaves."""
        await self.handset.open()
        host, port = self.handset.engine.local
        self._write({"event": "ready", "host": host, "port": port, "user": self.handset.line.user})
        reporter = asyncio.create_task(self._report())
        try:
            while not self._ending:
                try:
                    line = await commands.readuntil(b"\n")
                except asyncio.IncompleteReadError as last:
                    line, self._ending = last.partial, True
                except asyncio.LimitOverrunError:
                    self._write(
                        {"event": "error", "error_id": "invalid-input", "message": "a command line is too long"}
                    )
                    return
                if line.strip():
                    await self._obey(line)
        finally:
            reporter.cancel()
            await self.handset.close()
            self._write({"event": "bye"})

    async def _obey(self, line: bytes) -> None:
        try:
            command = json.loads(line)
            if not isinstance(command, dict) or command.get("do") not in self._commands:
                raise InvalidInput(f'a command is {{"do": one of {", ".join(sorted(self._commands))}}}')
            await self._commands[command["do"]](command)
        except CadranError as error:
            self._write({"event": "error", "error_id": error.error_id, "message": error.message})
        except (ValueError, TypeError, OSError) as error:
            self._write({"event": "error", "error_id": "invalid-input", "message": f"not a usable command: {error}"})

    # commands

    async def _register(self, command: dict[str, Any]) -> None:
        self.handset.register()

    async def _unregister(self, command: dict[str, Any]) -> None:
        self.handset.unregister()

    async def _call(self, command: dict[str, Any]) -> None:
        await self.handset.dial(_text(command, "to"), _text(command, "call", ""))

    async def _answer(self, command: dict[str, Any]) -> None:
        await self.handset.answer(_text(command, "call", ""))

    async def _auto_answer(self, command: dict[str, Any]) -> None:
        after = _number(command, "after", 0.2, most=600)
        self.handset.auto_answer_s = after if command.get("on", True) else None

    async def _reject(self, command: dict[str, Any]) -> None:
        self.handset.reject(_text(command, "call", ""), int(_number(command, "code", 486, most=699)))

    async def _digits(self, command: dict[str, Any]) -> None:
        self.handset.digits(_text(command, "digits"), _text(command, "call", ""))

    async def _mute(self, command: dict[str, Any]) -> None:
        self.handset.leg(_text(command, "call", "")).stream.muted = bool(command.get("on", True))

    async def _hang_up(self, command: dict[str, Any]) -> None:
        if command.get("all"):
            for key in list(self.handset.calls):
                self.handset.hang_up(key)
        else:
            self.handset.hang_up(_text(command, "call", ""))

    async def _ignore_bye(self, command: dict[str, Any]) -> None:
        self.handset.engine.ignore_bye = bool(command.get("on", True))

    async def _stats(self, command: dict[str, Any]) -> None:
        wanted = _text(command, "call", "")
        keys = [self.handset.engine.call(wanted).key] if wanted else list(self.handset.legs)
        for key in keys:
            if key in self.handset.legs:
                self._write({"event": "stats", "call": key, **plain(self.handset.figures(key))})
        if not keys:
            self._write({"event": "stats", "call": None})

    async def _heard(self, command: dict[str, Any]) -> None:
        """Write what a call has heard so far to a WAV file; the phone must have been started with --record."""
        recording = self.handset.leg(_text(command, "call", "")).stream.recording
        if recording is None:
            raise InvalidInput("start the phone with --record to have what it hears")
        target = _text(command, "to")
        sound.write_wav(Path(target), recording)
        self._write({"event": "heard", "to": target, "seconds": round(len(recording) / sound.RATE, 2)})

    async def _set_stats_every(self, command: dict[str, Any]) -> None:
        self._stats_every = _number(command, "seconds", 1.0, most=3600) or None

    async def _wait(self, command: dict[str, Any]) -> None:
        """For seconds, or for an event that comes now or came since the last such wait; says `waited` either way."""
        wanted = _text(command, "for", "")
        if not wanted:
            await asyncio.sleep(_number(command, "seconds", 1.0, most=MOST_WAIT_S))
            self._write({"event": "waited"})
            return
        key = _text(command, "call", "")
        limit = asyncio.get_running_loop().time() + _number(command, "timeout", 10.0, most=MOST_WAIT_S)
        while True:
            while self._seen:
                event = self._seen.popleft()
                if event.name == wanted and (not key or event.call == key):
                    self._write({"event": "waited", "for": wanted, "found": True})
                    return
            self._news.clear()
            left = limit - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._news.wait(), max(0.0, left))
            except TimeoutError:
                self._write({"event": "waited", "for": wanted, "found": False})
                return

    async def _quit(self, command: dict[str, Any]) -> None:
        self._ending = True

    # events

    def _tell(self, event: engine.Event) -> None:
        self._seen.append(event)
        self._news.set()
        named = {"call": event.call} if event.call else {}
        self._write({"event": event.name, **named, **{key: plain(value) for key, value in event.detail.items()}})

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(self._stats_every or 0.2)
            if self._stats_every:
                for key in list(self.handset.legs):
                    self._write({"event": "stats", "call": key, **plain(self.handset.figures(key))})

    def _write(self, line: dict[str, object]) -> None:
        self._output.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._output.flush()


def plain(value: object) -> Any:
    return dataclasses.asdict(value) if isinstance(value, rtp.Figures) else value


def _text(command: dict[str, Any], name: str, default: str | None = None) -> str:
    value = command.get(name, default)
    if not isinstance(value, str):
        raise InvalidInput(f"{name!r} must be a text")
    return value


def _number(command: dict[str, Any], name: str, default: float, *, most: float) -> float:
    value = command.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise InvalidInput(f"{name!r} must be a number from 0 to {most:g}")
    return float(value)


async def serve(handset_for: Callable[[Callable[[engine.Event], None]], Handset]) -> None:
    """On this process's own standard input and output."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    source = os.fstat(sys.stdin.fileno())
    if stat.S_ISREG(source.st_mode) or os.path.samestat(source, os.stat(os.devnull)):  # neither can be polled
        reader.feed_data(sys.stdin.buffer.read())
        reader.feed_eof()
    else:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await Remote(handset_for).run(reader)

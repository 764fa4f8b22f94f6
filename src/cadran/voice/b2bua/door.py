"""The door of the SIP process: a unix socket at which deeds of staff and customers reach it. One JSON object a line with one deed and
what it is about, one request a connection, a few at a time; it is done on the SIP thread and answered with what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from cadran.voice.b2bua import stack

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

log = structlog.get_logger("voice.door")
LONGEST_REQUEST = 4096
AT_ONCE = 16
WAIT_S = 3.0
Answer = Callable[[dict[str, str]], None]
Deed = Callable[[Any, Answer], None]


class Door:
    """Serves `cut` and the given deeds on the asyncio thread of the process. `open` is called once, on the SIP thread."""

    def __init__(self, server: Server, path: Path, deeds: Mapping[str, Deed] | None = None) -> None:
        self.server, self.path = server, path
        self.deeds: dict[str, Deed] = {"cut": self._cut, **(deeds or {})}
        self._inside = 0

    def open(self) -> None:
        asyncio.run_coroutine_threadsafe(self._listen(), self.server.background.loop)

    async def _listen(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.unlink(missing_ok=True)
            before = os.umask(0o177)
            try:
                await asyncio.start_unix_server(self._visit, str(self.path), limit=LONGEST_REQUEST)
            finally:
                os.umask(before)
            log.info("door-open")
        except OSError as error:  # calls go on without it
            log.error("door-shut", detail=str(error))

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._inside += 1
        try:
            answer = {"result": "busy"} if self._inside > AT_ONCE else await self._answer(reader)
            writer.write(json.dumps(answer).encode() + b"\n")
            await asyncio.wait_for(writer.drain(), WAIT_S)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.warning("door-visit-broken")
        finally:
            self._inside -= 1
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, str]:
        request = json.loads(await asyncio.wait_for(reader.readuntil(b"\n"), WAIT_S))
        named = list(request) if isinstance(request, dict) else []
        if len(named) != 1 or named[0] not in self.deeds:
            return {"result": "unreadable"}
        deed, about = self.deeds[named[0]], request[named[0]]
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[dict[str, str]] = loop.create_future()

        def tell(result: dict[str, str]) -> None:
            if not answered.done():
                answered.set_result(result)

        def answer(result: dict[str, str]) -> None:
            loop.call_soon_threadsafe(tell, result)

        def on_sip_thread() -> None:
            try:
                deed(about, answer)
            except Exception:
                answer({"result": "failed"})
                raise

        stack.on_sip_thread(on_sip_thread)
        return await asyncio.wait_for(answered, WAIT_S)

    def _cut(self, session: Any, answer: Answer) -> None:
        answer({"result": self.server.cut(session) if isinstance(session, str) else "unreadable"})

"""The door of the SIP process: a unix socket at which staff's deeds reach calls in progress. One JSON object a line, one request a
connection, a few at a time; what is asked is done on the SIP thread and answered with what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from cadran.voice.b2bua import stack

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

log = structlog.get_logger("voice.door")
LONGEST_REQUEST = 1024
AT_ONCE = 16
WAIT_S = 3.0


class Door:
    """Serves `cut` on the asyncio thread of the process. `open` is called once, on the SIP thread."""

    def __init__(self, server: Server, path: Path) -> None:
        self.server, self.path = server, path
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
        session = request.get("cut") if isinstance(request, dict) else None
        if not isinstance(session, str):
            return {"result": "unreadable"}
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def tell(result: str) -> None:
            if not answered.done():
                answered.set_result(result)

        def on_sip_thread() -> None:
            result = "failed"
            try:
                result = self.server.cut(session)
            finally:
                loop.call_soon_threadsafe(tell, result)

        stack.on_sip_thread(on_sip_thread)
        return {"result": await asyncio.wait_for(answered, WAIT_S)}

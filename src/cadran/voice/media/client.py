"""The media of the SIP process: `MediaClient`, used on sippy's thread, where every callback runs too.

`MediaClient.open` gives a `MediaSession` for a call between two (see session.py), `open_line` a `Line` for a person at a menu (see
port.py). The client reaches the media process by a connection of its own thread (see link.py); it beats every second, goes offline at
once when that process dies, and comes back by itself.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prometheus_client
import structlog
from sippy.Core.EventDispatcher import ED2
from sippy.Time.Timeout import Timeout

from cadran.units import clock
from cadran.voice.media import link, prompts, sdp
from cadran.voice.media.line import Line
from cadran.voice.media.session import MediaSession

BEAT_S = 1.0
STUCK_S = 3.0
MAX_IN_FLIGHT = 10_000
log = structlog.get_logger()
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LOST = prometheus_client.Counter("cadran_voice_media_lost", "Times that the media process was lost by the SIP process")
_REFUSED = prometheus_client.Counter(
    "cadran_voice_media_refused", "Relay commands refused (no port left, unknown call)"
)

Reply = Callable[[str | None], None]


@dataclass(slots=True)
class _Waiting:
    """A command whose answer has not come."""

    text: str
    sent_at: float
    done: Reply | None


class MediaClient:
    """The media process, as the SIP process sees it.

    socket_path: settings.MEDIA_SOCKET. listen_host: the relay's address that is written into session descriptions.
    ports: the relay's port range, so that nobody makes it send to itself. `online`: a session can be opened now.
    `on_lost` is called, once for each loss, when the media process is gone: every session is over. `on_online` when it is back.
    """

    def __init__(
        self,
        socket_path: Path | str,
        listen_host: str,
        *,
        brands: Path | None = None,
        published: Path | None = None,
        ports: tuple[int, int] = (0, 0),
        monotonic: clock.MonotonicClock | None = None,
    ) -> None:
        self.listen_host, self.ports = listen_host, ports
        self.online = False
        self.on_lost: Callable[[], None] = _nothing
        self.on_online: Callable[[], None] = _nothing
        self.greeting = link.Greeting((listen_host, 9), "")
        self.shelf = prompts.Shelf(
            link.prompts_beside(Path(socket_path)), Path(brands or "brands"), published=published
        )
        self._clock = monotonic or clock.BootClock()
        self._waiting: deque[_Waiting] = deque()
        self._sessions: dict[str, MediaSession] = {}
        self._lines: dict[str, Line] = {}
        self._asked: dict[tuple[str, str], deque[Reply]] = {}
        self._opened = 0
        self._door_heard_at = 0.0
        self._closed = False
        self._link = link.Link(
            Path(socket_path),
            ED2.callFromThread,
            up=guarded(self._up),
            replies=guarded(self._replied),
            notices=guarded(self._noticed),
            down=guarded(self._down),
        )
        self._timer = Timeout(guarded(self.heartbeat), BEAT_S, -1)
        self._link.start()

    def open(self, call_id: str, done: Callable[[MediaSession | None], None]) -> None:
        """A session for a call: done(None) when the media process is not reachable. call_id: for logs; any text."""
        if not self.online:
            self.later(done, None)
            return
        tag = self._tag(call_id)
        session = self._sessions[tag] = MediaSession(self, tag, self._opened)
        self.later(done, session)

    def open_line(self, call_id: str, done: Callable[[Line | None], None]) -> None:
        """A line for a call: done(None) when the media process is not reachable. call_id: for logs; any text."""
        if not self.online:
            self.later(done, None)
            return
        tag = self._tag(call_id)
        line = self._lines[tag] = Line(self, tag, self._opened)
        self.later(done, line)

    def refuse_own(self, said: sdp.Description) -> None:
        """Raises UnusableSdp for a description that would make the relay send to itself."""
        low, high = self.ports
        if said.address == self.listen_host and low <= said.port <= high:
            raise sdp.UnusableSdp("the relay does not send to itself")

    def clear_all(self) -> None:
        """End every session of the relay, those of a predecessor included. It is also done at each connection."""
        for session in self._sessions.values():
            session.forget()
        for line in self._lines.values():
            line.forget()
        self._sessions.clear()
        self._lines.clear()
        self.command("X")

    def heartbeat(self) -> None:
        """Tell the media process that its controller lives. Done every second by itself; more often does no harm."""
        if not self.online:
            return
        now = self._clock.seconds()
        relay_silent = self._waiting and now - self._waiting[0].sent_at > STUCK_S
        if relay_silent or now - self._door_heard_at > STUCK_S or not self._link.beat():
            log.error("media_stuck", waiting=len(self._waiting))
            self._link.drop()
            return
        self.command("V")

    def close(self) -> None:
        """Let go of the media process, for good. Its sessions end 5 seconds later, unless cleared."""
        self._closed, self.online = True, False
        self._timer.cancel()
        self._link.close()

    def command(self, text: str, done: Reply | None = None) -> None:
        """Send one command to the relay; done(answer), or done(None) for an error or a loss. For MediaSession."""
        sent = self.online and len(self._waiting) < MAX_IN_FLIGHT and self._link.command(text)
        if sent:
            self._waiting.append(_Waiting(text, self._clock.seconds(), done))
            return
        if self.online:
            log.error("media_command_not_sent", waiting=len(self._waiting))
            self._link.drop()
        if done is not None:
            self.later(done, None)

    def tell(self, text: str) -> None:
        """Tell the door something about a line's sound (see ears.py). For Line."""
        if self.online and not self._link.tell(text):
            log.error("media_door_not_reached")
            self._link.drop()

    def ask(self, question: str, tag: str, words: str, done: Reply) -> None:
        """Ask the door; done(answer), or done(None) for a loss. The door answers in order. For Line."""
        if not self.online:
            self.later(done, None)
            return
        self._asked.setdefault((tag, question), deque()).append(done)
        self.tell(f"{question} {tag} {words}".rstrip())

    def later(self, function: Callable[..., None], *arguments: Any) -> None:
        """Run on this thread, after what runs now."""
        ED2.callFromThread(guarded(function), *arguments)

    def now(self) -> float:
        """Seconds of the monotonic clock. For Line."""
        return self._clock.seconds()

    def forget(self, tag: str) -> None:
        """A session is closed. For MediaSession."""
        self._sessions.pop(tag, None)

    def forget_line(self, tag: str) -> None:
        """A line is closed. For Line."""
        self._lines.pop(tag, None)

    def _tag(self, call_id: str) -> str:
        """The name of a session in the relay: a new one each time."""
        self._opened += 1
        return f"{_UNSAFE.sub('-', call_id)[:40]}.{self._opened}"

    def _up(self, greeting: link.Greeting) -> None:
        if self._closed:
            return
        self.greeting, self.online = greeting, True
        self._door_heard_at = self._clock.seconds()
        self.clear_all()
        log.info("media_online", sink=f"{greeting.sink[0]}:{greeting.sink[1]}")
        self.on_online()

    def _down(self) -> None:
        if self._closed:
            return
        self.online = False
        waiting, self._waiting = self._waiting, deque()
        waiting.extend(_Waiting("", 0.0, done) for asked in self._asked.values() for done in asked)
        self._asked.clear()
        sessions, lines = list(self._sessions.values()), list(self._lines.values())
        self._sessions.clear()
        self._lines.clear()
        _LOST.inc()
        log.error("media_lost", sessions=len(sessions) + len(lines))
        for session in sessions:
            session.forget()
        for line in lines:
            line.lost()
        for one in waiting:
            if one.done is not None:
                guarded(one.done)(None)
        self.on_lost()

    def _replied(self, lines: list[str]) -> None:
        for line in lines:
            if not self._waiting:
                log.error("media_answer_without_question", answer=line)
                self._link.drop()
                return
            one = self._waiting.popleft()
            good = not line.startswith("E")
            if not good:
                _REFUSED.inc()
                log.warning("media_refused", command=one.text, answer=line)
            if one.done is not None:
                guarded(one.done)(line if good else None)

    def _noticed(self, lines: list[str]) -> None:
        self._door_heard_at = self._clock.seconds()
        for word, tag, *more in (line.split() for line in lines if line.count(" ")):
            if word == "digit" and more and (line := self._lines.get(tag)):
                line.dialled(more[0])
            elif word == "asked" and more and (asked := self._asked.get((tag, more[0]))):
                done = asked.popleft()
                if not asked:
                    del self._asked[tag, more[0]]
                guarded(done)(" ".join(more[1:]))
            elif word == "ended" and (session := self._sessions.pop(tag, None)):
                log.warning("media_session_ended_idle", call=tag)
                session.forget()
                session.on_ended()
            elif word == "ended" and (line := self._lines.pop(tag, None)):
                log.warning("media_line_ended_idle", call=tag)
                line.lost()


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """The same function; what it raises is logged, since sippy would only print it."""

    def call(*arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception:
            log.exception("media_callback_failed", function=getattr(function, "__qualname__", str(function)))

    return call


def _nothing() -> None:
    """Nobody has asked to be told."""

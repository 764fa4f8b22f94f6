"""A call's media, through the media client: opened when needed, closed once, silent about what comes too late. SIP thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cadran.voice.b2bua import stack

Sdp = Callable[[str | None], None]


class Sound:
    """One media session of one call. After `close` nothing is answered any more."""

    def __init__(self, client: Any, call_id: str, lost: Callable[[], None]) -> None:
        self.client, self.call_id, self.lost = client, call_id, lost
        self.offered = ""
        self._session: Any = None
        self._closed = False

    def offer(self, caller_sdp: str, done: Callable[[bool], None]) -> None:
        """Open the session and turn the caller's SDP into what callees are offered (`offered`)."""

        def offered(sdp: str | None) -> None:
            self.offered = sdp or ""
            if not self._closed:
                done(bool(sdp))

        self._opened(lambda session: session.caller_offer(caller_sdp, stack.guarded(offered)), lambda: done(False))

    def answer(self, callee_sdp: str, done: Sdp) -> None:
        """Connect the callee; `done` gets the SDP for the caller."""
        if self._session is None or not callee_sdp:
            done(None)
            return
        self._session.callee_answer(callee_sdp, self._unless_closed(done))

    def announce(self, prompts: tuple[str, ...], caller_sdp: str, done: Sdp, finished: Callable[[], None]) -> None:
        """Play prompts to the caller; `done(None)` when that cannot be."""
        heard = stack.guarded(lambda: None if self._closed else finished())
        self._opened(
            lambda session: session.announce(prompts, caller_sdp, self._unless_closed(done), heard), lambda: done(None)
        )

    def reoffer(self, from_caller: bool, sdp: str, done: Sdp) -> None:
        if self._session is None:
            done(None)
            return
        self._session.reoffer(from_caller, sdp, self._unless_closed(done))

    def answer_to_reoffer(self, from_caller: bool, sdp: str, done: Sdp) -> None:
        if self._session is None:
            done(None)
            return
        self._session.answer_to_reoffer(from_caller, sdp, self._unless_closed(done))

    def close(self) -> None:
        """Remove the media now, whatever the phones do."""
        if self._closed:
            return
        self._closed = True
        if self._session is not None:
            session, self._session = self._session, None
            session.close()

    def _opened(self, use: Callable[[Any], None], failed: Callable[[], None]) -> None:
        if self._session is not None:
            use(self._session)
            return
        if not self.client.online:
            failed()
            return

        def opened(session: Any) -> None:
            if session is None:
                if not self._closed:
                    failed()
            elif self._closed:
                session.close()
            else:
                self._session = session
                session.on_ended = stack.guarded(self.lost)
                use(session)

        self.client.open(self.call_id, stack.guarded(opened))

    def _unless_closed(self, done: Sdp) -> Sdp:
        return stack.guarded(lambda sdp: None if self._closed else done(sdp))

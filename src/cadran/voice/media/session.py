"""The media of one call: two sides, the relay between them. All on sippy's thread; `done` is never called before a method returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from sippy.Time.Timeout import Timeout

from cadran.units import errors
from cadran.voice.media import sdp

if TYPE_CHECKING:
    from cadran.voice.media.client import MediaClient

PROMPT_TAIL_S = 0.3
log = structlog.get_logger()

SdpDone = Callable[[str | None], None]


@dataclass(frozen=True, slots=True)
class MediaStats:
    """RTP packets since the session began: received from each side, relayed, dropped. idle_s_left: life without packets."""

    idle_s_left: int
    from_caller: int
    from_callee: int
    relayed: int
    dropped: int


@dataclass(slots=True)
class _Side:
    """What one side of the call said last, and what it was told.

    own: its tag in the relay. port: where it must send its audio (the relay's), 0 until known. sent_to: where the relay sends.
    """

    own: str
    port: int = 0
    offered: sdp.Description | None = None
    sent_to: tuple[str, int] | None = None
    told: str = ""
    version: int = 0


@dataclass(slots=True)
class MediaSession:
    """One call in the relay, from `MediaClient.open`. Close it when the call ends: media stop at once.

    on_ended: called when the relay ended the session by itself, having seen no packet for minutes.
    A description that cannot be used gives done(None): answer 488 to an offer, end the call for an answer.
    """

    client: MediaClient
    tag: str
    number: int
    closed: bool = False
    on_ended: Callable[[], None] = lambda: None
    _caller: _Side = field(default_factory=lambda: _Side("a"))
    _callee: _Side = field(default_factory=lambda: _Side("b"))
    _offerer: _Side | None = None
    _announcement: object = None

    def caller_offer(self, text: str, done: SdpDone) -> None:
        """Take the caller's offer; done(offer for the callees), the same for each of them, at the relay's address and port."""
        self._offer(self._caller, self._callee, text, done)

    def callee_answer(self, text: str, done: SdpDone) -> None:
        """Take the answer of a callee (early media, then the winner's); done(answer for the caller). From now on the audio of that
        callee goes to the caller and back."""
        self._answer(self._callee, self._caller, text, done)

    def reoffer(self, from_caller: bool, text: str, done: SdpDone) -> None:
        """Take a new offer within the call (hold, another address) from the caller or the callee; done(offer for the other side)."""
        speaker, hearer = (self._caller, self._callee) if from_caller else (self._callee, self._caller)
        self._offer(speaker, hearer, text, done)

    def answer_to_reoffer(self, from_caller: bool, text: str, done: SdpDone) -> None:
        """Take the answer to the last `reoffer`; done(answer for who offered). from_caller: the answer is the caller's. The session
        knows who offered last, so that is what counts if the two disagree."""
        speaker, hearer = (self._caller, self._callee) if from_caller else (self._callee, self._caller)
        if self._offerer is not None:
            hearer = self._offerer
            speaker = self._callee if hearer is self._caller else self._caller
        self._answer(speaker, hearer, text, done)

    def announce(
        self, prompt_names: tuple[str, ...], caller_sdp: str, done_sdp: SdpDone, finished: Callable[[], None]
    ) -> None:
        """Play prompts into the caller's ear (names: see prompts.py). done_sdp(answer for the caller's offer, for a 183 or 200), or
        done_sdp(None) if the caller cannot hear them; then finished() when they are over, unless closed before."""
        try:
            said = self._read(caller_sdp)
            _, payload = sdp.spoken_answer(said, sdp.Place(self.client.listen_host, 9))
            playlist = self.client.shelf.playlist(prompt_names, payload)
        except (errors.CadranError, OSError) as why:
            self._unusable("announce", why, done_sdp)
            return
        self._caller.offered, self._offerer = said, self._caller
        sink_host, sink_port = self.client.greeting.sink

        def caller_known(answer: str | None) -> None:
            if answer is None or self.closed:
                done_sdp(None)
                return
            self._callee.port = _port(answer)
            sink = f"Uaz20 {self.tag} {sink_host} {sink_port} b a {self.client.greeting.notify} {self.tag}"
            self.client.command(sink, opened)

        def opened(answer: str | None) -> None:
            if answer is None or self.closed:
                done_sdp(None)
                return
            self._caller.port = _port(answer)
            text, _ = sdp.spoken_answer(said, self._place(self._caller))
            self._caller.told = text
            self.client.command(f"P1 {self.tag} {playlist.name} session a b", playing)
            done_sdp(text)

        def playing(answer: str | None) -> None:
            wait_s = playlist.duration_s + PROMPT_TAIL_S if answer is not None else 0
            if not self.closed:
                self._announcement = Timeout(over, wait_s, 1)

        def over() -> None:
            self._announcement = None
            if not self.closed:
                self.client.later(finished)

        self._update(self._caller, f"c{payload}", said, caller_known)

    def stats(self, done: Callable[[MediaStats | None], None]) -> None:
        """done(packet counts), or done(None) when the session is over."""

        def counted(answer: str | None) -> None:
            numbers = [int(word) for word in answer.split()] if answer else []
            done(MediaStats(*numbers[:5]) if len(numbers) >= 5 else None)

        self.client.command(f"Q {self.tag} a b", counted)

    def close(self) -> None:
        """End the media of the call now: no packet passes any more. Again does nothing."""
        if not self.closed:
            if self._caller.sent_to or self._callee.sent_to:
                self.client.command(f"D {self.tag} a b")
            self.client.forget(self.tag)
            self.forget()

    def forget(self) -> None:
        """The relay no longer has the session. For MediaClient."""
        self.closed = True
        if self._announcement is not None:
            self._announcement.cancel()  # type: ignore[attr-defined]
            self._announcement = None

    def _offer(self, speaker: _Side, hearer: _Side, text: str, done: SdpDone) -> None:
        try:
            said = self._read(text)
        except errors.CadranError as why:
            self._unusable("offer", why, done)
            return

        def placed(answer: str | None) -> None:
            if answer is None or self.closed:
                done(None)
                return
            hearer.port = _port(answer)
            speaker.offered, self._offerer = said, speaker
            done(self._tell(hearer, lambda place: sdp.offer(said, place)))

        self._update(speaker, "", said, placed)

    def _answer(self, speaker: _Side, hearer: _Side, text: str, done: SdpDone) -> None:
        try:
            said, offered = self._read(text), hearer.offered
            if offered is None:
                raise sdp.UnusableSdp("an answer came before any offer")
            sdp.answer(said, offered, sdp.Place(self.client.listen_host, 9))
        except errors.CadranError as why:
            self._unusable("answer", why, done)
            return

        def placed(answer: str | None) -> None:
            if answer is None or self.closed:
                done(None)
                return
            hearer.port = _port(answer)
            done(self._tell(hearer, lambda place: sdp.answer(said, offered, place)))

        self._update(speaker, "", said, placed)

    def _read(self, text: str) -> sdp.Description:
        said = sdp.parse(text)
        self.client.refuse_own(said)
        return said

    def _update(self, side: _Side, options: str, said: sdp.Description, done: SdpDone) -> None:
        """Tell the relay where a side listens; it answers with the port for the other side. Who holds by 0.0.0.0 keeps its address."""
        if self.closed:
            self.client.later(done, None)
            return
        target = side.sent_to if said.nowhere and side.sent_to else (said.address, said.port)
        other = self._callee if side is self._caller else self._caller
        text = f"U{options} {self.tag} {target[0]} {target[1]} {side.own}"
        if other.sent_to or side is self._callee:
            text += f" {other.own}"
        text += f" {self.client.greeting.notify} {self.tag}"
        side.sent_to = target
        self.client.command(text, done)

    def _tell(self, hearer: _Side, write: Callable[[sdp.Place], str]) -> str:
        """The description for a side; its o= line counts up when anything changed since the last one (RFC 3264, 8)."""
        text = write(self._place(hearer))
        if text != hearer.told:
            hearer.version += 1
            text = hearer.told = write(self._place(hearer))
        return text

    def _place(self, side: _Side) -> sdp.Place:
        return sdp.Place(self.client.listen_host, side.port, self.number, max(side.version, 1))

    def _unusable(self, what: str, why: Exception, done: SdpDone) -> None:
        log.info("media_sdp_unusable", call=self.tag, what=what, reason=str(why))
        self.client.later(done, None)


def _port(answer: str) -> int:
    return int(answer.split("&&", 1)[0].split()[0])

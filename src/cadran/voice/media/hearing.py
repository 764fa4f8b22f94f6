"""A line's part of what the media process hears of it: digits in the sound, and a recording. See ears.py for the other end."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from cadran.voice.media import link
from cadran.voice.media.port import Done

if TYPE_CHECKING:
    from cadran.voice.media.client import MediaClient

PERSON, SECOND = "a b", "b a"  # whose sound, as rtp-io is told
Answer = TypeVar("Answer")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Playing:
    """What the relay plays: the file's name, its codec, and since when on the client's clock. times: negative without end."""

    name: str
    law: int
    times: int
    since: float


class Hearing:
    """Only lines that need it cost anything: rtp-io then copies their packets to a socket of the media process."""

    def __init__(self, client: MediaClient, tag: str) -> None:
        self._client, self._tag = client, tag
        self._listening = self._recording = self._over = False
        self._plays: Playing | None = None

    def listen(self, event: str, law: int) -> None:
        """Find digits in the sound of who cannot send them otherwise (`event` is empty), and of nobody else."""
        if not event:
            self._listening = True
            self._ask("listen", str(law), self._heard)
        elif self._listening:
            self._listening = False
            if not self._recording:
                self._client.command(f"N {self._tag} {PERSON}")
            self._ask("deaf", "", lambda _: None)

    def record(self, path: Path, law: int, done: Done) -> None:
        """done(False) when it is recorded already, or cannot be written."""
        if self._recording:
            self._client.later(self._unless_over(done), False)
            return
        self._recording = True

        def opened(answer: str | None) -> None:
            says, _, hears = (answer or "").partition(" ")
            if not hears:
                self._recording = False
                done(False)
                return
            self._copy(PERSON, says)
            self._copy(SECOND, hears)
            self._tell_playing()
            done(True)

        self._ask("record", f"{law} {urllib.parse.quote(str(path.absolute()))}", opened)

    def stop_recording(self, done: Done) -> None:
        """done(False) when nothing was recorded, or it could not be written."""
        if not self._recording:
            self._client.later(self._unless_over(done), False)
            return
        self._recording = False
        self._client.command(f"N {self._tag} {SECOND}")
        if not self._listening:
            self._client.command(f"N {self._tag} {PERSON}")
        self._ask("keep", "", lambda answer: done(answer == "1"))

    def plays(self, playing: Playing | None) -> None:
        """The relay plays this from now on; None: nothing. rtp-io does not copy what it plays itself."""
        was, self._plays = self._plays, playing
        if not self._recording or self._over:
            return
        if playing is not None:
            self._tell_playing()
        elif was is not None:
            self._client.tell(f"hushed {self._tag}")

    def end(self) -> None:
        """The line is closed; a recording is kept."""
        if (self._listening or self._recording) and not self._over:
            self._client.tell(f"forget {self._tag}")
        self._over = True

    def _tell_playing(self) -> None:
        if (plays := self._plays) is not None:
            offset_ms = int((self._client.now() - plays.since) * 1000)
            self._client.tell(f"playing {self._tag} {plays.name} {plays.law} {plays.times} {offset_ms}")

    def _heard(self, port: str | None) -> None:
        if not port or port == "0":
            log.warning("media_digits_unheard", call=self._tag, reason="no telephone-event, and no way to find tones")
        elif self._listening:
            self._copy(PERSON, port)

    def _copy(self, whose: str, port: str) -> None:
        self._client.command(f"C {self._tag} udp:{link.EARS}:{port} {whose}")

    def _ask(self, question: str, words: str, done: Callable[[str | None], None]) -> None:
        self._client.ask(question, self._tag, words, self._unless_over(done))

    def _unless_over(self, done: Callable[[Answer], None]) -> Callable[[Answer], None]:
        return lambda answer: None if self._over else done(answer)

"""What the media process itself hears of the few lines that need it: in-band digits and recordings.

An ear is a UDP socket on the loopback to which rtp-io sends a copy of what one of the two says. It is read on the door's thread. The
controller asks, a line of words each; each question but `forget` is answered by `asked <tag> <question> <answer...>`:

    listen <tag> <law>                      -> port, or 0           digits follow as `digit <tag> <digit>`
    deaf <tag>                              -> 1
    record <tag> <law> <path, quoted>       -> port of what it says, port of what it hears, or 0
    playing <tag> <file> <law> <times> <offset in milliseconds>, hushed <tag>     (no answer)
    keep <tag>                              -> 1, or 0 for a recording that is lost
    forget <tag>                            the line is over; a recording is kept
"""

from __future__ import annotations

import re
import selectors
import socket
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import prometheus_client
import structlog

from cadran.units import clock, errors
from cadran.voice.media import inband, link, recording

MAX_LINES = 1000
WRITE_EVERY_S = 1.0
_NAME = re.compile(r"[0-9a-f]{24}")
log = structlog.get_logger()
_LISTENING = prometheus_client.Gauge(
    "cadran_voice_media_ears", "Lines whose sound is heard for digits or recorded", multiprocess_mode="livemostrecent"
)
_DIGITS = prometheus_client.Counter("cadran_voice_media_inband_digits", "Digits found in the sound itself")
_FAILED = prometheus_client.Counter("cadran_voice_media_recordings_failed", "Recordings that could not be written")


@dataclass(slots=True)
class _Ear:
    """One line. sockets: for what it says, and for what it hears once it is recorded."""

    tag: str
    law: int
    sockets: dict[int, socket.socket] = field(default_factory=dict)
    detector: inband.Detector | None = None
    recording: recording.Recording | None = None


class Ears:
    """tell(line): to the controller. prompts: where the files lie that the relay plays."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        tell: Callable[[str], None],
        prompts: Path,
        clock_: clock.MonotonicClock,
    ) -> None:
        self._selector, self._tell, self._prompts, self._clock = selector, tell, prompts, clock_
        self._ears: dict[str, _Ear] = {}
        self._next_write = 0.0
        self._questions: dict[str, Callable[..., None]] = {
            "listen": self._listen,
            "deaf": self._deaf,
            "record": self._record,
            "playing": self._playing,
            "hushed": self._hushed,
            "keep": self._keep,
            "forget": self._forget,
        }

    def asked(self, line: str) -> None:
        """A line of the controller that is no greeting and no beat. What makes no sense is logged."""
        question, *words = line.split()
        try:
            self._questions[question](*words)
        except (KeyError, TypeError, ValueError) as why:
            log.error("media_question_senseless", question=question[:20], reason=str(why))

    def tick(self) -> None:
        """Write what has been recorded; now and then."""
        now = self._clock.seconds()
        _LISTENING.set(len(self._ears))
        if now < self._next_write:
            return
        self._next_write = now + WRITE_EVERY_S
        for ear in self._ears.values():
            if ear.recording is not None:
                try:
                    ear.recording.write(now)
                except OSError as why:
                    self._lost(ear, why)

    def close(self) -> None:
        """Every line is over."""
        for tag in list(self._ears):
            self._forget(tag)

    def _listen(self, tag: str, law: str) -> None:
        ear = self._ear(tag, int(law))
        if ear is not None and (ear.detector is None or ear.detector.law != ear.law):
            try:
                ear.detector = inband.Detector(ear.law)
            except errors.CadranError:  # told once, when the library was looked for
                self._end_if_idle(ear)
                ear = None
        self._tell(f"asked {tag} listen {self._port(ear, recording.SAYS) if ear else 0}")

    def _deaf(self, tag: str) -> None:
        if ear := self._ears.get(tag):
            ear.detector = None
            self._end_if_idle(ear)
        self._tell(f"asked {tag} deaf 1")

    def _record(self, tag: str, law: str, path: str) -> None:
        ear = self._ear(tag, int(law))
        ports = "0"
        if ear is not None and ear.recording is None:
            made = recording.Recording(Path(urllib.parse.unquote(path)), self._clock.seconds())
            try:
                made.open()
            except OSError as why:
                self._lost(ear, why)
                self._end_if_idle(ear)
            else:
                ear.recording = made
                ports = f"{self._port(ear, recording.SAYS)} {self._port(ear, recording.HEARS)}"
        self._tell(f"asked {tag} record {ports}")

    def _playing(self, tag: str, name: str, law: str, times: str, offset_ms: str) -> None:
        ear = self._ears.get(tag)
        if ear is None or ear.recording is None or not _NAME.fullmatch(name):
            return
        try:
            coded = (self._prompts / f"{name}.{int(law)}").read_bytes()
        except OSError as why:
            log.warning("media_prompt_not_recorded", call=tag, reason=str(why))
            return
        ear.recording.play(coded, int(law), int(times), int(offset_ms) / 1000, self._clock.seconds())

    def _hushed(self, tag: str) -> None:
        if (ear := self._ears.get(tag)) and ear.recording:
            ear.recording.hush(self._clock.seconds())

    def _keep(self, tag: str) -> None:
        kept = False
        if (ear := self._ears.get(tag)) and ear.recording:
            kept = self._kept(ear)
            self._end_if_idle(ear)
        self._tell(f"asked {tag} keep {int(kept)}")

    def _forget(self, tag: str) -> None:
        if ear := self._ears.get(tag):
            if ear.recording is not None:
                self._kept(ear)
            ear.detector = None
            self._end_if_idle(ear)

    def _ear(self, tag: str, law: int) -> _Ear | None:
        """The line's ear, made when it has none; None when there are too many."""
        ear = self._ears.get(tag)
        if ear is None:
            if len(self._ears) >= MAX_LINES:
                log.error("media_ears_used_up", lines=MAX_LINES)
                return None
            ear = self._ears[tag] = _Ear(tag, law)
        ear.law = law
        return ear

    def _port(self, ear: _Ear, channel: int) -> int:
        if channel not in ear.sockets:
            fresh = ear.sockets[channel] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            fresh.setblocking(False)
            fresh.bind((link.EARS, 0))
            self._selector.register(fresh, selectors.EVENT_READ, lambda one: self._heard(ear, channel, one))
        return int(ear.sockets[channel].getsockname()[1])

    def _heard(self, ear: _Ear, channel: int, one: socket.socket) -> None:
        try:
            packet = one.recv(2048)
        except OSError:
            return
        if channel == recording.SAYS and ear.detector is not None:
            for digit in ear.detector.heard(packet):
                _DIGITS.inc()
                self._tell(f"digit {ear.tag} {digit}")
        if ear.recording is not None and (sound := inband.payload(packet, ear.law)):
            ear.recording.add(channel, sound, ear.law, self._clock.seconds())

    def _kept(self, ear: _Ear) -> bool:
        made, ear.recording = ear.recording, None
        try:
            if made is not None:
                made.keep(self._clock.seconds())
        except OSError as why:
            ear.recording = made
            self._lost(ear, why)
            return False
        return made is not None

    def _lost(self, ear: _Ear, why: OSError) -> None:
        if ear.recording is not None:
            ear.recording.drop()
            ear.recording = None
        _FAILED.inc()
        log.error("media_recording_lost", call=ear.tag, reason=str(why))

    def _end_if_idle(self, ear: _Ear) -> None:
        if ear.detector is None and ear.recording is None:
            self._ears.pop(ear.tag, None)
            for one in ear.sockets.values():
                self._selector.unregister(one)
                one.close()
            ear.sockets.clear()

"""What the logic of menus and callbacks asks of media, whatever relays them: rtp-io here, another relay on another plane.

A `Line` is the sound of one person for the whole of a call: what this person hears (prompts, then whoever it talks with) and says
(digits, voice). Its port towards that person never changes, so that nobody is re-invited when the other side comes and goes. Second
persons come one after another, each with an offer of its own. Everything happens on one thread; no callback is called before the
method that was given it has returned, and none after `close`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

SdpDone = Callable[[str | None], None]
Done = Callable[[bool], None]
Finished = Callable[[], None]


class Line(Protocol):
    """One person's sound. A description that cannot be used gives done(None): answer 488 to an offer, end the leg for an answer.

    on_digit: called with 0-9, * or # at each digit that this person dials, by RFC 4733 or in band, once for each. While two are
    bridged the digits are also heard by the other. on_ended: the relay ended the line by itself, or was lost.
    """

    closed: bool
    on_digit: Callable[[str], None]
    on_ended: Callable[[], None]

    def answer(self, offer: str, done: SdpDone) -> None:
        """This person calls: take its offer; done(our answer)."""

    def invite(self, done: SdpDone) -> None:
        """This person is called: done(our offer), then `accepted` with what it answered."""

    def accepted(self, answer: str, done: Done) -> None:
        """Take the answer to the offer of `invite`; early media and the final one may differ."""

    def renew(self, *, second: bool, offer: str, done: SdpDone) -> None:
        """A new offer in mid-call (hold, another address) from this person or the second; done(answer for who offered)."""

    def play(self, prompts: tuple[str, ...], finished: Finished, *, times: int = 1) -> None:
        """Into this person's ear, in place of what plays now; finished() at the end, unless stopped or replaced before. A negative
        `times` repeats until `stop`. Names as in prompts.py. While bridged: a whisper that the second person does not hear."""

    def stop(self) -> None:
        """Silence now; `finished` of what played is not called."""

    def second(self, done: SdpDone) -> None:
        """A fresh offer for the next second person; what an earlier one may still send is heard by nobody."""

    def bridge(self, answer: str, done: Done) -> None:
        """The second person's answer (or early media): both hear each other from now on."""

    def unbridge(self) -> None:
        """The second person is gone for this one: its sound ends, this person's stays open."""

    def record(self, path: Path, done: Done) -> None:
        """Keep what this person says and hears, until `stop_recording` or `close`, as a WAV of two channels at `path`."""

    def stop_recording(self, done: Done) -> None: ...

    def close(self) -> None:
        """End all sound of the call now. Again does nothing."""


class Lines(Protocol):
    """Where lines come from."""

    online: bool

    def open_line(self, call_id: str, done: Callable[[Line | None], None]) -> None:
        """A line for a call; done(None) when the relay is not reachable."""

"""One person's sound in rtp-io: a session of the relay for the whole call, and one more, chained to it, for each second person.

    in the menu:  person <-> [session tag] -> sink           bridged:  person <-> [tag] <-> [tag-n] <-> second person

The person's port never changes. Each second person has a session of its own, since rtp-io keeps an address that it has learnt: what an
earlier one still sends would turn the stream back. On the inner hop nothing is learnt (`a`). docs/decisions/chained-media-sessions.md
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sippy.Time.Timeout import Timeout

from cadran.units import errors
from cadran.voice.media import hearing, sdp
from cadran.voice.media.port import Done, Finished, SdpDone

if TYPE_CHECKING:
    from cadran.voice.media.client import MediaClient

TAIL_S = 0.06  # until the last packet of a prompt has left
OWN_EVENT = "101"
DIGITS = frozenset("0123456789*#")
log = structlog.get_logger()


@dataclass(slots=True)
class _Party:
    """What one of the two said last and was told last. port: where it sends its audio, 0 until known. placed, replied: what the relay
    knows of it, and answered."""

    port: int = 0
    placed: tuple[object, ...] = ()
    replied: int | None = None
    said: sdp.Description | None = None
    told: str = ""
    version: int = 0


class Line:
    """The `Line` of port.py. From `MediaClient.open_line`; on sippy's thread."""

    def __init__(self, client: MediaClient, tag: str, number: int) -> None:
        self.client, self.tag, self.number = client, tag, number
        self.closed = False
        self.on_digit: Callable[[str], None] = _unheard
        self.on_ended: Callable[[], None] = _unheard
        self._person, self._second = _Party(), _Party()
        self._law, self._event = sdp.PCMA, ""
        self._inner = 0  # the port of the person's session at which a second person's would be reached
        self._seconds = 0
        self._opened = self._second_open = self._bridged = False
        self._plays: hearing.Playing | None = None
        self._hearing = hearing.Hearing(client, tag)
        self._timer: Timeout | None = None

    def answer(self, offer: str, done: SdpDone) -> None:
        """This person calls."""
        said = self._read("offer", offer)
        if said is None or not self._agreed(said, sdp.LAWS):
            self._later(done, None)
            return
        law = self._law
        self._open(said, done, lambda: self._answer_for(self._person, said, law))

    def invite(self, done: SdpDone) -> None:
        """This person is called: nothing is known of it until `accepted`."""
        self._event = OWN_EVENT
        self._open(None, done, lambda: self._told(self._person, lambda at: sdp.spoken_offer(at, sdp.LAWS, OWN_EVENT)))

    def accepted(self, answer: str, done: Done) -> None:
        """The person's answer to our own offer."""
        said = self._read("answer", answer)
        spoken = tuple(int(f) for f in said.formats if int(f) in sdp.LAWS) if said else ()  # what it names first
        if said is None or not self._opened or not self._agreed(said, spoken):
            self._later(done, False)
            return
        self._event = OWN_EVENT if said.telephone_event else ""
        self._person.said = said

        def known(port: int | None) -> None:
            if port is not None:
                self._hearing.listen(self._event, self._law)
            done(port is not None)

        self._place(self._person, self._person_at(said), known)

    def renew(self, *, second: bool, offer: str, done: SdpDone) -> None:
        """Hold, resumption or another address. Who wants to hear nothing is sent nothing."""
        said = self._read("offer", offer)
        laws = (self._law,) if second or self._second_open else sdp.LAWS
        open_ = self._second_open if second else self._opened
        if said is None or not open_ or sdp.law_of(said, laws) is None:
            self._later(done, None)
            return
        if not second:
            self._agreed(said, laws)
        party = self._second if second else self._person
        said, law = _refreshed(said, party.said), self._law
        party.said = said

        def known(port: int | None) -> None:
            if port is not None and not second:
                self._hearing.listen(self._event, self._law)
            done(self._answer_for(party, said, law) if port is not None else None)

        self._place(party, self._second_at(said) if second else self._person_at(said), known)

    def play(self, prompts: tuple[str, ...], finished: Finished, *, times: int = 1) -> None:
        """Into this person's ear alone. What cannot be played is logged, and is over at once."""
        self._quiet()
        if self.closed:
            return
        name, lasts_s = "", 0.0
        try:
            playlist = self.client.shelf.playlist(prompts, self._law)
            name, lasts_s = playlist.name, playlist.duration_s * times + TAIL_S
        except (errors.CadranError, OSError) as why:
            log.error("media_prompt_unusable", call=self.tag, reason=str(why))
        mine = self._plays = hearing.Playing(name, self._law, times, self.client.now())

        def over() -> None:
            if self._plays is mine:
                self._quiet()
                finished()

        def playing(answer: str | None) -> None:
            if self._plays is mine and (times >= 0 or answer is None):
                self._timer = Timeout(over, lasts_s if answer is not None else 0, 1)

        if not name:
            self._later(over)
            return
        self.client.command(f"P{times} {self.tag} {name} session a b", playing)
        self._hearing.plays(mine)

    def stop(self) -> None:
        """Silence."""
        if self._plays is not None:
            self._quiet()
            self.client.command(f"S {self.tag} a b")

    def second(self, done: SdpDone) -> None:
        """A session for the next second person; an earlier one ends."""
        self.unbridge()
        if self.closed or not self._opened:
            self._later(done, None)
            return
        self._seconds += 1
        self._second, self._second_open = _Party(), True
        mine = self._seconds

        def known(port: int | None) -> None:
            if port is None or not self._is_second(mine):
                done(None)
                return
            self._second.port = port
            done(self._told(self._second, lambda at: sdp.spoken_offer(at, (self._law,), self._event)))

        self._command(f"Ua {self._second_tag} {self.client.listen_host} {self._inner} a {self._notify}", known)

    def bridge(self, answer: str, done: Done) -> None:
        """Early media and the final answer may both come."""
        said = self._read("answer", answer)
        if said is None or not self._second_open or sdp.law_of(said, (self._law,)) is None:
            self._later(done, False)
            return
        mine, self._second.said = self._seconds, said
        if not self._bridged:
            self.stop()

        def reached(port: int | None) -> None:
            if port is None or not self._is_second(mine):
                done(False)
                return
            self._bridged = True
            self._command(self._towards(self.client.listen_host, port), joined)

        def joined(port: int | None) -> None:
            done(port is not None and self._is_second(mine))

        self._place(self._second, self._second_at(said), reached)

    def unbridge(self) -> None:
        """Turn this person's sound away first, then end the second's session."""
        if not self._second_open:
            return
        self._second_open = False
        if self._bridged:
            self._bridged = False
            self.client.command(self._towards(*self.client.greeting.sink))
        self.client.command(f"D {self._second_tag} a b")

    def record(self, path: Path, done: Done) -> None:
        """A file that has this name is replaced when the recording is kept."""
        if self._inner:
            self._hearing.record(path, self._law, done)
        else:
            self._later(done, False)

    def stop_recording(self, done: Done) -> None:
        """done(False) when nothing was recorded, or it could not be written."""
        self._hearing.stop_recording(done)

    def close(self) -> None:
        """Everything of this line ends in the relay."""
        if self.closed:
            return
        self._end()
        self.client.forget_line(self.tag)
        self.forget()

    def lost(self) -> None:
        """The relay has ended a session of this line, or is gone. For MediaClient."""
        if self.closed:
            return
        if self.client.online:  # one of the two sessions may have outlived the other
            self._end()
        self.forget()
        self.client.later(self.on_ended)

    def forget(self) -> None:
        """The relay has nothing of this line any more. For MediaClient."""
        self.closed = True
        self._quiet()
        self._hearing.end()

    def dialled(self, digit: str) -> None:
        """A digit of this person, by RFC 4733. For MediaClient."""
        if not self.closed and digit in DIGITS:
            self.on_digit(digit)

    @property
    def _second_tag(self) -> str:
        return f"{self.tag}-{self._seconds}"

    @property
    def _notify(self) -> str:
        return f"{self.client.greeting.notify} {self.tag}"

    def _is_second(self, number: int) -> bool:
        return self._second_open and self._seconds == number

    def _open(self, said: sdp.Description | None, done: SdpDone, describe: Callable[[], str]) -> None:
        """The person's session, with the sink in place of a second person; then done(describe())."""
        if self._opened:
            self._later(done, None)
            return
        self._opened, self._person.said = True, said

        def inner(port: int | None) -> None:
            if port is None:
                done(None)
                return
            self._inner = port
            self._command(self._towards(*self.client.greeting.sink), outer)

        def outer(port: int | None) -> None:
            self._person.port = port or 0
            if port is not None and said is not None:
                self._hearing.listen(self._event, self._law)
            done(describe() if port is not None else None)

        self._place(self._person, self._person_at(said), inner)

    def _end(self) -> None:
        if self._second_open:
            self._second_open = False
            self.client.command(f"D {self._second_tag} a b")
        if self._opened:
            self.client.command(f"D {self.tag} a b")

    def _person_at(self, said: sdp.Description | None) -> str:
        """Where this person's ear is, and how its digits are found."""
        digits = f" && M3:1 {self.tag} {self._event}" if self._event else ""
        tags = "a b" if self._inner else "a"
        return f"U{self._ear(said)[0]}c{self._law} {self.tag} {self._ear(said)[1]} {tags} {self._notify}{digits}"

    def _second_at(self, said: sdp.Description) -> str:
        learning, place = self._ear(said)
        return f"U{learning} {self._second_tag} {place} b a {self._notify}"

    def _towards(self, host: str, port: int) -> str:
        """Where what this person says goes."""
        return f"Uaz20 {self.tag} {host} {port} b a {self._notify}"

    def _ear(self, said: sdp.Description | None) -> tuple[str, str]:
        """Where somebody wants to hear, the sink for who does not. The address may be corrected by that phone's own packets, which
        come from elsewhere behind a NAT; not (`a`) while it is the sink."""
        if said is None or said.held:
            host, port = self.client.greeting.sink
            return "a", f"{host} {port}"
        return "", f"{said.address} {said.port}"

    def _agreed(self, said: sdp.Description, laws: tuple[int, ...]) -> bool:
        """Take the codec and the payload type of digits of what this person said; False when there is no codec for both."""
        law = sdp.law_of(said, laws)
        if law is not None:
            self._law, self._event = law, said.telephone_event
        return law is not None

    def _answer_for(self, party: _Party, said: sdp.Description, law: int) -> str:
        return self._told(party, lambda place: sdp.spoken_answer(said, place, (law,))[0])

    def _told(self, party: _Party, write: Callable[[sdp.Place], str]) -> str:
        """The description for one of the two; its o= line counts up when anything changed since the last one (RFC 3264, 8)."""

        def place() -> sdp.Place:
            return sdp.Place(self.client.listen_host, party.port, self.number, max(party.version, 1))

        if write(place()) != party.told:
            party.version += 1
            party.told = write(place())
        return party.told

    def _read(self, what: str, text: str) -> sdp.Description | None:
        try:
            said = sdp.parse(text)
            self.client.refuse_own(said)
        except errors.CadranError as why:
            log.info("media_sdp_unusable", call=self.tag, what=what, reason=str(why))
            return None
        return said

    def _quiet(self) -> None:
        """Nothing plays any more, as far as this line knows."""
        self._plays = None
        self._hearing.plays(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _place(self, party: _Party, command: str, done: Callable[[int | None], None]) -> None:
        """Tell the relay where somebody is, unless it knows: after each such command it takes whoever sends first for that phone, and
        a refresh is no reason to let a stranger try."""
        known = (self._ear(party.said), self._law, self._event)
        if known == party.placed and party.replied:
            self._later(done, party.replied)
            return

        def replied(port: int | None) -> None:
            party.replied = port
            done(port)

        party.placed, party.replied = known, None
        self._command(command, replied)

    def _command(self, text: str, done: Callable[[int | None], None]) -> None:
        """A command that is answered by a port; done(None) when it fails."""

        def answered(answer: str | None) -> None:
            if not self.closed:
                done(_port(answer))

        self.client.command(text, answered)

    def _later(self, function: Callable[..., None], *arguments: object) -> None:
        """After what runs now, unless the line is closed by then."""
        self.client.later(lambda: None if self.closed else function(*arguments))


def _unheard(*_: str) -> None:
    """Nobody has asked to be told."""


def _refreshed(said: sdp.Description, before: sdp.Description | None) -> sdp.Description:
    """A re-INVITE without any description comes from the stack as the last one at 0.0.0.0, as old telephones hold: who says so without
    naming a direction is taken to be where it was."""
    if not said.nowhere or said.stated != sdp.SENDRECV or before is None or before.nowhere:
        return said
    return dataclasses.replace(said, address=before.address, port=before.port, direction=said.stated)


def _port(answer: str | None) -> int | None:
    """The port in an answer such as `20004 127.0.0.1 && 0`; None for an error, port 0 included, or a failed part."""
    port, *parts = (answer or "0").split("&&")
    return int(port.split()[0]) or None if all(part.strip() == "0" for part in parts) else None

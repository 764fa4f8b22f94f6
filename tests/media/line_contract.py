"""What every relay must do behind the port of voice/media/port.py, tried with real sound.

An adapter's tests are a subclass `Test...` with a fixture `lines` (cadran.voice.media.port.Lines whose prompts know the brand of
line_rig.py). Loss of the relay is the adapter's own to try, since each dies in its way.
"""

from __future__ import annotations

import time
import wave
from pathlib import Path

import numpy as np
import pytest
from line_rig import DECODERS, KEYS, Box, Call, Person, ask, calling, coded, drive, drive_for, prompt, tone

from cadran.voice.media import inband, port, sdp


def channels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 2, 2)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(float)
    return both[:, 0], both[:, 1]


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency."""
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * 8000 / len(samples))


class LineContract:
    def test_prompts_are_heard_in_order_sample_for_sample_and_their_end_is_told_once(self, lines: port.Lines) -> None:
        for formats, law in (("8 0 101", 8), ("0 101", 0), ("18 0 8", 8)):
            person = Person()
            with calling(lines, person, formats) as call:
                began = time.monotonic()
                finished = call.says("one", "two")
                finished.get()
                lasted = time.monotonic() - began
                assert 0.39 < lasted < 1.5
                assert person.sound() == coded("one", "two", law=law)
                drive_for(0.05)
                assert finished.values == [None]

    def test_prompts_can_be_repeated_for_ever_until_they_are_stopped(self, lines: port.Lines) -> None:
        with calling(lines, Person()) as call:
            finished, heard = call.says("one", times=-1), b""
            while len(heard) < len(coded("one")) * 2 + 800:
                drive_for(0.02)
                heard += call.person.sound()
            assert heard.startswith(coded("one", "one"))
            call.line.stop()
            drive_for(0.06)
            call.person.sound()
            drive_for(0.08)
            assert call.person.sound() == b""
            assert finished.values == []
            again = call.says("two", times=2)
            again.get()
            assert call.person.sound() == coded("two", "two")

    def test_a_prompt_takes_the_place_of_the_one_before_and_only_its_own_end_is_told(self, lines: port.Lines) -> None:
        with calling(lines, Person()) as call:
            first = Box()
            call.line.play(prompt("long"), first)
            drive(call.person.sound)
            second = call.says("two")
            second.get()
            heard = call.person.sound()
            assert heard.endswith(coded("two")), "the long one is over"
            drive_for(0.06)
            assert call.person.sound() == b""
            assert first.values == []

    def test_a_prompt_that_cannot_be_played_is_over_at_once(self, lines: port.Lines) -> None:
        with calling(lines, Person()) as call:
            finished = call.says("no-such-prompt")
            finished.get()
            assert finished.values == [None]

    def test_each_digit_is_told_once_however_long_and_however_often_it_is_repeated(self, lines: port.Lines) -> None:
        with calling(lines, Person()) as call:
            call.says("one", times=-1)
            for digit in "0123456789*#":
                call.person.press(digit)
            call.person.press("5", steps=40, step=1600, ends=5)  # eight seconds long
            call.person.press("5", steps=1, ends=3)
            call.person.press("A")
            call.person.press("7", ends=2)
            drive(lambda: len(call.dialled) == 15)
            drive_for(0.05)
            assert call.dialled == "0123456789*#557"

    def test_digits_while_two_talk_are_told_and_heard_by_the_other_who_dials_for_itself_alone(
        self, lines: port.Lines
    ) -> None:
        other = Person("o")
        with calling(lines, Person()) as call:
            assert call.second(other)
            call.person.press("*")
            call.person.press("*")
            drive(lambda: call.dialled == "**")
            drive_for(0.02)
            assert other.digits() == {10}
            other.press("9")
            drive_for(0.1)
            assert call.person.digits() == {9}
            assert call.dialled == "**"

    def test_second_persons_come_one_after_another_and_nobody_hears_what_an_earlier_one_still_says(
        self, lines: port.Lines
    ) -> None:
        person, first, second = Person("p"), Person("f"), Person("s")
        with calling(lines, person) as call:
            assert call.second(first)
            assert first.hears(person)
            assert person.hears(first)
            call.line.unbridge()
            assert person.misses(first)
            assert first.misses(person)
            finished = call.says("one")
            first.talk(10)
            finished.get()
            assert person.sound() == coded("one"), "in the menu only the prompt is heard"
            assert call.second(second)
            assert person.hears(second)
            assert second.hears(person)
            assert person.misses(first)
            assert second.misses(first)
            assert person.hears(second), "what was late has not turned the stream"

    def test_a_second_person_may_answer_early_from_one_place_and_then_from_another(self, lines: port.Lines) -> None:
        person, early, late = Person("p"), Person("e"), Person("l")
        with calling(lines, person) as call:
            call.says("one", times=-1)
            assert call.second(early)
            assert person.hears(early), "what was played while it rang has made room"
            late.to = early.to
            assert ask(call.line.bridge, late.sdp())
            assert late.hears(person)
            assert person.hears(late)

    def test_a_new_second_person_ends_the_one_before(self, lines: port.Lines) -> None:
        person, first, second = Person("p"), Person("f"), Person("s")
        with calling(lines, person) as call:
            assert call.second(first)
            assert call.second(second)
            assert person.hears(second)
            assert person.misses(first)

    def test_a_whisper_is_heard_by_this_person_alone(self, lines: port.Lines) -> None:
        person, other = Person("p"), Person("o")
        with calling(lines, person) as call:
            assert call.second(other)
            assert person.hears(other)
            finished = call.says("two")
            for _ in range(3):
                assert other.hears(person), "the other goes on hearing this person, and nothing else"
            finished.get()
            assert person.sound().endswith(coded("two"))
            assert person.hears(other)

    def test_who_is_called_gets_our_offer_and_is_found_by_its_last_answer(self, lines: port.Lines) -> None:
        person, early = Person("p"), Person("e")
        line = ask(lines.open_line, "callback")
        call = Call(line, person)
        offered = sdp.parse(ask(line.invite))
        assert offered.formats == ("8", "0", "101")
        assert offered.telephone_event == "101"
        person.to = early.to = offered.port
        assert ask(line.accepted, early.sdp("8 101"))
        call.says("one").get()
        assert early.sound() == coded("one")
        assert ask(line.accepted, person.sdp("0 101"))
        call.says("two").get()
        assert person.sound() == coded("two", law=0)
        assert early.sound() == b""
        person.press("4")
        drive(lambda: call.dialled == "4")
        assert ask(line.accepted, person.sdp("18 101")) is False
        assert ask(line.accepted, person.sdp("18 0 8 101"))
        call.says("one").get()
        assert person.sound() == coded("one", law=0), "what the answer names first is spoken"
        line.close()

    def test_hold_sends_nothing_to_who_wants_nothing_and_is_answered_rightly(self, lines: port.Lines) -> None:
        person, other = Person("p"), Person("o")
        with calling(lines, person) as call:
            assert call.second(other)
            for asked, answered in (("sendonly", "recvonly"), ("inactive", "inactive")):
                held = call.renewed(person.sdp(extra=f"a={asked}\r\n"))
                assert held is not None
                assert (held.direction, held.port) == (answered, person.to)
                assert person.misses(other)
            assert other.hears(person), "music on hold"
            old_style = call.renewed(person.sdp(extra="a=sendonly\r\n", address="0.0.0.0"))
            assert old_style is not None
            assert old_style.direction == "recvonly"
            assert person.misses(other)
            assert call.renewed(person.sdp()) is not None
            refresh = call.renewed(person.sdp(address="0.0.0.0"))
            assert refresh is not None
            assert refresh.direction == "sendrecv"
            assert person.hears(other), "a refresh without a description, as the stack gives it, silences nobody"
            back = call.renewed(person.sdp())
            assert back is not None
            assert back.direction == "sendrecv"
            assert person.hears(other)
            theirs = call.renewed(other.sdp("8 101", extra="a=sendonly\r\n"), second=True)
            assert theirs is not None
            assert (theirs.direction, theirs.port, theirs.formats) == ("recvonly", other.to, ("8", "101"))
            assert other.misses(person)
            assert call.renewed(other.sdp("8 101"), second=True) is not None
            assert other.hears(person)

    def test_who_moves_is_followed_and_the_port_to_send_to_stays(self, lines: port.Lines) -> None:
        person, other, moved = Person("p"), Person("o"), Person("m")
        with calling(lines, person) as call:
            assert call.second(other)
            assert person.hears(other)
            moved.to = person.to
            renewed = call.renewed(moved.sdp())
            assert renewed is not None
            assert renewed.port == person.to
            assert moved.hears(other)
            assert other.hears(moved)
            assert person.sound() == b""

    def test_a_stranger_who_sends_to_a_line_in_use_is_not_heard_dials_nothing_and_hears_nothing(
        self, lines: port.Lines
    ) -> None:
        person, other, stranger = Person("p"), Person("o"), Person("x")
        with calling(lines, person) as call:
            stranger.to = person.to
            assert call.second(other)
            assert other.hears(person)
            for _ in range(2):
                assert other.misses(stranger)
                stranger.press("5")
                assert person.hears(other)
                assert stranger.packets() == []
                refresh = call.renewed(person.sdp())
                assert refresh is not None
            person.press("6")
            drive(lambda: call.dialled != "")
            assert call.dialled == "6"

    def test_what_cannot_be_heard_by_both_is_refused_and_the_line_stays_usable(self, lines: port.Lines) -> None:
        for bad in ("", "v=0", Person().sdp("18 101"), Person().sdp(address="::1")):
            line = ask(lines.open_line, "bad")
            assert ask(line.answer, bad) is None
            line.close()
        person, other = Person("p"), Person("o")
        with calling(lines, person, "0 101") as call:
            offered = ask(call.line.second)
            assert sdp.parse(offered).formats == ("0", "101"), "only what this person can hear"
            assert ask(call.line.bridge, other.sdp("8 101")) is False
            assert ask(call.line.bridge, "nonsense") is False
            other.to = sdp.parse(offered).port
            assert ask(call.line.bridge, other.sdp("0 101")) is True
            assert other.hears(person)
            assert call.renewed(person.sdp("8 101")) is None, "the codec cannot change while two talk"
            call.line.unbridge()
            assert call.renewed(person.sdp("8 101")) is not None
            call.says("one").get()
            assert person.sound().endswith(coded("one"))

    def test_a_recording_has_what_was_said_on_the_left_and_what_was_heard_on_the_right(
        self, lines: port.Lines, tmp_path: Path
    ) -> None:
        person, other, path = Person("p"), Person("o"), tmp_path / "call é.wav"
        with calling(lines, person) as call:
            assert ask(call.line.stop_recording) is False, "nothing is recorded"
            assert ask(call.line.record, path)
            assert ask(call.line.record, path) is False, "it is recorded already"
            call.says("two").get()
            assert call.second(other)
            other.sing(tone((1300,), 0.2), pace_s=0.02)
            person.sing(tone((600,), 0.2), pace_s=0.02)
            person.press("1")
            drive(lambda: call.dialled == "1")
            assert ask(call.line.stop_recording) is True
            assert ask(call.line.stop_recording) is False
        said, heard = channels(path)
        assert len(said) == len(heard)
        loud = [np.flatnonzero(np.abs(channel) > 500) for channel in (said, heard)]
        assert pitch(said[loud[0][0] : loud[0][-1]]) == pytest.approx(600, abs=20)
        middle = int(np.flatnonzero(np.diff(loud[1]) > 400)[0]) if (np.diff(loud[1]) > 400).any() else len(loud[1]) // 2
        assert pitch(heard[loud[1][0] : loud[1][middle]]) == pytest.approx(900, abs=20)
        assert pitch(heard[loud[1][middle + 1] : loud[1][-1]]) == pytest.approx(1300, abs=20)
        assert loud[0][0] > loud[1][-1] - 800, "each stands where it came in time"

    def test_a_recording_is_kept_when_the_line_closes_and_refused_where_it_cannot_be_written(
        self, lines: port.Lines, tmp_path: Path
    ) -> None:
        with calling(lines, Person()) as call:
            assert ask(call.line.record, tmp_path / "no" / "such" / "folder.wav") is False
            assert ask(call.line.record, tmp_path / "kept.wav")
            call.person.sing(tone((600,), 0.1), pace_s=0.02)
        drive((tmp_path / "kept.wav").exists)
        assert (tmp_path / "kept.wav").stat().st_mode & 0o077 == 0, "for this user alone"
        assert [one.name for one in tmp_path.iterdir()] == ["kept.wav"]

    @pytest.mark.skipif(inband.library() is None, reason=f"needs {inband.PACKAGE}")
    def test_digits_in_the_sound_itself_are_told_once_when_there_is_no_telephone_event(self, lines: port.Lines) -> None:
        silence = np.zeros(480, np.int16)
        for formats, law in (("8 0", 8), ("0", 0)):
            person, other = Person("p"), Person("o")
            with calling(lines, person, formats) as call:
                drive_for(0.05)
                call.says("one", times=-1)
                for digit in "147*":
                    person.sing(np.concatenate([tone(KEYS[digit], 0.08), silence]), law)
                person.sing(np.concatenate([tone(KEYS["5"], 0.6), silence, tone(KEYS["5"], 0.06), silence]), law)
                drive(lambda call=call: len(call.dialled) == 6)
                assert call.second(other, formats=formats[:1])
                for _ in "**":
                    person.sing(np.concatenate([tone(KEYS["*"], 0.08), silence]), law)
                drive(lambda call=call: len(call.dialled) == 8)
                assert call.dialled == "147*55**"
                heard = DECODERS[law](other.sound()).astype(float)
                assert len(heard) >= 1600, "the other hears the tones too"

    def test_tones_are_not_heeded_from_who_sends_telephone_events(self, lines: port.Lines) -> None:
        with calling(lines, Person()) as call:
            call.person.sing(tone(KEYS["5"], 0.2))
            call.person.press("6")
            drive(lambda: "6" in call.dialled)
            assert call.dialled == "6"

    def test_after_close_nothing_is_heard_and_nothing_is_told(self, lines: port.Lines) -> None:
        person, other = Person("p"), Person("o")
        with calling(lines, person) as call:
            assert call.second(other)
            assert person.hears(other)
            finished, second = call.says("long"), Box()
            person.press("1")
            call.line.second(second)
            call.line.close()
            call.line.close()
            assert call.line.closed
            drive_for(0.05)
            assert person.misses(other)
            assert other.misses(person)
            call.line.play(prompt("one"), finished)
            call.line.stop()
            call.line.unbridge()
            call.line.second(second)
            drive_for(0.05)
            assert person.sound() == b""
            assert (finished.values, second.values, call.dialled, call.ended.values) == ([], [], "", [])

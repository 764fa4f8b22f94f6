"""Digits in the sound itself: found once each, not found in speech, whatever packets do on their way."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from line_rig import CODERS, KEYS, tone

from cadran.voice.media import g711, inband, prompts

needs_spandsp = pytest.mark.skipif(inband.library() is None, reason=f"needs {inband.PACKAGE}")


def packets(samples: g711.Samples, law: int = 8, start: int = 0) -> list[bytes]:
    return [
        struct.pack("!BBHII", 0x80, law, at // 160 & 0xFFFF, (start + at) & 0xFFFFFFFF, 7)
        + CODERS[law](samples[at : at + 160])
        for at in range(0, len(samples) - 159, 160)
    ]


def dialled(digits: str, on_ms: int = 80, off_ms: int = 80, size: int = 6000) -> g711.Samples:
    parts = [np.concatenate([tone(KEYS[d], on_ms / 1000, size), np.zeros(off_ms * 8, np.int16)]) for d in digits]
    return np.concatenate([np.zeros(800, np.int16), *parts])


def heard(all_packets: list[bytes], law: int = 8) -> str:
    detector = inband.Detector(law)
    return "".join(detector.heard(packet) for packet in all_packets)


@needs_spandsp
@pytest.mark.parametrize("law", [8, 0])
def test_every_digit_is_found_once_in_either_law_short_long_soft_and_loud(law: int) -> None:
    for on_ms, off_ms, size in ((50, 50, 6000), (80, 80, 600), (80, 80, 12000), (1000, 80, 6000)):
        assert heard(packets(dialled("0123456789*#", on_ms, off_ms, size), law), law) == "0123456789*#"


@needs_spandsp
def test_a_tone_of_twenty_milliseconds_and_speech_are_no_digits() -> None:
    assert heard(packets(dialled("5", 20))) == ""
    for name in ("no-credit", "emergency-refused"):
        for language in ("fr", "en"):
            assert heard(packets(prompts.read_wav(prompts.RECORDINGS / language / f"{name}.wav"))) == ""


@needs_spandsp
def test_a_lost_packet_makes_no_second_digit_and_silence_that_is_not_sent_parts_two() -> None:
    sent = packets(dialled("5", 200))
    assert heard(sent[:10] + sent[11:]) == "5"
    assert heard(sent[:9] + sent[11:]) == "5"
    twice = packets(dialled("55", 100, 200))
    quiet = [one for one in twice if np.abs(g711.from_alaw(one[12:])).max() > 100]
    assert heard(quiet) == "55"


@needs_spandsp
def test_late_doubled_foreign_and_broken_packets_change_nothing() -> None:
    sent = packets(dialled("147", 100), start=0xFFFFFF00)
    noise = [b"", b"\x80", b"\x00" * 40, sent[5], struct.pack("!BBHII", 0x80, 101, 1, 2, 7) + b"\1\2\3\4"]
    noise += [b"\x9f\x08" + bytes(10), b"\xbf\x08" + b"\xff" * 20]
    mixed = [one for number, packet in enumerate(sent) for one in (packet, packet, noise[number % len(noise)])]
    assert heard(mixed) == "147"


@needs_spandsp
def test_another_source_in_the_same_call_begins_anew() -> None:
    other = [packet[:8] + b"\0\0\0\x08" + packet[12:] for packet in packets(dialled("2"), start=5_000_000)]
    assert heard(packets(dialled("1")) + other) == "12"


def test_the_sound_of_a_packet_stands_after_sources_and_extension_and_before_padding() -> None:
    plain = struct.pack("!BBHII", 0x80, 8, 1, 2, 3)
    assert inband.payload(plain + b"abc", 8) == b"abc"
    assert inband.payload(plain + b"abc", 0) == b""
    assert inband.payload(b"\x82" + plain[1:] + bytes(8) + b"abc", 8) == b"abc"
    assert inband.payload(b"\x90" + plain[1:] + b"\0\0\0\1" + bytes(4) + b"abc", 8) == b"abc"
    assert inband.payload(b"\xa0" + plain[1:] + b"abc\0\0\3", 8) == b"abc"
    assert inband.payload(b"\x40" + plain[1:] + b"abc", 8) == b""


def test_without_the_library_the_detector_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inband, "LIBRARIES", ("libno-such-thing.so.9",))
    inband.library.cache_clear()
    try:
        with pytest.raises(inband.NoDetector, match="libspandsp2"):
            inband.Detector(8)
    finally:
        monkeypatch.undo()
        inband.library.cache_clear()

"""Sound, RTP and session descriptions, without sockets."""

from __future__ import annotations

import array
import struct
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.voice.phone import rtp, sdp, sound


@pytest.mark.parametrize("codec", [sdp.PCMA, sdp.PCMU])
def test_g711_brings_back_each_of_its_own_values_and_any_other_nearly(codec: int) -> None:
    table = sound.decoding(codec)
    assert [table[code] for code in sound.encode(array.array("h", table), codec)] == list(table)
    for sample in range(-32768, 32768, 97):
        back = sound.decode(sound.encode(array.array("h", [sample]), codec), codec)[0]
        assert abs(back - sample) <= max(16, abs(sample) // 16 + 8), sample


def test_known_codes_of_g711() -> None:
    assert (sound.decoding(sdp.PCMA)[0xD5], sound.decoding(sdp.PCMA)[0x55]) == (8, -8)
    assert (sound.decoding(sdp.PCMA)[0xAA], sound.decoding(sdp.PCMA)[0x2A]) == (32256, -32256)
    assert (sound.decoding(sdp.PCMU)[0xFF], sound.decoding(sdp.PCMU)[0x00], sound.decoding(sdp.PCMU)[0x80]) == (
        0,
        -32124,
        32124,
    )


@pytest.mark.parametrize("hertz", [100, 440, 800, 1004, 2300, 3400])
def test_the_pitch_of_a_tone_is_found(hertz: int) -> None:
    found = sound.pitch_hz(sound.tone(hertz)[:4000])
    assert found is not None
    assert abs(found - hertz) <= 3


def test_silence_noise_and_a_chord_have_no_pitch() -> None:
    import random

    chance = random.Random(1)
    chord = array.array("h", [a + b for a, b in zip(sound.tone(770), sound.tone(1336), strict=True)])
    assert sound.pitch_hz(array.array("h", [0] * 4000)) is None
    assert sound.pitch_hz(array.array("h", [chance.randrange(-9000, 9000) for _ in range(4000)])) is None
    assert sound.pitch_hz(chord[:4000]) is None


def test_levels_are_those_of_the_definition() -> None:
    assert sound.level_dbfs(array.array("h", [32767, -32767] * 100)) == 0.0
    assert sound.level_dbfs(sound.tone(1000, level_dbfs=0.0)) == -3.0
    assert sound.level_dbfs(array.array("h", [0] * 100)) == -99.0
    assert sound.level_dbfs(array.array("h")) == -99.0


def test_a_wav_of_another_rate_and_two_ears_is_brought_to_8_khz(tmp_path: Path) -> None:
    path = tmp_path / "mic.wav"
    high = sound.tone(440, seconds=6.0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(array.array("h", [sample for one in high for sample in (one, 0)]).tobytes())
    samples = sound.read_wav(path)
    assert len(samples) == 8000
    assert abs((sound.pitch_hz(samples) or 0) - 2640) <= 3


@given(st.binary(max_size=400))
def test_any_datagram_is_taken_without_trouble(data: bytes) -> None:
    stream = rtp.Stream(sound.tone(440), record=True)
    stream.receive(1.0, data)
    stream.receive(1.1, b"\x80\x08" + data)
    stream.receive(1.2, b"\xb1\x65" + data)
    stream.figures(1.3)


def packet(sequence: int, stamp: int, payload: bytes = b"\xd5" * 160, kind: int = 8, ssrc: int = 1) -> bytes:
    return struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc) + payload


def test_lost_and_late_packets_are_counted_across_the_wrap_of_sequence_numbers() -> None:
    stream = rtp.Stream(sound.tone(440))
    for place, sequence in enumerate([65533, 65534, 0, 1, 65535, 4]):
        stream.receive(place * 0.02, packet(sequence, sequence * 160))
    figures = stream.figures(0.2)
    assert (figures.packets_in, figures.lost, figures.late) == (6, 2, 1)


def test_a_steady_stream_has_no_jitter_and_an_uneven_one_some() -> None:
    steady, uneven = rtp.Stream(sound.tone(440)), rtp.Stream(sound.tone(440))
    for place in range(100):
        steady.receive(place * 0.02, packet(place, place * 160))
        uneven.receive(place * 0.02 + (0.01 if place % 2 else 0), packet(place, place * 160))
    assert steady.figures(2.0).jitter_ms == 0.0
    assert 9 < uneven.figures(2.0).jitter_ms <= 10


def test_digits_go_from_one_stream_to_another_once_each() -> None:
    one, two = rtp.Stream(sound.tone(440)), rtp.Stream(sound.tone(440))
    one.dial("11*#A0")
    heard = "".join(two.receive(place * 0.02, one.frame()) for place in range(100))
    assert heard == two.digits_heard == "11*#A0"
    assert two.figures(2.0).lost == 0


def test_an_event_lasts_100_ms_and_its_end_comes_three_times() -> None:
    stream = rtp.Stream(sound.tone(440))
    stream.dial("5")
    bodies = [stream.frame()[12:] for _ in range(8)]
    assert [struct.unpack("!BBH", body) for body in bodies] == [
        (5, 0x0A, 160),
        (5, 0x0A, 320),
        (5, 0x0A, 480),
        (5, 0x0A, 640),
        (5, 0x0A, 800),
        (5, 0x8A, 800),
        (5, 0x8A, 800),
        (5, 0x8A, 800),
    ]


def test_a_muted_microphone_sends_silence() -> None:
    stream = rtp.Stream(sound.tone(440))
    stream.muted = True
    assert stream.frame()[12:] == b"\xd5" * 160
    stream.muted = False
    assert stream.frame()[12:] != b"\xd5" * 160


OFFER = sdp.write(host="192.0.2.1", port=4000, codecs=(8, 0), events=101, version=1)


def test_a_description_is_read_as_it_was_written() -> None:
    assert sdp.read(OFFER) == sdp.Media("192.0.2.1", 4000, (8, 0), 101, hears=True, speaks=True)


@pytest.mark.parametrize(
    ("direction", "hears", "speaks", "answer"),
    [
        ("sendrecv", True, True, "sendrecv"),
        ("sendonly", False, True, "recvonly"),
        ("recvonly", True, False, "sendonly"),
        ("inactive", False, False, "inactive"),
    ],
)
def test_directions(direction: str, hears: bool, speaks: bool, answer: str) -> None:
    media = sdp.read(sdp.write(host="192.0.2.1", port=4000, codecs=(8,), events=None, version=1, direction=direction))
    assert media
    assert (media.hears, media.speaks, media.events) == (hears, speaks, None)
    assert sdp.answering(media) == answer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"v=0",
        OFFER.replace(b"audio 4000", b"audio 0"),
        OFFER.replace(b"audio 4000", b"audio 99999"),
        OFFER.replace(b"RTP/AVP 8 0 101", b"RTP/AVP 9 18"),
        OFFER.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP6 ::1"),
        OFFER.replace(b"m=audio", b"m=video"),
        OFFER.replace(b"RTP/AVP", b"RTP/SAVP"),
    ],
)
def test_a_description_that_cannot_be_used_is_none(body: bytes) -> None:
    assert sdp.read(body) is None

"""The prompt studio: recordings of any form become prompts, are heard by the next call, and bad ones are refused by reason."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.voice.media import conversion, prompts, sdp
from cadran.voice.menu import menus, studio
from cadran.voice.menu.table import TableUnknown

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def wav(samples: np.ndarray, rate: int = 8000, bits: int = 16, code: int = PCM, extensible: bool = False) -> bytes:
    """samples: (length, channels) or (length,), from -1 to 1."""
    samples = samples.reshape(len(samples), -1)
    if code == FLOAT:
        raw = samples.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        raw = (samples * 127 + 128).astype(np.uint8).tobytes()
    elif bits == 24:
        whole = (samples * ((1 << 23) - 1)).astype("<i4")
        raw = whole.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    else:
        raw = (samples * ((1 << (bits - 1)) - 1)).astype(f"<i{bits // 8}").tobytes()
    channels = samples.shape[1]
    head = struct.pack("<HHIIHH", EXTENSIBLE if extensible else code, channels, rate, 0, channels * bits // 8, bits)
    if extensible:
        head += struct.pack("<HHIH", 22, bits, 0, code) + b"\0" * 14
    body = b"fmt " + struct.pack("<I", len(head)) + head + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    body += b"data" + struct.pack("<I", len(raw)) + raw
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def tone(hertz: float, rate: int, seconds: float = 0.5, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def strongest(samples: np.ndarray) -> float:
    """The frequency with most power, in hertz, at 8 kHz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / 8000)[spectrum.argmax()])


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 22050, 32000, 44100, 47999, 48000, 96000, 192000])
def test_a_tone_of_any_rate_stays_the_same_tone(rate: int) -> None:
    made = conversion.converted(wav(tone(1000, rate), rate))
    assert abs(len(made) - 4000) <= 1
    assert abs(strongest(made.astype(float)) - 1000) < 5
    assert 20_000 < np.abs(made).max() + 17_000 < 40_000


@pytest.mark.parametrize("rate", [11025, 44100, 48000])
def test_what_telephones_cannot_carry_does_not_fold_back(rate: int) -> None:
    high = conversion.resampled(tone(5000, rate, level=1), rate)[200:-200]
    assert np.abs(high).max() < 1e-3  # 60 dB down; without the filter it would sound at 3 kHz
    low = conversion.resampled(tone(3000, rate, level=1), rate)[200:-200]
    assert 0.98 < np.abs(low).max() < 1.02


@pytest.mark.parametrize(
    ("bits", "code", "extensible"),
    [
        *((8, PCM, False), (16, PCM, False), (16, PCM, True), (24, PCM, False), (24, PCM, True), (32, PCM, False)),
        *((32, FLOAT, False), (32, FLOAT, True), (64, FLOAT, False)),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_form_of_samples_is_read_alike(bits: int, code: int, extensible: bool, channels: int) -> None:
    sound = np.repeat(tone(700, 16000)[:, None], channels, axis=1)
    made = conversion.converted(wav(sound, 16000, bits, code, extensible)).astype(float)
    right = conversion.converted(wav(tone(700, 16000), 16000)).astype(float)
    assert len(made) == len(right)
    assert np.abs(made - right).max() < 300 if bits == 8 else np.abs(made - right).max() < 4


def test_a_quiet_recording_becomes_as_loud_as_the_shipped_ones_and_none_is_clipped() -> None:
    for level in (0.02, 1.0):
        made = conversion.converted(wav(tone(500, 8000, level=level))).astype(float)
        assert np.abs(made).max() <= 0.7 * 32767 + 1
        assert 3800 < np.sqrt(np.mean(made**2)) < 4700


SOUND = tone(440, 8000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not-wav"),
        (b"ID3\x03 a song", "not-wav"),
        (b"RIFF\xff\xff\xff\xffWAVE", "not-wav"),
        (b"RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd", "not-wav"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00ab", "not-wav"),
        (wav(SOUND, code=PCM).replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 6, 1), 1), "compressed"),
        (wav(SOUND, code=PCM).replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 85, 1), 1), "compressed"),
        (wav(SOUND, 3999), "rate"),
        (wav(SOUND, 192_001), "rate"),
        (wav(np.zeros((4000, 9))), "channels"),
        (wav(SOUND[:799]), "length"),
        (wav(tone(440, 8000, 60.1)), "length"),
        (wav(tone(440, 8000, 70)), "length"),
        (wav(np.zeros(8000)), "silent"),
        (wav(tone(440, 8000, level=0.0005), bits=32), "silent"),
        (wav(tone(9000, 48000), 48000), "silent"),
        (wav(np.full(8000, np.nan), bits=32, code=FLOAT), "not-finite"),
        (wav(np.full(8000, np.inf), bits=64, code=FLOAT), "not-finite"),
        (b"RIFF" + b"\0" * conversion.MOST_BYTES, "too-large"),
    ],
)
def test_what_cannot_become_a_prompt_is_refused_by_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(conversion.RecordingRefused) as refused:
        conversion.converted(data)
    assert refused.value.details["reason"] == reason


def test_exactly_the_shortest_and_the_longest_are_taken() -> None:
    assert len(conversion.converted(wav(SOUND[:800]))) == 800
    assert len(conversion.converted(wav(tone(440, 8000, 60)))) == 480_000


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_read_and_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(wav(SOUND[:1200], bits=data.draw(st.sampled_from([8, 16, 24, 32]))))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, 70))] = data.draw(st.integers(0, 255))
    del whole[data.draw(st.integers(0, len(whole))) :]
    try:
        made = conversion.converted(bytes(whole))
    except conversion.RecordingRefused:
        return
    assert made.dtype == np.int16
    assert len(made) <= 480_000


@pytest.fixture
def folders(tmp_path: Path, settings: Any) -> Path:
    """Brands and published files of this test alone."""
    (tmp_path / "brands" / "kryptoow").mkdir(parents=True)
    settings.BRANDS, settings.PUBLISHED = tmp_path / "brands", tmp_path / "var"
    return tmp_path


def shelf(folders: Path) -> prompts.Shelf:
    return prompts.Shelf(folders / "cache", folders / "brands", published=folders / "var")


def test_an_uploaded_recording_is_heard_by_the_next_call_until_it_is_taken_back(folders: Path) -> None:
    relay, name = shelf(folders), "kryptoow/fr/welcome"
    shipped = relay.playlist((name,), sdp.PCMA)
    kept = studio.keep(
        brand="kryptoow", language="fr", name="welcome", samples=conversion.converted(wav(tone(440, 44100, 2), 44100))
    )
    assert (kept.origin, kept.length_s) == (studio.OPERATOR, pytest.approx(2.0, abs=0.001))
    assert kept.changed_at is not None
    assert relay.playlist((name,), sdp.PCMA).duration_s == 2.0
    assert relay.playlist(("ippi/fr/welcome",), sdp.PCMA) == shipped
    assert relay.playlist(("kryptoow/en/welcome",), sdp.PCMA).duration_s < 1
    replaced = studio.keep(
        brand="kryptoow", language="fr", name="welcome", samples=conversion.converted(wav(tone(440, 8000, 1)))
    )
    assert replaced.length_s == 1.0
    assert relay.playlist((name,), sdp.PCMA).duration_s == 1.0
    assert studio.remove(brand="kryptoow", language="fr", name="welcome").origin == studio.SHIPPED
    assert relay.playlist((name,), sdp.PCMA) == shipped


def test_a_refused_upload_leaves_what_was_heard(folders: Path) -> None:
    studio.keep(brand="kryptoow", language="fr", name="welcome", samples=conversion.converted(wav(tone(440, 8000, 1))))
    with pytest.raises(conversion.RecordingRefused):
        studio.keep(brand="kryptoow", language="fr", name="welcome", samples=conversion.converted(b"MZ not a sound"))
    assert studio.recording("kryptoow", "fr", "welcome").length_s == 1.0
    assert [path.name for path in (folders / "var").rglob("*") if path.is_file()] == ["welcome.wav"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "no-such-prompt", "", "welcome.wav", "WELCOME", "a" * 300, "n72"])
def test_only_prompts_that_menus_and_announcements_use_can_be_kept(folders: Path, name: str) -> None:
    with pytest.raises(studio.PromptUnknown):
        studio.keep(brand="kryptoow", language="fr", name=name, samples=conversion.converted(wav(SOUND)))
    assert not (folders / "var").exists()


@pytest.mark.parametrize("language", ["de", "..", "", "FR"])
def test_only_languages_of_menus_can_be_kept(folders: Path, language: str) -> None:
    with pytest.raises(studio.PromptUnknown):
        studio.keep(brand="kryptoow", language=language, name="welcome", samples=conversion.converted(wav(SOUND)))


def test_a_brand_that_does_not_exist_is_refused(folders: Path) -> None:
    for brand in ("../var", "nobody"):
        with pytest.raises(TableUnknown):
            studio.recordings(brand)


def test_the_list_says_origin_text_length_and_what_is_missing(folders: Path) -> None:
    own = folders / "brands" / "kryptoow"
    (own / "menus").mkdir()
    (own / "menus" / "calling-card.toml").write_text(
        'extend = "calling-card"\n[states.greeting]\nsay = ["our-jingle", "welcome"]\n'
    )
    listed = {(one.language, one.name): one for one in studio.recordings("kryptoow")}
    assert listed["fr", "welcome"].text == "Bienvenue."
    assert listed["en", "welcome"].text == "Welcome."
    assert listed["fr", "welcome"].origin == studio.SHIPPED
    assert listed["fr", "our-jingle"].origin == listed["en", "our-jingle"].origin == studio.MISSING
    assert listed["fr", "n21-f"].fragment
    assert ("en", "n21-f") not in listed
    for language in ("fr", "en"):
        studio.keep(brand="kryptoow", language=language, name="our-jingle", samples=conversion.converted(wav(SOUND)))
    table = menus.of_brand("calling-card", "kryptoow")
    assert table.source[0] == own / "menus" / "calling-card.toml"
    with pytest.raises(studio.NotOperators):  # the menu says it, and there is nothing else to say
        studio.remove(brand="kryptoow", language="fr", name="our-jingle")


def test_what_was_not_uploaded_cannot_be_removed(folders: Path) -> None:
    with pytest.raises(studio.NotOperators):
        studio.remove(brand="kryptoow", language="fr", name="welcome")


def test_the_sound_is_the_file_that_callers_hear(folders: Path) -> None:
    shipped = (prompts.RECORDINGS / "fr" / "welcome.wav").read_bytes()
    assert studio.sound("kryptoow", "fr", "welcome") == shipped
    studio.keep(brand="kryptoow", language="fr", name="welcome", samples=conversion.converted(wav(SOUND)))
    assert studio.sound("kryptoow", "fr", "welcome") != shipped

"""Prompts: every recording is there and of the right form, brands override, and G.711 is the standard's."""

from __future__ import annotations

import tomllib
import wave
from pathlib import Path

import numpy as np
import pytest

from cadran.voice.media import g711, prompts

MANIFEST = tomllib.loads((prompts.RECORDINGS / "manifest.toml").read_text())
LANGUAGES = ("fr", "en")


def save(path: Path, samples: int = 1600, rate: int = 8000, channels: int = 1, width: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"\x10" * samples * channels * width)
    return path


@pytest.fixture
def shelf(tmp_path: Path) -> prompts.Shelf:
    return prompts.Shelf(tmp_path / "cache", tmp_path / "brands")


def recorded(language: str, name: str) -> np.ndarray:
    return prompts.read_wav(prompts.RECORDINGS / language / f"{name}.wav").astype(float)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_prompt_and_fragment_of_the_manifest_is_recorded_audible_level_and_not_clipped(language: str) -> None:
    whole = [(name, texts[language]) for name, texts in MANIFEST["prompts"].items()]
    fragments = list(MANIFEST["fragments"][language].items())
    for name, text in whole + fragments:
        samples = recorded(language, name)
        assert text
        assert 0.1 < len(samples) / 8000 < 10, name
        assert np.abs(samples).max() < 0.75 * 32767, name
        voiced = samples[np.abs(samples) > 0.1 * np.abs(samples).max()]
        assert 2000 < np.sqrt(np.mean(voiced**2)) < 6000, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_in_the_middle_of_a_sentence_has_no_silence_around(language: str) -> None:
    for name in MANIFEST["fragments"][language]:
        heard = np.flatnonzero(np.abs(recorded(language, name)) > 300)
        assert heard[0] < 0.06 * 8000, name
        assert len(recorded(language, name)) - heard[-1] < 0.25 * 8000, name


def test_the_emergency_prompt_says_what_to_do() -> None:
    assert MANIFEST["prompts"]["emergency-refused"]["fr"] == (
        "Les appels d'urgence ne sont pas possibles depuis ce service. Raccrochez et composez le 112 depuis un autre téléphone."
    )


def test_there_is_no_recording_without_its_text() -> None:
    for language in LANGUAGES:
        texts = {*MANIFEST["prompts"], *MANIFEST["fragments"][language], *MANIFEST["tones"]}
        assert {path.stem for path in prompts.RECORDINGS.glob(f"{language}/*.wav")} == texts
    assert sum(path.stat().st_size for path in prompts.RECORDINGS.glob("*/*.wav")) < 6_000_000


def test_prompts_are_joined_in_one_file_of_whole_packets_and_made_once(shelf: prompts.Shelf) -> None:
    one = shelf.playlist(("fr/no-credit",), 8)
    two = shelf.playlist(("fr/no-credit", "en/no-credit"), 8)
    assert two.duration_s > one.duration_s
    path = shelf.cache / f"{two.name}.8"
    assert path.stat().st_size == round(two.duration_s * 8000)
    assert path.stat().st_size % 160 == 0
    made = path.stat().st_mtime_ns
    assert shelf.playlist(("fr/no-credit", "en/no-credit"), 8) == two
    assert path.stat().st_mtime_ns == made
    assert shelf.playlist(("fr/no-credit",), 0).name != one.name


def test_a_brands_own_recording_comes_first_and_a_missing_language_falls_back_to_french(shelf: prompts.Shelf) -> None:
    own = save(shelf.brands / "ippi" / "prompts" / "fr" / "no-credit.wav")
    assert shelf.find("ippi/fr/no-credit") == own
    assert shelf.find("kavkom/fr/no-credit") == prompts.RECORDINGS / "fr" / "no-credit.wav"
    assert shelf.find("ippi/en/no-credit") == prompts.RECORDINGS / "en" / "no-credit.wav"
    assert shelf.find("ippi/de/no-credit") == own
    assert shelf.find("no-credit") == prompts.RECORDINGS / "fr" / "no-credit.wav"


def test_a_recording_that_is_replaced_is_taken_up(shelf: prompts.Shelf) -> None:
    path = save(shelf.brands / "ippi" / "prompts" / "fr" / "no-credit.wav")
    before = shelf.playlist(("ippi/fr/no-credit",), 8)
    save(path, samples=3200)
    assert shelf.playlist(("ippi/fr/no-credit",), 8).duration_s == 2 * before.duration_s


@pytest.mark.parametrize(
    "name", ["", "x", "fr/x", "../fr/no-credit", "a/b/c/d", "fr/no credit", "fr\\x", "FR/no-credit", "/etc"]
)
def test_names_that_are_wrong_are_refused(shelf: prompts.Shelf, name: str) -> None:
    with pytest.raises(prompts.PromptUnusable):
        shelf.find(name)


def test_recordings_of_the_wrong_form_are_refused_by_file(shelf: prompts.Shelf, tmp_path: Path) -> None:
    wrong = [
        save(tmp_path / "rate.wav", rate=16000),
        save(tmp_path / "stereo.wav", channels=2),
        save(tmp_path / "eight.wav", width=1),
        save(tmp_path / "empty.wav", samples=0),
        save(tmp_path / "long.wav", samples=121 * 8000),
        tmp_path / "no.wav",
    ]
    wrong[-1].write_bytes(b"ID3 not a wav")
    for path in wrong:
        with pytest.raises(prompts.PromptUnusable, match=path.name):
            prompts.read_wav(path)
    with pytest.raises(prompts.PromptUnusable):
        shelf.playlist((), 8)
    with pytest.raises(prompts.PromptUnusable):
        shelf.playlist(("fr/no-credit",) * 201, 8)


def test_g711_is_exact_on_the_standards_corners() -> None:
    """Values of ITU-T G.711, tables 1 and 2: zero, the smallest steps and full scale of either sign."""
    samples = np.array([0, -1, 8, 32767, -32768, 1000, -1000], np.int16)
    assert g711.to_alaw(samples).hex() == "d555d5aa2afa7a"
    assert g711.to_ulaw(samples).hex() == "ff7efe8000ce4e"


def test_g711_comes_back_within_half_a_step() -> None:
    samples = np.arange(-32768, 32768, dtype=np.int16)
    for coder, decoder in ((g711.to_alaw, g711.from_alaw), (g711.to_ulaw, g711.from_ulaw)):
        back = decoder(coder(samples)).astype(int)
        allowed = np.maximum(np.abs(samples.astype(int)) // 16, 16)
        inside = np.abs(samples.astype(int)) < 32000
        assert (np.abs(back - samples)[inside] <= allowed[inside]).all()
        again = bytes(range(256))
        assert coder(decoder(again)) in (again, again.replace(b"\x7f", b"\xff"))


def test_files_that_were_not_used_for_longest_make_room_those_of_an_earlier_run_first(
    shelf: prompts.Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "MAX_FILES", 3)
    shelf.cache.mkdir()
    (shelf.cache / "left.8").write_bytes(b"x")
    first = shelf.playlist(("fr/no-credit",), 8).name
    for name in ("not-allowed", "service-unavailable"):
        shelf.playlist((f"fr/{name}",), 8)
    assert not (shelf.cache / "left.8").exists()
    shelf.playlist(("fr/no-credit",), 8)
    shelf.playlist(("fr/unknown-destination",), 8)
    assert (shelf.cache / f"{first}.8").exists(), "used again"
    assert len(list(shelf.cache.iterdir())) == 3

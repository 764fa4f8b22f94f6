"""Recordings of lines: each sound where it came in time, whatever is missing."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
import pytest

from cadran.voice.media import g711, recording

LOUD = g711.to_alaw(np.full(160, 8000, np.int16))
PROMPT = g711.to_alaw(np.full(800, -4000, np.int16))


def rows(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


@pytest.fixture
def made(tmp_path: Path) -> recording.Recording:
    one = recording.Recording(tmp_path / "r.wav", 100.0)
    one.open()
    return one


def loud(channel: np.ndarray) -> list[tuple[int, int]]:
    """Where it is not silent: (first, one after the last) of each stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (np.abs(channel) > 100).astype(int), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def test_packets_stand_in_a_row_where_they_came_and_silence_between(made: recording.Recording) -> None:
    for number in range(5):
        made.add(recording.SAYS, LOUD, 8, 100.02 + number * 0.02 + (0.015 if number % 2 else 0))
    made.add(recording.SAYS, LOUD, 8, 101.0)
    made.write(101.1)
    made.keep(101.5)
    both = rows(made.path)
    assert len(both) == 12000
    assert loud(both[:, 0]) == [(0, 800), (7840, 8000)]
    assert loud(both[:, 1]) == []


def test_a_prompt_is_heard_from_where_it_began_to_where_it_was_stopped_in_place_of_the_other(
    made: recording.Recording,
) -> None:
    made.play(PROMPT, 8, 3, 0.05, 100.5)
    made.add(recording.HEARS, LOUD, 8, 100.6)
    made.write(100.6)
    made.hush(100.7)
    made.add(recording.HEARS, LOUD, 8, 100.8)
    made.play(PROMPT, 8, 1, 0, 101.0)
    made.write(101.9)
    made.keep(102.0)
    heard = rows(made.path)[:, 1]
    stretches = loud(heard)
    assert stretches == [(4000, 5600), (6240, 6400), (8000, 8800)]
    assert [int(np.sign(heard[a])) for a, _ in stretches] == [-1, 1, -1]
    assert len(heard) == 16000


def test_a_prompt_without_end_ends_with_the_recording(made: recording.Recording) -> None:
    made.play(PROMPT, 8, -1, 0, 100.0)
    made.keep(100.5)
    assert loud(rows(made.path)[:, 1]) == [(0, 4000)]


def test_a_flood_of_packets_stays_within_bounds(made: recording.Recording) -> None:
    for _ in range(1000):
        made.add(recording.SAYS, LOUD, 8, 100.1)
    made.keep(100.2)
    assert len(rows(made.path)) == 1600


def test_a_draft_that_is_there_already_is_not_written_over(made: recording.Recording, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        recording.Recording(tmp_path / "r.wav", 0).open()
    assert not made.path.exists()
    made.keep(100.1)
    assert made.path.exists()
    made.keep(100.2)


def test_a_recording_for_which_there_is_no_room_leaves_nothing(made: recording.Recording, tmp_path: Path) -> None:
    assert made._file is not None
    os.dup2(os.open("/dev/full", os.O_WRONLY), made._file.fileno())
    made.add(recording.SAYS, LOUD, 8, 110.0)
    with pytest.raises(OSError, match="No space"):
        made.write(120.0)
    made.drop()
    assert list(tmp_path.iterdir()) == []

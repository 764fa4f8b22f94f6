"""`cadran ivr`: menus drawn, checked, said and walked from the terminal."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner

from cadran.commands import ivr
from cadran.voice.media import prompts
from cadran.voice.menu import drawing, menus, reading_aloud, rehearsal, speech


def run(*args: str, typed: str = "") -> str:
    result = CliRunner().invoke(ivr.command, list(args), input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", ["calling-card", "mobility"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_state_of_a_menu_is_drawn_once_in_well_formed_svg_and_no_card_lies_on_another(
    name: str, language: str
) -> None:
    table = menus.load(name)
    root = ElementTree.fromstring(drawing.svg(table, language))
    space = "{http://www.w3.org/2000/svg}"
    names = [text.text for text in root.iter(f"{space}text") if text.get("class") == "name"]
    assert all(names.count(state) == 1 for state in table.states)
    cards = [
        tuple(int(card.get(key, "")) for key in ("x", "y", "width", "height"))
        for card in root.iter(f"{space}rect")
        if card.get("class") == "card"
    ]
    assert len(cards) == len(table.states)
    for at, (x, y, wide, high) in enumerate(cards):
        assert x + wide <= int(root.get("width", ""))
        assert y + high <= int(root.get("height", ""))
        assert not any(x < a + w and a < x + wide and y < b + h and b < y + high for a, b, w, h in cards[at + 1 :])


def test_a_picture_for_a_page_has_no_style_of_its_own_and_no_text_breaks_out(tmp_path: Path) -> None:
    (tmp_path / "menus").mkdir()
    table = 'extend = "calling-card"\n[menu]\ntitle = { fr = "<script>alert(1)</script>\\" onload=\\"x" }\n'
    (tmp_path / "menus" / "calling-card.toml").write_text(table)
    drawn = drawing.svg(menus.load("calling-card", brand_folder=tmp_path), "fr", styled=False)
    assert "<style" not in drawn
    assert "style=" not in drawn
    assert "<script" not in drawn
    assert ElementTree.fromstring(drawn).get("onload") is None


def test_draw_and_check_from_the_terminal(tmp_path: Path) -> None:
    out = tmp_path / "menu.svg"
    run("draw", "--brand", "kryptoow", "--language", "en", "--out", str(out))
    assert "Access number, calling credit" in out.read_text()
    assert f"calling-card: {len(menus.load('calling-card').states)} states, all in order" in run("check")
    assert [one["problems"] for one in json.loads(run("check", "--brand", "ippi", "--json"))["menus"]] == [[], []]


def test_check_exits_1_and_names_what_is_wrong(tmp_path: Path, settings: object) -> None:
    folder = tmp_path / "kryptoow" / "menus"
    folder.mkdir(parents=True)
    (folder / "calling-card.toml").write_text('extend = "calling-card"\n[states.greeting]\nnext = "nowhere"\n')
    settings.BRANDS = tmp_path  # type: ignore[attr-defined]
    result = CliRunner().invoke(ivr.command, ["check", "--brand", "kryptoow"])
    assert result.exit_code == 1
    assert "states.greeting.next: there is no state 'nowhere' (menu-unknown-target)" in result.output
    assert str(folder / "calling-card.toml") in result.output


def test_say_writes_a_wav_without_gaps(tmp_path: Path) -> None:
    out = tmp_path / "x.wav"
    told = run("say", "1 234,50 EUR", "--language", "fr", "--out", str(out))
    assert "mille deux cent trente-quatre euros et cinquante centimes" in told
    samples = prompts.read_wav(out)
    assert 1.5 < len(samples) / 8000 < 4
    quiet = abs(samples.astype(int)) < 200
    longest = max(map(len, "".join("q" if one else " " for one in quiet).split()))
    assert longest < 0.25 * 8000


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2,21 €", ("n2", "euros-z", "et", "n21", "cents")),
        ("0.5 EUR", ("n50", "cents")),
        ("21 min", ("n21-f", "minutes")),
        ("61 s", ("n1-f", "minute", "et", "n1-f", "second")),
        ("1:01", ("n1-f", "minute", "et", "n1-f", "second")),
        ("1:00:00", ("n1-f", "hour")),
        ("81", ("n81",)),
        ("0", ("n0",)),
        ("06 12", ("n0", "n6", "n12")),
        ("+33 6 12 34 56 78", ("n0", "n6", "n12", "n34", "n56", "n60", "n18")),
        ("2026-03-01", ("premier", "month-3", "n2", "mille", "n26")),
        ("welcome, goodbye", ("welcome", "goodbye")),
    ],
)
def test_what_is_typed_is_read_as_people_mean_it(text: str, names: tuple[str, ...]) -> None:
    assert reading_aloud.aloud(text, "fr") == names


@pytest.mark.parametrize("text", ["", "Ünïcode!", "12;rm", "../x"])
def test_what_cannot_be_read_aloud_is_refused(text: str) -> None:
    with pytest.raises(speech.Unspeakable):
        reading_aloud.aloud(text, "fr")


def test_a_menu_is_walked_by_typing() -> None:
    told = run("walk", "--language", "en", typed="0612345678#\n\n\n\n+\n*1#\n7#\nzzz\n\n\n\n\n\n\n")
    heard = [line[2:] for line in told.splitlines() if line.startswith("» ")]
    assert heard[:6] == [
        "Welcome.",
        "Your credit is five euros and twenty one cents",
        "Dial the number you want to call, then press hash.",
        "You have twenty one minutes for this call.",
        "Connecting.",
        "[comfort]",
    ]
    assert "You have made twenty one calls" in heard
    assert "There is no number under this key." in heard
    assert heard[-1] == "We could not understand you. Goodbye."
    assert told.rstrip().endswith("■ errors")


def test_a_rehearsal_comes_to_its_end_by_itself() -> None:
    played = rehearsal.Rehearsal(menus.load("calling-card"), "fr")
    played.begin()
    for _ in range(40):
        played.wait()
    assert played.over

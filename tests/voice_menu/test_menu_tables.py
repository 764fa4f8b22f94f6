"""Tables of states: what is shipped holds together, a brand changes it without code, and what is wrong is said by file and state."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadran.voice.menu import checking, machine, menus, reading
from cadran.voice.menu import events as ev
from cadran.voice.menu.table import Problem, Table, TableUnknown, TableWrong, prompts_of

pytestmark = [pytest.mark.clause("KRY-4.4.1-ivr")]

SMALL = """
[menu]
languages = ["fr", "en"]
start = "hello"
errors_to = "bye"

[states.hello]
kind = "say"
say = ["welcome"]
next = "number"

[states.number]
kind = "digits"
say = ["dial-number-hash"]
into = "number"
next = "bye"
silence = "nothing"
wrong = "nothing"

[states.nothing]
kind = "say"
say = ["nothing-heard"]
error = true
next = "back"

[states.bye]
kind = "end"
say = ["goodbye"]
"""


def brand(folder: Path, text: str, name: str = "calling-card") -> Path:
    (folder / "menus").mkdir(exist_ok=True)
    (folder / "menus" / f"{name}.toml").write_text(text)
    return folder


def problems(folder: Path, text: str) -> list[Problem]:
    with pytest.raises(TableWrong) as wrong:
        menus.load("calling-card", brand_folder=brand(folder, text))
    assert str(folder / "menus" / "calling-card.toml") in str(wrong.value)
    return list(wrong.value.details["problems"])  # type: ignore[call-overload, no-any-return]


def heard(table: Table, *events: ev.Event) -> list[str]:
    """The states that these events go through."""
    menu = machine.Menu(table)
    return [action.state for event in events for action in menu.on(event) if isinstance(action, ev.Note)]


@pytest.mark.parametrize("name", ["calling-card", "mobility"])
def test_the_shipped_tables_hold_together_and_every_prompt_is_recorded_in_both_languages(name: str) -> None:
    table = menus.load(name)
    assert table.languages == ("fr", "en")
    has = menus.recordings()
    for _language, prompt in prompts_of(table):
        assert has("fr", prompt), prompt
        assert has("en", prompt), prompt
    assert set(checking.unreached(table)) <= {"voucher-offer"}


def test_a_brand_leaves_out_the_greeting_and_says_the_credit_after_the_minutes(tmp_path: Path) -> None:
    folder = brand(
        tmp_path,
        """
        extend = "calling-card"
        [menu]
        start = "number"
        [states.greeting]
        leave_out = true
        [states.minutes]
        next = "credit"
        [states.credit]
        otherwise = "call"
        [states.credit-said]
        next = "call"
        """,
    )
    table = menus.load("calling-card", brand_folder=folder)
    events = [ev.Begin(), ev.Digit("3"), ev.Digit("3"), ev.Digit("1"), ev.Digit("#")]
    events += [ev.Answered(1, "ok", {"destination": "331", "minutes": 3}), ev.Spoken()]
    events += [ev.Answered(2, "ok", {"credit_micros": 10_000}), ev.Spoken()]
    assert heard(table, *events) == ["number", "destination", "minutes", "credit", "credit-said", "call"]
    assert "greeting" not in table.states
    assert table.states["begin"].otherwise == "credit"  # type: ignore[union-attr]


def test_a_brand_moves_the_pin_before_everything(tmp_path: Path) -> None:
    folder = brand(tmp_path, 'extend = "calling-card"\n[menu]\nstart = "pin"\n')
    events = [ev.Begin(), *map(ev.Digit, "1234#"), ev.Answered(1, "ok")]
    assert heard(menus.load("calling-card", brand_folder=folder), *events) == ["pin", "check-pin", "begin", "greeting"]


def test_a_brand_writes_a_table_of_its_own(tmp_path: Path) -> None:
    table = menus.load("calling-card", brand_folder=brand(tmp_path, SMALL))
    assert heard(table, ev.Begin(), ev.Spoken(), ev.Spoken(), ev.Fired("first")) == ["hello", "number", "nothing"]


def test_a_brand_says_what_it_recorded_itself(tmp_path: Path) -> None:
    text = SMALL.replace('"welcome"', '"our-jingle"')
    assert {one.code for one in problems(tmp_path, text)} == {"menu-unknown-prompt"}
    for language in ("fr", "en"):
        (tmp_path / "prompts" / language).mkdir(parents=True)
        (tmp_path / "prompts" / language / "our-jingle.wav").write_bytes(b"")
    assert menus.load("calling-card", brand_folder=tmp_path).states["hello"]


@pytest.mark.parametrize(
    ("right", "wrong", "code", "where"),
    [
        ('next = "number"', 'next = "nowhere"', "menu-unknown-target", "states.hello.next"),
        ('start = "hello"', 'start = "nowhere"', "menu-unknown-target", "menu.start"),
        ('errors_to = "bye"', 'errors_to = "hello"', "menu-errors-end", "menu.errors_to"),
        ('["welcome"]', '["welcom"]', "menu-unknown-prompt", "states.hello.say"),
        ('["welcome"]', '["{minuts|minutes}"]', "menu-unknown-value", "states.hello.say"),
        ('["welcome"]', '["{credit_micros|money}"]', "menu-unknown-form", "states.hello.say"),
        ('["welcome"]', '["../../etc/passwd"]', "menu-bad-value", "states.hello.say"),
        ('["welcome"]', '"welcome"', "menu-bad-value", "states.hello.say"),
        (
            'kind = "say"\nsay = ["welcome"]',
            'kind = "sing"\nsay = ["welcome"]',
            "menu-unknown-kind",
            "states.hello.kind",
        ),
        ('kind = "say"\nsay = ["welcome"]', 'kind = "say"\nsey = ["welcome"]', "menu-unknown-key", "states.hello.sey"),
        ('next = "number"', "", "menu-missing-key", "states.hello.next"),
        ('into = "number"', 'into = "number"\nmost = 400', "menu-out-of-bounds", "states.number.most"),
        ('into = "number"', 'into = "number"\nmost = 4.5', "menu-out-of-bounds", "states.number.most"),
        ('into = "number"', 'into = "number"\nleast = 9\nmost = 8', "menu-out-of-bounds", "states.number.least"),
        ('into = "number"', 'into = "number"\nkeys = { "0" = "bye" }', "menu-bad-keys", "states.number.keys.0"),
        ("error = true\n", "", "menu-errors-uncounted", "states.number.silence"),
        ('error = true\nnext = "back"', 'error = true\nnext = "nothing"', "menu-ring", "states.nothing"),
        ("[states.hello]", "[states.back]", "menu-state-name", "states.back"),
        ("[states.hello]", "[limits]\nerrors = 0\n[states.hello]", "menu-out-of-bounds", "limits.errors"),
        (
            "[states.hello]",
            "[limits]\nfirst_digit_s = true\n[states.hello]",
            "menu-out-of-bounds",
            "limits.first_digit_s",
        ),
        ("[states.hello]", "[stats]\n[states.hello]", "menu-unknown-key", "stats"),
        ('["fr", "en"]', '["fr", "de"]', "menu-language", "menu.languages"),
        ('["fr", "en"]', "[]", "menu-language", "menu.languages"),
        ("[menu]", "[menu", "menu-not-toml", "calling-card.toml"),
        ("[menu]", 'extend = "../x"\n[menu]', "menu-extend", "extend"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_state(
    tmp_path: Path, right: str, wrong: str, code: str, where: str
) -> None:
    assert right in SMALL
    found = problems(tmp_path, SMALL.replace(right, wrong, 1))
    assert (code, where) in {(one.code, one.where) for one in found}


def test_a_desk_that_is_asked_what_it_does_not_know_is_refused(tmp_path: Path) -> None:
    state = """
    [states.asked]
    kind = "desk"
    ask = "weather"
    otherwise = "bye"
    """
    assert [one.code for one in problems(tmp_path, SMALL + state)] == ["menu-unknown-question"]
    state = state.replace("weather", "pin") + 'give = { pine = "number" }\noutcomes = { sunny = "bye" }\n'
    found = [(one.code, one.where) for one in problems(tmp_path, SMALL + state)]
    assert found == [
        ("menu-unknown-outcome", "states.asked.outcomes.sunny"),
        ("menu-unknown-value", "states.asked.give.pine"),
    ]


def test_states_that_turn_round_without_asking_anything_are_refused(tmp_path: Path) -> None:
    text = SMALL.replace('next = "number"', 'next = "again"', 1)
    text += '[states.again]\nkind = "branch"\nvalue = "account"\nknown = "hello"\notherwise = "number"\n'
    assert {(one.code, one.where) for one in problems(tmp_path, text)} == {
        ("menu-ring", "states.hello"),
        ("menu-ring", "states.again"),
    }


def test_a_state_from_which_no_end_is_reached_is_refused(tmp_path: Path) -> None:
    """A question always ends by its errors; a state that leads only to itself does not."""
    text = SMALL + '[states.lost]\nkind = "language"\nnext = "lost"\n'
    assert ("menu-no-way-out", "states.lost") in {(one.code, one.where) for one in problems(tmp_path, text)}


def test_all_is_found_at_once(tmp_path: Path) -> None:
    text = SMALL.replace("[states.hello]", '[states.hello]\nnxt = "a"').replace('kind = "end"', 'kind = "stop"')
    assert [one.code for one in problems(tmp_path, text)] == ["menu-unknown-key", "menu-unknown-kind"]


@pytest.mark.parametrize("name", ["", "../calling-card", "Calling", "no-such-menu", "a" * 100])
def test_a_table_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(TableUnknown):
        menus.load(name)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    assert [one.code for one in problems(tmp_path, SMALL + "#" * reading.MOST_BYTES)] == ["menu-too-large"]


def test_too_many_states_are_refused(tmp_path: Path) -> None:
    more = "".join(f'[states.s{n}]\nkind = "language"\nnext = "bye"\n' for n in range(reading.MOST_STATES))
    assert [one.code for one in problems(tmp_path, SMALL + more)] == ["menu-too-large"]

"""Bad settings, broken state folders and hostile arguments: one clear line with a stable id, exit code 2, never a traceback."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from acceptance.acceptance_cli import cadran


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CADRAN_PORT_BASE", "abc", "CADRAN_PORT_BASE is a port"),
        ("CADRAN_PORT_BASE", "65500", "CADRAN_PORT_BASE leaves no room"),
        ("CADRAN_SIP_PORT", "0", "CADRAN_SIP_PORT is a port"),
        ("CADRAN_CARD_TIMEOUT_S", "nan", "CADRAN_CARD_TIMEOUT_S is a number of seconds"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path, variable: str, value: str, told: str) -> None:
    done = cadran("clock", "show", var=tmp_path, env={variable: value})
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert done.err.endswith("[settings-invalid]\n")
    assert len(done.err.splitlines()) == 1


def test_a_state_folder_that_is_no_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = cadran("clock", "show", "--json", var=file)
    assert done.code == 2
    assert done.json()["error"]["id"] == "settings-invalid"


def test_a_broken_clock_file_stops_everything_rather_than_move_time_back(tmp_path: Path) -> None:
    (tmp_path / "clock.json").write_text('{"offset_s": ')
    done = cadran("clock", "show", var=tmp_path)
    assert done.code == 2
    assert "[units-clock-unreadable]" in done.err
    assert (tmp_path / "clock.json").read_text() == '{"offset_s": '


def test_a_database_not_made_yet_says_what_to_run(tmp_path: Path) -> None:
    done = cadran("credit", "show", "alice", "--json", var=tmp_path)
    assert done.code == 2
    assert done.json()["error"]["id"] == "commands-database-unusable"
    assert "cadran migrate" in done.json()["error"]["message"]


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "cadran.db").write_bytes(b"not a database, though long enough to be read as one " * 100)
    before = (tmp_path / "cadran.db").read_bytes()
    done = cadran("migrate", var=tmp_path)
    assert done.code == 2
    assert "[commands-database-unusable]" in done.err
    assert (tmp_path / "cadran.db").read_bytes() == before


def test_arguments_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    done = cadran("explain", b"\xff\xfe", var=tmp_path)
    assert done.code == 2
    assert "is not UTF-8" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("args", [("nosuch",), ("credit", "grant"), ("credit", "show", "alice", "--by", "3")])
def test_a_wrong_command_line_is_a_json_error_where_json_was_asked_for(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = cadran(*args, "--json", var=tmp_path)
    assert done.code == 2
    assert json.loads(done.out)["error"]["id"] == "commands-usage"


def test_digits_of_other_scripts_are_no_amount_and_no_number(tmp_path: Path) -> None:
    amount = cadran("payment", "receive", "RF1", "١٠", "--bank-reference", "b", "--by", "qa", "--json", var=tmp_path)
    number = cadran("deck", "find", "+3٣142000001", "--json", var=tmp_path)
    assert (amount.code, number.code) == (2, 2)
    assert amount.json()["error"]["id"] == "units-money-invalid"
    assert number.json()["error"]["id"] == "units-e164-invalid"


def test_a_phone_without_an_input_leaves_at_once(tmp_path: Path) -> None:
    phone = ("phone", "--control", "--user", "alice", "--password", "x", "--server", "127.0.0.1:9")
    done = cadran(*phone, var=tmp_path, stdin=subprocess.DEVNULL)
    assert done.code == 0
    assert [json.loads(line)["event"] for line in done.out.splitlines()] == ["ready", "bye"]
    assert "Traceback" not in done.err

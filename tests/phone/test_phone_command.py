"""`cadran phone` as a program: JSON lines in and out, the demo's phones, bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cadran.commands import phone
from cadran.units.errors import CadranError
from cadran.voice.phone import sound
from phone.sip_rig import Carrier, free_port

START = "import sys; from cadran.commands.phone import command; command()"


def driven(lines: list[Any], server: tuple[str, int], *options: str) -> list[dict[str, Any]]:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    command = [
        sys.executable,
        "-c",
        START,
        "--control",
        "--user",
        "alice",
        "--server",
        f"{server[0]}:{server[1]}",
        *options,
    ]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_program_calls_hears_and_hangs_up(carrier: Carrier, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    told = driven(
        [
            {"do": "call", "to": "0123456789", "call": "x"},
            {"do": "wait", "for": "answered"},
            {"do": "wait", "seconds": 0.8},
            {"do": "stats"},
            {"do": "hangup"},
            {"do": "wait", "for": "ended", "call": "x"},
            {"do": "quit"},
        ],
        carrier.address,
        "--record",
        str(heard),
    )
    names = [line["event"] for line in told]
    assert names == ["ready", "calling", "ringing", "answered", "waited", "waited", "stats", "ended", "waited", "bye"]
    stats = told[6]
    assert abs(stats["tone_hz"] - 800) <= 5
    assert stats["packets_in"] > 20
    assert told[7]["stats"]["packets_in"] >= stats["packets_in"]
    assert len(sound.read_wav(heard)) > 4000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_phone_told_to_stop_hangs_up_first(carrier: Carrier, number: signal.Signals) -> None:
    command = [sys.executable, "-c", START, "--control", "--user", "alice", "--server", f"127.0.0.1:{carrier.port}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin
        assert program.stdout
        program.stdin.write('{"do": "call", "to": "0123456789"}\n')
        program.stdin.flush()
        while json.loads(program.stdout.readline())["event"] != "answered":
            pass
        program.send_signal(number)
        events = [json.loads(line)["event"] for line in program.stdout]
        assert program.wait(10) == 0
    assert events == ["ended", "bye"]
    assert (carrier.last()["state"], carrier.last()["ended_by"]) == ("ended", "operator")


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"do": "dance"}',
        '{"do": "call"}',
        '{"do": "call", "to": 5}',
        '{"do": "call", "to": "a b\\r\\nX: 1"}',
        '{"do": "hangup"}',
        '{"do": "answer", "call": "none"}',
        '{"do": "digits", "digits": "1"}',
        '{"do": "wait", "seconds": "long"}',
        '{"do": "wait", "seconds": -1}',
        '{"do": ["call"]}',
    ],
)
def test_a_bad_command_is_an_error_line_and_the_phone_goes_on(line: str) -> None:
    told = driven([line, {"do": "stats"}], ("127.0.0.1", free_port()))
    assert [one["event"] for one in told] == ["ready", "error", "stats", "bye"]
    assert told[1]["error_id"]
    assert told[1]["message"]


def run(*options: str, entered: str = "") -> str:
    outcome = CliRunner().invoke(phone.command, options, input=entered)
    assert isinstance(outcome.exception, CadranError)
    return outcome.exception.error_id


def test_without_account_and_without_demo_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAN_VAR", str(tmp_path))
    assert run() == "phone-no-account"
    assert run("--control") == "phone-no-account"
    for text in ("", "[]", "{}", '{"phones": []}', '{"phones": [{"user": 1}]}', '{"phones": 5}', "\x00"):
        (tmp_path / "demo.json").write_text(text)
        assert run() == "phone-no-account", text


def test_the_demo_phones_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAN_VAR", str(tmp_path))
    phones = [{"user": "alice", "password": "a", "number": "+33987654321"}, {"user": "bob", "password": "b"}]
    (tmp_path / "demo.json").write_text(json.dumps({"phones": phones, "server": "127.0.0.1:5099"}))
    outcome = CliRunner().invoke(phone.command, [], input="2\n")
    assert "alice" in outcome.output
    assert "+33987654321" in outcome.output
    assert isinstance(outcome.exception, CadranError)
    assert outcome.exception.error_id == "phone-no-terminal"


@pytest.mark.parametrize(
    "options",
    [
        ("--user", "a b"),
        ("--user", "a\r\nX: y"),
        ("--user", "a", "--server", "127.0.0.1:99999"),
        ("--user", "a", "--server", "no such host"),
        ("--user", "a", "--contact-suffix", "> x"),
        ("--user", "a", "--host", "192.0.2.1", "--control"),
    ],
)
def test_bad_options_are_refused(options: tuple[str, ...]) -> None:
    assert run(*options) == "invalid-input"


def test_a_microphone_that_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mic.wav").write_bytes(b"RIFF of nothing")
    assert run("--user", "a", "--mic", str(tmp_path / "mic.wav")) == "phone-unusable-sound"
    assert run("--user", "a", "--mic", str(tmp_path / "none.wav")) == "phone-unusable-sound"


def test_the_phone_starts_without_django_and_sippy() -> None:
    code = "import sys, cadran.commands.phone, cadran.voice.phone.screen; print([m for m in ('django', 'sippy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

"""The command line says in one line what is wrong, or in one JSON object, with exit code 2."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime, timedelta

import click
import pytest
from click.testing import CliRunner

from cadran.commands import checks, clock, doctor, exposure, main, welcome
from cadran.units import errors


class Broken(errors.CadranError):
    """For the tests."""

    error_id = "test-broken"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    @click.option("--json", is_flag=True)
    def command(json: bool) -> None:
        raise Broken("the deck has no such line: import it again")

    monkeypatch.setattr(main.Cadran, "list_commands", lambda self, ctx: ["broken"])
    monkeypatch.setattr(
        main.importlib,
        "import_module",
        lambda name: type("module", (), {"command": command}) if "broken" in name else None,
    )


@pytest.mark.usefixtures("broken")
def test_an_expected_failure_is_one_clear_line_and_exit_code_2() -> None:
    result = CliRunner().invoke(main.cli, ["broken"])
    assert result.exit_code == 2
    assert result.stderr == "cadran: the deck has no such line: import it again [test-broken]\n"
    assert result.stdout == ""


@pytest.mark.usefixtures("broken")
def test_with_json_it_is_one_json_object() -> None:
    result = CliRunner().invoke(main.cli, ["broken", "--json"])
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "error": {"id": "test-broken", "message": "the deck has no such line: import it again"}
    }


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_can_be_loaded_and_explains_itself(name: str) -> None:
    module = importlib.import_module(f"cadran.commands.{name}")
    assert isinstance(module.command, click.Command)
    result = CliRunner().invoke(main.cli, [name.replace("_", "-"), "--help"])
    assert result.exit_code == 0, result.output
    assert module.command.help or module.command.short_help


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("180d", timedelta(days=180)),
        ("36h", timedelta(hours=36)),
        ("90min", timedelta(minutes=90)),
        ("2w", timedelta(days=14)),
        ("45 s", timedelta(seconds=45)),
    ],
)
def test_a_step_of_the_clock_is_read(text: str, step: timedelta) -> None:
    assert clock.read_step(text) == step


@pytest.mark.parametrize("text", ["", "d", "180", "-1d", "1.5d", "1y", "9999999d", "7321d", "180d; rm"])
def test_a_step_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(clock.InvalidStep):
        clock.read_step(text)


def test_an_instant_needs_its_zone() -> None:
    assert clock.read_instant("2026-03-29T00:00:00+01:00") == datetime(2026, 3, 28, 23, tzinfo=UTC)
    for text in ("2026-03-29", "2026-03-29T00:00:00", "tomorrow", ""):
        with pytest.raises(clock.InvalidStep, match="with its zone"):
            clock.read_instant(text)


SAFE = {"CADRAN_PUBLIC_URL": "https://voip.example", "CADRAN_TLS_FRONT": "1", "CADRAN_SIP_REALM": "voip.example"}


def test_a_safe_public_installation_is_let_through_without_sandbox() -> None:
    environ = dict(SAFE)
    exposure.open_to_public(environ)
    assert environ["CADRAN_SANDBOX"] == "0"
    assert environ["CADRAN_PUBLIC"] == "1"
    assert "voip.example" in environ["CADRAN_ALLOWED_HOSTS"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"CADRAN_PUBLIC_URL": "http://voip.example"}, "https"),
        ({"CADRAN_PUBLIC_URL": ""}, "https"),
        ({"CADRAN_TLS_FRONT": "0"}, "TLS front"),
        ({"CADRAN_SANDBOX": "1"}, "CADRAN_SANDBOX"),
    ],
)
def test_an_unsafe_public_installation_is_refused_with_its_reason(change: dict[str, str], reason: str) -> None:
    environ = SAFE | change
    with pytest.raises(exposure.UnsafePublic, match=reason):
        exposure.open_to_public(environ)
    assert "CADRAN_PUBLIC" not in environ


def test_an_empty_environment_hears_every_reason_at_once() -> None:
    with pytest.raises(exposure.UnsafePublic) as refused:
        exposure.open_to_public({})
    assert all(word in refused.value.message for word in ("CADRAN_PUBLIC_URL", "CADRAN_TLS_FRONT", "CADRAN_SIP_REALM"))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "fr"),
        ({"LANG": "C.UTF-8"}, "fr"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US", "CADRAN_LANG": "fr"}, "fr"),
    ],
)
def test_the_language_is_french_unless_the_environment_says_english(environ: dict[str, str], expected: str) -> None:
    assert welcome.language(environ) == expected


def test_a_qr_code_can_be_drawn() -> None:
    assert len(welcome.qr_text("sip:ana@192.0.2.1:5060").splitlines()) > 10


def test_the_doctor_goes_on_when_one_check_faints() -> None:
    def faint() -> list[doctor.Finding]:
        raise OSError("no such device")

    found = doctor.examine({"one": faint, "two": lambda: [doctor.Finding("two", doctor.OK, "fine")]})
    assert [(one.check, one.state) for one in found] == [("one", "bad"), ("two", "ok")]
    assert "no such device" in found[0].detail


def test_every_finding_that_is_not_well_says_how_to_mend_it() -> None:
    found = doctor.examine(checks.ALL)
    assert {one.check for one in found} >= set(checks.ALL) - {"settings"}
    assert all(one.mend for one in found if one.state != doctor.OK)


@pytest.mark.parametrize(
    ("text", "enough"), [("a" * 64, False), ("0123456789", False), ("kf83Jd-02hfG_aaPwe91mVbXz7QrT5uL", True)]
)
def test_a_weak_secret_is_told_from_a_strong_one(text: str, enough: bool) -> None:
    assert (checks.entropy_bits(text) >= 128) is enough

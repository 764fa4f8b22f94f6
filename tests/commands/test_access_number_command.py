"""`cadran access-number`: add, list and close."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cadran.commands.main import cli

pytestmark = pytest.mark.django_db(databases="__all__")


def run(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["access-number", *args])
    return done.exit_code, done.output


def test_a_number_is_added_listed_and_closed():
    code, told = run("add", "+33199000190", "--brand", "kryptoow", "--place", "Lyon", "--json")
    assert (code, json.loads(told)["place_en"]) == (0, "Lyon")
    code, told = run("list", "--brand", "kryptoow", "--json")
    assert [one["digits"] for one in json.loads(told)] == ["33199000190"]
    assert "+33199000190" in run("list")[1]
    code, told = run("close", "+33199000190", "--brand", "kryptoow")
    assert code == 0
    assert json.loads(run("list", "--json")[1]) == []
    assert len(json.loads(run("list", "--all", "--json")[1])) == 1


@pytest.mark.parametrize(
    ("args", "error_id"),
    [
        (("add", "0199", "--brand", "kryptoow", "--place", "Lyon"), "access-number-invalid"),
        (("add", "+33199000190", "--brand", "nobody", "--place", "Lyon"), "policy-brand-unknown"),
        (("close", "+33199000190", "--brand", "kryptoow"), "access-number-unknown"),
        (("add", "+33199000190", "--brand", "kryptoow", "--place", "Lyon", "--from", "soon"), "commands-usage"),
    ],
)
def test_what_cannot_be_done_is_one_clear_refusal(args: tuple[str, ...], error_id: str):
    code, told = run(*args, "--json")
    assert code == 2
    assert json.loads(told)["error"]["id"] == error_id

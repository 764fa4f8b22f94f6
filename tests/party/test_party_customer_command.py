from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from pytest_django import Settings

from cadran.commands import customer
from cadran.commands.main import cli
from cadran.numbering import queries as numbering
from cadran.party import models, queries, rules

pytestmark = pytest.mark.django_db(databases="__all__")
NEW = [
    "--user-name",
    "claire",
    "--email",
    "claire@example.org",
    "--first-names",
    "Claire",
    "--name",
    "Le Gall",
    "--accepted",
]


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR = tmp_path
    return tmp_path


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["customer", *args])
    return result.exit_code, result.output


def test_the_demo_makes_alice_and_bob_once_with_numbers_and_passwords_of_their_own(own_folder: Path) -> None:
    assert run("create", "--demo")[0] == 0
    first = (own_folder / "demo.json").read_text()
    assert run("create", "--demo")[0] == 0
    assert (own_folder / "demo.json").read_text() == first
    assert stat.S_IMODE((own_folder / "demo.json").stat().st_mode) == 0o600
    alice, bob = json.loads(first)["phones"]
    assert (alice["user"], bob["user"]) == ("alice", "bob")
    assert len({alice["password"], alice["site_password"], bob["password"], bob["site_password"]}) == 4
    for phone in (alice, bob):
        user = queries.sip_user(phone["user"])
        assert user is not None
        assert user.active
        assert user.account == phone["account"]
        assert numbering.shown_number(phone["account"]) == phone["number"].removeprefix("+")
        assert models.User.objects.get(username=phone["user"]).check_password(phone["site_password"])
    assert models.Customer.objects.count() == 2


@pytest.mark.parametrize("damage", ["", "{", '{"phones": 3}', '{"phones": [{"user": "bob"}]}'])
def test_a_lost_or_broken_demo_file_is_written_again_with_passwords_that_work(own_folder: Path, damage: str) -> None:
    customer.seed_demo()
    (own_folder / "demo.json").write_text(damage)
    customer.seed_demo()
    alice = json.loads((own_folder / "demo.json").read_text())["phones"][0]
    user = queries.sip_user("alice")
    assert user is not None
    from django.conf import settings

    assert user.ha1 == rules.ha1("alice", settings.SIP_REALM, alice["password"])


@pytest.mark.parametrize(("name", "value"), [("PUBLIC", True), ("SANDBOX", False)])
def test_demo_customers_are_refused_where_they_would_face_the_world(settings: Settings, name: str, value: bool) -> None:
    setattr(settings, name, value)
    assert run("create", "--demo")[0] != 0
    assert not models.User.objects.exists()


def test_a_customer_made_by_hand_is_shown_by_name_address_and_account() -> None:
    code, text = run("create", *NEW, "--number", "+33142000077", "--json")
    assert code == 0, text
    (made,) = json.loads(text)
    for who in ("claire", "Claire@Example.org", made["account"], made["account"].lower()):
        code, text = run("show", who, "--json")
        assert json.loads(text)[0]["user_name"] == "claire"
    assert "password" not in text
    user = queries.sip_user("claire")
    assert user is not None
    assert user.active


@pytest.mark.parametrize(
    "args",
    [
        NEW[:-1],
        [*NEW[:1], "DROP TABLE", *NEW[2:]],
        [*NEW, "--country", "Atlantis"],
        [*NEW, "--number", "112"],
        [*NEW, "--number", "+33"],
        ["--user-name", "claire"],
    ],
)
def test_wrong_input_makes_nothing_at_all(args: list[str]) -> None:
    code, _text = run("create", *args)
    assert code != 0
    assert not models.User.objects.exists()
    assert not models.Customer.objects.exists()


def test_an_unknown_customer_is_one_clear_line() -> None:
    code, text = run("show", "nobody")
    assert (code, text.count("\n")) == (2, 1)
    assert "party-customer-unknown" in text


@pytest.mark.clause("IPP-5.3-codes")
def test_new_codes_can_be_required_from_the_command_line() -> None:
    run("create", *NEW)
    assert run("require-change", "claire", "--sip", "--site", "--reason", "leak")[0] == 0
    user = queries.sip_user("claire")
    assert user is not None
    assert user.state == "must-change"
    assert run("require-change", "claire", "--reason", "none chosen")[0] == 2
    assert run("require-change", "nobody", "--sip", "--reason", "leak")[0] == 2


def test_secrets_are_resealed_after_a_new_key() -> None:
    run("create", *NEW)
    assert run("reseal-secrets") == (0, "0 SIP users resealed with the newest key, 0 partners\n")

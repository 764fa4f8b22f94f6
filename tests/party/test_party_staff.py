from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from allauth.mfa.totp.internal import auth
from click.testing import CliRunner
from django.db import DatabaseError, transaction
from django.test import Client
from pytest_django import Settings

from cadran.commands import demo_staff
from cadran.commands.main import cli
from cadran.party import models, operations, queries, staff_operations, staff_queries
from cadran.party.staff import MAY, Permission, Role, serves
from cadran.units.errors import InvalidInput

pytestmark = pytest.mark.django_db(databases="__all__")
AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "reference" / "staff.md"


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR = tmp_path
    return tmp_path


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["staff", *args])
    return result.exit_code, result.output


def made(**changes: object) -> queries.Staff:
    values: dict[str, object] = {
        "user_name": "jeanne",
        "email": "jeanne@staff.example.org",
        "password": "phare-ouest-1937",
        "role": Role.SUPPORT,
        "at": AT,
    }
    return operations.make_staff(**(values | changes))  # type: ignore[arg-type]


def test_the_table_of_the_docs_is_the_code() -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    assert rows[0] == "| Permission | " + " | ".join(role.value for role in Role) + " |"
    assert rows[1:] == [
        f"| {one.value} | " + " | ".join("yes" if one in MAY[role] else "" for role in Role) + " |"
        for one in Permission
    ]


def test_a_member_has_its_role_its_brands_and_no_customer() -> None:
    member = made(brands=("kryptoow", "ippi", "ippi"))
    assert (member.role, member.brands, member.active, member.second_factor) == (
        Role.SUPPORT,
        ("ippi", "kryptoow"),
        True,
        False,
    )
    assert member.serves("ippi")
    assert not member.serves("izikall")
    assert queries.customer(user_id=member.user_id) is None
    assert queries.staff(member.user_id) == member
    assert queries.staff(999_999) is None


def test_no_brand_named_serves_all() -> None:
    assert serves((), "ippi")
    assert not serves(("ippi",), "kavkom")


@pytest.mark.parametrize(
    "changes",
    [
        {"brands": ("nobody",)},
        {"password": "short1"},
        {"email": "not an address"},
        {"user_name": "+336"},
        {"totp_secret": "not base32!"},
        {"totp_secret": "JBSWY3DP"},
    ],
)
def test_what_cannot_be_read_makes_nobody(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        made(**changes)
    assert not models.User.objects.exists()


def test_names_and_addresses_are_taken_once() -> None:
    made()
    for changes in ({"email": "other@example.org"}, {"user_name": "other"}):
        with pytest.raises(staff_operations.StaffNameTaken):
            made(**changes)


def test_a_role_changes_and_the_brands_stay_unless_named() -> None:
    made(brands=("ippi",))
    assert staff_operations.set_staff_role(user_name="jeanne", role=Role.BILLING, at=AT).brands == ("ippi",)
    assert staff_operations.set_staff_role(user_name="jeanne", role=Role.BILLING, at=AT, brands=()).brands == ()


def test_a_disabled_member_may_nothing() -> None:
    made(role=Role.ADMIN)
    gone = staff_operations.disable_staff(user_name="jeanne", at=AT)
    assert not gone.active
    assert not any(gone.may(one) for one in Permission)


def test_the_log_is_never_changed_nor_shortened() -> None:
    member = made()
    operations.record_staff_act(staff_id=member.id, kind="view", page="customer", account="A000001", at=AT, ip="::1")
    (line,) = staff_queries.staff_acts(account="A000001")
    assert (line.staff, line.kind, line.page, line.ip) == ("jeanne", "view", "customer", "::1")
    for act in (
        lambda: models.StaffAct.objects.update(kind="none"),
        lambda: models.StaffAct.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()
    row = models.StaffAct.objects.get()
    for method in (row.save, row.delete):
        with pytest.raises(TypeError, match="append-only"):
            method()


def test_commands_add_list_change_and_disable() -> None:
    code, out = run("add", "yann", "--email", "yann@example.org", "--role", "routing", "--brand", "ippi", "--json")
    assert code == 0
    (first,) = json.loads(out)
    assert (first["role"], first["brands"], len(first["password"])) == ("routing", ["ippi"], 19)
    browser = Client()
    browser.post("/account/login/", {"login": "yann", "password": first["password"]})
    assert browser.get("/office/").headers["Location"] == "/account/password/change/", (
        "a first password is no second one"
    )
    assert json.loads(run("role", "yann", "admin", "--all-brands", "--json")[1])[0]["brands"] == "all"
    assert run("role", "yann", "emperor")[0] == 2
    assert run("disable", "nobody")[0] == 2
    assert not json.loads(run("disable", "yann", "--json")[1])[0]["active"]
    assert [one["user_name"] for one in json.loads(run("list", "--json")[1])] == ["yann"]


def test_the_demo_makes_one_member_for_each_role_once_and_the_internet_sees_none(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = demo_staff.seed(own_folder)
    assert [one.role for one in first] == [role.value for role in Role]
    assert demo_staff.seed(own_folder) == first == demo_staff.known(own_folder)
    assert stat.S_IMODE((own_folder / "staff.json").stat().st_mode) == 0o600
    assert len({one.password for one in first} | {one.totp_secret for one in first}) == 12
    assert all(member.second_factor for member in staff_queries.staff_members())
    assert run("code", "admin")[1].strip().isdigit()
    assert run("code", "nobody")[0] == 2
    secret = next(one.totp_secret for one in first if one.user == "admin")
    monkeypatch.setattr(auth.time, "time", lambda: 1_800_000_014)
    assert demo_staff.code_now(own_folder, "admin") == f"{auth.hotp_value(secret, 60_000_000):06d}"
    with pytest.raises(demo_staff.DemoStaffInPublic):
        demo_staff.refuse_in_public(own_folder)
    for one in first:
        staff_operations.disable_staff(user_name=one.user, at=AT)
    demo_staff.refuse_in_public(own_folder)

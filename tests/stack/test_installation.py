"""A whole installation starts, is watched, survives the death of any of its processes, passes time, and comes back from a backup."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stack import stack_rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
SERVICES = {"witness", "mailbox", "card", "bank", "carrier", "carrier2", "charging", "media", "sip", "web", "jobs"} | {
    "charging-api"
}
FIVE_EUROS = 5_000_000
PASSPHRASE = {"CADRAN_BACKUP_PASSPHRASE": "twelve characters and more"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack_rig.Installation]:
    with stack_rig.running(tmp_path_factory.mktemp("house") / "var") as one:
        yield one


def test_everything_runs_and_a_newcomer_is_told_where_to_look(house: stack_rig.Installation) -> None:
    said = (house.var.parent / "var.out").read_text()
    assert set(house.processes()) == SERVICES
    assert {one["state"] for one in house.processes().values()} == {"running"}
    for text in (
        house.site,
        "alice",
        "bob",
        "+33987654321",
        "01 42 00 00 01",
        "112",
        "cadran phone",
        "emergency calls",
        f"{house.site}/office/",
        "Demo staff",
        "cadran staff code admin",
    ):
        assert text in said
    assert httpx.get(f"{house.site}/health").status_code == 200


def test_all_processes_give_their_figures_on_one_page(house: stack_rig.Installation) -> None:
    page = httpx.get(f"http://127.0.0.1:{house.base + 5}/metrics").text
    assert "cadran_charging_" in page
    assert "cadran_voice_" in page


def test_an_outside_switch_has_its_call_granted_and_settled(house: stack_rig.Installation) -> None:
    key = house.cadran("charging-api", "key", "add", "pbx", "--brand", "ippi").strip()
    api, told = f"http://127.0.0.1:{house.base + 8}/v1", {"Authorization": f"Bearer {key}"}
    call = {
        "session": "stack-1",
        "caller": "alice",
        "to": "bob",
    }  # free between customers: the credit stays what it was
    granted = httpx.post(f"{api}/authorise", json=call, headers=told).json()
    assert (granted["allowed"], granted["route"]["username"]) == (True, "bob"), granted
    over = {"session": "stack-1", "answered": True, "measured_ms": 1500}
    assert httpx.post(f"{api}/settle", json=over, headers=told).json()["charged_s"] == 2
    assert httpx.post(f"{api}/authorise", json=call).status_code == 401


def test_a_second_one_on_the_same_folder_is_refused(house: stack_rig.Installation) -> None:
    assert "already runs" in house.cadran("serve", code=2)


def test_another_one_on_the_same_ports_is_refused_and_told_who_holds_them(house: stack_rig.Installation) -> None:
    other = {"CADRAN_VAR": str(house.var.with_name("other"))}
    said = house.cadran("serve", code=2, **other)
    assert "CADRAN_WEB_PORT" in said
    assert "CADRAN_PORT_BASE" in said


def test_the_doctor_finds_nothing_bad(house: stack_rig.Installation) -> None:
    found = house.json("doctor")
    assert found["ok"], [one for one in found["findings"] if one["state"] == "bad"]


def test_secrets_and_passwords_lie_open_to_their_owner_alone(house: stack_rig.Installation) -> None:
    for path in (house.var, house.var / "demo.json", house.var / "staff.json", *(house.var / "secrets").iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_no_log_holds_a_password_of_the_demo_customers(house: stack_rig.Installation) -> None:
    import json

    phones = json.loads((house.var / "demo.json").read_text())["phones"]
    for log in (house.var / "log").iterdir():
        for phone in phones:
            assert phone["password"] not in log.read_text(errors="replace"), log
            assert phone["site_password"] not in log.read_text(errors="replace"), log


@pytest.mark.parametrize("name", ["charging", "media", "sip", "web", "jobs", "carrier"])
def test_a_process_that_was_killed_is_back_within_seconds(house: stack_rig.Installation, name: str) -> None:
    before = house.processes()[name]
    os.kill(before["pid"], signal.SIGKILL)
    after = stack_rig.until(
        lambda: (now := house.processes()[name])["restarts"] > before["restarts"] and now["state"] == "running" and now,
        f"{name} did not come back",
    )
    assert after["pid"] != before["pid"]
    assert httpx.get(f"{house.site}/health").status_code == 200
    assert house.json("credit", "show", "alice")["balance_micros"] == FIVE_EUROS


def test_a_backup_of_the_running_house_is_whole(house: stack_rig.Installation, tmp_path: Path) -> None:
    told = house.json("backup", str(tmp_path / "one.cadran"), **PASSPHRASE)
    assert {"cadran.db", "charging.db", "voice.db", "secrets/django"} <= set(told["files"])
    assert "already runs" in house.cadran("restore", str(tmp_path / "one.cadran"), code=2, **PASSPHRASE)


@pytest.mark.clause("IPP-9.2-180-days")
def test_advancing_the_clock_ends_credit_at_its_own_instant(house: stack_rig.Installation) -> None:
    from datetime import datetime

    bucket = house.json("credit", "show", "alice")["buckets"][0]
    ends = datetime.fromisoformat(bucket["expires_at"])
    assert (ends - datetime.fromisoformat(house.json("clock", "show")["now"])).days in (179, 180)
    done = house.json("clock", "advance", "170d")
    assert [act for act in done["acts"] if act["name"] == "credit-expiry"] == []
    assert house.json("credit", "show", "alice")["balance_micros"] == FIVE_EUROS
    done = house.json("clock", "set", ends.isoformat())
    instants = {datetime.fromisoformat(act["at"]) for act in done["acts"] if act["name"] == "credit-expiry"}
    assert instants == {ends}
    assert house.json("credit", "show", "alice")["balance_micros"] == 0
    assert "already shows" in house.cadran("clock", "set", "2026-01-01T00:00:00Z", code=2)


def test_it_stops_in_seconds_leaves_nothing_behind_and_keeps_its_state(tmp_path: Path) -> None:
    """The drill: start, save, change, stop, restore, start again: what was saved is back."""
    house = stack_rig.Installation(tmp_path / "var")
    try:
        house.start()
        house.cadran("backup", str(tmp_path / "one.cadran"), **PASSPHRASE)
        house.cadran("credit", "grant", "bob", "1", "--reason", "drill", "--by", "test")
        assert house.json("credit", "show", "bob")["balance_micros"] == FIVE_EUROS + 1_000_000
        assert house.stop(signal.SIGTERM) == 0
        assert house.left_behind() == []

        house.start()
        assert house.json("credit", "show", "bob")["balance_micros"] == FIVE_EUROS + 1_000_000
        assert house.stop(signal.SIGINT) == 0
        assert house.left_behind() == []

        assert "0 migrations" in house.cadran("upgrade")
        house.cadran("restore", str(tmp_path / "one.cadran"), **PASSPHRASE)
        house.start()
        assert house.json("credit", "show", "bob")["balance_micros"] == FIVE_EUROS
        assert house.stop() == 0
    finally:
        if house.process and house.process.poll() is None:
            house.process.kill()


def test_killing_the_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    house = stack_rig.Installation(tmp_path / "var")
    house.start()
    assert house.process
    house.process.kill()
    house.process.wait()
    stack_rig.until(lambda: house.left_behind() == [], "processes were left behind")


def test_the_internet_is_refused_with_every_reason(tmp_path: Path) -> None:
    house = stack_rig.Installation(tmp_path / "var")
    said = house.cadran("serve", "--public", code=2)
    for reason in ("CADRAN_PUBLIC_URL", "TLS front", "CADRAN_SIP_REALM"):
        assert reason in said

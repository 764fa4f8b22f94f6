"""The same service seen by an independent peer: Debian's sipp, with the scenarios of sipp/."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from voice.sip_plane import HOST, PASSWORD, Plane, free_udp

pytestmark = [pytest.mark.stack, pytest.mark.peers]
SCENARIOS = Path(__file__).with_name("sipp")


class Sipp:
    """One run of a scenario; `wait` fails unless every call went as the scenario says."""

    def __init__(
        self,
        plane: Plane,
        scenario: str,
        port: int,
        *,
        user: str = "alice",
        password: str = PASSWORD,
        service: str = "bob",
        params: str = "",
        calls: int = 1,
        talk_ms: int = 300,
    ) -> None:
        folder = plane.var / f"sipp-{scenario}-{port}"
        folder.mkdir(exist_ok=True)
        (folder / "users.csv").write_text(f"SEQUENTIAL\n{user};[authentication username={user} password={password}];\n")
        argv = [
            "sipp",
            "-sf",
            str(SCENARIOS / f"{scenario}.xml"),
            f"{HOST}:{plane.sip_port}",
            "-i",
            HOST,
            "-p",
            str(port),
        ]
        argv += ["-inf", str(folder / "users.csv"), "-m", str(calls), "-s", service, "-key", "params", params]
        argv += ["-d", str(talk_ms), "-nostdin", "-timeout", "20s", "-timeout_error", "-trace_err", "-trace_msg"]
        argv += ["-mp", str(port + 2000)]
        with (folder / "out").open("wb") as out:
            self.process = subprocess.Popen(argv, cwd=folder, stdout=out, stderr=out)
        self.folder = folder

    def wait(self, timeout_s: float = 25) -> None:
        code = self.process.wait(timeout_s)
        errors = "".join(one.read_text(errors="replace") for one in self.folder.glob("*_errors.log"))
        assert code == 0, f"sipp ended with {code}\n{errors[:3000]}"


def run(plane: Plane, scenario: str, port: int = 0, **more: object) -> None:
    Sipp(plane, scenario, port or free_udp()[0], **more).wait()  # type: ignore[arg-type]


def test_register_renew_and_unregister(plane: Plane) -> None:
    run(plane, "register")


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", PASSWORD)])
def test_a_wrong_password_and_an_unknown_user_are_challenged_again(plane: Plane, user: str, password: str) -> None:
    run(plane, "register_refused", user=user, password=password)


@pytest.mark.parametrize("params", ["", ";transport=tcp", ";transport=UDP"])
def test_a_call_between_two_phones_with_any_contact(plane: Plane, params: str) -> None:
    (port,) = free_udp()
    run(plane, "register_only", port, user="bob")
    callee = Sipp(plane, "answer", port, params=params)
    run(plane, "call", params=params)
    callee.wait()
    plane.wait_event("call-settled")


def test_a_phone_that_ignores_bye_is_left_by_the_watchdog(plane: Plane) -> None:
    (port,) = free_udp()
    run(plane, "register_only", port, user="dave")
    before = len(plane.events("watchdog"))
    callee = Sipp(plane, "deaf", port)
    run(plane, "call", service="dave")
    plane.wait_event("watchdog", before + 1, leg="callee")
    callee.process.kill()
    callee.process.wait(5)


def test_a_caller_who_gives_up_gets_487(plane: Plane) -> None:
    run(plane, "cancel", service="0142000480")
    plane.wait_event("call-ended", disposition="cancelled")


def test_early_media_of_a_carrier_passes_as_183(plane: Plane) -> None:
    plane.kill("carrier", hard=False)
    carrier = Sipp(plane, "early", plane.carrier_port)
    run(plane, "call_early", service="0142000001")
    carrier.wait()
    plane.start("carrier")


def test_fifty_calls_to_the_carrier_in_a_row(plane: Plane) -> None:
    plane.wait_event("sip-ready")
    Sipp(plane, "call", free_udp()[0], service="0142000001", calls=50, talk_ms=100).wait()
    plane.wait_event("call-settled", 50, timeout_s=15)

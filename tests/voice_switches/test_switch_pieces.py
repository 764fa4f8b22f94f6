"""The ready pieces for other switches: each as far as a switch, or what stands for it, is on this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cadran.voice.switches import shapes

PIECES = Path(__file__).parents[2] / "integrations"
ROUTE = shapes.Route(kind="carriers", username="", dial="33142000001", uri="", shown="33972100001")
WHY = shapes.Why("call-charged", "IPP-10.1-per-second", "ippi/2018-04", "Appel facturé.", "Call charged.")
GRANTED = shapes.Granted("s", True, 600, 3600, "IPP-5.5-one-hour", True, 0, "A000001", "geographic", WHY, ROUTE)
REFUSED = msgspec.structs.replace(GRANTED, allowed=False, granted_s=None, sip_code=402, route=None)
SETTLED = shapes.Settled("s", "cdr_1", 13, 2600, "EUR", False)


class Api:
    """Answers as the charging API does, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str]] = []
        self.answers: dict[str, tuple[int, object]] = {"authorise": (200, GRANTED), "settle": (200, SETTLED)}
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                op = self.path.rpartition("/")[2]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for reader in (shapes.Authorise, shapes.Settle):  # what the API itself would take
                    if reader.__name__.lower() == op:
                        msgspec.convert(body, reader)
                api.asked.append((op, body, self.headers["Authorization"]))
                status, answer = api.answers[op]
                found = msgspec.json.encode(answer)
                self.send_response(status)
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.server.shutdown()
    api.server.server_close()


def agi(api: Api, spool: Path, arguments: list[str], variables: dict[str, str]) -> dict[str, str]:
    """One run of the script, answered as Asterisk answers; returns the variables as the script left them."""
    environment = {**os.environ, "CADRAN_URL": api.url, "CADRAN_KEY": "sk_test", "CADRAN_SPOOL": str(spool)}
    script = [sys.executable, str(PIECES / "asterisk" / "cadran.agi.py"), *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen(script, **pipes) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write("agi_uniqueid: 1700000000.7\nagi_callerid: alice\n\n")
        program.stdin.flush()
        for line in program.stdout:
            verb, _, rest = line.strip().partition(" VARIABLE ")
            if verb == "SET":
                name, _, value = rest.partition(" ")
                variables[name] = value.strip('"')
                answer = "200 result=1"
            else:
                value = variables.get(rest[2:-1], "")
                answer = f"200 result=1 ({value})" if value else "200 result=0"
            program.stdin.write(answer + "\n")
            program.stdin.flush()
        program.stdin.close()
    assert program.returncode == 0
    return variables


def test_the_agi_script_asks_settles_and_keeps_what_charging_cannot_take_now(api: Api, tmp_path: Path) -> None:
    called = agi(api, tmp_path, ["authorise", '+33142000001"; DROP'], {"CADRAN_CALLER": "alice"})
    assert (called["CADRAN_ALLOWED"], called["CADRAN_LIMIT_MS"], called["CADRAN_DIAL"]) == (
        "1",
        "600000",
        "33142000001",
    )
    op, body, key = api.asked[-1]
    assert (op, body["caller"], body["to"], key) == ("authorise", "alice", '+33142000001"; DROP', "Bearer sk_test")
    api.answers["settle"] = (503, {})
    over = called | {"DIALSTATUS": "ANSWER", "ANSWEREDTIME_MS": "12001", "HANGUPCAUSE": "16"}
    agi(api, tmp_path, ["settle"], dict(over))
    assert len(list(tmp_path.glob("*.json"))) == 1
    api.answers["settle"] = (200, SETTLED)
    agi(api, tmp_path, ["settle"], called | {"DIALSTATUS": "BUSY", "HANGUPCAUSE": "17"})
    assert not list(tmp_path.glob("*"))
    told = [body for op, body, _ in api.asked if op == "settle"]
    assert {
        "session": body["session"],
        "answered": True,
        "measured_ms": 12001,
        "ended_by": "caller",
        "sip_code": 200,
    } in told
    assert told[-2]["sip_code"] == 486 or told[-1]["sip_code"] == 486


def test_the_agi_script_turns_every_no_into_one(api: Api, tmp_path: Path) -> None:
    for status, answer, code in ((200, REFUSED, "402"), (404, {}, "403"), (503, {}, "503")):
        api.answers["authorise"] = (status, answer)
        called = agi(api, tmp_path, ["authorise", "+33142000001"], {})
        assert (called["CADRAN_ALLOWED"], called["CADRAN_SIP_CODE"]) == ("0", code)
    api.url = "http://127.0.0.1:1"
    assert agi(api, tmp_path, ["authorise", "+33142000001"], {})["CADRAN_SIP_CODE"] == "503"


STAND_IN = """
local known = {cadran_url = "%s", cadran_key_file = "%s", cadran_spool = "%s"}
freeswitch = {consoleLog = function() end, API = function() return {executeString = function(_, line)
  if line == "create_uuid" then return "u" .. os.time() end
  return known[line:match("global_getvar (.*)") or ""] or "" end} end}
local vars = {cadran_caller = "alice", hostname = "fs1", sip_call_id = 'x" y', answer_uepoch = "%s", end_uepoch = "1000000012001000",
  bridge_hangup_cause = "%s"}
session = {getVariable = function(_, name) return vars[name] end, get_uuid = function() return "u-1" end,
  setVariable = function() end, setAutoHangup = function() end, ready = function() return false end,
  execute = function(_, app, data) print(app .. " " .. data) end, hangup = function(_, cause) print("hangup " .. tostring(cause)) end}
argv = {"+33142000001"}
dofile("%s")
"""


@pytest.mark.skipif(not (shutil.which("lua5.3") and shutil.which("curl")), reason="lua5.3 or curl is missing")
def test_the_freeswitch_script_bridges_for_as_long_as_is_granted(api: Api, tmp_path: Path) -> None:
    key, script = tmp_path / "key", PIECES / "freeswitch" / "cadran.lua"
    key.write_text('header = "Authorization: Bearer sk_test"\n')

    def run(answered: str, cause: str) -> list[str]:
        program = STAND_IN % (api.url, key, tmp_path, answered, cause, script)
        done = subprocess.run(["lua5.3", "-"], input=program, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout.splitlines()

    assert run("1000000000000000", "NORMAL_CLEARING") == [
        "export nolocal:execute_on_answer=sched_hangup +600 ALLOTTED_TIMEOUT",
        "bridge sofia/gateway/carrier/+33142000001",
    ]
    assert api.asked[-1] == (
        "settle",
        {"session": "fs1:u-1", "answered": True, "measured_ms": 12001, "ended_by": "caller"},
        "Bearer sk_test",
    )
    run("0", "USER_BUSY")
    assert api.asked[-1][1] == {"session": "fs1:u-1", "answered": False, "sip_code": 486}
    api.answers["authorise"] = (200, REFUSED)
    assert run("0", "") == ["hangup CALL_REJECTED"]
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.skipif(shutil.which("kamailio") is None, reason="kamailio is missing")
def test_kamailio_takes_its_configuration() -> None:
    command = ["kamailio", "-c", "-f", str(PIECES / "kamailio" / "kamailio.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    told = done.stdout + done.stderr
    if "could not open module" in told or "failed to load module" in told:
        pytest.skip("a module of Kamailio is missing")
    assert done.returncode == 0, told
    assert "config file ok" in told
    assert " warnings" not in told


def test_no_piece_holds_a_key_or_an_address_of_somebody() -> None:
    for path in PIECES.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "sk_put-the-key-here" in text or not re.search(r"sk_[0-9a-z]{12}_", text), path

#!/usr/bin/env python3
"""AGI script of Asterisk for Cadran's charging API: asks before the call, settles after it. Python's own library alone.

    AGI(cadran.agi.py,authorise,${EXTEN})   sets CADRAN_ALLOWED (1 or 0), CADRAN_SIP_CODE, CADRAN_KIND, CADRAN_DIAL, CADRAN_LIMIT_MS
    AGI(cadran.agi.py,settle)               in the hangup handler, from ANSWEREDTIME_MS or ANSWEREDTIME, and HANGUPCAUSE

CADRAN_URL and CADRAN_KEY come from the environment of Asterisk, or from /etc/asterisk/cadran.env as NAME=value lines.
A settlement that charging cannot take now is kept in SPOOL; each later run, and a cron job (`cadran.agi.py retry`), sends it again.
"""

import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.request
import uuid

SPOOL = pathlib.Path(os.environ.get("CADRAN_SPOOL", "/var/spool/asterisk/cadran"))
SETTINGS = pathlib.Path("/etc/asterisk/cadran.env")
WANTED_S, LEASE_S, TIMEOUT_S = 3600, 4200, 4
AT_ONCE = 100
# Q.850 causes of a call that nobody answered.
SIP_OF_CAUSE = {1: 404, 16: 487, 17: 486, 18: 480, 19: 480, 20: 480, 21: 603, 22: 410, 28: 484, 34: 503, 38: 503}


def settings():
    found = {}
    if SETTINGS.exists():
        lines = (line.strip() for line in SETTINGS.read_text().splitlines())
        found = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {**found, **{name: value for name, value in os.environ.items() if name.startswith("CADRAN_")}}


def post(op, body):
    """Status and answer; (0, {}) when nothing answers."""
    known = settings()
    request = urllib.request.Request(  # noqa: S310 (the operator's own address)
        f"{known.get('CADRAN_URL', 'http://127.0.0.1:8008')}/v1/{op}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {known.get('CADRAN_KEY', '')}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            return error.code, json.load(error)
        except ValueError:
            return error.code, {}
    except (OSError, ValueError):
        return 0, {}


class Agi:
    """The conversation on standard input and output."""

    def __init__(self):
        self.environment = {}
        while (line := sys.stdin.readline().strip()) != "":
            name, _, value = line.partition(": ")
            self.environment[name] = value

    def say(self, command):
        sys.stdout.write(command + "\n")
        sys.stdout.flush()
        return sys.stdin.readline().strip()

    def set(self, name, value):
        text = "".join(mark for mark in str(value) if mark.isprintable() and mark not in '"\\')
        self.say(f'SET VARIABLE {name} "{text}"')

    def get(self, name):
        answer = self.say(f"GET FULL VARIABLE ${{{name}}}")
        return answer.partition("(")[2].rpartition(")")[0] if answer.startswith("200 result=1") else ""


def session(agi):
    """One for each call: the linked id of Asterisk and the name of this server, which is the same when the script runs again."""
    return f"{os.uname().nodename}:{agi.get('CHANNEL(linkedid)') or agi.environment.get('agi_uniqueid', '')}"


def authorise(agi, dialled):
    caller = agi.get("CADRAN_CALLER") or agi.environment.get("agi_callerid", "")
    body = {
        "session": session(agi),
        "caller": caller,
        "to": dialled,
        "call_id": agi.get("CHANNEL(pjsip,call-id)")[:256],
        "wanted_s": WANTED_S,
        "lease_s": LEASE_S,
    }
    status, answer = post("authorise", body)
    allowed = status == 200 and answer.get("allowed") is True
    agi.set("CADRAN_ALLOWED", int(allowed))
    agi.set("CADRAN_SIP_CODE", answer.get("sip_code") or (403 if 400 <= status < 500 else 503))
    if not allowed:
        return
    bounds = [seconds for seconds in (answer.get("granted_s"), answer.get("limit_s")) if seconds is not None]
    agi.set("CADRAN_LIMIT_MS", min(bounds) * 1000 if bounds else 0)
    agi.set("CADRAN_SESSION", body["session"])
    agi.set("CADRAN_KIND", answer["route"]["kind"])
    agi.set("CADRAN_DIAL", answer["route"]["dial"] or answer["route"]["username"])


def settle(agi):
    named = agi.get("CADRAN_SESSION")
    if not named:
        return
    measured = agi.get("ANSWEREDTIME_MS")
    measured_ms = int(measured) if measured.isdigit() else int(agi.get("ANSWEREDTIME") or 0) * 1000
    answered = agi.get("DIALSTATUS") == "ANSWER"
    cause = agi.get("HANGUPCAUSE")
    limit = agi.get("CADRAN_LIMIT_MS")
    over = limit.isdigit() and 0 < int(limit) <= measured_ms
    body = {
        "session": named,
        "answered": answered,
        "measured_ms": measured_ms if answered else 0,
        "ended_by": "credit" if answered and over else "caller",
        "sip_code": 200 if answered else SIP_OF_CAUSE.get(int(cause) if cause.isdigit() else 0, 480),
    }
    send(keep(body))
    retry()


def keep(body):
    """On disk before it is sent: neither a crash nor charging's absence loses it."""
    SPOOL.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = SPOOL / f"{time.time_ns()}-{uuid.uuid4().hex}.json"
    fresh = path.with_suffix(".part")
    with fresh.open("w") as file:
        json.dump(body, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    return path


def send(path):
    """Whether charging has it: taken, or refused for good."""
    try:
        status, _ = post("settle", json.loads(path.read_text()))
    except (OSError, ValueError):
        return False
    done = status == 200 or status in (400, 404, 409, 413, 415, 422)
    if done:
        path.unlink(missing_ok=True)
    return done


def retry():
    for path in sorted(SPOOL.glob("*.json"))[:AT_ONCE]:
        if not send(path):
            return


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "retry":
        retry()
        return
    agi = Agi()
    if what == "authorise":
        authorise(agi, sys.argv[2] if len(sys.argv) > 2 else "")
    elif what == "settle":
        settle(agi)


if __name__ == "__main__":
    main()

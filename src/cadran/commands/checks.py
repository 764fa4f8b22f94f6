"""What `cadran doctor` looks at. Each check reads, changes nothing, and says how to mend what it finds."""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import shutil
import socket
import sqlite3
import stat
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from cadran.commands import exposure, probes, roster, snapshot, supervisor
from cadran.commands.doctor import BAD, OK, WARN, Check, Finding

_NEEDED = ("django", "granian", "sippy", "rtp_io", "phonenumbers", "structlog", "msgspec", "cryptography", "click")
_MODULES = {"rtp_io": "rtp.io"}
_LEAST_BITS = 128
_LEAST_YEAR = 2026


def python() -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= (3, 12):
        return [
            Finding("python", WARN, f"{version}: Cadran is tested on 3.11 alone", "nothing, unless something fails")
        ]
    return [Finding("python", OK, version)]


def packages() -> list[Finding]:
    missing = []
    for name in _NEEDED:
        try:
            importlib.import_module(_MODULES.get(name, name))
        except ImportError as error:
            missing.append(f"{name} ({error})")
    if missing:
        return [Finding("packages", BAD, "cannot import " + ", ".join(missing), "remove .venv and start ./run again")]
    return [
        Finding(
            "packages", OK, f"{len(list(metadata.distributions()))} installed, all that Cadran needs can be imported"
        )
    ]


def system() -> list[Finding]:
    programs = {"sipp": "sip-tester", "baresip": "baresip", "chromium": "chromium"}
    missing = [package for program, package in programs.items() if not shutil.which(program)]
    if missing:
        text = f"only ./test needs it, not Cadran itself: apt-get install {' '.join(missing)}"
        return [Finding("system", WARN, f"not installed: {', '.join(missing)}", text)]
    return [Finding("system", OK, "sipp, baresip and chromium are there for ./test")]


def disk() -> list[Finding]:
    from cadran import settings

    folder = settings.VAR if settings.VAR.exists() else settings.VAR.parent
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free under {folder}"
    mend = "make room, or set CADRAN_VAR to a folder on another disk"
    if free < 500_000_000:
        return [Finding("disk", BAD, text, mend)]
    inodes = os.statvfs(folder)
    if inodes.f_files and inodes.f_favail < 10_000:
        return [Finding("disk", BAD, f"only {inodes.f_favail} inodes free under {folder}", mend)]
    return [Finding("disk", WARN if free < 2_000_000_000 else OK, text, mend if free < 2_000_000_000 else "")]


def clocks() -> list[Finding]:
    from cadran import settings

    found = []
    wall, steady = time.time(), time.monotonic()
    time.sleep(0.2)
    drift = abs((time.time() - wall) - (time.monotonic() - steady))
    if drift > 0.05:
        found.append(
            Finding(
                "clocks",
                BAD,
                f"the wall clock jumped by {drift:.2f} s in 0.2 s",
                "see who sets it: one NTP service at most",
            )
        )
    elif datetime.now(UTC).year < _LEAST_YEAR:
        found.append(
            Finding(
                "clocks", BAD, f"the wall clock shows {datetime.now(UTC):%Y-%m-%d}", "set it: apt-get install chrony"
            )
        )
    else:
        found.append(
            Finding("clocks", OK, f"the wall clock shows {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} and runs steadily")
        )
    if Path("/run/systemd/timesync/synchronized").exists():
        found.append(Finding("clocks", OK, "systemd says that NTP has set the wall clock"))
    else:
        found.append(
            Finding("clocks", WARN, "whether NTP sets the wall clock is unknown", "on a server: apt-get install chrony")
        )
    ahead = (settings.CIVIL_CLOCK.now() - datetime.now(UTC)).total_seconds()
    if ahead > 1:
        found.append(
            Finding("clocks", OK, f"the sandbox's civil clock runs {ahead / 86400:.1f} days ahead (cadran clock)")
        )
    return found


def settings_() -> list[Finding]:
    from cadran import settings

    found = []
    if len(os.fsencode(settings.CHARGING_SOCKETS[-1])) > 107:
        found.append(
            Finding(
                "settings", BAD, f"{settings.VAR} is too long a path for sockets", "set CADRAN_VAR to a shorter one"
            )
        )
    if settings.PUBLIC:
        reasons = exposure.public_reasons(os.environ)
        found += [Finding("settings", BAD, reason, "see docs/quick-start.md, --public") for reason in reasons]
    if settings.RTP_PORT_MAX > 65535 or settings.RTP_PORT_MIN < 1024:
        text = f"media ports {settings.RTP_PORT_MIN}-{settings.RTP_PORT_MAX}"
        found.append(Finding("settings", BAD, text, "choose CADRAN_PORT_BASE between 1024 and 51000"))
    local = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if local.exists():
        low, high = map(int, local.read_text().split())
        if high >= settings.RTP_PORT_MIN and low <= settings.RTP_PORT_MAX:
            text = f"the media ports overlap those that the system gives to others ({low}-{high})"
            found.append(Finding("settings", WARN, text, "choose CADRAN_RTP_PORT_MIN below that range"))
    if not settings.BRANDS.is_dir():
        found.append(
            Finding("settings", BAD, f"{settings.BRANDS} holds no brands", "set CADRAN_BRANDS to the folder brands/")
        )
    mode = "sandbox" if settings.SANDBOX else "production"
    return found or [Finding("settings", OK, f"{mode}, state in {settings.VAR}, ports from {settings.PORT_BASE}")]


def secrets_() -> list[Finding]:
    from cadran import settings

    found = []
    if settings.VAR.exists() and settings.VAR.stat().st_mode & 0o007:
        found.append(Finding("secrets", WARN, f"others can look into {settings.VAR}", f"chmod 700 {settings.VAR}"))
    for path in sorted((settings.VAR / "secrets").glob("*")):
        info, value = path.stat(), path.read_text().strip()
        if info.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            found.append(Finding("secrets", BAD, f"others can read {path}", f"chmod 600 {path}, and change the secret"))
        if info.st_uid != os.getuid():
            found.append(Finding("secrets", WARN, f"{path} belongs to another user", f"chown {os.getuid()} {path}"))
        if entropy_bits(value) < _LEAST_BITS:
            text = f"{path} is too weak ({entropy_bits(value):.0f} bits at most)"
            found.append(
                Finding("secrets", BAD, text, f"stop Cadran and remove {path}: the next start makes a new one")
            )
    given = [name for name in os.environ if name.startswith("CADRAN_SECRET_")]
    weak = [name for name in given if entropy_bits(os.environ[name]) < _LEAST_BITS]
    mend = "take 32 random bytes in base64"
    found += [Finding("secrets", WARN, f"{name} of the environment looks weak", mend) for name in weak]
    return found or [Finding("secrets", OK, "readable by their owner alone, and long enough")]


def entropy_bits(text: str) -> float:
    """An upper bound of what guessing costs: the text's length times the entropy of its characters."""
    if not text:
        return 0.0
    return -sum(count * math.log2(count / len(text)) for count in Counter(text).values())


def databases() -> list[Finding]:
    from cadran import settings

    found = []
    for name in snapshot.DATABASES:
        if name == "charging.db" and settings.CHARGING_DATABASE:
            continue  # the money lies on a server, which is looked after there
        path = settings.VAR / name
        if not path.exists():
            found.append(Finding("databases", WARN, f"{name} does not exist yet", "start Cadran once: ./run"))
            continue
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
                verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
                journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
        except sqlite3.DatabaseError as error:
            verdict, journal = str(error), ""
        if verdict != "ok":
            mend = "stop Cadran and restore the last backup: cadran restore FILE"
            found.append(Finding("databases", BAD, f"{name}: {verdict}", mend))
        elif journal != "wal":
            found.append(
                Finding("databases", WARN, f"{name} has journal mode {journal}, not wal", "start Cadran: it sets it")
            )
        else:
            found.append(
                Finding("databases", OK, f"{name}: whole, {path.stat().st_size / 1e6:.1f} MB, journal mode wal")
            )
    return found


def ports() -> list[Finding]:
    from cadran import settings

    if supervisor.is_running(settings.VAR):
        return [Finding("ports", OK, "Cadran runs and holds them")]
    found = []
    for port in roster.ports():
        if not probes.port_is_free(port.host, port.number, port.kind):
            who = probes.holder(port.number, port.kind) or "another program"
            mend = f"stop it, or set {port.variable} (or CADRAN_PORT_BASE, which moves all)"
            found.append(Finding("ports", BAD, f"{port.protocol} {port.number} ({port.owner}) is held by {who}", mend))
    return found or [Finding("ports", OK, f"all {len(roster.ports())} are free")]


def sockets() -> list[Finding]:
    from cadran import settings

    found = []
    running = supervisor.is_running(settings.VAR)
    for path in (*settings.CHARGING_SOCKETS, settings.MEDIA_SOCKET):
        answers = path.exists() and _answers(path)
        if running and not answers:
            found.append(
                Finding("sockets", BAD, f"{path.name} does not answer", f"see {settings.VAR}/log/{path.stem}.log")
            )
        elif answers and not running:
            found.append(
                Finding(
                    "sockets", BAD, f"{path.name} answers though Cadran does not run", "end the process left behind"
                )
            )
    return found or [Finding("sockets", OK, "all answer" if running else "none is in use")]


def tones() -> list[Finding]:
    """Whether digits can be found in the sound itself."""
    from cadran.voice.media import inband

    if inband.library() is not None:
        return [Finding("tones", OK, "spandsp finds the digits of callers whose carrier sends no telephone-event")]
    return [
        Finding(
            "tones",
            WARN,
            "spandsp is not installed: callers without telephone-event cannot dial in a menu, except by SIP INFO",
            f"apt-get install {inband.PACKAGE}",
        )
    ]


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(0.5)
        return sock.connect_ex(str(path)) == 0


def processes() -> list[Finding]:
    from cadran import settings

    path = settings.VAR / "run" / "processes.json"
    if not path.exists():
        return [Finding("processes", OK, "none was started yet")]
    state = json.loads(path.read_text())
    running = supervisor.is_running(settings.VAR)
    found = []
    for name, one in state["services"].items():
        alive = one["pid"] is not None and _is_ours(one["pid"])
        if alive and not running:
            found.append(
                Finding("processes", BAD, f"{name} was left behind (process {one['pid']})", f"kill {one['pid']}")
            )
        elif running and (not alive or one["state"] == "crash-loop"):
            found.append(
                Finding("processes", BAD, f"{name} is down ({one['state']})", f"see {settings.VAR}/log/{name}.log")
            )
        elif running and one["restarts"]:
            text = f"{name} was restarted {one['restarts']} times"
            found.append(Finding("processes", WARN, text, f"see why in {settings.VAR}/log/{name}.log"))
    text = f"{len(state['services'])} running" if running else "Cadran does not run, and nothing was left behind"
    return found or [Finding("processes", OK, text)]


def _is_ours(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and any("cadran" in part for part in process.cmdline())
    except psutil.Error:
        return False


def evidence() -> list[Finding]:
    from cadran import settings
    from cadran.commands import main

    if not (settings.VAR / "cadran.db").exists():
        return [Finding("evidence", OK, "nothing is on record yet")]
    main.django_ready()
    from cadran.policy.proof import queries

    state, now = queries.status(), datetime.now(UTC)
    running = supervisor.is_running(settings.VAR)
    found = []
    if state.unsealed and running and (state.sealed_at is None or (now - state.sealed_at).total_seconds() > 60):
        text = f"{state.unsealed} entries are not sealed, the last seal is of {state.sealed_at or 'never'}"
        found.append(Finding("evidence", BAD, text, f"see {settings.VAR}/log/jobs.log"))
    if not settings.WITNESS_URL:
        mend = "choose a time-stamp authority, and set CADRAN_WITNESS_URL and CADRAN_WITNESS_CERTIFICATES"
        found.append(Finding("evidence", WARN, "no witness outside stamps the seals", mend))
    elif state.unwitnessed_since and running:
        late_s = (now - state.unwitnessed_since).total_seconds()
        text = f"{state.unwitnessed} seals wait for the witness {settings.WITNESS_URL} for {late_s:.0f} s"
        if late_s > max(300, 3 * settings.WITNESS_EVERY_S):
            worst = BAD if late_s > settings.WITNESS_WITHIN_S else WARN
            found.append(
                Finding("evidence", worst, text, f"see {settings.VAR}/log/jobs.log; they are kept, none is lost")
            )
    witnessed = f"witnessed on {state.witnessed_at:%Y-%m-%dT%H:%M:%SZ}" if state.witnessed_at else "not witnessed yet"
    return found or [Finding("evidence", OK, f"{state.entries} entries, {state.seals} seals, {witnessed}")]


ALL: dict[str, Check] = {
    "python": python,
    "packages": packages,
    "system": system,
    "disk": disk,
    "clocks": clocks,
    "settings": settings_,
    "secrets": secrets_,
    "databases": databases,
    "evidence": evidence,
    "ports": ports,
    "sockets": sockets,
    "tones": tones,
    "processes": processes,
}

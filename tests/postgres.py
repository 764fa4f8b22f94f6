"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket alone, ended with them."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

PORT = 5499


def programs() -> Path | None:
    """The folder of Debian's server programs, the newest version first; None where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    return Path(initdb).resolve().parent if (initdb := shutil.which("initdb")) else None


@contextlib.contextmanager
def server(**settings: str) -> Iterator[str]:
    """The address of the server's first database; `settings` configure it. Skips where none is installed, except in CI."""
    folder = programs()
    if folder is None:
        if os.environ.get("CI"):
            raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="cadran-pg-") as name:
        data = Path(name) / "data"
        as_owner = _owner(Path(name))
        run = lambda *words: subprocess.run([*as_owner, *words], check=True, capture_output=True)  # noqa: E731
        run(str(folder / "initdb"), "-D", str(data), "-U", "cadran", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = {"listen_addresses": "", "unix_socket_directories": name, "port": str(PORT), **settings}
        words = " ".join(f"-c {key}='{value}'" for key, value in options.items())
        run(str(folder / "pg_ctl"), "-D", str(data), "-w", "-o", words, "-l", f"{name}/log", "start")
        try:
            yield f"postgresql:///postgres?host={name}&port={PORT}&user=cadran"
        finally:
            run(str(folder / "pg_ctl"), "-D", str(data), "-w", "-m", "immediate", "stop")


def _owner(folder: Path) -> list[str]:
    """How to run the server as somebody else than root, which it refuses to be."""
    if os.getuid():
        return []
    user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
    found = pwd.getpwnam(user)
    os.chown(folder, found.pw_uid, found.pw_gid)
    return ["runuser", "-u", user, "--"]


def emptied(address: str) -> str:
    """The same database without a row, as only its owner can: with the triggers out of the way."""
    with psycopg.connect(address, options="-c session_replication_role=replica") as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute("SELECT setval('evidence_key_number', 1, false)")
    return address

"""The private PostgreSQL of a run comes back from kill -9 with all that was committed, and is gone at the end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil
import psycopg
import pytest

from cadran.commands.chaos import postgresql, store
from cadran.commands.chaos.failure import ChaosFailed

pytestmark = pytest.mark.stack


@pytest.fixture
def server() -> Iterator[postgresql.Postgresql]:
    made = postgresql.Postgresql()
    try:
        made.found()
        yield made
    except ChaosFailed as error:
        pytest.skip(error.message)
    finally:
        made.close()
        assert not made.folder.exists()


def _connected(server: postgresql.Postgresql) -> bool:
    assert server.process is not None
    for one in psutil.Process(server.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "[local]" in " ".join(one.cmdline()):
                return True
    return False


def test_a_killed_server_keeps_what_was_committed_and_a_reader_sees_one_snapshot(server: postgresql.Postgresql) -> None:
    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        with contextlib.closing(store.PostgresqlReader(server.address)) as reader:
            assert list(reader.rows("SELECT number FROM kept")) == [(1,)]
            connection.execute("INSERT INTO kept VALUES (2)")
            assert reader.one("SELECT count(*) FROM kept") == 1
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                reader.one("DELETE FROM kept RETURNING number")
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.address)
    server.start()
    with contextlib.closing(store.PostgresqlReader(server.address)) as reader:
        assert sorted(reader.rows("SELECT number FROM kept")) == [(1,), (2,)]
    until = time.monotonic() + 20
    while _connected(server):  # a connection that was closed ends in its own time
        assert time.monotonic() < until, server.last_words()
        time.sleep(0.02)
    assert server.stall_a_writer() is None  # nobody writes
    server.kill_backend(0.5)
    until = time.monotonic() + 20
    while True:
        try:
            with psycopg.connect(server.address) as connection:
                assert connection.execute("SELECT count(*) FROM kept").fetchone() == (2,)
                return
        except psycopg.OperationalError:
            assert time.monotonic() < until, server.last_words()

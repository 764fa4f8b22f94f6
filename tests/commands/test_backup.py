"""A backup holds one instant of all databases, opens with its passphrase alone, and comes back whole or not at all."""

from __future__ import annotations

import io
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.commands import backup, restore, sealed, snapshot, upgrade

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
LOCK = sealed.Lock(passphrase=b"a long enough passphrase")
OTHER = sealed.Lock(passphrase=b"another long passphrase")
BY_KEY = sealed.Lock(key=bytes(range(32)))


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A state folder with three small databases, a secret and a clock."""
    folder = tmp_path / "var"
    (folder / "secrets").mkdir(parents=True)
    (folder / "log").mkdir()
    (folder / "log" / "sip.log").write_text("kept\n")
    (folder / "secrets" / "django").write_text("quite secret")
    (folder / "clock.json").write_text('{"offset_s": 5}')
    for name in snapshot.DATABASES:
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE n (value INTEGER)")
            connection.execute("INSERT INTO n VALUES (1)")
            connection.commit()
    return folder


def value(folder: Path, name: str) -> int:
    with closing(sqlite3.connect(folder / name)) as connection:
        return int(connection.execute("SELECT max(value) FROM n").fetchone()[0])


def put(folder: Path, number: int) -> None:
    for name in snapshot.DATABASES:
        with closing(sqlite3.connect(folder / name, timeout=10)) as connection:
            connection.execute("INSERT INTO n VALUES (?)", (number,))
            connection.commit()


def restored(file: Path, into: Path, lock: sealed.Lock = LOCK) -> Path:
    into.mkdir()
    restore.unpack(file, into, lock)
    return into


def test_recordings_that_the_operator_uploaded_come_back(var: Path, tmp_path: Path) -> None:
    kept = var / "brands" / "kryptoow" / "prompts" / "fr" / "welcome.wav"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"RIFF")
    (kept.parent / "welcome.77.tmp").write_bytes(b"half")
    backup.write(var, tmp_path / "one.cadran", LOCK, at=AT)
    folder = restored(tmp_path / "one.cadran", tmp_path / "fresh")
    assert (folder / kept.relative_to(var)).read_bytes() == b"RIFF"
    assert [path.name for path in (folder / kept.relative_to(var)).parent.iterdir()] == ["welcome.wav"]


@pytest.mark.parametrize("lock", [LOCK, BY_KEY], ids=["passphrase", "key"])
def test_what_was_saved_comes_back_and_the_former_state_is_kept(var: Path, tmp_path: Path, lock: sealed.Lock) -> None:
    file = tmp_path / "one.cadran"
    backup.write(var, file, lock, at=AT)
    put(var, 2)
    kept = restore.put_in_place(restored(file, tmp_path / "fresh", lock), var, at=AT)
    assert [value(var, name) for name in snapshot.DATABASES] == [1, 1, 1]
    assert [value(kept, name) for name in snapshot.DATABASES] == [2, 2, 2]
    assert (var / "secrets" / "django").read_text() == "quite secret"
    assert (var / "secrets" / "django").stat().st_mode & 0o077 == 0
    assert (var / "clock.json").read_text() == '{"offset_s": 5}'
    assert (var / "log" / "sip.log").read_text() == "kept\n"


def test_nothing_in_the_file_can_be_read_without_the_passphrase(var: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.cadran"
    backup.write(var, file, LOCK, at=AT)
    content = file.read_bytes()
    assert b"SQLite format" not in content
    assert b"quite secret" not in content
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(sealed.Unreadable, match="another passphrase"):
        restored(file, tmp_path / "fresh", OTHER)
    with pytest.raises(sealed.Unreadable, match="CADRAN_BACKUP_PASSPHRASE"):
        restored(file, tmp_path / "fresh2", BY_KEY)


@pytest.mark.parametrize("place", [0, 30, 200, -1, -20])
def test_one_altered_byte_anywhere_is_found(var: Path, tmp_path: Path, place: int) -> None:
    file = tmp_path / "one.cadran"
    backup.write(var, file, LOCK, at=AT)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(sealed.Unreadable):
        restored(file, tmp_path / "fresh")


@pytest.mark.parametrize("left_out", [1, 17, 5000])
def test_a_file_cut_off_is_found(var: Path, tmp_path: Path, left_out: int) -> None:
    file = tmp_path / "one.cadran"
    backup.write(var, file, LOCK, at=AT)
    file.write_bytes(file.read_bytes()[:-left_out])
    with pytest.raises(sealed.Unreadable):
        restored(file, tmp_path / "fresh")


def test_something_added_at_the_end_is_found(var: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.cadran"
    backup.write(var, file, LOCK, at=AT)
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(sealed.Unreadable, match="added"):
        restored(file, tmp_path / "fresh")


def test_a_backup_is_never_overwritten_and_leaves_nothing_behind_when_it_fails(var: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.cadran"
    backup.write(var, file, LOCK, at=AT)
    before = file.read_bytes()
    with pytest.raises(backup.CannotWrite, match="exists already"):
        backup.write(var, file, LOCK, at=AT)
    with pytest.raises(backup.CannotWrite, match="cannot write"):
        backup.write(var, tmp_path / "nowhere" / "one.cadran", LOCK, at=AT)
    assert file.read_bytes() == before
    assert not list(var.glob(".backup-*"))
    assert not list(tmp_path.glob("*.part"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(backup.NothingToSave):
        backup.write(tmp_path, tmp_path / "one.cadran", LOCK, at=AT)


def test_databases_written_meanwhile_are_saved_as_of_one_instant(var: Path, tmp_path: Path) -> None:
    """A writer always writes the same number to the three files, the house first: no copy may hold a later number than it."""
    stop = threading.Event()

    def write() -> None:
        number = 1
        while not stop.is_set():
            number += 1
            put(var, number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for round_ in range(5):
            folder = tmp_path / f"copy{round_}"
            folder.mkdir()
            snapshot.copy(var, folder)
            house, money, calls = (value(folder, name) for name in snapshot.DATABASES)
            assert house >= money >= calls >= house - 1
    finally:
        stop.set()
        writer.join()


def test_a_damaged_database_is_refused_at_restore(var: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(var / "charging.db")) as connection:
        connection.executemany("INSERT INTO n VALUES (?)", [(n,) for n in range(20000)])
        connection.commit()
        connection.execute("PRAGMA journal_mode=DELETE")
    with (var / "charging.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    target = tmp_path / "one.cadran"
    try:
        backup.write(var, target, LOCK, at=AT)
    except sqlite3.DatabaseError:
        return
    with pytest.raises(snapshot.DatabaseDamaged):
        restored(target, tmp_path / "fresh")


@pytest.mark.parametrize(
    "environ",
    [{}, {"CADRAN_BACKUP_PASSPHRASE": "elevenchars"}, {"CADRAN_BACKUP_KEY": "c2hvcnQ="}, {"CADRAN_BACKUP_KEY": "é"}],
)
def test_no_passphrase_or_a_weak_one_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(sealed.NoPassphrase):
        sealed.lock_from(environ)


def test_twelve_characters_are_enough() -> None:
    assert sealed.lock_from({"CADRAN_BACKUP_PASSPHRASE": "twelve chars"}).passphrase == b"twelve chars"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 700_000), max_size=6), st.integers(1, 900_000))
def test_a_sealed_stream_gives_back_what_was_written_whatever_the_pieces(pieces: list[int], step: int) -> None:
    data = [bytes([place % 251]) * size for place, size in enumerate(pieces)]
    file = io.BytesIO()
    writer = sealed.Writer(file, BY_KEY)
    for piece in data:
        writer.write(piece)
    writer.close()
    file.seek(0)
    reader, read = sealed.Reader(file, BY_KEY), bytearray()
    while piece := reader.read(step):
        read += piece
    assert bytes(read) == b"".join(data)


def test_an_upgrade_that_fails_leaves_the_databases_of_before(var: Path) -> None:
    def change() -> list[str]:
        put(var, 9)
        raise RuntimeError("a migration went wrong")

    with pytest.raises(upgrade.UpgradeFailed, match="a migration went wrong"):
        upgrade.upgrade(var, at=AT, change=change, check=lambda: None)
    assert [value(var, name) for name in snapshot.DATABASES] == [1, 1, 1]


def test_an_upgrade_whose_check_fails_is_undone_too(var: Path) -> None:
    def check() -> None:
        raise snapshot.DatabaseDamaged("the ledger does not sum to zero")

    with pytest.raises(upgrade.UpgradeFailed, match="sum to zero"):
        upgrade.upgrade(var, at=AT, change=lambda: [put(var, 9) or "x"], check=check)
    assert [value(var, name) for name in snapshot.DATABASES] == [1, 1, 1]


def test_an_upgrade_that_holds_keeps_the_copies_of_before(var: Path) -> None:
    applied, kept = upgrade.upgrade(var, at=AT, change=lambda: [put(var, 9) or "x"], check=lambda: None)
    assert applied == ["x"]
    assert [value(var, name) for name in snapshot.DATABASES] == [9, 9, 9]
    assert [value(kept, name) for name in snapshot.DATABASES] == [1, 1, 1]

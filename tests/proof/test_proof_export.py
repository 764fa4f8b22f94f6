"""Exports, and the stand-alone script that checks them with nothing of Cadran."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.conf import settings

from cadran.commands.evidence import command
from cadran.commands.main import cli
from cadran.policy.proof import export, keys, operations, queries, timestamps, witness
from proof.conftest import AT, House

pytestmark = pytest.mark.clause("KRY-2.4-evidence")


@pytest.fixture
def bundle(house: House, witnessed: witness.Witnessing) -> dict[str, Any]:
    """The export of one account: a call, its credit, an order; sealed in two seals, of which the second alone is witnessed."""
    house.live(calls=1)
    house.seal()
    house.tell("order-1", note="Réglé à 14 h — déjà « payé »")
    house.seal()
    assert witnessed.step()
    found = queries.entries(subject="acc1")
    return export.bundle(
        found, about={"customer": "acc1"}, at=datetime.now(UTC), certificates=settings.WITNESS_CERTIFICATES
    )


def checked(bundle: dict[str, Any], folder: Path, *more: str) -> tuple[int, list[str]]:
    """The script's exit code and what it found failing, run without site packages and with nothing in its path."""
    file = folder / "export.json"
    file.unlink(missing_ok=True)
    script = export.write(bundle, file)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), str(file), *more],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    return done.returncode, [line for line in done.stdout.splitlines() if not line.startswith("holds")]


def test_the_script_has_80_lines_at_most_and_imports_nothing_of_cadran() -> None:
    text = export.CHECK.read_text()
    assert len(text.splitlines()) <= 80
    imported = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert imported
    assert not any("cadran" in line or "crypto" in line for line in imported)


def test_an_export_holds_for_a_stranger_and_says_when_it_existed(
    bundle: dict[str, Any], tmp_path: Path, authority: tuple[str, Path]
) -> None:
    assert [entry["kind"] for entry in bundle["entries"]] == ["charging.credit-bought", "payment.noted", "charging.cdr"]
    assert [token["seal"] for token in bundle["tokens"]] == [2]
    public = keys.public_hex(keys.signers()[0])
    assert checked(bundle, tmp_path, public, str(authority[1])) == (0, [])
    assert (tmp_path / "export.json").stat().st_mode & 0o077 == 0
    code, failing = checked(bundle, tmp_path, "ab" * 32)
    assert (code, len(failing)) == (1, 2)


def raised(entry: dict[str, Any]) -> None:
    entry["body"] = entry["body"].replace("10000000", "90000000")


ATTACKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a body that says more": lambda found: raised(found["entries"][0]),
    "another date": lambda found: found["entries"][0].update(at="2026-03-02T09:00:01+00:00"),
    "another place": lambda found: found["entries"][0].update(position=9),
    "another kind": lambda found: found["entries"][0].update(kind="charging.other"),
    "another salt": lambda found: found["entries"][0].update(salt="00" * 32),
    "another commitment": lambda found: found["entries"][0].update(commitment="00" * 32),
    "a path too long": lambda found: found["entries"][0]["path"].append("00" * 32),
    "a path too short": lambda found: found["entries"][0]["path"].pop(),
    "another index": lambda found: found["entries"][0].update(index=1),
    "a seal dated back": lambda found: found["seals"][0].update(text=found["seals"][0]["text"].replace("2026", "2020")),
    "a signature altered": lambda found: found["seals"][1].update(signature="00" * 64),
    "the chain broken": lambda found: found["seals"].pop(1) and found["tokens"].clear(),
    "no time stamp": lambda found: found["tokens"].clear(),
    "a time stamp altered": lambda found: found["tokens"][0].update(token=flipped(found["tokens"][0]["token"])),
    "no certificate": lambda found: found.update(certificates=""),
    "nothing in it": lambda found: found.update(entries=[]),
}


def flipped(token: str) -> str:
    raw = bytearray(base64.b64decode(token))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_export_that_was_tampered_with_fails(bundle: dict[str, Any], tmp_path: Path, attack: str) -> None:
    found = json.loads(json.dumps(bundle))
    ATTACKS[attack](found)
    code, failing = checked(found, tmp_path)
    assert code == 1
    assert failing or attack == "nothing in it"


def test_a_token_of_another_authority_does_not_hold(
    bundle: dict[str, Any], tmp_path: Path, authority: tuple[str, Path]
) -> None:
    from cadran_sandbox.witness.authority import Authority

    stranger = Authority(tmp_path / "stranger", tmp_path / "stranger.pem")
    code, failing = checked(bundle, tmp_path, "", str(tmp_path / "stranger.pem"))
    assert code == 1
    assert any("stamped" in line for line in failing)
    digest = hashlib.sha256(b"x").digest()
    query, nonce = timestamps.request(digest)
    token = timestamps.token_of(stranger.reply(query, serial=1, at=AT)[0], digest=digest, nonce=nonce)
    with pytest.raises(timestamps.TokenRefused):
        timestamps.check(token, digest=digest, trusted=witness.trusted(authority[1]))


def test_openssl_and_cadran_come_to_the_same_verdict_on_a_token(
    bundle: dict[str, Any], tmp_path: Path, authority: tuple[str, Path]
) -> None:
    token = base64.b64decode(bundle["tokens"][0]["token"])
    text = bundle["seals"][1]["text"].encode()
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "seal").write_bytes(text)
    words = ["openssl", "ts", "-verify", "-in", "token", "-token_in", "-data", "seal", "-CAfile", str(authority[1])]
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    trusted = witness.trusted(authority[1])
    timestamps.check(token, digest=hashlib.sha256(text).digest(), trusted=trusted)
    (tmp_path / "seal").write_bytes(text + b" ")
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).returncode != 0
    version = token.index(b"\xa0\x03\x02\x01\x02") + 4  # of the certificate
    for spoilt in (version, *range(0, len(token), 7)):
        bad = bytearray(token)
        bad[spoilt] ^= 0x20
        try:
            stamp = timestamps.check(bytes(bad), digest=hashlib.sha256(text).digest(), trusted=trusted)
        except timestamps.TokenRefused:
            continue
        assert stamp.imprint == hashlib.sha256(text).digest()


def test_nothing_erased_or_unsealed_is_exported(house: House, witnessed: witness.Witnessing) -> None:
    house.tell("order-1")
    with pytest.raises(export.NotSealedYet):
        export.bundle(queries.entries(), about={}, at=AT, certificates=settings.WITNESS_CERTIFICATES)
    house.seal()
    operations.erase(subject="acc1", at=AT)
    assert queries.entries_of_key("order-1") == ()
    with pytest.raises(export.NothingToExport):
        export.bundle(queries.entries(kind="payment."), about={}, at=AT, certificates=settings.WITNESS_CERTIFICATES)


def test_the_command_verifies_exports_and_checks(house: House, witnessed: witness.Witnessing, tmp_path: Path) -> None:
    (cdr, *_) = house.live(calls=1)
    house.seal()
    witnessed.step()
    runner = CliRunner()
    out = tmp_path / "call.json"
    told = runner.invoke(cli, ["evidence", "export", "--call", cdr, "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert json.loads(out.read_text())["about"] == {"call": cdr}
    again = runner.invoke(cli, ["evidence", "export", "--call", cdr, "--out", str(out)])
    assert again.exit_code == 2, "an export is never written over"
    assert runner.invoke(cli, ["evidence", "check", str(out)]).exit_code == 0
    head = runner.invoke(cli, ["evidence", "head"]).output.strip()
    whole = runner.invoke(cli, ["evidence", "verify", "--json", "--head", head])
    assert (whole.exit_code, json.loads(whole.stdout)["ok"]) == (0, True)
    house.alter("charging", "UPDATE charging_cdr SET charge_micros = 1")
    broken = runner.invoke(cli, ["evidence", "verify"])
    assert broken.exit_code == 1
    assert f"record-altered call {cdr}: charge_micros was 2000, is 1" in broken.stdout
    assert runner.invoke(cli, ["evidence", "verify", "--head", "nonsense"]).exit_code == 2
    assert command.name == "evidence"

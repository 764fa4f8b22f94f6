"""`cadran evidence`: verify what is on record, export proofs of it, check such a file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from cadran.commands.main import django_ready
from cadran.units.errors import InvalidInput

_HEAD = re.compile(r"([0-9]{1,18})[: ]([0-9a-fA-F]{64})\b")


@click.group(name="evidence")
def command() -> None:
    """Verify what is on record, export proofs, check them."""


@command.command()
@click.option("--head", "given", multiple=True, metavar="NUMBER:HASH", help="A head copied out earlier (see `head`).")
@click.option(
    "--heads", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file of heads, one on each line."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(*, given: tuple[str, ...], heads: Path | None, as_json: bool) -> None:
    """Go through all evidence; exit 1 where something was altered, removed, reordered, cut off or rewritten.

    Cadran may run meanwhile. Without heads from outside, a history whose newest part was cut off whole, or rewritten since the
    last time stamp, cannot be told from a shorter one.
    """
    django_ready()
    from django.conf import settings

    from cadran.journeys.comparing import Tables
    from cadran.policy.proof import queries, verification, witness

    lines = list(given)
    for file in (heads, Path(settings.EVIDENCE_HEADS) if settings.EVIDENCE_HEADS else None):
        if file is not None and file.exists():
            lines += file.read_text(encoding="ascii", errors="replace").splitlines()
    run = verification.Verification(
        now=datetime.now(UTC),
        within_s=settings.WITNESS_WITHIN_S,
        trusted=witness.trusted(settings.WITNESS_CERTIFICATES),
        heads=dict(_heads(lines)),
        comparing=Tables(),
    )
    total = queries.status().entries
    with click.progressbar(length=total, label="evidence", file=sys.stderr, hidden=as_json) as bar:
        run.progress = bar.update
        report = run.run()
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        for fault in report.faults:
            click.echo(f"{fault.code} {fault.where}: {fault.what}")
        witnessed = f"{report.witnessed_at:%Y-%m-%dT%H:%M:%SZ}" if report.witnessed_at else "never"
        click.echo(
            f"{report.entries} entries ({report.readable} read, {report.erased} erased, {report.unsealed} not sealed yet), "
            f"{report.seals} seals ({report.unwitnessed} not witnessed yet, last on {witnessed})"
        )
        click.echo("the evidence is whole" if report.ok else f"{sum(report.counts.values())} faults")
    if not report.ok:
        raise click.exceptions.Exit(1)


@command.command()
@click.option("--call", help="The id of a call record.")
@click.option("--order", help="The id of an order.")
@click.option("--acceptance", help="The number of an acceptance: `acceptance:12`, or 12.")
@click.option("--customer", help="A user name, an e-mail address or an account: everything on record.")
@click.option("--key", help="Any other id under which something is on record, such as a mail's.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def export(
    *,
    call: str | None,
    order: str | None,
    acceptance: str | None,
    customer: str | None,
    key: str | None,
    out: Path,
) -> None:
    """Write one file with its proof, and `check.py` beside it, for whoever must be convinced."""
    django_ready()
    from cadran.journeys import proving
    from cadran.policy.proof import export as exports

    given = {"call": call, "order": order, "acceptance": acceptance, "customer": customer, "key": key}
    named = {name: value for name, value in given.items() if value}
    if len(named) != 1:
        raise click.UsageError("give one of --call, --order, --acceptance, --customer and --key")
    ((what, value),) = named.items()
    if what == "customer":
        account = _account(value)
        bundle = proving.export_account(account=account, at=datetime.now(UTC))
    else:
        value = f"acceptance:{value}" if what == "acceptance" and value.isdigit() else value
        bundle = proving.export_key(what=what, key=value, at=datetime.now(UTC))
    try:
        check = exports.write(bundle, out)
    except OSError as error:
        raise InvalidInput(f"cannot write {out}: {error.strerror}; give the name of a new file") from error
    click.echo(
        f"{out}: {len(bundle['entries'])} entries, {len(bundle['seals'])} seals. Check it with: python3 {check} {out}"
    )


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", default="", help="The operator's public key, in hex (see `key`).")
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The witness's certificates.")
def check(*, file: Path, key: str, ca: Path | None) -> None:
    """Check an export by the stand-alone script that lies beside each. Exit 0 when all of it holds."""
    from cadran.policy.proof import export as exports

    words = [str(file), key, *([str(ca)] if ca else [])]
    done = subprocess.run([sys.executable, "-I", "-S", str(exports.CHECK), *words], check=False)
    raise click.exceptions.Exit(done.returncode)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def head(*, as_json: bool) -> None:
    """Print number and hash of the newest seal: keep it outside, for `verify --head`."""
    django_ready()
    from cadran.policy.proof import queries

    state = queries.status()
    if as_json:
        click.echo(json.dumps({"seal": state.seals, "hash": state.head}))
    else:
        click.echo(f"{state.seals}:{state.head}" if state.seals else "nothing is sealed yet")


@command.command()
def key() -> None:
    """Print the public keys that sign seals, the newest first: publish them."""
    django_ready()
    from cadran.policy.proof import keys

    for signer in keys.signers():
        click.echo(keys.public_hex(signer))


@command.command()
def rewrap() -> None:
    """Wrap the data keys of the house again, after a new key was put in front of the secret `evidence`.

    Those of the money's file are wrapped again when charging starts.
    """
    django_ready()
    from cadran.policy.proof import operations

    click.echo(f"{operations.rewrap()} data keys wrapped again with the newest key")


def _heads(lines: list[str]) -> Iterator[tuple[int, str]]:
    for line in lines:
        if not line.strip():
            continue
        found = _HEAD.match(line.strip())
        if found is None:
            raise InvalidInput(f"a head is written NUMBER:HASH, as `cadran evidence head` prints it, not {line[:80]!r}")
        yield int(found[1]), found[2].lower()


def _account(text: str) -> str:
    from cadran.party import queries as party

    is_account = text[:1] in {"A", "a"} and text[1:].isdigit()
    return text.upper() if is_account else party.customer_named(text).account

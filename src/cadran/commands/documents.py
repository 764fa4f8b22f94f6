"""`cadran documents`: the identity documents that wait, the key that seals them, and files that belong to none."""

from __future__ import annotations

import json
import time

import click

from cadran.commands import main


@click.group()
def command() -> None:
    """Identity documents: waiting, rotate-key, sweep."""
    main.django_ready()


@command.command()
@click.option("--json", "as_json", is_flag=True)
def waiting(*, as_json: bool) -> None:
    """What waits for its review, oldest first. Nothing of the document itself is shown here."""
    from cadran.party.documents import queries

    found = [
        {
            "document": one.document_id,
            "account": one.account,
            "brand": one.brand,
            "kind": one.kind,
            "since": one.submitted_at.isoformat(),
        }
        for one in queries.awaiting_review()
    ]
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        click.echo("  ".join(one.values()))


@command.command("rotate-key")
def rotate_key() -> None:
    """Seal the documents' keys under a fresh master key and drop the old one. Stopped half-way, the next run goes on."""
    from cadran.party.documents import operations

    click.echo(f"{operations.rotate_key()} documents sealed under the newest key")


@command.command()
def sweep() -> None:
    """Remove files that no document names, once they are an hour old; `cadran jobs` does it each hour."""
    from cadran.party.documents import operations

    click.echo(f"{operations.sweep(now_s=time.time())} files removed")

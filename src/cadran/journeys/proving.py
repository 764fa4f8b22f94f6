"""The evidence as staff asks for it: all of it verified, or what is on record of one thing with its proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings

from cadran.journeys.comparing import Tables
from cadran.party import queries as party
from cadran.policy import queries as policy
from cadran.policy import records
from cadran.policy.proof import export, queries, verification, witness
from cadran.policy.proof.queries import Shown
from cadran.policy.proof.report import Report
from cadran.units.clause import carries
from cadran.units.errors import CadranError

MOST_AT_ONCE = 200_000


class TooMuchAtOnce(CadranError):
    """More entries than an answer can wait for: `cadran evidence verify` and `cadran evidence export` take as many as there are."""

    error_id = "journeys-evidence-too-much"


@carries("KRY-2.4-evidence")
def verify(*, now: datetime) -> Report:
    """Verify everything on record, as `cadran evidence verify` does. `now`: the wall clock's. Raises TooMuchAtOnce."""
    if queries.status().entries > MOST_AT_ONCE:
        raise TooMuchAtOnce(f"more than {MOST_AT_ONCE} entries: run `cadran evidence verify`")
    run = verification.Verification(
        now=now,
        within_s=settings.WITNESS_WITHIN_S,
        trusted=witness.trusted(settings.WITNESS_CERTIFICATES),
        heads={},
        comparing=Tables(),
    )
    return run.run()


@carries("KRY-2.4-evidence")
def export_account(*, account: str, at: datetime, most: int = export.MOST_ENTRIES) -> dict[str, Any]:
    """All that is on record of a customer's account, as one value with its proof. Raises TooMuchAtOnce, and what `export.bundle`
    raises."""
    found: list[Shown] = []
    for one in all_of(account):
        found.append(one)
        if len(found) > most:
            raise TooMuchAtOnce(f"more than {most} entries: run `cadran evidence export --customer {account}`")
    about = {"customer": account, "kept": kept(account)}
    return export.bundle(found, about=about, at=at, certificates=settings.WITNESS_CERTIFICATES)


@carries("KRY-2.4-evidence")
def export_key(*, what: str, key: str, at: datetime, account: str = "") -> dict[str, Any]:
    """What is on record under one id (a call's, an order's, `acceptance:12`), as one value with its proof; of `account` alone where
    one is named. Raises what `export.bundle` raises."""
    found = queries.entries_of_key(key, limit=export.MOST_ENTRIES)
    wanted = [one for one in found if not account or one.subject == account]
    return export.bundle(wanted, about={what: key}, at=at, certificates=settings.WITNESS_CERTIFICATES)


def kept(account: str) -> str:
    """What the terms that the customer accepted promise to keep; empty for a customer who is gone."""
    try:
        return ", ".join(records.kept_as_evidence(policy.terms(party.customer_of_account(account).terms)))
    except (party.UnknownCustomer, policy.UnknownTerms):
        return ""


def all_of(account: str) -> Iterator[Shown]:
    """Every entry on record of an account, newest first."""
    after = ""
    while page := queries.entries(subject=account, limit=queries.MAX_ROWS, after=after):
        yield from page
        after = page[-1].cursor

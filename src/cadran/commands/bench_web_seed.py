"""Fills a state folder that is thrown away for `cadran bench web`: customers, their credit and their call records, by the hundred
thousand and the million. `python -m cadran.commands.bench_web_seed CUSTOMERS RECORDS` prints what the load needs as JSON.

A few customers register through the operations, as anybody would; the rest are rows like theirs, written in bulk, and so are the
records: copies of real ones under other ids and instants. This file alone writes rooms' tables from outside, and only into an empty
folder.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cadran.commands import migrate
from cadran.units.errors import CadranError

if TYPE_CHECKING:
    from django.db.models import Model

Row = TypeVar("Row", bound="Model")
SIGNED_IN = 50
DAYS = 365
BATCH = 5_000
EUR = 1_000_000
INSERT = (
    "INSERT INTO charging_cdr (position, account, cdr_id, session, call_id, brand, terms, direction, number_class, destination,"
    " authorised_at, answered_at, ended_at, disposition, ended_by, charged_s, charge_micros, currency, clause, loss_s, loss_micros,"
    " corrects, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class FolderInUse(CadranError):
    """The state folder has customers already."""

    error_id = "bench-folder-in-use"


def fill(customers: int, records: int) -> dict[str, object]:
    """Everything, in an empty state folder: `customers` of them, the first SIGNED_IN with a session cookie, and `records` call records
    spread over a year and all accounts. Raises FolderInUse."""
    migrate.migrate_all()
    from django.conf import settings

    from cadran.catalog import operations as catalog
    from cadran.party import models as party

    if party.User.objects.exists():
        raise FolderInUse("this state folder has customers: the benchmark fills an empty one of its own")
    at = settings.CIVIL_CLOCK.now()
    catalog.load_reference(at=at)
    began = at - timedelta(days=DAYS)
    signed_in = _register(SIGNED_IN, began)
    _copy_customers(customers - SIGNED_IN, began)
    accounts = list(party.BillingAccount.objects.order_by("pk").values_list("number", flat=True))
    templates = _credit_and_calls(accounts, at)
    _copy_records(settings.VAR / "charging.db", templates, accounts, records, at)
    return {
        "sessions": [_session(pk) for pk in signed_in],
        "staff": _staff_session(at),
        "keys": [_key(account, at) for account in accounts[:SIGNED_IN]],
        "accounts": accounts[:SIGNED_IN],
    }


def _register(count: int, at: datetime) -> list[int]:
    """Customers who registered and validated their address; the primary keys of their users."""
    from cadran.party import operations, rules
    from cadran.policy import queries as policy

    terms = policy.terms("ippi/2018-04")
    found = []
    for number in range(count):
        ticks = tuple(
            rules.Accepted(
                document=one, ref=terms.ref, text_sha256=policy.terms_text(terms.ref, "fr")[1], language="fr"
            )
            for one in rules.Document
        )
        given = operations.Registration(
            brand="ippi",
            currency="EUR",
            email=f"bench{number}@example.org",
            user_name=f"bench{number}",
            password="vent-du-large-29",  # noqa: S106 - of a folder that is thrown away
            sip_password="k7mq-x3dw-p9ra-t4hv",  # noqa: S106
            name="Client",
            first_names="Essai",
            adult=True,
            accepted=ticks,
        )
        customer = operations.register_customer(registration=given, at=at)
        operations.validate_email(user_id=customer.user_id, email=given.email, at=at)
        found.append(customer.user_id)
    return found


def _copy_customers(count: int, at: datetime) -> None:
    from cadran.party import models

    model = models.Customer.objects.select_related("user").order_by("pk")[0]
    account = model.accounts.order_by("pk")[0]
    first = models.User.objects.order_by("-pk")[0].pk + 1
    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        models.User.objects.bulk_create(
            models.User(pk=n, username=f"c{n}", email=f"c{n}@example.org", password="!", created_at=at)  # noqa: S106
            for n in numbers
        )
        models.Customer.objects.bulk_create(_like(model, pk=n, user_id=n, name=f"Copie {n}") for n in numbers)
        models.BillingAccount.objects.bulk_create(
            _like(account, pk=n, customer_id=n, number=f"A{n:06d}") for n in numbers
        )
        models.CustomerWord.objects.bulk_create(
            models.CustomerWord(customer_id=n, word=word) for n in numbers for word in ("copie", str(n))
        )


def _like(model: Row, **changes: object) -> Row:
    """A row of the same model with other values for some fields, not saved."""
    kind = type(model)
    values = {field.attname: getattr(model, field.attname) for field in kind._meta.concrete_fields}
    return kind(**values | changes)


def _credit_and_calls(accounts: list[str], at: datetime) -> list[tuple[object, ...]]:
    """A wallet with credit for every account, and three records of the first one: charged, free, refused."""
    from django.conf import settings

    from cadran.charging import needs
    from cadran.charging.engine import Engine
    from cadran.charging.ports import AuthoriseCall, BuyCredit, SettleCall
    from cadran.policy import queries as policy
    from cadran.rating import decks

    terms = "ippi/2018-04"
    engine = Engine(
        settings.VAR / "charging.db",
        contracts=needs.FixedContracts({terms: policy.terms(terms)}),
        prices=needs.FixedPrices(decks.load("ippi")),
        synchronous="OFF",
    )

    def work(account: str) -> None:
        engine.do_open_wallet(account=account, brand="ippi", currency="EUR", at=at)
        engine.do_buy_credit(
            BuyCredit(key=f"pay-{account}", account=account, terms=terms, amount_micros=25 * EUR, currency="EUR", at=at)
        )

    try:
        for start in range(0, len(accounts), 500):
            engine.run([lambda account=one: work(account) for one in accounts[start : start + 500]])  # type: ignore[misc]
        for session, kind, number in (
            ("charged", "geographic", "33142000001"),
            ("free", "on_net", "33972100002"),
            ("refused", "emergency", "112"),
        ):
            granted = engine.authorise(
                AuthoriseCall(
                    session=session, account=accounts[0], terms=terms, number_class=kind, destination=number, at=at
                )
            )
            if granted.decision.allowed:
                engine.settle(
                    SettleCall(session=session, at=at, answered_at=at - timedelta(seconds=9), measured_ms=8_500)
                )
    finally:
        engine.close()
    with sqlite3.connect(settings.VAR / "charging.db") as file:
        return file.execute("SELECT * FROM charging_cdr ORDER BY position").fetchall()


def _copy_records(
    path: Path, templates: list[tuple[object, ...]], accounts: list[str], count: int, at: datetime
) -> None:
    """Bulk copies in order of time. Triggers and indexes are put back afterwards, as the migrations made them."""
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("PRAGMA synchronous=OFF")
    file.execute("PRAGMA cache_size=-200000")
    kept = file.execute(
        "SELECT name, type, sql FROM sqlite_master"
        " WHERE tbl_name = 'charging_cdr' AND type IN ('index', 'trigger') AND sql IS NOT NULL"
    ).fetchall()
    for name, kind, _sql in kept:
        file.execute(f'DROP {kind} "{name}"')
    rows = _records(templates, accounts, count, at)
    while batch := list(islice(rows, 20_000)):
        file.execute("BEGIN")
        file.executemany(INSERT, batch)
        file.execute("COMMIT")
    for _name, _kind, sql in kept:
        file.execute(sql)
    file.execute("ANALYZE")
    file.close()


def _records(
    templates: list[tuple[object, ...]], accounts: list[str], count: int, at: datetime
) -> Iterator[tuple[object, ...]]:
    names = ("position", "account", "cdr_id", "session", "call_id")
    step = timedelta(days=DAYS) / count
    for number in range(count):
        row = list(templates[number % len(templates)])
        account, cdr_id, session = row[1], row[2], row[3]
        fresh = (accounts[number * 7919 % len(accounts)], f"cdr_bench{number:09d}", f"s{number:09d}")
        then = at - timedelta(days=DAYS) + step * number
        text = str(row[-1])
        for old, new in zip((account, cdr_id, session), fresh, strict=True):
            text = text.replace(f'"{old}"', f'"{new}"')
        stamp = then.replace(tzinfo=None).isoformat(" ")
        for place in (10, 11, 12):  # authorised_at, answered_at, ended_at
            if row[place] is not None:
                text = text.replace(f'"{str(row[place]).replace(" ", "T")}Z"', f'"{stamp.replace(" ", "T")}Z"')
                row[place] = stamp
        row[: len(names)] = [number + 1_000, *fresh, row[4]]
        row[-1] = text
        yield tuple(row)


def _key(account: str, at: datetime) -> str:
    """A key of the account that reads."""
    from cadran.party.keys import operations
    from cadran.party.keys.rules import Scope

    scopes = (Scope.READ_ACCOUNT, Scope.READ_CALLS, Scope.READ_LEDGER)
    return operations.make_customer_key(account=account, label="bench", scopes=scopes, made_by="bench", at=at).text


def _staff_session(at: datetime) -> str:
    """The key of a session in which a member of staff showed both factors."""
    from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
    from allauth.account.internal.flows.login import _AUTHENTICATION_METHODS_USER_SESSION_KEY as OF_WHOM
    from allauth.mfa.totp.internal.auth import generate_totp_secret

    from cadran.party import staff_operations
    from cadran.party.models import User
    from cadran.party.staff import Role

    staff_operations.make_staff(
        user_name="bench-admin",
        email="bench-admin@example.org",
        password="vent-du-large-29",  # noqa: S106
        role=Role.ADMIN,
        at=at,
        totp_secret=generate_totp_secret(),
    )
    shown = [{"method": method, "at": time.time()} for method in ("password", "mfa")]
    user = User.objects.get(username="bench-admin")
    return _session(user.pk, **{AUTHENTICATION_METHODS_SESSION_KEY: shown, OF_WHOM: str(user.pk)})


def _session(user_id: int, **more: object) -> str:
    """The key of a session in which that user is signed in."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from cadran.party.models import User

    user = User.objects.get(pk=user_id)
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.update(more)
    store.create()
    return str(store.session_key)


if __name__ == "__main__":
    print(json.dumps(fill(int(sys.argv[1]), int(sys.argv[2]))))

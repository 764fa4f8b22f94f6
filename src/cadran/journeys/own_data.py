"""All that is kept of a customer, from every room, as one archive: JSON, CSV for tables, and a page to read it by.

Each part is read when it is written, in pieces, so that an account with a million calls takes no more memory than one with ten.
"""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from allauth.mfa.models import Authenticator
from django.utils.translation import gettext as _

from cadran.balance import queries as balance
from cadran.charging import queries as charging
from cadran.compliance import queries as compliance
from cadran.invoicing import queries as invoicing
from cadran.journeys.callback_orders import queries as callback_orders
from cadran.messaging import queries as messaging
from cadran.numbering import queries as numbering
from cadran.numbering.proofs import queries as proofs
from cadran.party import connections, sign_ins, staff_queries
from cadran.party import queries as party
from cadran.party.calling import queries as calling
from cadran.party.documents import queries as documents
from cadran.party.keys import queries as keys
from cadran.payment import queries as payment
from cadran.payment.vouchers import queries as vouchers
from cadran.units.clause import carries
from cadran.units.errors import CadranError

MOST_ROWS = 100_000
PAGE = 500
SPOOLED = 1 << 20
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
SECRET = frozenset({"session_key", "because", "checkout_url", "by", "ha1", "reviewed_by", "note", "staff"})

Rows = Iterator[dict[str, object]]


class _Pipe(io.RawIOBase):
    """What the archive writes, handed out piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self.pieces.append(piece)
        self.length += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self.length

    def taken(self) -> bytes:
        piece, self.pieces = b"".join(self.pieces), []
        return piece


@carries("KRY-2.5-privacy")
def archive(*, customer: party.Customer, at: datetime) -> Iterator[bytes]:
    """The ZIP of all that is kept of that customer, in pieces: `<part>.json` and `<part>.csv` of each part, and index.html."""
    pipe, counts = _Pipe(), list[tuple[str, str, int]]()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, (title, rows) in _parts(customer, at).items():
            count = 0
            binary = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115 - closed below
            table = io.TextIOWrapper(binary, "utf-8-sig", newline="")
            writer: csv.DictWriter[str] | None = None
            with packed.open(_entry(f"{name}.json", at), "w") as file:
                file.write(b"[")
                for row in rows():
                    file.write((b",\n" if count else b"\n") + json.dumps(row, ensure_ascii=False).encode())
                    if writer is None:
                        writer = csv.DictWriter(table, fieldnames=list(row), extrasaction="ignore")
                        writer.writeheader()
                    writer.writerow({key: neutral(_flat(value)) for key, value in row.items()})
                    count += 1
                    if piece := pipe.taken():
                        yield piece
                file.write(b"\n]\n")
            table.flush()
            binary.seek(0)
            with packed.open(_entry(f"{name}.csv", at), "w") as file:
                while block := binary.read(SPOOLED // 16):
                    file.write(block)
                    yield pipe.taken()
            table.close()
            counts.append((name, title, count))
            yield pipe.taken()
        packed.writestr(_entry("index.html", at), _index(customer, counts, at))
    yield pipe.taken()


def neutral(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe in front of what could begin one."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _notes(customer_id: int) -> Rows:
    """What staff noted, without the names of those who did."""
    for one in staff_queries.staff_notes(customer_id=customer_id, limit=MOST_ROWS):
        yield {"at": _value(one.at), "text": one.text}


def _views(account: str) -> Rows:
    """When staff saw or changed something, in which role and why, without the names of those who did."""
    for one in staff_queries.staff_acts(account=account, limit=MOST_ROWS):
        yield {"at": _value(one.at), "role": one.role, "kind": one.kind, "page": one.page, "reason": one.reason}


def _parts(customer: party.Customer, at: datetime) -> dict[str, tuple[str, Callable[[], Rows]]]:
    """Each room's part: its title and its rows, read when they are written."""
    account, user_id = customer.account, customer.user_id
    return {
        "customer": (_("Votre compte"), lambda: _rows([customer])),
        "acceptances": (_("Ce que vous avez accepté"), lambda: _rows(party.acceptances(customer_id=customer.id))),
        "sip-users": (_("Vos lignes SIP"), lambda: _rows(party.sip_identities(account=account))),
        "numbers": (_("Vos numéros"), lambda: _rows(numbering.numbers_of(account))),
        "number-proofs": (
            _("Les codes demandés pour vos numéros"),
            lambda: _rows(proofs.proofs_of(account, at=at, limit=MOST_ROWS)),
        ),
        "contacts": (_("Vos contacts"), lambda: _contacts(account)),
        "calling": (_("Vos choix pour les numéros d’accès"), lambda: _calling(account, at)),
        "credit": (_("Votre crédit"), lambda: _rows([balance.balance(account, at)])),
        "calls": (_("Vos appels"), lambda: _rows(_calls(account, at))),
        "callbacks": (_("Vos rappels"), lambda: _rows(callback_orders.orders(account, limit=MOST_ROWS))),
        "orders": (_("Vos achats"), lambda: _rows(payment.orders(account, limit=MOST_ROWS))),
        "vouchers": (
            _("Vos tickets"),
            lambda: _rows(vouchers.redemptions(account=account, limit=MOST_ROWS)),
        ),
        "voucher-codes-refused": (
            _("Les codes de ticket que vous avez donnés en vain"),
            lambda: _rows(vouchers.tries(account=account, limit=MOST_ROWS)),
        ),
        "cases": (_("Vos dossiers"), lambda: _cases(account)),
        "sign-ins": (_("Où vous êtes connecté"), lambda: _rows(sign_ins.of_user(user_id))),
        "second-factors": (_("Votre double authentification"), lambda: _factors(user_id)),
        "connection-checks": (_("Vos tests de connexion"), lambda: _rows(connections.checks(user_id=user_id))),
        "staff-notes": (_("Les notes de l’opérateur sur vous"), lambda: _notes(customer.id)),
        "staff-views": (_("Qui a consulté ou changé vos données"), lambda: _views(account)),
        "identity-documents": (
            _("Vos pièces d’identité"),
            lambda: _rows(documents.documents_of(customer_id=customer.id)),
        ),
        "api-keys": (_("Vos clés d’API"), lambda: _rows(keys.keys_of(account, limit=MOST_ROWS))),
        "mails": (_("Les courriels envoyés"), lambda: _mails(account)),
        "receipts": (_("Vos reçus"), lambda: _rows(invoicing.receipts(account=account, limit=MOST_ROWS))),
    }


def _contacts(account: str) -> Rows:
    """With their notes, which are the customer's own."""
    for one in calling.contacts(account, limit=MOST_ROWS):
        yield {**_plain(one), "note": one.note}


def _calling(account: str, at: datetime) -> Rows:
    """The PIN's state, never the PIN; the choice of the minute; calls that are prepared."""
    pin = calling.pin(account)
    yield {
        "pin": pin.state,
        "pin_changed_at": _value(pin.changed_at),
        "by_minute": calling.by_minute(account),
        "by_minute_chosen_at": _value(calling.minute_chosen_at(account)),
        "prepared_calls": [_plain(one) for one in calling.prepared_calls(account, at=at)],
    }


def _mails(account: str) -> Rows:
    """Each mail with its words, where they are still kept and open nothing."""
    for one in messaging.mails(account=account, limit=MOST_ROWS):
        try:
            text = messaging.content(one.mail_id, account=account).text
        except CadranError:
            text = ""
        yield {**_plain(one), "text": text}


def _calls(account: str, at: datetime) -> Iterator[object]:
    """The newest first, page by page; calls that ended in one and the same microsecond stay together."""
    until, seen = at + timedelta(days=1), set[str]()
    while True:
        page = [one for one in charging.cdrs(account=account, limit=PAGE, until=until) if one.cdr_id not in seen]
        if not page:
            return
        yield from page
        seen = {one.cdr_id for one in page if one.ended_at == page[-1].ended_at}
        until = page[-1].ended_at + timedelta(microseconds=1)


def _cases(account: str) -> Rows:
    for one in compliance.cases(account=account, limit=MOST_ROWS):
        said = [dict(_plain(entry)) for entry in compliance.entries(one.number)]
        yield {**_plain(one), "entries": said}


def _factors(user_id: int) -> Rows:
    for one in Authenticator.objects.filter(user_id=user_id).order_by("id"):
        yield {"kind": one.type, "created_at": _value(one.created_at), "last_used_at": _value(one.last_used_at)}


def _rows(values: Iterable[object]) -> Rows:
    return (_plain(value) for value in values)


def _plain(value: Any) -> dict[str, object]:
    """A frozen value as plain JSON, without what is secret or another person's."""
    return {name: _value(getattr(value, name)) for name in _fields(value) if name not in SECRET}


def _fields(value: Any) -> Iterable[str]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    return (field.name for field in dataclasses.fields(value))


def _value(value: object) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value if not isinstance(value, str) else str(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, msgspec.Struct) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return _plain(value)
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): _value(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_value(one) for one in value]
    return str(value)


def _flat(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _entry(name: str, at: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, at.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _index(customer: party.Customer, counts: list[tuple[str, str, int]], at: datetime) -> str:
    rows = "".join(
        f'<tr><td>{html.escape(title)}</td><td>{count}</td><td><a href="{name}.csv">CSV</a></td>'
        f'<td><a href="{name}.json">JSON</a></td></tr>'
        for name, title, count in counts
    )
    heads = "".join(f"<th>{html.escape(one)}</th>" for one in (_("Partie"), _("Lignes"), _("Tableur"), _("Machine")))
    title = html.escape(_("Vos données"))
    about = html.escape(f"{customer.display_name}, {customer.account}, {at:%Y-%m-%d %H:%M} UTC")
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}"
        "td,th{text-align:left;padding:.4rem 1rem .4rem 0;border-bottom:1px solid #ddd}"
    )
    return (
        f'<!doctype html><html lang="{customer.language}"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
        f"<h1>{title}</h1><p>{about}</p><table><tr>{heads}</tr>{rows}</table></html>"
    )

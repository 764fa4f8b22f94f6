"""Contacts as customers type them, and books of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.journeys import dialling
from cadran.party import queries as party
from cadran.party.calling import address_books, contacts, queries, rules
from cadran.units.clause import carries
from cadran.units.e164 import InvalidNumber

MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a book. unread: lines whose number or name could not be read, with what stood there; at most MOST_TOLD of them,
    `unread_count` says how many in all."""

    added: int
    there: int
    unread: tuple[tuple[int, str], ...]
    unread_count: int


def wished(
    *, customer: party.Customer, name: str, number: str, note: str = "", key: int | None = None
) -> contacts.Wished:
    """A contact as typed by that customer. Raises numbering's UnreadableNumber."""
    return contacts.Wished(name=name, number=dialling.number(number, customer.country), note=note, key=key)


@carries("KRY-1.1-beneficiary")
def take_in(*, customer: party.Customer, data: bytes, at: datetime) -> Taken:
    """Keep the contacts of a vCard or CSV file. What cannot be read is told and left out; numbers that are kept already stay as they
    are. Raises address_books.UnreadableBook, rules.TooManyContacts."""
    found, unread = list[contacts.Wished](), list[tuple[int, str]]()
    for entry in address_books.read(data):
        try:
            one = wished(
                customer=customer,
                name=rules.checked_name(entry.name),
                number=entry.number,
                note=rules.checked_note(entry.note),
                key=address_books.checked_speed_key(entry.key),
            )
        except (InvalidNumber, rules.InvalidContact):
            unread.append((entry.line, f"{entry.name} {entry.number}".strip()[:60]))
        else:
            found.append(one)
    done = contacts.take_in(account=customer.account, wished=found, at=at)
    return Taken(added=done.added, there=done.there, unread=tuple(unread[:MOST_TOLD]), unread_count=len(unread))


def book(account: str) -> str:
    """All contacts of an account as vCard."""
    kept = queries.contacts(account, limit=rules.MOST_CONTACTS)
    return address_books.written(tuple((one.name, one.digits, one.note, one.key) for one in kept))

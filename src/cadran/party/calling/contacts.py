"""Contacts and their speed-dial keys: writes, one transaction each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cadran.party.calling import models, queries, rules
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.e164 import E164
from cadran.units.errors import CadranError
from cadran.units.period import utc


class ContactUnknown(CadranError):
    """This account has no such contact."""

    error_id = "calling-contact-unknown"


class ContactThere(CadranError):
    """The account keeps that number already: details `contact_id` and `name` say under which contact."""

    error_id = "calling-contact-there"


class KeyTaken(CadranError):
    """Another contact has that speed-dial key: details `contact_id` and `name` say which."""

    error_id = "calling-key-taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """A contact as its account wishes it."""

    name: str
    number: E164
    note: str = ""
    key: int | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a book: how many contacts are new, how many there were already."""

    added: int
    there: int


@carries("KRY-1.1-beneficiary")
@transaction.atomic
def add(*, account: str, wished: Wished, at: datetime) -> queries.Contact:
    """Keep a contact. Raises rules.InvalidContact, rules.InvalidKey, rules.TooManyContacts, ContactThere, KeyTaken."""
    if models.Contact.objects.filter(account=account).count() >= rules.MOST_CONTACTS:
        raise rules.TooManyContacts(f"{rules.MOST_CONTACTS} contacts are kept: remove one first")
    row = models.Contact(contact_id=ids.new_id("con"), account=account, created_at=utc(at))
    return _keep(row, wished, at)


@transaction.atomic
def change(*, account: str, contact_id: str, wished: Wished, at: datetime) -> queries.Contact:
    """Make a contact what is wished. Raises ContactUnknown and what `add` raises."""
    return _keep(_row(account, contact_id), wished, at)


@transaction.atomic
def remove(*, account: str, contact_id: str) -> None:
    """Keep a contact no longer, nor its key. Raises ContactUnknown."""
    _row(account, contact_id).delete()


@transaction.atomic
def put_on_key(*, account: str, key: int, contact_id: str, at: datetime) -> queries.Contact:
    """Put a contact on a speed-dial key, in place of who was there. Raises ContactUnknown, rules.InvalidKey."""
    row = _row(account, contact_id)
    rules.checked_key(key)
    models.Contact.objects.filter(account=account, key=key).exclude(pk=row.pk).update(key=None, changed_at=utc(at))
    row.key, row.changed_at = key, utc(at)
    row.save(update_fields=["key", "changed_at"])
    return queries._contact(row)


@transaction.atomic
def clear_key(*, account: str, key: int, at: datetime) -> None:
    """Nobody stands behind that key any more. Again changes nothing."""
    models.Contact.objects.filter(account=account, key=rules.checked_key(key)).update(key=None, changed_at=utc(at))


@transaction.atomic
def take_in(*, account: str, wished: Sequence[Wished], at: datetime) -> Imported:
    """Keep all contacts of a book whose number is not kept yet; keys that somebody has stay with who has them. All or nothing.

    Raises rules.InvalidContact, rules.InvalidKey, rules.TooManyContacts.
    """
    rows = models.Contact.objects.filter(account=account)
    known = set(rows.values_list("digits", flat=True))
    keys = set(rows.exclude(key=None).values_list("key", flat=True))
    count, fresh = len(known), list[models.Contact]()
    for one in wished:
        if one.number.digits in known:
            continue
        known.add(one.number.digits)
        key = rules.checked_key(one.key)
        if key in keys:
            key = None
        keys.add(key)
        fresh.append(
            models.Contact(
                contact_id=ids.new_id("con"),
                account=account,
                name=rules.checked_name(one.name),
                digits=one.number.digits,
                note=rules.checked_note(one.note),
                key=key,
                created_at=utc(at),
                changed_at=utc(at),
            )
        )
    if count + len(fresh) > rules.MOST_CONTACTS:
        raise rules.TooManyContacts(
            f"{rules.MOST_CONTACTS} contacts are kept at most, {count} are there and {len(fresh)} would come: take a part of them"
        )
    models.Contact.objects.bulk_create(fresh)
    return Imported(added=len(fresh), there=len(wished) - len(fresh))


def _keep(row: models.Contact, wished: Wished, at: datetime) -> queries.Contact:
    others = models.Contact.objects.filter(account=row.account).exclude(pk=row.pk)
    if (there := others.filter(digits=wished.number.digits).first()) is not None:
        raise ContactThere(
            f"{wished.number} is kept already, as {there.name}", contact_id=there.contact_id, name=there.name
        )
    key = rules.checked_key(wished.key)
    if key is not None and (taken := others.filter(key=key).first()) is not None:
        raise KeyTaken(f"key {key} calls {taken.name}: choose another", contact_id=taken.contact_id, name=taken.name)
    row.name, row.note = rules.checked_name(wished.name), rules.checked_note(wished.note)
    row.digits, row.key, row.changed_at = wished.number.digits, key, utc(at)
    row.save()
    return queries._contact(row)


def _row(account: str, contact_id: str) -> models.Contact:
    row = models.Contact.objects.filter(account=account, contact_id=contact_id[:40]).first()
    if row is None:
        raise ContactUnknown("there is no such contact: look at the list of contacts")
    return row

"""Codes told on numbers, books of contacts, calls prepared, mails that follow, and the end of an account."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadran.catalog import queries as catalog
from cadran.journeys import call_through, calling_mails, calling_numbers, carry, closing, contacts, own_data
from cadran.messaging import queries as messaging
from cadran.numbering import operations as numbering_operations
from cadran.numbering import queries as numbering
from cadran.numbering.access import operations as access
from cadran.numbering.proofs import models, operations, ports, rules
from cadran.numbering.rules import UnreadableNumber
from cadran.party import queries as party
from cadran.party.calling import address_books, queries
from cadran.party.calling import contacts as party_contacts
from cadran.party.calling import operations as calling
from cadran.party.calling import rules as calling_rules
from cadran.policy import events

pytestmark = pytest.mark.django_db(databases="__all__")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MOBILE = "33612345678"


@dataclass
class Told:
    """A teller that remembers what it told, or tells nothing."""

    means: str = "voice"
    down: bool = False
    told: list[dict[str, str]] = field(default_factory=list)

    def tell(self, **said: str) -> None:
        if self.down:
            raise ports.CodeUntold("nothing rings")
        self.told.append(said)


@pytest.fixture
def claire(buyer: str, monkeypatch: pytest.MonkeyPatch) -> party.Customer:
    """The customer of A000001 of ippi, which has access numbers for Mobility, and numbers that all cost 2 cents a minute."""
    access.load_reference(at=NOON)

    class Price:
        class rate:
            price_nanos, connection_micros = 20_000_000, 0

    monkeypatch.setattr(catalog, "price_of", lambda brand, digits, at: None if digits.startswith("262") else Price)
    return party.customer_of_account(buyer)


def ask(customer: party.Customer, teller: Told, text: str = "06 12 34 56 78") -> calling_numbers.Asked:
    return calling_numbers.ask(customer=customer, text=text, origin="192.0.2.7", language="fr", teller=teller, at=NOON)


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_code_is_told_on_the_number_typed_showing_the_access_number_of_its_country(claire: party.Customer):
    teller = Told()
    asked = ask(claire, teller)
    (said,) = teller.told
    assert said == {
        "key": asked.proof_id,
        "brand": "ippi",
        "digits": MOBILE,
        "code": asked.code,
        "language": "fr",
        "shown": "33199000200",
    }
    operations.give_code(proof_id=asked.proof_id, account=claire.account, code=said["code"], at=NOON)
    assert numbering.verified_holder(MOBILE, "ippi") == claire.account


def test_a_code_that_cannot_be_told_is_over_and_counts(claire: party.Customer):
    with pytest.raises(ports.CodeUntold):
        ask(claire, Told(down=True))
    assert models.NumberProof.objects.get().expires_at == NOON
    with pytest.raises(rules.TooManyProofs):
        ask(claire, Told())


def test_no_code_is_told_where_no_price_is_published_or_the_minute_is_dear(claire: party.Customer, monkeypatch):  # type: ignore[no-untyped-def]
    with pytest.raises(calling_numbers.NumberNotRung):
        ask(claire, Told(), "+262262000000")
    monkeypatch.setattr(calling_numbers, "DEAREST_NANOS", 19_999_999)
    with pytest.raises(calling_numbers.NumberNotRung):
        ask(claire, Told())
    monkeypatch.setattr(calling_numbers, "DEAREST_NANOS", 20_000_000)
    teller = Told()
    ask(claire, teller)
    assert len(teller.told) == 1
    for text in ("", "bonjour", "112", "sip:a@b.example"):
        with pytest.raises((UnreadableNumber, numbering_operations.UnableToVerifyNumber)):
            ask(claire, Told(), text)
    assert models.NumberProof.objects.count() == 1


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_a_call_is_prepared_from_a_calling_number_of_ones_own_alone(claire: party.Customer):
    with pytest.raises(call_through.NotACallingNumber):
        call_through.prepare(customer=claire, calling="", destination="+221338000000", at=NOON)
    numbering_operations.record_verified_number(e164=MOBILE, account=claire.account, at=NOON, brand="ippi")
    with pytest.raises(call_through.NotACallingNumber):
        call_through.prepare(customer=claire, calling="06 12 34 56 79", destination="+221338000000", at=NOON)
    prepared = call_through.prepare(customer=claire, calling="", destination="00 221 33 800 00 00", at=NOON)
    assert (prepared.calling, prepared.destination) == (MOBILE, "221338000000")
    taken = calling.take_prepared_call(digits=MOBILE, brand="ippi", at=NOON + timedelta(seconds=119))
    assert taken == prepared


VCARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Diop;Awa;;;\r\nFN:Awa Diop\r\nitem1.TEL;TYPE=CELL:+221 77 800 00 00\r\n"
    "TEL;TYPE=HOME:+221 33 800 00 00\r\nNOTE:le soir\\, apr\r\n ès 20 h\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:D=C3=A9sir="
    "\n=C3=A9;Zo=C3=A9\nTEL;WORK:01 42 00 00 01\nEND:VCARD\n"
    'BEGIN:VCARD\nVERSION:4.0\nFN:Bob\nTEL;VALUE=uri;TYPE="voice,cell":tel:+44-20-7946-0001;ext=12\nX-SPEED-DIAL:3\nEND:VCARD\n'
    "BEGIN:VCARD\nVERSION:4.0\nFN:Sans numéro\nEND:VCARD\nBEGIN:VCARD\nFN:Faux\nTEL:12\nEND:VCARD\n"
)


@pytest.mark.clause("KRY-1.1-beneficiary")
def test_vcards_of_each_version_become_contacts_and_what_cannot_be_read_is_told(claire: party.Customer):
    taken = contacts.take_in(customer=claire, data=VCARD.encode(), at=NOON)
    assert (taken.added, taken.there, taken.unread_count) == (4, 0, 1)
    assert taken.unread == ((26, "Faux 12"),)
    kept = {one.name: (one.digits, one.note, one.key) for one in queries.contacts(claire.account)}
    assert kept == {
        "Awa Diop (mobile)": ("221778000000", "le soir, après 20 h", None),
        "Awa Diop (home)": ("221338000000", "le soir, après 20 h", None),
        "Zoé Désiré": ("33142000001", "", None),
        "Bob": ("442079460001", "", 3),
    }
    again = contacts.take_in(customer=claire, data=VCARD.encode(), at=NOON)
    assert (again.added, again.there) == (0, 4)


@pytest.mark.parametrize(
    "table",
    [
        "Nom;Prénom;Téléphone;Note;Touche\nDiop;Awa;+221 77 800 00 00;le soir;7\n;;;;\n",
        "First Name,Last Name,Phone 1 - Value,Notes,Speed dial\nAwa,Diop,+221778000000 ::: +221338000000,le soir,7\n",
        "\ufeffname\tnumber\tnote\tkey\nAwa Diop\t'+221 77 800 00 00\tle soir\t07\n",
    ],
)
def test_tables_of_several_programs_become_contacts(claire: party.Customer, table: str):
    contacts.take_in(customer=claire, data=table.encode("utf-8"), at=NOON)
    first = next(one for one in queries.contacts(claire.account) if one.digits == "221778000000")
    assert (first.name, first.note, first.key) == ("Awa Diop", "le soir", 7)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "columns"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "columns"),
        (b"nom;adresse\nAwa;Dakar\n", "columns"),
        (b"nom;tel\n", "empty"),
        (b"BEGIN:VCARD\nFN:Awa\nEND:VCARD", "empty"),
        (b"nom;tel\n" + b"A;+221338000000\n" * 5001, "size"),
        (b"x" * 2_000_001, "size"),
        (b'nom;tel\n"' + b"x" * 200_000, "columns"),
    ],
)
def test_a_file_that_is_no_book_or_too_large_is_refused_whole(claire: party.Customer, data: bytes, rule: str):
    with pytest.raises(address_books.UnreadableBook) as refused:
        contacts.take_in(customer=claire, data=data, at=NOON)
    assert refused.value.details["rule"] == rule
    assert queries.contacts(claire.account) == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(max_size=300).map(lambda text: f"BEGIN:VCARD\n{text}\nEND:VCARD".encode("utf-8", "surrogatepass")),
        st.text(max_size=300).map(lambda text: f"nom;tel;touche\n{text}".encode("utf-8", "surrogatepass")),
    )
)
def test_whatever_a_file_holds_it_is_read_or_refused_and_never_breaks(data: bytes):
    try:
        found = address_books.read(data)
    except address_books.UnreadableBook:
        return
    assert all(len(one.name) <= 80 and len(one.note) <= 200 for one in found)
    assert all(address_books.checked_speed_key(one.key) in {None, *range(1, 100)} for one in found)


def test_a_book_taken_away_comes_back_the_same(claire: party.Customer):
    long = "Société des transports; de l’avenir, du passé\\et de l’entre-deux"
    for name, digits, note, key in (("Awa", "+221338000000", "a,b;c\\d", 1), (long, "+442079460001", "", None)):
        wished = contacts.wished(customer=claire, name=name, number=digits, note=note, key=key)
        party_contacts.add(account=claire.account, wished=wished, at=NOON)
    book = contacts.book(claire.account)
    assert all(len(line.encode()) <= 75 for line in book.split("\r\n"))
    read = address_books.read(book.encode())
    assert [(one.name, one.number, one.note, one.key) for one in read] == [
        ("Awa", "+221338000000", "a,b;c\\d", "1"),
        (long, "+442079460001", "", ""),
    ]


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_whoever_loses_a_number_or_has_a_pin_locked_is_told_by_mail(claire: party.Customer):
    numbering_operations.record_verified_number(e164=MOBILE, account=claire.account, at=NOON, brand="ippi")
    operations._tell("lost", claire.account, MOBILE, NOON, brand="ippi")
    calling.set_pin(account=claire.account, pin="7305", at=NOON)
    for _ in range(calling_rules.PIN_TRIES):
        calling.try_pin(account=claire.account, pin="0000", at=NOON)
    operations.remove(account=claire.account, digits=MOBILE, by="buyer", at=NOON)
    for event in events.pending_events(at=NOON, limit=20):
        for subscriber in carry.SUBSCRIBERS.get(event.kind, ()):
            if subscriber.__module__ == calling_mails.__name__:
                subscriber(event, None)  # type: ignore[arg-type]
                subscriber(event, None)  # type: ignore[arg-type]
    mails = {one.subject: messaging.content(one.mail_id).text for one in messaging.mails(limit=20)}
    assert sorted(mails) == [
        "Le code secret de vos appels a été choisi ou changé",
        "Le numéro +33 6 12 34 56 78 a été retiré de vos numéros d’appel",
        "Le numéro +33 6 12 34 56 78 n’est plus sur votre compte",
        "Votre code secret est bloqué",
    ]
    assert "/callers/" in mails["Le numéro +33 6 12 34 56 78 n’est plus sur votre compte"]
    assert "/pin/" in mails["Votre code secret est bloqué"]


@pytest.mark.clause("KRY-2.5-privacy")
def test_the_archive_holds_contacts_codes_and_choices_and_no_secret(claire: party.Customer):
    teller = Told()
    asked = ask(claire, teller)
    wished = contacts.wished(customer=claire, name="=Awa", number="+221338000000", note="le soir")
    party_contacts.add(account=claire.account, wished=wished, at=NOON)
    calling.set_pin(account=claire.account, pin="7305", at=NOON)
    packed = zipfile.ZipFile(io.BytesIO(b"".join(own_data.archive(customer=claire, at=NOON))))
    (contact,) = json.loads(packed.read("contacts.json"))
    assert (contact["name"], contact["note"]) == ("=Awa", "le soir")
    (row,) = csv.DictReader(io.StringIO(packed.read("contacts.csv").decode("utf-8-sig")))
    assert row["name"] == "'=Awa"
    assert json.loads(packed.read("number-proofs.json"))[0]["digits"] == MOBILE
    (choices,) = json.loads(packed.read("calling.json"))
    assert (choices["pin"], choices["by_minute"]) == ("set", False)
    everything = b"".join(packed.read(name) for name in packed.namelist())
    assert asked.code.encode() not in packed.read("number-proofs.json")
    assert b"argon2" not in everything


@pytest.mark.clause("KRY-4.2.3-erasure")
def test_closing_leaves_nothing_of_calling_and_frees_the_number(claire: party.Customer):
    teller = Told()
    asked = ask(claire, teller)
    operations.give_code(proof_id=asked.proof_id, account=claire.account, code=asked.code, at=NOON)
    calling.set_pin(account=claire.account, pin="7305", at=NOON)
    wished = contacts.wished(customer=claire, name="Awa", number="+221338000000")
    party_contacts.add(account=claire.account, wished=wished, at=NOON)
    closing.close(user_id=claire.user_id, at=NOON)
    assert numbering.verified_holder(MOBILE, "ippi") is None
    assert queries.contacts(claire.account) == ()
    assert queries.pin(claire.account).state == "none"
    assert not models.NumberProof.objects.exists()
    ended = queries.calling_customer(claire.account, at=NOON)
    assert ended is not None
    assert ended.state == "ended"

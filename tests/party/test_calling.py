"""Contacts, speed dial, the PIN, prepared calls and the choice of the minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from cadran.party import queries as party
from cadran.party.calling import contacts, models, operations, queries, rules
from cadran.policy import events
from cadran.units.e164 import E164

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
S = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def quick_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def wished(name: str = "Awa", number: str = "+221338000000", note: str = "", key: int | None = None) -> contacts.Wished:
    return contacts.Wished(name=name, number=E164(number), note=note, key=key)


@pytest.mark.clause("KRY-1.1-beneficiary")
def test_an_account_keeps_many_beneficiaries_each_with_its_number_and_note(customer: party.Customer):
    awa = contacts.add(account=customer.account, wished=wished(" Awa  Diop ", note="ma tante"), at=NOON)
    contacts.add(account=customer.account, wished=wished("Bob", "+442079460001"), at=NOON)
    assert [(one.name, one.note) for one in queries.contacts(customer.account)] == [
        ("Awa Diop", "ma tante"),
        ("Bob", ""),
    ]
    assert queries.contacts("A999999") == ()
    assert queries.contact("A999999", awa.contact_id) is None
    assert [one.name for one in queries.contacts(customer.account, matching="diop")] == ["Awa Diop"]
    assert [one.name for one in queries.contacts(customer.account, matching="2079 46")] == ["Bob"]
    assert queries.contact_names(customer.account, ("221338000000", "33")) == {"221338000000": "Awa Diop"}


def test_a_number_is_kept_once_an_account_and_a_key_calls_one_contact(db: None):
    awa = contacts.add(account="A000001", wished=wished(key=1), at=NOON)
    with pytest.raises(contacts.ContactThere) as there:
        contacts.add(account="A000001", wished=wished("Awa encore"), at=NOON)
    assert there.value.details["contact_id"] == awa.contact_id
    with pytest.raises(contacts.KeyTaken):
        contacts.add(account="A000001", wished=wished("Bob", "+442079460001", key=1), at=NOON)
    contacts.add(account="A000002", wished=wished(key=1), at=NOON)
    bob = contacts.add(account="A000001", wished=wished("Bob", "+442079460001", key=99), at=NOON)
    assert [queries.speed_dialled("A000001", key) for key in (1, 2, 99)] == ["221338000000", "", "442079460001"]
    contacts.put_on_key(account="A000001", key=1, contact_id=bob.contact_id, at=NOON)
    assert [(one.name, one.key) for one in queries.speed_dial("A000001")] == [("Bob", 1)]
    contacts.clear_key(account="A000001", key=1, at=NOON)
    assert queries.speed_dialled("A000001", 1) == ""


@pytest.mark.parametrize("key", [0, 100, -1, True])
def test_keys_go_from_1_to_99(key: int, db: None):
    with pytest.raises(rules.InvalidKey):
        contacts.add(account="A000001", wished=wished(key=key), at=NOON)
    assert rules.checked_key(1) == 1
    assert rules.checked_key(99) == 99


def test_a_contact_is_changed_and_removed_by_its_own_account_alone(db: None):
    awa = contacts.add(account="A000001", wished=wished(), at=NOON)
    for attempt in (
        lambda: contacts.change(account="A000002", contact_id=awa.contact_id, wished=wished("Mal"), at=NOON),
        lambda: contacts.remove(account="A000002", contact_id=awa.contact_id),
        lambda: contacts.put_on_key(account="A000002", key=1, contact_id=awa.contact_id, at=NOON),
    ):
        with pytest.raises(contacts.ContactUnknown):
            attempt()
    changed = contacts.change(account="A000001", contact_id=awa.contact_id, wished=wished("Awa", key=7), at=NOON)
    assert changed.key == 7
    contacts.remove(account="A000001", contact_id=awa.contact_id)
    assert queries.contacts("A000001") == ()


def test_the_thousandth_contact_is_kept_and_the_next_refused(db: None):
    book = [wished(f"N{count}", f"+2213380{count:05}") for count in range(999)]
    assert contacts.take_in(account="A000001", wished=book, at=NOON) == contacts.Imported(added=999, there=0)
    contacts.add(account="A000001", wished=wished("dernier", "+442079460001"), at=NOON)
    with pytest.raises(rules.TooManyContacts):
        contacts.add(account="A000001", wished=wished("trop", "+442079460002"), at=NOON)
    with pytest.raises(rules.TooManyContacts):
        contacts.take_in(account="A000001", wished=[wished("trop", "+442079460002")], at=NOON)
    assert contacts.take_in(account="A000001", wished=book, at=NOON) == contacts.Imported(added=0, there=999)


def test_a_book_leaves_keys_with_who_has_them_and_is_taken_whole_or_not_at_all(db: None):
    contacts.add(account="A000001", wished=wished(key=1), at=NOON)
    book = [
        wished("Bob", "+442079460001", key=1),
        wished("Bob encore", "+442079460001"),
        wished("Cid", "+442079460002", key=2),
    ]
    assert contacts.take_in(account="A000001", wished=book, at=NOON) == contacts.Imported(added=2, there=1)
    assert [(one.name, one.key) for one in queries.speed_dial("A000001")] == [("Awa", 1), ("Cid", 2)]
    with pytest.raises(rules.InvalidContact):
        contacts.take_in(
            account="A000001", wished=[wished("Dan", "+442079460003"), wished("\x00", "+442079460004")], at=NOON
        )
    assert len(queries.contacts("A000001")) == 3


@pytest.mark.parametrize(
    "pin",
    [
        "0000",
        "1234",
        "4321",
        "7890",
        "0987",
        "1212",
        "123123",
        "2580",
        "1984",
        "2024",
        "1112",
        "1221",
        "55555555",
        "20262026",
    ],
)
def test_a_pin_that_is_guessed_first_is_refused(pin: str):
    with pytest.raises(rules.TrivialPin):
        rules.checked_pin(pin)


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "１２３４", "12 45"])
def test_a_pin_has_4_to_8_digits(pin: str):
    with pytest.raises(rules.InvalidPin):
        rules.checked_pin(pin)
    assert rules.checked_pin("7305") == "7305"
    assert rules.checked_pin("73058146") == "73058146"


def test_a_pin_is_no_part_of_the_customers_number():
    with pytest.raises(rules.TrivialPin):
        rules.checked_pin("8146", known=("33639988146",))
    assert rules.checked_pin("8146", known=("33639988147",)) == "8146"


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_five_wrong_tries_lock_a_pin_until_another_is_chosen(customer: party.Customer):
    account = customer.account
    assert operations.try_pin(account=account, pin="7305", at=NOON).outcome == "none"
    operations.set_pin(account=account, pin="7305", at=NOON)
    assert "7305" not in models.Pin.objects.get().hash
    for left in (4, 3, 2, 1):
        assert operations.try_pin(account=account, pin="7306", at=NOON) == operations.PinTried(
            outcome="wrong", tries_left=left
        )
    assert operations.try_pin(account=account, pin="7305", at=NOON).outcome == "ok"
    for _ in range(4):
        operations.try_pin(account=account, pin="7306", at=NOON)
    assert operations.try_pin(account=account, pin="7306", at=NOON).outcome == "locked"
    assert operations.try_pin(account=account, pin="7305", at=NOON).outcome == "locked"
    assert queries.pin(account).state == "locked"
    operations.set_pin(account=account, pin="8146", at=NOON)
    assert operations.try_pin(account=account, pin="7305", at=NOON).outcome == "wrong"
    assert operations.try_pin(account=account, pin="8146", at=NOON).outcome == "ok"
    kinds = [one.kind for one in events.pending_events(at=NOON, limit=20)]
    assert kinds.count("party.pin-locked") == 1
    operations.remove_pin(account=account, at=NOON)
    assert queries.pin(account).state == "none"


def test_the_pin_of_one_account_opens_no_other_even_with_its_hash(register):  # type: ignore[no-untyped-def]
    one, other = register(), register(email="bob@example.org", user_name="bob")
    for account in (one.account, other.account):
        operations.set_pin(account=account, pin="7305", at=NOON)
    models.Pin.objects.filter(account=other.account).update(hash=models.Pin.objects.get(account=one.account).hash)
    assert operations.try_pin(account=other.account, pin="7305", at=NOON).outcome == "wrong"


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_a_prepared_call_is_taken_once_within_two_minutes(customer: party.Customer):
    def prepare(destination: str = "221338000000") -> None:
        operations.prepare_call(account=customer.account, calling="+33639980001", destination=destination, at=NOON)

    def take(after: timedelta, digits: str = "33639980001", brand: str = "ippi") -> str:
        found = operations.take_prepared_call(digits=digits, brand=brand, at=NOON + after)
        return found.destination if found else ""

    prepare()
    assert take(timedelta(seconds=120)) == ""
    assert take(S, digits="33639980002") == ""
    assert take(S, brand="kryptoow") == ""
    assert take(timedelta(seconds=119)) == "221338000000"
    assert take(timedelta(seconds=119)) == ""
    prepare()
    prepare("442079460001")
    assert take(S) == "442079460001"
    assert take(S) == ""
    prepare()
    (waiting,) = queries.prepared_calls(customer.account, at=NOON)
    with pytest.raises(operations.PreparedCallUnknown):
        operations.withdraw_prepared_call(account="A999999", prepared_id=waiting.prepared_id, at=NOON)
    operations.withdraw_prepared_call(account=customer.account, prepared_id=waiting.prepared_id, at=NOON)
    assert take(S) == ""


@pytest.mark.clause("LAW-per-second")
def test_the_minute_is_a_choice_that_is_asked_for_kept_and_taken_back(customer: party.Customer):
    assert not queries.by_minute(customer.account)
    operations.choose_minute(account=customer.account, by_minute=True, by="claire", at=NOON)
    operations.choose_minute(account=customer.account, by_minute=True, by="claire", at=NOON + S)
    assert queries.by_minute(customer.account)
    assert queries.minute_chosen_at(customer.account) == NOON
    operations.choose_minute(account=customer.account, by_minute=False, by="claire", at=NOON + S)
    assert not queries.by_minute(customer.account)
    told = [one.body for one in events.pending_events(at=NOON + S, limit=20) if one.kind == "party.minute-chosen"]
    assert [one["by_minute"] for one in told] == [True, False]


def test_an_access_number_sees_state_language_terms_and_kind_of_a_customer(customer: party.Customer):
    found = queries.calling_customer(customer.account, at=NOON)
    assert found == queries.CallingCustomer(
        account=customer.account,
        brand="ippi",
        state="active",
        language="fr",
        country="FR",
        consumer=True,
        terms="ippi/2018-04",
        accepted_terms="ippi/2018-04",
        by_minute=False,
        pin="none",
    )
    assert found.active
    assert queries.calling_customer("A999999", at=NOON) is None


def test_closing_forgets_all_of_it(customer: party.Customer):
    account = customer.account
    contacts.add(account=account, wished=wished(), at=NOON)
    operations.set_pin(account=account, pin="7305", at=NOON)
    operations.prepare_call(account=account, calling="33639980001", destination="221338000000", at=NOON)
    operations.choose_minute(account=account, by_minute=True, by="claire", at=NOON)
    assert operations.forget(account=account) == 4
    assert operations.forget(account=account) == 0

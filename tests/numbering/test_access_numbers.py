"""Access numbers: the file they begin with, opening, changing and closing them, and what they say of themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cadran.numbering import operations as numbering
from cadran.numbering.access import operations, queries, rules
from cadran.policy import events

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARIS = "33199000100"


def described(number: str = "+33199000190", **changes: str) -> rules.Published:
    said = {"place_fr": "Lyon", "place_en": "Lyons", "language": "fr", "service": "calling-card"}
    return rules.published(number=number, **(said | changes))


def opened(number: str = "+33199000190", opens_at: datetime = NOON, brand: str = "kryptoow") -> None:
    operations.open_number(brand=brand, described=described(number), by="lea", opens_at=opens_at, at=NOON)


@pytest.mark.clause("KRY-3.1-call-credit")
def test_the_reference_brands_have_access_numbers_in_several_countries():
    operations.load_reference(at=NOON)
    found = queries.access_numbers("kryptoow", NOON)
    assert {one.country for one in found} == {"FR", "GB", "DE", "SE", "US", "CA"}
    assert {one.language for one in found} == {"fr", "en"}
    paris = queries.access_number(PARIS, NOON)
    assert paris is not None
    assert (paris.brand, paris.service, paris.place("fr"), paris.is_open(NOON)) == (
        "kryptoow",
        "calling-card",
        "Paris",
        True,
    )
    assert {one.service for one in queries.access_numbers("ippi", NOON)} == {"mobility"}
    assert queries.access_number("33142000001", NOON) is None


def test_what_the_office_closed_stays_closed_when_the_file_is_read_again():
    operations.load_reference(at=NOON)
    operations.close_number(brand="kryptoow", digits=PARIS, by="lea", closes_at=NOON, at=NOON)
    assert operations.load_reference(at=NOON) == ()
    closed = queries.access_number(PARIS, NOON)
    assert closed is not None
    assert not closed.is_open(NOON)
    assert closed.is_open(NOON - timedelta(seconds=1))
    assert PARIS not in {one.digits for one in queries.access_numbers("kryptoow", NOON)}


def test_a_number_that_opens_later_is_published_and_not_yet_open():
    opened(opens_at=NOON + timedelta(days=1))
    (one,) = queries.access_numbers("kryptoow", NOON)
    assert not one.is_open(NOON)
    assert one.is_open(NOON + timedelta(days=1))


def test_a_number_is_open_for_one_brand_at_a_time_and_may_open_again():
    opened()
    opened()
    with pytest.raises(operations.AccessNumberTaken):
        opened(brand="ippi")
    operations.close_number(brand="kryptoow", digits="33199000190", by="lea", closes_at=NOON, at=NOON)
    opened(brand="ippi", opens_at=NOON + timedelta(days=1))
    held = queries.access_number("33199000190", NOON + timedelta(days=1))
    assert held is not None
    assert held.brand == "ippi"
    assert [one.brand for one in queries.every_access_number("kryptoow")] == ["kryptoow"]


def test_another_brand_neither_changes_nor_closes_a_number():
    opened()
    with pytest.raises(operations.AccessNumberUnknown):
        operations.close_number(brand="ippi", digits="33199000190", by="lea", closes_at=NOON, at=NOON)
    with pytest.raises(operations.AccessNumberUnknown):
        operations.change_number(brand="ippi", described=described(language="en"), by="lea", at=NOON)


def test_opening_changing_and_closing_leave_who_did_it_on_record():
    opened()
    operations.change_number(brand="kryptoow", described=described(language="en"), by="lea", at=NOON)
    operations.close_number(brand="kryptoow", digits="33199000190", by="max", closes_at=NOON, at=NOON)
    told = [(one.kind, one.body["by"], one.body["language"]) for one in events.pending_events(at=NOON, limit=9)]
    assert told == [
        ("numbering.access-number-opened", "lea", "fr"),
        ("numbering.access-number-changed", "lea", "en"),
        ("numbering.access-number-closed", "max", "en"),
    ]


def test_an_access_number_is_no_customers_number_and_a_customers_number_no_access_number():
    opened()
    with pytest.raises(numbering.UnableToAssignNumber):
        numbering.assign_number(e164="+33199000190", account="A000001", sip_username="alice", at=NOON)
    with pytest.raises(numbering.UnableToVerifyNumber):
        numbering.record_verified_number(e164="+33199000190", account="A000001", at=NOON)
    numbering.assign_number(e164="+33970000001", account="A000001", sip_username="alice", at=NOON)
    with pytest.raises(operations.AccessNumberTaken):
        opened("+33970000001")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": "0199000190"}, "number"),
        ({"number": "+33112"}, "number"),
        ({"number": "+881600000001"}, "number"),
        ({"number": "x"}, "number"),
        ({"place_fr": " "}, "place_fr"),
        ({"place_en": "<b>"}, "place_en"),
        ({"language": "de"}, "language"),
        ({"service": "fax"}, "service"),
    ],
)
def test_what_an_access_number_cannot_be_is_refused_by_its_field(changes: dict[str, str], field: str):
    with pytest.raises(rules.InvalidAccessNumber) as refused:
        described(**changes)
    assert refused.value.details["field"] == field


def test_a_file_with_faults_lists_all_of_them_and_takes_nothing_up():
    entry = {"number": "+33199000190", "place": {"fr": "Lyon", "en": "Lyons"}, "language": "fr"}
    entry |= {"service": "calling-card", "opened": NOON.date()}
    with pytest.raises(rules.InvalidAccessNumbers) as refused:
        rules.read_file({"access_number": [entry, entry, entry | {"language": "de"}, {"number": 3}, 7]}, "Europe/Paris")
    assert [fault.partition(":")[0] for fault in refused.value.details["faults"]] == [
        "entry 2",
        "entry 3",
        "entry 4",
        "entry 5",
    ]
    for content in ({"numbers": []}, {"access_number": {}}, {"access_number": [entry | {"opened": "2026"}]}):
        with pytest.raises(rules.InvalidAccessNumbers):
            rules.read_file(content, "Europe/Paris")
    ((_one, opens_at),) = rules.read_file({"access_number": [entry]}, "Europe/Paris")
    assert opens_at == datetime(2026, 2, 28, 23, tzinfo=UTC)

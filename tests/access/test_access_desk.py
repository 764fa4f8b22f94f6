"""What the desk knows: callers by their number, where they may go and for how long, what they spent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher

from cadran.catalog.rules import Rate
from cadran.charging import prospects
from cadran.charging.ports import Bought
from cadran.numbering import operations as numbering
from cadran.numbering.access import operations as access
from cadran.party import blocking, models, rules
from cadran.party import operations as party
from cadran.party.calling import contacts
from cadran.party.calling import operations as calling
from cadran.policy import queries as policy
from cadran.units.e164 import E164
from cadran.voice.access import journey
from cadran.voice.access.desk import HouseDesk
from cadran.voice.access.ports import Answer, Caller, Calling
from web.usage_rig import Till

pytestmark = pytest.mark.django_db(databases="__all__")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = AT + timedelta(hours=1)
KRYPTOOW, IPPI = "kryptoow/2018-01", "ippi/2018-04"
PARIS, LONDON, MOBILITY = "33199000100", "442079460100", "33199000200"
MOBILE, UK, FRANCE = "33612000001", "442079460000", "33142000001"
PRICES = {"44": 60_000_000, "33": 12_000_000}  # nanos a minute: 0.06 and 0.012


@pytest.fixture(autouse=True)
def prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price for the United Kingdom and one for France; none for anywhere else. PINs that are quick to look at."""

    def price_of(_brand: str, digits: str, _at: datetime) -> Any:
        nanos = next((price for prefix, price in PRICES.items() if digits.startswith(prefix)), None)
        if nanos is None:
            return None
        return SimpleNamespace(
            rate=Rate(prefix=digits[:2], destination="x", currency="EUR", price_nanos=nanos, deck="test", line=2)
        )

    monkeypatch.setattr(prospects.catalog, "price_of", price_of)
    monkeypatch.setattr(calling, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


class Charging:
    """Of the service, what vouchers need."""

    def buy_credit(self, _request: object) -> Bought:
        raise AssertionError("nobody redeems")


DESK = HouseDesk(Charging())  # type: ignore[arg-type]


def customer(name: str, brand: str = "kryptoow", terms: str = KRYPTOOW) -> str:
    ticks = tuple(
        rules.Accepted(document=one, ref=terms, text_sha256="ab" * 32, language="fr") for one in rules.Document
    )
    made = party.register_customer(
        registration=party.Registration(
            brand=brand,
            currency="EUR",
            email=f"{name}@example.org",
            user_name=name,
            password="vent-du-large-29",
            sip_password="k7mq-x3dw-p9ra-t4hv",
            name=name.title(),
            first_names="Test",
            adult=True,
            accepted=ticks,
        ),
        at=AT,
    )
    models.Customer.objects.filter(user_id=made.user_id).update(state="active")
    return str(made.account)


@pytest.fixture
def ada() -> str:
    """An account of KRYPTOOW with 10 EUR and a proved number."""
    access.load_reference(at=AT)
    account = customer("ada")
    numbering.record_verified_number(e164=f"+{MOBILE}", account=account, at=AT, brand="kryptoow")
    Till(account, brand="kryptoow", terms=KRYPTOOW).buy("pay", 10_000_000)
    return account


def calls(digits: str = MOBILE, number: str = PARIS, *, authenticated: bool = True) -> Calling:
    return Calling(access_number=number, digits=digits, authenticated=authenticated, source="192.0.2.1", at=NOW)


def recognised(**given: Any) -> Caller:
    found = DESK.recognise(calls(**given))
    assert found is not None
    return found


def ask(caller: Caller, question: str, **values: Any) -> Answer:
    return DESK.ask(caller, question, values, key="k1", at=NOW)


@pytest.mark.clause("KRY-4.4.1-caller-id", "KRY-4.4.1-ivr")
def test_a_proved_number_is_its_account_in_the_account_s_language_warned_one_minute_before_the_end(ada: str) -> None:
    caller = recognised(number=LONDON)
    assert (caller.account, caller.refused, caller.language, caller.shown) == (ada, "", "fr", MOBILE)
    assert (caller.warning_s, caller.begins, caller.terms, caller.consumer) == (60, "", KRYPTOOW, True)


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_withheld_unknown_blocked_ended_and_unproved_callers_are_refused_each_for_its_reason(ada: str) -> None:
    withheld = recognised(digits="")
    assert (withheld.refused, withheld.clause, withheld.language) == ("withheld", "KRY-4.4.1-caller-id", "fr")
    assert (recognised(digits="33142999999").refused, recognised(digits="33142999999", number=LONDON).language) == (
        "unknown",
        "en",
    )
    assert recognised(authenticated=False).refused == "unauthenticated"
    blocking.block_customer(account=ada, reason="test", by="test", at=AT)
    assert recognised().refused == "suspended"
    models.BillingAccount.objects.filter(number=ada).update(state="ended")
    assert recognised().refused == "closed"
    assert DESK.recognise(calls(number="33142000009")) is None


def test_an_access_number_answers_from_its_opening_to_its_end(ada: str) -> None:
    access.close_number(brand="kryptoow", digits=PARIS, by="test", closes_at=NOW, at=AT)
    assert recognised().refused == "not-open"
    earlier = DESK.recognise(Calling(access_number=PARIS, digits=MOBILE, authenticated=True, source="x", at=AT))
    assert earlier is not None
    assert earlier.refused == ""


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_number_proved_for_another_brand_opens_nothing_here(ada: str) -> None:
    other = customer("bob", "ippi", IPPI)
    numbering.record_verified_number(e164="+33612000009", account=other, at=AT, brand="ippi")
    assert recognised(digits="33612000009").refused == "unknown"
    assert recognised(digits="33612000009", number=MOBILITY).account == other
    assert recognised(number=MOBILITY).refused == "unknown"


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_the_pin_stands_in_for_the_network_s_word_and_locks_after_five_wrong_ones(ada: str) -> None:
    calling.set_pin(account=ada, pin="8316", at=AT)
    caller = recognised(authenticated=False)
    assert (caller.refused, caller.begins) == ("", "pin")
    assert ask(caller, "pin", pin="8317").outcome == "wrong"
    assert ask(caller, "pin", pin="8316").outcome == "ok"
    assert [ask(caller, "pin", pin="0001").outcome for _ in range(6)] == ["wrong"] * 4 + ["locked"] * 2
    assert recognised(authenticated=False).refused == "unauthenticated"
    assert recognised().begins == ""


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_a_prepared_call_goes_straight_to_its_destination_once_and_behind_the_pin_where_one_is_due(ada: str) -> None:
    calling.prepare_call(account=ada, calling=MOBILE, destination=UK, at=NOW)
    assert recognised().values["destination"] == f"+{UK}"
    assert "destination" not in recognised().values
    calling.set_pin(account=ada, pin="8316", at=AT)
    calling.prepare_call(account=ada, calling=MOBILE, destination=UK, at=NOW)
    unproved = recognised(authenticated=False)
    assert "destination" not in unproved.values
    assert ask(unproved, "pin", pin="8317").values == {}
    assert ask(unproved, "pin", pin="8316").values == {"destination": f"+{UK}"}


@pytest.mark.clause("KRY-4.4.1-ivr", "KRY-4.4.1-per-minute", "LAW-per-second")
def test_the_minutes_are_those_that_the_credit_pays_for_by_the_minute_abroad_and_by_the_second_at_home(
    ada: str,
) -> None:
    """10 EUR at 0.06 a minute: 166 whole minutes, 9.96; at 200 micros a second: 50,000 s."""
    abroad = ask(recognised(), "destination", number=f"00{UK}")
    assert abroad.outcome == "ok"
    assert (abroad.values["destination"], abroad.values["seconds"], abroad.values["minutes"]) == (UK, 9960, 166)
    assert (abroad.values["price_micros"], abroad.values["per_minute"]) == (60_000, True)
    home = ask(recognised(), "destination", number="0142000001")
    assert (home.values["destination"], home.values["seconds"], home.values["per_minute"]) == (FRANCE, 50_000, False)
    calling.choose_minute(account=ada, by_minute=True, by="test", at=AT)
    assert ask(recognised(), "destination", number="0142000001").values["per_minute"] is True


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("442079460000", "ok"),
        ("+442079460000", "ok"),
        ("12", "wrong-number"),
        ("0199", "wrong-number"),
        ("112", "emergency"),
        ("17", "emergency"),
        ("0899123456", "not-allowed"),
        ("0088213000000", "not-allowed"),
        ("0081312345678", "no-price"),
        (f"00{PARIS}", "not-allowed"),
        ("", "wrong-number"),
        ("*", "wrong-number"),
    ],
)
def test_what_cannot_be_called_is_refused_for_its_reason(ada: str, number: str, outcome: str) -> None:
    assert ask(recognised(), "destination", number=number).outcome == outcome


def test_credit_below_the_first_minute_calls_nobody_abroad(ada: str) -> None:
    poor = customer("cleo")
    numbering.record_verified_number(e164="+33612000003", account=poor, at=AT, brand="kryptoow")
    Till(poor, brand="kryptoow", terms=KRYPTOOW).buy("little", 59_999)
    caller = recognised(digits="33612000003")
    assert ask(caller, "destination", number=UK).outcome == "no-credit"
    assert ask(caller, "destination", number=FRANCE).outcome == "ok"


@pytest.mark.clause("IPP-9.4-mobility")
def test_mobility_calls_are_charged_by_the_second_and_warned_of_a_minute_before_the_end(ada: str) -> None:
    account = customer("dan", "ippi", IPPI)
    numbering.record_verified_number(e164="+33612000004", account=account, at=AT, brand="ippi")
    Till(account).buy("pay", 1_000_000)
    caller = recognised(digits="33612000004", number=MOBILITY)
    assert (caller.service, caller.warning_s, journey.via(caller)) == ("mobility", 60, "mobility")
    found = ask(caller, "destination", number=f"00{UK}")
    assert (found.outcome, found.values["seconds"], found.values["per_minute"]) == ("ok", 1000, False)


@pytest.mark.clause("KRY-4.4.1-phone-statement")
def test_the_statement_counts_past_calls_what_they_cost_and_what_is_left(ada: str) -> None:
    till = Till(ada, brand="kryptoow", terms=KRYPTOOW)
    for seconds in (61, 5, 9, 3, 7, 2):
        till.call(seconds, destination=f"3361234567{seconds % 10}", number_class="mobile")
    till.call(0, answered=False)
    caller = recognised()
    statement = ask(caller, "statement").values
    assert statement["count"] == 6
    assert statement["credit_micros"] == 10_000_000 - int(statement["spent_micros"])
    last = ask(caller, "last-calls").values
    assert policy.terms(KRYPTOOW).integer("calls.last_calls_read") == 5
    assert (last["count"], last["call1_seconds"], last["call5_seconds"]) == (5, 2, 5)
    assert last["call1_destination"] == "33612345672"
    credit = ask(caller, "credit").values
    assert credit == {"credit_micros": statement["credit_micros"], "expires_on": "2027-03-02"}


def test_speed_dial_finds_the_contact_behind_a_key(ada: str) -> None:
    contacts.add(account=ada, wished=contacts.Wished(name="Zoé", number=E164(f"+{UK}"), note="", key=7), at=AT)
    caller = recognised()
    assert ask(caller, "speed-dial", key="7") == Answer(outcome="ok", values={"number": f"+{UK}"})
    assert [ask(caller, "speed-dial", key=key).outcome for key in ("8", "0", "", "100", "7x")] == ["empty"] * 5


def test_a_question_that_nobody_knows_or_that_fails_is_answered_all_the_same(
    ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(recognised(), "weather").outcome == "unavailable"
    assert ask(recognised(), "voucher", code="123").outcome == "unknown"

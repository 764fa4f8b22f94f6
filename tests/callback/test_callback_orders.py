"""Ordering a callback: what is shown before, what is refused, what is kept, what the SIP process is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cadran.balance import queries as balance
from cadran.catalog import operations as catalog
from cadran.charging import queries as charging
from cadran.journeys import callbacks
from cadran.journeys.callback_orders import operations, queries
from cadran.numbering import operations as numbering
from cadran.party import models
from cadran.party import queries as party
from cadran.policy import queries as policy
from cadran.voice import control
from cadran.voice.callback.models import PlacedCall

pytestmark = pytest.mark.django_db(databases=["default", "charging", "voice"])
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DOOR = Path("no-door")
DECK = b"prefix,destination,price\n33,France,0.06\n44,United Kingdom,0.12\n"
MINE, THEIRS = "33612000001", "442079460001"


class Asked:
    """What the SIP process was asked, and the credit that the account has."""

    def __init__(self) -> None:
        self.orders: list[control.CallbackOrder] = []
        self.credit = 1_000_000

    def callback(self, order: control.CallbackOrder, *, door: Path) -> control.CallbackState:
        self.orders.append(order)
        PlacedCall.objects.get_or_create(
            key=order.key,
            defaults={
                "id": f"callback_{len(self.orders)}",
                "kind": "callback",
                "account": order.account,
                "brand": order.brand,
                "fingerprint": "",
                "stage": "ringing-you",
                "asked_at": AT,
                "changed_at": AT,
            },
        )
        return control.CallbackState(key=order.key, id="callback_1", stage="ringing-you")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    monkeypatch.setattr(control, "callback", made.callback)
    monkeypatch.setattr(balance, "spendable_micros", lambda account, at: made.credit)
    return made


@pytest.fixture
def ana() -> party.Customer:
    """A consumer of KRYPTOOW whose number is proved."""
    report = catalog.import_deck(brand="kryptoow", source=DECK, at=AT - timedelta(days=1), tax="included")
    assert report.deck is not None
    catalog.activate_deck(deck=report.deck, effective_from=AT - timedelta(days=1), at=AT - timedelta(days=1))
    user = models.User.objects.create(username="ana", email="ana@example.org", created_at=AT)
    customer = models.Customer.objects.create(
        user=user,
        brand="kryptoow",
        kind="person",
        name="Ana",
        language="fr",
        country="FR",
        state="active",
        certified_at=AT,
        created_at=AT,
        validated_at=AT,
    )
    models.BillingAccount.objects.create(
        number="A000001",
        customer=customer,
        brand="kryptoow",
        currency="EUR",
        terms_ref="kryptoow/2018-01",
        created_at=AT,
    )
    numbering.record_verified_number(e164=f"+{MINE}", account="A000001", at=AT)
    return party.customer_of_account("A000001")


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_price_and_minutes_of_both_legs_are_shown_before_anything_is_ordered(ana: party.Customer, asked: Asked) -> None:
    made = callbacks.offer(customer=ana, second="+44 20 7946 0001", at=AT)
    assert (made.first.number, made.second.number) == (MINE, THEIRS)
    assert made.first.rate
    assert made.second.rate
    # By law the national leg counts by the second at a tenth of a cent, the other by the minute at twelve cents.
    assert (made.first.rate.first_s, made.second.rate.first_s) == (1, 60)
    # EUR 1 pays 5 minutes of both (0.30 + 0.60), and no sixth minute begins (0.72 + 0.30).
    assert (made.seconds, made.minutes) == (300, 5)
    asked.credit = 129_999  # ten seconds of one leg (0.01) and a minute of the other (0.12) cost 0.13
    assert callbacks.offer(customer=ana, second=f"+{THEIRS}", at=AT).seconds == 0
    asked.credit = 130_000
    assert callbacks.offer(customer=ana, second=f"+{THEIRS}", at=AT).seconds == 10


@pytest.mark.clause("KRY-4.4.1-easydialer", "KRY-1.1-beneficiary")
def test_an_order_is_kept_once_under_its_key_and_asked_of_the_sip_process(ana: party.Customer, asked: Asked) -> None:
    told = callbacks.order(customer=ana, key="k1", second=f"+{THEIRS}", at=AT, door=DOOR)
    assert told.state.stage == "ringing-you"
    sent = asked.orders[0]
    assert (sent.key, sent.first, sent.second, sent.terms) == ("A000001:k1", MINE, f"+{THEIRS}", "kryptoow/2018-01")
    assert (sent.consumer, sent.by_minute, sent.language) == (True, False, "fr")
    again = callbacks.order(customer=ana, key="k1", second="00442079460001", at=AT + timedelta(hours=1), door=DOOR)
    assert (again.state.stage, len(asked.orders)) == ("ringing-you", 1)
    with pytest.raises(operations.KeyReused):
        callbacks.order(customer=ana, key="k1", second="+33142000001", at=AT, door=DOOR)
    assert [one.order.second for one in callbacks.history(account="A000001")] == [THEIRS]
    assert callbacks.history(account="A000001", second="33142000001") == ()
    assert operations.forget(account="A000001") == 1
    with pytest.raises(control.CallbackUnknown):
        callbacks.state(account="A000001", key="k1")


def test_a_callback_whose_legs_are_settled_while_it_is_read_is_not_called_settled_without_them(
    ana: party.Customer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    callbacks.order(customer=ana, key="k1", second=f"+{THEIRS}", at=AT, door=DOOR)
    PlacedCall.objects.update(stage="over", why="hung-up")
    open_calls = 2  # both legs are open when the question begins
    monkeypatch.setattr(charging, "open_calls", lambda account: open_calls)
    read = control.callback_state

    def settled_meanwhile(key: str) -> control.CallbackState:
        nonlocal open_calls
        found, open_calls = read(key), 0  # the costs were not there yet, and the calls are over now
        return found

    monkeypatch.setattr(control, "callback_state", settled_meanwhile)
    assert not callbacks.state(account="A000001", key="k1").settled
    assert callbacks.state(account="A000001", key="k1").settled


def test_an_order_that_was_never_placed_is_not_placed_later(
    ana: party.Customer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(order: control.CallbackOrder, *, door: Path) -> control.CallbackState:
        raise control.CallsUnreachable("down")

    with monkeypatch.context() as broken:
        broken.setattr(control, "callback", unreachable)
        with pytest.raises(control.CallsUnreachable):
            callbacks.order(customer=ana, key="k2", second=f"+{THEIRS}", at=AT, door=DOOR)
    late = AT + timedelta(minutes=2, seconds=1)
    with pytest.raises(callbacks.OrderTooOld):
        callbacks.order(customer=ana, key="k2", second=f"+{THEIRS}", at=late, door=DOOR)
    told = callbacks.order(customer=ana, key="k2", second=f"+{THEIRS}", at=AT + timedelta(minutes=2), door=DOOR)
    assert told.state.stage == "ringing-you"


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_only_ones_own_number_is_rung_and_nothing_goes_where_no_call_goes(ana: party.Customer, asked: Asked) -> None:
    refusals: list[tuple[dict[str, str], type[Exception]]] = [
        ({"second": f"+{THEIRS}", "first": "+33612999999"}, callbacks.NotACallingNumber),
        ({"second": f"+{MINE}"}, Exception),
        ({"second": "112"}, Exception),
        ({"second": "hello"}, Exception),
        ({"second": "+81312345678"}, callbacks.CallbackNotPossible),
        ({"second": "+8812345678901"}, callbacks.CallbackNotPossible),
    ]
    for given, error in refusals:
        with pytest.raises(error):
            callbacks.order(customer=ana, key="no", at=AT, door=DOOR, **given)
    asked.credit = 1000
    with pytest.raises(callbacks.NotEnoughCredit):
        callbacks.order(customer=ana, key="no", second=f"+{THEIRS}", at=AT, door=DOOR)
    models.Customer.objects.update(state="blocked")
    with pytest.raises(callbacks.CallbackNotOffered):
        callbacks.offer(customer=party.customer_of_account("A000001"), second=f"+{THEIRS}", at=AT)
    assert (asked.orders, queries.orders("A000001")) == ([], ())


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_kryptoow_offers_both_ways_and_ippi_none() -> None:
    assert policy.terms("kryptoow/2018-01").texts("easydialer.ways") == ("callback", "call-through")
    assert (callbacks.offered("kryptoow", AT), callbacks.offered("ippi", AT)) == (True, False)

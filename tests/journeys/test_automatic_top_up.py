"""Credit bought by itself: below the threshold, up to the cap, once for each need, on a card that only the provider knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cadran.charging.engine import Engine
from cadran.charging.ports import WithdrawCredit
from cadran.journeys import automatic, carry, closing
from cadran.party import operations as party
from cadran.party import queries as party_queries
from cadran.party import rules as party_rules
from cadran.payment import automatic as wishes
from cadran.payment import queries
from cadran.payment.adapters.stripe_checkout import StripeCheckout
from cadran.payment.rules import OrderState, automatic_answer
from cadran.policy import events
from cadran.policy import queries as policy
from charging.charging_rig import TERMS, Books, fresh_file, open_engine, reading

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
EUR = 1_000_000
AT = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture
def card(quiet_card: StripeCheckout) -> StripeCheckout:
    return quiet_card


@dataclass
class Account:
    """A customer with a wallet, a provider, and a watch that looks at its credit."""

    number: str
    engine: Engine
    books: Books
    card: StripeCheckout
    watch: automatic.Watch

    def agree(self, *, cap: int = 100, amount: int = 25, threshold: int = 5, at: datetime = AT) -> wishes.Wish:
        return wishes.agree(
            account=self.number,
            brand="ippi",
            terms=policy.terms(TERMS),
            threshold_micros=threshold * EUR,
            amount_micros=amount * EUR,
            cap_micros=cap * EUR,
            seniority_days=0,
            at=at,
        )

    def save_card(self, number: str = "4242424242424242") -> wishes.Wish | None:
        url = automatic.open_card_page(
            account=self.number, currency="EUR", return_url="http://127.0.0.1:9/", provider=self.card
        )
        httpx.post(url, data={"card": number, "action": "pay"}, trust_env=False)
        return automatic.refresh_card(account=self.number, provider=self.card, at=AT)

    def turn(self, at: datetime = AT) -> int:
        return self.watch.turn(provider=self.card, at=at)

    def carry(self, at: datetime = AT) -> None:
        carry.pending(charging=self.engine, now=at)

    def spend(self, micros: int, key: str) -> None:
        for step in ("hold", "take"):
            self.engine.withdraw(WithdrawCredit(key=key, account=self.number, step=step, at=AT, amount_micros=micros))

    @property
    def states(self) -> list[OrderState]:
        return [order.state for order in queries.orders(self.number)]


@pytest.fixture
def account(card: StripeCheckout, tmp_path: Path) -> Iterator[Account]:
    books = Books(fresh_file(tmp_path / "charging.db"))
    engine = open_engine(books.path)
    ticks = tuple(
        party_rules.Accepted(document=one, ref=TERMS, text_sha256="ab" * 32, language="fr")
        for one in party_rules.Document
    )
    given = party.Registration(
        brand="ippi",
        currency="EUR",
        email="claire@example.org",
        user_name="claire",
        password="vent-du-large-29",
        sip_password="k7mq-x3dw-p9ra-t4hv",
        name="Le Gall",
        first_names="Claire",
        adult=True,
        accepted=ticks,
    )
    customer = party.register_customer(registration=given, at=AT - timedelta(days=30))
    party.validate_email(user_id=customer.user_id, email="claire@example.org", at=AT - timedelta(days=30))
    with reading(books.path):
        one = Account(customer.account, engine, books, card, automatic.Watch())
        one.carry()
        yield one
    engine.close()


def kinds() -> list[str]:
    return [event.kind for event in events.pending_events(at=AT + timedelta(days=60), limit=500)]


def test_credit_below_the_threshold_is_topped_up_once_though_its_bucket_is_on_its_way(account: Account) -> None:
    account.agree()
    saved = account.save_card()
    assert saved is not None
    assert saved.state == "active"
    assert saved.label.endswith("4242, 12/2034")
    assert account.turn() == 1
    assert account.turn() == 0, "paid, and its credit still on its way"
    account.carry()
    assert account.books.balance(account.number) == (25 * EUR, 0)
    assert account.turn() == 0
    assert account.states == [OrderState.PAID]


@pytest.mark.parametrize(("left", "bought"), [(5 * EUR, 0), (5 * EUR - 1, 1)])
def test_the_threshold_itself_is_enough(account: Account, left: int, bought: int) -> None:
    account.agree()
    account.save_card()
    account.turn()
    account.carry()
    account.spend(25 * EUR - left, "spent")
    assert account.turn() == bought


def test_the_month_s_cap_holds_it_back_is_told_once_and_the_next_month_buys_again(account: Account) -> None:
    account.agree(cap=49)
    account.save_card()
    account.turn()
    account.carry()
    account.spend(25 * EUR, "spent")
    for _ in range(3):
        assert account.turn() == 0
    assert kinds().count("payment.automatic-held-back") <= 1
    assert account.states == [OrderState.PAID]
    december = datetime(2026, 11, 30, 23, tzinfo=UTC)  # the first of December in Paris
    assert account.turn(december - timedelta(seconds=1)) == 0
    assert account.turn(december) == 1


def test_a_cap_reached_exactly_is_not_passed(account: Account) -> None:
    account.agree(cap=50)
    account.save_card()
    for number in range(2):
        assert account.turn() == 1
        account.carry()
        account.spend(25 * EUR, f"spent{number}")
    assert account.turn() == 0


def test_a_refused_charge_pauses_until_the_customer_acts(account: Account) -> None:
    account.agree()
    account.save_card("4000000000000341")
    assert account.turn() == 1
    assert account.states == [OrderState.LAPSED]
    wish = wishes.wish(account.number)
    assert wish is not None
    assert wish.state == "paused"
    assert account.turn() == 0
    account.save_card()
    assert account.turn() == 1
    assert account.states[0] is OrderState.PAID


def test_a_charge_that_is_in_doubt_is_asked_again_with_its_key_and_charged_once(account: Account) -> None:
    account.agree()
    account.save_card()
    httpx.post(f"{account.card.base_url}/sandbox/stall", json={"count": 1}, trust_env=False)
    assert account.turn() == 0
    assert account.states == [OrderState.CREATED]
    assert account.turn() == 0, "not at once again"
    assert account.turn(AT + timedelta(seconds=6)) == 1
    assert account.states == [OrderState.PAID]


def test_after_the_life_of_the_provider_s_key_nobody_asks_again(account: Account) -> None:
    account.agree()
    account.save_card()
    httpx.post(f"{account.card.base_url}/sandbox/stall", json={"count": 1}, trust_env=False)
    account.turn()
    assert account.turn(AT + timedelta(hours=23, seconds=1)) == 1
    assert account.states == [OrderState.REVIEW]


def test_an_ended_wish_charges_nothing_and_forgets_the_card(account: Account) -> None:
    account.agree()
    account.save_card()
    wishes.end(account=account.number, at=AT)
    wish = wishes.wish(account.number)
    assert wish is not None
    assert (wish.state, wish.customer_token, wish.card_token, wish.label) == ("ended", "", "", "")
    assert account.turn() == 0


def test_a_page_that_was_left_saves_nothing(account: Account) -> None:
    account.agree()
    url = automatic.open_card_page(
        account=account.number, currency="EUR", return_url="http://127.0.0.1:9/", provider=account.card
    )
    httpx.post(url, data={"card": "4000000000000002", "action": "pay"}, trust_env=False)
    wish = automatic.refresh_card(account=account.number, provider=account.card, at=AT)
    assert wish is not None
    assert wish.state == "setting-up"
    assert account.turn() == 0


@pytest.mark.parametrize(
    ("threshold", "amount", "cap"), [(3, 25, 100), (5, 26, 100), (5, 25, 24), (5, 25, 101), (5, 200, 200)]
)
def test_a_wish_that_cannot_be_is_refused(account: Account, threshold: int, amount: int, cap: int) -> None:
    with pytest.raises(wishes.InvalidWish):
        account.agree(threshold=threshold, amount=amount, cap=cap)
    assert wishes.wish(account.number) is None


@pytest.mark.clause("IPP-9.2-100-a-month")
@pytest.mark.parametrize(("month", "allowed"), [(90, True), (91, False)])
def test_beyond_the_monthly_limit_an_automatic_top_up_does_not_become_a_transfer(month: int, allowed: bool) -> None:
    decision = automatic_answer(
        policy.terms(TERMS),
        amount_micros=10 * EUR,
        seniority_days=0,
        month_micros=month * EUR,
        automatic_month_micros=0,
        cap_micros=100 * EUR,
    )
    assert decision.allowed is allowed
    assert allowed or decision.clause == "IPP-9.2-100-a-month"


def test_a_closed_account_charges_nothing_and_keeps_no_card(account: Account) -> None:
    account.agree()
    account.save_card()
    customer = party_queries.customer_of_account(account.number)
    closing.close(user_id=customer.user_id, at=AT)
    wish = wishes.wish(account.number)
    assert wish is not None
    assert (wish.state, wish.card_token, wish.label) == ("ended", "", "")
    assert account.turn() == 0


def test_without_a_recorded_acceptance_nothing_is_bought(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.agree()
    account.save_card()
    monkeypatch.setattr(party_queries, "acceptances", lambda **_: ())
    assert account.turn() == 0
    assert account.states == []

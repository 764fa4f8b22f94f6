"""Where the answers about an account come from: the rooms, or for a test key the samples. Both give the rooms' own values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.urls import reverse

from cadran.balance import queries as balance
from cadran.charging import explanation, records
from cadran.charging import queries as charging
from cadran.journeys import credit, mails, warnings
from cadran.ledger import queries as ledger
from cadran.numbering import queries as numbering
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.payment import queries as payment
from cadran.payment.rules import OrderState
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units import period

CREDIT = "credit/"
Records = tuple[tuple[int, records.Record], ...]


class AccountSource(Protocol):
    """What the API asks about one account. An identifier of another account's thing is unknown here, whoever asks."""

    customer: party.Customer
    terms: Terms

    def balance(self, at: datetime) -> balance.Balance: ...
    def calls(self, wanted: charging.Wanted, before: tuple[datetime, int] | None, limit: int) -> Records: ...
    def why(self, cdr_id: str) -> explanation.Explanation: ...
    def movements(self, before: tuple[datetime, str] | None, limit: int) -> tuple[ledger.Movement, ...]: ...
    def orders(self, before: str, limit: int) -> tuple[payment.Order, ...]: ...
    def order(self, order_id: str, at: datetime) -> payment.Order: ...
    def place_top_up(self, *, key: str, amount_micros: int, at: datetime) -> payment.Order: ...
    def bought_micros(self, at: datetime) -> int: ...
    def identities(self) -> tuple[party.SipIdentity, ...]: ...
    def set_sip_password(self, *, username: str, password: str, at: datetime) -> None: ...
    def numbers(self) -> tuple[numbering.HeldNumber, ...]: ...
    def shown_number(self) -> str: ...
    def acceptances(self) -> tuple[party.Acceptance, ...]: ...
    def prefer(self, *, raised: bool | None, language: str | None, at: datetime) -> None: ...
    def warning_choices(self, at: datetime) -> tuple[tuple[int, ...], int]: ...
    def warn_below(self, micros: int, at: datetime) -> None: ...


class Rooms:
    """The account itself."""

    def __init__(self, customer: party.Customer) -> None:
        self.customer = customer
        self.terms = policy.governing_terms(customer.terms, settings.CIVIL_CLOCK.now())

    def balance(self, at: datetime) -> balance.Balance:
        return balance.balance(self.customer.account, at)

    def calls(self, wanted: charging.Wanted, before: tuple[datetime, int] | None, limit: int) -> Records:
        return charging.page(account=self.customer.account, wanted=wanted, before=before, limit=limit)

    def why(self, cdr_id: str) -> explanation.Explanation:
        return charging.explanation(cdr_id, account=self.customer.account)

    def movements(self, before: tuple[datetime, str] | None, limit: int) -> tuple[ledger.Movement, ...]:
        return ledger.movements(self.customer.account, CREDIT, before=before, limit=limit)

    def orders(self, before: str, limit: int) -> tuple[payment.Order, ...]:
        return payment.orders(self.customer.account, limit=limit, before=before)

    def order(self, order_id: str, at: datetime) -> payment.Order:
        found = payment.order(order_id, account=self.customer.account)
        if found.state is OrderState.AT_PROVIDER:
            found = credit.refresh(order_id=order_id, provider=credit.card_provider(), at=at)
        return found

    def place_top_up(self, *, key: str, amount_micros: int, at: datetime) -> payment.Order:
        customer = self.customer
        return credit.order_top_up(
            key=key,
            account=customer.account,
            brand=customer.brand,
            terms=self.terms,
            opened_at=customer.created_at,
            amount_micros=amount_micros,
            currency=customer.currency,
            description=f"Crédit {policy.brand(customer.brand).name}",
            return_url=lambda order_id: mails.site_url(customer.brand) + reverse("topup_order", args=[order_id]),
            provider=credit.card_provider(),
            at=at,
        )

    def bought_micros(self, at: datetime) -> int:
        month = period.civil_month(at, self.terms.text("topup.zone"))
        return payment.bought_in(self.customer.account, month)

    def identities(self) -> tuple[party.SipIdentity, ...]:
        return party.sip_identities(account=self.customer.account)

    def set_sip_password(self, *, username: str, password: str, at: datetime) -> None:
        if username not in {identity.username for identity in self.identities()}:
            raise party_operations.UnknownSipUser("this account has no such SIP user")
        party_operations.set_sip_password(username=username, password=password, at=at)

    def numbers(self) -> tuple[numbering.HeldNumber, ...]:
        return numbering.numbers_of(self.customer.account)

    def shown_number(self) -> str:
        return numbering.shown_number(self.customer.account)

    def acceptances(self) -> tuple[party.Acceptance, ...]:
        return party.acceptances(customer_id=self.customer.id)

    def prefer(self, *, raised: bool | None, language: str | None, at: datetime) -> None:
        if raised is not None:
            party_operations.set_raised_duration(account=self.customer.account, raised=raised, at=at)
        if language is not None:
            party_operations.set_language(user_id=self.customer.user_id, language=language)
        self.customer = party.customer_of_account(self.customer.account)

    def warning_choices(self, at: datetime) -> tuple[tuple[int, ...], int]:
        return warnings.choices(self.customer.account, self.customer.terms, at)

    def warn_below(self, micros: int, at: datetime) -> None:
        warnings.choose(account=self.customer.account, terms=self.customer.terms, micros=micros, at=at)


def bank() -> Mapping[str, str]:
    """Whose account transfers go to."""
    return {name: str(settings.BANK_ACCOUNT[name]) for name in ("holder", "iban", "bic")}

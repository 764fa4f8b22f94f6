"""What a test key sees: an account that is nobody's, in the terms and at the prices of the day.

Reads answer from the same fixed account, whoever asks. Writes are checked by the same rules as real ones and answered as if
they had been done, and nothing is done: no order, no password, no credit. What follows (a payment, a call) does not come about.
"""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta

from cadran.balance import queries as balance
from cadran.balance import rules as balance_rules
from cadran.catalog import queries as catalog
from cadran.charging import explanation, records
from cadran.charging import queries as charging
from cadran.journeys import warnings
from cadran.ledger import queries as ledger
from cadran.numbering import queries as numbering
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.payment import queries as payment
from cadran.payment import rules as payment_rules
from cadran.payment.operations import TopUpRefused
from cadran.policy import calls
from cadran.policy import queries as policy
from cadran.rating import rules as rating
from cadran.units import period
from cadran.web.api.sources import Records

ACCOUNT = "A000000"
USER_NAME = "exemple"
SINCE = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CALLED = ("33142000001", "447911123456", "33612345678")
EUR = 1_000_000


class Sample:
    """The sample account of a brand."""

    def __init__(self, brand: str, at: datetime) -> None:
        self.terms = policy.terms_in_force(brand, at)
        self.brand = policy.brand(brand)
        self.customer = party.Customer(
            id=0,
            user_id=0,
            username=USER_NAME,
            email="exemple@example.org",
            brand=brand,
            kind="person",
            display_name="Camille Exemple",
            first_names="Camille",
            name="Exemple",
            company="",
            language="fr",
            country=self.brand.country,
            state="active",
            state_reason="",
            account=ACCOUNT,
            currency=self.brand.currency,
            terms=self.terms.ref,
            raised_duration=False,
            created_at=SINCE,
            validated_at=SINCE,
        )

    def balance(self, at: datetime) -> balance.Balance:
        bucket = balance_rules.Bucket(
            owner=ACCOUNT,
            bucket="pay_sample",
            currency=self.customer.currency,
            available_from=SINCE,
            expires_at=period.utc(at) + timedelta(days=90),
            balance_micros=8 * EUR,
            held_micros=0,
        )
        return balance.Balance(
            account=ACCOUNT, currency=bucket.currency, micros=8 * EUR, held_micros=0, buckets=(bucket,)
        )

    def calls(self, wanted: charging.Wanted, before: tuple[datetime, int] | None, limit: int) -> Records:
        found = [(number, record) for number, record in reversed(list(enumerate(self._records(), 1)))]
        if before is not None:
            found = [pair for pair in found if pair[0] < before[1]]
        return tuple(pair for pair in found if _fits(pair[1], wanted))[:limit]

    def why(self, cdr_id: str) -> explanation.Explanation:
        for record in self._records():
            if record.cdr_id == cdr_id:
                return explanation.Explanation(record=record, legs=())
        raise charging.UnknownCdr(f"no call record {cdr_id!r}: see the identifiers of the customer's calls")

    def movements(self, before: tuple[datetime, str] | None, limit: int) -> tuple[ledger.Movement, ...]:
        bought = ledger.Movement(
            transfer="purchase/pay_sample",
            at=SINCE,
            amount_micros=10 * EUR,
            currency=self.customer.currency,
            reason="card",
        )
        return (bought,) if before is None else ()

    def orders(self, before: str, limit: int) -> tuple[payment.Order, ...]:
        return () if before else (self._order("pay_sample", 10 * EUR, payment_rules.OrderState.PAID, SINCE),)

    def order(self, order_id: str, at: datetime) -> payment.Order:
        if order_id != "pay_sample":
            raise payment.UnknownOrder(f"there is no order {order_id}: look at the list of orders")
        return self.orders("", 1)[0]

    def place_top_up(self, *, key: str, amount_micros: int, at: datetime) -> payment.Order:
        """As the real one decides, from the sample's age and month; the order is kept nowhere."""
        answer = self._answer(amount_micros, at)
        if not answer.decision.allowed:
            raise TopUpRefused(answer.decision.en, decision=answer.decision)
        order_id = "pay_test" + hashlib.sha256(key.encode()).hexdigest()[:16]
        state = payment_rules.OrderState.AT_PROVIDER
        if answer.means is payment_rules.Means.TRANSFER:
            state = payment_rules.OrderState.AWAITING_TRANSFER
        return self._order(order_id, amount_micros, state, at)

    def bought_micros(self, at: datetime) -> int:
        return 0

    def identities(self) -> tuple[party.SipIdentity, ...]:
        return (party.SipIdentity(username=USER_NAME, state="active", changed_at=SINCE),)

    def set_sip_password(self, *, username: str, password: str, at: datetime) -> None:
        if username != USER_NAME:
            raise party_operations.UnknownSipUser("this account has no such SIP user")
        party_rules.checked_sip_password(password, user_name=username)

    def numbers(self) -> tuple[numbering.HeldNumber, ...]:
        return (numbering.HeldNumber("33999000000", ACCOUNT, USER_NAME, "assigned", "FR", "geographic", SINCE, None),)

    def shown_number(self) -> str:
        return "33999000000"

    def acceptances(self) -> tuple[party.Acceptance, ...]:
        text = policy.terms_text(self.terms.ref, "fr")[1]
        return (
            party.Acceptance(
                document="terms", ref=self.terms.ref, text_sha256=text, language="fr", at=SINCE, ip="192.0.2.1"
            ),
        )

    def prefer(self, *, raised: bool | None, language: str | None, at: datetime) -> None:
        self.customer = dataclasses.replace(
            self.customer,
            raised_duration=self.customer.raised_duration if raised is None else raised,
            language=language or self.customer.language,
        )

    def warning_choices(self, at: datetime) -> tuple[tuple[int, ...], int]:
        return warnings.choices(ACCOUNT, self.terms.ref, at)

    def warn_below(self, micros: int, at: datetime) -> None:
        if micros not in self.warning_choices(at)[0]:
            raise warnings.NotOffered("choose one of the thresholds offered")

    def _answer(self, amount_micros: int, at: datetime) -> payment_rules.TopUpAnswer:
        zone = self.terms.text("topup.zone")
        age = (period.civil_day(at, zone) - period.civil_day(SINCE, zone)).days
        return payment_rules.top_up_answer(
            self.terms, amount_micros=amount_micros, seniority_days=max(age, 0), month_micros=self.bought_micros(at)
        )

    def _order(self, order_id: str, amount_micros: int, state: payment_rules.OrderState, at: datetime) -> payment.Order:
        answer = self._answer(amount_micros, at)
        transfer = answer.means is payment_rules.Means.TRANSFER
        return payment.Order(
            order_id=order_id,
            account=ACCOUNT,
            brand=self.brand.key,
            terms=self.terms.ref,
            amount_micros=amount_micros,
            currency=self.customer.currency,
            means=str(answer.means),
            state=state,
            decision=answer.decision,
            reference=payment_rules.transfer_reference(0) if transfer else "",
            provider_ref="",
            checkout_url="",
            placed_at=period.utc(at),
            paid_at=SINCE if state is payment_rules.OrderState.PAID else None,
        )

    def _records(self) -> tuple[records.Record, ...]:
        return tuple(self._record(number, called) for number, called in enumerate(CALLED, 1))

    def _record(self, number: int, called: str) -> records.Record:
        started = SINCE + timedelta(days=number, hours=1)
        price = catalog.price_of(self.brand.key, called, started)
        seconds = 60 * number + 1
        charge = rating.charge(price.rate, seconds, started) if price else None
        limit_s, limit_clause = calls.duration_limit(self.terms, "mobile", raised=False)
        clause = limit_clause or self.terms.clause("calls.first_increment_s")
        return records.Record(
            account=ACCOUNT,
            cdr_id=f"cdr_sample{number}",
            session=f"sample{number}",
            call_id=f"sample{number}",
            brand=self.brand.key,
            terms=self.terms.ref,
            direction="outbound",
            number_class="mobile" if number > 1 else "geographic",
            caller=USER_NAME,
            shown=self.shown_number(),
            destination=called,
            authorised_at=started,
            answered_at=started,
            ended_at=started + timedelta(seconds=seconds),
            disposition="answered",
            ended_by="caller",
            sip_code=200,
            carrier="sample",
            measured_ms=seconds * 1000,
            charged_s=seconds,
            charge_micros=charge.micros if charge else 0,
            currency=self.customer.currency,
            clause=clause,
            loss_s=0,
            loss_micros=0,
            granted_s=seconds,
            limit_s=limit_s,
            limit_clause=limit_clause,
            decision={
                "allowed": True,
                "clause": clause,
                "terms": self.terms.ref,
                "code": "sample",
                "fr": "Appel d’exemple.",
                "en": "A sample call.",
                "inputs": {},
            },
            rate=price.rate if price else None,
            charge=charge.as_dict() if charge else {},
        )


def _fits(record: records.Record, wanted: charging.Wanted) -> bool:
    return (
        (wanted.since is None or record.ended_at >= wanted.since)
        and (wanted.until is None or record.ended_at < wanted.until)
        and (not wanted.direction or record.direction == wanted.direction)
        and (not wanted.dispositions or record.disposition in wanted.dispositions)
        and (not wanted.number_classes or record.number_class in wanted.number_classes)
        and record.destination.startswith(wanted.destination)
        and (not wanted.family or record.family == wanted.family)
        and (wanted.charged is None or (record.charge_micros > 0) is wanted.charged)
    )

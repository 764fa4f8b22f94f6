"""Charging's own operations on the connection that the pages read: calls that were really made, paid for and corrected."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connections

from cadran.balance import adjustments
from cadran.balance import operations as balance
from cadran.balance.adapters.sqlite import SqliteBuckets
from cadran.charging import corrections, needs, records
from cadran.charging.adapters.sqlite import SqliteSessions
from cadran.charging.calls import Calls
from cadran.charging.ports import AuthoriseCall, CorrectCharge, SettleCall
from cadran.ledger.adapters.sqlite import SqliteBooks
from cadran.policy import queries as policy
from cadran.rating.rules import Rate

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = "ippi/2018-04"
LANDLINE, MOBILE = "33142000001", "33612345678"
RATES = (
    Rate(prefix="331", destination="France fixe", currency="EUR", price_nanos=12_000_000, deck="world", line=2),
    Rate(prefix="336", destination="France mobile", currency="EUR", price_nanos=120_000_000, deck="world", line=3),
)


class SmallDeck:
    """RATES by longest prefix."""

    generation = 0

    def find(self, digits: str, at: datetime) -> Rate | None:
        return next((rate for rate in RATES if digits.startswith(rate.prefix)), None)


LAWS = ("billing.national_per_second", "billing.national_territories")


@dataclass
class Till:
    """Credit and calls of an account, on Django's connection to the money. Within a transaction of the test."""

    account: str
    at: datetime = AT
    made: int = field(default=0)
    brand: str = "ippi"
    terms: str = TERMS

    def __post_init__(self) -> None:
        connection = connections["charging"]
        connection.ensure_connection()
        self.buckets, self.books = SqliteBuckets(connection.connection), SqliteBooks(connection.connection)
        self.sessions = SqliteSessions(connection.connection)
        self.contracts = needs.FixedContracts(
            {self.terms: policy.terms(self.terms)}, {name: policy.law(name, self.at) for name in LAWS}
        )
        self.calls = Calls(
            sessions=self.sessions,
            buckets=self.buckets,
            books=self.books,
            contracts=self.contracts,
            prices=needs.FixedPrices(SmallDeck()),
            extension_s=7200,
        )
        balance.open_wallet(
            self.buckets,
            self.books,
            owner=self.account,
            brand=self.brand,
            currency="EUR",
            at=self.at - timedelta(days=400),
        )

    def buy(self, key: str, micros: int, at: datetime | None = None) -> None:
        balance.buy(
            self.buckets,
            self.books,
            owner=self.account,
            key=key,
            amount_micros=micros,
            means="card",
            terms=policy.terms(self.terms),
            at=at or self.at,
        )

    def give(self, key: str, micros: int) -> None:
        adjustments.give(
            self.buckets,
            self.books,
            owner=self.account,
            key=key,
            amount_micros=micros,
            terms=policy.terms(self.terms),
            at=self.at,
        )

    def expire(self, at: datetime) -> None:
        balance.expire(self.buckets, self.books, at=at, owner=self.account)

    def open(self, destination: str = MOBILE, number_class: str = "mobile", **changes: object) -> str:
        """A call that was authorised, with all that the credit pays for; its session."""
        self.made += 1
        fields: dict[str, object] = {
            "session": f"call_{self.account}_{self.made}",
            "account": self.account,
            "terms": self.terms,
            "number_class": number_class,
            "destination": destination,
            "at": self.at + timedelta(minutes=self.made),
            "caller": "claire",
        }
        request = AuthoriseCall(**{**fields, **changes})  # type: ignore[arg-type]
        grant = self.calls.authorise(request)
        if grant.granted_s is not None and not grant.final:
            self.calls.extend(session=request.session, seq=1, used_s=0, at=request.at)
        self.calls.keep()
        return request.session

    def call(
        self, seconds: int = 61, *, answered: bool = True, ended_by: str = "caller", **changes: object
    ) -> records.Record:
        """A call that is over: made, or refused."""
        session = self.open(**changes)  # type: ignore[arg-type]
        known = self.sessions.session(session)
        assert known is not None
        if known.state == "open":
            begun = known.request.at
            self.calls.settle(
                SettleCall(
                    session=session,
                    at=begun + timedelta(seconds=seconds),
                    answered_at=begun if answered else None,
                    measured_ms=seconds * 1000 if answered else 0,
                    disposition="answered" if answered else "no-answer",
                    ended_by=ended_by,
                    sip_code=200 if answered else 480,
                )
            )
            self.calls.keep()
            known = self.sessions.session(session)
            assert known is not None
        record = self.sessions.record(self.account, known.cdr_id)
        assert record is not None
        return record

    def correct(self, record: records.Record, micros: int, reason: str) -> str:
        """The id of the further record."""
        request = CorrectCharge(
            key=f"k{record.cdr_id[-8:]}",
            account=self.account,
            cdr_id=record.cdr_id,
            charge_micros=micros,
            reason=reason,
            at=self.at + timedelta(hours=5),
        )
        return corrections.correct(
            request, sessions=self.sessions, buckets=self.buckets, books=self.books, contracts=self.contracts
        ).cdr_id

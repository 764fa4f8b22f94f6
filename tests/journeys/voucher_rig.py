"""A brand that sells vouchers, two customers of it with wallets, and batches made for them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cadran.charging import needs
from cadran.charging.engine import Engine
from cadran.charging.service import Service
from cadran.charging.vouchers import ChargingCredits
from cadran.journeys import carry, vouchers
from cadran.party import models
from cadran.payment.vouchers import operations, queries, rules
from cadran.payment.vouchers.operations import Hand, Printed
from cadran.payment.vouchers.redemption import Origin, Redeemed
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units.clock import SystemClock
from charging.charging_rig import Books, SmallDeck, fresh_file

EUR = 1_000_000
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = "kryptoow/2018-01"
ANNE, BRUNO = Hand(user_id=9001, name="anne"), Hand(user_id=9002, name="bruno")
CLAIRE, DENIS = "A000001", "A000002"
PORTAL = Origin(channel="portal", source="192.0.2.7")
REASON = "Stock for the spring, order 4711"


def voucher_terms() -> Terms:
    """The brand's terms, its credit as the other prepaid brand has it where it says nothing itself."""
    own, other = policy.terms(TERMS), policy.terms("ippi/2018-04")
    missing = {name: value for name, value in other.values.items() if name.startswith("credit.")}
    return replace(own, values=missing | dict(own.values))


def make_customer(name: str, account: str, brand: str = "kryptoow", terms: str = TERMS) -> None:
    user = models.User.objects.create(username=name, email=f"{name}@example.org", created_at=AT)
    customer = models.Customer.objects.create(
        user=user,
        brand=brand,
        kind="person",
        name=name.title(),
        language="fr",
        country="FR",
        state="active",
        certified_at=AT,
        created_at=AT,
        validated_at=AT,
    )
    models.BillingAccount.objects.create(
        number=account, customer=customer, brand=brand, currency="EUR", terms_ref=terms, created_at=AT
    )


@dataclass
class Shop:
    """What the tests buy and redeem at."""

    engine: Engine
    books: Books
    terms: Terms
    asked: int = 0

    def batch(self, count: int = 3, euros: int = 10, *, issued: bool = True, at: datetime = AT, **more: int) -> Printed:
        """A batch whose sheets were taken by Anne, and whose vouchers Bruno issued."""
        wish = rules.Wish(series="KRY", face_micros=euros * EUR, count=count, **more)
        drafted = operations.draft(
            brand="kryptoow", currency="EUR", terms=self.terms, wish=wish, reason=REASON, by=ANNE, at=at
        )
        operations.approved(batch_id=drafted.batch_id, at=at)
        while operations.make(at=at, batch_id=drafted.batch_id):
            pass
        printed = operations.read_sheets(batch_id=drafted.batch_id)
        operations.take_sheets(batch_id=drafted.batch_id, form="pdf", by=ANNE, at=at)
        if issued:
            self.issue(printed, at=at)
        return printed

    def issue(self, printed: Printed, at: datetime = AT) -> queries.Deed:
        batch = printed.batch
        return operations.issue(
            batch_id=batch.batch_id,
            first=1,
            last=batch.count,
            alone_micros=20 * EUR,
            reason=REASON,
            key=f"issue/{batch.batch_id}",
            by=BRUNO,
            at=at,
        )

    def redeem(
        self, code: str, account: str = CLAIRE, *, key: str = "", at: datetime = AT, origin: Origin = PORTAL
    ) -> Redeemed:
        self.asked += 1
        return vouchers.redeem(
            account=account, code=code, key=key or f"k{self.asked}", at=at, origin=origin, charging=self.engine
        )

    def carry(self, at: datetime = AT + timedelta(minutes=1)) -> None:
        while carry.pending(charging=self.engine, now=at):
            pass

    def owed_micros(self) -> int:
        """What the books say is owed to holders of vouchers."""
        return self.books.one(
            "SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'vouchers/issued/EUR'"
        )

    def credit_micros(self, account: str = CLAIRE) -> int:
        return self.books.balance(account)[0]

    @property
    def credits(self) -> ChargingCredits:
        return ChargingCredits(self.engine)


@contextlib.contextmanager
def served(engine: Engine, path: Path) -> Iterator[None]:
    """The engine behind a socket, as the site reaches it."""
    service = Service(engine, path, civil=SystemClock())
    thread = threading.Thread(target=service.serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        service.stop()
        thread.join(10)


def open_shop(folder: Path) -> Iterator[Shop]:
    terms = voucher_terms()
    file = fresh_file(folder / "charging.db")
    engine = Engine(
        file, contracts=needs.FixedContracts({TERMS: terms}), prices=needs.FixedPrices(SmallDeck()), clock=None
    )
    for name, account in (("claire", CLAIRE), ("denis", DENIS)):
        make_customer(name, account)
        engine.open_wallet(account=account, brand="kryptoow", currency="EUR", at=AT)
    yield Shop(engine, Books(file), terms)
    engine.close()

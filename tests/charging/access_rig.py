"""An engine of KRYPTOOW and IPPI on a small deck, for calls by access number, callback and mobility."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from charging_rig import AT, call, ended

from cadran.catalog.rules import Rate
from cadran.charging import basis, needs
from cadran.charging.engine import Engine
from cadran.charging.ports import AuthoriseCall, BuyCredit
from cadran.charging.records import Record
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.rating import decks

TERMS, IPPI = "kryptoow/2018-01", "ippi/2018-04"
UK = "442079460000"  # 0.06 a minute: 60,000 micros, whatever the line says of increments
FRANCE = "33612345678"  # 0.09 a minute: 1,500 micros a second
REUNION = "262692000000"  # 0.12 a minute: 2,000 micros a second
CALEDONIA = "687751234"  # 0.30 a minute: 5,000 micros a second
ACCESS = "33187000001"


def line(prefix: str, destination: str, price_nanos: int, number: int, **counted: int) -> Rate:
    """A line of the small deck, in increments that no contract of here would choose."""
    return Rate(
        prefix=prefix,
        destination=destination,
        currency="EUR",
        price_nanos=price_nanos,
        deck="test",
        line=number,
        **counted,
    )  # type: ignore[arg-type]


RATES = (
    line("44", "Royaume-Uni", 60_000_000, 2, connection_micros=50_000, minimum_micros=90_000),
    line("336", "France mobile", 90_000_000, 3, first_s=30, next_s=6),
    line("262", "La Réunion", 120_000_000, 4, first_s=60, next_s=60),
    line("687", "Nouvelle-Calédonie", 300_000_000, 5, first_s=60, next_s=60),
    line("331", "France fixe", 12_000_000, 6),
)
LAWS = (basis.PER_SECOND, basis.TERRITORIES)


def contracts(*terms: Terms) -> needs.FixedContracts:
    known = {one.ref: one for one in (policy.terms(TERMS), policy.terms(IPPI), *terms)}
    return needs.FixedContracts(known, {name: policy.law(name, AT) for name in LAWS})


def deck(*rates: Rate) -> decks.Deck:
    return decks.Deck(
        brand="kryptoow", generation=1, versions=(decks.dated(rates or RATES, AT - timedelta(days=900), 1),)
    )


def opened(path: Path, *terms: Terms, prices: decks.Deck | None = None) -> Engine:
    return Engine(path, contracts=contracts(*terms), prices=needs.FixedPrices(prices or deck()), extension_s=7200)


def fund(engine: Engine, micros: int, brand: str = "kryptoow", account: str = "acc1") -> None:
    engine.open_wallet(account=account, brand=brand, currency="EUR", at=AT)
    if micros:
        terms = {"kryptoow": TERMS, "ippi": IPPI}[brand]
        engine.buy_credit(
            BuyCredit(key=f"pay-{account}", account=account, terms=terms, amount_micros=micros, currency="EUR", at=AT)
        )


def access(session: str, destination: str = UK, **changes: object) -> AuthoriseCall:
    fields: dict[str, object] = {
        "terms": TERMS,
        "via": "access-number",
        "family": "fam1",
        "number_class": "mobile",
        "destination": destination,
    }
    return call(session, **{**fields, **changes})


def cost(engine: Engine, session: str, seconds: float, destination: str = UK, **changes: object) -> int:
    grant = engine.authorise(access(session, destination, **changes))
    assert grant.decision.allowed, grant.decision.en
    engine.extend(session=session, seq=1, used_s=1, at=AT)
    return engine.settle(ended(session, seconds)).charge_micros


def kept(engine: Engine, session: str) -> Record:
    found = engine.calls.find(session)
    assert found is not None
    record = engine.sessions.record(found.request.account, found.cdr_id)
    assert record is not None
    return record

"""Credit bought, held, consumed and expired. Each runs inside the charging process's transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from cadran.balance import ports, rules
from cadran.ledger import operations as ledger
from cadran.ledger.ports import Books
from cadran.ledger.rules import Account, AccountRef, Kind
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key
from cadran.units.money import Money
from cadran.units.period import utc

CREDIT = "credit/"
LINE = "line/"
CALLS = "revenue/calls"
VOUCHERS = "vouchers/issued"
PAID_FROM = {"voucher": VOUCHERS}  # what credit bought by these means comes out of, where it is no payment received now
EXPIRY_BATCH = 1000


class WalletUnknown(CadranError):
    """The account has no wallet."""

    error_id = "balance-wallet-unknown"


class WalletDiffers(CadranError):
    """The account has a wallet of another brand or currency."""

    error_id = "balance-wallet-differs"


class PurchaseDiffers(CadranError):
    """The purchase's key was used for another amount."""

    error_id = "balance-purchase-differs"


def house(brand: str, name: str, currency: str) -> AccountRef:
    """An account of the operator itself, such as revenue/calls/EUR of house/ippi."""
    return AccountRef(f"house/{brand}", f"{name}/{currency}")


def open_wallet(store: ports.Buckets, books: Books, *, owner: str, brand: str, currency: str, at: datetime) -> None:
    """Give a billing account a wallet, and the brand the accounts that it needs. Again changes nothing. Raises WalletDiffers."""
    wallet = ports.Wallet(owner=checked_key(owner), brand=checked_key(brand), currency=Money(0, currency).currency)
    known = store.wallet(owner)
    if known is not None:
        if known != wallet:
            raise WalletDiffers(f"{owner} has a wallet of {known.brand} in {known.currency}: use that one")
        return
    for name in (CALLS, "expired-credit", "adjustments"):
        ledger.open_account(books, ref=house(brand, name, currency), currency=currency, at=at)
    store.insert_wallet(wallet, utc(at))


def wallet(store: ports.Buckets, owner: str) -> ports.Wallet:
    """The wallet of an account. Raises WalletUnknown."""
    found = store.wallet(owner)
    if found is None:
        raise WalletUnknown(f"{owner!r} has no wallet: open one first")
    return found


def buckets(store: ports.Buckets, books: Books, *, owner: str) -> tuple[rules.Bucket, ...]:
    """The owner's buckets that are not consumed and not yet expired."""
    funded = {account.ref.name: account for account in books.funded(owner, CREDIT)}
    if not funded:
        return ()
    found = []
    for dates in store.of(owner):
        account = funded.get(CREDIT + dates.bucket)
        if account is not None:
            found.append(_bucket(dates, account.balance_micros or 0, account.held_micros or 0))
    return tuple(found)


def free_micros(store: ports.Buckets, books: Books, *, owner: str, at: datetime) -> int:
    """What the owner can still spend or hold at that instant."""
    return sum(bucket.free_micros for bucket in rules.in_order_of_use(buckets(store, books, owner=owner), at))


def line_account(books: Books, owner: str) -> Account | None:
    """The account of the owner's credit line, the newest one; None for who pays before. See `lines`."""
    found = books.named(owner, LINE)
    return max(found, key=lambda account: account.ref.name) if found else None


def spendable_micros(store: ports.Buckets, books: Books, *, owner: str, at: datetime) -> int:
    """What a call may still hold at that instant: the free credit, and what the owner may still owe."""
    line = line_account(books, owner)
    return free_micros(store, books, owner=owner, at=at) + (line.available_micros if line else 0)


@carries("IPP-9.2-180-days")
def buy(
    store: ports.Buckets,
    books: Books,
    *,
    owner: str,
    key: str,
    amount_micros: int,
    means: str,
    terms: Terms,
    at: datetime,
) -> ports.BucketDates:
    """Open a bucket with what was paid, and extend what is unconsumed and not expired. Idempotent by key.

    Raises WalletUnknown, PurchaseDiffers, InvalidKey, InvalidMoney.
    """
    found = wallet(store, owner)
    if known := store.bucket(owner, checked_key(key)):
        if known.bought_micros != amount_micros:
            raise PurchaseDiffers(f"{key} was a purchase of {known.bought_micros} micros: use a new key for another")
        return known
    if Money(amount_micros, found.currency).micros <= 0:
        raise PurchaseDiffers(f"a purchase is above zero, not {amount_micros} micros")
    expire(store, books, at=at, owner=owner)
    for bucket in buckets(store, books, owner=owner):
        until = rules.extended_expiry(terms, bucket, at)
        if until != bucket.expires_at:
            clause = terms.clause("credit.validity_days")
            store.extend(owner, bucket.bucket, expires_at=until, purchase=key, clause=clause, terms=terms.ref, at=at)
    source = house(found.brand, PAID_FROM.get(means, f"payments/{checked_key(means)}"), found.currency)
    ledger.open_account(books, ref=source, currency=found.currency, at=at)
    return fill_bucket(
        store,
        books,
        wallet=found,
        key=key,
        amount_micros=amount_micros,
        source=source,
        transfer=f"purchase/{key}",
        reason=means if means in PAID_FROM else "purchase",
        terms=terms,
        at=at,
    )


def fill_bucket(
    store: ports.Buckets,
    books: Books,
    *,
    wallet: ports.Wallet,
    key: str,
    amount_micros: int,
    source: AccountRef,
    transfer: str,
    reason: str,
    terms: Terms,
    at: datetime,
) -> ports.BucketDates:
    """Open the bucket of that key and move an amount into it from one of the brand's accounts, valid as if bought now."""
    owner, until = wallet.owner, rules.purchase_expiry(terms, at)
    dates = ports.BucketDates(
        owner=owner,
        bucket=key,
        currency=wallet.currency,
        brand=wallet.brand,
        terms=terms.ref,
        bought_micros=amount_micros,
        balance_after_micros=free_micros(store, books, owner=owner, at=at) + amount_micros,
        available_from=at,
        first_expires_at=until,
        expires_at=until,
    )
    credit = AccountRef(owner, CREDIT + key)
    ledger.open_account(
        books, ref=credit, currency=wallet.currency, at=at, floor_micros=terms.integer("credit.floor_micros")
    )
    ledger.post(
        books,
        owner=owner,
        transfer=transfer,
        debit=source,
        credit=credit,
        currency=wallet.currency,
        amount_micros=amount_micros,
        at=at,
        reason=reason,
    )
    store.insert_bucket(dates)
    return dates


def give_back(
    store: ports.Buckets,
    books: Books,
    *,
    owner: str,
    key: str,
    amount_micros: int,
    terms: Terms,
    at: datetime,
    income: str = CALLS,
) -> str:
    """Return an amount charged too much as a bucket of its own, valid as if bought now; unlike a purchase it extends nothing. From the
    brand's income of that name. Returns the transfer's id."""
    found, transfer = wallet(store, owner), f"correction/{key}"
    source = house(found.brand, income, found.currency)
    ledger.open_account(books, ref=source, currency=found.currency, at=at)
    fill_bucket(
        store,
        books,
        wallet=found,
        key=key,
        amount_micros=amount_micros,
        source=source,
        transfer=transfer,
        reason="correction",
        terms=terms,
        at=at,
    )
    return transfer


def take_more(
    store: ports.Buckets,
    books: Books,
    *,
    owner: str,
    key: str,
    amount_micros: int,
    at: datetime,
    income: str = CALLS,
) -> tuple[tuple[str, ...], int]:
    """Charge an amount afterwards, for the brand's income of that name: the free credit pays what it can, the rest becomes a
    receivable, never a negative bucket. Returns the ids of the transfers, and the micros owed."""
    found = wallet(store, owner)
    revenue = house(found.brand, income, found.currency)
    ledger.open_account(books, ref=revenue, currency=found.currency, at=at)
    usable = rules.in_order_of_use(buckets(store, books, owner=owner), at)
    owed = max(0, amount_micros - sum(bucket.free_micros for bucket in usable))
    sources = [
        (AccountRef(owner, CREDIT + part.bucket), part.micros) for part in rules.spread(amount_micros - owed, usable)
    ]
    if owed:
        receivable = AccountRef(owner, f"receivable/{found.currency}")
        ledger.open_account(books, ref=receivable, currency=found.currency, at=at)
        sources.append((receivable, owed))
    ids = tuple(
        ledger.post(
            books,
            owner=owner,
            transfer=f"correction/{key}.{number}",
            debit=source,
            credit=revenue,
            currency=found.currency,
            amount_micros=micros,
            at=at,
            reason="correction",
        )
        for number, (source, micros) in enumerate(sources)
    )
    return ids, owed


@carries("IPP-9.2-cut-at-zero")
def hold(
    store: ports.Buckets,
    books: Books,
    *,
    owner: str,
    reservation: str,
    step: int,
    amount_micros: int,
    at: datetime,
    income: AccountRef | None = None,
    reason: str = "call",
) -> tuple[str, ...]:
    """Hold an amount under a reservation, on what expires first and on the credit line last; for the brand's account `income`, that of
    calls by default. Returns the transfers' ids; none when the credit does not cover it whole (then nothing is held)."""
    found = wallet(store, owner)
    usable = rules.in_order_of_use(buckets(store, books, owner=owner), at)
    names = {bucket.bucket: CREDIT + bucket.bucket for bucket in usable}
    if (line := line_account(books, owner)) is not None and line.available_micros > 0:
        names[LINE] = line.ref.name
        usable = (*usable, _owing(line, at))
    ids = []
    for number, part in enumerate(rules.spread(amount_micros, usable)):
        ids.append(
            ledger.hold(
                books,
                owner=owner,
                transfer=f"{reservation}:h{step:05d}.{number:03d}",
                reservation=reservation,
                debit=AccountRef(owner, names[part.bucket]),
                credit=income or house(found.brand, CALLS, found.currency),
                currency=found.currency,
                amount_micros=part.micros,
                at=at,
                reason=reason,
            )
        )
    return tuple(ids)


def settle(
    store: ports.Buckets,
    books: Books,
    *,
    owner: str,
    reservation: str,
    amount_micros: int,
    at: datetime,
    unused: Kind = Kind.VOID,
    reason: str = "call",
) -> tuple[str, ...]:
    """Consume an amount of what a reservation holds and release the rest; what is released of credit whose time is over expires.

    Returns the ids of the transfers. Raises the ledger's errors.
    """
    held = books.held(owner, reservation)
    touched = {debit.name for debit, *_ in held if debit.name.startswith(CREDIT)}
    ids = list(
        ledger.resolve(
            books,
            owner=owner,
            reservation=reservation,
            amount_micros=amount_micros,
            at=at,
            reason=reason,
            unused=unused,
            held=held,
        )
    )
    for number, name in enumerate(sorted(touched), start=1):
        dates = store.bucket(owner, name.removeprefix(CREDIT))
        if (
            dates is not None
            and dates.expires_at <= at
            and (moved := _expire(store, books, dates, at, transfer=f"{reservation}:x{number}"))
        ):
            ids.append(moved)
    return tuple(ids)


@carries("IPP-9.2-180-days")
def expire(store: ports.Buckets, books: Books, *, at: datetime, owner: str = "") -> int:
    """Expire every bucket (of the owner, or of all) whose time is over at that instant; returns how many still held credit.

    What calls in progress hold stays theirs; it expires when they release it.
    """
    count = 0
    while True:
        due = (
            tuple(dates for dates in store.of(owner) if dates.expires_at <= at)
            if owner
            else store.due(at, EXPIRY_BATCH)
        )
        for dates in due:
            count += bool(_expire(store, books, dates, at))
        if owner or len(due) < EXPIRY_BATCH:
            return count


def _expire(store: ports.Buckets, books: Books, dates: ports.BucketDates, at: datetime, transfer: str = "") -> str:
    """Move what is free of an expired bucket to expired credit; the transfer's id, or empty when nothing was free."""
    source = AccountRef(dates.owner, CREDIT + dates.bucket)
    account = books.account(source)
    assert account is not None, f"bucket {dates.bucket} of {dates.owner} has no account"
    if dates.expired_at is None:
        store.mark_expired(dates.owner, dates.bucket, at)
    if account.available_micros <= 0:
        return ""
    return ledger.post(
        books,
        owner=dates.owner,
        transfer=transfer or f"expiry/{dates.bucket}",
        debit=source,
        credit=house(dates.brand, "expired-credit", dates.currency),
        currency=dates.currency,
        amount_micros=account.available_micros,
        at=at,
        reason="expiry",
    )


def _owing(line: Account, at: datetime) -> rules.Bucket:
    """What may still be owed, as the last bucket to use."""
    return rules.Bucket(
        owner=line.ref.owner,
        bucket=LINE,
        currency=line.currency,
        available_from=at,
        expires_at=at + timedelta(days=1),
        balance_micros=line.available_micros,
    )


def _bucket(dates: ports.BucketDates, balance_micros: int, held_micros: int) -> rules.Bucket:
    return rules.Bucket(
        owner=dates.owner,
        bucket=dates.bucket,
        currency=dates.currency,
        available_from=dates.available_from,
        expires_at=dates.expires_at,
        balance_micros=balance_micros,
        held_micros=held_micros,
    )

"""Acts that fall due at an instant of the civil clock (credit that expires, orders that lapse), run in order, each at its own
instant: by the jobs process as time passes, and by `cadran clock advance` when a sandbox's clock jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cadran.charging.ports import Charging
from cadran.units import errors, period

MOST_ACTS = 100_000


class ActStuck(errors.CadranError):
    """An act stays due after it was run: running it again would never end."""

    error_id = "journeys-act-stuck"


class TooManyActs(errors.CadranError):
    """More acts fall due than one run carries out; what was run is done, and the next run goes on from there."""

    error_id = "journeys-too-many-acts"


@dataclass(frozen=True, slots=True)
class Act:
    """One kind of due act.

    next_at: the earliest instant at which something of this kind falls due, or None. Reads only.
    run: do all that is due at that instant (and not what is due later); returns how much was done. Idempotent.
    """

    name: str
    next_at: Callable[[], datetime | None]
    run: Callable[[datetime], int]


@dataclass(frozen=True, slots=True)
class Done:
    """An act that was run: which, at what instant, how many things it did."""

    name: str
    at: datetime
    count: int


def run_in_order(
    acts: Sequence[Act],
    *,
    until: datetime,
    reach: Callable[[datetime], None] = lambda _at: None,
    most: int = MOST_ACTS,
) -> tuple[Done, ...]:
    """Run what falls due up to `until` (included), the earliest first; on the same instant, in the order of `acts`.

    `reach` is called with each instant before its act runs (a sandbox moves its clock there). An act due before the one just
    run, because that one brought it about, runs at the later instant: time never goes back. Raises ActStuck, TooManyActs.
    """
    until, done = period.utc(until), list[Done]()
    now: datetime | None = None
    while (earliest := _earliest(acts, until)) is not None:
        if len(done) >= most:
            raise TooManyActs(f"more than {most} acts are due before {until:%Y-%m-%dT%H:%M:%SZ}: run again to go on")
        asked, act = earliest
        now = asked if now is None else max(now, asked)
        reach(now)
        done.append(Done(act.name, now, act.run(now)))
        if act.next_at() == asked:
            raise ActStuck(
                f"{act.name} is still due at {asked:%Y-%m-%dT%H:%M:%SZ} after it ran: see the log for what refused"
            )
    return tuple(done)


def _earliest(acts: Sequence[Act], until: datetime) -> tuple[datetime, Act] | None:
    found = [(at, act) for act in acts if (at := act.next_at()) is not None and at <= until]
    return min(found, key=lambda one: one[0]) if found else None


def acts(charging: Charging) -> tuple[Act, ...]:
    """Everything that falls due by itself, in the order in which it runs on one and the same instant. A room that gains a due
    act gains a line here: an instant that is read, and an operation that is idempotent."""
    from cadran.balance import queries as balance_queries
    from cadran.compliance import operations as compliance
    from cadran.compliance import queries as compliance_queries
    from cadran.journeys import credit, registration, vouchers, warnings
    from cadran.journeys.proposals import operations as proposals
    from cadran.journeys.proposals import queries as proposal_queries
    from cadran.numbering.proofs import operations as proofs
    from cadran.party.documents import operations as documents
    from cadran.party.documents import queries as document_queries
    from cadran.payment import queries as payment_queries
    from cadran.payment.vouchers import operations as voucher_operations
    from cadran.payment.vouchers import redemption

    return (
        Act("registration-lapse", registration.next_lapse, lambda at: registration.lapse(at=at)),
        Act("document-erasure", document_queries.next_erasure, lambda at: documents.erase_due(at=at)),
        Act("transfer-lapse", payment_queries.next_transfer_lapse, lambda at: credit.lapse_orders(at=at)),
        Act("voucher-resumption", redemption.next_resume, lambda at: vouchers.resume(at=at, charging=charging)),
        Act("voucher-expiry", voucher_operations.next_expiry, lambda at: voucher_operations.expire(at=at)),
        Act("proposal-expiry", proposal_queries.next_expiry, lambda at: proposals.expire(at=at)),
        Act("expiry-warning", warnings.next_expiry_warning, lambda at: warnings.warn_of_expiry(at=at)),
        Act("proof-deletion", proofs.next_deletion, lambda at: proofs.delete_old(at=at)),
        Act("retained-deletion", compliance_queries.next_deletion, lambda at: compliance.delete_retained(at=at)),
        Act("credit-expiry", balance_queries.next_expiry, lambda at: charging.expire_credit(at=at)),
    )


def run_due(
    *, charging: Charging, now: datetime, reach: Callable[[datetime], None] = lambda _at: None
) -> tuple[Done, ...]:
    """Run every act due at `now` or before, in order. Raises charging's errors, ActStuck and TooManyActs."""
    return run_in_order(acts(charging), until=now, reach=reach)

"""What charging offers to voice, web and jobs, whatever lies behind it (a local socket, or the engine itself in a test).

Every request is idempotent by its key: the same key gives the same answer, refusals included, and moves no money twice.
All instants are aware UTC of the civil clock; durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cadran.catalog.rules import Rate
from cadran.policy.rules import Decision
from cadran.units.errors import CadranError


class ChargingUnavailable(CadranError):
    """The charging process does not answer; nothing is known of the request, so send the same key again."""

    error_id = "charging-unavailable"


class ChargingRefused(CadranError):
    """A request that cannot be carried out as it stands (unknown account, key reused for something else, bad amount).

    `details["reason"]` is the stable id.
    """

    error_id = "charging-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoriseCall:
    """May this call go out, on what basis, and for how long?

    session: idempotency key, one for each call leg that is charged.
    account: billing account of who pays.
    terms: version of the terms that governs the call, as `brand/version`.
    accepted_terms: the version that the customer last accepted, kept beside it; empty where it is the same or unknown.
    number_class: a value of numbering.rules.NumberClass.
    destination: E.164 digits without plus, a SIP address for open_sip, or the short number as dialled.
    shown: the caller number presented (E.164 digits) or empty when withheld.
    raised_duration: the customer chose 120 minutes instead of 60 (IPP-9.6-120-minutes).
    country: where the caller is (ISO 3166, two letters), for emergency routing; empty when unknown.
    wanted_s: seconds that the first grant should cover where the credit pays for them, for a switch that cannot ask for more later.
    lease_s: seconds after which a call of which nothing is heard counts as over, 0 for the usual ones.
    family: what the legs of one customer's call have in common (an access number's call and the call behind it, both legs of a
    callback); empty for a call of one charged leg.
    via: how the call was set up: empty from a phone of ours, `access-number`, `mobility`, `callback`; `access-leg` is the caller's own
    leg to the access number, `callback-leg` the one that rings the customer.
    consumer, by_minute: whether a consumer pays, and has asked for the minute to national numbers (LAW-per-second).
    """

    session: str
    account: str
    terms: str
    number_class: str
    destination: str
    at: datetime
    caller: str = ""
    shown: str = ""
    direction: str = "outbound"
    raised_duration: bool = False
    call_id: str = ""
    country: str = ""
    accepted_terms: str = ""
    wanted_s: int = 0
    lease_s: int = 0
    family: str = ""
    via: str = ""
    consumer: bool = True
    by_minute: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The answer to authorise and extend.

    decision: allowed or not, and why. A refusal holds nothing.
    granted_s: seconds of conversation that are paid for, counted from the answer; None = not limited by credit.
    limit_s: seconds after which the call is cut whatever the credit, None = never; limit_clause names why.
    final: no more credit can follow: the call ends when granted_s are over.
    """

    session: str
    decision: Decision
    granted_s: int | None = None
    limit_s: int | None = None
    limit_clause: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleCall:
    """The call is over, or never was answered (answered_at None).

    measured_ms: monotonic milliseconds from 200 OK to BYE; rounded up to seconds, at least one, by charging.
    disposition: answered | busy | no-answer | cancelled | declined | failed | refused.
    ended_by: caller | callee | credit | limit | operator | media-lost | restart.
    """

    session: str
    at: datetime
    answered_at: datetime | None = None
    measured_ms: int = 0
    disposition: str = "answered"
    ended_by: str = "caller"
    sip_code: int = 200
    carrier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the call became. cut: it was ended because the credit or the allowed duration was over."""

    session: str
    cdr_id: str
    charged_s: int
    charge_micros: int
    currency: str
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyCredit:
    """A payment received becomes credit. key: one for each payment. amount_micros is tax included. With the means `voucher` nothing is
    received now: it comes out of what the brand owes to holders of vouchers."""

    key: str
    account: str
    terms: str
    amount_micros: int
    currency: str
    at: datetime
    means: str = "card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The bucket that a purchase opened; expires_at is the first instant at which the credit is no longer valid."""

    key: str
    bucket: str
    expires_at: datetime
    balance_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectCharge:
    """A call turns out to cost something else: a further record says so, the first stays as it is (IPP-10.1-cdr).

    key: one for each correction. charge_micros: what the call costs in all from now on. reason: for the customer to read.
    rate: the price by which the call is charged again (a re-rating): charge_micros is then what that rate gives for the seconds
    charged at the call's own instant, to the micro-unit, and the terms must still allow it (IPP-10.1-re-rating).
    """

    key: str
    account: str
    cdr_id: str
    charge_micros: int
    reason: str
    at: datetime
    rate: Rate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The further record. returned_micros: given back as credit; owed_micros: of a higher charge, what the credit did not cover."""

    key: str
    cdr_id: str
    returned_micros: int
    owed_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCredit:
    """Take credit back without a call: hold it first, then take it for good or release it.

    key: one for each withdrawal, the same for its steps. step: `hold`, `take` or `release`. amount_micros: all or nothing, above zero;
    of the one bucket that `bucket` names (the key of its purchase), or of any. towards: the brand's account that gets it,
    `payments/card` for a refund, `adjustments` for goodwill withdrawn.
    """

    key: str
    account: str
    step: str
    at: datetime
    amount_micros: int = 0
    bucket: str = ""
    towards: str = "adjustments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """state: `held`, `taken` or `released`, which may be further than the step asked for when it is repeated."""

    key: str
    state: str
    amount_micros: int


class Withdrawals(Protocol):
    """What refunds and staff use beside `Charging`; idempotent by key and step. May raise ChargingUnavailable, and ChargingRefused
    with the reasons balance-credit-not-free, balance-withdrawal-differs, balance-withdrawal-unknown, account-unknown."""

    def withdraw(self, request: WithdrawCredit) -> Withdrawn: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveCredit:
    """Staff give credit without a payment: a bucket of its own, against the brand's account of goodwill. key: one for each gift."""

    key: str
    account: str
    terms: str
    amount_micros: int
    currency: str
    at: datetime


class Gifts(Protocol):
    """What staff use beside `Charging`; idempotent by key. May raise ChargingUnavailable and ChargingRefused."""

    def give_credit(self, request: GiveCredit) -> Bought: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeEvent:
    """Charge a one-off service, at a price that the caller has decided: at once, or held first and then taken in part or released.

    key: one for each event, the same for its steps. step: `once`, `hold`, `take` or `release`; the last two need key, account, step
    and at alone. service: `sms`, `airtime`..., a word of small letters, which also names the brand's income. amount_micros: the whole
    price, 0 and above; of a take, what is due in the end, None for all that is held. units: how many (parts of an SMS), for the
    customer to read. destination: the number or address served. decision: the caller's answer of the contract, that it is allowed
    and by which clause. hold_s: seconds for which the amount stays held when nothing more is heard, 0 for the usual ones of a call.
    """

    key: str
    account: str
    step: str
    at: datetime
    service: str = ""
    terms: str = ""
    amount_micros: int | None = None
    currency: str = ""
    units: int = 1
    destination: str = ""
    caller: str = ""
    decision: Decision | None = None
    hold_s: int = 0
    accepted_terms: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """state: `refused` (the credit does not suffice: `decision` says so, nothing is held), `held`, `taken` or `released`.
    amount_micros: what is held or was taken; cdr_id: its record, once it is over."""

    key: str
    decision: Decision
    state: str
    amount_micros: int
    currency: str
    cdr_id: str = ""


class Events(Protocol):
    """One-off services beside `Charging`; idempotent by key and step. May raise ChargingUnavailable, and ChargingRefused with the
    reasons account-unknown, terms-unknown, currency-differs, key-reused, event-unknown, event-refused, event-taken, event-released,
    event-exceeds-hold, invalid."""

    def charge_event(self, request: ChargeEvent) -> Charged: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """What an account may owe beside its credit: postpaid, or a limit of security. key: one for each change or repayment.

    step: `limit` (amount_micros: the most that may be owed from now on, 0 for nothing more) or `repay` (what was paid of it, by
    `means`).
    """

    key: str
    account: str
    step: str
    amount_micros: int
    at: datetime
    means: str = "transfer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A credit line: the most that may be owed, what is owed, and what calls in progress hold beyond that."""

    key: str
    limit_micros: int
    owed_micros: int
    held_micros: int


class Lines(Protocol):
    """What staff and collection use beside `Charging`; idempotent by key. May raise ChargingUnavailable, and ChargingRefused with the
    reasons balance-line-differs, balance-line-held, balance-line-exceeded, balance-line-unknown, account-unknown, invalid."""

    def credit_line(self, request: CreditLine) -> Line: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveVouchers:
    """Vouchers of a brand worth that much were issued, blocked or expired (`step`): what is owed to their holders moves with them.
    key: one for each deed, above zero."""

    key: str
    brand: str
    step: str
    amount_micros: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedVouchers:
    key: str
    transfer: str


class Vouchers(Protocol):
    """What journeys use beside `Charging`; idempotent by key and step. May raise ChargingUnavailable and ChargingRefused."""

    def move_vouchers(self, request: MoveVouchers) -> MovedVouchers: ...


class Corrections(Protocol):
    """What staff and re-rating use beside `Charging`; idempotent by key as well. May raise ChargingRefused: cdr-unknown, key-reused,
    correction-excluded, out-of-time, invalid."""

    def correct(self, request: CorrectCharge) -> Corrected: ...


class Charging(Protocol):
    """The service. Every method may raise ChargingUnavailable and ChargingRefused."""

    def open_wallet(self, *, account: str, brand: str, currency: str, at: datetime) -> None: ...
    def authorise(self, request: AuthoriseCall) -> Grant: ...
    def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant: ...
    def heartbeat(self, *, used_s: Mapping[str, int]) -> tuple[str, ...]:
        """Renew the leases of answered calls with the seconds measured so far; returns the sessions that are no longer open."""
        ...

    def settle(self, request: SettleCall) -> Settled: ...
    def buy_credit(self, request: BuyCredit) -> Bought: ...
    def expire_credit(self, *, at: datetime) -> int:
        """Expire every bucket whose time is over at `at`; returns how many. Idempotent."""
        ...

    def erase_evidence(self, *, holder: int, shard: int = 0) -> int:
        """Remove the bodies, salts and data key that the evidence of charging (that of a shard) keeps of a holder; returns how many
        bodies. Idempotent. Told by policy.proof.operations.erase alone, which puts the erasure on record first."""
        ...

    def reload_decks(self) -> int:
        """Take up newly activated decks; returns the number of the newest one."""
        ...

"""What a key looks like, and what may be asked of it. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cadran.party import staff as staff_rules
from cadran.units.errors import CadranError, InvalidInput

PREFIX_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PREFIX_LENGTH = 12
MOST_KEYS = 20
MOST_DAYS = 730
_FORM = re.compile(r"ck_(live|test)_([0-9a-hjkmnp-tv-z]{12})_([A-Za-z0-9_-]{43})")
_LABEL = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]{1,60}")


class Scope(StrEnum):
    """What a key may do. Those that begin with `staff:` suit keys of the operator's staff, the others keys of a customer."""

    READ_ACCOUNT = "read:account"
    READ_CALLS = "read:calls"
    READ_LEDGER = "read:ledger"
    WRITE_CALLS = "write:calls"
    WRITE_TOPUP = "write:topup"
    WRITE_SIP = "write:sip"
    WRITE_PREFERENCES = "write:preferences"
    READ_EXPORT = "read:export"
    WRITE_ACCOUNT = "write:account"
    WRITE_SECURITY = "write:security"
    READ_WEBHOOKS = "read:webhooks"
    WRITE_WEBHOOKS = "write:webhooks"
    STAFF_READ_CUSTOMERS = "staff:read:customers"
    STAFF_READ_PERSONAL = "staff:read:personal-data"
    STAFF_WRITE_CUSTOMERS = "staff:write:customers"
    STAFF_READ_CALLS = "staff:read:calls"
    STAFF_WRITE_CALLS = "staff:write:calls"
    STAFF_READ_LEDGER = "staff:read:ledger"
    STAFF_WRITE_CREDIT = "staff:write:credit"
    STAFF_READ_EVIDENCE = "staff:read:evidence"
    STAFF_READ_WEBHOOKS = "staff:read:webhooks"
    STAFF_WRITE_WEBHOOKS = "staff:write:webhooks"
    STAFF_WRITE_REGISTRATIONS = "staff:write:registrations"
    STAFF_REVIEW_DOCUMENTS = "staff:review:documents"
    STAFF_READ_CASES = "staff:read:cases"
    STAFF_WRITE_CASES = "staff:write:cases"
    STAFF_WRITE_REFUNDS = "staff:write:refunds"
    STAFF_APPROVE_CREDIT = "staff:approve:credit"
    STAFF_EXPORT_EVIDENCE = "staff:export:evidence"
    STAFF_READ_TERMS = "staff:read:terms"
    STAFF_WRITE_TERMS = "staff:write:terms"
    STAFF_READ_PRICES = "staff:read:prices"
    STAFF_WRITE_PRICES = "staff:write:prices"
    STAFF_READ_PROMPTS = "staff:read:prompts"
    STAFF_WRITE_PROMPTS = "staff:write:prompts"
    STAFF_READ_PARTNERS = "staff:read:partners"
    STAFF_WRITE_PARTNERS = "staff:write:partners"
    STAFF_READ_VIEWS = "staff:read:views"
    STAFF_READ_STAFF = "staff:read:staff"
    STAFF_READ_VOUCHERS = "staff:read:vouchers"
    STAFF_WRITE_VOUCHERS = "staff:write:vouchers"
    STAFF_BLOCK_VOUCHERS = "staff:block:vouchers"

    @property
    def for_staff(self) -> bool:
        return self.value.startswith("staff:")


# What the role of whoever made a key must still hold, for each scope of staff: a key reaches no further than its maker.
NEEDS: Mapping[Scope, staff_rules.Permission] = {
    Scope.STAFF_READ_CUSTOMERS: staff_rules.Permission.SEE_CUSTOMERS,
    Scope.STAFF_READ_PERSONAL: staff_rules.Permission.SEE_PERSONAL_DATA,
    Scope.STAFF_WRITE_CUSTOMERS: staff_rules.Permission.MANAGE_CUSTOMERS,
    Scope.STAFF_READ_CALLS: staff_rules.Permission.SEE_CALLS,
    Scope.STAFF_WRITE_CALLS: staff_rules.Permission.CUT_CALLS,
    Scope.STAFF_READ_LEDGER: staff_rules.Permission.SEE_MONEY,
    Scope.STAFF_WRITE_CREDIT: staff_rules.Permission.ADJUST_CREDIT,
    Scope.STAFF_READ_EVIDENCE: staff_rules.Permission.SEE_EVIDENCE,
    Scope.STAFF_READ_WEBHOOKS: staff_rules.Permission.SEE_WEBHOOKS,
    Scope.STAFF_WRITE_WEBHOOKS: staff_rules.Permission.REPLAY_WEBHOOKS,
    Scope.STAFF_WRITE_REGISTRATIONS: staff_rules.Permission.MANAGE_CUSTOMERS,
    Scope.STAFF_REVIEW_DOCUMENTS: staff_rules.Permission.REVIEW_DOCUMENTS,
    Scope.STAFF_READ_CASES: staff_rules.Permission.SEE_CASES,
    Scope.STAFF_WRITE_CASES: staff_rules.Permission.ANSWER_CASES,
    Scope.STAFF_WRITE_REFUNDS: staff_rules.Permission.REFUND,
    Scope.STAFF_APPROVE_CREDIT: staff_rules.Permission.APPROVE_ADJUSTMENTS,
    Scope.STAFF_EXPORT_EVIDENCE: staff_rules.Permission.DOWNLOAD,
    Scope.STAFF_READ_TERMS: staff_rules.Permission.SEE_TERMS,
    Scope.STAFF_WRITE_TERMS: staff_rules.Permission.EDIT_TERMS,
    Scope.STAFF_READ_PRICES: staff_rules.Permission.SEE_PRICES,
    Scope.STAFF_WRITE_PRICES: staff_rules.Permission.EDIT_PRICES,
    Scope.STAFF_READ_PROMPTS: staff_rules.Permission.SEE_PROMPTS,
    Scope.STAFF_WRITE_PROMPTS: staff_rules.Permission.EDIT_PROMPTS,
    Scope.STAFF_READ_PARTNERS: staff_rules.Permission.SEE_PARTNERS,
    Scope.STAFF_WRITE_PARTNERS: staff_rules.Permission.EDIT_PARTNERS,
    Scope.STAFF_READ_VIEWS: staff_rules.Permission.SEE_VIEWS,
    Scope.STAFF_READ_STAFF: staff_rules.Permission.MANAGE_STAFF,
    Scope.STAFF_READ_VOUCHERS: staff_rules.Permission.SEE_VOUCHERS,
    Scope.STAFF_WRITE_VOUCHERS: staff_rules.Permission.MAKE_VOUCHERS,
    Scope.STAFF_BLOCK_VOUCHERS: staff_rules.Permission.BLOCK_VOUCHERS,
}
CUSTOMER_SCOPES = tuple(scope for scope in Scope if not scope.for_staff)
STAFF_SCOPES = tuple(scope for scope in Scope if scope.for_staff)


class InvalidKeyWish(InvalidInput):
    """A key that cannot be made as asked: name, scopes or end."""

    error_id = "keys-wish-invalid"


class TooManyKeys(CadranError):
    """An owner has as many keys in force as one may have: revoke one first."""

    error_id = "keys-too-many"


@dataclass(frozen=True, slots=True)
class Parts:
    """A key taken apart: whether it is a test key, and the prefix by which it is looked up."""

    test: bool
    prefix: str


def parts(text: str) -> Parts | None:
    """The parts of what was sent as a key; None when it has not the form of one."""
    found = _FORM.fullmatch(text) if len(text) <= 80 else None
    return Parts(found[1] == "test", found[2]) if found else None


def digest(text: str) -> str:
    """The SHA-256 of a whole key. Its secret has 256 bits, so that no salt and no slow hash is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, kept: str) -> bool:
    """Whether the key has the digest kept, in the same time whatever it differs in."""
    return hmac.compare_digest(digest(text), kept)


def checked_label(text: str) -> str:
    """The name of a key: 1 to 60 characters, none of control. Raises InvalidKeyWish."""
    label = " ".join(text.split())
    if not _LABEL.fullmatch(label):
        raise InvalidKeyWish("name the key in 1 to 60 characters", field="label")
    return label


def checked_scopes(names: Iterable[str], *, staff: bool) -> tuple[Scope, ...]:
    """The scopes in their order, without repeats. Raises InvalidKeyWish for an unknown one, one of the other kind, or none."""
    wanted = {str(name) for name in names}
    suited = STAFF_SCOPES if staff else CUSTOMER_SCOPES
    found = tuple(scope for scope in suited if scope.value in wanted)
    if not found or len(found) != len(wanted):
        raise InvalidKeyWish(
            f"choose at least one scope, of these alone: {', '.join(scope.value for scope in suited)}", field="scopes"
        )
    return found


def checked_end(at: datetime, days: int) -> datetime:
    """When a key made at `at` for `days` days ends. Raises InvalidKeyWish."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidKeyWish(f"a key holds for 1 to {MOST_DAYS} days", field="days")
    return at + timedelta(days=days)

"""What each member of the operator's staff may see and do: pure rules, one table. Nobody else decides it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

from cadran.units.errors import CadranError


class NotPermitted(CadranError):
    """A member of staff asked for something outside its role or its brands."""

    error_id = "party-staff-not-permitted"


class Role(StrEnum):
    """What somebody is employed for. One role each; who does two jobs has two sign-ins."""

    SUPPORT = "support"
    BILLING = "billing"
    COMPLIANCE = "compliance"
    ROUTING = "routing"
    ADMIN = "admin"
    READ_ONLY = "read-only"


class Permission(StrEnum):
    """One thing to see or to do in the back office. Those that begin with `see` change nothing."""

    SEE_CUSTOMERS = "see-customers"
    SEE_PERSONAL_DATA = "see-personal-data"
    MANAGE_CUSTOMERS = "manage-customers"
    SEE_CALLS = "see-calls"
    CUT_CALLS = "cut-calls"
    SEE_MONEY = "see-money"
    ADJUST_CREDIT = "adjust-credit"
    APPROVE_ADJUSTMENTS = "approve-adjustments"
    REFUND = "refund"
    SEE_VOUCHERS = "see-vouchers"
    MAKE_VOUCHERS = "make-vouchers"
    PRINT_VOUCHERS = "print-vouchers"
    BLOCK_VOUCHERS = "block-vouchers"
    REVIEW_DOCUMENTS = "review-documents"
    SEE_EVIDENCE = "see-evidence"
    SEE_VIEWS = "see-views"
    SEE_CASES = "see-cases"
    ANSWER_CASES = "answer-cases"
    SEE_TERMS = "see-terms"
    EDIT_TERMS = "edit-terms"
    SEE_PRICES = "see-prices"
    EDIT_PRICES = "edit-prices"
    SEE_PROMPTS = "see-prompts"
    EDIT_PROMPTS = "edit-prompts"
    SEE_PARTNERS = "see-partners"
    EDIT_PARTNERS = "edit-partners"
    SEE_WEBHOOKS = "see-webhooks"
    REPLAY_WEBHOOKS = "replay-webhooks"
    MANAGE_API_KEYS = "manage-api-keys"
    MOVE_CLOCK = "move-clock"
    MANAGE_STAFF = "manage-staff"
    DOWNLOAD = "download"


_P = Permission
_EVERYBODY = frozenset({_P.SEE_CUSTOMERS, _P.SEE_CALLS, _P.SEE_TERMS, _P.SEE_PRICES, _P.SEE_PROMPTS})
# Nobody both asks for money and approves it alone: operations refuse one's own request whatever the role.
MAY: dict[Role, frozenset[Permission]] = {
    Role.SUPPORT: _EVERYBODY
    | {_P.SEE_PERSONAL_DATA, _P.MANAGE_CUSTOMERS, _P.CUT_CALLS, _P.SEE_MONEY, _P.SEE_CASES, _P.ANSWER_CASES}
    | {_P.SEE_VOUCHERS, _P.BLOCK_VOUCHERS},
    Role.BILLING: _EVERYBODY
    | {_P.SEE_PERSONAL_DATA, _P.SEE_MONEY, _P.ADJUST_CREDIT, _P.APPROVE_ADJUSTMENTS, _P.REFUND, _P.DOWNLOAD}
    | {_P.SEE_CASES, _P.SEE_EVIDENCE}
    | {_P.SEE_VOUCHERS, _P.MAKE_VOUCHERS, _P.PRINT_VOUCHERS, _P.BLOCK_VOUCHERS},
    Role.COMPLIANCE: _EVERYBODY
    | {_P.SEE_PERSONAL_DATA, _P.MANAGE_CUSTOMERS, _P.CUT_CALLS, _P.SEE_MONEY, _P.REVIEW_DOCUMENTS, _P.DOWNLOAD}
    | {_P.SEE_EVIDENCE, _P.SEE_VIEWS, _P.SEE_CASES, _P.ANSWER_CASES, _P.EDIT_TERMS}
    | {_P.SEE_VOUCHERS, _P.BLOCK_VOUCHERS},
    Role.ROUTING: _EVERYBODY
    | {
        _P.CUT_CALLS,
        _P.EDIT_PRICES,
        _P.EDIT_PROMPTS,
        _P.SEE_PARTNERS,
        _P.EDIT_PARTNERS,
        _P.SEE_WEBHOOKS,
        _P.REPLAY_WEBHOOKS,
    },
    Role.ADMIN: frozenset(Permission),
    Role.READ_ONLY: _EVERYBODY | {_P.SEE_MONEY, _P.SEE_PARTNERS, _P.SEE_WEBHOOKS, _P.SEE_VOUCHERS},
}


def may(role: Role, permission: Permission) -> bool:
    """Whether that role holds that permission."""
    return permission in MAY[role]


def serves(brands: Iterable[str], brand: str) -> bool:
    """Whether somebody who serves these brands may see what belongs to `brand`. No brand named: all of them."""
    named = tuple(brands)
    return not named or brand in named


def masked(text: str) -> str:
    """Personal text for who may not see it: the first letter and three dots. Empty stays empty."""
    return f"{text[0]}…" if text else ""


def masked_number(text: str) -> str:
    """A number, or an address of SIP, for who may not see personal data: without its last four digits, or its first letter."""
    if "@" in text:
        return masked(text)
    return text[:-4].rstrip() + " ••••" if len(text) >= 5 else text


def words(text: str) -> tuple[str, ...]:
    """The words of a name as they are looked up: no accents, lower case, at most 8 of 40 characters, each once."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()
    return tuple(dict.fromkeys(word[:40] for word in re.findall(r"\w+", plain)))[:8]

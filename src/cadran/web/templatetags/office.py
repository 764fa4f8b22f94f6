"""How the back office writes what only some roles may read, and the words of its own lists."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.translation import gettext as _

from cadran.party import staff
from cadran.web.office import words
from cadran.web.templatetags import shown

register = template.Library()


@register.filter
def personal(text: str, can: Mapping[str, bool]) -> str:
    """Personal text as it is for those who may read it, else its first letter."""
    return str(text) if can.get("see_personal_data") else staff.masked(str(text))


@register.filter
def number(digits: str, can: Mapping[str, bool]) -> str:
    """A telephone number, its last four digits hidden from those who may not see personal data."""
    whole = shown.phone(str(digits))
    return whole if can.get("see_personal_data") else staff.masked_number(whole)


@register.filter
def state(code: str) -> str:
    """The state of a customer, an order, a mail, a SIP user."""
    return _(words.STATES[code]) if code in words.STATES else str(code)


@register.filter
def act(code: str) -> str:
    """What a member of staff did."""
    return _(words.ACTS[code]) if code in words.ACTS else str(code)


@register.filter
def found_by(code: str) -> str:
    """How a customer was found."""
    return _(words.FOUND_BY[code]) if code in words.FOUND_BY else str(code)


@register.filter
def transfer_kind(code: str) -> str:
    """A line of the journal."""
    return _(words.TRANSFERS[code]) if code in words.TRANSFERS else str(code)


@register.filter
def tone(code: str) -> str:
    """The colour of a tag for a state."""
    return words.TONES.get(code, "")


@register.filter
def means(code: str) -> str:
    """How was paid."""
    return _(words.MEANS[code]) if code in words.MEANS else str(code)


@register.filter
def document_kind(code: str) -> str:
    """What proves an identity."""
    return _(words.DOCUMENT_KINDS[code]) if code in words.DOCUMENT_KINDS else str(code)


@register.filter
def case_kind(code: str) -> str:
    """What a case is about."""
    return _(words.CASE_KINDS[code]) if code in words.CASE_KINDS else str(code)


@register.filter
def proof_state(code: str) -> str:
    """The state of an entry of the evidence."""
    return _(words.PROOF_STATES[code]) if code in words.PROOF_STATES else str(code)


@register.filter
def document_reason(code: str) -> str:
    """Why a document was refused."""
    return _(words.DOCUMENT_REASONS[code]) if code in words.DOCUMENT_REASONS else str(code)

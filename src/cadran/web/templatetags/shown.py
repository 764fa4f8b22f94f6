"""Amounts, durations, numbers and dates as people read them, in the language of the page. No float ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

import phonenumbers
from babel import numbers
from django import template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from cadran.catalog.rules import Rate
from cadran.payment.vouchers import rules as vouchers
from cadran.rating import words
from cadran.web import versions, wording

register = template.Library()

LINES = {"out", "in", "hash", "left", "right", "check"}


def _language() -> str:
    return (get_language() or "fr")[:2]


@register.filter
def money(micros: int, currency: str = "EUR") -> str:
    """Exactly, with two to six decimals: 12345 -> `0,012345 €`."""
    return _amount(Decimal(int(micros)).scaleb(-6), currency, 6)


@register.filter
def credit(micros: int, currency: str = "EUR") -> str:
    """To the cent, rounded down: nobody is shown more than there is."""
    amount = Decimal(int(micros)).scaleb(-6).quantize(Decimal("0.01"), rounding=ROUND_FLOOR)
    return _amount(amount, currency, 2)


@register.filter
def whole(micros: int, currency: str = "EUR") -> str:
    """An amount of whole euros without decimals, any other with two: the amounts on buttons."""
    return _amount(Decimal(int(micros)).scaleb(-6), currency, 2, least=0 if int(micros) % 1_000_000 == 0 else 2)


@register.filter
def cents(micros: int) -> str:
    """As a form of a bank takes it, whatever the language: 200000000 -> `200.00`."""
    whole_cents = int(micros) // 10_000
    return f"{whole_cents // 100}.{whole_cents % 100:02d}"


@register.filter
def price(nanos: int, currency: str = "EUR") -> str:
    """A price a minute, in billionths: 12_000_000 -> `0,012 €`."""
    return _amount(Decimal(int(nanos)).scaleb(-9), currency, 9)


@register.filter
def each(seconds: int | str | None) -> str:
    """What a price is for, by its seconds: `la minute`; nothing stated is a minute."""
    return words.unit(int(seconds or 60), 0 if _language() == "fr" else 1)


@register.filter
def conditions(rate: Rate | None) -> tuple[str, ...]:
    """Everything that a rate says beside its price and increments."""
    return () if rate is None else words.conditions(rate, _language(), _Amounts(rate.currency))


@register.filter
def rounding(stated: str) -> str:
    """How a charge was rounded."""
    return words.rounding(str(stated), 0 if _language() == "fr" else 1)


@dataclass(frozen=True, slots=True)
class _Amounts:
    """Amounts in sentences, in the language of the page."""

    currency: str

    def price(self, nanos: int) -> str:
        return price(nanos, self.currency)

    def money(self, micros: int) -> str:
        return money(micros, self.currency)


def _amount(amount: Decimal, currency: str, most: int, least: int = 2) -> str:
    symbol_last = _language() == "fr"
    digits = "#,##0" + ("." if most else "") + "0" * least + "#" * (most - least)
    pattern = f"{digits}\u00a0¤" if symbol_last else f"¤{digits}"
    return str(numbers.format_currency(amount, currency or "EUR", pattern, locale=_language(), currency_digits=False))


@register.filter
def duration(seconds: int | None) -> str:
    """`42 s`, `3 min 05 s`, `1 h 02 min 03 s`."""
    if seconds is None:
        return "—"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}\u00a0h\u00a0{minutes:02d}\u00a0min\u00a0{rest:02d}\u00a0s"
    return f"{minutes}\u00a0min\u00a0{rest:02d}\u00a0s" if minutes else f"{rest}\u00a0s"


@register.filter
def lasting(seconds: int) -> str:
    """`10 min` where they are whole, else `1 min 01 s`, `42 s`."""
    return f"{seconds // 60}\u00a0min" if seconds % 60 == 0 else duration(seconds)


@register.filter
def talk(seconds: int) -> str:
    """A time of conversation in whole minutes, rounded down: `4 h 12 min`, `35 min`, `42 s` below one minute."""
    whole, rest = divmod(int(seconds), 60)
    hours, left = divmod(whole, 60)
    if hours:
        return f"{hours}\u00a0h\u00a0{left:02d}\u00a0min" if hours < 100 else f"{hours}\u00a0h"
    return f"{left}\u00a0min" if left else f"{rest}\u00a0s"


@register.filter
def at(values: Mapping[str, object], name: str) -> str:
    """The clause of a value of some terms, empty where they state none."""
    return str(getattr(values.get(name), "clause", "")) if values else ""


@register.filter
def minutes(seconds: int) -> str:
    """`60 minutes`."""
    return _("%(count)s minutes") % {"count": int(seconds) // 60}


@register.filter
def phone(text: str) -> str:
    """Digits of an E.164 number in the international form, anything else as it is: 33142000001 -> `+33 1 42 00 00 01`."""
    digits = str(text).lstrip("+")
    if not digits.isdigit() or not digits.isascii() or len(digits) < 7:
        return str(text)
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return str(text)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


@register.filter
def destination(line: object) -> str:
    """The name of the destination of a deck's line, or of a charge made from one, in the language of the page; the brand's language
    where there is no English one."""
    french, english = (
        (line.get(key, "") if isinstance(line, Mapping) else getattr(line, key, ""))
        for key in ("destination", "destination_en")
    )
    return str(english if english and _language() == "en" else french)


@register.filter
def serial(text: str) -> str:
    """A voucher's serial as it is printed: `KRY 0012 000034 5`."""
    return vouchers.shown_serial(text)


@register.filter
def last_day(until: datetime) -> str:
    """The last civil day of something valid until the instant `until` (excluded), in the zone of the page."""
    return formats.date_format(timezone.localtime(until - timedelta(seconds=1)), "DATE_FORMAT")


@register.filter
def told(sentences: dict[str, str], key: str = "") -> str:
    """The sentence of a decision in the language of the page, French where there is no other."""
    return str(sentences.get(_language()) or sentences.get("fr") or key)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A small picture, hidden from screen readers."""
    return format_html(
        '<svg class="icon {}" width="20" height="20" aria-hidden="true" focusable="false"><use href="{}?v={}#{}"/></svg>',
        "line" if name in LINES else "fill",
        static("web/icons.svg"),
        versions.files_version(),
        name,
    )


@register.filter
def disposition(code: str) -> str:
    """How a call attempt went."""
    return wording.named(wording.DISPOSITIONS, code)


@register.filter
def ending(code: str) -> str:
    """Who or what ended a call."""
    return wording.named(wording.ENDINGS, code)


@register.filter
def via(code: str) -> str:
    """How a call was set up, in words; empty from a phone of ours."""
    return wording.named(wording.VIAS, code) if code else ""


@register.filter
def counted(rate: Rate) -> str:
    """The increments of a rate, in words: `à la seconde`, `à la minute`, else `pas de 30 s puis 6 s`."""
    steps = rate.first_s, rate.next_s
    if steps == (1, 1):
        return _("à la seconde")
    if steps == (60, 60):
        return _("à la minute")
    return _("pas de %(first)s s puis %(next)s s") % {"first": steps[0], "next": steps[1]}


@register.filter
def number_class(code: str) -> str:
    """What kind of number was called."""
    return wording.named(wording.NUMBER_CLASSES, code)


@register.filter
def step(code: str) -> str:
    """One term of a charge."""
    return wording.named(wording.STEPS, code)


@register.filter
def document(code: str) -> str:
    """A document that is ticked at registration."""
    return wording.named(wording.DOCUMENTS, code)


@register.filter
def staff_role(code: str) -> str:
    """What a member of staff is employed for."""
    return wording.named(wording.ROLES, str(code))


@register.filter
def movement(reason: str) -> str:
    """What a movement of the credit is called."""
    return wording.movement(reason)

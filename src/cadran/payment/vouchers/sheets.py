"""The sheets of a batch: a PDF to print, ten vouchers a page, or a file for a printing house. Nothing here is kept."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import typst
from babel import dates, numbers

from cadran.payment.vouchers import rules
from cadran.payment.vouchers.operations import Printed
from cadran.units.money import Money

TEMPLATE = Path(__file__).parent / "sheet.typ"
A_PAGE = 10
UNBROKEN = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the brand puts on its vouchers. access: numbers to dial, as people read them; site: without https://."""

    brand: str
    colours: Mapping[str, str]
    zone: str
    site: str
    access: tuple[str, ...] = ()


def pdf(printed: Printed, look: Look) -> bytes:
    """Ten vouchers a page of A4, each of the size of a bank card: serial, code, value, how it is used in French and English."""
    shown = [(rules.shown_serial(serial), rules.grouped(code)) for serial, code in printed.codes]
    pages = [shown[start : start + A_PAGE] for start in range(0, len(shown), A_PAGE)]
    data = json.dumps({**_words(printed, look), "sheets": pages}, ensure_ascii=False)
    return typst.compile(
        TEMPLATE,
        root=TEMPLATE.parent,
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"sheet": data},
        timestamp=int(printed.batch.made_at.timestamp()),
    )


def spreadsheet(printed: Printed) -> bytes:
    """The same for a printing house: serial, code in groups, value, currency, last day; UTF-8 with a mark, comma-separated."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("serial", "code", "value", "currency", "valid_until"))
    batch = printed.batch
    value = f"{Money(batch.face_micros, batch.currency).decimal:.2f}"
    last = (batch.expires_at - timedelta(microseconds=1)).isoformat(timespec="seconds")
    for serial, code in printed.codes:
        writer.writerow((serial, rules.grouped(code), value, batch.currency, last))
    return ("\ufeff" + out.getvalue()).encode()


def _words(printed: Printed, look: Look) -> dict[str, object]:
    batch = printed.batch
    last = (batch.expires_at - timedelta(microseconds=1)).astimezone(ZoneInfo(look.zone)).date()
    face = Money(batch.face_micros, batch.currency).decimal
    pattern = "#,##0 ¤" if face == face.to_integral_value() else "#,##0.00 ¤"
    day_fr, day_en = (dates.format_date(last, format="long", locale=locale) for locale in ("fr", "en_GB"))
    return {
        "title": f"{look.brand} {batch.name}",
        "brand": look.brand,
        "primary": look.colours["primary"],
        "accent": look.colours["accent"],
        "face": numbers.format_currency(face, batch.currency, pattern, locale="fr", currency_digits=False),
        "what_fr": "Ticket de recharge",
        "what_en": "Top-up voucher",
        "scratch": "Code de recharge · Top-up code",
        "digits": f"{rules.CODE_DIGITS} chiffres · digits",
        "how_fr": _how_fr(look.access, look.site),
        "how_en": _how_en(look.access, look.site),
        "until": f"Jusqu’au {day_fr} · Until {day_en}",
        "foot": f"{look.brand} · {batch.name} · {batch.count} × {batch.face_micros // 1_000_000} {batch.currency}",
    }


def _how_fr(access: Sequence[str], site: str) -> str:
    dial = f"Appelez le {_kept(access[0])} et choisissez la recharge, ou a" if access else "A"
    return f"{dial}llez sur {site}, « Recharger par ticket ». Une seule utilisation ; ni repris, ni échangé."


def _how_en(access: Sequence[str], site: str) -> str:
    dial = f"Call {_kept(access[0])} and choose top-up, or g" if access else "G"
    return f"{dial}o to {site}, “Top up by voucher”. Good for one use; not taken back nor exchanged."


def _kept(number: str) -> str:
    return number.replace(" ", UNBROKEN)

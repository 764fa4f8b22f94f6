"""A receipt as a PDF: one page of A4, PDF/A-2a (tagged for screen readers), fonts inside, the same bytes each time."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import typst
from babel import dates, numbers
from django.utils import translation
from django.utils.translation import gettext as _

from cadran.invoicing.queries import Receipt
from cadran.invoicing.rules import ReceiptKind, VatDue
from cadran.units.money import Money

TEMPLATE = Path(__file__).parent / "receipt.typ"
LANGUAGES = ("fr", "en")


def receipt_pdf(receipt: Receipt) -> bytes:
    """The receipt in its own language, French or English (French for any other)."""
    language = receipt.language if receipt.language in LANGUAGES else "fr"
    with translation.override(language):
        data = json.dumps(_shown(receipt, language), ensure_ascii=False)
    try:
        return _compiled(data, receipt, archival=True)
    except (
        typst.TypstError
    ):  # a name in a script that the fonts inside do not have: the machine's fonts, and no PDF/A promise
        return _compiled(data, receipt, archival=False)


def _compiled(data: str, receipt: Receipt, *, archival: bool) -> bytes:
    return typst.compile(
        TEMPLATE,
        root=TEMPLATE.parent,
        format="pdf",
        ignore_system_fonts=archival,
        sys_inputs={"receipt": data},
        pdf_standards=["a-2a"] if archival else None,
        timestamp=int(receipt.issued_at.timestamp()),
    )


def _shown(receipt: Receipt, language: str) -> dict[str, object]:
    """Every word of the page, so that the template holds none of its own."""
    refund = receipt.kind is ReceiptKind.REFUND
    zone = ZoneInfo(receipt.seller.zone)

    def day(at: datetime) -> str:
        return str(dates.format_date(at.astimezone(zone).date(), format="long", locale=_locale(language)))

    def moment(at: datetime) -> str:
        local = at.astimezone(zone)
        return f"{day(at)}, {local:%H:%M} ({local:%Z})"

    def amount(micros: int) -> str:
        return _amount(micros, receipt.currency, language)

    title = _("Reçu d’avoir") if refund else _("Reçu de paiement")
    return {
        "lang": language,
        "title": title,
        "number": receipt.number,
        "number_label": _("Numéro"),
        "issued_label": _("Émis le"),
        "issued": day(receipt.issued_at),
        "brand": receipt.seller.brand,
        "colour": receipt.seller.colour,
        "seller_label": _("Émis par"),
        "seller": _seller_lines(receipt),
        "buyer_label": _("Client"),
        "buyer": _buyer_lines(receipt),
        "what_label": _("Désignation"),
        "amount_label": _("Montant"),
        "what": _("Remboursement de crédit téléphonique prépayé") if refund else _("Crédit téléphonique prépayé"),
        "what_note": _("Utilisable pour tous les services de la marque, selon les conditions générales acceptées."),
        "amount": amount(receipt.amount_micros),
        "totals": _totals(receipt, amount),
        "total_label": _("Total remboursé") if refund else _("Total payé"),
        "facts": _facts(receipt, moment),
        "vat": _vat_sentence(receipt),
        "thanks": _("Ce reçu prouve la commande et son paiement.")
        if not refund
        else _("Cet avoir prouve la somme rendue."),
        "official": "" if language == "fr" else _("Traduction indicative : le français fait foi."),
        "notice": receipt.seller.notice,
        "foot": _legal_line(receipt),
        "page": _("Page"),
    }


def _seller_lines(receipt: Receipt) -> list[str]:
    seller = receipt.seller
    return [line for line in (seller.legal_name, *seller.address, seller.email, seller.phone) if line]


def _buyer_lines(receipt: Receipt) -> list[str]:
    buyer = receipt.buyer
    lines = [buyer.company, buyer.name, buyer.country and _("Pays : %(country)s") % {"country": buyer.country}]
    lines += [
        buyer.siren and f"SIREN {buyer.siren}",
        buyer.vat_number and _("TVA %(number)s") % {"number": buyer.vat_number},
    ]
    return [*(line for line in lines if line), _("Compte %(account)s") % {"account": buyer.account}]


def _facts(receipt: Receipt, moment: object) -> list[list[str]]:
    assert callable(moment)
    means = {"card": _("Carte bancaire"), "transfer": _("Virement bancaire")}.get(receipt.means, receipt.means)
    refund = receipt.kind is ReceiptKind.REFUND
    facts = [
        [_("Commande"), receipt.order],
        [_("Passée le"), moment(receipt.ordered_at)],
        [_("Remboursée le") if refund else _("Payée le"), moment(receipt.paid_at)],
        [_("Moyen de paiement"), means],
        [_("Conditions acceptées"), receipt.terms],
    ]
    if refund:
        facts += [[_("Annule en tout ou partie"), receipt.corrects], [_("Motif"), receipt.reason]]
    return [[name, value] for name, value in facts if value]


def _totals(receipt: Receipt, amount: object) -> list[list[str]]:
    """The parts of the sum: with VAT due at the sale net and VAT, else none."""
    assert callable(amount)
    if receipt.vat_due is VatDue.USE:
        return []
    rate = numbers.format_decimal(receipt.vat_basis_points / 100, locale=receipt.language)
    return [
        [_("Hors taxes"), amount(receipt.net_micros)],
        [_("TVA %(rate)s %%") % {"rate": rate}, amount(receipt.vat_micros)],
    ]


def _vat_sentence(receipt: Receipt) -> str:
    if receipt.vat_due is VatDue.USE:
        return " ".join(
            (
                _("TVA : ce crédit est un bon à usages multiples (art. 256 ter du CGI, directive (UE) 2016/1065)."),
                _("Aucune TVA n’est due à la vente : elle l’est à l’usage du crédit, au taux de chaque service."),
                _("Elle est comprise dans les prix annoncés. Ce document n’ouvre pas droit à déduction."),
            )
        )
    return _("TVA due à la vente : ce crédit n’achète que des services d’un seul taux en un seul lieu.")


def _legal_line(receipt: Receipt) -> str:
    seller = receipt.seller
    capital = seller.share_capital and _("au capital de %(capital)s") % {"capital": seller.share_capital}
    parts = [
        " ".join(part for part in (seller.legal_form, capital) if part),
        seller.registry,
        seller.siren and f"SIREN {seller.siren}",
        seller.vat_number and _("TVA %(number)s") % {"number": seller.vat_number},
        seller.site,
    ]
    return " · ".join(part for part in parts if part)


def _amount(micros: int, currency: str, language: str) -> str:
    pattern = "#,##0.00\u00a0¤" if language == "fr" else "¤#,##0.00"
    shown = numbers.format_currency(
        Money(abs(micros), currency).decimal, currency, pattern, locale=language, currency_digits=False
    )
    return f"−{shown}" if micros < 0 else str(shown)


def _locale(language: str) -> str:
    return "en_GB" if language == "en" else language

"""The pages that a buyer sees: plain HTML, no script, good on a phone."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

STYLE = (Path(__file__).parent / "page.css").read_text()
MEANING = {
    "success": "accepté",
    "refused": "refusé par la banque",
    "late": "accepté, avis tardif au marchand",
    "duplicate": "accepté, avis envoyé trois fois",
    "silent": "accepté, avis jamais envoyé",
    "timeout": "la banque ne répond pas",
    "later-refused": "enregistrée, puis refusée à chaque débit",
}


def document(title: str, inner: str) -> str:
    return (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{inner}</main></body></html>"
    )


def message(title: str, text: str) -> str:
    return document(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def card_table(cards: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><td><code>{number[:4]} {number[4:8]} {number[8:12]} {number[12:]}</code></td><td>{MEANING[outcome]}</td></tr>"
        for number, outcome in cards.items()
    )
    return f'<table aria-label="Cartes d\'essai">{rows}</table>'


def home(cards: Mapping[str, str]) -> str:
    return document(
        "Banque de carte d'essai",
        "<h1>Prestataire de carte du bac à sable</h1><p>Aucun argent réel. Payez avec une de ces cartes :</p>"
        + card_table(cards),
    )


def card_form(session: Mapping[str, Any], cards: Mapping[str, str], error: str = "") -> str:
    total = session["amount_total"]
    amount = "" if total is None else f"{total // 100},{total % 100:02d} {str(session['currency']).upper()}"
    deed = "Enregistrer cette carte" if total is None else f"Payer {amount}"
    problem = f'<p class="bad" role="alert">{escape(error)}</p>' if error else ""
    return document(
        "Paiement par carte",
        f"""<h1>{escape(str(session["description"] or deed))}</h1><p class="amount">{escape(amount)}</p>{problem}
<form method="post"><label for="card">Numéro de carte</label>
<input id="card" name="card" inputmode="numeric" autocomplete="off" required maxlength="23" value="4242 4242 4242 4242">
<div class="row"><div><label for="exp">Expiration</label><input id="exp" name="exp" value="12/34" maxlength="5"></div>
<div><label for="cvc">Cryptogramme</label><input id="cvc" name="cvc" value="123" maxlength="4" inputmode="numeric"></div></div>
<button class="pay" name="action" value="pay">{escape(deed)}</button>
<button class="back" name="action" value="cancel" formnovalidate>Annuler et revenir</button></form>
<p class="note">Bac à sable : aucun argent réel. Cartes d'essai :</p>{card_table(cards)}""",
    )

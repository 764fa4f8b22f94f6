"""A quote as a person reads it, in French and English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_WORDS = {
    "call": ("Appel vers", "Call to"),
    "lasting": ("durée", "lasting"),
    "cost": ("Prix exact", "Exact price"),
    "rounded": ("Arrondi", "Rounded"),
    "up": ("vers le haut", "up"),
    "down": ("vers le bas", "down"),
    "middle": ("au plus proche", "half up"),
    "half-up": ("au plus proche", "half up"),
    "decimals": ("décimales", "decimals"),
    "counted": ("Durée comptée", "Time counted"),
    "connection": ("connexion", "connection"),
    "disconnection": ("fin d'appel", "end of the call"),
    "step": ("entrée dans la tranche", "entry into the cycle"),
    "minimum": ("complément jusqu'au minimum", "up to the minimum"),
    "maximum": ("au-delà du maximum", "beyond the maximum"),
    "from": ("à", "at"),
    "timing": ("plage", "timing"),
    "band": ("tranche horaire", "time band"),
    "plan": ("plan", "plan"),
    "rates": ("tarif", "rates"),
    "prefix": ("préfixe", "prefix"),
    "destination": ("destination", "destination"),
    "cut": (
        "L'appel serait coupé après {seconds} s, au maximum de {maximum} : il coûterait alors {cost}.",
        "The call would be cut after {seconds} s, at the maximum of {maximum}: it would then cost {cost}.",
    ),
    "free": ("Rien n'est facturé", "Nothing is charged"),
    "clause": ("clause", "clause"),
    "terms": ("Conditions", "Terms"),
    "deck": ("Ligne tarifaire", "Deck line"),
    "line": ("ligne", "line"),
    "problems": (
        "{problems} lignes du plan n'ont pas pu être lues et ne comptent pas : cadran deck import --dry-run les nomme.",
        "{problems} lines of the plan could not be read and do not count: cadran deck import --dry-run names them.",
    ),
}


def lines(told: Mapping[str, Any], language: str) -> Iterator[str]:
    """One line each, of what `cadran quote --json` prints."""
    lang = 0 if language == "fr" else 1

    def word(name: str) -> str:
        return _WORDS.get(name, (name, name))[lang]

    currency = "" if told["currency"] == "XXX" else f" {told['currency']}"
    yield f"{word('call')} {told['to']}, {told['at']}, {word('lasting')} {told['seconds']} s"
    if told.get("destination"):
        yield f"  {word('destination')}: {told['destination']}, {word('prefix')} {told['prefix']}"
    if told.get("deck"):
        yield f"  {word('deck')}: {told['deck']} {told['version']}, {word('line')} {told['line']}"
    if told.get("terms"):
        yield f"  {word('terms')}: {told['terms']}, {word('clause')} {told['clause']}"
    if told.get("increments") and told.get("why"):
        yield f"  {told['why'][language]}"
    for step in told["steps"]:
        yield f"  {_step(step, word)}"
    if not told["steps"]:
        yield f"  {word('free')}"
    yield f"{word('counted')}: {told['billed_s']} s"
    yield f"{word('cost')}: {told['cost']}{currency}"
    rounding = told["rounding"]
    how = f"{word(rounding['method'])}, {rounding['decimals']} {word('decimals')}"
    yield f"{word('rounded')}: {told['rounded']}{currency} ({how})"
    if told.get("cut"):
        yield word("cut").format(**told["cut"])
    if told.get("problems"):
        yield word("problems").format(problems=told["problems"])


def _step(step: Mapping[str, Any], word: Any) -> str:
    names = ("prefix", "rates", "timing", "band", "plan")
    where = ", ".join(f"{word(name)} {step[name]}" for name in names if step.get(name))
    where = f"  [{where}]" if where else ""
    if "units" not in step:
        return f"{word(step['kind'])}: {step['amount']}{where}"
    arithmetic = f"{step['units']} × {step['increment_s']} s × {step['rate']} / {step['rate_unit_s']} s"
    return f"{word('from')} {step['from_s']} s: {arithmetic} = {step['amount']}{where}"

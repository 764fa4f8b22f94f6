"""Why a call cost what it cost: from its record and its legs in the ledger to lines that a customer can follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cadran.charging.records import Record
from cadran.ledger.queries import Leg
from cadran.rating import words
from cadran.units.clause import carries
from cadran.units.money import decimal_text

_WORDS = {
    "call": ("Appel", "Call"),
    "service": ("Service", "Service"),
    "units": ("unités", "units"),
    "to": ("vers", "to"),
    "asked": ("demandé", "asked"),
    "answered": ("décroché", "answered"),
    "ended": ("terminé", "ended"),
    "by": ("par", "by"),
    "decision": ("Décision", "Decision"),
    "measured": ("Durée mesurée", "Time measured"),
    "charged": ("Durée facturée", "Time charged"),
    "granted": ("accordé", "granted"),
    "limit": ("limite", "limit"),
    "deck": ("Ligne tarifaire", "Deck line"),
    "line": ("ligne", "line"),
    "band": ("tranche horaire", "time band"),
    "increments": ("paliers", "increments"),
    "calculation": ("Calcul", "Calculation"),
    "exact": ("Total exact", "Exact total"),
    "millionths": ("millionièmes de", "millionths of"),
    "rounding": ("Arrondi", "Rounding"),
    "charge": ("Prix", "Charge"),
    "nothing": ("Rien n'est facturé", "Nothing is charged"),
    "lost": ("à la charge de l'opérateur", "borne by the operator"),
    "clause": ("Clause", "Clause"),
    "terms": ("Conditions acceptées", "Terms accepted"),
    "ledger": ("Écritures", "Ledger entries"),
    "none": ("aucune", "none"),
    "corrected": ("Corrigé par", "Corrected by"),
    "corrects": ("Corrige", "Corrects"),
    "returned": ("Rendu en crédit", "Given back as credit"),
    "way": ("Façon d'appeler", "Way of calling"),
    "counted": ("paliers du contrat ou de la loi", "increments of the contract or of the law"),
    "family": ("Branches du même appel", "Legs of the same call"),
    "total": ("en tout", "in all"),
    "owed": ("Reste dû, le crédit ne suffisant pas", "Owed, as the credit did not suffice"),
}
_VIAS = {
    "access-leg": ("appel au numéro d'accès", "call to the access number"),
    "access-number": ("par numéro d'accès", "through an access number"),
    "callback-leg": ("rappel de l'appelant", "call back to the caller"),
    "callback": ("par rappel", "by callback"),
    "mobility": ("par Mobility", "through Mobility"),
}
# What a record says in words of the program, for people; a word that is not here is shown as it is.
_CLASSES = {
    "emergency": ("numéro d'urgence", "emergency number"),
    "satellite": ("numéro satellitaire", "satellite number"),
    "special": ("numéro spécial", "special number"),
    "on_net": ("client de l'opérateur", "customer of the operator"),
    "open_sip": ("adresse SIP", "SIP address"),
    "inum": ("numéro iNum", "iNum"),
    "geographic": ("ligne fixe", "landline"),
    "mobile": ("mobile", "mobile"),
    "sms": ("SMS", "SMS"),
    "airtime": ("recharge de mobile", "mobile top-up"),
    "excluded": ("plateforme exclue des forfaits", "platform outside packages"),
}
_ENDS = {
    "answered": ("décroché", "answered"),
    "busy": ("occupé", "busy"),
    "no-answer": ("sans réponse", "no answer"),
    "cancelled": ("annulé", "cancelled"),
    "declined": ("décliné", "declined"),
    "failed": ("échoué", "failed"),
    "refused": ("refusé", "refused"),
    "delivered": ("rendu", "delivered"),
    "caller": ("l'appelant", "the caller"),
    "callee": ("l'appelé", "the called"),
    "credit": ("la fin du crédit", "the end of the credit"),
    "limit": ("la durée maximale", "the longest duration"),
    "operator": ("l'opérateur", "the operator"),
    "media-lost": ("la perte du son", "the loss of sound"),
    "restart": ("un redémarrage", "a restart"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything about one charge, ready to be shown. family: the legs of the same call, each with what it costs in the end."""

    record: Record
    legs: tuple[Leg, ...]
    corrections: tuple[Record, ...] = ()
    family: tuple[tuple[Record, int], ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        record = self.record
        return {
            "cdr": record.cdr_id,
            "session": record.session,
            "service": record.service,
            "units": record.units,
            "account": record.account,
            "call": _call(record),
            "via": record.via,
            "family": {
                "key": record.family,
                "micros": sum(micros for _, micros in self.family),
                "legs": [_of_family(row, micros) for row, micros in self.family],
            },
            "decision": dict(record.decision),
            "clause": record.clause,
            "terms": record.terms,
            "limit": {"seconds": record.limit_s, "clause": record.limit_clause},
            "measured_ms": record.measured_ms,
            "granted_s": record.granted_s,
            "charged_s": record.charged_s,
            "price": dict(record.charge),
            "charge_micros": record.charge_micros,
            "currency": record.currency,
            "loss": {"seconds": record.loss_s, "micros": record.loss_micros},
            "ledger": [
                {
                    "transfer": leg.transfer,
                    "kind": leg.kind,
                    "account": leg.account,
                    "amount_micros": leg.amount_micros,
                    "currency": leg.currency,
                    "at": leg.at.isoformat(),
                }
                for leg in self.legs
            ],
            "corrects": record.corrects,
            "corrections": [
                {
                    "cdr": row.cdr_id,
                    "charge_micros": row.charge_micros,
                    "reason": row.reason,
                    "at": row.corrected_at.isoformat() if row.corrected_at else None,
                    "clause": row.clause,
                    "price": dict(row.charge),
                    "returned_micros": row.returned_micros,
                    "owed_micros": row.owed_micros,
                }
                for row in self.corrections
            ],
        }

    @carries("IPP-10.1-cdr", "IPP-10.1-per-second")
    def lines(self, language: str) -> tuple[str, ...]:
        """The explanation in French (`fr`) or English (`en`), one line each."""
        return tuple(_lines(self, 0 if language == "fr" else 1))


def _call(record: Record) -> dict[str, object]:
    return {
        "direction": record.direction,
        "class": record.number_class,
        "destination": record.destination,
        "shown": record.shown,
        "authorised_at": record.authorised_at.isoformat(),
        "answered_at": record.answered_at.isoformat() if record.answered_at else None,
        "ended_at": record.ended_at.isoformat(),
        "disposition": record.disposition,
        "ended_by": record.ended_by,
        "sip_code": record.sip_code,
        "carrier": record.carrier,
    }


def _of_family(record: Record, micros: int) -> dict[str, object]:
    return {
        "cdr": record.cdr_id,
        "via": record.via,
        "destination": record.destination,
        "disposition": record.disposition,
        "charged_s": record.charged_s,
        "charge_micros": micros,
        "clause": record.clause,
    }


def _lines(told: Explanation, lang: int) -> Iterator[str]:
    def word(name: str) -> str:
        return _WORDS[name][lang]

    record = told.record
    of_class = _CLASSES.get(record.number_class, (record.number_class,) * 2)[lang]
    disposition, ended_by = (_ENDS.get(name, (name, name))[lang] for name in (record.disposition, record.ended_by))
    is_call = record.service == "call"
    units = f", {record.units} {word('units')}" if record.units > 1 else ""
    where = f" {word('to')} {record.destination}" if record.destination else ""
    yield f"{word('call' if is_call else 'service')} {record.cdr_id}: {of_class}{where}{units}"
    yield f"  {word('asked')} {record.authorised_at:%Y-%m-%d %H:%M:%S} UTC"
    if record.answered_at:
        yield f"  {word('answered')} {record.answered_at:%Y-%m-%d %H:%M:%S} UTC"
    ended = f"{disposition}, {word('by')} {ended_by}, SIP {record.sip_code}" if is_call else disposition
    yield f"  {word('ended')} {record.ended_at:%Y-%m-%d %H:%M:%S} UTC ({ended})"
    yield f"{word('decision')}: {record.decision['fr' if lang == 0 else 'en']}"
    yield f"  {word('clause')} {record.clause}; {word('terms')} {record.terms}"
    if is_call:
        yield f"{word('measured')}: {record.measured_ms / 1000:.3f} s"
        yield from _time(record, word("charged"), word("granted"), word("limit"))
    if record.rate is None and not record.corrects and not record.charge_micros:
        yield f"{word('nothing')}."
    elif record.rate is not None:
        yield from _price(record.charge, record, lang)
    yield f"{word('charge')}: {decimal_text(record.charge_micros)} {record.currency}"
    if record.loss_s:
        yield f"  + {record.loss_s} s, {decimal_text(record.loss_micros)} {record.currency}, {word('lost')}"
    yield from _family(told, lang)
    yield from _entries(told.legs, word("ledger"), word("none"))
    if record.corrects:
        yield f"{word('corrects')} {record.corrects}: {record.reason}"
    for row in told.corrections:
        yield f"{word('corrected')} {row.cdr_id}: {decimal_text(row.charge_micros)} {row.currency} ({row.reason})"
        yield from _rerated(row, lang)


@carries("KRY-3.1-call-credit")
def _family(told: Explanation, lang: int) -> Iterator[str]:
    """The legs of the same call, with what each costs and by which clause."""
    if not told.family:
        return
    currency = told.record.currency
    total = sum(micros for _, micros in told.family)
    yield f"{_WORDS['family'][lang]}: {decimal_text(total)} {currency} {_WORDS['total'][lang]}"
    for row, micros in told.family:
        way = _VIAS.get(row.via, (row.via, row.via))[lang]
        yield (
            f"  {way} {row.destination}, {_ENDS.get(row.disposition, (row.disposition,) * 2)[lang]}, {row.charged_s} s:"
            f" {decimal_text(micros)} {currency} ({row.clause}) {row.cdr_id}"
        )


@carries("IPP-10.1-re-rating")
def _rerated(row: Record, lang: int) -> Iterator[str]:
    """The decision and the arithmetic of a correction that charged the call again, and what became of the difference."""
    if row.rate is None:
        return
    clause, terms = _WORDS["clause"][lang], _WORDS["terms"][lang]
    yield f"  {row.decision['fr' if lang == 0 else 'en']}"
    yield f"  {clause} {row.clause}; {terms} {row.terms}"
    yield from (f"  {line}" for line in _price(row.charge, row, lang))
    for name, micros in (("returned", row.returned_micros), ("owed", row.owed_micros)):
        if micros:
            yield f"  {_WORDS[name][lang]}: {decimal_text(micros)} {row.currency}"


def _time(record: Record, charged: str, granted: str, limit: str) -> Iterator[str]:
    bounds = []
    if record.granted_s is not None:
        bounds.append(f"{granted} {record.granted_s} s")
    if record.limit_s is not None:
        bounds.append(f"{limit} {record.limit_s} s, {record.limit_clause}")
    yield f"{charged}: {record.charged_s} s" + (f" ({'; '.join(bounds)})" if bounds else "")


def _price(charge: Mapping[str, object], record: Record, lang: int) -> Iterator[str]:
    rate = record.rate
    assert rate is not None

    def word(name: str) -> str:
        return _WORDS[name][lang]

    where = f"{rate.deck} {rate.version}".strip()
    destination = rate.destination if lang == 0 else charge.get("destination_en") or rate.destination
    yield f"{word('deck')}: {rate.prefix} {destination} ({where}, {word('line')} {rate.line})"
    price = charge.get("price_nanos", rate.price_nanos)
    assert isinstance(price, int)
    band = f" ({word('band')} {charge['band']})" if charge.get("band") else ""
    per_s = charge.get("per_s", 60)
    assert isinstance(per_s, int)
    each = words.unit(per_s, lang)
    stated = isinstance(record.decision.get("inputs"), Mapping) and "increments" in record.decision["inputs"]  # type: ignore[operator]
    counted = f" ({word('counted')}, {record.clause})" if stated else ""
    yield f"  {_nanos(price)} {rate.currency} {each}{band}; {word('increments')} {rate.first_s}/{rate.next_s} s{counted}"
    for condition in words.conditions(rate, ("fr", "en")[lang], _Plain(rate.currency)):
        yield f"  {condition}"
    steps = charge.get("steps")
    if isinstance(steps, list | tuple) and steps:
        yield f"{word('calculation')}:"
        for step in steps:
            yield f"  {step['arithmetic']} {rate.currency}{_whose(step)}"
        yield f"  {word('exact')}: {charge['exact_micros']} {word('millionths')} {rate.currency}"
        yield f"{word('rounding')}: {words.rounding(str(charge['rounding']), lang)}"


def _whose(step: Mapping[str, object]) -> str:
    """The band and the prefix of a step whose price is not the one of the start."""
    found = [str(step[name]) for name in ("prefix", "band") if step.get(name)]
    return f" ({', '.join(found)})" if found else ""


@dataclass(frozen=True, slots=True)
class _Plain:
    """Amounts as plain decimals."""

    currency: str

    def price(self, nanos: int) -> str:
        return f"{_nanos(nanos)} {self.currency}"

    def money(self, micros: int) -> str:
        return f"{decimal_text(micros)} {self.currency}"


def _entries(legs: Sequence[Leg], title: str, none: str) -> Iterator[str]:
    yield f"{title}:" + ("" if legs else f" {none}")
    for leg in legs:
        sign = "+" if leg.amount_micros > 0 else ""
        yield f"  {leg.transfer} {leg.kind}: {leg.account} {sign}{decimal_text(leg.amount_micros)} {leg.currency}"


def _nanos(price: int) -> str:
    whole, part = divmod(price, 10**9)
    return f"{whole}.{f'{part:09d}'.rstrip('0').ljust(2, '0')}"

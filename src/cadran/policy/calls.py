"""What the terms say of a call by the class of the number dialled: refused, free or charged, and for how long.

Pure: the terms, the class and what is known of the caller are arguments. Number classes are the texts of
`numbering.rules.NumberClass` (a room above this one, so they are plain texts here).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cadran.policy.law import LawValue
from cadran.policy.rules import Decision, Input
from cadran.policy.terms import Terms
from cadran.units.clause import carries

_REFUSED = {
    "emergency": (
        "Ce service n'achemine pas les numéros d'urgence : utilisez un autre téléphone, fixe ou mobile.",
        "This service does not route emergency numbers: use another phone, landline or mobile.",
    ),
    "satellite": (
        "Ce service n'achemine pas les appels vers les numéros satellitaires.",
        "This service does not route calls to satellite numbers.",
    ),
    "special": (
        "Ce service n'achemine pas les appels vers ce numéro spécial.",
        "This service does not route calls to this special number.",
    ),
}
_NOT_ROUTED = (
    "Ce service n'achemine pas les appels vers ce numéro.",
    "This service does not route calls to this number.",
)
_FREE = {
    "on_net": (
        "Appel gratuit : votre correspondant est aussi client du réseau.",
        "Free call: the person you are calling is also a customer of the network.",
    ),
    "open_sip": (
        "Appel gratuit : cette adresse SIP est sur un réseau ouvert.",
        "Free call: this SIP address is on an open network.",
    ),
    "inum": (
        "Appel gratuit : ce numéro est un numéro iNum.",
        "Free call: this number is an iNum number.",
    ),
}
OFF_PACKAGE = "calls.off_package"
COUNTRIES, SERVICES = "calls.closed_countries", "calls.closed_services"
CHARGED = frozenset({"call-charged", "call-off-package"})
_OFF_PACKAGE = (
    "Appel hors forfait, facturé à la seconde au tarif de la destination.",
    "Call outside every package, charged by the second at the rate of the destination.",
)
_BY_MINUTE = (
    "Appel facturé par minute entamée, sans frais de connexion, au tarif de la destination.",
    "Call charged by the minute begun, without a connection fee, at the rate of the destination.",
)
_NATIONAL = (
    "Appel d'un consommateur vers un numéro national : la loi le veut facturé à la seconde dès la première seconde.",
    "A consumer's call to a national number: by law it is charged by the second from the first second.",
)
_ACCESS_LEG = (
    "Appel au numéro d'accès : rien n'est facturé ici ; votre opérateur peut facturer cet appel.",
    "Call to the access number: nothing is charged here; your own operator may bill that call.",
)
_CLOSED_COUNTRY = (
    "Ce service est fermé vers ce pays, où il ne peut être rendu : l'appel n'est pas acheminé.",
    "This service is closed towards that country, where it may not be provided: the call is not routed.",
)
_CLOSED_SERVICE = (
    "Cette façon d'appeler est fermée vers ce pays, où elle n'est pas permise : l'appel n'est pas acheminé.",
    "This way of calling is closed towards that country, where it is not permitted: the call is not routed.",
)
_FREE_CALL = ("Cet appel est gratuit.", "This call is free.")


@carries("IPP-0-restrictions", "IPP-9.1-free", "IPP-10.1-free-on-net", "IPP-10.1-per-second", "LAW-emergency")
def call_decision(
    terms: Terms,
    number_class: str,
    *,
    emergency_routed: bool,
    inputs: Mapping[str, Input],
    free_account: bool = False,
) -> Decision:
    """Whether a call to that class goes out, and on what basis.

    emergency_routed: emergency routing is switched on for this brand in the caller's country.
    free_account: the caller never bought credit, so that what is free rests on the free offer (IPP-9.1-free).
    inputs: what the answer was decided on, kept with it; the class is added.

    The code is `call-refused-<class>`, `call-not-offered`, `call-emergency-routed`, `call-free-<class>`,
    `call-charged`, or `call-off-package` where the terms keep such calls off every package.
    Credit is not looked at here: a charged call may still be refused for want of it.
    """
    known: dict[str, Input] = {**inputs, "number_class": number_class}
    if number_class == "emergency" and emergency_routed:
        return _answer(terms, True, "emergency.routed_countries", "call-emergency-routed", _EMERGENCY_ROUTED, known)
    if number_class in terms.texts("calls.refused_classes"):
        if number_class == "emergency":
            known["law"] = terms.clause("emergency.routed_countries")
        sentences = _REFUSED.get(number_class, _NOT_ROUTED)
        return _answer(terms, False, "calls.refused_classes", f"call-refused-{_dashed(number_class)}", sentences, known)
    if number_class not in terms.texts("calls.offered_classes"):
        return _answer(terms, False, "calls.offered_classes", "call-not-offered", _NOT_ROUTED, known)
    if free_account and number_class in terms.texts("account.free_classes"):
        return _free(terms, "account.free_classes", number_class, known)
    if number_class in terms.texts("calls.free_classes"):
        return _free(terms, "calls.free_classes", number_class, known)
    if OFF_PACKAGE in terms.values and terms.flag(OFF_PACKAGE):
        return _answer(terms, True, OFF_PACKAGE, "call-off-package", _OFF_PACKAGE, {**known, "off_package": True})
    steps = terms.integer("calls.first_increment_s"), terms.integer("calls.next_increment_s")
    return _answer(terms, True, "calls.first_increment_s", "call-charged", charged_sentences(*steps), known)


@carries("IPP-9.4-mobility")
def package_may_pay(decision: Decision) -> bool:
    """Whether a package may take that call upon itself: only one that is charged and that its terms do not keep off every package."""
    return decision.allowed and decision.code == "call-charged"


def is_charged(decision: Decision) -> bool:
    """Whether the call is charged at its destination's price, be it off every package."""
    return decision.allowed and decision.code in CHARGED


@carries("KRY-3.3-territories")
def closed_decision(terms: Terms, *, country: str, via: str, inputs: Mapping[str, Input]) -> Decision | None:
    """The refusal of a call to a country that the operator closed, or of a service that it closed there; None where neither is.

    country: of the number called (ISO 3166). via: as `charging.ports.AuthoriseCall` has it; a callback's two legs are one service.
    `calls.closed_services` lists `country:service`.
    """
    known: dict[str, Input] = {**inputs, "country": country}
    if COUNTRIES in terms.values and country in terms.texts(COUNTRIES):
        return _answer(terms, False, COUNTRIES, "call-closed-country", _CLOSED_COUNTRY, known)
    service = via.removesuffix("-leg")
    if SERVICES in terms.values and f"{country}:{service}" in terms.texts(SERVICES):
        return _answer(terms, False, SERVICES, "call-closed-service", _CLOSED_SERVICE, {**known, "service": service})
    return None


@carries("KRY-4.4.1-per-minute", "IPP-9.4-mobility")
def counted_decision(terms: Terms, decision: Decision, first_s: int, next_s: int, *, asked: bool) -> Decision:
    """A charged call's decision once its increments are those of the terms. asked: a consumer asked for them, whom the law would
    have had charged by the second."""
    known: dict[str, Input] = {**decision.inputs, "increments": f"{first_s}/{next_s}"}
    if decision.code != "call-charged":
        return replace(decision, inputs=known)
    fr, en = _BY_MINUTE if (first_s, next_s) == (60, 60) else charged_sentences(first_s, next_s)
    if asked:
        fr, en = fr + " Vous l'avez demandé ainsi.", en + " You asked for it."
    return replace(decision, fr=fr, en=en, inputs=known)


@carries("LAW-per-second")
def national_decision(decision: Decision, law: LawValue) -> Decision:
    """A charged call's decision once the law counts it: a consumer's, to a national number."""
    fr, en = _NATIONAL
    known: dict[str, Input] = {**decision.inputs, "increments": "1/1", "law": law.ref}
    return replace(decision, clause=law.clause, fr=fr, en=en, inputs=known)


@carries("KRY-4.4.1-access-cost", "IPP-9.4-mobility")
def access_leg_decision(terms: Terms, inputs: Mapping[str, Input]) -> Decision:
    """The caller's own call to an access number: free with us, whatever the operator that carries it there may bill."""
    stated = (name for name in ("calls.announce_access_cost", "mobility.announce_access_cost") if name in terms.values)
    name = next(stated, "calls.offered_classes")
    return _answer(terms, True, name, "call-access-leg", _ACCESS_LEG, inputs)


@carries("IPP-5.5-one-hour", "IPP-9.6-120-minutes")
def duration_limit(terms: Terms, number_class: str, raised: bool) -> tuple[int | None, str]:
    """Seconds of conversation after which a call to that class is cut, and the clause; (None, "") where it is never cut.

    raised: the customer chose the longer limit.
    """
    if number_class not in terms.texts("calls.limited_classes"):
        return None, ""
    name = "calls.raised_max_duration_s" if raised else "calls.max_duration_s"
    return terms.integer(name), terms.clause(name)


@carries("IPP-9.6-120-minutes")
def longest_s(terms: Terms, raised: bool) -> int | None:
    """Seconds after which calls to the classes that are limited are cut, as the customer chose; None under terms that limit none."""
    if not terms.texts("calls.limited_classes"):
        return None
    return terms.integer("calls.raised_max_duration_s" if raised else "calls.max_duration_s")


_EMERGENCY_ROUTED = (
    "Appel d'urgence : il est acheminé gratuitement au centre compétent.",
    "Emergency call: it is routed free of charge to the centre in charge.",
)


def _free(terms: Terms, name: str, number_class: str, known: Mapping[str, Input]) -> Decision:
    sentences = _FREE.get(number_class, _FREE_CALL)
    return _answer(terms, True, name, f"call-free-{_dashed(number_class)}", sentences, known)


def charged_sentences(first_s: int, next_s: int) -> tuple[str, str]:
    """How a charged call is counted, in French and English, by the steps of its price."""
    if (first_s, next_s) == (1, 1):
        return (
            "Appel facturé à la seconde dès la première seconde, au tarif de la destination.",
            "Call charged by the second from the first second, at the rate of the destination.",
        )
    return (
        f"Appel facturé {first_s} s dès la réponse puis par tranches de {next_s} s, au tarif de la destination.",
        f"Call charged {first_s} s on answer, then in steps of {next_s} s, at the rate of the destination.",
    )


def _answer(
    terms: Terms, allowed: bool, name: str, code: str, sentences: tuple[str, str], known: Mapping[str, Input]
) -> Decision:
    fr, en = sentences
    return Decision(allowed, terms.clause(name), terms.ref, code, fr, en, dict(known))


def by_list_alone(terms: Terms) -> Decision | None:
    """The answer of terms that sort no numbers into classes and publish how calls are counted: what the price list has is charged by
    it. None: these terms sell no calls by the minute, or do sort their numbers."""
    name = "calls.first_increment_s"
    if "calls.refused_classes" in terms.values or name not in terms.values:
        return None
    steps = terms.integer(name), terms.integer("calls.next_increment_s")
    return _answer(terms, True, name, "call-charged", charged_sentences(*steps), {})


def _dashed(number_class: str) -> str:
    return number_class.replace("_", "-")

"""What the terms say of a call by the class of the number dialled: refused, free or charged, and for how long.

Pure: the terms, the class and what is known of the caller are arguments. Number classes are the texts of
`numbering.rules.NumberClass` (a room above this one, so they are plain texts here).
"""

from __future__ import annotations

from collections.abc import Mapping

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

    The code is `call-refused-<class>`, `call-not-offered`, `call-emergency-routed`, `call-free-<class>` or
    `call-charged`. Credit is not looked at here: a charged call may still be refused for want of it.
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
    steps = terms.integer("calls.first_increment_s"), terms.integer("calls.next_increment_s")
    return _answer(terms, True, "calls.first_increment_s", "call-charged", charged_sentences(*steps), known)


@carries("IPP-5.5-one-hour", "IPP-9.6-120-minutes")
def duration_limit(terms: Terms, number_class: str, raised: bool) -> tuple[int | None, str]:
    """Seconds of conversation after which a call to that class is cut, and the clause; (None, "") where it is never cut.

    raised: the customer chose the longer limit.
    """
    if number_class not in terms.texts("calls.limited_classes"):
        return None, ""
    name = "calls.raised_max_duration_s" if raised else "calls.max_duration_s"
    return terms.integer(name), terms.clause(name)


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

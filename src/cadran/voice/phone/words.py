"""What the phone's screen says, in French and in English. Pure."""

from __future__ import annotations

import re

FRENCH = {
    "phone": "téléphone",
    "registering": "enregistrement…",
    "registered": "enregistré",
    "unregistered": "non enregistré",
    "idle": "Prêt. Tapez un numéro, puis Entrée.",
    "entry": "Numéro ou adresse : ",
    "calling": "Appel de {peer}…",
    "ringing": "Ça sonne chez {peer}",
    "early": "{peer} : on entend déjà le réseau",
    "incoming": "{peer} vous appelle",
    "answered": "En communication avec {peer}",
    "muted": "micro coupé",
    "heard": "Entendu",
    "said": "Envoyé",
    "packets": "paquets",
    "lost": "perdus",
    "jitter": "gigue",
    "tone": "son pur de",
    "nothing": "rien n'arrive",
    "stopped": "plus rien depuis {seconds} s",
    "sent": "Touches envoyées : ",
    "received": "Touches reçues : ",
    "log_answered": "décroché",
    "log_ended": "fini : {why}",
    "log_talked": "fini après {duration} : {why}",
    "log_failed": "enregistrement refusé : {why}",
    "keys_idle": "chiffres ou c : composer · q : quitter",
    "keys_entry": "Entrée : appeler · Échap : effacer",
    "keys_incoming": "Entrée : répondre · r : refuser",
    "keys_calling": "r : renoncer · 0-9 * # : touches",
    "keys_call": "0-9 * # : touches · m : micro · r : raccrocher",
}
ENGLISH = {
    "phone": "phone",
    "registering": "registering…",
    "registered": "registered",
    "unregistered": "not registered",
    "idle": "Ready. Type a number, then Enter.",
    "entry": "Number or address: ",
    "calling": "Calling {peer}…",
    "ringing": "Ringing at {peer}",
    "early": "{peer}: the network is heard already",
    "incoming": "{peer} is calling you",
    "answered": "In a call with {peer}",
    "muted": "microphone off",
    "heard": "Heard",
    "said": "Sent",
    "packets": "packets",
    "lost": "lost",
    "jitter": "jitter",
    "tone": "pure tone of",
    "nothing": "nothing arrives",
    "stopped": "nothing for {seconds} s",
    "sent": "Digits sent: ",
    "received": "Digits received: ",
    "log_answered": "answered",
    "log_ended": "ended: {why}",
    "log_talked": "ended after {duration}: {why}",
    "log_failed": "registration refused: {why}",
    "keys_idle": "digits or c: dial · q: quit",
    "keys_entry": "Enter: call · Esc: clear",
    "keys_incoming": "Enter: answer · h: refuse",
    "keys_calling": "h: give up · 0-9 * #: digits",
    "keys_call": "0-9 * #: digits · m: microphone · h: hang up",
}
LANGUAGES = {"fr": FRENCH, "en": ENGLISH}

_WHY = {
    401: ("mot de passe ou utilisateur inconnu", "unknown user or password"),
    402: ("crédit insuffisant", "not enough credit"),
    403: ("refusé par l'opérateur", "refused by the operator"),
    404: ("numéro inconnu", "unknown number"),
    405: ("ce serveur n'enregistre pas de téléphones", "this server registers no phones"),
    407: ("mot de passe ou utilisateur inconnu", "unknown user or password"),
    408: ("pas de réponse du réseau", "no answer from the network"),
    410: ("numéro qui n'est plus attribué", "number no longer in service"),
    480: ("ne répond pas", "does not answer"),
    484: ("numéro incomplet", "incomplete number"),
    486: ("occupé", "busy"),
    487: ("appel abandonné", "call given up"),
    488: ("pas de codec commun", "no codec in common"),
    500: ("panne chez l'opérateur", "failure at the operator"),
    503: ("service saturé ou indisponible", "service full or unavailable"),
    600: ("occupé partout", "busy everywhere"),
    603: ("appel refusé", "call declined"),
    604: ("ce numéro n'existe pas", "this number does not exist"),
}


def why_ended(code: int, reason: str, by: str, language: str) -> str:
    """Why a call ended or a registration failed, for a person. A Reason header's own words are kept."""
    place = 0 if language == "fr" else 1
    if told := re.search(r'text="([^"]{1,120})"', reason):
        return told[1]
    if code == 200:
        return {
            "us": ("vous avez raccroché", "you hung up"),
            "them": ("l'autre côté a raccroché", "the other side hung up"),
        }.get(by, ("raccroché", "hung up"))[place]
    known = _WHY.get(code)
    return f"{known[place]} ({code})" if known else f"{reason or '?'} ({code})"


def duration(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


def from_environment(lang: str) -> str:
    """French first: English where the environment asks for another language than French."""
    code = lang.partition("_")[0].partition(".")[0].lower()
    return "fr" if code in ("", "c", "posix", "fr") else "en"

"""The mailbox's words in French and English."""

from __future__ import annotations

FRENCH, ENGLISH = "fr", "en"
WORDS: dict[str, tuple[str, str]] = {
    "title": ("Boîte aux lettres du bac à sable", "Sandbox mailbox"),
    "lead": (
        "Tout ce que Cadran envoie ici reste ici : rien ne part vers le monde.",
        "Whatever Cadran sends here stays here: nothing goes out into the world.",
    ),
    "search": ("Chercher une adresse, un objet, un mot", "Search for an address, a subject, a word"),
    "find": ("Chercher", "Search"),
    "empty": ("Aucun courriel.", "No mail."),
    "missing": ("Aucun courriel ici.", "No such mail."),
    "untitled": ("(sans objet)", "(no subject)"),
    "back": ("Tous les courriels", "All mails"),
    "from": ("De", "From"),
    "to": ("À", "To"),
    "received": ("Reçu", "Received"),
    "files": ("Pièces jointes", "Attachments"),
    "html": ("Mise en page", "Formatted"),
    "text": ("Texte", "Text"),
    "raw": ("Source", "Source"),
    "headers": ("En-têtes", "Headers"),
    "count": ("{count} courriels", "{count} mails"),
    "frame": ("Le courriel mis en page", "The formatted mail"),
    "download": ("Télécharger la source", "Download the source"),
}


def language_of(chosen: str, accepted: str) -> str:
    """The language of a page: the one chosen, else the first of the browser's that is known, else French."""
    if chosen in (FRENCH, ENGLISH):
        return chosen
    for part in accepted.lower().split(",")[:20]:
        tongue = part.strip()[:2]
        if tongue in (FRENCH, ENGLISH):
            return tongue
    return FRENCH


def say(word: str, language: str) -> str:
    return WORDS[word][language == ENGLISH]

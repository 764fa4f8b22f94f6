"""Expected failures in the words of the person at the screen, by stable error id."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _lazy

from cadran.units.errors import CadranError

_ = gettext_noop

_SENTENCES = {
    "party-user-name-invalid": _(
        "De 3 à 32 lettres sans accent, chiffres, point, tiret ou souligné, en commençant par une lettre."
    ),
    "party-user-name-invalid:reserved": _("Ce nom est réservé à l’opérateur : choisissez-en un autre."),
    "party-user-name-taken": _("Ce nom d’utilisateur est déjà pris : choisissez-en un autre."),
    "party-email-invalid": _("Écrivez une adresse comme nom@exemple.fr, sans accent."),
    "party-name-invalid": _("Écrivez un nom de 1 à 80 lettres, espaces, traits d’union et apostrophes."),
    "party-country-invalid": _("Choisissez un pays de la liste."),
    "party-password-weak:length": _("Le mot de passe compte de 10 à 128 caractères."),
    "party-password-weak:mix": _("Le mot de passe mêle lettres et chiffres."),
    "party-password-weak:known": _("Le mot de passe ne contient ni le nom d’utilisateur ni l’adresse e-mail."),
    "party-sip-password-weak:length": _("Le mot de passe SIP compte de 12 à 64 caractères."),
    "party-sip-password-weak:characters": _(
        "Le mot de passe SIP n’a que des lettres sans accent, des chiffres et !#$%*+,./=?@^_~-"
    ),
    "party-sip-password-weak:mix": _("Le mot de passe SIP mêle lettres et chiffres."),
    "party-sip-password-weak:known": _("Le mot de passe SIP ne contient pas le nom d’utilisateur."),
    "party-sip-password-weak:same": _("Le mot de passe SIP doit différer de celui du site."),
    "units-e164-invalid": _("Écrivez le numéro en entier, avec + et l’indicatif du pays."),
    "numbering-favourites-full": _("Vous suivez déjà huit numéros : retirez-en un d’abord."),
    "party-password-weak:common": _(
        "Ce mot de passe, ou celui dont il est tiré, est courant : il serait essayé parmi les premiers. Prenez plusieurs mots à vous."
    ),
    "party-country-closed": _("Le service est fermé dans ce pays."),
    "party-phone-invalid": _("Écrivez un numéro qui existe, comme 06 12 34 56 78 ou +33 6 12 34 56 78."),
    "party-company-number-invalid:siren": _("Ce SIREN n’existe pas : relisez ses 9 chiffres."),
    "party-company-number-invalid:vat": _("Écrivez un numéro de TVA de l’Union européenne, comme FR40303265045."),
    "party-company-number-invalid:vat-siren": _("Ce numéro de TVA n’est pas celui de l’entreprise de ce SIREN."),
    "party-document-expired:past": _("Ce document n’est plus valable : donnez-en un autre."),
    "party-document-expired:far": _("Relisez la date de fin de validité."),
    "party-document-side-missing": _(
        "Il manque un côté : donnez une photo de chacun, ou un PDF qui contient les deux."
    ),
    "party-document-not-awaited": _("Aucun document n’est attendu pour ce compte en ce moment."),
    "party-document-file-refused:empty": _("Ce fichier est vide."),
    "party-document-file-refused:size": _("Ce fichier dépasse 10 Mo : réduisez-le ou reprenez la photo."),
    "party-document-file-refused:type": _("Donnez une photo (JPEG, PNG ou WebP) ou un PDF."),
    "party-document-file-refused:heic": _("Cette photo est au format HEIC : enregistrez-la en JPEG."),
    "party-document-file-refused:broken": _("Ce fichier ne se lit pas : reprenez la photo."),
    "party-document-file-refused:pixels": _("Cette image est trop grande : réduisez-la."),
    "party-document-file-refused:small": _(
        "Cette image est trop petite pour être lue : reprenez la photo de plus près."
    ),
    "party-document-file-refused:pages": _("Un PDF compte ici quatre pages au plus."),
    "party-document-file-refused:locked": _("Ce PDF est protégé par un mot de passe : enregistrez-le sans."),
    "party-document-file-refused:active": _(
        "Ce PDF contient un script, un formulaire ou une pièce jointe : imprimez-le dans un nouveau PDF, ou prenez une photo."
    ),
    "party-document-file-refused:busy": _("Trop de fichiers arrivent en ce moment : recommencez dans une minute."),
    "numbering-dialled-unreadable": _("Écrivez le numéro en entier, avec + et l’indicatif pour l’étranger."),
    "numbering-unable-to-verify": _("On n’appelle pas depuis ce numéro : donnez celui d’un fixe ou d’un mobile."),
    "calling-number-not-rung": _("Nous n’appelons pas ce numéro pour y dire un code : écrivez au service client."),
    "proofs-too-many": _("Trop de codes demandés : réessayez dans une minute, ou demain."),
    "proofs-too-many-numbers": _("Vous avez déjà dix numéros d’appel : retirez-en un d’abord."),
    "proofs-code-untold": _("Le code n’a pas pu être dit : rien n’a sonné. Réessayez dans un instant."),
    "proofs-code-invalid": _("Le code a six chiffres."),
    "proofs-code-wrong": _("Ce n’est pas le code dit au téléphone."),
    "proofs-unknown": _("Ce code n’est plus valable : demandez-en un autre."),
    "calling-contact-invalid:name": _("Écrivez un nom de 1 à 80 caractères."),
    "calling-contact-invalid:note": _("Une note a 200 caractères au plus."),
    "calling-contact-there": _("Ce numéro est déjà dans vos contacts."),
    "calling-key-taken": _("Cette touche est déjà prise."),
    "calling-key-invalid": _("Une touche va de 1 à 99."),
    "calling-contacts-full": _("Votre carnet est plein : retirez un contact d’abord."),
    "calling-book-unreadable:size": _("Ce fichier est trop grand : exportez une partie du carnet."),
    "calling-book-unreadable:empty": _("Aucun numéro dans ce fichier : exportez le carnet en vCard (.vcf) ou en CSV."),
    "calling-book-unreadable:columns": _("La première ligne nomme les colonnes : nom;numéro."),
    "calling-pin-invalid": _("Un code a de 4 à 8 chiffres."),
    "calling-pin-trivial": _("Ce code serait essayé parmi les premiers : choisissez-en un autre."),
    "call-through-not-a-calling-number": _("Choisissez l’un de vos numéros d’appel."),
    "journeys-document-changed": _("Ce document a changé entre-temps : relisez-le, puis cochez à nouveau."),
    "journeys-not-accepted": _("Acceptez d’abord les conditions générales et les mentions légales."),
    "journeys-registration-closed": _("Les inscriptions de ce type sont fermées pour le moment."),
}
UNKNOWN = _("Cette demande n’a pas pu aboutir : vérifiez les informations et recommencez.")


def of(error: CadranError) -> str:
    """The sentence for a failure, in the language of the page."""
    detail = "reserved" if error.details.get("reserved") else error.details.get("rule")
    for key in (f"{error.error_id}:{detail}", error.error_id):
        if key in _SENTENCES:
            return gettext(_SENTENCES[key])
    return gettext(UNKNOWN)


def named(names: Mapping[str, str], code: str) -> str:
    """A code of the program in the words of the page; one without words as it is."""
    return gettext(names[code]) if code in names else code


def movement(reason: str) -> str:
    """What a movement of the credit is called."""
    return named(MOVEMENTS, reason)


DISPOSITIONS = {
    "answered": _("décroché"),
    "busy": _("occupé"),
    "no-answer": _("sans réponse"),
    "cancelled": _("abandonné"),
    "declined": _("décliné"),
    "failed": _("échec"),
    "refused": _("refusé"),
    "delivered": _("rendu"),
}
ENDINGS = {
    "caller": _("raccroché par l’appelant"),
    "callee": _("raccroché par l’appelé"),
    "credit": _("coupé : crédit épuisé"),
    "limit": _("coupé : durée maximale atteinte"),
    "operator": _("coupé par l’opérateur"),
    "media-lost": _("coupé : plus de son"),
    "restart": _("coupé par une panne"),
}
VIAS = {
    "access-leg": _("Votre appel au numéro d’accès"),
    "access-number": _("Par numéro d’accès"),
    "callback-leg": _("Rappel de votre téléphone"),
    "callback": _("Par rappel"),
    "mobility": _("Par Mobility"),
}
NUMBER_CLASSES = {
    "emergency": _("urgence"),
    "satellite": _("satellite"),
    "special": _("numéro spécial"),
    "on_net": _("client du réseau"),
    "open_sip": _("adresse SIP ouverte"),
    "inum": _("iNum"),
    "geographic": _("fixe"),
    "mobile": _("mobile"),
    "excluded": _("plateforme"),
    "sms": _("SMS"),
    "airtime": _("recharge de mobile"),
    "unknown": _("inconnu"),
}
STEPS = {
    "first": _("premier pas"),
    "next": _("pas suivants"),
    "connection": _("frais de mise en relation"),
    "minimum": _("minimum"),
    "maximum": _("maximum"),
}
REFUSALS = {
    "unreadable": _lazy("On ne peut pas tout lire : l’image est floue, sombre ou coupée."),
    "side-missing": _lazy("Il manque un côté du document."),
    "expired": _lazy("Le document n’est plus valable."),
    "name-differs": _lazy("Le nom n’est pas celui de votre inscription."),
    "not-an-identity-document": _lazy("Ce n’est pas une carte d’identité, un passeport ou un titre de séjour."),
    "under-age": _lazy("Le service est réservé aux personnes majeures."),
    "bad-faith": _lazy("Le document ne paraît pas authentique."),
}
DOCUMENTS = {
    "terms": _("Conditions générales"),
    "legal": _("Mentions légales"),
    "special": _("Conditions particulières"),
    "descriptions": _("Descriptif des services"),
    "prices": _("Tarifs"),
    "offers": _("Offres"),
}
ROLES = {
    "support": _("assistance"),
    "billing": _("facturation"),
    "compliance": _("conformité"),
    "routing": _("acheminement"),
    "admin": _("administration"),
    "read-only": _("lecture seule"),
}
MOVEMENTS = {
    "call": _("Appel"),
    "event": _("Service à l’unité"),
    "purchase": _("Achat de crédit"),
    "voucher": _("Ticket de recharge"),
    "expiry": _("Crédit expiré"),
    "correction": _("Correction d’un appel"),
    "gift": _("Crédit offert"),
    "goodwill": _("Crédit offert"),
    "refund": _("Remboursement"),
    "grant": _("Crédit offert"),
}

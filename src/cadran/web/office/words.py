"""Words of the back office by the codes that the rooms use: French here, English in the catalogue."""

from __future__ import annotations

from django.utils.translation import gettext_noop

_ = gettext_noop

STATES = {
    "registered": _("à valider"),
    "active": _("actif"),
    "blocked": _("bloqué"),
    "ended": _("terminé"),
    "closed": _("clos"),
    "must-change": _("mot de passe à changer"),
    "created": _("créée"),
    "at_provider": _("chez le prestataire"),
    "awaiting_transfer": _("virement attendu"),
    "paid": _("payée"),
    "refused": _("refusée"),
    "lapsed": _("expirée"),
    "cancelled": _("annulée"),
    "review": _("à examiner"),
    "refunded": _("remboursée"),
    "queued": _("en attente"),
    "sending": _("en cours d’envoi"),
    "sent": _("envoyé"),
    "given-up": _("abandonné"),
    "awaiting": _("à examiner"),
    "superseded": _("sans objet"),
    "accepted": _("acceptée"),
    "erased": _("effacée"),
    "open": _("ouvert"),
    "answered": _("répondu"),
}
TONES = {
    "active": "good",
    "paid": "good",
    "sent": "good",
    "accepted": "good",
    "blocked": "bad",
    "refused": "bad",
    "given-up": "bad",
    "registered": "warn",
    "must-change": "warn",
    "review": "warn",
    "awaiting_transfer": "warn",
    "awaiting": "warn",
    "open": "warn",
}
ACTS = {
    "view": _("a consulté"),
    "list": _("a listé"),
    "search": _("a cherché"),
    "download": _("a téléchargé"),
    "document": _("a ouvert une pièce d’identité"),
    "block": _("a bloqué le client"),
    "unblock": _("a débloqué le client"),
    "require-change": _("a exigé un nouveau code"),
    "block-sip": _("a bloqué la ligne SIP"),
    "unblock-sip": _("a débloqué la ligne SIP"),
    "resend": _("a renvoyé un courriel"),
    "note": _("a écrit une note"),
    "cut": _("a coupé un appel"),
    "accept-document": _("a accepté une pièce d’identité"),
    "refuse-document": _("a refusé une pièce d’identité"),
    "answer": _("a répondu à un dossier"),
    "staff-role": _("a changé le rôle d’un collègue"),
    "staff-disable": _("a retiré l’accès d’un collègue"),
    "ask-give-credit": _("a demandé d’offrir du crédit"),
    "ask-take-credit": _("a demandé de reprendre du crédit"),
    "ask-refund": _("a demandé un remboursement"),
    "money-approve": _("a approuvé une demande d’argent"),
    "money-refuse": _("a refusé une demande d’argent"),
    "money-withdraw": _("a retiré une demande d’argent"),
    "voucher-ask": _("a demandé un lot de tickets"),
    "voucher-approve": _("a approuvé un lot de tickets"),
    "voucher-refuse": _("a refusé un lot de tickets"),
    "voucher-withdraw": _("a retiré une demande de tickets"),
    "voucher-sheets": _("a pris les planches d’un lot de tickets"),
    "voucher-issue": _("a mis des tickets en circulation"),
    "voucher-block": _("a bloqué des tickets"),
    "terms-submit": _("a demandé de publier des conditions"),
    "terms-approve": _("a publié des conditions"),
    "terms-refuse": _("a refusé de publier des conditions"),
    "terms-withdraw": _("a retiré une demande de publication"),
    "deck-import": _("a importé une grille"),
    "deck-activate": _("a activé une grille"),
    "prompt-replace": _("a remplacé une annonce"),
    "prompt-remove": _("a retiré une annonce"),
    "partner-change": _("a changé un partenaire"),
    "access-number-open": _("a ouvert un numéro d’accès"),
    "access-number-change": _("a changé un numéro d’accès"),
    "access-number-close": _("a fermé un numéro d’accès"),
    "remove-calling-number": _("a retiré un numéro d’appel"),
    "partner-test": _("a essayé un partenaire"),
    "clock-advance": _("a avancé l’horloge"),
}
FOUND_BY = {
    "account": _("numéro de compte"),
    "user-name": _("nom d’utilisateur"),
    "email": _("adresse e-mail"),
    "name": _("nom"),
    "sip-user": _("ligne SIP"),
}
TRANSFERS = {
    "posted": _("écriture"),
    "pending": _("réservation"),
    "post": _("réservation utilisée"),
    "void": _("réservation rendue"),
    "expire": _("réservation expirée"),
}
MEANS = {"card": _("carte"), "transfer": _("virement"), "grant": _("offert"), "voucher": _("ticket")}
GROUNDS = {
    "fraud": _("fraude présumée"),
    "customer": _("demande du client"),
    "authority": _("réquisition d’une autorité"),
    "abuse": _("usage contraire aux conditions"),
    "technical": _("incident technique"),
}
DOCUMENT_REASONS = {
    "unreadable": _("illisible"),
    "side-missing": _("il manque un côté"),
    "expired": _("plus valable"),
    "name-differs": _("le nom diffère"),
    "not-an-identity-document": _("pas une pièce d’identité"),
    "under-age": _("trop jeune"),
    "bad-faith": _("document falsifié"),
}
DOCUMENT_KINDS = {
    "identity-card": _("carte d’identité"),
    "passport": _("passeport"),
    "residence-permit": _("titre de séjour"),
}
CASE_KINDS = {
    "lost-codes": _("codes perdus ou volés"),
    "abuse": _("usage abusif"),
    "data-access": _("accès aux données"),
    "data-erasure": _("effacement des données"),
    "billing": _("facturation"),
    "other": _("autre demande"),
}
PROOF_STATES = {
    "readable": _("lisible"),
    "erased": _("effacée"),
    "missing": _("manquante"),
    "altered": _("altérée"),
}

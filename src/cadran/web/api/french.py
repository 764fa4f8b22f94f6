"""The operations in French, for the documentation page: the document itself is in English, as its programs are."""

from __future__ import annotations

from collections.abc import Mapping

SUMMARIES: Mapping[str, str] = {
    "read_brand": "La marque servie à cette adresse",
    "list_documents": "Les documents en vigueur, avec leur empreinte",
    "read_terms": "Une version des conditions, en vigueur ou antérieure",
    "list_prices": "Les tarifs du jour, par pays ou premiers chiffres",
    "read_price": "Le prix d’un appel vers un numéro",
    "list_webhook_kinds": "Les sortes d’avis et ce que chacune dit",
    "read_key": "La clé de cette requête : ses droits, son terme",
    "revoke_key": "Révoquer la clé de cette requête",
    "read_me": "Le client pour lequel la clé agit",
    "read_balance": "Le crédit et ses tranches, dans l’ordre d’utilisation",
    "read_minutes": "Le temps de parole que le crédit donne vers un numéro",
    "list_calls": "Les appels, du plus récent au plus ancien",
    "read_call": "Un appel et son pourquoi",
    "list_movements": "Le relevé : chaque mouvement du crédit",
    "list_sip_identities": "Les lignes SIP et leur serveur",
    "set_sip_password": "Changer le mot de passe d’une ligne SIP",
    "list_numbers": "Les numéros du compte et les numéros vérifiés",
    "read_preferences": "Les choix du client",
    "change_preferences": "Changer des choix du client",
    "list_acceptances": "Chaque document accepté par le client",
    "list_top_up_choices": "Les montants proposés et leur moyen de paiement",
    "place_top_up": "Commander du crédit",
    "list_orders": "Les commandes de crédit",
    "read_order": "Où en est une commande",
    "list_webhooks": "Les adresses qui reçoivent des avis",
    "add_webhook": "Ajouter une adresse",
    "read_webhook": "Une adresse",
    "change_webhook": "Changer une adresse, la suspendre, la reprendre",
    "remove_webhook": "Retirer une adresse et son journal",
    "rotate_webhook_secret": "Prendre un nouveau secret",
    "ping_webhook": "Envoyer un avis d’essai",
    "list_deliveries": "Ce qui a été envoyé à une adresse, avec chaque essai",
    "replay_delivery": "Envoyer de nouveau",
    "list_customers": "Les clients de la marque",
    "search_customers": "Chercher des clients",
    "read_customer": "Tout sur un client",
    "require_change": "Exiger de nouveaux codes d’un client",
    "list_brand_calls": "Les appels des clients de la marque",
    "read_brand_call": "Un appel d’un client et son pourquoi",
    "list_live_calls": "Les appels en cours",
    "cut_call": "Couper un appel en cours",
    "read_books": "Les sommes du grand livre : zéro, toujours",
    "list_unmatched_receipts": "L’argent reçu qui n’a pas trouvé sa commande",
    "list_adjustments": "Crédits donnés, repris, remboursements",
    "propose_adjustment": "Proposer un crédit, une reprise ou un remboursement",
    "read_evidence_status": "Où en sont les scellés et leur témoin",
    "list_evidence": "Ce qui est consigné d’un client, avec son scellé",
}


def summary(operation: str) -> str:
    """The French summary of an operation; those of staff's webhooks are those of customers'."""
    return SUMMARIES.get(operation) or SUMMARIES.get(operation.replace("staff_", ""), "")

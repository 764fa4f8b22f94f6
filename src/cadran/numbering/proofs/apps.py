"""Django's card of this part of the room; its table has migrations of its own."""

from django.apps import AppConfig


class ProofsConfig(AppConfig):
    name = "cadran.numbering.proofs"
    label = "proofs"

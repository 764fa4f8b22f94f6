"""Django's card of this room."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "cadran.ledger"
    label = "ledger"

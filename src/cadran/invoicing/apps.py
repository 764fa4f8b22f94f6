"""Django's card of this room."""

from django.apps import AppConfig


class InvoicingConfig(AppConfig):
    name = "cadran.invoicing"
    label = "invoicing"

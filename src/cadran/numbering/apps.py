"""Django's card of this room."""

from django.apps import AppConfig


class NumberingConfig(AppConfig):
    name = "cadran.numbering"
    label = "numbering"

"""Django's card of this room."""

from django.apps import AppConfig


class PartyConfig(AppConfig):
    name = "cadran.party"
    label = "party"

"""Django's card of this room."""

from django.apps import AppConfig


class JourneysConfig(AppConfig):
    name = "cadran.journeys"
    label = "journeys"

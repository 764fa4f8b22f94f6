"""Django's card of this room."""

from django.apps import AppConfig


class ChargingConfig(AppConfig):
    name = "cadran.charging"
    label = "charging"

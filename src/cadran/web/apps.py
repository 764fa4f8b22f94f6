"""Django's card of this room."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "cadran.web"
    label = "web"

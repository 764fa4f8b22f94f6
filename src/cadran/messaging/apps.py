"""Django's card of this room."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "cadran.messaging"
    label = "messaging"

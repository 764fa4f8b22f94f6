"""Django's card of this part of the room; its table has migrations of its own."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "cadran.numbering.access"
    label = "access"

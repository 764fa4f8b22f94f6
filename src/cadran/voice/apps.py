"""Django's card of this room."""

from django.apps import AppConfig


class VoiceConfig(AppConfig):
    name = "cadran.voice"
    label = "voice"

"""Django's card of this part of the room; its table lies in voice.db, with migrations of its own."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "cadran.voice.access"
    label = "voice_access"

"""Django's card of this part of the room; its table lies in the SIP process's file, with migrations of its own."""

from django.apps import AppConfig


class CallbackConfig(AppConfig):
    name = "cadran.voice.callback"
    label = "callback"

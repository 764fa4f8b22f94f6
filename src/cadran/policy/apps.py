"""Django's card of this room."""

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    name = "cadran.policy"
    label = "policy"

"""Django's card of this room."""

from django.apps import AppConfig


class BalanceConfig(AppConfig):
    name = "cadran.balance"
    label = "balance"

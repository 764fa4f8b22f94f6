"""Django's card of this room."""

from django.apps import AppConfig


class PaymentConfig(AppConfig):
    name = "cadran.payment"
    label = "payment"

"""Django's card of this part of the room; its tables have migrations of their own."""

from django.apps import AppConfig


class VouchersConfig(AppConfig):
    name = "cadran.payment.vouchers"
    label = "vouchers"

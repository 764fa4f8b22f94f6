"""Django's card of this part of the room; its table lies in the house's file, with migrations of its own."""

from django.apps import AppConfig


class CallbackOrdersConfig(AppConfig):
    name = "cadran.journeys.callback_orders"
    label = "callback_orders"

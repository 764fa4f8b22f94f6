"""Django's card of this room."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "cadran.catalog"
    label = "catalog"

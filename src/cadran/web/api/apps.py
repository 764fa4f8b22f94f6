"""Django's card of this part of the site; its one table holds answers that a repeated request gets again."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "cadran.web.api"
    label = "api"

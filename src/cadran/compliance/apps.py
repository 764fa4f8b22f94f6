"""Django's card of this room."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "cadran.compliance"
    label = "compliance"

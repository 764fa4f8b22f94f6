"""Django's card of this room."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "cadran.web"
    label = "web"

    def ready(self) -> None:
        """Sign-ins are logged from the first one on."""
        from cadran.web.accounts import sign_in_log

        sign_in_log.connect()

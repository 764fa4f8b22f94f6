"""Where the short messages of pages wait for the next page: in a cookie of ours, or in the session where they are long."""

from __future__ import annotations

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class OwnCookie(CookieStorage):
    """Django's, under a name that no other host can set."""

    cookie_name = settings.MESSAGES_COOKIE_NAME


class Told(FallbackStorage):
    """Django's, with our cookie."""

    storage_classes = (OwnCookie, SessionStorage)

"""Codes of the second factor, each good once.

allauth forgets a used code after one period (30 s), while MFA_TOTP_TOLERANCE lets a code in for a period before and after its own:
whoever saw one typed could use it again. Here a code stays used for as long as it could be taken.
"""

from __future__ import annotations

import hashlib

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.core.cache import cache


def first_use(*, user_id: int, code: str) -> bool:
    """Whether this user's code was not used in the time that any clock in tolerance takes it; it is used from now on."""
    periods = 2 * app_settings.TOTP_TOLERANCE + 1
    digest = hashlib.sha256(f"{user_id}:{normalize_user_code(code)}".encode()).hexdigest()[:32]
    return bool(cache.add(f"totp-used:{digest}", 1, (periods + 1) * app_settings.TOTP_PERIOD))


class _Once:
    """Beside a form of allauth's: refuses an application's code that was used before."""

    def clean_code(self) -> str:
        code = str(super().clean_code())  # type: ignore[misc]
        found: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if found.type == Authenticator.Type.TOTP and not first_use(user_id=found.user_id, code=code):
            raise get_adapter().validation_error("incorrect_code")
        return code


class CodeForm(_Once, AuthenticateForm):  # type: ignore[misc]
    """The code asked for at the sign-in."""


class CodeAgainForm(_Once, ReauthenticateForm):  # type: ignore[misc]
    """The code asked for again."""

"""What tests of the back office share: when, with which codes, and a second factor shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.test import Client

AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PASSWORD = "phare-ouest-1937"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def show_factor(browser: Client, user_id: int, *, ago_s: float = 0) -> None:
    """What allauth writes into the session when the second factor was shown."""
    session = browser.session
    record = {"method": "mfa", "type": "totp", "at": time.time() - ago_s}
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [record]
    session["account_authentication_methods_user"] = str(user_id)
    session.save()


ACCOUNT = "A000001"
CDR, SESSION, ORDER, MAIL = "cdr_00test0001", "call_00test0001", "pay_00test0001", "mail_none"

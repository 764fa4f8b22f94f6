"""How the second factor (allauth.mfa) speaks with this site: the brand's name, secrets sealed before they are stored, QR codes."""

from __future__ import annotations

from typing import Any

import segno
from allauth.mfa.adapter import DefaultMFAAdapter
from django.utils.translation import gettext as _

from cadran.party import vault
from cadran.policy import queries as policy
from cadran.web import serving

OWNER = "second-factor"


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """allauth.mfa's questions, answered by party and policy."""

    def get_totp_label(self, user: Any) -> str:
        return str(user.username)

    def get_totp_issuer(self) -> str:
        return policy.brand(serving.brand_key()).name

    def _get_site_name(self) -> str:
        return policy.brand(serving.brand_key()).name

    def build_totp_svg(self, url: str) -> str:
        return str(
            segno.make(url, error="m").svg_inline(
                scale=4, border=2, dark="#0d141c", light=None, svgclass="qr", lineclass=None, omitsize=True
            )
        )

    def encrypt(self, text: str) -> str:
        return vault.seal({"secret": text}, owner=OWNER)

    def decrypt(self, encrypted_text: str) -> str:
        return vault.unseal(encrypted_text, owner=OWNER)["secret"]

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        return _("Clé d’accès")

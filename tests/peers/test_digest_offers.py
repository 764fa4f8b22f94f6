"""Which digest algorithms a phone is challenged with: some phones give up on seeing one that they do not know."""

from __future__ import annotations

import pytest

from cadran.voice.rules import digest


@pytest.mark.parametrize(
    ("agent", "first", "others"),
    [
        ("baresip v1.0.0 (x86_64/linux)", "MD5", 0),
        ("baresip v3.10.1 (x86_64/Linux)", "MD5", 0),
        ("baresip v3.11.0 (x86_64/Linux)", "SHA-256", 2),
        ("LinphoneAndroid/5.2", "SHA-256", 2),
        ("Yealink SIP-T46S 66.85", "MD5", 2),
        ("", "MD5", 2),
    ],
)
def test_each_phone_is_offered_first_what_it_can_bear(agent: str, first: str, others: int) -> None:
    assert digest.offered(agent)[0] == first
    assert len(digest.offered(agent)) == 1 + others

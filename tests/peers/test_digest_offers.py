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


def test_nonces_too_old_to_be_taken_again_are_forgotten() -> None:
    nonces = digest.Nonces(key=b"k" * 32, lifetime_s=300)
    old = [nonces.issue(now=1000.0 + n / 1000, random_hex=f"{n:016x}") for n in range(50)]
    assert all(nonces.use(one, 1, now=1001.0) for one in old)
    late = nonces.issue(now=1300.0, random_hex="ab" * 8)
    assert nonces.use(late, 1, now=1301.0)
    assert len(nonces._used) == 1
    assert not nonces.fresh(old[0], now=1301.0)
    assert not nonces.use(late, 1, now=1301.0)

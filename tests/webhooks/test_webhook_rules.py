"""Which addresses are called, and how a webhook is signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cadran.messaging.webhooks import rules

SECRET = rules.new_secret(bytes(range(32)))
OTHER = rules.new_secret(bytes(range(1, 33)))
BODY = b'{"id":"evt_1"}'
NOW = 1_772_359_200


def signed(*secrets: str, body: bytes = BODY, timestamp: int = NOW) -> dict[str, str]:
    return rules.headers(secrets or (SECRET,), notice_id="evt_1", timestamp=timestamp, body=body)


def test_the_signature_is_the_one_of_standard_webhooks() -> None:
    """What openssl computes: `printf 'msg_1.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -hmac … -binary | base64`."""
    secret = rules.new_secret(b"01234567890123456789012345678901")
    assert secret == "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    found = rules.signature(secret, notice_id="msg_1", timestamp=1614265330, body=b'{"test": 2432232314}')
    assert found == "v1,j11VtDeUXDQT8KUmMISiYihu5PjtxStqqPsrEx62HpM="


def test_a_receiver_takes_what_was_signed_and_nothing_else() -> None:
    assert rules.verify(SECRET, signed(), BODY, now_s=NOW) == "evt_1"
    for forged in (
        (SECRET, signed(OTHER), BODY),
        (SECRET, signed(), BODY + b" "),
        (SECRET, {**signed(), "webhook-id": "evt_2"}, BODY),
        (SECRET, {**signed(), "webhook-timestamp": str(NOW + 1)}, BODY),
        (SECRET, {**signed(), "webhook-signature": "v1,"}, BODY),
        (SECRET, {**signed(), "webhook-signature": "v1,é"}, BODY),
        (SECRET, {**signed(), "webhook-timestamp": "９"}, BODY),
        (SECRET, {"webhook-id": "evt_1"}, BODY),
    ):
        with pytest.raises(rules.ForgedWebhook):
            rules.verify(*forged, now_s=NOW)


def test_a_webhook_is_taken_for_five_minutes_and_not_a_second_longer() -> None:
    assert rules.verify(SECRET, signed(), BODY, now_s=NOW + 300) == "evt_1"
    assert rules.verify(SECRET, signed(), BODY, now_s=NOW - 300) == "evt_1"
    for late in (NOW + 301, NOW - 301):
        with pytest.raises(rules.ForgedWebhook, match="too old"):
            rules.verify(SECRET, signed(), BODY, now_s=late)


def test_during_a_rotation_either_secret_opens() -> None:
    both = signed(OTHER, SECRET)
    assert rules.verify(SECRET, both, BODY, now_s=NOW) == rules.verify(OTHER, both, BODY, now_s=NOW) == "evt_1"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "ftp://hooks.example.com/x",
        "https://user:secret@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://é.example/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com\\@127.0.0.1/",
        "https:///x",
        "https://",
        "javascript:alert(1)",
        "https://[::1",
        "https://hooks..example/",
        "https://hooks.example.com/\r\nHost: x",
        "https://hooks.example.com/" + "a" * 500,
    ],
)
def test_an_address_that_is_not_https_and_public_is_refused(url: str) -> None:
    with pytest.raises(rules.AddressRefused):
        rules.checked_url(url, lax=False)


def test_an_ordinary_address_is_kept() -> None:
    assert rules.checked_url("https://hooks.example.com/x?y=1", lax=False) == "https://hooks.example.com/x?y=1"
    assert rules.checked_url("https://hooks.example.com:8443/", lax=False) == "https://hooks.example.com:8443/"
    assert rules.checked_url("https://93.184.216.34/", lax=False) == "https://93.184.216.34/"
    assert rules.checked_url("http://127.0.0.1:9/", lax=True) == "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("172.32.0.1", True),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("::7f00:1", False),
        ("ff02::1", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address: str, public: bool) -> None:
    assert rules.public(address) is public


def test_ten_attempts_are_made_within_two_days_and_then_no_more() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    assert [(rules.next_attempt(n, at) or at) - at for n in (1, 2, 9)] == [
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(hours=24),
    ]
    assert rules.next_attempt(10, at) is None
    assert sum(rules.PAUSES_S) < timedelta(days=2.5).total_seconds()


def test_a_kind_tells_the_fields_that_it_names_and_nothing_else() -> None:
    body = {"order": "pay_1", "account": "A000001", "email": "x@example.org", "amount_micros": 1}
    assert rules.told("payment.received", body) == {"order": "pay_1", "account": "A000001", "amount_micros": 1}


def test_kinds_are_of_the_list_and_at_least_one() -> None:
    assert rules.checked_kinds(["payment.received", "call.ended", "call.ended"], account="") == (
        "call.ended",
        "payment.received",
    )
    for wrong in ([], ["call.begun"], ["ping"], ["call.ended", "x"]):
        with pytest.raises(rules.InvalidEndpoint):
            rules.checked_kinds(wrong, account="")
    with pytest.raises(rules.InvalidEndpoint):
        rules.checked_kinds(["proposal.waiting"], account="A000001")
    assert rules.checked_kinds(["proposal.waiting"], account="") == ("proposal.waiting",)

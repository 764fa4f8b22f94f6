"""Who calls an access number: headers, PASSporTs, and digits that come twice."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from sippy.Network_server import Remote_address
from sippy.SipRequest import SipRequest

from cadran.voice.access import calling, digits, passport
from cadran.voice.carriers.book import Carrier

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
X5U = "https://certificates.example/one.pem"
ADA, ACCESS = "33612000001", "33199000100"
KEY = ec.generate_private_key(ec.SECP256R1())
WARY = Carrier(name="wary", address=("192.0.2.1", 5060))
SURE = Carrier(name="sure", address=("192.0.2.1", 5060), vouches=True)
ABROAD = Carrier(name="abroad", address=("192.0.2.1", 5060), from_abroad=True)


def certificate(key: Any = KEY, *, until: datetime = AT + timedelta(days=9)) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SHAKEN")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT - timedelta(days=9))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def identity(*, key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    head = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": X5U, **(header or {})}
    body = {
        "attest": "A",
        "dest": {"tn": [ACCESS]},
        "iat": int(AT.timestamp()),
        "orig": {"tn": ADA},
        "origid": "1",
        **claims,
    }
    signed = ".".join(_coded(json.dumps(one, separators=(",", ":")).encode()) for one in (head, body))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_coded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))};info=<{X5U}>;alg=ES256;ppt=shaken"


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def vouched(text: str, *, wall: datetime = AT, pem: str = "") -> bool:
    return passport.vouches(text, calling=ADA, called=ACCESS, at=AT, wall=wall, keys={X5U: pem or certificate()})


def test_a_fresh_passport_with_full_attestation_and_a_known_key_vouches() -> None:
    assert vouched(identity())


@pytest.mark.parametrize(
    "claims",
    [
        {"attest": "B"},
        {"attest": "C"},
        {"orig": {"tn": "33612000002"}},
        {"dest": {"tn": ["33199000101"]}},
        {"iat": "now"},
        {"iat": True},
        {"orig": "33612000001"},
        {"header": {"ppt": "div"}},
        {"header": {"alg": "none"}},
        {"header": {"x5u": "https://attacker.example/one.pem"}},
        {"key": ec.generate_private_key(ec.SECP256R1())},
    ],
)
def test_a_passport_that_says_less_or_something_else_does_not_vouch(claims: dict[str, Any]) -> None:
    assert not vouched(identity(**claims))


def test_a_passport_is_fresh_for_sixty_seconds_and_its_certificate_for_its_own_time() -> None:
    assert vouched(identity(), wall=AT + timedelta(seconds=60))
    assert not vouched(identity(), wall=AT + timedelta(seconds=61))
    assert not vouched(identity(), wall=AT - timedelta(seconds=61))
    assert not vouched(identity(), pem=certificate(until=AT - timedelta(days=1)))
    assert not vouched(identity(), pem="no certificate")


@given(st.text(max_size=300) | st.lists(st.text(st.characters(codec="ascii"), max_size=40), max_size=4).map(".".join))
def test_any_text_for_an_identity_is_refused_without_harm(text: str) -> None:
    assert not vouched(text, pem="x")


def invite(sender: str, *headers: str) -> Any:
    lines = (
        f"INVITE sip:+{ACCESS}@127.0.0.1 SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK1",
        f"From: {sender};tag=1",
        f"To: <sip:+{ACCESS}@127.0.0.1>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
        *headers,
        "Content-Length: 0",
        "",
        "",
    )
    request = SipRequest("\r\n".join(lines))
    request.setSource(Remote_address(("192.0.2.1", 5060), "udp"))
    return request


def read(request: Any, carrier: Carrier = SURE, at: datetime = AT) -> tuple[str, bool]:
    keys = {X5U: certificate()}
    found = calling.read(request, carrier, access_number=ACCESS, country="FR", at=at, wall=AT, keys=keys)
    return found.digits, found.authenticated


@pytest.mark.clause("KRY-4.4.1-caller-id")
@pytest.mark.parametrize(
    "sender",
    [
        "<sip:+33612000001@x>",
        "<sip:33612000001@x>",
        "<sip:0033612000001@x>",
        "<sip:0612000001@x>",
        "sip:+33612000001@x",
    ],
)
def test_the_calling_number_is_read_in_every_form_that_carriers_write(sender: str) -> None:
    assert read(invite(sender)) == (ADA, True)


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_the_asserted_number_comes_before_the_one_in_from() -> None:
    asserted = "P-Asserted-Identity: <sip:+33612000001@x>, <tel:+33612000001>"
    assert read(invite('"Somebody" <sip:+33611111111@x>', asserted)) == (ADA, True)


@pytest.mark.clause("KRY-4.4.1-caller-id")
@pytest.mark.parametrize(
    "request_",
    [
        invite("<sip:+33612000001@x>", "Privacy: id"),
        invite("<sip:+33612000001@x>", "Privacy: header;critical"),
        invite('"Anonymous" <sip:anonymous@anonymous.invalid>', "P-Asserted-Identity: <sip:+33612000001@x>"),
        invite("<sip:unknown person@x>".replace(" ", "%20")),
        invite("<sip:x>"),
    ],
)
def test_whoever_withholds_or_shows_no_number_is_nobody(request_: Any) -> None:
    assert read(request_) == ("", False)


def test_a_wary_carrier_s_caller_is_authenticated_by_its_passport_alone() -> None:
    assert read(invite("<sip:+33612000001@x>"), WARY) == (ADA, False)
    assert read(invite("<sip:+33612000001@x>", f"Identity: {identity()}"), WARY) == (ADA, True)
    assert read(invite("<sip:+33612000002@x>", f"Identity: {identity()}"), WARY) == ("33612000002", False)


def test_a_french_mobile_from_abroad_is_withheld_since_2026_unless_it_is_authenticated() -> None:
    mobile, landline = invite("<sip:+33612000001@x>"), invite("<sip:+33142000077@x>")
    assert read(mobile, ABROAD) == ("", False)
    assert read(mobile, ABROAD, datetime(2025, 12, 31, 22, 59, tzinfo=UTC)) == (ADA, False)
    assert read(mobile, ABROAD, datetime(2025, 12, 31, 23, tzinfo=UTC)) == ("", False)
    assert read(landline, ABROAD) == ("33142000077", False)
    assert read(invite("<sip:+33612000001@x>", f"Identity: {identity()}"), ABROAD) == (ADA, True)


@pytest.mark.clause("KRY-4.4.1-ivr")
@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
        ("Application/DTMF-Relay; charset=x", "Signal= *\r\n", "*"),
        ("application/dtmf-relay", "Duration=160\r\nsignal=11", "#"),
        ("application/dtmf-relay", "Signal=10", "*"),
        ("application/dtmf-relay", "Signal=A", ""),
        ("application/dtmf-relay", "Signal=12", ""),
        ("application/dtmf", "7", "7"),
        ("application/dtmf", " # \r\n", "#"),
        ("application/dtmf", "77", ""),
        ("application/sdp", "7", ""),
    ],
)
def test_the_digit_of_an_info_is_read_in_both_its_forms(kind: str, body: str, digit: str) -> None:
    assert digits.of_info(kind, body) == digit


def test_a_press_that_is_told_twice_counts_once_and_two_presses_count_twice() -> None:
    presses = digits.Presses()
    told = [("info", "1", 0.0), ("line", "1", 0.1), ("info", "1", 0.3), ("line", "1", 0.4), ("line", "1", 3.0)]
    assert [presses.first(*one) for one in told] == [True, False, True, False, True]


def test_a_telephone_that_tells_digits_one_way_alone_loses_none() -> None:
    presses = digits.Presses()
    assert all(presses.first("line", digit, number * 0.05) for number, digit in enumerate("0142000001#"))


def test_a_telephone_that_told_its_first_digits_once_may_change_its_way() -> None:
    presses = digits.Presses()
    told = [("info", digit, number * 0.01) for number, digit in enumerate("0142#")]
    told += [("info", digit, 1.3 + number * 0.01) for number, digit in enumerate("0143#")]
    told += [("line", digit, 1.6 + number * 0.1) for number, digit in enumerate("0144#")]
    assert all(presses.first(*one) for one in told)


def test_a_late_copy_is_a_press_of_its_own_and_memory_stays_bounded() -> None:
    presses = digits.Presses()
    assert presses.first("info", "1", 0.0)
    assert presses.first("line", "1", digits.SAME_PRESS_S + 0.01)
    for number in range(1000):
        presses.first("info", "2", 10 + number)
    assert sum(len(one) for one in presses._waiting.values()) <= 64

"""The registrar's table, admission, datagrams, carriers and refusals: pure rules by literals."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cadran.voice
from cadran.party.partners import PartnerKind
from cadran.voice import options
from cadran.voice.carriers import book
from cadran.voice.rules import admission, bindings, datagrams, refusals
from cadran.voice.rules.bindings import Binding, Bindings, Wanted

SOURCE = ("192.0.2.10", 5060)


def template(cseq: int = 1, call_id: str = "c1") -> Binding:
    return Binding("", "", SOURCE, call_id, cseq, 0.0)


def add(
    table: Bindings, *contacts: str, seconds: int | None = 60, now: float = 0.0, cseq: int = 1, call_id: str = "c1"
) -> None:
    wanted = [Wanted(one, seconds) for one in contacts]
    table.apply("alice", wanted, default_s=None, template=template(cseq, call_id), now=now)


def contacts(table: Bindings, now: float) -> list[str]:
    return sorted(one.contact for one in table.live("alice", now))


def test_a_binding_lives_to_its_last_instant() -> None:
    table = Bindings()
    add(table, "sip:a@192.0.2.10", seconds=60, now=0)
    assert contacts(table, 59.999) == ["sip:a@192.0.2.10"]
    assert contacts(table, 60.0) == []
    assert len(table.sweep(60.0)) == 1
    assert table.count(0.0) == 0


def test_an_interval_below_the_minimum_is_423_and_zero_removes() -> None:
    table = Bindings(min_expires_s=60)
    with pytest.raises(bindings.RegistrationRefused) as refused:
        add(table, "sip:a@192.0.2.10", seconds=59)
    assert refused.value.code == 423
    add(table, "sip:a@192.0.2.10", seconds=60)
    add(table, "sip:a@192.0.2.10", seconds=0, cseq=2)
    assert contacts(table, 1) == []


def test_an_interval_above_the_maximum_is_shortened() -> None:
    table = Bindings(max_expires_s=3600)
    add(table, "sip:a@192.0.2.10", seconds=999_999)
    assert contacts(table, 3599.9) == ["sip:a@192.0.2.10"]
    assert contacts(table, 3600) == []


def test_the_eleventh_device_replaces_the_one_that_expires_first() -> None:
    table = Bindings(devices=10)
    for number in range(11):
        add(table, f"sip:a@192.0.2.{number}", seconds=100 + number, call_id=f"c{number}")
    assert len(contacts(table, 1)) == 10
    assert "sip:a@192.0.2.0" not in contacts(table, 1)


def test_a_refused_register_changes_nothing() -> None:
    table = Bindings(min_expires_s=60)
    with pytest.raises(bindings.RegistrationRefused):
        table.apply(
            "alice", [Wanted("sip:a@h1", 100), Wanted("sip:a@h2", 1)], default_s=None, template=template(), now=0
        )
    assert contacts(table, 1) == []


def test_an_older_register_of_the_same_call_id_is_refused_and_of_another_taken() -> None:
    table = Bindings()
    add(table, "sip:a@h1", cseq=5)
    with pytest.raises(bindings.RegistrationRefused):
        add(table, "sip:a@h1", cseq=5)
    add(table, "sip:a@h1", cseq=1, call_id="c2")


def test_the_same_device_in_other_capitals_or_with_other_parameters_is_one_device() -> None:
    table = Bindings()
    add(table, "sip:a@Host:5070;transport=udp", cseq=1)
    add(table, "sip:a@host:5070;transport=UDP;ob", cseq=2)
    assert contacts(table, 1) == ["sip:a@host:5070;transport=UDP;ob"]


def test_a_star_removes_all_devices() -> None:
    table = Bindings()
    add(table, "sip:a@h1", "sip:a@h2")
    assert set(table.remove_all("alice", call_id="c1", cseq=2).removed) == {"sip:a@h1", "sip:a@h2"}
    assert contacts(table, 1) == []


def test_a_bucket_lets_a_second_s_worth_through_at_once_and_then_its_rate() -> None:
    bucket = admission.TokenBucket(10)
    assert sum(bucket.take(5.0) for _ in range(50)) == 10
    assert sum(bucket.take(5.5) for _ in range(50)) == 5


def gate(rate: float = 1000) -> admission.Admission:
    return admission.Admission(0.25, 1.0, admission.TokenBucket(rate), admission.TokenBucket(rate))


def test_a_burst_that_drains_refuses_nobody() -> None:
    one = gate()
    for lag in (0.9, 0.9, 0.8, 0.0):
        one.lag.observe(lag, 1.0)
    one.lag.observe(0.9, 1.6)
    assert one.decide("INVITE", 1.6, paid=True) is admission.Gate.OPEN


def test_a_few_late_datagrams_are_no_queue() -> None:
    one = gate()
    for step in range(20):
        one.lag.observe(0.9, 1 + step / 3)
    assert one.decide("INVITE", 7.4, paid=True) is admission.Gate.OPEN


def test_a_queue_that_stands_refuses_then_drops_and_is_forgotten_when_it_is_gone() -> None:
    one = gate()
    for step in range(40):
        one.lag.observe(0.3, 1 + step / 20)
    assert one.decide("INVITE", 2.9, paid=True) is admission.Gate.REFUSE
    for step in range(40):
        one.lag.observe(1.5, 3 + step / 20)
    assert one.decide("REGISTER", 4.9, paid=False) is admission.Gate.DROP
    assert one.decide("INVITE", 6.0, paid=True) is admission.Gate.OPEN


def test_calls_beyond_the_rate_are_refused_but_bare_requests_only_cost_a_challenge() -> None:
    one = gate(rate=2)
    decisions = [one.decide("INVITE", 1.0, paid=True) for _ in range(3)]
    assert decisions == [admission.Gate.OPEN, admission.Gate.OPEN, admission.Gate.REFUSE]
    assert one.decide("INVITE", 1.0, paid=False) is admission.Gate.OPEN


def test_who_fails_too_often_waits_for_the_window_and_others_do_not() -> None:
    failures = admission.FailureGate(3, 100, 60)
    for _ in range(3):
        failures.failed("192.0.2.1", "alice", 10)
    assert failures.closed("192.0.2.1", "alice", 70)
    assert not failures.closed("192.0.2.1", "alice", 70.1)
    assert not failures.closed("192.0.2.1", "bob", 11)
    assert not failures.closed("192.0.2.2", "alice", 11)


def test_a_source_that_tries_many_users_waits_for_all() -> None:
    failures = admission.FailureGate(3, 5, 60)
    for number in range(5):
        failures.failed("192.0.2.1", f"u{number}", 10)
    assert failures.closed("192.0.2.1", "alice", 11)


def test_the_memory_of_failures_is_bounded() -> None:
    failures = admission.FailureGate(3, 5, 60, bound=100)
    for number in range(1000):
        failures.failed(f"192.0.2.{number}", "alice", 10)
    assert len(failures._seen) == 100


INVITE = (
    b"INVITE sip:bob@cadran.local SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bKx\r\n"
    b"f: <sip:alice@cadran.local>;tag=1\r\nTo: <sip:bob@cadran.local>\r\ni: abc\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
)


def test_a_new_request_is_told_from_one_within_a_dialog_and_from_rubbish() -> None:
    assert datagrams.new_method(INVITE) == "INVITE"
    assert datagrams.new_method(INVITE.replace(b"To: <sip:bob@cadran.local>", b"t : <sip:b@c> ;tag=9")) == ""
    assert datagrams.new_method(b"SIP/2.0 200 OK\r\n") == ""
    assert datagrams.new_method(b"\x00" * 100) == ""


def test_a_stateless_reply_goes_where_the_request_came_from() -> None:
    reply = datagrams.stateless_reply(INVITE, 503, "Service Unavailable", source=("192.0.2.9", 1234), retry_after_s=5)
    assert reply is not None
    text = reply.decode()
    assert text.startswith(
        "SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;received=192.0.2.9;rport=1234\r\n"
    )
    assert "To: <sip:bob@cadran.local>;tag=s" in text
    assert "Retry-After: 5\r\n" in text


@given(st.binary(max_size=600))
def test_any_bytes_are_looked_at_without_harm(data: bytes) -> None:
    datagrams.new_method(data)
    datagrams.has_credentials(data)
    datagrams.stateless_reply(data, 503, "x", source=("192.0.2.9", 1))


def carriers(tmp_path: Path, text: str) -> book.Book:
    path = tmp_path / "carriers.toml"
    path.write_text(text)
    return book.load(path, {"here": "127.0.0.1:5099"})


def test_carriers_are_tried_by_priority_and_known_by_their_address(tmp_path: Path) -> None:
    found = carriers(
        tmp_path,
        '[[carrier]]\nname="b"\naddress="127.0.0.2:5061"\npriority=20\nany_port=true\n'
        '[[carrier]]\nname="a"\naddress="${here}"\npriority=10\n',
    )
    assert [one.name for one in found.outbound()] == ["a", "b"]
    assert found.sender(("127.0.0.1", 5099)) is found.carriers[0]
    assert found.sender(("127.0.0.1", 5098)) is None
    assert found.sender(("127.0.0.2", 40000)) is found.carriers[1]


def test_each_brand_calls_through_its_own_carriers_and_one_without_any_through_those_of_the_installation(
    tmp_path: Path,
) -> None:
    ours = carriers(tmp_path, '[[carrier]]\nname="a"\naddress="127.0.0.1:5061"\nvouches=true\n')
    theirs = carriers(tmp_path, '[[carrier]]\nname="b"\naddress="127.0.0.2:5061"\n')
    books = book.Books({"ippi": ours, "kryptoow": theirs}, "ippi")
    assert [one.name for one in books.of("kryptoow").outbound()] == ["b"]
    assert [one.name for one in books.of("kavkom").outbound()] == ["a"]
    assert books.sender(("127.0.0.2", 5061)) == theirs.carriers[0]
    assert books.sender(("127.0.0.3", 5061)) is None


def test_a_carrier_of_two_brands_vouches_for_its_callers_only_where_both_say_so(tmp_path: Path) -> None:
    trusting = carriers(tmp_path, '[[carrier]]\nname="a"\naddress="127.0.0.1:5061"\nvouches=true\n')
    wary = carriers(tmp_path, '[[carrier]]\nname="a"\naddress="127.0.0.1:5061"\nfrom_abroad=true\n')

    def seen(*given: book.Book) -> tuple[bool, bool]:
        found = book.Books({str(number): one for number, one in enumerate(given)}, "0").sender(("127.0.0.1", 5061))
        assert found is not None
        return found.vouches, found.from_abroad

    assert seen(trusting) == (True, False)
    assert seen(trusting, wary) == seen(wary, trusting) == (False, True)


def test_a_carrier_of_the_screen_vouches_as_the_file_says_while_it_stays_at_the_file_s_address(tmp_path: Path) -> None:
    filed = carriers(tmp_path, '[[carrier]]\nname="a"\naddress="127.0.0.1:5061"\nvouches=true\nfrom_abroad=true\n')

    def seen(port: str) -> tuple[bool, bool]:
        stated = {"host": "127.0.0.1", "port": port, "priority": "1", "inbound": "yes", "number_form": "plus"}
        partner = SimpleNamespace(
            name="a", kind=PartnerKind.CARRIER, enabled=True, stated={**stated, "prefixes": "", "user": ""}, secrets={}
        )
        (one,) = filed.with_partners([partner]).carriers  # type: ignore[list-item]
        return one.vouches, one.from_abroad

    assert seen("5061") == (True, True)
    assert seen("5062") == (False, True)


def test_no_file_means_no_carriers(tmp_path: Path) -> None:
    assert book.load(tmp_path / "none.toml").carriers == ()


@pytest.mark.parametrize(
    "text",
    [
        "[[carrier",
        "carrier = 3",
        "[other]\nx=1",
        '[[carrier]]\naddress="127.0.0.1"',
        '[[carrier]]\nname="A b"\naddress="127.0.0.1"',
        '[[carrier]]\nname="a"',
        '[[carrier]]\nname="a"\naddress="127.0.0.1:99999"',
        '[[carrier]]\nname="a"\naddress="127.0.0.1:x"',
        '[[carrier]]\nname="a"\naddress="${nowhere}"',
        '[[carrier]]\nname="a"\naddress="no.such.host.invalid"',
        '[[carrier]]\nname="a"\naddress="127.0.0.1"\npriority="1"',
        '[[carrier]]\nname="a"\naddress="127.0.0.1"\ninbound="yes"',
        '[[carrier]]\nname="a"\naddress="127.0.0.1"\nnumber_form="roman"',
        '[[carrier]]\nname="a"\naddress="127.0.0.1"\ncolour="red"',
        '[[carrier]]\nname="a"\naddress="127.0.0.1"\n[[carrier]]\nname="a"\naddress="127.0.0.1"',
    ],
)
def test_a_bad_carriers_file_is_a_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(book.InvalidCarriers, match=r"carriers\.toml"):
        carriers(tmp_path, text)


@pytest.mark.clause("LAW-emergency")
def test_an_emergency_call_is_refused_aloud_in_french_then_english() -> None:
    assert refusals.refusal("call-refused-emergency", brand="ippi", language="en") == (
        403,
        ("ippi/fr/emergency-refused", "ippi/en/emergency-refused"),
    )


@pytest.mark.clause("IPP-0-restrictions")
def test_satellite_and_special_numbers_are_refused_in_the_customer_s_language() -> None:
    assert refusals.refusal("call-refused-satellite", brand="ippi", language="en") == (
        403,
        ("ippi/en/satellite-refused",),
    )
    assert refusals.refusal("call-refused-special", brand="ippi", language="fr") == (403, ("ippi/fr/special-refused",))


def test_no_credit_is_402_and_what_has_no_price_404() -> None:
    assert refusals.refusal("call-no-credit", brand="b", language="fr")[0] == 402
    assert refusals.refusal("call-no-price", brand="b", language="fr")[0] == 404
    assert refusals.refusal("anything-else", brand="b", language="fr")[0] == 403


def test_a_limit_that_is_no_number_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAN_SIP_CALLS", "many")
    with pytest.raises(options.InvalidOption, match="CADRAN_SIP_CALLS"):
        options.Options.from_environment()


def test_what_does_not_begin_like_sip_is_not_parsed() -> None:
    assert datagrams.is_sip(INVITE)
    assert datagrams.is_sip(b"SIP/2.0 200 OK\r\n")
    assert not datagrams.is_sip(b"GET / HTTP/1.1\r\n")
    assert not datagrams.is_sip(b"\r\n\r\n")


def _plain_invite(**changed: str) -> bytes:
    head = {
        "line": "INVITE sip:0142000001@127.0.0.1 SIP/2.0",
        "via": "Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK-1;rport",
        "rest": "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c@h\r\nCSeq: 1 INVITE",
        "contact": "Contact: <sip:a@192.0.2.7:5062>",
        "hops": "Max-Forwards: 70",
    }
    return "\r\n".join([*(head | changed).values(), "", "v=0 c=,*\r\n"]).encode()


@pytest.mark.parametrize(
    ("changed", "plain"),
    [
        ({}, True),
        ({"hops": "max-forwards:1"}, True),
        ({"hops": "Max-Forwards: 0"}, False),
        ({"hops": "Max-Forwards: many"}, False),
        ({"hops": "Subject: none"}, False),
        ({"line": "INVITE sips:0142000001@127.0.0.1 SIP/2.0"}, False),
        ({"line": "REGISTER sip:127.0.0.1 SIP/2.0"}, False),
        ({"via": "Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK-1"}, False),
        ({"contact": "m: <sip:a@192.0.2.7>"}, True),
        ({"contact": "Contact: *"}, False),
        ({"contact": "Contact: <sip:a@h>, <sip:b@h>"}, False),
        ({"contact": "Contact: <sip:a@h>\r\nContact: <sip:b@h>"}, False),
        ({"contact": "Contact: <sip:a@h>\r\nRequire: 100rel"}, False),
        ({"contact": "Subject: none"}, False),
    ],
)
def test_only_an_invite_without_peculiarities_is_challenged_unparsed(changed: dict[str, str], plain: bool) -> None:
    assert datagrams.plain_invite(_plain_invite(**changed)) is plain


def test_the_acknowledgement_of_a_stateless_challenge_is_known_by_its_tag() -> None:
    reply = datagrams.stateless_reply(
        _plain_invite(),
        401,
        "Unauthorized",
        source=("192.0.2.7", 5062),
        headers=[("WWW-Authenticate", 'Digest realm="r"')],
    )
    assert reply is not None
    assert b'\r\nWWW-Authenticate: Digest realm="r"\r\n' in reply
    to = next(line for line in reply.split(b"\r\n") if line.startswith(b"To:"))
    ack = b"ACK sip:b@h SIP/2.0\r\n" + to + b"\r\nCall-ID: c@h\r\nCSeq: 1 ACK\r\n\r\n"
    assert datagrams.acknowledges_stateless(ack)
    assert not datagrams.acknowledges_stateless(ack.replace(b"ACK sip", b"BYE sip"))
    assert not datagrams.acknowledges_stateless(ack.replace(b"tag=s", b"tag=t"))


@pytest.mark.clause("KRY-3.3-territories")
@pytest.mark.parametrize("code", ["call-closed-country", "call-closed-service"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_closed_country_is_said_to_be_closed_in_both_languages(code: str, language: str) -> None:
    assert refusals.refusal(code, brand="kryptoow", language=language) == (
        403,
        (f"kryptoow/{language}/destination-closed",),
    )
    root = Path(cadran.voice.__path__[0]) / "prompts"
    said = tomllib.loads((root / "manifest.toml").read_text("utf-8"))["prompts"]["destination-closed"][language]
    assert ("fermé" if language == "fr" else "closed") in said
    assert (root / language / "destination-closed.wav").stat().st_size > 8000

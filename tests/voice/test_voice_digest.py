"""Digest verification: right, wrong, replayed, stale, hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.voice.rules import digest
from cadran.voice.rules.digest import Verdict

REALM = "cadran.local"


def nonces(**more: object) -> digest.Nonces:
    return digest.Nonces(key=b"k" * 32, **more)  # type: ignore[arg-type]


def credentials(
    nonce: str, *, algorithm: str = "MD5", password: str = "secret", nc: int = 1, qop: str = "auth", **more: str
) -> str:
    """An Authorization header value made by the client's half of the arithmetic."""
    username, uri = more.get("username", "alice"), more.get("uri", "sip:bob@cadran.local")
    parts = digest.Credentials(
        username, REALM, nonce, uri, "", algorithm, qop, "0a4f113b" if qop else "", f"{nc:08x}" if qop else ""
    )
    stored = digest.ha1(algorithm, username, REALM, password)
    response = digest.expected_response(parts, ha1_hex=stored, method=more.get("method", "INVITE"))
    tail = f',qop=auth,nc={nc:08x},cnonce="0a4f113b"' if qop else ""
    return (
        f'Digest username="{username}", realm="{REALM}", nonce="{nonce}", uri="{uri}", response="{response}"'
        f",algorithm={algorithm}{tail}"
    )


def judge(
    header: str, table: digest.Nonces, *, now: float = 101.0, known: bool = True, uri: str = "sip:bob@cadran.local"
) -> Verdict:
    stored = {name: digest.ha1(name, "alice", REALM, "secret") for name in digest.ALGORITHMS}
    return digest.verify(
        digest.parse(header),
        method="INVITE",
        request_uri=uri,
        realm=REALM,
        ha1_by_algorithm=stored if known else None,
        nonces=table,
        now=now,
    )


def test_the_example_of_rfc_2617_gives_its_response() -> None:
    given_ = digest.Credentials(
        "Mufasa",
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "/dir/index.html",
        "",
        "MD5",
        "auth",
        "0a4f113b",
        "00000001",
    )
    stored = digest.ha1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life")
    assert digest.expected_response(given_, ha1_hex=stored, method="GET") == "6629fae49393a05397450978507c4ef1"


def test_the_examples_of_rfc_7616_give_their_responses() -> None:
    def response(algorithm: str) -> str:
        given_ = digest.Credentials(
            "Mufasa",
            "http-auth@example.org",
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "/dir/index.html",
            "",
            algorithm,
            "auth",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "00000001",
        )
        stored = digest.ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
        return digest.expected_response(given_, ha1_hex=stored, method="GET")

    assert response("MD5") == "8ca523f5e9506fed4657c9700eebdbec"
    assert response("SHA-256") == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_the_right_password_is_accepted_with_each_algorithm(algorithm: str) -> None:
    table = nonces()
    nonce = table.issue(now=100.0, random_hex="ab" * 8)
    assert judge(credentials(nonce, algorithm=algorithm), table) is Verdict.ACCEPTED


def test_a_wrong_password_and_an_unknown_user_are_refused() -> None:
    table = nonces()
    nonce = table.issue(now=100.0, random_hex="ab" * 8)
    assert judge(credentials(nonce, password="wrong"), table) is Verdict.WRONG
    assert judge(credentials(nonce), table, known=False) is Verdict.UNKNOWN_USER


def test_a_count_is_taken_once_and_a_higher_or_late_one_again_once() -> None:
    table = nonces()
    nonce = table.issue(now=100.0, random_hex="ab" * 8)
    verdicts = [judge(credentials(nonce, nc=count), table) for count in (1, 1, 3, 2, 2, 3, 100, 36, 37)]
    accepted, replayed = Verdict.ACCEPTED, Verdict.REPLAYED
    assert verdicts == [accepted, replayed, accepted, accepted, replayed, replayed, accepted, replayed, accepted]


def test_credentials_without_qop_are_good_for_one_request() -> None:
    table = nonces()
    nonce = table.issue(now=100.0, random_hex="ab" * 8)
    assert [judge(credentials(nonce, qop=""), table) for _ in range(2)] == [Verdict.ACCEPTED, Verdict.REPLAYED]


def test_a_nonce_is_fresh_to_the_last_instant_of_its_life_and_stale_after() -> None:
    table = nonces(lifetime_s=300)
    nonce = table.issue(now=100.0, random_hex="ab" * 8)
    assert judge(credentials(nonce, nc=1), table, now=400.0) is Verdict.ACCEPTED
    assert judge(credentials(nonce, nc=2), table, now=400.001) is Verdict.STALE


@pytest.mark.parametrize("forged", ["", "x", "0" * 28 + "." + "0" * 32, "é" * 30 + ".sig", "0" * 100 + ".00"])
def test_a_nonce_that_is_not_ours_is_stale(forged: str) -> None:
    assert judge(credentials(forged), nonces()) is Verdict.STALE


def test_a_nonce_of_another_process_is_stale() -> None:
    other = digest.Nonces(key=b"z" * 32)
    assert judge(credentials(other.issue(now=100.0, random_hex="ab" * 8)), nonces()) is Verdict.STALE


def test_forgetting_used_nonces_never_lets_a_replay_through() -> None:
    table = nonces(bound=3)
    headers = [credentials(table.issue(now=100.0 + n, random_hex=f"{n:016x}")) for n in range(6)]
    assert [judge(one, table, now=110) for one in headers] == [Verdict.ACCEPTED] * 6
    again = [judge(one, table, now=110) for one in headers]
    assert Verdict.ACCEPTED not in again
    assert again[:3] == [Verdict.STALE] * 3


def test_a_signed_uri_must_name_the_user_that_is_called() -> None:
    table = nonces()
    nonce = table.issue(now=100.0, random_hex="ab" * 8)
    assert judge(credentials(nonce, nc=1), table, uri="sip:0033899@cadran.local") is Verdict.WRONG
    assert judge(credentials(nonce, nc=2), table, uri="sip:bob@10.0.0.1:5060") is Verdict.ACCEPTED
    assert judge(credentials(nonce, nc=3, uri="sip:10.0.0.1:5060"), table) is Verdict.ACCEPTED
    assert judge(credentials(nonce, nc=4, uri="tel:112"), table) is Verdict.WRONG


def test_a_comma_an_equals_sign_and_a_quote_within_quotes_are_data() -> None:
    text = 'Digest username="a,b=\\"c\\"", realm="r", nonce="n", uri="sip:x@y;p=1,2", response="00"'
    found = digest.parse(text)
    assert (found.username, found.uri) == ('a,b="c"', "sip:x@y;p=1,2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Basic abc",
        "Digest",
        "Digest username=",
        'Digest username="alice',
        'Digest username="alice",,realm="r"',
        'Digest username="a",username="b",realm="r",nonce="n",uri="u",response="0"',
        'Digest username="a",realm="r",nonce="n",uri="u",response="0",algorithm=SHA-1',
        'Digest username="a",realm="r",nonce="n",uri="u",response="0",qop=auth-int',
        'Digest username="a",realm="r",nonce="n",uri="u",response="0",qop=auth',
        'Digest username="a",realm="r",nonce="n",uri="u",response="0",qop=auth,cnonce="c",nc=1',
        'Digest username="a",realm="r",nonce="n",uri="u",response="0",qop=auth,cnonce="c",nc=00000000',
        "Digest " + "a=b," * 1000,
    ],
)
def test_a_malformed_header_is_an_error_and_nothing_worse(text: str) -> None:
    with pytest.raises(digest.MalformedCredentials):
        digest.parse(text)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = digest.parse("Digest " + text)
    except digest.MalformedCredentials:
        return
    assert found.algorithm in digest.ALGORITHMS


@given(st.text(alphabet=st.characters(exclude_characters='"\\\r\n', codec="utf-8"), min_size=1, max_size=40))
def test_any_user_name_survives_quoting(name: str) -> None:
    assert digest.parse(f'Digest username="{name}",realm="r",nonce="n",uri="u",response="0"').username == name


def test_a_challenge_names_realm_nonce_algorithm_and_staleness() -> None:
    text = digest.challenge(realm="r", nonce="n", algorithm="SHA-256", stale=True)
    assert text == 'Digest realm="r",nonce="n",algorithm=SHA-256,qop="auth",stale=true'

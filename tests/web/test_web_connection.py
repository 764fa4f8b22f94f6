from __future__ import annotations

import pytest
from django.test import Client

from cadran.party import connections
from cadran.party import queries as party
from cadran.policy import queries as policy

pytestmark = pytest.mark.django_db(databases="__all__")
GOOD = {"down_kbit_s": "20000", "up_kbit_s": "5000", "latency_ms": "30", "device": "app"}


def measured(**changes: int) -> connections.Measured:
    values = {"down_kbit_s": 512, "up_kbit_s": 128, "latency_ms": 50} | changes
    return connections.Measured(device="box", **values)


@pytest.mark.clause("IPP-0-prerequisites")
@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"down_kbit_s": 511}, False),
        ({"up_kbit_s": 127}, False),
        ({"latency_ms": 800}, True),
        ({"latency_ms": 802}, False),
    ],
)
def test_a_connection_fits_from_512_kbit_s_down_and_128_up(changes: dict[str, int], fits: bool) -> None:
    terms = policy.terms("ippi/2018-04")
    answer = connections.judge(
        measured(**changes),
        down_kbit_s=terms.integer("network.down_kbit_s"),
        up_kbit_s=terms.integer("network.up_kbit_s"),
    )
    assert answer.fits is fits


@pytest.mark.clause("IPP-0-prerequisites")
def test_the_page_asks_for_what_the_terms_ask_and_tells_how_to_check_without_javascript(visitor: Client) -> None:
    page = visitor.get("/account/connection/").content.decode()
    for part in ("512 kb/s", "128 kb/s", "IPP-0-prerequisites", "<noscript>", "?bytes=1048576", "téléphone IP"):
        assert part in page


@pytest.mark.clause("IPP-0-prerequisites")
@pytest.mark.parametrize(("up", "fits"), [("128", True), ("127", False)])
def test_a_result_is_judged_kept_and_shown_to_its_customer_alone(claire: Client, up: str, fits: bool) -> None:
    answer = claire.post("/account/connection/result/", GOOD | {"down_kbit_s": "512", "up_kbit_s": up})
    assert answer.json()["fits"] is fits
    check = connections.last(user_id=party.customer_named("claire").user_id)
    assert check is not None
    assert (check.down_kbit_s, check.up_kbit_s, check.fits) == (512, int(up), fits)
    assert f"{up} kb/s" in claire.get("/account/connection/").content.decode()
    stranger = Client(HTTP_ACCEPT_LANGUAGE="fr").get("/account/connection/").content.decode()
    assert "Votre dernier test" not in stranger


@pytest.mark.clause("IPP-0-prerequisites")
def test_a_visitor_keeps_its_result_in_the_browser_and_sees_it_before_registering(visitor: Client) -> None:
    visitor.post("/account/connection/result/", GOOD)
    assert "20000 kb/s" in visitor.get("/account/connection/").content.decode()
    assert "20000 kb/s" in visitor.get("/account/signup/").content.decode()
    visitor.cookies["connection_check"] = "forged:a:b"
    assert "kb/s</dd>" not in visitor.get("/account/connection/").content.decode()


@pytest.mark.parametrize(
    ("bytes_", "status"),
    [("16384", 200), ("1048576", 200), ("1048577", 400), ("0", 400), ("x", 400), ("-1", 400), ("9" * 30, 400)],
)
def test_what_is_sent_down_is_of_known_sizes_and_never_more_than_a_mebibyte(
    visitor: Client, bytes_: str, status: int
) -> None:
    answer = visitor.get("/account/connection/down/", {"bytes": bytes_})
    assert answer.status_code == status
    if status == 200:
        assert len(answer.content) == int(bytes_)
        assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(("size", "status"), [(524_288, 200), (524_289, 413)])
def test_what_is_sent_up_is_half_a_mebibyte_at_most(visitor: Client, size: int, status: int) -> None:
    answer = visitor.post("/account/connection/up/", b"x" * size, content_type="application/octet-stream")
    assert answer.status_code == status


def test_measuring_is_limited_for_each_address(visitor: Client) -> None:
    answers = [visitor.get("/account/connection/down/", {"bytes": "16384"}).status_code for _ in range(121)]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {200}


@pytest.mark.parametrize(
    "wrong", [{"down_kbit_s": "-1"}, {"up_kbit_s": "1e9"}, {"latency_ms": ""}, {"device": "<script>"}, {"device": ""}]
)
def test_a_result_of_a_wrong_form_is_refused(visitor: Client, wrong: dict[str, str]) -> None:
    assert visitor.post("/account/connection/result/", GOOD | wrong).status_code == 400


def test_the_last_five_checks_are_kept(claire: Client) -> None:
    for number in range(7):
        claire.post("/account/connection/result/", GOOD | {"latency_ms": str(number)})
    kept = connections.checks(user_id=party.customer_named("claire").user_id)
    assert [one.latency_ms for one in kept] == [6, 5, 4, 3, 2]

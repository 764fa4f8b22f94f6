"""Which brand a host name serves."""

from __future__ import annotations

import pytest
from django.test import Client

from cadran import settings as source
from cadran.units.errors import InvalidInput
from cadran.web import serving

pytestmark = pytest.mark.django_db


def test_each_brand_has_a_host_of_its_own_in_a_sandbox(client: Client) -> None:
    assert "KRYPTOOW" in client.get("/", headers={"host": "kryptoow.localhost:8000"}).content.decode()
    assert "IPPI" in client.get("/", headers={"host": "ippi.localhost:8000"}).content.decode()
    assert "IPPI" in client.get("/", headers={"host": "127.0.0.1:8000"}).content.decode()


def test_a_host_that_names_no_brand_is_served_under_the_default(client: Client) -> None:
    assert serving.brand_of_host("nobody.localhost") == "ippi"
    assert serving.brand_of_host("localhost:8000") == "ippi"


def test_a_table_of_hosts_gives_each_its_brand(settings: pytest.FixtureRequest) -> None:
    settings.BRAND_HOSTS = source._brand_hosts("cards.example=kryptoow, Calls.example=ippi")  # type: ignore[attr-defined]
    assert serving.brand_of_host("cards.example:443") == "kryptoow"
    assert serving.brand_of_host("CALLS.example") == "ippi"


def test_outside_a_sandbox_localhost_names_no_brand(settings: pytest.FixtureRequest) -> None:
    settings.SANDBOX = False  # type: ignore[attr-defined]
    assert serving.brand_of_host("kryptoow.localhost") == "ippi"


@pytest.mark.parametrize("text", ["calls.example", "=ippi", "a=B", "a=../x"])
def test_a_table_of_hosts_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="CADRAN_BRAND_HOSTS"):
        source._brand_hosts(text)


def test_the_brand_of_one_request_does_not_reach_the_next(client: Client) -> None:
    client.get("/", headers={"host": "kryptoow.localhost"})
    assert serving.brand_key() == "ippi"
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert serving.brand_key() == "ippi"

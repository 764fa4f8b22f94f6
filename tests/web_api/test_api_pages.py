"""The pages about the API: documentation, errors, a customer's keys, staff's keys and webhooks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from web_api_program import Program

from cadran.messaging.webhooks import operations as webhooks
from cadran.messaging.webhooks import queries as webhook_queries
from cadran.party import queries as party
from cadran.party.keys import queries as keys
from cadran.web.api import application, document, french, problems, shapes

pytestmark = pytest.mark.django_db(databases="__all__")
PASSWORD = "vent-du-large-29"
WORDS = {"summary", "description"}


@pytest.fixture
def browser(claire: party.Customer) -> Client:
    """A browser in which claire signed in a moment ago."""
    found = Client(HTTP_ACCEPT_LANGUAGE="fr")
    assert found.post("/account/login/", {"login": "claire", "password": PASSWORD}).status_code == 302
    assert found.post("/account/reauthenticate/", {"password": PASSWORD}).status_code == 302
    return found


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_documentation_shows_every_operation_and_loads_nothing_from_elsewhere(language: str) -> None:
    answer = Client().get("/api/", headers={"Accept-Language": language})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert [name for name in application.DECLARED if f'id="{name}"' not in text] == []
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', text)
    assert "style=" not in text
    assert ("Commander du crédit" in text) is (language == "fr")


def test_the_document_is_whole_in_both_languages_and_says_the_same_to_programs() -> None:
    """Every operation, shape, field, parameter and group is described in each language; the French has no English left over."""
    english, in_french = (document.build("http://x", language) for language in ("en", "fr"))
    one, other = dict(_described(english)), dict(_described(in_french))
    assert one.keys() == other.keys()
    assert [where for where, text in [*one.items(), *other.items()] if not text] == []
    assert [where for where, text in one.items() if text == other[where] and " " in text] == []
    assert _bare(english) == _bare(in_french)


def test_nothing_is_translated_that_is_not_there() -> None:
    built = document.build("http://x")
    schemas, words = built["components"]["schemas"], french.words()
    assert set(words["schemas"]) == set(schemas)
    assert [name for name in words["operations"] if name not in application.DECLARED] == []
    said = {where.rpartition(".")[2] for where, _ in _described(built)}
    assert [name for name in french.fields() if name.rpartition(".")[2] not in said] == []


def test_shapes_have_names_of_their_own() -> None:
    """Two shapes of one name would be one in the document."""
    kinds = [kind for base in (shapes.Shape, shapes.Asked, shapes.FormAsked) for kind in _below(base)]
    names = [kind.__name__ for kind in kinds]
    assert sorted(name for name in names if names.count(name) > 1) == []


def test_the_document_is_served_in_the_language_asked_for() -> None:
    assert Client().get("/api/v1/openapi.json?language=fr").json()["info"]["description"].startswith("Tout ce que font")
    assert Client().get("/api/v1/openapi.json").json()["info"]["description"].startswith("Everything")
    assert Client().get("/api/v1/openapi.json?language=de").status_code == 422


def _below(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def _described(built: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Everything that is said in words: where, and the words."""
    for name, schema in built["components"]["schemas"].items():
        yield f"schema {name}", schema.get("description", "")
        for field, told in schema.get("properties", {}).items():
            yield f"{name}.{field}", told.get("description", "")
    for methods in built["paths"].values():
        for told in methods.values():
            name = told["operationId"]
            yield f"summary {name}", told["summary"]
            yield f"text {name}", told["description"]
            for parameter in told.get("parameters", ()):
                yield f"{name}.{parameter['name']}", parameter.get("description", "")
            for content in told.get("requestBody", {}).get("content", {}).values():
                for field, schema in content["schema"].get("properties", {}).items():
                    yield f"{name} form.{field}", schema.get("description", "")
    for tag in built["tags"]:
        yield f"tag {tag['name']}", tag["description"]


def _bare(value: Any) -> Any:
    """The document without its words."""
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if not (name in WORDS and isinstance(one, str))}
        return {name: _bare(one) for name, one in kept.items()}
    return [_bare(one) for one in value] if isinstance(value, list) else value


def test_the_type_of_every_problem_leads_to_its_explanation() -> None:
    text = Client().get("/api/problems/").content.decode()
    for error_id in document.known_problems():
        assert problems.type_uri(error_id).endswith(f"/api/problems/#{error_id}")
        assert f'id="{error_id}"' in text


def test_a_customer_makes_a_key_that_is_shown_once_and_revokes_it(browser: Client, claire: party.Customer) -> None:
    wish = {"label": "Caisse <b>", "scopes": ["read:account", "read:calls"], "days": "30"}
    page = browser.post("/account/api-keys/", wish)
    found = re.search(r'value="(ck_live_[^"]+)"', page.content.decode())
    assert found
    assert "no-store" in page.headers["Cache-Control"]
    assert "Caisse &lt;b&gt;" in page.content.decode()
    assert Program(found[1]).get("/me").json["account"] == claire.account
    assert Program(found[1]).get("/orders").error_id == "api-scope-missing"
    again = browser.get("/account/api-keys/").content.decode()
    assert found[1] not in again
    assert found[1].split("_", 3)[3] not in again
    (key,) = keys.keys_of(claire.account)
    assert browser.post("/account/api-keys/", {"revoke": key.prefix}).status_code == 302
    assert Program(found[1]).get("/me").error_id == "keys-revoked"


@pytest.mark.parametrize(
    "wish",
    [
        {"label": "", "scopes": ["read:account"], "days": "30"},
        {"label": "x", "days": "30"},
        {"label": "x", "scopes": ["staff:read:customers"], "days": "30"},
        {"label": "x", "scopes": ["read:account", "write:everything"], "days": "30"},
        {"label": "x", "scopes": ["read:account"], "days": "0"},
        {"label": "x", "scopes": ["read:account"], "days": "731"},
        {"label": "x", "scopes": ["read:account"], "days": "٣٠"},
        {"label": "a\x00b", "scopes": ["read:account"], "days": "30"},
    ],
)
def test_a_wish_that_cannot_be_met_makes_no_key(
    browser: Client, claire: party.Customer, wish: dict[str, object]
) -> None:
    assert browser.post("/account/api-keys/", wish).status_code == 422
    assert keys.keys_of(claire.account) == ()


def test_another_customers_key_is_not_revoked(
    browser: Client, register: Callable[..., party.Customer], key_for: Callable[..., Program]
) -> None:
    theirs = key_for(register("bruno"))
    prefix = theirs.key.split("_")[2]
    assert browser.post("/account/api-keys/", {"revoke": prefix}).status_code == 404
    assert theirs.get("/me").status == 200


def test_the_page_of_keys_asks_again_who_it_is_and_refuses_forms_from_elsewhere(claire: party.Customer) -> None:
    from cadran.party.models import User

    old = Client()
    old.force_login(User.objects.get(pk=claire.user_id), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "reauthenticate" in old.get("/account/api-keys/").headers["location"]
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(
        User.objects.get(pk=claire.user_id), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    assert strict.post("/account/api-keys/", {"label": "x"}).status_code == 403


def test_a_delivery_is_replayed_by_who_serves_its_brand_and_account(claire: party.Customer) -> None:
    at, owner = settings.CIVIL_CLOCK.now(), webhook_queries.Owner("ippi", claire.account)
    made = webhooks.add_endpoint(owner=owner, url="http://127.0.0.1:9/", kinds=["call.ended"], by="claire", at=at)
    sent = webhooks.ping(owner=owner, endpoint_id=made.endpoint.endpoint_id, at=at)
    assert webhook_queries.brand_deliveries("kavkom") == ()
    assert webhook_queries.brand_deliveries("ippi")[0].delivery_id == sent.delivery_id
    for path in ("/office/webhooks/", "/office/api-keys/", "/office/webhooks/replay/"):
        browser = Client()
        browser.post("/account/login/", {"login": "claire", "password": PASSWORD})
        answer = browser.post(path) if "replay" in path else browser.get(path)
        assert answer.status_code == 404


def test_a_customer_adds_an_address_tries_it_sees_what_was_sent_and_removes_it(
    browser: Client, claire: party.Customer
) -> None:
    owner = webhook_queries.Owner("ippi", claire.account)
    asked = {"add": "1", "url": "http://127.0.0.1:9/<b>", "kinds": ["credit.low", "case.answered"]}
    page = browser.post("/account/webhooks/", asked).content.decode()
    (one,) = webhook_queries.endpoints(owner)
    assert one.kinds == ("credit.low", "case.answered")
    secret = re.search(r'value="(whsec_[^"]+)"', page)
    assert secret
    assert secret[1] not in browser.get("/account/webhooks/").content.decode()
    assert "<b>" not in page
    for deed in ("ping", "disable", "enable"):
        answer = browser.post("/account/webhooks/", {"endpoint": one.endpoint_id, "deed": deed})
        assert answer.status_code == 302
    ((_, sent),) = webhook_queries.deliveries(one.endpoint_id, owner)
    assert sent.delivery_id in browser.get("/account/webhooks/").content.decode()
    assert browser.post("/account/webhooks/", {"replay": sent.delivery_id}).status_code == 302
    kinds = {"endpoint": one.endpoint_id, "deed": "kinds", "kinds": ["call.ended"]}
    assert browser.post("/account/webhooks/", kinds).status_code == 302
    assert webhook_queries.endpoint(one.endpoint_id, owner).kinds == ("call.ended",)
    fresh = browser.post("/account/webhooks/", {"endpoint": one.endpoint_id, "deed": "rotate"}).content.decode()
    assert "whsec_" in fresh
    assert browser.post("/account/webhooks/", {"endpoint": one.endpoint_id, "deed": "remove"}).status_code == 302
    assert webhook_queries.endpoints(owner) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x.example/"},
        {"kinds": []},
        {"kinds": ["proposal.waiting"]},
        {"kinds": ["nothing"]},
        {"url": "https://u:p@x.example/"},
    ],
)
def test_an_address_that_is_not_called_or_wants_what_is_not_its_own_is_not_kept(
    browser: Client, claire: party.Customer, wrong: dict[str, object]
) -> None:
    asked = {"add": "1", "url": "https://hooks.example.com/", "kinds": ["call.ended"]} | wrong
    assert browser.post("/account/webhooks/", asked).status_code == 422
    assert webhook_queries.endpoints(webhook_queries.Owner("ippi", claire.account)) == ()


def test_another_customers_webhooks_are_not_there_and_the_page_asks_again_who_it_is(
    browser: Client, register: Callable[..., party.Customer]
) -> None:
    bruno = register("bruno")
    theirs = webhooks.add_endpoint(
        owner=webhook_queries.Owner("ippi", bruno.account),
        url="http://127.0.0.1:9/",
        kinds=["call.ended"],
        by="bruno",
        at=settings.CIVIL_CLOCK.now(),
    ).endpoint.endpoint_id
    for deed in ("ping", "rotate", "remove", "enable", "kinds"):
        asked = {"endpoint": theirs, "deed": deed, "kinds": ["call.ended"]}
        assert browser.post("/account/webhooks/", asked).status_code == 404
    assert theirs not in browser.get("/account/webhooks/").content.decode()
    fresh = Client()
    fresh.post("/account/login/", {"login": "bruno", "password": PASSWORD})
    assert Client(enforce_csrf_checks=True).post("/account/webhooks/", {"add": "1"}).status_code == 403

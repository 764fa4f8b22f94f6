"""The back office's pages on calls charged again and on decks: shown before, two people, streamed, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client
from office_rig import show_factor

from cadran.catalog import operations as catalog
from cadran.charging import queries as charging
from cadran.charging import traffic
from cadran.charging.records import Record
from cadran.journeys.rerating import operations, queries
from cadran.party import queries as party
from cadran.party.staff import Role
from web.usage_rig import AT, LANDLINE, Till

pytestmark = pytest.mark.django_db(databases="__all__")
NOW = AT + timedelta(days=18)
ASKED = {"deck": "ippi/world/fixed", "since": "2026-02-20", "until": "2026-03-10", "prefixes": "336"}
SCRIPT = '"><script>alert(1)</script>'


@pytest.fixture
def call(customer: party.Customer, monkeypatch: pytest.MonkeyPatch) -> Record:
    """A mobile call of 61 s for 0.122 and a landline call of 60 s for 0.012; version `fixed` halves the one, doubles the other."""

    class Today:
        def now(self) -> datetime:
            return NOW

    monkeypatch.setattr(settings, "CIVIL_CLOCK", Today())
    till = Till(customer.account)
    till.buy("pay", 1_000_000)
    made = till.call(61)
    till.call(60, destination=LANDLINE, number_class="geographic")
    for version, name, lines, tax in (
        ("old", "world", "331,France fixe,0.012\n336,France mobile,0.12\n", "included"),
        ("fixed", "world", "331,France fixe,0.024\n336,France mobile,0.06\n", "included"),
        ("1", "carrier.acme", "33,France,0.02\n", "excluded"),
    ):
        source = f"prefix,destination,price\n{lines}".encode()
        deck = catalog.import_deck(brand="ippi", source=source, at=NOW, version=version, name=name, tax=tax).deck
        assert deck is not None
        if version == "old":
            catalog.activate_deck(deck=deck, effective_from=AT - timedelta(days=100), at=NOW)
    return made


def streamed(browser: Client, path: str, **asked: str) -> str:
    answer = browser.get(path, asked)
    assert answer.streaming, answer.content.decode()[:2000]
    return b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]


@pytest.mark.clause("IPP-10.1-re-rating")
def test_it_is_seen_asked_for_approved_by_another_and_followed(signed_in: Callable[..., Client], call: Record) -> None:
    anne, bruno = signed_in(Role.BILLING, name="anne"), signed_in(Role.BILLING, name="bruno")
    before = traffic.last_position()
    page = streamed(anne, "/office/rerating/preview/", **ASKED)
    assert page.count("<progress") >= 2
    assert "0,061\xa0€" in page
    assert page.rstrip().endswith("</html>")
    assert traffic.last_position() == before
    hidden = dict(re.findall(r'type="hidden" name="(key|exact)" value="([^"]+)"', page))
    sent = {**ASKED, **hidden, "reason": "Wrong price of mobiles"}
    answer = anne.post("/office/rerating/propose/", sent)
    (run,) = queries.runs()
    assert answer["location"] == f"/office/rerating/{run.rerating_id}/"
    anne.post("/office/rerating/propose/", sent)
    assert len(queries.runs()) == 1
    mine = anne.get(answer["location"]).content.decode()
    assert 'value="approve"' not in mine
    assert 'value="withdraw"' in mine
    anne.post(f"{answer['location']}decide/", {"deed": "approve"})
    assert queries.run(run.rerating_id).proposal.state.value == "proposed"
    assert 'value="approve"' in bruno.get(answer["location"]).content.decode()
    bruno.post(f"{answer['location']}decide/", {"deed": "approve"})
    assert queries.run(run.rerating_id).state.value == "running"
    till = Till(call.account)

    class Corrector:
        def correct(self, request: object) -> object:
            from cadran.charging import corrections

            return corrections.correct(
                request,  # type: ignore[arg-type]
                sessions=till.sessions,
                buckets=till.buckets,
                books=till.books,
                contracts=till.contracts,
            )

    while operations.carry_on(charging=Corrector(), at=NOW):  # type: ignore[arg-type]
        pass
    done = bruno.get(answer["location"]).content.decode()
    assert "fait" in done
    assert "0,061\xa0€" in done
    assert charging.corrections(call.account, call.cdr_id)[0].charge_micros == 61_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"deck": "ippi/world/never"}, "Choisissez la grille"),
        ({"deck": "ippi/carrier.acme/1"}, "Choisissez la grille"),
        ({"deck": SCRIPT}, "Choisissez la grille"),
        ({"prefixes": SCRIPT}, "Un préfixe est fait"),
        ({"since": "2026-03-11"}, "Choisissez le premier"),
        ({"since": "yesterday"}, "Choisissez le premier"),
        ({"since": "2024-01-01"}, "Choisissez le premier"),
    ],
)
def test_what_nobody_could_mean_is_told_beside_the_form(
    signed_in: Callable[..., Client], call: Record, changes: dict[str, str], words: str
) -> None:
    browser = signed_in(Role.BILLING)
    for answer in (
        browser.get("/office/rerating/preview/", {**ASKED, **changes}),
        browser.post("/office/rerating/propose/", {**ASKED, **changes, "key": "k1", "reason": "Long enough"}),
    ):
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert SCRIPT not in answer.content.decode()
    assert queries.runs() == ()


def test_roles_without_the_permission_neither_ask_nor_approve(signed_in: Callable[..., Client], call: Record) -> None:
    support = signed_in(Role.SUPPORT)
    assert "Demander l’approbation" not in streamed(support, "/office/rerating/preview/", **ASKED)
    assert support.post("/office/rerating/propose/", {**ASKED, "key": "k", "reason": "Long enough"}).status_code == 403
    assert signed_in(Role.ROUTING).get("/office/rerating/").status_code == 403
    elsewhere = signed_in(Role.BILLING, name="other-brand", brands=("kryptoow",))
    assert elsewhere.get("/office/rerating/preview/", ASKED).status_code == 422
    assert elsewhere.get("/office/rerating/rer_nothing/").status_code == 404


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ("impact", ("Plus cher de", "0,012\xa0€", "France fixe", "0,061\xa0€")),
        ("check", ("Pays sans prix", "Andorre")),
        ("margin", ("Préfixes vendus à perte", "Sans les 20\xa0% de taxe")),
    ],
)
def test_each_report_on_a_deck_is_streamed_with_its_figures(
    signed_in: Callable[..., Client], call: Record, report: str, words: tuple[str, ...]
) -> None:
    admin = signed_in(Role.ADMIN)
    page = streamed(admin, f"/office/decks/ippi/world/fixed/{report}/")
    for word in words:
        assert word in page
    assert page.count("<progress") >= 1
    assert f"/office/decks/ippi/world/fixed/{report}/" in admin.get("/office/decks/ippi/world/fixed/").content.decode()
    english = signed_in(Role.ADMIN, name="english", language="en")
    assert "France" in streamed(english, f"/office/decks/ippi/world/fixed/{report}/") or report == "check"
    outside = signed_in(Role.ADMIN, name="outside", brands=("kryptoow",))
    assert outside.get(f"/office/decks/ippi/world/fixed/{report}/").status_code == 404


def test_the_second_factor_is_asked_for(make: Callable[..., party.Staff], call: Record) -> None:
    from django.contrib.auth import get_user_model

    member, browser = make(Role.BILLING), Client()
    browser.force_login(get_user_model().objects.get(pk=member.user_id))
    assert browser.get("/office/rerating/preview/", ASKED).status_code == 302
    show_factor(browser, member.user_id)
    assert browser.get("/office/rerating/preview/", ASKED).status_code == 200

"""The voice menu seen from above: who is in it, how far callers come, where they give up, how long they talk."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings
from django.test import Client

from cadran.charging import traffic
from cadran.party.staff import Role
from cadran.voice.access import models

pytestmark = pytest.mark.django_db(databases="__all__")
GREETED, NUMBER, TALK = "begin", "number", "connect"


def visit(
    name: str, *states: str, outcome: str = "", minutes_ago: int = 60, lasted_s: int = 40, **more: object
) -> None:
    now = settings.CIVIL_CLOCK.now()
    began = now - timedelta(minutes=minutes_ago)
    fields: dict[str, object] = {
        "brand": "kryptoow",
        "access_number": "33199000100",
        "service": "calling-card",
        "language": "fr",
        "account": "A000001",
        "began_at": began,
        "answered_at": began if states else None,
        "ended_at": began + timedelta(seconds=lasted_s) if outcome else None,
        "state": states[-1] if states else "",
        "states": [[place * 1000, state] for place, state in enumerate(states)],
        "outcome": outcome,
    }
    models.AccessCall.objects.create(session=name, **{**fields, **more})


def text(page: Client, path: str) -> str:
    answer = page.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def test_the_funnel_counts_who_came_how_far_and_where_they_hung_up(
    signed_in: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    visit("one", GREETED, NUMBER, outcome="caller", lasted_s=20)
    visit("two", GREETED, NUMBER, TALK, outcome="goodbye", lasted_s=100, dialled=1, talked=1)
    visit("three", GREETED, outcome="caller", lasted_s=6)
    visit("masked", outcome="refused", refused="withheld", account="")
    visit("old", GREETED, outcome="caller", minutes_ago=60 * 24 * 8)
    visit("elsewhere", GREETED, outcome="caller", brand="ippi")
    talked = traffic.Talked(calls=2, seconds=180, micros=1_500_000)
    monkeypatch.setattr(traffic, "talked", lambda **asked: talked)
    browser = signed_in(Role.ADMIN)
    page = text(browser, "/office/menu-calls/?brand=kryptoow&days=7")
    assert "Appels reçus 4 Refusés 1 Accueillis 3 Ont composé 1 Ont parlé 1" in page
    assert "Visite moyenne 42 s Conversation moyenne 1 min 30 s Recette 1,50 €" in page  # (20 + 100 + 6) / 3; 180 / 2
    assert re.search(rf"{GREETED}.*? 3 1 raccroche .*?{NUMBER}.*? 2 1 raccroche .*?{TALK}.*? 1 ", page)
    assert "numéro masqué 1" in page
    assert "Appels reçus 5" in text(browser, "/office/menu-calls/?brand=kryptoow&days=30")
    assert "Appels reçus 1" in text(browser, "/office/menu-calls/?brand=ippi&days=7")


def test_who_is_in_the_menu_now_is_shown_and_the_look_is_written_down(signed_in: Callable[..., Client]) -> None:
    visit("now", GREETED, NUMBER, minutes_ago=2)
    page = text(signed_in(Role.ADMIN), "/office/menu-calls/?brand=kryptoow")
    assert f"A000001 +33 1 99 00 01 00 {NUMBER} 2 min" in page
    assert "Personne n’est à l’accueil" in text(signed_in(Role.ADMIN, name="second"), "/office/menu-calls/?brand=ippi")


def test_only_brands_within_reach_and_only_who_sees_calls(signed_in: Callable[..., Client]) -> None:
    visit("one", GREETED, outcome="caller")
    support = signed_in(Role.SUPPORT, brands=("ippi",))
    page = text(support, "/office/menu-calls/?brand=kryptoow&days=7")
    assert "Appels reçus 0" in page  # another brand's figures are not shown: the own brand stands instead
    assert "KRYPTOOW" not in page
    assert text(support, "/office/menu-calls/?brand=%3Cscript%3E&days=abc")

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.template import Context, Template
from django.test import Client
from django.utils import translation
from usage_rig import Till

from cadran.charging import queries as charging
from cadran.charging.records import Record
from cadran.party import queries
from cadran.web import texts

pytestmark = pytest.mark.django_db(databases="__all__")
WEB = Path(texts.__file__).parent
PUBLIC = [
    "/",
    "/prices/",
    "/prices/?q=maroc",
    "/terms/",
    "/terms/2018-04/",
    "/descriptions/",
    "/offers/",
    "/account/login/",
]
PUBLIC += ["/account/signup/", "/account/password/reset/"]
OWN = ["/dashboard/", "/dashboard/live/", "/calls/", "/payments/", "/statement/", "/account/", "/sip/", "/numbers/"]
OWN += ["/preferences/", "/account/password/change/", "/account/logout/"]
AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def call(account: str, **changes: object) -> Record:
    """A record of a call of 61 seconds to a mobile at EUR 0.12 a minute."""
    values: dict[str, object] = {
        "account": account,
        "cdr_id": "cdr_1",
        "session": "s1",
        "call_id": "c1",
        "brand": "ippi",
        "terms": "ippi/2018-04",
        "direction": "outbound",
        "number_class": "mobile",
        "caller": "claire",
        "shown": "",
        "destination": "447911123456",
        "authorised_at": AT,
        "answered_at": AT,
        "ended_at": AT,
        "disposition": "answered",
        "ended_by": "credit",
        "sip_code": 200,
        "carrier": "one",
        "measured_ms": 60_400,
        "charged_s": 61,
        "charge_micros": 122_000,
        "currency": "EUR",
        "clause": "IPP-10.1-per-second",
        "loss_s": 0,
        "loss_micros": 0,
        "granted_s": 61,
        "limit_s": 3600,
        "limit_clause": "IPP-5.5-one-hour",
        "decision": {"fr": "Appel compté à la seconde.", "en": "Call charged by the second."},
        "charge": {
            "destination": "Royaume-Uni mobile",
            "prefix": "447",
            "price_nanos": 120_000_000,
            "first_s": 1,
            "next_s": 1,
            "seconds": 61,
            "billed_s": 61,
            "deck": "world",
            "version": "2018-04",
            "line": 7,
            "steps": [{"kind": "next", "arithmetic": "61 × 1 s × 0.12 / 60 s = 0.122"}],
        },
    }
    return Record(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("page", PUBLIC)
def test_public_pages_answer_in_both_languages_and_load_nothing_from_elsewhere(
    visitor: Client, page: str, language: str
) -> None:
    answer = visitor.get(page, headers={"Accept-Language": language})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in text
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', text)
    assert "style=" not in text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("page", OWN)
def test_own_pages_answer_only_their_customer_and_are_never_cached(claire: Client, page: str) -> None:
    answer = claire.get(page)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert Client().get(page).status_code == 302


@pytest.mark.clause("IPP-10.1-consumption", "IPP-10.1-cdr")
def test_a_call_shows_its_charge_and_its_why_in_both_languages(claire: Client) -> None:
    mine = call(queries.customer_named("claire").account)
    Till(mine.account).sessions.insert_record(mine)
    assert "0,122\u00a0€" in claire.get("/calls/").content.decode()
    french = claire.get("/calls/cdr_1/", headers={"Accept-Language": "fr"}).content.decode()
    for part in (
        "Appel compté à la seconde.",
        "IPP-10.1-per-second",
        "0,12\u00a0€",
        "61 × 1 s × 0.12 / 60 s = 0.122",
        "ippi",
    ):
        assert part in french or part == "ippi"
    assert "coupé : crédit épuisé" in french
    assert "version 2018-04" in french
    english = claire.get("/calls/cdr_1/", headers={"Accept-Language": "en"}).content.decode()
    for part in ("Call charged by the second.", "€0.122", "cut: credit used up", "Why this call cost"):
        assert part in english


def test_another_customers_call_is_not_found(claire: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, asked = call("A999999"), []

    def cdr(cdr_id: str, *, account: str | None = None) -> object:
        asked.append(account)
        if account in (None, theirs.account):
            return theirs
        raise charging.UnknownCdr("not yours")

    monkeypatch.setattr(charging, "cdr", cdr)
    assert claire.get("/calls/cdr_1/").status_code == 404
    assert None not in asked


@pytest.mark.parametrize("cdr_id", ["cdr_none", "' OR 1=1 --", "..", "%00", "x" * 500])
def test_an_unknown_call_is_not_found(claire: Client, cdr_id: str) -> None:
    assert claire.get(f"/calls/{cdr_id}/").status_code == 404


@pytest.mark.clause("IPP-5.3-codes")
def test_the_sip_password_is_changed_only_for_an_own_line_and_never_shown(claire: Client) -> None:
    before = queries.sip_user("claire")
    assert claire.post("/sip/", {"username": "bob", "sip_password": "new9-code-for-phones"}).status_code == 404
    assert claire.post("/sip/", {"username": "claire", "sip_password": "short1"}).status_code == 200
    assert queries.sip_user("claire") == before
    assert claire.post("/sip/", {"username": "claire", "sip_password": "new9-code-for-phones"}).status_code == 302
    assert queries.sip_user("claire") != before
    assert "new9-code-for-phones" not in claire.get("/sip/").content.decode()


@pytest.mark.clause("IPP-9.6-120-minutes")
def test_the_dashboard_offers_60_or_120_minutes(claire: Client) -> None:
    page = claire.get("/preferences/").content.decode()
    assert "60 minutes" in page
    assert "120 minutes" in page
    claire.post("/preferences/", {"duration": "raised"})
    user = queries.sip_user("claire")
    assert user is not None
    assert user.raised_duration
    assert "120 minutes" in claire.get("/dashboard/").content.decode()
    assert claire.post("/preferences/", {"duration": "9999"}).status_code == 404


def test_the_language_chosen_is_kept_for_mails_and_announcements(claire: Client) -> None:
    claire.post("/language/", {"language": "en", "next": "/dashboard/"})
    assert "Hello Claire Le Gall" in claire.get("/dashboard/").content.decode()
    assert queries.customer_named("claire").language == "en"
    answer = claire.post("/language/", {"language": "fr", "next": "https://evil.example/"})
    assert "evil" not in answer.headers["Location"]


@pytest.mark.parametrize("search", ["'; DROP TABLE catalog_deck;--", "%", "<script>alert(1)</script>", "\0", "é" * 200])
def test_a_hostile_search_of_prices_is_only_a_search(visitor: Client, search: str) -> None:
    answer = visitor.get("/prices/", {"q": search})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()


@pytest.mark.parametrize("page", ["/nothing/", "/terms/2099-01/", "/terms/..%2f..%2fetc/"])
def test_a_page_that_does_not_exist_says_so(visitor: Client, page: str) -> None:
    answer = visitor.get(page)
    assert answer.status_code == 404
    assert "Cette page n’existe pas" in answer.content.decode()


def test_terms_show_the_hash_of_their_text_and_say_that_english_is_indicative(visitor: Client) -> None:
    assert "SHA-256" in visitor.get("/terms/").content.decode()
    assert (
        "this translation is indicative" in visitor.get("/terms/", headers={"Accept-Language": "en"}).content.decode()
    )


def test_markdown_of_a_brand_runs_nothing() -> None:
    html = texts.html('# T\n<script>alert(1)</script>\n[x](javascript:alert(1)) <img src=x onerror=y> "q"')
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html


@pytest.mark.parametrize(
    ("language", "template", "shown"),
    [
        ("fr", "{{ 12345|money }}", "0,012345\u00a0€"),
        ("fr", "{{ 1234500000|money }}", "1\u202f234,50\u00a0€"),
        ("en", "{{ 12345|money }}", "€0.012345"),
        ("fr", "{{ 33889999|credit }}", "33,88\u00a0€"),
        ("fr", "{{ 999999|credit }}", "0,99\u00a0€"),
        ("en", "{{ 10000000|whole }}", "€10"),
        ("fr", "{{ 12000000|price }}", "0,012\u00a0€"),
        (
            "fr",
            "{{ 59|duration }} {{ 60|duration }} {{ 3661|duration }}",
            "59\u00a0s 1\u00a0min\u00a000\u00a0s 1\u00a0h\u00a001\u00a0min\u00a001\u00a0s",
        ),
        ("fr", "{{ '33142000001'|phone }} {{ '112'|phone }} {{ 'sip:a@b'|phone }}", "+33 1 42 00 00 01 112 sip:a@b"),
    ],
)
def test_amounts_durations_and_numbers_are_shown_as_people_read_them(language: str, template: str, shown: str) -> None:
    with translation.override(language):
        assert Template("{% load shown %}" + template).render(Context()) == shown


@pytest.mark.clause("IPP-9.2-180-days")
@pytest.mark.parametrize(
    ("expires_at", "day"),
    [
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), "29 mars 2026"),  # midnight in Paris after the clock change
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), "28 mars 2026"),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), "25 octobre 2026"),
    ],
)
def test_credit_is_shown_with_its_last_day_in_paris(visitor: Client, expires_at: datetime, day: str) -> None:
    from django.utils import timezone

    with translation.override("fr"), timezone.override("Europe/Paris"):
        template = Template("{% load shown %}{{ at|last_day }}")
        assert template.render(Context({"at": expires_at})) == day


CATALOGUES = [
    WEB,
    WEB / "accounts",
    WEB / "office",
    WEB / "office/desk",
    WEB / "calling",
    WEB / "easydialer",
    WEB / "api",
    WEB.parent / "messaging",
    WEB.parent / "invoicing",
]


def test_every_word_of_the_site_has_its_english() -> None:
    """Wherever it stands: pages, mails, receipts, back office; and each compiled catalogue is the one of its source."""
    spoken: set[str] = set()
    for folder in (one / "locale/en/LC_MESSAGES" for one in CATALOGUES):
        catalogue, compiled = read_po((folder / "django.po").open("rb")), read_mo((folder / "django.mo").open("rb"))
        here = {m.id if isinstance(m.id, str) else m.id[0] for m in catalogue if m.id and m.string and not m.fuzzy}
        assert {m.id if isinstance(m.id, str) else m.id[0] for m in compiled if m.id} == here, folder
        spoken |= here
    single = re.compile(r"""\{%\s*translate\s+(?:"([^"]+)"|'([^']+)')|_\(\s*"((?:[^"\\]|\\.)+)"\s*\)""")
    block = re.compile(r"\{% blocktranslate[^%]*%\}(.*?)(?:\{% plural %\}.*?)?\{% endblocktranslate %\}", re.DOTALL)
    missing = []
    rooms = (WEB, WEB.parent / "messaging", WEB.parent / "invoicing")
    for path in [p for room in rooms for kind in ("html", "txt", "py") for p in room.rglob(f"*.{kind}")]:
        source = path.read_text()
        words = ["".join(found) for found in single.findall(source)]
        words += [re.sub(r"\{\{ (\w+) \}\}", r"%(\1)s", text) for text in block.findall(source)]
        missing += [(path.name, word) for word in words if word not in spoken]
    assert not missing


def test_a_failure_page_needs_neither_database_nor_brand(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from cadran.web.views import public

    answer = public.failed(None)  # type: ignore[arg-type]
    assert answer.status_code == 500
    assert "Une erreur de notre côté" in answer.content.decode()


def test_health_answers_without_a_session(visitor: Client) -> None:
    answer = visitor.get("/health")
    assert answer.json() == {"status": "ok"}
    assert not answer.cookies


def test_no_page_of_the_account_names_the_sites_other_customers(claire: Client, sign_up: Callable[..., str]) -> None:
    zoe = Client()
    zoe.post(sign_up(zoe, username="zoe", email="zoe@example.org"))
    assert "zoe" in zoe.get("/preferences/").content.decode()
    for page in OWN:
        assert "zoe" not in claire.get(page).content.decode()

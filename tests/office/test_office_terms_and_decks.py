"""Pages of terms and prices: drafts, publication by a second person, uploads; script, forged names and formulas in all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from cadran.catalog import import_profiles, price_files
from cadran.catalog import queries as catalog
from cadran.party.staff import Role
from cadran.policy import queries as policy

pytestmark = pytest.mark.django_db(databases="__all__")
REASON = "Credit lives a year from 2100 on"
DECK = "prefix,destination,price\n331,France fixe,0.0120\n336,France mobile,0.0900\n"


@pytest.fixture(autouse=True)
def installation(settings: Settings, tmp_path: Path) -> Path:
    settings.PUBLISHED = tmp_path / "published"
    return tmp_path / "published"


def opened(browser: Client) -> str:
    """A new draft's address."""
    return browser.post("/office/terms/open/", {"brand": "ippi"}).headers["Location"]


def filled(browser: Client, address: str, **changes: str) -> dict[str, str]:
    page = browser.get(address).content.decode()
    revision = re.search(r'name="revision" value="(\d+)"', page)
    assert revision is not None
    form = {"revision": revision[1], "version": "2100-01", "title": "Terms", "effective_from": "2100-01-01"}
    return form | {"value:credit.validity_days": "365", "deed": "check"} | changes


def submitted(browser: Client, address: str) -> str:
    page = browser.get(f"{address}preview/").content.decode()
    fields = dict(re.findall(r'name="(key|revision)" value="([^"]+)"', page))
    return browser.post(f"{address}submit/", fields | {"reason": REASON}).headers["Location"]


def test_one_writes_another_publishes_and_customers_read_it(signed_in: Callable[..., Client], client: Client) -> None:
    anne, bruno = signed_in(Role.COMPLIANCE, name="anne"), signed_in(Role.ADMIN, name="bruno", language="en")
    address = opened(anne)
    hostile = "# Conditions\n\n<script>alert(1)</script>\n\n[ici](javascript:alert(2)) <img src=x onerror=alert(3)>"
    saved = anne.post(address, filled(anne, address, **{"text:fr": hostile, "title": "<b>T</b>"}))
    assert saved.headers["Location"] == f"{address}preview/"
    preview = anne.get(f"{address}preview/").content.decode()
    assert "credit.validity_days" in preview
    proposal = submitted(anne, address)
    page = bruno.get(proposal).content.decode()
    for shown in (preview, page):
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert 'href="javascript' not in shown
    sha256 = re.search(r'name="sha256" value="(\w+)"', page)
    assert sha256 is not None
    alone = anne.post(f"{proposal}decide/", {"deed": "approve", "sha256": sha256[1]}, follow=True)
    assert "Personne ne décide de sa propre demande" in alone.content.decode()
    assert policy.brand("ippi").versions == ("2018-04",)
    done = bruno.post(f"{proposal}decide/", {"deed": "approve", "sha256": sha256[1]}, follow=True)
    assert "Published." in done.content.decode()
    assert policy.terms("ippi/2100-01").integer("credit.validity_days") == 365
    public = client.get("/terms/2100-01/").content.decode()
    assert "<script>alert" not in public
    again = bruno.post(f"{proposal}decide/", {"deed": "approve", "sha256": sha256[1]}, follow=True)
    assert "dealt with already" in again.content.decode()


def test_what_is_wrong_is_told_in_its_place_and_what_was_typed_stays(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.COMPLIANCE)
    address = opened(browser)
    wrong = {"value:credit.validity_days": '"><script>x</script>', "version": "../../etc/cron.d/x"}
    answer = browser.post(address, filled(browser, address, **wrong))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "<script>x" not in page
    assert 'aria-describedby="p-credit.validity_days"' in page
    assert 'aria-describedby="version-problem"' in page
    assert "../../etc/cron.d/x" in page


@pytest.mark.parametrize(
    ("role", "sees", "edits"),
    [
        (Role.SUPPORT, 200, 403),
        (Role.BILLING, 200, 403),
        (Role.COMPLIANCE, 200, 302),
        (Role.ROUTING, 200, 403),
        (Role.ADMIN, 200, 302),
        (Role.READ_ONLY, 200, 403),
    ],
)
def test_everybody_reads_terms_and_only_some_write_them(
    role: Role, sees: int, edits: int, signed_in: Callable[..., Client]
) -> None:
    writer = signed_in(Role.COMPLIANCE, name="writes")
    address = opened(writer)
    browser = signed_in(role)
    assert browser.get("/office/terms/").status_code == sees
    assert browser.post("/office/terms/open/", {"brand": "ippi"}).status_code == edits
    if edits == 403:
        for path in (address, f"{address}preview/"):
            assert browser.get(path).status_code == 403
        assert browser.post(f"{address}submit/", {"key": "k", "revision": "1", "reason": REASON}).status_code == 403
        assert browser.post("/office/terms/proposals/prop_x/decide/", {"deed": "approve"}).status_code == 403


def test_staff_of_another_brand_finds_no_draft(signed_in: Callable[..., Client]) -> None:
    address = opened(signed_in(Role.COMPLIANCE, name="writes"))
    other = signed_in(Role.COMPLIANCE, brands=("kavkom",))
    assert other.get(address).status_code == 404
    assert other.post("/office/terms/open/", {"brand": "ippi"}).status_code == 404
    assert other.post("/office/terms/open/", {"brand": "../ippi"}).status_code == 404


def send(
    browser: Client, content: str, *, name: str = "prices.csv", deed: str = "import", version: str = "t1"
) -> object:
    file = SimpleUploadedFile(name, content.encode())
    form = {"brand": "ippi", "version": version, "delimiter": ",", "tax": "included", "deed": deed, "file": file}
    return browser.post("/office/decks/upload/", form)


def test_a_deck_is_checked_kept_as_a_draft_compared_and_activated(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.ROUTING)
    checked = send(browser, DECK, deed="check")
    assert "Fichier juste" in checked.content.decode()  # type: ignore[attr-defined]
    assert not [one for one in catalog.decks("ippi") if one.version == "t1"]
    kept = send(browser, DECK)
    address = kept.headers["Location"]  # type: ignore[attr-defined]
    assert address == "/office/decks/ippi/world/t1/"
    assert "France" not in browser.get("/office/decks/", {"q": "336"}).content.decode()
    browser.post(f"{address}activate/", {"day": "2026-01-01"})
    assert catalog.deck("ippi", "world", "t1").state == "activated"
    send(
        browser,
        DECK.replace("0.0900", "0.1000").replace("331,France fixe,0.0120\n", "332,France fixe,0.0110\n"),
        version="t2",
    )
    page = browser.get("/office/decks/ippi/world/t2/").content.decode()
    figures = re.findall(r'<dd class="num">(\d+)', page)
    assert figures[:5] == ["1", "0", "1", "1", "0"]
    past = browser.post("/office/decks/ippi/world/t2/activate/", {"day": "2020-01-01"}, follow=True)
    assert "à partir d’un jour à venir" in past.content.decode()
    assert catalog.deck("ippi", "world", "t2").state == "draft"


@pytest.mark.parametrize(
    ("name", "version", "kept"),
    [
        ("../../../etc/passwd", "t1", True),
        ("a\x00b.csv", "t1", True),
        ("x.csv", "../t1", False),
        ("x.csv", "T 1", False),
    ],
)
def test_the_name_of_an_upload_means_nothing_and_a_version_is_a_plain_word(
    name: str, version: str, kept: bool, signed_in: Callable[..., Client]
) -> None:
    answer = send(signed_in(Role.ROUTING), DECK, name=name, version=version)
    assert answer.status_code == (302 if kept else 422)  # type: ignore[attr-defined]
    assert bool(catalog.decks("ippi")) == kept


def test_script_in_a_deck_is_text_on_every_page_and_a_formula_is_refused(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.ROUTING)
    formula = 'prefix,destination,price\n331,"=HYPERLINK(""http://x"")",0.01\n'
    assert "formula" in send(browser, formula).content.decode()  # type: ignore[attr-defined]
    send(browser, "prefix,destination,price\n331,<script>y</script>,0.01\n")
    browser.post("/office/decks/ippi/world/t1/activate/", {"day": "2026-01-01"})
    page = browser.get("/office/decks/", {"q": "331", "brand": "ippi"}).content.decode()
    assert "&lt;script&gt;y" in page
    assert "<script>y" not in page


@pytest.mark.parametrize("content", ["PK\x03\x04zip", "", "prefix\n", "prefix,destination,price\n33,x,-1\n"])
def test_a_file_that_is_no_deck_is_refused_whole(content: str, signed_in: Callable[..., Client]) -> None:
    answer = send(signed_in(Role.ROUTING), content)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert not catalog.decks("ippi")


def test_a_deck_of_more_than_twelve_megabytes_is_told_to_be_too_large(signed_in: Callable[..., Client]) -> None:
    answer = send(signed_in(Role.ROUTING), DECK + " " * (12 * 1024 * 1024))
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "12 Mo au plus" in answer.content.decode()  # type: ignore[attr-defined]
    assert not catalog.decks("ippi")


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.BILLING, Role.COMPLIANCE, Role.READ_ONLY])
def test_roles_that_set_no_prices_load_and_activate_none(role: Role, signed_in: Callable[..., Client]) -> None:
    send(signed_in(Role.ROUTING), DECK)
    browser = signed_in(role)
    assert browser.get("/office/decks/").status_code == 200
    assert send(browser, DECK, version="t9").status_code == 403  # type: ignore[attr-defined]
    answer = browser.post("/office/decks/ippi/world/t1/activate/", {"day": "2026-01-01"})
    assert answer.status_code == 403
    assert catalog.deck("ippi", "world", "t1").state == "draft"


def test_a_list_of_another_program_is_loaded_by_its_form_or_a_saved_profile(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.ROUTING)
    import_profiles.save(
        name="carrier",
        mapping=price_files.ColumnMap(columns={"Code": "prefix", "Name": "destination", "Rate": "price"}),
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert 'value="carrier"' in browser.get("/office/decks/").content.decode()

    def load(content: bytes, version: str, **more: str) -> object:
        file = SimpleUploadedFile("x", content)
        form = {"brand": "ippi", "version": version, "tax": "included", "deed": "import", "file": file, **more}
        return browser.post("/office/decks/upload/", form)

    magnus = load(b"33;France;0.12;1;60;0;0;0\n", "m1", form="magnusbilling")
    assert magnus.headers["Location"].endswith("/m1/")  # type: ignore[attr-defined]
    mapped = load("Code;Name;Rate\n33;Réunion;0.1\n".encode("latin-1"), "p1", profile="carrier")
    assert mapped.headers["Location"].endswith("/p1/")  # type: ignore[attr-defined]
    wrong = load(b"Code;Name;Rate\n3.3E+5;X;0.1\n", "p2", profile="carrier")
    assert (wrong.status_code, "3.3E+5" in wrong.content.decode()) == (422, True)  # type: ignore[attr-defined]
    for more in ({"profile": "../x"}, {"form": "xlsx"}, {"form": "astpp"}):
        assert load(b"Code;Name;Rate\n33;X;0.1\n", "p3", **more).status_code == 422  # type: ignore[attr-defined]
    assert load(b"a,b\n", "p4", form="cgrates").status_code == 422  # type: ignore[attr-defined]

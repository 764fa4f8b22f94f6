"""Terms that change, in brand folders of the test's own: who is asked, what governs, what is shown."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from cadran.journeys import new_terms
from cadran.party import queries as party
from cadran.policy import queries as policy
from cadran.policy.sections import PolicyError
from cadran.web.accounts import agreed

pytestmark = pytest.mark.django_db(databases="__all__")
BEFORE = datetime(2026, 5, 31, 21, 59, 59, tzinfo=UTC)  # the last second of 31 May in Paris
AFTER = datetime(2026, 5, 31, 22, 0, tzinfo=UTC)
NOT_YET = datetime(2999, 1, 1, tzinfo=UTC)
Publish = Callable[..., None]


@pytest.fixture
def brands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reference brands in a folder that the test may change."""
    folder = tmp_path / "brands"
    shutil.copytree(settings.BRANDS, folder)
    monkeypatch.setattr(settings, "BRANDS", folder)
    return folder


@pytest.fixture
def publish(brands: Path) -> Publish:
    """Puts a further version of a brand's terms online."""

    def run(
        version: str,
        *,
        brand: str = "ippi",
        key: bool = False,
        since: str = "2026-06-01",
        more: str = "",
        text: str = "",
    ) -> None:
        terms = brands / brand / "terms"
        (first,) = [path for path in terms.glob("*.toml") if path.stem in {"2018-04", "2018-01"}]
        head = first.read_text().replace(f'version = "{first.stem}"', f'version = "{version}"')
        head = re.sub(r"effective_from = \S+", f"effective_from = {since}\nkey_change = {str(key).lower()}", head)
        (terms / f"{version}.toml").write_text(head + more)
        french = (terms / f"{first.stem}.fr.md").read_text()
        (terms / f"{version}.fr.md").write_text(text or french + "\n\n## Nouveau\n\nUne clause de plus.\n")

    return run


@pytest.mark.clause("KRY-2.2-new-terms")
def test_a_key_change_is_asked_from_its_first_second_in_the_brands_zone(publish: Publish) -> None:
    publish("2026-06", key=True)
    assert new_terms.to_approve(accepted="ippi/2018-04", at=BEFORE) is None
    asked = new_terms.to_approve(accepted="ippi/2018-04", at=AFTER)
    assert asked is not None
    assert asked.ref == "ippi/2026-06"
    assert new_terms.to_approve(accepted="ippi/2026-06", at=AFTER) is None


@pytest.mark.clause("KRY-2.2-new-terms")
def test_an_ordinary_change_is_not_asked_but_a_key_change_before_it_is(publish: Publish) -> None:
    publish("2026-06")
    assert new_terms.to_approve(accepted="ippi/2018-04", at=AFTER) is None
    publish("2026-03", key=True, since="2026-03-01")
    asked = new_terms.to_approve(accepted="ippi/2018-04", at=AFTER)
    assert asked is not None
    assert asked.ref == "ippi/2026-06"
    assert new_terms.to_approve(accepted="ippi/2026-03", at=AFTER) is None


@pytest.mark.clause("KRY-2.2-new-terms")
def test_every_page_of_the_account_waits_for_the_approval_and_opens_with_it(claire: Client, publish: Publish) -> None:
    publish("2020-01", key=True, since="2020-01-01")
    for page in (
        "/dashboard/",
        "/calls/",
        "/sip/",
        "/topup/",
        "/preferences/",
        "/account/security/",
        "/account/cases/",
    ):
        assert claire.get(page).headers["Location"] == "/account/terms/approval/", page
    assert claire.post("/sip/", {"username": "claire", "sip_password": "new9-code-for-phones"}).status_code == 302
    for page in ("/terms/", "/terms/2018-04/", "/terms/2018-04/compare/2020-01/", "/account/logout/"):
        assert claire.get(page).status_code == 200, page
    shown = claire.get("/account/terms/approval/").content.decode()
    assert "Une clause de plus." in shown
    assert claire.post("/account/terms/approval/", {"read": "ippi/2020-01 forged"}).status_code == 422
    (token,) = re.findall(r'name="read"[^>]*value="([^"]+)"', shown)
    assert claire.post("/account/terms/approval/", {"read": token}).headers["Location"] == "/dashboard/"
    assert claire.get("/dashboard/").status_code == 200
    customer = party.customer_named("claire")
    assert customer.terms == "ippi/2020-01"
    newest = party.acceptances(customer_id=customer.id)[0]
    assert (newest.ref, newest.language, newest.ip) == ("ippi/2020-01", "fr", "127.0.0.1")
    assert newest.text_sha256 == policy.terms_text("ippi/2020-01", "fr")[1]


@pytest.mark.clause("KRY-2.2-new-terms")
def test_an_approval_of_what_is_no_longer_in_force_is_refused(claire: Client, publish: Publish) -> None:
    publish("2020-01", key=True, since="2020-01-01")
    customer = party.customer_named("claire")
    with pytest.raises(new_terms.TermsMoved):
        new_terms.approve(
            user_id=customer.user_id,
            ref="ippi/2018-04",
            text_sha256=policy.terms_text("ippi/2018-04", "fr")[1],
            language="fr",
            ip="192.0.2.1",
            at=AFTER,
        )
    assert party.customer_named("claire").terms == "ippi/2018-04"


@pytest.mark.clause("KRY-2.2-new-terms")
@pytest.mark.parametrize("brand", ["kryptoow", "izikall"])
def test_a_use_is_governed_by_the_version_online_at_that_moment(publish: Publish, brand: str) -> None:
    publish("2026-06", brand=brand)
    old, new = f"{brand}/2018-01", f"{brand}/2026-06"
    assert policy.terms(old).text("terms.governed_by") == "in-force"
    assert policy.governing_terms(old, BEFORE).ref == old
    assert policy.governing_terms(old, AFTER).ref == new


@pytest.mark.clause("KRY-2.2-new-terms")
def test_where_the_contract_does_not_say_so_the_version_accepted_governs(publish: Publish) -> None:
    publish("2026-06")
    assert policy.governing_terms("ippi/2018-04", AFTER).ref == "ippi/2018-04"


@pytest.mark.clause("KRY-2.2-new-terms")
def test_a_call_is_judged_by_the_governing_version_and_keeps_the_accepted_one_beside_it(
    claire: Client, publish: Publish
) -> None:
    governed = '\n[terms.governed_by]\nvalue = "in-force"\nunit = "choice"\nclause = "KRY-2.2-new-terms"\n'
    publish("2026-06", more=governed)
    before, after = party.sip_user("claire", at=BEFORE), party.sip_user("claire", at=AFTER)
    assert before is not None
    assert after is not None
    assert (before.terms, before.accepted_terms) == ("ippi/2018-04", "ippi/2018-04")
    assert (after.terms, after.accepted_terms) == ("ippi/2026-06", "ippi/2018-04")


SPECIAL = '\n[special.night_plan.credit.validity_days]\nvalue = 90\nunit = "day"\nclause = "KRY-2.2-new-terms"\n'


@pytest.mark.clause("KRY-2.2-new-terms")
def test_special_conditions_of_a_product_override_the_general_ones_for_it_alone(publish: Publish) -> None:
    publish("2026-06", more=SPECIAL)
    terms = policy.terms("ippi/2026-06")
    assert terms.integer("credit.validity_days") == 180
    assert terms.of_product("night_plan").integer("credit.validity_days") == 90
    assert terms.of_product("night_plan").clause("credit.validity_days") == "KRY-2.2-new-terms"
    assert terms.of_product("other") is terms


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (SPECIAL.replace("credit.validity_days", "credit.nothing_days"), "overrides nothing"),
        (SPECIAL.replace('unit = "day"', 'unit = "count"').replace("validity_days", "floor_micros"), "micro"),
    ],
)
def test_special_conditions_that_override_nothing_or_in_another_unit_are_refused(
    publish: Publish, wrong: str, message: str
) -> None:
    publish("2026-06", more=wrong)
    with pytest.raises(PolicyError, match=message):
        policy.check()


@pytest.mark.clause("KRY-2.2-new-terms")
def test_earlier_versions_stay_readable_in_public_and_in_the_account(claire: Client, publish: Publish) -> None:
    publish("2020-01", since="2020-01-01", text="# Conditions\n\nTout nouveau, tout <script>beau</script>.\n")
    for browser in (Client(HTTP_ACCEPT_LANGUAGE="fr"), claire):
        assert "Tout nouveau" in browser.get("/terms/").content.decode()
        assert browser.get("/terms/2018-04/").status_code == 200
        compared = browser.get("/terms/2018-04/compare/2020-01/").content.decode()
        assert "retiré" in compared
        assert "<script>beau" not in compared
        assert browser.get("/terms/2018-04/compare/1999-01/").status_code == 404
    own = claire.get("/account/terms/").content.decode()
    assert "/terms/2018-04/compare/2020-01/" in own


def test_a_difference_marks_words_paragraphs_and_the_title_that_they_stand_under() -> None:
    before = "# A\n\n## 1. Prix\n\nUn appel coûte 10 centimes la minute.\n\nReste.\n"
    after = "# A\n\n## 1. Prix\n\nUn appel coûte 12 centimes la minute.\n\nReste.\n\nAjout entier, différent.\n"
    assert [(kind, str(html)) for kind, html in agreed.difference(before, after)] == [
        ("same", "1. Prix"),
        ("changed", "Un appel coûte <del>10</del><ins>12</ins> centimes la minute."),
        ("new", "Ajout entier, différent."),
    ]
    assert agreed.difference(before, before) == []


@pytest.mark.clause("KRY-12.2-language")
def test_french_is_official_in_the_terms_and_first_among_a_brands_languages() -> None:
    for brand in ("kryptoow", "izikall"):
        assert policy.terms(f"{brand}/2018-01").text("language.official") == "fr"
        assert policy.brand(brand).language == "fr"


@pytest.mark.clause("KRY-12.2-language")
@pytest.mark.parametrize("host", ["kryptoow.localhost", "izikall.localhost", "ippi.localhost"])
def test_pages_in_another_language_say_that_they_are_indicative(db: None, host: str) -> None:
    for page in ("/", "/terms/", "/account/login/", "/account/connection/"):
        english = Client(HTTP_HOST=host).get(page, headers={"Accept-Language": "en"}).content.decode()
        french = Client(HTTP_HOST=host).get(page, headers={"Accept-Language": "fr"}).content.decode()
        assert "French is the language that counts; others are indicative." in english, page
        assert "les autres langues sont indicatives.</div>" not in french, page


@pytest.mark.clause("KRY-12.2-language")
def test_a_text_that_has_no_translation_falls_back_to_french_and_says_so(publish: Publish) -> None:
    publish("2020-01", brand="kryptoow", since="2020-01-01", text="# Conditions\n\nEn français.\n")
    page = Client(HTTP_HOST="kryptoow.localhost").get("/terms/", headers={"Accept-Language": "en"}).content.decode()
    assert "En français." in page
    assert "exists only in French" in page
    assert '<article class="card text" lang="fr">' in page


@pytest.mark.clause("KRY-12.2-language")
def test_a_language_that_the_site_does_not_speak_gets_french(db: None) -> None:
    page = Client(HTTP_HOST="kryptoow.localhost").get("/", headers={"Accept-Language": "de"}).content.decode()
    assert '<html lang="fr">' in page


@pytest.mark.clause("KRY-12.2-language")
def test_versions_are_compared_in_a_language_that_both_have(publish: Publish) -> None:
    publish("2020-01", since="2020-01-01")  # in French alone
    page = Client().get("/terms/2018-04/compare/2020-01/", headers={"Accept-Language": "en"}).content.decode()
    assert "Une clause de plus." in page
    assert "<del>" not in page

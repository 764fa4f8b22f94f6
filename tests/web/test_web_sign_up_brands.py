"""Registration where more is asked for: KRYPTOOW's telephone and identity document, companies, special conditions."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from web_forms import posted

import papers
from cadran.journeys import registration
from cadran.party import queries
from cadran.party import rules as party_rules
from cadran.party.documents import inspection, inspector, operations, rules
from cadran.party.documents import queries as documents
from cadran.party.models import IdentityDocument
from cadran.policy import queries as policy
from cadran.web import uploads

pytestmark = pytest.mark.django_db(databases="__all__")
HOST = "kryptoow.localhost"
DEPOSIT = "/account/registration/document/"
Form = dict[str, Any]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents in a folder of their own, inspected at once."""
    from cadran.party.documents import strongbox

    monkeypatch.setattr(strongbox, "folder", lambda: _made(tmp_path / "documents"))
    monkeypatch.setattr(inspector, "inspected", _at_once)


def _made(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def _at_once(raw: bytes) -> inspection.Safe:
    try:
        return inspection.inspect(raw, max_bytes=rules.MAX_BYTES, max_pages=rules.MAX_PAGES)
    except inspection.Refused as error:
        raise inspector.refusal(str(error)) from error


def browser(host: str = HOST, **options: Any) -> Client:
    return Client(HTTP_HOST=host, HTTP_ACCEPT_LANGUAGE="fr", **options)


def filled(host: str = HOST, **changes: str | None) -> Form:
    """KRYPTOOW's form as a careful visitor fills it."""
    page = browser(host).get("/account/signup/").content.decode()
    ticks = {n: v for v, n in re.findall(r'value="([^"]+)"[^>]*?name="(accept_\w+)"', page)}
    ticks |= dict(re.findall(r'name="(accept_\w+)"[^>]*?value="([^"]+)"', page))
    form: dict[str, str | None] = {
        "kind": "person",
        "first_names": "Claire",
        "name": "Le Gall",
        "country": "FR",
        "phone": "06 12 34 56 78",
        "email": "claire@example.org",
        "username": "claire",
        "password1": "vent-du-large-29",
        "adult": "on",
        **ticks,
        **changes,
    }
    return {name: value for name, value in form.items() if value is not None}


def deposit_form(page: Client, **changes: Any) -> Form:
    key = re.search(r'name="key" value="(\w+)"', page.get(DEPOSIT).content.decode())
    assert key is not None
    form = {
        "kind": "identity-card",
        "expires_on": "2040-01-01",
        "key": key[1],
        "front": upload(),
        "back": upload(),
    } | changes
    return {name: value for name, value in form.items() if value is not None}


def upload(content: bytes | None = None, name: str = "recto.jpg", kind: str = "image/jpeg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, papers.photo() if content is None else content, kind)


@pytest.fixture
def claire() -> Client:
    """A browser in which claire, a customer of KRYPTOOW who confirmed her address, is signed in."""
    return signed_up("claire")


def signed_up(name: str) -> Client:
    page = browser()
    answer = page.post("/account/signup/", filled(username=name, email=f"{name}@example.org"))
    assert answer.status_code == 302, answer.content.decode()
    path = re.search(r"http://kryptoow\.localhost:\d+(/account/\S+)", posted()[-1].body)
    assert path is not None
    page.post(path[1])
    return page


@pytest.mark.clause("KRY-4.1-registration")
def test_kryptoow_and_izikall_ask_for_everything_that_the_clause_names_and_no_sip_line() -> None:
    asked = ["name", "first-names", "email", "password", "phone", "country", "identity-document"]
    fields = {"email": "email", "password": "password1", "phone": "phone", "country": "country", "name": "name"}
    for brand in ("kryptoow", "izikall"):
        terms = policy.terms_in_force(brand, settings.CIVIL_CLOCK.now())
        assert terms.texts("account.registration_asks") == tuple(asked)
        assert terms.texts("account.validated_by") == ("email", "identity-document")
        page = browser(f"{brand}.localhost").get("/account/signup/").content.decode()
        for name in [*(fields[one] for one in asked if one in fields), "first_names"]:
            assert f'name="{name}"' in page
        assert registration.asked(brand=brand, at=settings.CIVIL_CLOCK.now()).sides == 2
        assert "sip_password" not in page
    page = browser("ippi.localhost").get("/account/signup/").content.decode()
    assert 'name="phone"' not in page
    assert 'name="sip_password"' in page


@pytest.mark.clause("KRY-4.1-registration", "KRY-4.1-capacity", "IPP-5.2-validation")
def test_from_the_form_to_an_open_account(claire: Client) -> None:
    customer = queries.customer_named("claire")
    assert (customer.brand, customer.phone, customer.certified) == ("kryptoow", "+33612345678", "age>=18")
    assert queries.sip_user("claire") is None
    answer = claire.get("/dashboard/")
    assert answer.headers["Location"] == "/account/registration/"
    page = claire.get("/account/registration/").content.decode()
    assert "Donner ma pièce d’identité" in page
    answer = claire.post(DEPOSIT, deposit_form(claire))
    assert answer.status_code == 302, answer.content.decode()
    page = claire.get("/account/registration/").content.decode()
    assert "En vérification" in page
    (waiting,) = documents.awaiting_review()
    operations.refuse(
        document_id=waiting.document_id, reason="unreadable", note="<b>flou</b>", by="lea", at=waiting.submitted_at
    )
    page = claire.get("/account/registration/").content.decode()
    assert "On ne peut pas tout lire" in page
    assert "&lt;b&gt;flou&lt;/b&gt;" in page
    assert claire.post(DEPOSIT, deposit_form(claire, front=upload(papers.pdf(2)), back=None)).status_code == 302
    (again,) = documents.awaiting_review()
    operations.accept(document_id=again.document_id, by="lea", at=again.submitted_at)
    assert claire.get("/account/registration/").headers["Location"] == "/dashboard/"


@pytest.mark.clause("KRY-4.1-registration")
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("phone", None, "obligatoire"),
        ("phone", "06 12", "numéro qui existe"),
        ("phone", "<script>1</script>", "numéro qui existe"),
        ("accept_special", None, "Cochez"),
        ("accept_legal", "kryptoow/legal-2018-01 " + "0" * 64, "a changé"),
        ("adult", None, "Cochez"),
        ("password1", "Soleil2026!", "courant"),
    ],
)
def test_what_is_missing_is_told_beside_its_field_and_above(field: str, value: str | None, sentence: str) -> None:
    answer = browser().post("/account/signup/", filled(**{field: value}))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count(sentence) >= 2
    assert f'href="#id_{field}"' in page
    assert 'value="claire@example.org"' in page
    assert not queries.taken(username="claire")


@pytest.mark.clause("KRY-4.1-capacity", "IPP-1b-age")
@pytest.mark.parametrize(
    ("host", "missing", "certified"),
    [
        ("kryptoow.localhost", None, "may-bind no-insolvency"),
        ("kryptoow.localhost", "binds", ""),
        ("kryptoow.localhost", "solvent", ""),
        ("izikall.localhost", None, "may-bind no-insolvency"),
        ("izikall.localhost", "solvent", ""),
        ("ippi.localhost", "solvent", "may-bind"),
        ("ippi.localhost", "binds", ""),
    ],
)
def test_who_registers_a_company_certifies_what_the_terms_ask(host: str, missing: str | None, certified: str) -> None:
    company = {"kind": "company", "company": "Bâti & Fils", "siren": "552 008 443", "vat_number": "FR 19 552008443"}
    ticks: dict[str, str | None] = {
        "adult": None,
        "binds": "on",
        "solvent": "on",
        "sip_password": "k7mq-x3dw-p9ra-t4hv",
    }
    answer = browser(host).post(
        "/account/signup/", filled(host, **(company | ticks | ({missing: None} if missing else {})))
    )
    assert (answer.status_code == 302) is bool(certified)
    if certified:
        customer = queries.customer_named("claire")
        assert (customer.certified, customer.siren) == (certified, "552008443")
        assert customer.vat_number == "FR19552008443"


@pytest.mark.clause("IPP-1b-age", "KRY-4.1-capacity")
@pytest.mark.parametrize("host", ["ippi.localhost", "kryptoow.localhost", "izikall.localhost"])
def test_a_person_certifies_18_years(host: str) -> None:
    page = browser(host).get("/account/signup/").content.decode()
    assert "Je certifie avoir 18 ans ou plus." in page
    changes = {"adult": None, "sip_password": "k7mq-x3dw-p9ra-t4hv"}
    assert browser(host).post("/account/signup/", filled(host, **changes)).status_code == 200
    assert not queries.taken(username="claire")


@pytest.mark.parametrize(
    ("country", "siren", "vat", "sentence"),
    [
        ("FR", "", "", "SIREN n’existe pas"),
        ("FR", "552 008 444", "", "SIREN n’existe pas"),
        ("RE", "", "", "SIREN n’existe pas"),
        ("FR", "552008443", "FR40303265045", "n’est pas celui"),
        ("FR", "552008443", "FR99552008443", "numéro de TVA de l’Union"),
        ("FR", "552008443", "US123", "numéro de TVA de l’Union"),
        ("BE", "", "BE0403019261", ""),
        ("BE", "ignored", "0403019261", ""),
        ("CH", "", "", ""),
        ("FR", "552008443", "", ""),
    ],
)
def test_the_numbers_of_companies_are_checked_in_their_country(
    country: str, siren: str, vat: str, sentence: str
) -> None:
    company = {
        "kind": "company",
        "company": "Bâti",
        "adult": None,
        "binds": "on",
        "solvent": "on",
        "phone": "+33 6 12 34 56 78",
    }
    answer = browser().post("/account/signup/", filled(**company, country=country, siren=siren, vat_number=vat))
    if sentence:
        assert sentence in answer.content.decode()
        assert not queries.taken(username="claire")
    else:
        assert answer.status_code == 302, answer.content.decode()


@pytest.mark.clause("KRY-2.1-acceptance")
def test_terms_notice_and_special_conditions_are_kept_together_each_with_hash_language_time_and_address(
    claire: Client,
) -> None:
    kept = {one.document: one for one in queries.acceptances(customer_id=queries.customer_named("claire").id)}
    assert set(kept) == {one.value for one in party_rules.Document}
    assert {document: one.ref for document, one in kept.items()} == {
        "terms": "kryptoow/2018-01",
        "legal": "kryptoow/legal-2018-01",
        "special": "kryptoow/special-2018-01",
        "descriptions": "kryptoow/2018-01",
        "offers": "kryptoow/2018-01",
        "prices": "kryptoow/prices-none",
    }
    for document in kept.values():
        assert re.fullmatch("[0-9a-f]{64}", document.text_sha256)
        assert (document.language, document.ip) == ("fr", "127.0.0.1")
    for path in ("legal", "special"):
        assert kept[path].text_sha256 in browser().get(f"/{path}/").content.decode()


@pytest.mark.clause("KRY-2.1-acceptance", "IPP-0-acceptance")
@pytest.mark.parametrize("host", ["ippi.localhost", "kryptoow.localhost", "izikall.localhost"])
def test_every_document_to_be_ticked_can_be_read_in_both_languages(host: str) -> None:
    for language in ("fr", "en"):
        page = Client(HTTP_HOST=host, HTTP_ACCEPT_LANGUAGE=language)
        form = page.get("/account/signup/").content.decode()
        paths = re.findall(r'href="(/\w+/)" target="_blank"', form)
        ticks = ["terms", "legal", "special", "descriptions", "prices", "offers"]
        assert paths == [f"/{one}/" for one in ticks if one != "special" or host != "ippi.localhost"]
        assert len(paths) == form.count('name="accept_')
        for path in paths:
            answer = page.get(path)
            assert answer.status_code == 200
            assert ("indicative" in answer.content.decode()) is (language == "en") or path not in (
                "/legal/",
                "/special/",
            )


def test_the_button_pressed_twice_registers_once_and_says_the_same() -> None:
    form = filled()
    first, second = browser().post("/account/signup/", form), browser().post("/account/signup/", form)
    assert [first.status_code, second.status_code] == [302, 302]
    assert first.headers["Location"] == second.headers["Location"]
    third = browser().post("/account/signup/", form | {"password1": "another-large-29"})
    assert "déjà pris" in third.content.decode()


def test_a_form_from_elsewhere_registers_nobody_and_deposits_nothing(claire: Client) -> None:
    strict = browser(enforce_csrf_checks=True)
    assert strict.post("/account/signup/", filled(username="zoe", email="zoe@example.org")).status_code == 403
    form = deposit_form(claire)
    strict.cookies = claire.cookies
    assert strict.post(DEPOSIT, form).status_code == 403
    assert not queries.taken(username="zoe")
    assert not IdentityDocument.objects.exists()


def test_a_lost_race_for_a_name_is_told_beside_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = [filled(), filled(email="other@example.org")]
    assert browser().post("/account/signup/", forms[0]).status_code == 302
    monkeypatch.setattr(queries, "taken", lambda **names: False)
    answer = browser().post("/account/signup/", forms[1])
    assert 'id="id_username_error"' in answer.content.decode()


def test_a_lost_race_for_an_address_looks_like_any_known_address(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = [filled(), filled(username="other")]
    assert browser().post("/account/signup/", forms[0]).status_code == 302
    monkeypatch.setattr(queries, "taken", lambda **names: False)
    from allauth.account.internal.flows import manage_email

    monkeypatch.setattr(manage_email, "email_already_exists", lambda email: (email, False))
    assert browser().post("/account/signup/", forms[1]).headers["Location"] == "/account/confirm-email/"
    assert not queries.is_registration_of(username="other", email="claire@example.org", password="vent-du-large-29")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"front": None}, "Choisissez une photo"),
        ({"back": None}, "Il manque un côté"),
        ({"front": SimpleUploadedFile("a.jpg", b"", "image/jpeg")}, "vide"),
        ({"front": SimpleUploadedFile("a.jpg", b"MZ evil", "image/jpeg")}, "JPEG, PNG ou WebP"),
        ({"back": SimpleUploadedFile("a.heic", b"\0\0\0\x18ftypheic" + b"0" * 99, "image/heic")}, "HEIC"),
        ({"back": SimpleUploadedFile("a.pdf", papers.pdf(5), "application/pdf")}, "quatre pages"),
        ({"front": SimpleUploadedFile("a.png", papers.declared(30_000, 30_000), "image/png")}, "trop grande"),
        ({"expires_on": "2020-01-01"}, "n’est plus valable"),
        ({"expires_on": "soon"}, "Écrivez une date"),
        ({"kind": "library-card"}, "choix"),
        ({"key": "../../etc"}, "Rechargez"),
    ],
)
def test_a_wrong_deposit_is_told_beside_its_field_and_nothing_is_kept(
    claire: Client, changes: Form, sentence: str
) -> None:
    for value in changes.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    answer = claire.post(DEPOSIT, deposit_form(claire, **changes))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not IdentityDocument.objects.exists()


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..\\..\\boot.ini", "a\0.jpg", "x" * 300 + ".jpg", "<script>.jpg", ".htaccess"]
)
def test_the_name_of_a_file_is_never_used(claire: Client, name: str) -> None:
    answer = claire.post(DEPOSIT, deposit_form(claire, front=upload(name=name), back=upload(name=name)))
    assert answer.status_code in {200, 302}
    assert "<script>.jpg" not in answer.content.decode()
    if answer.status_code == 302:
        for file in IdentityDocument.objects.get().files.all():
            assert re.fullmatch("[0-9a-f]{32}", file.stored)


def test_a_file_that_is_too_large_is_told_and_not_held(claire: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 100_000)
    answer = claire.post(DEPOSIT, deposit_form(claire, back=upload(b"\xff\xd8\xff" + b"0" * 200_000)))
    assert "dépasse 10 Mo" in answer.content.decode()
    monkeypatch.setattr(uploads, "MOST_REQUEST", 50_000)
    assert claire.post(DEPOSIT, {"front": upload(b"0" * 60_000)}).status_code == 400
    monkeypatch.undo()


def test_five_files_in_one_request_are_refused(claire: Client) -> None:
    many = {f"file{number}": upload(b"x") for number in range(5)}
    assert claire.post(DEPOSIT, many).status_code == 400


def test_a_deposit_is_its_owners_alone_and_strangers_are_sent_to_sign_in(claire: Client) -> None:
    claire.post(DEPOSIT, deposit_form(claire))
    zoe = signed_up("zoe")
    assert "En vérification" not in zoe.get("/account/registration/").content.decode()
    (held,) = documents.awaiting_review()
    for path in (
        f"/account/registration/{held.document_id}/",
        f"{DEPOSIT}{held.document_id}/front",
        f"/documents/{held.document_id}",
    ):
        assert zoe.get(path).status_code == 404
    for path in ("/account/registration/", DEPOSIT):
        assert browser().get(path).status_code == 302
    assert "/account/login/" in browser().get(DEPOSIT).headers["Location"]


def test_another_brands_site_shows_nothing_of_the_registration(claire: Client) -> None:
    other = browser("izikall.localhost")
    other.cookies = claire.cookies
    assert other.get("/account/registration/").status_code == 403


def test_the_same_deposit_sent_twice_is_one(claire: Client) -> None:
    form = deposit_form(claire)
    assert claire.post(DEPOSIT, form).status_code == 302
    for side in ("front", "back"):
        form[side].seek(0)
    assert claire.post(DEPOSIT, form).status_code == 302
    assert IdentityDocument.objects.count() == 1


def test_deposits_are_counted(claire: Client) -> None:
    form = deposit_form(claire, expires_on="2020-01-01", front=None, back=None)
    answers = [claire.post(DEPOSIT, form).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]


@pytest.mark.clause("KRY-3.3-territories")
def test_a_closed_country_is_told_in_the_list_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from cadran.party import identity

    monkeypatch.setattr(identity, "closed_countries", lambda terms: ("BE",))
    page = browser().get("/account/signup/").content.decode()
    assert re.search(r'<option value="BE"[^>]*disabled[^>]*>Belgique \(fermé\)', page)
    answer = browser().post("/account/signup/", filled(country="BE", phone="+32 470 12 34 56"))
    assert "Le service est fermé dans ce pays" in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/", "/prices/", "/terms/", "/legal/", "/special/", "/descriptions/", "/offers/", "/account/signup/"]
)
@pytest.mark.parametrize("host", ["kryptoow.localhost", "izikall.localhost"])
def test_the_public_pages_of_other_brands_speak_of_their_own_services(host: str, path: str) -> None:
    page = browser(host).get(path)
    assert page.status_code == 200
    assert "Gratuit entre clients" not in page.content.decode()


def test_today_is_enough_for_a_document() -> None:
    assert rules.checked_expiry(date(2026, 3, 1), today=date(2026, 3, 1)) == date(2026, 3, 1)

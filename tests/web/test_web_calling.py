"""Access numbers, calling numbers, contacts, the PIN and the choice of the minute, as customers of KRYPTOOW see and use them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from usage_rig import Till

from cadran.catalog import queries as catalog
from cadran.catalog.rules import Rate
from cadran.journeys import registration, telling
from cadran.numbering import operations as numbering_operations
from cadran.numbering import queries as numbering
from cadran.numbering.access import operations as access
from cadran.numbering.proofs import ports
from cadran.party import models, rules
from cadran.party import queries as party
from cadran.party.calling import contacts, operations, queries
from cadran.policy import queries as policy
from cadran.units.e164 import E164
from cadran.web import places

pytestmark = pytest.mark.django_db(databases="__all__")
HOST = "kryptoow.localhost"
MOBILE = "33612345678"


@dataclass
class Told:
    means: str = "voice"
    down: bool = False
    codes: list[str] = field(default_factory=list)

    def tell(self, *, code: str, **said: str) -> None:
        if self.down:
            raise ports.CodeUntold("nothing rings")
        self.codes.append(code)


@pytest.fixture
def teller(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Codes are told to the test, and every number has a price."""

    rate = Rate(prefix="3", destination="France", currency="EUR", price_nanos=20_000_000)
    teller = Told()
    monkeypatch.setattr(telling, "teller", lambda: teller)
    monkeypatch.setattr(catalog, "price_of", lambda *given, **more: catalog.Price(rate=rate, tax="included"))
    monkeypatch.setattr(operations, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    access.load_reference(at=settings.CIVIL_CLOCK.now())
    return teller


def account(name: str) -> party.Customer:
    """A validated customer of KRYPTOOW."""
    at = settings.CIVIL_CLOCK.now()
    wish = registration.Wish(
        email=f"{name}@example.org",
        user_name=name,
        password="vent-du-large-29",
        sip_password="",
        name="Le Gall",
        first_names=name.title(),
        company="",
        kind=rules.CustomerKind.PERSON,
        language="fr",
        country="FR",
        adult=True,
        phone="+33612345678",
        ticked={one.document: one.token for one in registration.documents(brand="kryptoow", language="fr", at=at)},
        ip="192.0.2.7",
    )
    customer = registration.register(brand="kryptoow", wish=wish, at=at)
    models.Customer.objects.filter(pk=customer.id).update(state="active", validated_at=at)
    return party.customer_of_account(customer.account)


def browser(customer: party.Customer | None = None, language: str = "fr") -> Client:
    client = Client(HTTP_HOST=HOST, HTTP_ACCEPT_LANGUAGE=language)
    if customer is not None:
        client.force_login(models.User.objects.get(pk=customer.user_id))
        session = client.session
        session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
        session["account_authentication_methods_user"] = str(customer.user_id)
        session.save()
    return client


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.clause("KRY-3.1-call-credit", "KRY-4.4.1-access-cost")
@pytest.mark.parametrize("language", ["fr", "en"])
def test_access_numbers_are_public_with_their_country_language_and_the_cost_of_the_call(teller: Told, language: str):
    page = text(browser(language=language).get("/access/"))
    for digits in ("33199000100", "442079460100", "12125550100"):
        assert f'href="tel:+{digits}"' in page
    notice = {
        "fr": "votre opérateur peut vous facturer l’appel vers le numéro d’accès",
        "en": "your operator may bill you for the call to the access number",
    }
    assert page.index(notice[language]) < page.index("tel:+")
    assert "KRY-4.4.1-access-cost" in page
    assert ("accueil en anglais" if language == "fr" else "in English") in page
    assert ("Royaume-Uni" if language == "fr" else "United Kingdom") in page
    assert "33199000200" not in page


@pytest.mark.clause("KRY-4.4.1-access-cost")
def test_the_customer_is_told_the_cost_before_the_number_to_dial_can_be_missed(teller: Told):
    claire = account("claire")
    page = text(browser(claire).get("/calling/"))
    assert "votre opérateur peut vous facturer l’appel vers le numéro d’accès" in page
    assert 'href="tel:+33199000100"' in page
    home = text(browser().get("/"))
    assert "Votre opérateur peut vous facturer cet appel." in home
    assert home.count("N’importe quel téléphone") == 1
    assert 'href="/access/"' in home


def test_a_brand_without_access_numbers_has_no_such_pages():
    assert browser().get("/access/").status_code == 404
    assert browser(account("claire")).get("/calling/").status_code == 404


def test_every_page_of_a_calling_card_customer_answers_in_both_languages(teller: Told):
    claire = account("claire")
    kept = contacts.add(
        account=claire.account,
        wished=contacts.Wished(name="Awa", number=E164("+221338000000"), key=1),
        at=settings.CIVIL_CLOCK.now(),
    )
    pages = ["/dashboard/", "/preferences/", "/account/", "/calls/", "/payments/", "/calling/", "/callers/", "/pin/"]
    pages += ["/contacts/", f"/contacts/{kept.contact_id}/", "/contacts/book/", "/access/", "/"]
    for language in ("fr", "en"):
        client = browser(claire, language)
        for page in pages:
            assert client.get(page).status_code == 200, page
    navigation = re.findall(r'href="(/[a-z]+/)"[^>]*><svg', text(browser(claire).get("/dashboard/")))
    assert navigation[1:7] == ["/dashboard/", "/calls/", "/payments/", "/calling/", "/contacts/", "/account/"]
    assert browser().get("/contacts/").status_code == 302


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_newcomer_registers_a_telephone_by_the_code_spoken_on_it(teller: Told):
    claire = account("claire")
    client = browser(claire)
    assert "Aucun téléphone n’est encore enregistré" in text(client.get("/calling/"))
    answer = client.post("/callers/", {"number": "06 12 34 56 78"})
    assert answer.status_code == 302
    page = answer.headers["Location"]
    assert "+33 6 12 34 56 78" in text(client.get(page))
    wrong = f"{(int(teller.codes[0]) + 1) % 1_000_000:06}"
    answer = client.post(page, {"code": wrong})
    assert "Ce n’est pas le code dit au téléphone." in text(answer)
    assert "Il reste 4 essais." in text(answer)
    spoken = f"{teller.codes[0][:3]} {teller.codes[0][3:]}"
    assert client.post(page, {"code": spoken}).headers["Location"] == "/callers/"
    assert numbering.verified_holder(MOBILE, "kryptoow") == claire.account
    assert "vérifié le" in text(client.get("/callers/"))
    client.post("/callers/remove/", {"number": MOBILE})
    assert numbering.verified_holder(MOBILE, "kryptoow") is None


def test_numbers_that_cannot_be_rung_are_said_at_the_field(teller: Told):
    client = browser(account("claire"))
    assert "Écrivez le numéro en entier" in text(client.post("/callers/", {"number": "bonjour"}))
    assert "On n’appelle pas depuis ce numéro" in text(client.post("/callers/", {"number": "0899 00 00 01"}))
    teller.down = True
    assert "rien n’a sonné" in text(client.post("/callers/", {"number": "0612345678"}))
    assert teller.codes == []


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_nobody_learns_whether_a_number_is_registered_without_holding_the_telephone(teller: Told):
    bob, claire = account("bob"), account("claire")
    numbering_operations.record_verified_number(
        e164=MOBILE, account=bob.account, at=settings.CIVIL_CLOCK.now(), brand="kryptoow"
    )
    client = browser(claire)

    def shown(number: str) -> str:
        answer = client.post("/callers/", {"number": number}, follow=True)
        page = text(answer).replace(teller.codes[-1][:3], "").replace(teller.codes[-1][3:], "")
        models_page = re.sub(r'value="[^"]{20,}"|/callers/[a-z0-9_]+/', "", page)
        return models_page.replace("+33 6 12 34 56 78", "N").replace("+33 6 12 34 56 79", "N")

    from cadran.numbering.proofs import models as proofs

    taken = shown("0612345678")
    code = teller.codes[-1]
    proof = proofs.NumberProof.objects.get()
    proofs.NumberProof.objects.update(asked_at=proof.asked_at - timedelta(minutes=2))
    free = shown("0612345679")
    strip = re.compile(r"\d\d:\d\d")
    assert strip.sub("", taken) == strip.sub("", free)
    proofs.NumberProof.objects.filter(pk=proof.pk).update(expires_at=proof.expires_at)
    page = f"/callers/{proof.proof_id}/"
    answer = client.post(page, {"code": code})
    assert "déjà enregistré ailleurs" in text(answer)
    assert bob.account not in text(answer)
    assert "bob" not in text(answer)
    client.post(page, {"do": "leave"})
    assert numbering.verified_holder(MOBILE, "kryptoow") == bob.account


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_number_moves_to_who_proves_it_and_says_so(teller: Told):
    bob, claire = account("bob"), account("claire")
    numbering_operations.record_verified_number(
        e164=MOBILE, account=bob.account, at=settings.CIVIL_CLOCK.now(), brand="kryptoow"
    )
    client = browser(claire)
    page = client.post("/callers/", {"number": "0612345678"}).headers["Location"]
    assert "déjà enregistré ailleurs" not in text(client.post(page, {"do": "claim"}))
    assert numbering.verified_holder(MOBILE, "kryptoow") == bob.account
    assert "Le déplacer sur mon compte" in text(client.post(page, {"code": teller.codes[0]}))
    client.post(page, {"do": "claim"})
    assert numbering.verified_holder(MOBILE, "kryptoow") == claire.account
    assert browser(bob).get(page).status_code == 404


def test_one_customer_reaches_nothing_of_another(teller: Told):
    bob, claire = account("bob"), account("claire")
    at = settings.CIVIL_CLOCK.now()
    kept = contacts.add(account=bob.account, wished=contacts.Wished(name="Awa", number=E164("+221338000000")), at=at)
    numbering_operations.record_verified_number(e164=MOBILE, account=bob.account, at=at, brand="kryptoow")
    client, form = browser(claire), {"name": "Mal", "number": "+442079460001"}
    page = f"/contacts/{kept.contact_id}/"
    assert client.get(page).status_code == 404
    assert client.post(page, form).status_code == 404
    assert client.post(f"{page}remove/").status_code == 404
    assert client.post("/callers/remove/", {"number": MOBILE}).status_code == 404
    assert queries.contacts(bob.account) == (kept,)
    assert numbering.verified_holder(MOBILE, "kryptoow") == bob.account


@pytest.mark.clause("KRY-1.1-beneficiary")
def test_contacts_are_added_changed_found_and_removed_with_their_errors_at_the_field(teller: Told):
    claire = account("claire")
    client = browser(claire)
    form = {"name": "Tante <Awa>", "number": "00 221 33 800 00 00", "key": "1", "note": "Dakar"}
    assert client.post("/contacts/", form).status_code == 302
    (kept,) = queries.contacts(claire.account)
    page = text(client.get("/contacts/?q=awa"))
    assert "Tante &lt;Awa&gt;" in page
    assert "Tante <Awa>" not in page
    for changes, said in (
        ({}, "Ce numéro est déjà dans vos contacts."),
        ({"number": "+442079460001"}, "Cette touche est déjà prise."),
        ({"number": "+442079460001", "key": "100"}, "99"),
        ({"number": "rien", "key": ""}, "Écrivez le numéro en entier"),
    ):
        answer = client.post("/contacts/", form | changes)
        assert answer.status_code == 200
        assert said in text(answer)
    one = f"/contacts/{kept.contact_id}/"
    assert client.post(one, form | {"name": "Awa", "key": "12"}).status_code == 302
    assert queries.speed_dialled(claire.account, 12) == "221338000000"
    assert client.post(f"{one}remove/").status_code == 302
    assert queries.contacts(claire.account) == ()


@pytest.mark.clause("KRY-1.1-beneficiary")
def test_calls_bear_the_contacts_name_and_a_contact_shows_its_calls_and_their_cost(teller: Told):
    claire = account("claire")
    client, at = browser(claire), settings.CIVIL_CLOCK.now()
    kept = contacts.add(
        account=claire.account, wished=contacts.Wished(name="Tante <Awa>", number=E164("+33142000001")), at=at
    )
    till = Till(claire.account, at=at)
    till.buy("first", 10_000_000)
    till.call(61, destination="33142000001", number_class="geographic")
    till.call(61, destination="33612345678")
    for page in ("/calls/", "/dashboard/"):
        shown = text(client.get(page))
        assert shown.count("Tante &lt;Awa&gt;") == 1
    page = text(client.get(f"/contacts/{kept.contact_id}/"))
    assert re.search(r"<dt>Appels</dt><dd class=\"num\">1</dd>", page)
    assert "0,0122" in page
    assert "0,0122" in text(client.get("/contacts/"))


@pytest.mark.clause("KRY-1.1-beneficiary")
def test_a_book_is_imported_and_taken_away(teller: Told):
    claire = account("claire")
    client = browser(claire)
    csv = SimpleUploadedFile("carnet.csv", b"nom;tel\nAwa;+221338000000\nFaux;12\n", "text/csv")
    page = text(client.post("/contacts/book/", {"book": csv}))
    assert "1 contact ajouté." in page
    assert "Faux 12" in page
    answer = client.get("/contacts/contacts.vcf")
    assert answer.headers["Content-Type"].startswith("text/vcard")
    assert "TEL;VALUE=uri;TYPE=voice:tel:+221338000000" in text(answer)
    assert "Choisissez un fichier" in text(client.post("/contacts/book/"))
    for data, said in ((b"\x00" * 10, "La première ligne nomme les colonnes"), (b"x" * 2_000_001, "trop grand")):
        upload = SimpleUploadedFile("x.csv", data, "text/csv")
        answer = client.post("/contacts/book/", {"book": upload})
        assert answer.status_code == 400
        assert said in text(answer)


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_pin_is_chosen_by_who_signed_in_lately_and_reopens_a_locked_one(teller: Told):
    claire = account("claire")
    client = browser(claire)
    assert "Les deux codes diffèrent" in text(client.post("/pin/", {"pin": "7305", "repeated": "7306"}))
    assert "essayé parmi les premiers" in text(client.post("/pin/", {"pin": "1234", "repeated": "1234"}))
    for part in ("5678", "0612", "3361"):
        assert "essayé parmi les premiers" in text(client.post("/pin/", {"pin": part, "repeated": part}))
    assert client.post("/pin/", {"pin": "7305", "repeated": "7305"}).status_code == 302
    at = settings.CIVIL_CLOCK.now()
    for _ in range(5):
        operations.try_pin(account=claire.account, pin="0001", at=at)
    assert "bloqué" in text(client.get("/calling/"))
    client.post("/pin/", {"pin": "8146", "repeated": "8146"})
    assert operations.try_pin(account=claire.account, pin="8146", at=at).outcome == "ok"
    assert "8146" not in text(client.get("/pin/"))
    client.post("/pin/", {"do": "remove"})
    assert queries.pin(claire.account).state == "none"
    stale = Client(HTTP_HOST=HOST)
    stale.force_login(models.User.objects.get(pk=claire.user_id))
    assert stale.post("/pin/", {"pin": "7305", "repeated": "7305"}).headers["Location"] == "/pin/"
    assert "7305" not in str(dict(stale.session))
    assert "reauthenticate" in stale.get("/pin/").headers["Location"]
    assert queries.pin(claire.account).state == "none"


@pytest.mark.clause("LAW-per-second")
def test_a_consumer_chooses_the_minute_and_comes_back_to_the_second_and_a_company_has_no_choice(teller: Told):
    claire = account("claire")
    client = browser(claire)
    assert client.post("/calling/minute/", {"unit": "minute"}).status_code == 302
    assert queries.by_minute(claire.account)
    client.post("/calling/minute/", {"unit": "second"})
    assert not queries.by_minute(claire.account)
    assert client.post("/calling/minute/", {"unit": "hour"}).status_code == 404
    models.Customer.objects.filter(pk=claire.id).update(kind="company")
    assert client.post("/calling/minute/", {"unit": "minute"}).status_code == 404
    assert "Appels nationaux" not in text(client.get("/calling/"))


def test_no_template_of_these_pages_has_a_style_or_a_script_of_its_own():
    for path in (Path(settings.SOURCE) / "web/templates/calling").glob("*.html"):
        assert not re.search(r"style=|<script|onclick=", path.read_text()), path.name


@pytest.mark.clause("KRY-4.2.1-account")
def test_the_account_of_a_calling_card_shows_credit_calls_and_what_is_personal(teller: Told):
    terms = policy.terms("kryptoow/2018-01")
    names = [one.name for one in places.navigation(terms)]
    assert names == ["dashboard", "calls", "payments", "calling", "contacts", "account"]
    shown = ("balance", "paid_calls", "free_calls", "minutes", "callees", "time_left")
    assert terms.texts("consumption.shown") == shown
    page = text(browser(account("claire")).get("/dashboard/"))
    for part in ("Crédit disponible", "Payants", "Gratuits", "Durée", "Combien de temps puis-je parler"):
        assert part in page

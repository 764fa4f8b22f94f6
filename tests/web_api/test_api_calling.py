"""Calling by access numbers through the API: numbers proved, contacts and keys, the PIN, prepared calls, and none of another's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from django.conf import settings
from django.core.cache import cache
from web_api_program import Program

from cadran.balance import queries as balance
from cadran.journeys import callbacks, telling
from cadran.numbering import operations as numbering_operations
from cadran.numbering import queries as numbering
from cadran.numbering.access import operations as access
from cadran.numbering.proofs import models as proofs
from cadran.party import models
from cadran.party import queries as party
from cadran.party.calling import operations, queries
from cadran.voice import control
from cadran.voice.callback.models import PlacedCall

pytestmark = pytest.mark.django_db(databases="__all__")
MOBILE = "33612345678"
PASSWORD = "vent-du-large-29"
CONTACT = {"name": "Awa", "number": "00 221 33 800 00 00", "note": "Dakar", "key": 1}


class Told:
    means = "voice"

    def __init__(self) -> None:
        self.codes: list[str] = []

    def tell(self, *, code: str, **said: str) -> None:
        self.codes.append(code)


@pytest.fixture
def teller(monkeypatch: pytest.MonkeyPatch, prices: None) -> Told:
    cache.clear()
    told = Told()
    monkeypatch.setattr(telling, "teller", lambda: told)
    monkeypatch.setattr(operations, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    access.load_reference(at=settings.CIVIL_CLOCK.now())
    return told


@pytest.fixture
def program(claire: party.Customer, key_for: Callable[..., Program]) -> Program:
    return key_for(claire)


@pytest.mark.clause("KRY-4.4.1-access-cost", "KRY-3.1-call-credit")
def test_anybody_reads_the_access_numbers_of_the_brand_with_the_notice_that_its_terms_ask_for(
    teller: Told, stranger: Program
):
    found = stranger.get("/access-numbers?language=en").json
    london = next(one for one in found["access_numbers"] if one["country"] == "GB")
    assert (london["number"], london["place"], london["language"], london["service"]) == (
        "+442079460200",
        "London",
        "en",
        "mobility",
    )
    assert (found["notice"], found["notice_clause"]) == (None, None)
    from django.test import Client

    for language, said in (("fr", "Votre opérateur peut vous facturer"), ("en", "Your operator may bill you")):
        answer = Client(HTTP_HOST="kryptoow.localhost").get(f"/api/v1/access-numbers?language={language}").json()
        assert answer["notice"].startswith(said)
        assert answer["notice_clause"] == "KRY-4.4.1-access-cost"
        assert len(answer["access_numbers"]) == 7


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_program_registers_a_telephone_by_the_code_spoken_on_it(
    teller: Told, program: Program, claire: party.Customer
):
    asked = program.post("/calling-numbers", {"number": "06 12 34 56 78"})
    assert asked.status == 202, asked.content
    assert teller.codes[0] not in asked.content.decode()
    proof = f"/calling-numbers/proofs/{asked.json['id']}"
    assert program.get(proof).json["state"] == "waiting"
    wrong = f"{(int(teller.codes[0]) + 1) % 1_000_000:06}"
    assert program.post(f"{proof}/code", {"code": wrong}).error_id == "proofs-code-wrong"
    assert program.post(f"{proof}/claim", {}).error_id == "proofs-unknown"
    assert program.post(f"{proof}/code", {"code": teller.codes[0]}).json["state"] == "used"
    (kept,) = program.get("/calling-numbers").json["calling_numbers"]
    assert kept["number"] == f"+{MOBILE}"
    again = program.post("/calling-numbers", {"number": "0612345678"})
    assert (again.status, again.error_id) == (429, "proofs-too-many")
    assert int(again.headers["Retry-After"]) <= 60
    assert program.delete(f"/calling-numbers/+{MOBILE}").status == 204
    assert numbering.verified_holder(MOBILE, "ippi") is None
    assert program.delete(f"/calling-numbers/+{MOBILE}").error_id == "numbering-not-held"


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_number_of_another_account_is_claimed_by_who_proved_it(
    teller: Told, program: Program, claire: party.Customer, register: Callable[..., party.Customer]
):
    bob = register("bob")
    at = settings.CIVIL_CLOCK.now()
    numbering_operations.record_verified_number(e164=MOBILE, account=bob.account, at=at, brand="ippi")
    asked = program.post("/calling-numbers", {"number": "0612345678"})
    proof = f"/calling-numbers/proofs/{asked.json['id']}"
    held = program.post(f"{proof}/code", {"code": teller.codes[0]})
    assert held.error_id == "proofs-held-elsewhere"
    assert bob.account.encode() not in held.content
    assert program.get(proof).json["state"] == "proved"
    assert program.post(f"{proof}/claim", {}).json["state"] == "used"
    assert numbering.verified_holder(MOBILE, "ippi") == claire.account


@pytest.mark.clause("KRY-1.1-beneficiary")
def test_contacts_and_keys_are_kept_changed_and_counted(
    teller: Told, program: Program, claire: party.Customer, call: Callable[..., str]
):
    made = program.post("/contacts", CONTACT)
    assert made.status == 201, made.content
    one = f"/contacts/{made.json['id']}"
    assert (made.json["number"], made.json["key"]) == ("+221338000000", 1)
    assert program.post("/contacts", CONTACT).error_id == "calling-contact-there"
    assert program.post("/contacts", CONTACT | {"number": "+442079460001"}).error_id == "calling-key-taken"
    assert program.post("/contacts", CONTACT | {"key": 100}).error_id == "api-input-invalid"
    other = program.post("/contacts", {"name": "Bob", "number": "+442079460001"}).json
    assert program.put("/speed-dial/1", {"contact": other["id"]}).json["contact"]["name"] == "Bob"
    assert [(key["key"], key["contact"]["name"]) for key in program.get("/speed-dial").json["keys"]] == [(1, "Bob")]
    assert program.delete("/speed-dial/1").status == 204
    assert program.get("/speed-dial").json["keys"] == []
    assert program.put(one, {"name": "Tante Awa", "number": "+221338000000"}).json["note"] == ""
    assert [found["name"] for found in program.get("/contacts?search=tante").json["contacts"]] == ["Tante Awa"]
    call(claire, destination="221338000000", number_class="geographic", charge_micros=120_000, charged_s=60)
    assert program.get(f"{one}/use").json == {
        "calls": 1,
        "answered": 1,
        "seconds": 60,
        "micros": 120_000,
        "currency": "EUR",
    }
    assert program.delete(one).status == 204
    assert program.get(one).error_id == "calling-contact-unknown"


def test_contacts_come_in_pages_and_from_a_book(teller: Told, program: Program):
    book = "nom;tel\n" + "".join(f"N{count:02};+2213380000{count:02}\n" for count in range(60)) + "Faux;1\n"
    taken = program.post("/contact-books", {"content": book}).json
    assert (taken["added"], taken["unread_count"], taken["unread"]) == (60, 1, ["Faux 1"])
    first = program.get("/contacts?limit=50").json
    second = program.get(f"/contacts?limit=50&cursor={first['next']}").json
    assert [len(first["contacts"]), len(second["contacts"]), second["next"]] == [50, 10, None]
    assert program.post("/contact-books", {"content": "rien"}).error_id == "calling-book-unreadable"


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_pin_asks_for_the_password_and_is_never_told(teller: Told, program: Program, claire: party.Customer):
    assert program.put("/pin", {"pin": "7305", "password": "faux-mot-de-passe-1"}).error_id == "api-password-wrong"
    assert program.put("/pin", {"pin": "1234", "password": PASSWORD}).error_id == "calling-pin-trivial"
    assert queries.pin(claire.account).state == "none"
    made = program.put("/pin", {"pin": "7305", "password": PASSWORD})
    assert made.json["state"] == "set"
    assert b"7305" not in made.content
    assert program.delete("/pin").status == 204
    assert program.get("/pin").json["state"] == "none"


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_a_call_is_prepared_for_two_minutes_and_withdrawn(teller: Told, program: Program, claire: party.Customer):
    wish = {"destination": "+221338000000"}
    assert program.post("/prepared-calls", wish).error_id == "call-through-not-a-calling-number"
    at = settings.CIVIL_CLOCK.now()
    numbering_operations.record_verified_number(e164=MOBILE, account=claire.account, at=at, brand="ippi")
    made = program.post("/prepared-calls", wish)
    assert (made.status, made.json["calling"]) == (201, f"+{MOBILE}")
    assert [one["id"] for one in program.get("/prepared-calls").json["prepared_calls"]] == [made.json["id"]]
    assert program.delete(f"/prepared-calls/{made.json['id']}").status == 204
    assert program.delete(f"/prepared-calls/{made.json['id']}").error_id == "calling-prepared-unknown"


@pytest.mark.clause("LAW-per-second")
def test_the_minute_is_offered_only_where_terms_count_by_it(teller: Told, program: Program, claire: party.Customer):
    assert program.get("/minute-choice").json == {"by_minute": False, "offered": False, "chosen_at": None}
    assert program.put("/minute-choice", {"by_minute": True}).error_id == "calling-minute-not-offered"
    models.BillingAccount.objects.filter(number=claire.account).update(terms_ref="kryptoow/2018-01")
    assert program.put("/minute-choice", {"by_minute": True}).json["by_minute"] is True
    assert queries.by_minute(claire.account)


def test_a_key_reaches_nothing_of_another_account(
    teller: Told, program: Program, register: Callable[..., party.Customer], key_for: Callable[..., Program]
):
    other = key_for(register("bob"))
    contact = program.post("/contacts", CONTACT).json["id"]
    proof = program.post("/calling-numbers", {"number": "0612345678"}).json["id"]
    for answer in (
        other.get(f"/contacts/{contact}"),
        other.put(f"/contacts/{contact}", CONTACT),
        other.delete(f"/contacts/{contact}"),
        other.get(f"/contacts/{contact}/use"),
        other.put("/speed-dial/2", {"contact": contact}),
        other.get(f"/calling-numbers/proofs/{proof}"),
        other.post(f"/calling-numbers/proofs/{proof}/code", {"code": teller.codes[0]}),
    ):
        assert answer.status == 404, answer.content
    assert proofs.NumberProof.objects.get().tries == 0


def test_a_test_key_rings_nobody_and_keeps_nothing(
    teller: Told, claire: party.Customer, key_for: Callable[..., Program]
):
    program = key_for(claire, test=True)
    asked = program.post("/calling-numbers", {"number": "0612345678"})
    assert (asked.status, teller.codes) == (202, [])
    assert program.post("/contacts", CONTACT).status == 201
    assert program.put("/pin", {"pin": "7305", "password": "x"}).status == 200
    assert program.put("/pin", {"pin": "1111", "password": "x"}).error_id == "calling-pin-trivial"
    assert program.post("/prepared-calls", {"destination": "+221338000000"}).status == 201
    assert queries.contacts(claire.account) == ()
    assert queries.pin(claire.account).state == "none"
    assert not proofs.NumberProof.objects.exists()


def test_codes_are_bounded_whatever_the_keys(teller: Told, program: Program):
    for count in range(5):
        assert program.post("/calling-numbers", {"number": f"+336123456{count}0"}).status == 202
        for row in proofs.NumberProof.objects.all():
            proofs.NumberProof.objects.filter(pk=row.pk).update(asked_at=row.asked_at - timedelta(minutes=2))
    assert program.post("/calling-numbers", {"number": "+33612345699"}).error_id == "proofs-too-many"
    assert len(teller.codes) == 5


class Placed:
    """The SIP process: takes each order once, and rings."""

    def __init__(self) -> None:
        self.orders: list[control.CallbackOrder] = []
        self.ended: list[str] = []

    def callback(self, order: control.CallbackOrder, *, door: object) -> control.CallbackState:
        if order.key not in {one.key for one in self.orders}:
            self.orders.append(order)
            now = settings.CIVIL_CLOCK.now()
            told = {"kind": "callback", "account": order.account, "brand": order.brand, "fingerprint": ""}
            PlacedCall.objects.create(
                key=order.key, id=f"cb{len(self.orders)}", stage="ringing-you", asked_at=now, changed_at=now, **told
            )
        return control.CallbackState(key=order.key, id="cb1", stage="ringing-you")


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> Placed:
    made = Placed()
    monkeypatch.setattr(control, "callback", made.callback)
    monkeypatch.setattr(control, "end_callback", lambda key, *, door: made.ended.append(key))
    monkeypatch.setattr(balance, "spendable_micros", lambda account, at: 1_000_000)
    monkeypatch.setattr(callbacks, "_ways", lambda terms: ("callback",))
    return made


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_a_callback_is_priced_ordered_once_a_key_read_and_ended_and_no_others_is(
    teller: Told,
    program: Program,
    claire: party.Customer,
    placed: Placed,
    key_for: Callable[..., Program],
    register: Callable[..., party.Customer],
) -> None:
    wish = {"second": "+33142000002"}
    assert program.post("/callbacks", wish).error_id == "callback-not-your-number"
    numbering_operations.record_verified_number(
        e164=f"+{MOBILE}", account=claire.account, brand="ippi", at=settings.CIVIL_CLOCK.now()
    )
    offer = program.get("/callbacks/offer?to=%2B33142000002").json
    assert (offer["first"]["number"], offer["second"]["number"]) == (f"+{MOBILE}", "+33142000002")
    assert offer["second"]["price"]["price_nanos_per_minute"] > 0
    assert offer["seconds"] > 0
    made = program.post("/callbacks", wish, idempotency_key="once-1234567890")
    assert made.status == 201
    assert program.post("/callbacks", wish, idempotency_key="once-1234567890").json == made.json
    assert [(one.first, one.second) for one in placed.orders] == [(MOBILE, "+33142000002")]
    where = f"/callbacks/{made.json['id']}"
    assert (made.json["stage"], made.json["settled"]) == ("ringing-you", False)
    PlacedCall.objects.update(stage="over", why="you-no-answer")
    assert program.get(where).json["why"] == "you-no-answer"
    assert [one["id"] for one in program.get("/callbacks").json["callbacks"]] == [made.json["id"]]
    program.post(f"{where}/end", {})
    assert placed.ended == [placed.orders[0].key]
    stranger = key_for(register("zoe"))
    assert stranger.get(where).error_id == "voice-callback-unknown"
    assert stranger.post(f"{where}/end", {}).error_id == "voice-callback-unknown"
    assert stranger.get("/callbacks").json == {"callbacks": []}

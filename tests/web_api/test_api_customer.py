"""The customer's side through the API: registering, codes, reports, terms, all of one's data, closing."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from web_api_program import Answer, Program

import papers
from cadran.compliance import queries as compliance
from cadran.journeys import devices, new_terms
from cadran.messaging import queries as messaging
from cadran.party import models as party_models
from cadran.party import queries as party
from cadran.party import sign_ins
from cadran.party.documents import operations as documents
from cadran.party.documents import queries as document_queries
from cadran.policy import queries as policy
from cadran.web.accounts import onboarding

pytestmark = pytest.mark.django_db(databases="__all__")
PASSWORD, NEW, SIP = "vent-du-large-29", "quatre-vents-et-31-mers", "k7mq-x3dw-p9ra-t4hv"


@pytest.fixture(autouse=True)
def uncounted(db: None) -> None:
    """Each test begins with its whole allowance."""
    cache.clear()


def registration(stranger: Program, **changes: Any) -> dict[str, Any]:
    """A whole registration, each tick naming the text of the day."""
    accepted = [
        {"document": one["document"], "ref": one["ref"], "sha256": one["sha256"]}
        for one in stranger.get("/documents").json["documents"]
    ]
    return {
        "email": "dora@example.org",
        "user_name": "dora",
        "password": PASSWORD,
        "sip_password": SIP,
        "name": "Le Gall",
        "first_names": "Dora",
        "adult": True,
        "accepted": accepted,
    } | changes


def link(to: str) -> str:
    """The last part of the link of the newest mail to that address."""
    mail = next(one for one in messaging.mails(limit=50) if one.to == to)
    text = messaging.content(mail.mail_id, fleeting=True).text
    found = re.search(r"/(?:confirm-email|confirm)/([^/\s]+)/", text)
    assert found, text
    return found[1]


# Registering


def test_a_program_registers_a_customer_proves_the_address_and_follows_it(stranger: Program) -> None:
    needs = stranger.get("/registrations/needs").json
    assert (needs["open"], needs["sip_line"], needs["minimum_age"]) == (True, True, 18)
    assert set(needs["accepts"]) == {one["document"] for one in stranger.get("/documents").json["documents"]}
    made = stranger.post("/registrations", registration(stranger))
    assert made.status == 202, made.content
    state = stranger.post("/registrations/state", made.json)
    assert state.json == {"state": "registered", "missing": ["email"], "sides": 0, "document": None, "account": None}
    confirmed = stranger.post("/registrations/confirmations", {"key": link("dora@example.org")})
    assert confirmed.json == {"email": "dora@example.org", "state": "active"}
    dora = party.customer_named("dora")
    assert stranger.post("/registrations/state", made.json).json["account"] == dora.account
    kept = {(one.document, one.ip) for one in party.acceptances(customer_id=dora.id)}
    assert ("terms", "127.0.0.1") in kept
    assert stranger.post("/registrations/confirmations", {"key": "x:y:z"}).error_id == "party-validation-refused"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"password": "password123"}, "party-password-weak"),
        ({"user_name": "a"}, "party-user-name-invalid"),
        ({"adult": False}, "party-registration-incomplete"),
        ({"accepted": []}, "party-registration-incomplete"),
        ({"country": "XX"}, "party-country-invalid"),
        ({"sip_password": PASSWORD}, "party-sip-password-weak"),
        ({"kind": "company", "company": "Le Gall"}, "party-company-number-invalid"),
    ],
)
def test_a_registration_that_is_not_whole_keeps_nothing(stranger: Program, wrong: dict[str, Any], error: str) -> None:
    assert stranger.post("/registrations", registration(stranger, **wrong)).error_id == error
    assert not party_models.User.objects.exists()


def test_a_tick_of_another_text_is_refused(stranger: Program) -> None:
    given = registration(stranger)
    given["accepted"][0]["sha256"] = "0" * 64
    assert stranger.post("/registrations", given).error_id == "journeys-document-changed"


def test_nobody_learns_whether_an_address_has_an_account(stranger: Program, claire: party.Customer) -> None:
    known = stranger.post("/registrations", registration(stranger, email="claire@example.org", user_name="eve"))
    fresh = stranger.post("/registrations", registration(stranger))
    assert (known.status, known.headers.keys()) == (fresh.status, fresh.headers.keys())
    assert len(known.json["registration"]) == len(fresh.json["registration"])
    states = [stranger.post("/registrations/state", one.json).json for one in (known, fresh)]
    assert states[0] == states[1]
    assert next(one.kind for one in messaging.mails(limit=9) if one.to == "claire@example.org") == "account-exists"
    # A name that is taken is told first, whatever the address.
    for email in ("claire@example.org", "new@example.org"):
        taken = stranger.post("/registrations", registration(stranger, email=email, user_name="claire"))
        assert taken.error_id == "party-user-name-taken"
    paper = _give(stranger, known.json["registration"])
    assert paper.error_id == _give(stranger, fresh.json["registration"]).error_id == "party-document-not-awaited"


def test_the_same_registration_sent_twice_is_one_and_few_are_taken_from_one_address(stranger: Program) -> None:
    first, again = (stranger.post("/registrations", registration(stranger)) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert party_models.Customer.objects.count() == 1
    for _ in range(8):
        stranger.post("/registrations", registration(stranger, adult=False))
    assert stranger.post("/registrations", registration(stranger, user_name="new")).error_id == "api-rate-limited"


def test_a_token_is_altered_by_nobody_and_is_of_one_brand(stranger: Program) -> None:
    made = stranger.post("/registrations", registration(stranger)).json["registration"]
    flipped = made[:-2] + ("A" if made[-2] != "A" else "B") + made[-1]
    for wrong in (flipped, "x" * 60, made[:40]):
        assert stranger.post("/registrations/state", {"registration": wrong}).error_id == "web-registration-unknown"
    with pytest.raises(onboarding.UnknownRegistration):
        onboarding.standing(made, brand="kavkom", at=settings.CIVIL_CLOCK.now())


def test_a_site_of_the_operators_own_registers_with_a_key_and_the_address_of_the_customer(
    stranger: Program, staff_key: Callable[..., Program]
) -> None:
    onboarding_key = staff_key("staff:write:registrations")
    asked = registration(stranger, ip="203.0.113.9")
    assert onboarding_key.post("/staff/registrations", asked).status == 202
    dora = party.customer_named("dora")
    assert {one.ip for one in party.acceptances(customer_id=dora.id)} == {"203.0.113.9"}
    assert stranger.post("/registrations", asked).error_id == "api-input-invalid"
    assert onboarding_key.get("/staff/customers").error_id == "api-scope-missing"


def test_both_sides_are_given_refused_with_the_reason_and_given_again(
    stranger: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stranger.post("/registrations", registration(stranger)).json["registration"]
    stranger.post("/registrations/confirmations", {"key": link("dora@example.org")})
    party_models.Customer.objects.update(state="registered")
    monkeypatch.setattr(document_queries, "sides_needed", lambda terms: 2)
    assert _give(stranger, made, back=False).error_id == "party-document-side-missing"
    assert _give(stranger, made, front=b"MZ not a picture").error_id == "party-document-file-refused"
    assert _give(stranger, made, expires_on="2020-01-01").error_id == "party-document-expired"
    given = _give(stranger, made)
    assert given.json["document"]["state"] == "awaiting", given.content
    assert _give(stranger, made).json["document"]["id"] == given.json["document"]["id"]
    at = settings.CIVIL_CLOCK.now()
    documents.refuse(document_id=given.json["document"]["id"], reason="unreadable", note="Trop sombre", by="x", at=at)
    shown = stranger.post("/registrations/state", {"registration": made}).json["document"]
    assert (shown["state"], shown["reason"], shown["note"]) == ("refused", "unreadable", "Trop sombre")
    assert _give(stranger, made, front=papers.photo(size=(901, 600))).json["document"]["state"] == "awaiting"


def _give(stranger: Program, token: str, *, front: bytes | None = None, back: bool = True, **changes: str) -> Answer:
    later = (settings.CIVIL_CLOCK.now() + timedelta(days=900)).date().isoformat()
    sent: dict[str, Any] = {"registration": token, "kind": "identity-card", "expires_on": later} | changes
    sent["front"] = SimpleUploadedFile("../../x.php", front or papers.photo())
    if back:
        sent["back"] = SimpleUploadedFile("b.jpg", papers.photo())
    response = stranger.client.post("/api/v1/registrations/documents", sent)
    return Answer(response.status_code, dict(response.headers), response.content)


# In person


def test_what_is_sensitive_asks_for_the_password_and_guesses_are_counted(
    program: Program, claire: party.Customer
) -> None:
    asked = {
        ("POST", "/data-export"): {},
        ("POST", "/email"): {"email": "new@example.org"},
        ("PUT", "/password"): {"new_password": NEW},
        ("POST", "/closing"): {"word": "CLOSE"},
    }
    for (method, path), body in asked.items():
        assert program.call(method, path, body | {"password": "wrong"}).error_id == "api-password-wrong"
    for _ in range(6):
        program.post("/data-export", {"password": "wrong"})
    assert program.post("/data-export", {"password": PASSWORD}).error_id == "api-rate-limited"
    assert party.customer_of_account(claire.account).active


def test_all_of_ones_data_comes_as_one_archive_and_none_of_anothers(
    program: Program, register: Callable[..., party.Customer]
) -> None:
    register("bruno")
    body = {"password": PASSWORD}
    response = Client().post(
        "/api/v1/data-export", body, content_type="application/json", headers={"authorization": f"Bearer {program.key}"}
    )
    assert response.headers["Content-Type"] == "application/zip"
    kept = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))  # type: ignore[attr-defined]
    names = kept.namelist()
    assert {"customer.json", "customer.csv", "index.html"} <= set(names)
    whole = b"".join(kept.read(name) for name in names)
    assert b"claire@example.org" in whole
    assert b"bruno" not in whole


def test_another_address_is_the_accounts_once_its_link_is_followed(
    program: Program, stranger: Program, claire: party.Customer, register: Callable[..., party.Customer]
) -> None:
    register("bruno")
    for email in ("bruno@example.org", "new@example.org"):
        assert program.post("/email", {"password": PASSWORD, "email": email}).status == 202
    assert party.customer_of_account(claire.account).email == "claire@example.org"
    key = link("new@example.org")
    assert stranger.post("/email/confirmations", {"key": key}).json["email"] == "new@example.org"
    assert party.customer_of_account(claire.account).email == "new@example.org"
    assert stranger.post("/email/confirmations", {"key": key}).error_id == "party-validation-refused"
    assert any(one.to == "claire@example.org" for one in messaging.mails(limit=9))


def test_another_password_signs_out_every_browser(program: Program, claire: party.Customer) -> None:
    browser = Client()
    browser.post("/account/login/", {"login": "claire", "password": PASSWORD})
    assert browser.get("/dashboard/").status_code == 200
    assert (
        program.put("/password", {"password": PASSWORD, "new_password": "password1"}).error_id == "party-password-weak"
    )
    assert program.put("/password", {"password": PASSWORD, "new_password": NEW}).status == 204
    assert browser.get("/dashboard/").status_code == 302
    assert sign_ins.password_is_right(user_id=claire.user_id, password=NEW)
    assert program.get("/me").status == 200


def test_browsers_are_listed_and_signed_out_of_ones_own_alone(
    program: Program, claire: party.Customer, register: Callable[..., party.Customer], key_for: Callable[..., Program]
) -> None:
    browser, other = Client(), key_for(register("bruno"))
    browser.post("/account/login/", {"login": "claire", "password": PASSWORD})
    browser.get("/dashboard/")
    (one,) = program.get("/sign-ins").json["sign_ins"]
    assert "session_key" not in one
    assert other.delete(f"/sign-ins/{one['id']}").error_id == "party-sign-in-unknown"
    assert program.delete(f"/sign-ins/{one['id']}").status == 204
    assert browser.get("/dashboard/").status_code == 302
    assert program.delete("/sign-ins").status == 204


def test_a_closed_account_opens_nothing_and_says_what_is_kept(program: Program, claire: party.Customer) -> None:
    what = program.get("/closing").json
    assert (what["in_the_way"], what["lost_micros"], what["sip_users"]) == ([], 0, ["claire"])
    assert program.post("/closing", {"password": PASSWORD, "word": "close"}).error_id == "api-input-invalid"
    closed = program.post("/closing", {"password": PASSWORD, "word": "CLOSE"})
    assert {one["purpose"] for one in closed.json["keeping"]} >= {"civil-identity", "invoices"}
    assert program.get("/me").error_id == "keys-revoked"
    with pytest.raises(party.UnknownCustomer):
        party.customer_named("claire")


def test_a_device_of_another_is_not_dropped(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program.delete("/devices/1").error_id == "journeys-device-unknown"
    asked: list[int] = []
    monkeypatch.setattr(devices, "drop", lambda *, account, device_id, now_wall_s: asked.append(device_id))
    assert program.delete("/devices/7").status == 204
    assert asked == [7]


# Reports and cases


def test_a_report_of_abuse_blocks_everything_this_key_too(program: Program, claire: party.Customer) -> None:
    made = program.post("/reports", {"kind": "abuse", "text": "Ce n’est pas moi"})
    assert (made.status, made.json["state"]) == (201, "open")
    assert program.get("/me").error_id == "keys-owner-not-active"
    assert sign_ins.locked(claire.user_id)


def test_a_lost_sip_password_blocks_the_line_alone(program: Program) -> None:
    assert program.post("/reports", {"kind": "lost-codes"}).error_id == "compliance-case-invalid"
    made = program.post("/reports", {"kind": "lost-codes", "lost": ["sip"]})
    assert made.status == 201
    assert program.get("/sip").json["identities"][0]["state"] == "must-change"


def test_a_report_from_outside_says_the_same_whoever_it_names(stranger: Program, claire: party.Customer) -> None:
    report = {"kind": "abuse", "user_name": "claire", "email": "nobody@example.org"}
    wrong, right = (
        stranger.post("/reports/outside", report | {"email": email})
        for email in ("nobody@example.org", "claire@example.org")
    )
    assert wrong.json.keys() == right.json.keys()
    assert {**wrong.json, "number": "", "opened_at": "", "due_at": ""} == {
        **right.json,
        "number": "",
        "opened_at": "",
        "due_at": "",
    }
    assert sign_ins.locked(claire.user_id)
    assert stranger.post("/cases/follow", {"number": right.json["number"]}).json["state"] == "open"


def test_a_case_is_opened_read_and_written_in_by_its_customer_alone(
    program: Program, register: Callable[..., party.Customer], key_for: Callable[..., Program], stranger: Program
) -> None:
    made = program.post("/cases", {"kind": "billing", "text": "Pourquoi ?"}).json
    one = f"/cases/{made['number']}"
    assert program.post(f"{one}/messages", {"text": "Encore"}).json["state"] == "open"
    assert [entry["text"] for entry in program.get(one).json["entries"]] == ["Pourquoi ?", "Encore"]
    other = key_for(register("bruno"))
    assert other.get(one).error_id == "compliance-case-unknown"
    assert other.post(f"{one}/messages", {"text": "?"}).error_id == "compliance-case-unknown"
    followed = stranger.post("/cases/follow", {"number": made["number"]}).json
    assert "entries" not in followed
    assert len(compliance.entries(made["number"])) == 2


# Terms and choices


def test_new_terms_are_read_with_what_they_change_and_approved_by_their_hash(
    program: Program, claire: party.Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program.get("/terms-approval").json["asked"] is False
    in_force = policy.terms(claire.terms)
    monkeypatch.setattr(new_terms, "to_approve", lambda **_: in_force)
    asked = program.get("/terms-approval?language=en").json
    assert (asked["ref"], asked["difference"]["values"]) == (in_force.ref, [])
    wrong = {"ref": asked["ref"], "sha256": "0" * 64, "language": "fr"}
    assert program.post("/terms-approval", wrong).error_id == "journeys-terms-moved"
    before = len(party.acceptances(customer_id=claire.id))
    right = {"ref": asked["ref"], "sha256": program.get("/terms-approval").json["sha256"], "language": "fr"}
    assert program.post("/terms-approval", right).status == 204
    assert len(party.acceptances(customer_id=claire.id)) == before + 1


def test_anybody_reads_the_versions_and_what_changed(stranger: Program) -> None:
    versions = stranger.get("/terms").json["versions"]
    assert sum(one["in_force"] for one in versions) == 1
    one = versions[0]["version"]
    assert stranger.get(f"/terms/{one}/changes/{one}").json["texts"] == []
    assert stranger.get(f"/terms/{one}/changes/none").error_id == "policy-terms-unknown"


def test_a_threshold_of_warning_is_chosen_among_those_on_offer(program: Program) -> None:
    offered = program.get("/preferences").json["low_credit_choices"]
    assert program.patch("/preferences", {"low_credit_micros": offered[-2]}).json["low_credit_micros"] == offered[-2]
    refused = program.patch("/preferences", {"low_credit_micros": 123, "language": "en"})
    assert refused.error_id == "journeys-threshold-not-offered"
    assert program.get("/preferences").json["language"] == "fr"


def test_a_test_key_tries_each_and_nothing_is_done(claire: party.Customer, key_for: Callable[..., Program]) -> None:
    dry = key_for(claire, test=True)
    assert dry.put("/password", {"password": "any", "new_password": NEW}).status == 204
    assert dry.post("/email", {"password": "any", "email": "new@example.org"}).status == 202
    assert dry.post("/reports", {"kind": "abuse"}).status == 201
    assert dry.post("/cases", {"kind": "other", "text": "Bonjour"}).status == 201
    assert dry.post("/closing", {"password": "any", "word": "FERMER"}).status == 200
    assert dry.get("/identity-documents").json == {"documents": []}
    assert party.customer_of_account(claire.account).active
    assert sign_ins.password_is_right(user_id=claire.user_id, password=PASSWORD)
    assert compliance.cases(account=claire.account) == ()

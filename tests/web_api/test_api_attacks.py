"""What must not work: other customers' things, scopes that reach too far, keys that are over, guesses, floods, broken bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.test import Client
from web_api_program import Program, every_operation

from cadran.charging import queries as charging
from cadran.journeys import credit
from cadran.messaging.webhooks import operations as webhooks
from cadran.messaging.webhooks import queries as webhook_queries
from cadran.party import models as party_models
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party.keys import models as key_models
from cadran.party.keys import operations as key_operations
from cadran.party.keys import queries as keys
from cadran.party.keys import rules as key_rules
from cadran.payment.operations import place_top_up
from cadran.payment.ports import Checkout, CheckoutStatus
from cadran.policy import queries as policy
from cadran.web.api import access, application, rates, v1

pytestmark = pytest.mark.django_db(databases="__all__")
EUR = 1_000_000
assert v1.urlpatterns


@pytest.fixture
def bruno(register: Callable[..., party.Customer]) -> party.Customer:
    return register("bruno")


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A card provider that opens a page for each order; the orders that it was asked for."""
    asked: list[str] = []

    def opened(*, key: str, **_: object) -> Checkout:
        asked.append(key)
        return Checkout(provider_ref=f"cs_{key}", url=f"https://card.example/{key}")

    quiet = SimpleNamespace(
        open_checkout=opened,
        status=lambda ref: CheckoutStatus(ref, "open", 0, "EUR"),
        expire=lambda ref: CheckoutStatus(ref, "expired", 0, "EUR"),
    )
    monkeypatch.setattr(credit, "card_provider", lambda: quiet)
    return asked


# Who one is


@pytest.mark.parametrize(("name", "method", "path"), every_operation())
def test_nothing_that_needs_a_key_answers_without_one(stranger: Program, name: str, method: str, path: str) -> None:
    assert (stranger.call(method, path).status, stranger.call(method, path).error_id) == (401, "api-key-missing")


def test_a_session_of_the_site_opens_nothing(claire: party.Customer) -> None:
    browser = Client()
    browser.force_login(
        party_models.User.objects.get(pk=claire.user_id), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    answer = browser.get("/api/v1/me")
    assert (answer.status_code, answer.json()["error_id"]) == (401, "api-key-missing")
    assert "set-cookie" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer",
        "Bearer ",
        "Basic Y2xhaXJlOng=",
        "Bearer ck_live_000000000000_" + "A" * 43,
        "Bearer ck_live_0",
        "Bearer " + "x" * 4000,
        "Bearer ck_live_000000000000_' OR 1=1 --",
        "Bearer é",
    ],
)
def test_what_is_no_key_is_refused_in_one_way(stranger: Program, sent: str) -> None:
    assert stranger.get("/me", authorization=sent).status == 401


def test_the_prefix_of_a_key_with_another_secret_is_as_unknown_as_any_other(program: Program) -> None:
    wrong = program.key[:-4] + ("AAAA" if not program.key.endswith("AAAA") else "BBBB")
    never = "ck_live_000000000000_" + "A" * 43
    first, second = (program.get("/me", authorization=f"Bearer {key}").json for key in (wrong, never))
    assert {**first, "request_id": ""} == {**second, "request_id": ""}
    live_as_test = program.key.replace("ck_live_", "ck_test_")
    assert program.get("/me", authorization=f"Bearer {live_as_test}").error_id == "keys-unknown"


def test_a_key_is_kept_as_a_digest_alone(program: Program) -> None:
    row = key_models.ApiKey.objects.get()
    secret = program.key.split("_", 3)[3]
    assert all(secret not in str(value) for value in vars(row).values())
    assert row.digest == key_rules.digest(program.key)
    assert len(row.digest) == 64


def test_a_key_works_until_the_instant_of_its_end_and_not_at_it(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = key_models.ApiKey.objects.get().expires_at
    for at, status in ((end - timedelta(microseconds=1), 200), (end, 401)):
        monkeypatch.setattr(settings, "CIVIL_CLOCK", SimpleNamespace(now=lambda at=at: at))
        assert program.get("/me").status == status
    assert program.get("/me").error_id == "keys-expired"


def test_a_revoked_key_is_over_at_once(program: Program, claire: party.Customer) -> None:
    assert program.get("/me").status == 200
    assert program.post("/key/revocation").status == 204
    assert program.get("/me").error_id == "keys-revoked"


@pytest.mark.parametrize("change", ["blocked", "closed", "inactive", "must change"])
def test_a_key_opens_nothing_while_its_owner_may_use_nothing(
    program: Program, claire: party.Customer, change: str
) -> None:
    if change == "blocked":
        party_models.Customer.objects.update(state="blocked")
    elif change == "closed":
        party_models.BillingAccount.objects.update(state="closed")
    elif change == "inactive":
        party_models.User.objects.update(is_active=False)
    else:
        party_operations.require_change(
            user_name="claire", site=True, reason="codes lost", at=settings.CIVIL_CLOCK.now()
        )
    assert (program.get("/me").status, program.get("/me").error_id) == (403, "keys-owner-not-active")


def test_a_key_of_one_brand_opens_nothing_on_the_host_of_another(program: Program) -> None:
    assert program.get("/me", host="kryptoow.localhost").error_id == "api-wrong-brand"


def test_guesses_are_stopped_after_twenty_and_the_right_key_with_them(program: Program) -> None:
    for number in range(20):
        wrong = f"ck_live_{number:012d}_" + "A" * 43
        assert program.get("/me", authorization=f"Bearer {wrong}").status == 401
    stopped = program.get("/me")
    assert stopped.error_id == "api-rate-limited"
    assert int(stopped.headers["Retry-After"]) >= 1
    assert program.get("/me", x_forwarded_for="203.0.113.9").status == 429  # a header does not make another visitor


# How often


def test_a_key_has_its_allowance_and_is_told_what_is_left(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    small = rates.Meter(tmp_path / "small", rates.Quota("calls", 3, 60))  # type: ignore[operator]
    before = access.meter
    monkeypatch.setattr(access, "meter", lambda name: small if name == "calls" else before(name))
    left = [program.get("/key").headers["RateLimit"].split(";")[1] for _ in range(3)]
    assert left == ["r=2", "r=1", "r=0"]
    refused = program.get("/key")
    assert (refused.status, refused.headers["RateLimit-Policy"]) == (429, '"calls";q=3;w=60')
    assert 1 <= int(refused.headers["Retry-After"]) <= 20


def test_an_allowance_comes_back_evenly_and_a_clock_set_back_takes_nothing(tmp_path: object) -> None:
    meter = rates.Meter(tmp_path / "m", rates.Quota("calls", 60, 60))  # type: ignore[operator]
    second = 1_000_000_000
    start = 1_800_000_000 * second
    assert all(meter.take(5, now_ns=start).allowed for _ in range(60))
    assert not meter.take(5, now_ns=start).allowed
    assert meter.take(6, now_ns=start).allowed
    assert not meter.take(5, now_ns=start + second - 1).allowed
    assert meter.take(5, now_ns=start + second).allowed
    assert not meter.take(5, now_ns=start + second).allowed
    assert meter.take(5, now_ns=start - 3600 * second).allowed


# Whose things


def test_another_customers_call_order_sip_user_and_webhook_are_as_if_they_were_not(
    program: Program,
    bruno: party.Customer,
    till: list[str],
    call: Callable[..., str],
    key_for: Callable[..., Program],
) -> None:
    at = settings.CIVIL_CLOCK.now()
    order = place_top_up(
        key="k",
        account=bruno.account,
        brand="ippi",
        terms=policy.terms(bruno.terms),
        opened_at=bruno.created_at,
        amount_micros=10 * EUR,
        currency="EUR",
        at=at,
    )
    hook = webhooks.add_endpoint(
        owner=webhook_queries.Owner("ippi", bruno.account),
        url="http://127.0.0.1:9/",
        kinds=["call.ended"],
        by="bruno",
        at=at,
    ).endpoint.endpoint_id
    sent = webhooks.ping(owner=webhook_queries.Owner("ippi", bruno.account), endpoint_id=hook, at=at).delivery_id
    theirs = call(bruno)
    assert key_for(bruno).get(f"/calls/{theirs}").status == 200
    body = {"password": "z9xk-w2vb-n7mc-q4rt"}
    for answer in (
        program.get(f"/calls/{theirs}"),
        program.get(f"/orders/{order.order_id}"),
        program.put("/sip/bruno/password", body),
        program.get(f"/webhooks/{hook}"),
        program.get(f"/webhooks/{hook}/deliveries"),
        program.patch(f"/webhooks/{hook}", {"enabled": False}),
        program.post(f"/webhooks/{hook}/rotation"),
        program.post(f"/webhooks/{hook}/ping"),
        program.delete(f"/webhooks/{hook}"),
        program.post(f"/deliveries/{sent}/replay"),
    ):
        assert answer.status == 404, answer.content
    assert program.get("/orders").json["orders"] == []
    assert program.get("/webhooks").json["endpoints"] == []
    assert webhook_queries.endpoint(hook, webhook_queries.Owner("ippi", bruno.account)).state == "enabled"


def test_a_cursor_of_one_customer_or_list_is_none_of_anothers(
    program: Program, claire: party.Customer, bruno: party.Customer, key_for: Callable[..., Program], till: list[str]
) -> None:
    for amount in (10, 25, 50):
        assert program.post("/topups", {"amount_micros": amount * EUR}).status in {201, 409}
    first = program.get("/orders?limit=1").json
    assert first["next"]
    second = program.get(f"/orders?limit=1&cursor={first['next']}").json
    assert second["orders"][0]["id"] < first["orders"][0]["id"]
    assert key_for(bruno).get(f"/orders?cursor={first['next']}").error_id == "api-cursor-invalid"
    assert program.get(f"/movements?cursor={first['next']}").error_id == "api-cursor-invalid"
    for forged in ("x", "W10:x", first["next"][:-1], first["next"] + "A", "." * 400):
        assert program.get(f"/orders?cursor={forged}").error_id == "api-cursor-invalid"


# What for


def test_each_scope_opens_its_operations_and_no_other(
    claire: party.Customer, key_for: Callable[..., Program], staff_key: Callable[..., Program]
) -> None:
    """Each scope in turn is left out of a key that has all others: exactly its operations are refused."""
    for scope in key_rules.Scope:
        others = [one.value for one in key_rules.Scope if one.for_staff is scope.for_staff and one is not scope]
        lacking = staff_key(*others) if scope.for_staff else key_for(claire, *others)
        wanted = [row for row in every_operation() if scope in application.DECLARED[row[0]].scopes]
        assert wanted, scope
        for name, method, path in wanted:
            answer = lacking.call(method, path)
            assert (answer.status, answer.error_id) == (403, "api-scope-missing"), (scope, name)
        key_models.ApiKey.objects.update(revoked_at=settings.CIVIL_CLOCK.now())


def test_a_key_of_staff_reaches_no_account_and_a_key_of_a_customer_no_staff(
    program: Program, staff_key: Callable[..., Program]
) -> None:
    agent = staff_key()
    assert program.get("/staff/customers").error_id == "api-scope-missing"
    assert agent.get("/me").error_id == "api-scope-missing"
    with pytest.raises(key_rules.InvalidKeyWish):
        key_rules.checked_scopes(["staff:read:customers"], staff=False)
    with pytest.raises(key_rules.InvalidKeyWish):
        key_rules.checked_scopes(["read:account"], staff=True)


def test_a_key_of_staff_reaches_no_further_than_the_role_of_today(staff_key: Callable[..., Program]) -> None:
    agent = staff_key()
    assert agent.get("/staff/books").status == 200
    party_models.StaffMember.objects.update(role="routing")
    assert agent.get("/staff/books").error_id == "api-permission-missing"
    assert agent.get("/staff/calls").status == 200
    party_models.StaffMember.objects.update(active=False)
    assert agent.get("/staff/calls").error_id == "keys-owner-not-active"


def test_staff_without_the_permission_makes_no_key(staff_key: Callable[..., Program]) -> None:
    staff_key()
    for role in ("support", "billing", "compliance", "routing", "read-only"):
        party_models.StaffMember.objects.update(role=role)
        with pytest.raises(keys.OwnerNotActive):
            staff_key()


def test_a_key_of_staff_sees_its_brand_alone_and_names_are_masked_without_the_scope(
    staff_key: Callable[..., Program], claire: party.Customer, register: Callable[..., party.Customer]
) -> None:
    other = register("diane")
    party_models.Customer.objects.filter(pk=other.id).update(brand="kavkom")
    masked = staff_key("staff:read:customers")
    found = masked.get("/staff/customers").json["customers"]
    assert [one["account"] for one in found] == [claire.account]
    assert (found[0]["email"], found[0]["personal"]) == ("c…", False)
    full = staff_key()
    assert full.get(f"/staff/customers/{claire.account}").json["customer"]["email"] == "claire@example.org"
    acts = party.staff_acts(account=claire.account)
    assert acts[0].page == "api customer"
    assert full.get(f"/staff/customers/{other.account}").error_id == "party-customer-unknown"
    assert full.post("/staff/customers/search", {"text": "diane"}).json["customers"] == []


def test_a_blocked_customer_is_out_at_once_and_in_again(
    program: Program, staff_key: Callable[..., Program], claire: party.Customer
) -> None:
    agent, why = staff_key(), {"reason": "fraud reported by the carrier"}
    assert agent.post(f"/staff/customers/{claire.account}/block", why).status == 204
    assert program.get("/me").error_id == "keys-owner-not-active"
    assert agent.post(f"/staff/customers/{claire.account}/block", why).error_id == "party-block-refused"
    assert agent.post(f"/staff/customers/{claire.account}/unblock", why).status == 204
    assert program.get("/me").status == 200
    acts = [act for act in party.staff_acts(account=claire.account) if act.kind == "deed"]
    assert [act.page for act in acts][-1] == "api block"
    assert agent.post("/staff/customers/A999999/block", why).status == 404


def test_receipts_mails_cases_and_devices_are_the_customers_own(program: Program, claire: party.Customer) -> None:
    for path, name in (
        ("/receipts", "receipts"),
        ("/cases", "cases"),
        ("/devices", "devices"),
        ("/live-calls", "calls"),
    ):
        assert program.get(path).json == {name: []}
    assert program.get("/receipts/IPPI-2026-000001/file").error_id == "invoicing-receipt-unknown"
    assert program.get("/automatic-topup").json["state"] == "none"
    assert program.delete("/automatic-topup").status == 204
    assert program.get("/mails").status == 200


def test_no_field_can_be_assigned_that_the_document_does_not_name(program: Program) -> None:
    for method, path, body in (
        ("POST", "/topups", {"amount_micros": 10 * EUR, "account": "A000002"}),
        ("POST", "/topups", {"amount_micros": 10 * EUR, "state": "paid"}),
        ("PATCH", "/preferences", {"state": "active"}),
        ("PATCH", "/preferences", {"raised_duration": True, "terms": "ippi/2099"}),
        ("POST", "/webhooks", {"url": "https://h.example/", "kinds": ["call.ended"], "account": "A000002"}),
    ):
        answer = program.call(method, path, body)
        assert (answer.status, answer.error_id) == (422, "api-input-invalid")
        assert answer.json["errors"]


# Test keys


def test_a_test_key_reads_samples_and_does_nothing_real(
    claire: party.Customer, key_for: Callable[..., Program], staff_key: Callable[..., Program], till: list[str]
) -> None:
    test = key_for(claire, test=True)
    assert test.key.startswith("ck_test_")
    assert test.get("/me").json["account"] == "A000000"
    assert test.get("/me").json["email"] != claire.email
    before = party.sip_user("claire")
    placed = test.post("/topups", {"amount_micros": 10 * EUR})
    assert (placed.status, placed.json["state"]) == (201, "at_provider")
    assert test.post("/topups", {"amount_micros": 11 * EUR}).error_id == "payment-top-up-refused"
    assert test.put("/sip/exemple/password", {"password": "z9xk-w2vb-n7mc-q4rt"}).status == 204
    assert test.put("/sip/claire/password", {"password": "z9xk-w2vb-n7mc-q4rt"}).status == 404
    assert test.patch("/preferences", {"raised_duration": True}).json["raised_duration"] is True
    assert test.post("/webhooks", {"url": "https://h.example/", "kinds": ["call.ended"]}).status == 201
    assert till == []
    assert party.sip_user("claire") == before
    assert not party.customer_of_account(claire.account).raised_duration
    assert webhook_queries.endpoints(webhook_queries.Owner("ippi", claire.account)) == ()
    calls = test.get("/calls?limit=2").json
    assert len(calls["calls"]) == 2
    assert len(test.get(f"/calls?cursor={calls['next']}").json["calls"]) == 1
    assert test.get(f"/calls/{calls['calls'][0]['id']}").json["lines_en"]
    agent = staff_key(test=True)
    assert [one["account"] for one in agent.get("/staff/customers").json["customers"]] == ["A000000"]
    assert agent.get(f"/staff/customers/{claire.account}").error_id == "party-customer-unknown"
    wish = {"kind": "give-credit", "account": "A000000", "amount_micros": EUR, "reason": "a sample of goodwill"}
    assert agent.post("/staff/adjustments", wish).json["id"] == "prop_sample"
    assert agent.get("/staff/adjustments").json["adjustments"] == []


# Idempotency


def test_the_same_request_again_gets_the_same_answer_and_is_done_once(program: Program, till: list[str]) -> None:
    first = program.post("/topups", {"amount_micros": 10 * EUR}, idempotency_key="one")
    again = program.post("/topups", {"amount_micros": 10 * EUR}, idempotency_key="one")
    assert (first.status, again.status, again.content) == (201, 201, first.content)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(till) == 1


def test_a_key_that_was_used_for_another_request_is_refused(program: Program, till: list[str]) -> None:
    program.post("/topups", {"amount_micros": 10 * EUR}, idempotency_key="one")
    for answer in (
        program.post("/topups", {"amount_micros": 25 * EUR}, idempotency_key="one"),
        program.post("/topups", b'{"amount_micros":10000000 }', idempotency_key="one"),
        program.patch("/preferences", {"language": "en"}, idempotency_key="one"),
        program.post("/key/revocation", idempotency_key="one"),
    ):
        assert (answer.status, answer.error_id) == (422, "idempotency-key-reused")
    assert len(till) == 1


def test_the_same_key_of_another_account_is_another_key(
    program: Program, bruno: party.Customer, key_for: Callable[..., Program], till: list[str]
) -> None:
    mine = program.post("/topups", {"amount_micros": 10 * EUR}, idempotency_key="one")
    theirs = key_for(bruno).post("/topups", {"amount_micros": 10 * EUR}, idempotency_key="one")
    assert (mine.status, theirs.status) == (201, 201)
    assert mine.json["id"] != theirs.json["id"]
    assert theirs.json["account"] == bruno.account
    assert "Idempotency-Replayed" not in theirs.headers


def test_two_at_once_are_not_both_done(program: Program, claire: party.Customer, till: list[str]) -> None:
    from cadran.web.api import answers

    body = json.dumps({"amount_micros": 10 * EUR}).encode()
    mark = answers.fingerprint("POST", "/api/v1/topups", body)
    at = settings.CIVIL_CLOCK.now()
    assert answers.begin(owner=claire.account, key="one", fingerprint=mark, at=at) is None
    second = program.post("/topups", body, idempotency_key="one")
    assert (second.status, second.error_id, second.headers["Retry-After"]) == (409, "api-idempotency-in-progress", "1")
    answers.models.StoredAnswer.objects.update(at=at - answers.LEASE)
    assert program.post("/topups", body, idempotency_key="one").status == 201


def test_a_request_that_writes_without_a_key_or_with_a_wrong_one_is_refused(program: Program) -> None:
    assert program.patch("/preferences", {}, idempotency_key="").error_id == "api-idempotency-key-missing"
    for wrong in ("a b", "x" * 129, "é"):
        assert program.patch("/preferences", {}, idempotency_key=wrong).error_id == "api-request-malformed"


def test_a_stored_answer_is_sealed(program: Program) -> None:
    from cadran.web.api import models

    made = program.post("/webhooks", {"url": "http://127.0.0.1:9/", "kinds": ["call.ended"]}, idempotency_key="one")
    assert made.json["secret"].startswith("whsec_")
    assert made.json["secret"] not in models.StoredAnswer.objects.get().sealed
    again = program.post("/webhooks", {"url": "http://127.0.0.1:9/", "kinds": ["call.ended"]}, idempotency_key="one")
    assert again.json["secret"] == made.json["secret"]


# Bytes that break


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{\x00}\x00",
        b'{"amount_micros": NaN}',
        b'{"amount_micros": 1e400}',
        b'{"amount_micros": 10000000, "amount_micros": 10000000}',
        b'{"amount_micros": "10000000"}',
        b'{"amount_micros": 10000000.5}',
        b'{"amount_micros": true}',
        b'{"amount_micros": -1}',
        b'{"amount_micros": 99999999999999999999999999}',
        b'{"amount_micros": ' + b"9" * 5000 + b"}",
        b"[" * 20_000 + b"]" * 20_000,
    ],
)
def test_a_body_that_is_not_what_it_should_be_is_a_problem_and_nothing_is_done(
    program: Program, till: list[str], body: bytes
) -> None:
    answer = program.post("/topups", body)
    assert answer.status in {400, 422}
    assert answer.error_id in {"api-request-malformed", "api-input-invalid"}
    assert till == []


@pytest.mark.parametrize("text", ["a\u0000b", "\ud800", "a" * 65, "\u202e" * 12])
def test_characters_of_control_and_halves_of_characters_are_refused(program: Program, text: str) -> None:
    body = json.dumps({"password": text}).encode()
    answer = program.put("/sip/claire/password", body)
    assert answer.status == 422, answer.content


@pytest.mark.parametrize(
    "path",
    [
        "/calls/%00",
        "/calls/%ff%fe",
        "/calls/..%2f..%2fme",
        "/calls/" + "9" * 300,
        "/orders/' OR '1'='1",
        "/prices/99999999999999999999",
        "/calls?limit=99999999999999999999",
        "/calls?limit=0",
        "/calls?limit=101",
        "/calls?since=1",
        "/calls?destination=%25",
        "/calls?chargd=true",
        "/me?account=A000002",
        "/terms/..",
        "/terms/%2e%2e",
        "/nothing",
        "/",
        "",
    ],
)
def test_addresses_that_lead_nowhere_are_problems(program: Program, path: str) -> None:
    answer = program.get(path)
    assert answer.status in {400, 404, 422}, answer.content
    assert answer.error_id


def test_methods_types_sizes_and_languages_that_are_not_taken_are_problems(program: Program) -> None:
    wrong = program.call("POST", "/me", {})
    assert (wrong.status, wrong.error_id, wrong.headers["Allow"]) == (405, "api-method-not-allowed", "GET")
    assert program.call("TRACE", "/me").error_id == "api-method-not-allowed"
    assert program.get("/me", accept="text/html").error_id == "api-not-acceptable"
    assert program.get("/me", accept="application/json;q=0").error_id == "api-not-acceptable"
    assert program.get("/me", accept="text/html, application/*;q=0.5").status == 200
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
    ):
        assert program.patch("/preferences", {}, content_type=kind).error_id == "api-content-type-unsupported"
    assert program.patch("/preferences", {}, content_type="application/json; charset=utf-8").status == 200
    assert program.post("/topups", b" " * (64 * 1024 + 1)).error_id == "api-request-too-large"
    head = program.call("HEAD", "/me", idempotency_key="")
    assert (head.status, head.content) == (200, b"")


def test_no_header_can_be_injected_through_what_is_echoed(program: Program) -> None:
    for sent in ("a%0d%0aset-cookie:%20x=1", "%0d%0a"):
        answer = program.get(f"/calls/{sent}")
        assert answer.status in {404, 422}
        assert "set-cookie" not in {name.lower() for name in answer.headers}


def test_every_answer_forbids_being_stored_framed_and_guessed(program: Program, stranger: Program) -> None:
    for answer in (program.get("/me"), stranger.get("/me"), stranger.get("/brand"), stranger.get("/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert (
            answer.headers["Content-Security-Policy"] == "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Request-Id"].startswith("req_")
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_failure_of_ours_tells_its_id_and_nothing_else(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> object:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(charging, "page", broken)
    answer = program.get("/calls")
    assert (answer.status, answer.error_id) == (500, "api-failed")
    assert b"secret" not in answer.content
    assert answer.json["request_id"] == answer.headers["Request-Id"]


def test_making_and_revoking_keys_is_on_record(program: Program, claire: party.Customer) -> None:
    from cadran.policy.models import Event

    program.post("/key/revocation")
    found = {event.kind: event.body for event in Event.objects.filter(kind__startswith="party.api-key")}
    assert set(found) == {"party.api-key-made", "party.api-key-revoked"}
    assert found["party.api-key-made"]["by"] == "claire"
    assert program.key.split("_", 3)[3] not in json.dumps(list(found.values()))


def test_no_more_than_twenty_keys_are_in_force(claire: party.Customer, key_for: Callable[..., Program]) -> None:
    for _ in range(20):
        key_for(claire)
    with pytest.raises(key_rules.TooManyKeys):
        key_for(claire)
    prefix = key_models.ApiKey.objects.first().prefix  # type: ignore[union-attr]
    key_operations.revoke_key(
        prefix=prefix, account=claire.account, because="old", by="claire", at=settings.CIVIL_CLOCK.now()
    )
    assert key_for(claire).get("/me").status == 200

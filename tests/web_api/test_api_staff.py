"""The back office through the API: whose role reaches how far, and each desk from beginning to end."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern
from web_api_program import Program, every_operation

import papers
from cadran.compliance import operations as compliance
from cadran.compliance.rules import Kind
from cadran.journeys import partner_checks, publications, registration
from cadran.journeys.proposals.rules import Person
from cadran.party import models as party_models
from cadran.party import queries as party
from cadran.party import staff_queries
from cadran.party.documents import operations as documents
from cadran.party.documents import queries as document_queries
from cadran.party.keys.rules import NEEDS
from cadran.party.staff import MAY, Role
from cadran.payment.operations import place_top_up
from cadran.policy import publication
from cadran.policy import queries as policy
from cadran.policy.proof import operations as proof
from cadran.voice.media import prompts
from cadran.web.api import application
from cadran.web.office import gate
from cadran.web.office.urls import urlpatterns

pytestmark = pytest.mark.django_db(databases="__all__")
EUR = 1_000_000
# The page of the back office that does what an operation does: the same permission opens both.
PAGES = {
    "list_customers": "customers",
    "search_everything": "search",
    "search_customers": "search",
    "block_customer": "block",
    "unblock_customer": "unblock",
    "require_change": "require_change",
    "add_note": "note",
    "block_line": "line",
    "unblock_line": "line",
    "send_mail_again": "resend",
    "list_brand_orders": "orders",
    "list_brand_calls": "calls",
    "read_brand_call": "call",
    "list_live_calls": "live",
    "cut_call": "cut",
    "list_adjustments": "money",
    "read_adjustment": "money_one",
    "list_evidence": "evidence",
    "read_evidence_status": "evidence",
    "read_journal": "journal",
    "read_journal_line": "transfer",
    "list_decisions": "decisions",
    "list_documents_to_review": "documents",
    "read_document": "document",
    "open_document_side": "side",
    "accept_document": "decide",
    "refuse_document": "decide",
    "list_brand_cases": "cases",
    "read_case": "case",
    "answer_case": "answer",
    "close_case": "answer",
    "list_acts": "views",
    "list_members": "members",
    "read_member": "member",
    "list_terms": "terms",
    "open_terms_draft": "terms_open",
    "read_terms_draft": "terms_draft",
    "change_terms_draft": "terms_draft",
    "preview_terms_draft": "terms_preview",
    "submit_terms_draft": "terms_submit",
    "read_terms_proposal": "terms_proposal",
    "approve_terms": "terms_decide",
    "refuse_terms": "terms_decide",
    "withdraw_terms": "terms_decide",
    "list_decks": "decks",
    "import_deck": "deck_upload",
    "read_deck": "deck",
    "activate_deck": "deck_activate",
    "read_deck_impact": "deck_impact",
    "check_deck": "deck_check",
    "read_deck_margin": "deck_margin",
    "list_reratings": "reratings",
    "preview_rerating": "rerating_preview",
    "propose_rerating": "rerating_propose",
    "read_rerating": "rerating",
    "approve_rerating": "rerating_decide",
    "refuse_rerating": "rerating_decide",
    "withdraw_rerating": "rerating_decide",
    "list_prompts": "prompts",
    "read_prompt": "prompt",
    "replace_prompt": "prompt_replace",
    "remove_prompt": "prompt_remove",
    "list_partners": "partners",
    "set_up_carrier": "partner_save",
    "test_carrier": "partner_test",
    "list_staff_webhooks": "webhooks",
    "replay_staff_delivery": "replay_webhook",
}
STAFF = every_operation("/staff")


# Whose role reaches how far


@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_exactly_the_operations_whose_permissions_it_holds(
    staff_key: Callable[..., Program], role: Role
) -> None:
    """Every operation of staff for every role, with a key that has all scopes: the role of today decides."""
    agent = staff_key()
    party_models.StaffMember.objects.update(role=role.value)
    for name, method, path in STAFF:
        needed = {NEEDS[scope] for scope in application.DECLARED[name].scopes}
        assert needed, name
        answer = agent.call(method, path, {"some": "thing"} if method in {"POST", "PUT", "PATCH"} else None)
        refused = answer.status == 403 and answer.error_id == "api-permission-missing"
        assert refused is not (needed <= MAY[role]), (name, role, answer.content)


@pytest.mark.parametrize(("operation", "page"), sorted(PAGES.items()))
def test_an_operation_needs_at_least_what_its_page_needs(operation: str, page: str) -> None:
    views = {one.name: one.callback for one in urlpatterns if isinstance(one, URLPattern)}
    permission = gate.permission_of(views[page])
    assert permission in {NEEDS[scope] for scope in application.DECLARED[operation].scopes}


def test_what_a_key_may_not_see_personally_is_hidden_by_scope_and_by_role(
    staff_key: Callable[..., Program], claire: party.Customer, call: Callable[..., str]
) -> None:
    made = call(claire)
    whole, masked = staff_key(), staff_key("staff:read:customers", "staff:read:calls", "staff:read:cases")
    assert whole.get("/staff/calls").json["calls"][0]["destination"] == "33142000001"
    assert masked.get("/staff/calls").json["calls"][0]["destination"] == "3314200 ••••"
    why = masked.get(f"/staff/calls/{made}")
    assert why.status == 200
    assert b"33142000001" not in why.content
    assert why.json["lines_fr"] == []
    assert masked.post("/staff/search", {"text": "claire"}).json["found"][0]["words"] == "C…"
    party_models.StaffMember.objects.update(role="read-only")
    assert whole.get("/staff/customers").json["customers"][0]["email"] == "c…"
    assert whole.get("/staff/calls").json["calls"][0]["destination"] == "3314200 ••••"


def test_another_brands_things_are_as_if_they_were_not(
    staff_key: Callable[..., Program], claire: party.Customer, register: Callable[..., party.Customer]
) -> None:
    agent, at = staff_key(brand="ippi"), settings.CIVIL_CLOCK.now()
    case = compliance.open_case(key="k", kind=Kind.OTHER, account=claire.account, brand="kavkom", text="Bonjour", at=at)
    draft = publications.open_draft(
        brand="kavkom", by=Person(user_id=1, name="agent", email="agent@example.org"), at=at
    )
    party_models.Customer.objects.filter(pk=claire.id).update(brand="kavkom")
    assert agent.get(f"/staff/cases/{case.number}").error_id == "compliance-case-unknown"
    assert agent.post(f"/staff/cases/{case.number}/answers", {"text": "?"}).status == 404
    assert agent.get("/staff/cases").json["cases"] == []
    assert agent.get(f"/staff/cases?account={claire.account}").status == 404
    assert agent.get(f"/staff/acts?account={claire.account}").status == 404
    assert agent.get(f"/staff/terms/drafts/{draft.draft_id}").error_id == "journeys-draft-unknown"
    assert agent.get(f"/staff/customers/{claire.account}/evidence/file").status == 404
    assert agent.post("/staff/search", {"text": claire.account}).json["found"] == []


# Money


def test_a_second_person_approves_by_a_key_of_their_own(
    staff_key: Callable[..., Program], claire: party.Customer
) -> None:
    first, second, mine = staff_key(user_name="anne"), staff_key(user_name="berte"), staff_key(user_name="anne")
    asked = {"kind": "give-credit", "account": claire.account, "amount_micros": 400 * EUR, "reason": "After an outage"}
    made = first.post("/staff/adjustments", asked)
    assert (made.status, made.json["state"], made.json["alone"]) == (201, "proposed", False)
    one = f"/staff/adjustments/{made.json['id']}"
    for own in (first, mine):
        assert own.post(f"{one}/approval").error_id == "journeys-proposal-same-person"
        assert own.post(f"{one}/refusal", {"reason": "I changed my mind"}).error_id == "journeys-proposal-same-person"
    assert second.post(f"{one}/withdrawal").error_id == "journeys-proposal-same-person"
    assert second.post(f"{one}/approval").json["state"] == "approved"
    assert second.post(f"{one}/approval").error_id == "journeys-proposal-not-pending"
    steps = [(act.staff, act.kind) for act in party.staff_acts(account=claire.account)]
    assert ("berte", "money-approve") in steps


def test_two_accounts_of_one_mailbox_are_one_person_and_nobody_moves_their_own_money(
    staff_key: Callable[..., Program], claire: party.Customer
) -> None:
    first, again = staff_key(user_name="anne"), staff_key(user_name="anne2")
    party_models.User.objects.filter(username="anne2").update(email="Anne+second@example.org")
    asked = {"kind": "give-credit", "account": claire.account, "amount_micros": 400 * EUR, "reason": "After an outage"}
    one = first.post("/staff/adjustments", asked).json["id"]
    assert again.post(f"/staff/adjustments/{one}/approval").error_id == "journeys-proposal-same-person"
    party_models.User.objects.filter(username="anne").update(email="claire+work@example.org")
    assert first.post("/staff/adjustments", asked).error_id == "journeys-proposal-same-person"


def test_a_refund_needs_its_own_scope(staff_key: Callable[..., Program], claire: party.Customer) -> None:
    body = {"kind": "refund", "account": claire.account, "amount_micros": EUR, "reason": "After an outage"}
    assert staff_key("staff:write:credit").post("/staff/adjustments", body).error_id == "api-input-invalid"
    asked = {"account": claire.account, "order": "pay_x", "amount_micros": EUR, "reason": "After an outage"}
    assert staff_key("staff:write:credit").post("/staff/refunds", asked).error_id == "api-scope-missing"
    assert staff_key("staff:write:refunds").post("/staff/refunds", asked).error_id == "payment-order-unknown"


def test_a_line_is_blocked_a_mail_sent_again_and_orders_are_read_within_the_brand(
    staff_key: Callable[..., Program], claire: party.Customer, register: Callable[..., party.Customer]
) -> None:
    agent, other = staff_key(), register("diane")
    line, why = f"/staff/customers/{claire.account}/lines", {"reason": "Asked by telephone"}
    assert agent.post(f"{line}/claire/block", why).status == 204
    assert party.sip_identities(account=claire.account)[0].state == "blocked"
    assert agent.post(f"{line}/diane/block", why).error_id == "party-sip-user-unknown"
    assert agent.post(f"{line}/claire/unblock", why).status == 204
    assert party.sip_identities(account=claire.account)[0].state != "blocked"
    kinds = [act.kind for act in party.staff_acts(account=claire.account)]
    assert {"block-sip", "unblock-sip"} <= set(kinds)
    assert agent.post(f"/staff/customers/{claire.account}/mails/nothing/again").error_id == "messaging-mail-unknown"
    place_top_up(
        key="k",
        account=claire.account,
        brand="ippi",
        terms=policy.terms(claire.terms),
        opened_at=claire.created_at,
        amount_micros=10 * EUR,
        currency="EUR",
        at=settings.CIVIL_CLOCK.now(),
    )
    assert [one["account"] for one in agent.get("/staff/orders").json["orders"]] == [claire.account]
    party_models.Customer.objects.filter(pk=other.id).update(brand="kavkom")
    assert agent.get(f"/staff/orders?account={other.account}").error_id == "party-customer-unknown"


# Documents and cases


def test_a_document_is_opened_on_record_refused_with_a_reason_and_decided_once(
    staff_key: Callable[..., Program], waiting: str
) -> None:
    agent = staff_key()
    (one,) = agent.get("/staff/documents").json["documents"]
    assert (one["id"], one["state"], [file["side"] for file in one["files"]]) == (
        waiting,
        "awaiting",
        ["front", "back"],
    )
    side = agent.get(f"/staff/documents/{waiting}/sides/front")
    assert base64.b64decode(side.json["content"])[:2] == b"\xff\xd8"
    assert side.headers["Cache-Control"] == "no-store"
    acts = party.staff_acts(account=one["account"])
    assert [act.kind for act in acts if act.subject == f"{waiting} front"] == ["document"]
    refusal = f"/staff/documents/{waiting}/refusal"
    assert agent.post(refusal, {"reason": "i-do-not-like-it"}).error_id == "api-input-invalid"
    assert agent.post(refusal, {"reason": "unreadable", "note": "Too dark"}).json["note"] == "Too dark"
    assert agent.post(f"/staff/documents/{waiting}/acceptance").error_id == "party-document-decided"
    assert agent.get("/staff/documents").json["documents"] == []


def test_a_case_is_read_answered_and_closed(staff_key: Callable[..., Program], claire: party.Customer) -> None:
    at = settings.CIVIL_CLOCK.now()
    case = compliance.open_case(
        key="k", kind=Kind.BILLING, account=claire.account, brand="ippi", text="Pourquoi ?", at=at
    )
    agent, one = staff_key(), f"/staff/cases/{case.number}"
    assert [row["number"] for row in agent.get("/staff/cases").json["cases"]] == [case.number]
    assert agent.get(one).json["entries"][0]["text"] == "Pourquoi ?"
    assert agent.post(f"{one}/answers", {"text": "Parce que."}).json["state"] == "answered"
    assert agent.get(one).json["entries"][1] == agent.get(one).json["entries"][1] | {
        "by": "agent",
        "author": "operator",
    }
    assert agent.post(f"{one}/closing", {}).json["state"] == "closed"
    assert staff_key("staff:read:cases").get(one).error_id == "api-scope-missing"


# Terms, price lists, partners


@pytest.fixture
def own_brands(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publications write elsewhere than the brands of the repository."""
    monkeypatch.setattr(publication, "publish", lambda **given: SimpleNamespace(ref="ippi/x", effective_from="later"))


def test_terms_are_drafted_by_one_key_and_published_by_another(
    staff_key: Callable[..., Program], own_brands: None
) -> None:
    anne, berte = staff_key(user_name="anne"), staff_key(user_name="berte")
    draft = anne.post("/staff/terms/drafts").json
    one = f"/staff/terms/drafts/{draft['id']}"
    assert set(draft["problems"]) >= {"version", "effective_from"}
    assert anne.get(f"{one}/preview").error_id == "journeys-draft-wrong"
    value = next(row for row in draft["values"] if row["name"] == "account.minimum_age")
    later = (settings.CIVIL_CLOCK.now() + timedelta(days=60)).date().isoformat()
    change = {
        "revision": draft["revision"],
        "version": "2099-01",
        "title": "Essai",
        "effective_from": later,
        "values": [{"name": "account.minimum_age", "typed": "19"}],
    }
    changed = anne.patch(one, change)
    assert (changed.status, changed.json["problems"]) == (200, {}), changed.content
    assert anne.patch(one, change).error_id == "journeys-draft-moved"
    preview = anne.get(f"{one}/preview").json
    assert preview["values"] == [
        {"name": value["name"], "clause": value["clause"], "unit": value["unit"], "before": "18", "after": "19"}
    ]
    submission = {"revision": changed.json["revision"], "reason": "A higher age is wanted"}
    sent = anne.post(f"{one}/submission", submission)
    assert (sent.status, sent.json["sha256"]) == (201, preview["sha256"])
    approval = f"/staff/terms/proposals/{sent.json['id']}/approval"
    assert anne.post(approval, {"sha256": preview["sha256"]}).error_id == "journeys-proposal-same-person"
    assert berte.post(approval, {"sha256": "0" * 64}).error_id == "journeys-draft-moved"
    assert berte.get(f"/staff/terms/proposals/{sent.json['id']}/preview").json["sha256"] == preview["sha256"]
    assert berte.post(approval, {"sha256": preview["sha256"]}).json["state"] == "done"
    assert berte.get("/staff/terms/proposals").json["proposals"][0]["steps"][-1]["by"] == "cadran"


def test_a_price_list_is_looked_at_kept_compared_and_activated(staff_key: Callable[..., Program], prices: None) -> None:
    agent = staff_key()
    lines = "prefix,destination,destination_en,price,first_s,next_s\n33,France fixe,France landline,0.0130,,\n"
    looked = _upload(agent, lines, version="new", keep="false")
    assert (looked["rates"], looked["deck"]) == (1, None)
    kept = _upload(agent, lines, version="new")["deck"]
    assert (kept["state"], kept["in_force"]) == ("draft", False)
    one = agent.get(f"/staff/decks/{kept['name']}/new").json
    assert (one["replaces"], one["dearer"], one["gone"]) == ("test", 1, 3)
    assert one["rises"][0]["after_nanos"] == 13_000_000
    past = agent.post(f"/staff/decks/{kept['name']}/new/activation", {"day": "2020-01-01"})
    assert past.error_id == "catalog-deck-not-activated"
    later = (settings.CIVIL_CLOCK.now() + timedelta(days=40)).date().isoformat()
    assert agent.post(f"/staff/decks/{kept['name']}/new/activation", {"day": later}).json["state"] == "activated"
    wrong = _upload(agent, lines + "x,Nowhere,Nowhere,-1,,\n", status=422, version="bad")
    assert wrong["error_id"] == "catalog-deck-refused"
    assert wrong["errors"][0]["field"].startswith("line 3")


def _upload(agent: Program, lines: str, *, status: int = 200, **fields: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {agent.key}", "idempotency-key": f"{fields}".encode().hex()[:100]}

    def sent() -> Any:
        """The same file again, as a program tries again: within another boundary."""
        body = {"file": SimpleUploadedFile("x.csv", lines.encode()), **fields}
        return Client().post("/api/v1/staff/decks", body, headers=headers)

    first, again = sent(), sent()
    assert first.status_code == again.status_code == status, first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    found: dict[str, Any] = first.json()
    return found


def test_prompts_are_heard_replaced_and_taken_back(
    staff_key: Callable[..., Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PUBLISHED", tmp_path)
    agent = staff_key()
    listed = {(one["language"], one["name"]): one for one in agent.get("/staff/prompts").json["prompts"]}
    assert listed["fr", "welcome"]["text"] == "Bienvenue."
    assert listed["fr", "welcome"]["origin"] == "shipped"
    shipped = (prompts.RECORDINGS / "fr" / "welcome.wav").read_bytes()
    assert base64.b64decode(agent.get("/staff/prompts/fr/welcome").json["content"]) == shipped
    other = (prompts.RECORDINGS / "fr" / "goodbye.wav").read_bytes()

    def send(data: bytes, key: str, path: str = "fr/welcome") -> Any:
        headers = {"authorization": f"Bearer {agent.key}", "idempotency-key": key}
        return (
            Client()
            .post(f"/api/v1/staff/prompts/{path}", {"file": SimpleUploadedFile("x.wav", data)}, headers=headers)
            .json()
        )

    assert send(other, "key-of-the-first-try")["origin"] == "operator"
    assert send(b"no sound" * 20_000, "key-of-the-second-try")["error_id"] == "voice-recording-refused"
    assert send(other, "key-of-the-third-try", "fr/no-such-prompt")["error_id"] == "voice-prompt-unknown"
    assert agent.delete("/staff/prompts/fr/welcome").json["origin"] == "shipped"
    assert agent.delete("/staff/prompts/fr/welcome").error_id == "voice-prompt-not-operators"
    kinds = party_models.StaffAct.objects.filter(page="api prompts").values_list("kind", flat=True)
    assert sorted(kinds) == ["prompt-remove", "prompt-replace"]


def test_partners_are_set_up_and_tested_and_no_secret_comes_out(
    staff_key: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = staff_key()
    mail = {"host": "127.0.0.1", "port": 25, "security": "none", "sender": "a@example.org", "password": "hush-hush"}
    kept = agent.put("/staff/partners/mail", mail)
    assert (kept.json["stated"]["host"], kept.json["secrets"]) == ("127.0.0.1", ["password"])
    carrier = {"host": "127.0.0.1", "user": "cadran", "password": "hush-hush"}
    assert agent.put("/staff/partners/carriers/north", carrier).json["has_password"] is True
    assert agent.put("/staff/partners/carriers/north", carrier | {"prefixes": "3 3,x"}).error_id == "api-input-invalid"
    assert b"hush" not in agent.get("/staff/partners").content
    assert agent.post("/staff/partners/carriers/south/test").error_id == "partners-not-set-up"
    monkeypatch.setattr(partner_checks, "mail", lambda **given: f"to {given['to']}")
    assert agent.post("/staff/partners/mail/test").json["said"] == "to agent@example.org"
    party_models.StaffMember.objects.update(brands=["ippi"])
    assert agent.put("/staff/partners/mail", mail).error_id == "party-staff-not-permitted"
    assert agent.put("/staff/partners/carriers/north", carrier).status == 200


# Staff and evidence


def test_staff_and_its_log_are_read(staff_key: Callable[..., Program], claire: party.Customer) -> None:
    agent = staff_key()
    assert agent.get(f"/staff/customers/{claire.account}").status == 200
    (act,) = agent.get(f"/staff/acts?account={claire.account}").json["acts"]
    assert (act["staff"], act["page"]) == ("agent", "api customer")
    first = agent.get("/staff/acts?limit=1").json
    assert (
        agent.get(f"/staff/acts?limit=1&cursor={first['next']}").json["acts"] != first["acts"] if first["next"] else 1
    )
    assert agent.get("/staff/members/agent").json["role"] == "admin"
    assert agent.get("/staff/members/nobody").error_id == "party-staff-unknown"
    assert agent.post(f"/staff/customers/{claire.account}/notes", {"text": "Rappelle lundi"}).status == 204
    assert [note.text for note in staff_queries.staff_notes(customer_id=claire.id)] == ["Rappelle lundi"]


def test_evidence_is_verified_and_exported_with_its_proof(
    staff_key: Callable[..., Program], claire: party.Customer
) -> None:
    agent = staff_key()
    assert agent.get(f"/staff/customers/{claire.account}/evidence/file").error_id == "evidence-not-sealed-yet"
    proof.seal(at=settings.CIVIL_CLOCK.now())
    found = agent.get("/staff/evidence/verification").json
    assert (found["ok"], found["faults"], found["unsealed"]) == (True, [], 0)
    made = agent.get(f"/staff/customers/{claire.account}/evidence/file").json
    assert made["file"]["about"]["customer"] == claire.account
    assert made["check"].startswith('"""Checks a file of evidence')
    assert agent.get(f"/staff/customers/{claire.account}/evidence/file/some-id").status == 404


@pytest.fixture
def waiting(register: Callable[..., party.Customer], monkeypatch: pytest.MonkeyPatch) -> str:
    """An identity document that waits for its review, of a customer of the keys' brand."""
    at = settings.CIVIL_CLOCK.now()
    monkeypatch.setattr(document_queries, "sides_needed", lambda terms: 2)
    offered = registration.documents(brand="ippi", language="fr", at=at)
    made = registration.register(
        brand="ippi",
        wish=registration.Wish(
            email="dora@example.org",
            user_name="dora",
            password="vent-du-large-29",
            sip_password="k7mq-x3dw-p9ra-t4hv",
            name="Le Gall",
            first_names="Dora",
            ticked={one.document: one.token for one in offered},
            adult=True,
        ),
        at=at,
    )
    found = documents.submit(
        submission=documents.Submission(
            customer_id=made.id,
            key="k",
            kind="identity-card",
            expires_on=(at + timedelta(days=900)).date(),
            files={"front": papers.photo(), "back": papers.photo()},
        ),
        at=at,
    )
    return found.document_id

"""The document against the API: schemathesis calls every operation with good and bad data, with keys of a customer and of staff, and
holds every answer against the document, all checks on."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck
from hypothesis import settings as tried
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from web_api_program import Program

from cadran.journeys import credit, partner_checks
from cadran.messaging.webhooks import models as webhook_models
from cadran.party import queries as party
from cadran.payment.ports import Checkout, CheckoutStatus
from cadran.web.api import access, answers, application, rates, v1

pytestmark = pytest.mark.django_db(databases="__all__")
# CADRAN_API_TRIES=full adds schemathesis's own boundary values, some two hundred calls an operation, and more random ones.
FULL = os.environ.get("CADRAN_API_TRIES") == "full"
EXAMPLES = 20 if FULL else 2
AGENT: dict[str, Program] = {}
assert v1.urlpatterns  # the operations are declared
schemathesis.openapi.format("cadran-cursor", st.just(""))
# A rule of a room, rather than the document, refuses some of what the document allows: a weak password, an address that is not
# called, a kind that is not there.
BY_RULE = [
    *("set_sip_password", "add_webhook", "add_staff_webhook", "change_webhook", "change_staff_webhook"),
    *("set_up_carrier", "set_up_card_provider", "set_up_mail_server", "import_deck", "add_note", "list_brand_cases"),
    *(
        "read_case",
        "answer_case",
        "close_case",
        "activate_deck",
        "register",
        "onboard",
        "give_document",
        "set_password",
    ),
    *("change_preferences", "report", "report_from_outside", "open_case", "read_own_case", "write_in_case"),
    *("follow_case", "confirm_address", "confirm_email", "ask_for_email"),
    *("propose_voucher_batch", "read_voucher_by_serial", "redeem_voucher", "issue_vouchers", "block_vouchers"),
    *("ask_for_calling_number", "give_spoken_code", "set_pin", "prepare_call"),
    *("add_contact", "change_contact", "import_contacts"),
    *("read_callback_offer", "order_callback"),
    *("preview_rerating", "propose_rerating", "replace_prompt", "read_deck_impact", "check_deck", "read_deck_margin"),
]


BY_CURSOR = [name for name in application.DECLARED if "api-cursor-invalid" in application.DECLARED[name].may_fail]


def accepting(ids: list[str], status: str) -> dict[str, Any]:
    accepted = ["2xx", "401", "403", "404", "409", status]
    return {"include-operation-id": ids, "checks": {"positive_data_acceptance": {"expected-statuses": accepted}}}


CONFIG = {
    "generation": {"max-examples": EXAMPLES, "no-shrink": True, "database": "none"},
    "phases": {"coverage": {"enabled": FULL}},
    "operations": [accepting(BY_RULE, "422"), accepting(BY_CURSOR, "400")],
    # Whether a call without its key is refused is tried for every operation in test_api_attacks.
    "checks": {"ignored_auth": {"enabled": False}},
}
schema = schemathesis.openapi.from_wsgi(
    "/api/v1/openapi.json", get_wsgi_application(), config=SchemathesisConfig.from_dict(CONFIG)
)


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Without the limits that a flood of calls meets, and with a card provider at the port."""
    made = {name: rates.Meter(tmp_path / name, rates.Quota(name, 10**6, 60)) for name in ("calls", "open", "guesses")}
    monkeypatch.setattr(access, "meter", made.__getitem__)
    monkeypatch.setattr(answers, "MOST_KEPT", 10**6)
    told = logging.getLogger("django.request")
    before = told.level
    told.setLevel(logging.CRITICAL)
    opened = Checkout(provider_ref="cs_1", url="https://card.example/1")
    quiet = SimpleNamespace(
        open_checkout=lambda **_: opened,
        status=lambda ref: CheckoutStatus(ref, "open", 0, "EUR"),
        expire=lambda ref: CheckoutStatus(ref, "expired", 0, "EUR"),
    )
    monkeypatch.setattr(credit, "card_provider", lambda: quiet)
    for name in ("carrier", "card", "mail"):
        monkeypatch.setattr(partner_checks, name, lambda **_: "250 OK")
    yield
    told.setLevel(before)
    for one in made.values():
        one.close()


@schema.parametrize()
@tried(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_every_operation_keeps_to_the_document_whatever_it_is_sent(
    case: schemathesis.Case,
    program: Program,
    claire: party.Customer,
    key_for: Callable[..., Program],
    staff_key: Callable[..., Program],
) -> None:
    """With a key of a customer, or of staff where the operation is theirs; a good case gets a fresh Idempotency-Key."""
    if case.path.startswith("/staff"):
        if program.key not in AGENT:
            AGENT[program.key] = staff_key()
        program = AGENT[program.key]
    elif case.path == "/key/revocation":
        program = key_for(claire)
    if "Idempotency-Key" in case.headers and case.meta is not None and case.meta.generation.mode.is_positive:
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
    case.call_and_validate(headers={"Authorization": f"Bearer {program.key}"})
    webhook_models.Endpoint.objects.all().delete()


def test_the_document_is_served_as_openapi_3_1(stranger: Program) -> None:
    found = stranger.get("/openapi.json")
    assert (found.status, found.json["openapi"]) == (200, "3.1.0")
    assert found.json["servers"] == [{"url": f"{settings.PUBLIC_URL}/api/v1"}]

"""The document against the API: schemathesis calls every operation with good and bad data, with keys of a customer and of staff, and
holds every answer against the document, all checks on."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
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

from cadran.journeys import credit
from cadran.messaging.webhooks import models as webhook_models
from cadran.payment.ports import Checkout, CheckoutStatus
from cadran.web.api import access, answers, application, rates, v1

pytestmark = pytest.mark.django_db(databases="__all__")
EXAMPLES = 2
assert v1.urlpatterns  # the operations are declared
schemathesis.openapi.format("cadran-cursor", st.just(""))
# A rule of a room, rather than the document, refuses some of what the document allows: a weak password, an address that is not
# called, a kind that is not there.
BY_RULE = ["set_sip_password", "add_webhook", "add_staff_webhook", "change_webhook", "change_staff_webhook"]


@pytest.fixture
def staff_caller(staff_key: Callable[..., Program]) -> Callable[[bool], Program]:
    return lambda test: staff_key(test=test)


SAME_AS_CUSTOMERS = [name for name in application.DECLARED if "staff_" in name]  # webhooks: one code for both
BY_CURSOR = [name for name in application.DECLARED if "api-cursor-invalid" in application.DECLARED[name].may_fail]


def accepting(ids: list[str], status: str) -> dict[str, Any]:
    accepted = ["2xx", "401", "403", "404", "409", status]
    return {"include-operation-id": ids, "checks": {"positive_data_acceptance": {"expected-statuses": accepted}}}


CONFIG = {
    "generation": {"max-examples": EXAMPLES, "no-shrink": True, "database": "none"},
    "operations": [accepting(BY_RULE, "422"), accepting(BY_CURSOR, "400")],
    # Whether a call without its key is refused is tried for every operation in test_api_attacks.
    "checks": {"ignored_auth": {"enabled": False}},
}
schema = schemathesis.openapi.from_wsgi(
    "/api/v1/openapi.json", get_wsgi_application(), config=SchemathesisConfig.from_dict(CONFIG)
)


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the limits that a flood of calls meets, and with a card provider at the port."""
    made = {name: rates.Meter(tmp_path / name, rates.Quota(name, 10**6, 60)) for name in ("calls", "open", "guesses")}
    monkeypatch.setattr(access, "meter", made.__getitem__)
    monkeypatch.setattr(answers, "MOST_KEPT", 10**6)
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    opened = Checkout(provider_ref="cs_1", url="https://card.example/1")
    quiet = SimpleNamespace(
        open_checkout=lambda **_: opened,
        status=lambda ref: CheckoutStatus(ref, "open", 0, "EUR"),
        expire=lambda ref: CheckoutStatus(ref, "expired", 0, "EUR"),
    )
    monkeypatch.setattr(credit, "card_provider", lambda: quiet)


def called(case: schemathesis.Case, program: Program) -> None:
    """One call with a fresh Idempotency-Key where the case is a good one, and every check."""
    if "Idempotency-Key" in case.headers and case.meta is not None and case.meta.generation.mode.is_positive:
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
    case.call_and_validate(headers={"Authorization": f"Bearer {program.key}"})
    webhook_models.Endpoint.objects.all().delete()


@schema.exclude(operation_id="revoke_key").exclude(tag="staff").parametrize()
@tried(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_a_customers_key_finds_every_operation_as_the_document_says(case: schemathesis.Case, program: Program) -> None:
    called(case, program)


@schema.include(tag="staff").exclude(operation_id=SAME_AS_CUSTOMERS).parametrize()
@tried(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_a_key_of_staff_finds_every_operation_as_the_document_says(
    case: schemathesis.Case, staff_caller: Callable[[bool], Program]
) -> None:
    called(case, staff_caller(False))


def test_the_document_is_served_as_openapi_3_1(stranger: Program) -> None:
    found = stranger.get("/openapi.json")
    assert (found.status, found.json["openapi"]) == (200, "3.1.0")
    assert found.json["servers"] == [{"url": f"{settings.PUBLIC_URL}/api/v1"}]

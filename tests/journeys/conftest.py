"""A merchant's end of the notices, and the sandbox card provider as a real program that sends them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cadran.payment.adapters.stripe_checkout import StripeCheckout
from payment.conftest import free_port, program


@dataclass
class Notices:
    """Every notice that came in: body and signature. `status` is what the merchant answers."""

    url: str = ""
    received: list[tuple[bytes, str]] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def notices() -> Iterator[Notices]:
    box = Notices()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            box.received.append((body, self.headers["stripe-signature"]))
            self.send_response(box.status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.url = f"http://127.0.0.1:{server.server_address[1]}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield box
    server.shutdown()


@pytest.fixture
def card(notices: Notices, tmp_path: Path) -> Iterator[StripeCheckout]:
    options = ("--dir", str(tmp_path / "card"), "--webhook-url", notices.url)
    keys = {"SANDBOX_CARD_API_KEY": "sk_test_x", "SANDBOX_CARD_WEBHOOK_SECRET": "whsec_x"}
    with program("cadran_sandbox.card", *options, port=free_port(), **keys) as url:
        yield StripeCheckout(api_key="sk_test_x", webhook_secret="whsec_x", base_url=url, timeout_s=2)


@pytest.fixture(scope="session")
def quiet_card(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeCheckout]:
    """One provider for the tests that take no notices: each makes its own sessions, cards and charges there."""
    options = ("--dir", str(tmp_path_factory.mktemp("card")), "--webhook-url", "http://127.0.0.1:9/")
    keys = {"SANDBOX_CARD_API_KEY": "sk_test_x", "SANDBOX_CARD_WEBHOOK_SECRET": "whsec_x"}
    with program("cadran_sandbox.card", *options, port=free_port(), **keys) as url:
        yield StripeCheckout(api_key="sk_test_x", webhook_secret="whsec_x", base_url=url, timeout_s=1)


@pytest.fixture
def buyer(db: None) -> str:
    """The account A000001 of a customer who accepted every document."""
    from cadran.party import models, rules

    at = datetime(2026, 1, 1, tzinfo=UTC)
    user = models.User.objects.create(username="buyer", email="buyer@example.org", created_at=at)
    customer = models.Customer.objects.create(
        user=user,
        brand="ippi",
        kind="person",
        name="Buyer",
        language="fr",
        country="FR",
        certified_at=at,
        created_at=at,
    )
    models.BillingAccount.objects.create(
        number="A000001", customer=customer, brand="ippi", currency="EUR", terms_ref="ippi/2018-04", created_at=at
    )
    for document in rules.Document:
        models.TermsAcceptance.objects.create(
            customer=customer,
            document=document.value,
            ref="ippi/2018-04",
            text_sha256="ab" * 32,
            language="fr",
            at=at,
            ip="192.0.2.7",
        )
    return "A000001"

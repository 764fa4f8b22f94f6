"""Cards kept on file: a page that saves one, charges without the buyer present, and refunds."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cadran_sandbox.card.answers import api_error
from cadran_sandbox.card.store import Store

LATER_REFUSED = "4000000000000341"


@dataclass(slots=True)
class OnFile:
    """The API of payment intents (confirmed at once, off session) and of refunds."""

    store: Store
    denied: Callable[[Request], Response | None]
    stalled: Callable[[], Awaitable[None]]

    def routes(self) -> list[Route]:
        return [
            Route("/v1/payment_intents", self.charge, methods=["POST"]),
            Route("/v1/payment_intents/{id}", self.read, methods=["GET"]),
            Route("/v1/refunds", self.refund, methods=["POST"]),
            Route("/v1/refunds/{id}", self.read, methods=["GET"]),
            Route("/v1/balance", self.balance, methods=["GET"]),
        ]

    async def balance(self, request: Request) -> Response:
        """What a merchant asks to see whether its key is right."""
        if refused := self.denied(request):
            return refused
        return JSONResponse({"object": "balance", "livemode": False, "available": [], "pending": []})

    async def read(self, request: Request) -> Response:
        if refused := self.denied(request):
            return refused
        found = self.store.read(request.path_params["id"])
        await self.stalled()
        kind = request.url.path.split("/")[2].removesuffix("s")
        if found and found["object"] == kind:
            return JSONResponse(found)
        return api_error(404, "invalid_request_error", f"No such {kind}")

    async def charge(self, request: Request) -> Response:
        return await self._once(request, self._charged)

    async def refund(self, request: Request) -> Response:
        return await self._once(request, self._refunded)

    async def _once(self, request: Request, make: Callable[[dict[str, str]], dict[str, Any]]) -> Response:
        if refused := self.denied(request):
            return refused
        form = {key: str(value) for key, value in (await request.form()).items()}
        key = request.headers.get("idempotency-key", "")
        try:
            made = self.store.replay(key, form) if key else None
        except ValueError as error:
            return api_error(400, "idempotency_error", str(error))
        if made is None:
            try:
                made = make(form)
            except (KeyError, ValueError) as error:
                return api_error(400, "invalid_request_error", f"Missing or bad parameter: {error}")
            self.store.create(made, key, form)
        await self.stalled()
        if made["status"] == "requires_payment_method":
            return api_error(
                402,
                "card_error",
                "Your card was declined.",
                code="card_declined",
                decline_code="insufficient_funds",
                payment_intent=made,
            )
        return JSONResponse(made)

    def _charged(self, form: dict[str, str]) -> dict[str, Any]:
        card, amount = self.store.read(form["payment_method"]), int(form["amount"])
        if card is None or card.get("customer") != form["customer"] or form.get("off_session", "").lower() != "true":
            raise ValueError("payment_method must be a card that the customer saved, charged off_session")
        if not 50 <= amount <= 99_999_999:
            raise ValueError("amount must be between 50 and 99999999 minor units")
        refused = card["sandbox_outcome"] == "later-refused"
        return {
            "id": f"pi_{secrets.token_hex(12)}",
            "object": "payment_intent",
            "amount": amount,
            "currency": form["currency"].lower(),
            "customer": form["customer"],
            "payment_method": card["id"],
            "status": "requires_payment_method" if refused else "succeeded",
            "created": int(time.time()),
            "livemode": False,
        }

    def _refunded(self, form: dict[str, str]) -> dict[str, Any]:
        intent = self.store.read(form["payment_intent"])
        if intent is None or intent["object"] != "payment_intent" or intent["status"] != "succeeded":
            raise ValueError("payment_intent must be one that succeeded")
        amount, before = int(form.get("amount", intent["amount"])), int(intent.get("amount_refunded", 0))
        if not 0 < amount <= intent["amount"] - before:
            raise ValueError("amount must be above zero and at most what was not refunded yet")
        self.store.change(intent["id"], "succeeded", amount_refunded=before + amount)
        return {
            "id": f"re_{secrets.token_hex(12)}",
            "object": "refund",
            "amount": amount,
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "status": "succeeded",
            "created": int(time.time()),
        }


def setup_session(form: Mapping[str, str], public_url: str) -> dict[str, Any]:
    """A checkout session that saves a card and takes no money."""
    session_id, now = f"cs_test_{secrets.token_hex(24)}", int(time.time())
    return {
        "id": session_id,
        "object": "checkout.session",
        "amount_total": None,
        "currency": form["currency"].lower(),
        "customer": f"cus_{secrets.token_hex(7)}",
        "client_reference_id": form.get("client_reference_id"),
        "created": now,
        "expires_at": now + 86_400,
        "success_url": form["success_url"],
        "cancel_url": form.get("cancel_url", form["success_url"]),
        "description": "",
        "livemode": False,
        "mode": "setup",
        "payment_intent": None,
        "setup_intent": None,
        "payment_status": "no_payment_required",
        "status": "open",
        "url": f"{public_url}/pay/{session_id}",
    }


def card_saved(store: Store, session: Mapping[str, Any], number: str) -> dict[str, Any]:
    """Keep the card under a token, and return the setup intent. Of the number only its last four digits remain."""
    card = {
        "id": f"pm_{secrets.token_hex(12)}",
        "object": "payment_method",
        "type": "card",
        "customer": session["customer"],
        "card": {"brand": "visa", "last4": number[-4:], "exp_month": 12, "exp_year": 2034},
        "sandbox_outcome": "later-refused" if number == LATER_REFUSED else "success",
    }
    store.create(card, "", {})
    shown = {key: value for key, value in card.items() if not key.startswith("sandbox")}
    return {
        "id": f"seti_{secrets.token_hex(12)}",
        "object": "setup_intent",
        "status": "succeeded",
        "payment_method": shown,
    }

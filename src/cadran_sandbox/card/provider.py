"""The provider's HTTP side: API for the merchant, card page for the buyer, signed webhooks back to the merchant."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from cadran_sandbox.card import page
from cadran_sandbox.card.answers import api_error
from cadran_sandbox.card.on_file import OnFile, card_saved, setup_session
from cadran_sandbox.card.store import Store

CARDS = {
    "4242424242424242": "success",
    "4000000000000002": "refused",
    "4000000000000044": "late",
    "4000000000000051": "duplicate",
    "4000000000000069": "silent",
    "4000000000000077": "timeout",
    "4000000000000341": "later-refused",
}
LATE_S = 8.0
TIMEOUT_S = 30.0


@dataclass(slots=True)
class Provider:
    """One merchant's provider. `webhook_url` receives events signed with `webhook_secret`."""

    store: Store
    public_url: str
    api_key: str
    webhook_url: str
    webhook_secret: str
    stall: dict[str, int] = field(default_factory=dict)
    on_file: OnFile = field(init=False)

    def __post_init__(self) -> None:
        self.on_file = OnFile(self.store, denied=self.denied, stalled=self.stalled)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.home),
                Route("/health", self.health),
                Route("/v1/checkout/sessions", self.create_session, methods=["POST"]),
                Route("/v1/checkout/sessions/{id}", self.read_session, methods=["GET"]),
                Route("/v1/checkout/sessions/{id}/expire", self.expire_session, methods=["POST"]),
                *self.on_file.routes(),
                Route("/pay/{id}", self.card_page, methods=["GET", "POST"]),
                Route("/sandbox/stall", self.set_stall, methods=["POST"]),
            ],
            lifespan=self.lifespan,
        )

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        sender = asyncio.create_task(self.send_webhooks())
        try:
            yield
        finally:
            sender.cancel()

    async def home(self, request: Request) -> Response:
        return HTMLResponse(page.home(CARDS))

    async def health(self, request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def set_stall(self, request: Request) -> Response:
        """Let `{"count": n}` API answers, after the next `skip`, come only after the merchant has given up; each is still done."""
        asked = await request.json()
        self.stall = {"count": min(10, int(asked["count"])), "skip": min(10, int(asked.get("skip", 0)))}
        return JSONResponse({"ok": True})

    # the merchant's API

    def denied(self, request: Request) -> Response | None:
        if hmac.compare_digest(request.headers.get("authorization", ""), f"Bearer {self.api_key}"):
            return None
        return api_error(401, "invalid_request_error", "Invalid API key provided")

    async def stalled(self) -> None:
        if self.stall.get("skip", 0) > 0:
            self.stall["skip"] -= 1
        elif self.stall.get("count", 0) > 0:
            self.stall["count"] -= 1
            await asyncio.sleep(TIMEOUT_S)

    async def create_session(self, request: Request) -> Response:
        if refused := self.denied(request):
            return refused
        form = {key: str(value) for key, value in (await request.form()).items()}
        key = request.headers.get("idempotency-key", "")
        try:
            session = self.store.replay(key, form) if key else None
        except ValueError as error:
            return api_error(400, "idempotency_error", str(error))
        if session is None:
            try:
                setup = form.get("mode") == "setup"
                session = setup_session(form, self.public_url) if setup else new_session(form, self.public_url)
            except (KeyError, ValueError) as error:
                return api_error(400, "invalid_request_error", f"Missing or bad parameter: {error}")
            self.store.create(session, key, form)
        await self.stalled()
        return JSONResponse(session)

    async def read_session(self, request: Request) -> Response:
        if refused := self.denied(request):
            return refused
        session = self.store.read(request.path_params["id"])
        await self.stalled()
        if session and session["object"] == "checkout.session":
            return JSONResponse(session)
        return api_error(404, "invalid_request_error", "No such checkout.session")

    async def expire_session(self, request: Request) -> Response:
        if refused := self.denied(request):
            return refused
        session = self.store.change(request.path_params["id"], "open", status="expired", url=None)
        if session is None:
            return api_error(
                400, "invalid_request_error", "Only Checkout Sessions with a status of open can be expired"
            )
        self.notify("checkout.session.expired", session)
        return JSONResponse(session)

    # the buyer's card page

    async def card_page(self, request: Request) -> Response:
        session = self.store.read(request.path_params["id"])
        if session is None:
            return HTMLResponse(page.message("Paiement inconnu", "Ce paiement n'existe pas."), 404)
        if session["status"] != "open":
            return HTMLResponse(page.message("Paiement terminé", "Ce paiement est déjà terminé."), 410)
        if session["expires_at"] < time.time():
            self.store.change(session["id"], "open", status="expired", url=None)
            return HTMLResponse(page.message("Paiement expiré", "Le délai de paiement est écoulé."), 410)
        if request.method == "GET":
            return HTMLResponse(page.card_form(session, CARDS))
        form = await request.form()
        if form.get("action") == "cancel":
            return RedirectResponse(session["cancel_url"], 303)
        number = "".join(filter(str.isdigit, str(form.get("card", ""))))
        return await self.charge(session, number)

    async def charge(self, session: dict[str, Any], number: str) -> Response:
        outcome = CARDS.get(number, "unknown")
        if outcome == "unknown":
            return HTMLResponse(page.card_form(session, CARDS, error="Carte inconnue du bac à sable."), 422)
        if outcome == "refused":
            self.notify("payment_intent.payment_failed", session)
            return HTMLResponse(page.card_form(session, CARDS, error="Votre banque a refusé ce paiement."), 402)
        if outcome == "timeout":
            await asyncio.sleep(TIMEOUT_S)
            return HTMLResponse(page.message("Délai dépassé", "La banque ne répond pas."), 504)
        fields: dict[str, object]
        if session["mode"] == "setup":
            fields = {"setup_intent": card_saved(self.store, session, number)}
        else:
            intent = {"id": f"pi_{secrets.token_hex(12)}", "object": "payment_intent", "status": "succeeded"}
            intent |= {"amount": session["amount_total"], "currency": session["currency"]}
            self.store.create(intent, "", {})
            fields = {"payment_status": "paid", "payment_intent": intent["id"]}
        paid = self.store.change(session["id"], "open", status="complete", url=None, **fields)
        if paid is None:
            return HTMLResponse(page.message("Paiement terminé", "Ce paiement est déjà terminé."), 410)
        if outcome != "silent":
            self.notify(
                "checkout.session.completed",
                paid,
                delay=LATE_S if outcome == "late" else 0.0,
                copies=3 if outcome == "duplicate" else 1,
            )
        if outcome == "late":
            return HTMLResponse(page.message("Paiement accepté", "Le marchand sera prévenu un peu plus tard."))
        return RedirectResponse(paid["success_url"].replace("{CHECKOUT_SESSION_ID}", paid["id"]), 303)

    # webhooks

    def notify(self, kind: str, session: dict[str, Any], *, delay: float = 0.0, copies: int = 1) -> None:
        event = {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "api_version": "2025-09-30",
            "created": int(time.time()),
            "type": kind,
            "livemode": False,
            "data": {"object": session},
        }
        self.store.queue_webhook(event, time.time() + delay, copies=copies)

    async def send_webhooks(self) -> None:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            while True:
                for webhook_id, body, attempts in self.store.due_webhooks(time.time()):
                    stamp = int(time.time())
                    signature = hmac.new(self.webhook_secret.encode(), f"{stamp}.{body}".encode(), hashlib.sha256)
                    headers = {
                        "content-type": "application/json",
                        "stripe-signature": f"t={stamp},v1={signature.hexdigest()}",
                    }
                    try:
                        answer = await client.post(self.webhook_url, content=body, headers=headers)
                        delivered = answer.is_success
                    except httpx.HTTPError:
                        delivered = False
                    if delivered:
                        self.store.webhook_done(webhook_id)
                    else:
                        self.store.webhook_failed(webhook_id, time.time() + min(60.0, 0.5 * 2**attempts))
                await asyncio.sleep(0.1)


def new_session(form: dict[str, str], public_url: str) -> dict[str, Any]:
    """A checkout session as the API's documentation describes it, for one line of a fixed amount."""
    amount = int(form["line_items[0][price_data][unit_amount]"]) * int(form.get("line_items[0][quantity]", "1"))
    if form["mode"] != "payment" or not 50 <= amount <= 99_999_999:
        raise ValueError("mode must be payment and the amount between 50 and 99999999 minor units")
    session_id = f"cs_test_{secrets.token_hex(24)}"
    now = int(time.time())
    return {
        "id": session_id,
        "object": "checkout.session",
        "amount_total": amount,
        "currency": form["line_items[0][price_data][currency]"].lower(),
        "client_reference_id": form.get("client_reference_id"),
        "created": now,
        "expires_at": int(form.get("expires_at", now + 86_400)),
        "success_url": form["success_url"],
        "cancel_url": form.get("cancel_url", form["success_url"]),
        "description": form.get("line_items[0][price_data][product_data][name]", ""),
        "livemode": False,
        "mode": "payment",
        "payment_intent": None,
        "payment_status": "unpaid",
        "status": "open",
        "url": f"{public_url}/pay/{session_id}",
    }

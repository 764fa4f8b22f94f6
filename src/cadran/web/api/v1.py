"""The addresses of the API, version 1. The doorway resolves them, not the site."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from cadran.web.api import document
from cadran.web.api.application import api
from cadran.web.api.routes import (
    account,
    agreed,
    callbacks,
    calling,
    contacts,
    hooks,
    papers,
    public,
    registering,
    reporting,
    security,
    topups,
    vouchers,
)
from cadran.web.api.routes.staff import (
    books,
    calls,
    cases,
    customers,
    deck_reports,
    decks,
    deeds,
    desk,
    documents,
    evidence,
    money,
    partners,
    people,
    prompts,
    publications,
    reratings,
    terms,
)
from cadran.web.api.routes.staff import vouchers as staff_vouchers

# Each of these declares its operations at the desk; reporting declares its own beside the papers.
AT_THE_DESK = (
    reporting,
    deeds,
    customers,
    people,
    documents,
    cases,
    calls,
    money,
    books,
    evidence,
    terms,
    publications,
    decks,
    deck_reports,
    reratings,
    partners,
    prompts,
    staff_vouchers,
)

api.add_router("", public.router)
api.add_router("", agreed.public_router)
api.add_router("", registering.router)
api.add_router("", account.router)
api.add_router("", security.router)
api.add_router("", agreed.router)
api.add_router("", topups.router)
api.add_router("", vouchers.router)
api.add_router("", calling.public_router)
api.add_router("", calling.router)
api.add_router("", callbacks.router)
api.add_router("", contacts.router)
api.add_router("", papers.router)
api.add_router("", hooks.router)
api.add_router("", hooks.customer_router)
api.add_router("", desk.router)
api.add_router("", hooks.staff_router)

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/openapi.json", document.serve, name="openapi"),
    path("api/v1/", api.urls),
]

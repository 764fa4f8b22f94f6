"""The addresses of the back office."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from cadran.web.api import office as api
from cadran.web.office.desk import urls as desk
from cadran.web.office.views import books, calls, cases, customers, deeds, documents, people, proof, search, start

app_name = "office"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", start.start, name="start"),
    *desk.urlpatterns,
    path("api-keys/", api.staff_keys, name="api_keys"),
    path("webhooks/", api.listed_webhooks, name="webhooks"),
    path("webhooks/replay/", api.replay_webhook, name="replay_webhook"),
    path("search/", search.search, name="search"),
    path("live/", calls.live, name="live"),
    path("live/<str:session>/cut", calls.cut, name="cut"),
    path("calls/", calls.calls, name="calls"),
    path("calls/<str:cdr_id>/", calls.call, name="call"),
    path("customers/", customers.customers, name="customers"),
    path("customers/<str:account>/", customers.customer, name="customer"),
    path("customers/<str:account>/block", deeds.block, name="block"),
    path("customers/<str:account>/unblock", deeds.unblock, name="unblock"),
    path("customers/<str:account>/require-change", deeds.require_change, name="require_change"),
    path("customers/<str:account>/lines/<str:username>", deeds.line, name="line"),
    path("customers/<str:account>/calling-number", deeds.calling_number, name="calling_number"),
    path("customers/<str:account>/note", deeds.note, name="note"),
    path("customers/<str:account>/mails/<str:mail_id>/resend", deeds.resend, name="resend"),
    path("orders/", books.orders, name="orders"),
    path("orders/<str:order_id>/", books.order, name="order"),
    path("receipts/<str:number>/", books.receipt, name="receipt"),
    path("journal/", books.journal, name="journal"),
    path("journal/<str:owner>/<path:transfer_id>/", books.transfer, name="transfer"),
    path("decisions/", proof.decisions, name="decisions"),
    path("evidence/", proof.evidence, name="evidence"),
    path("evidence/<str:source>/<int:position>/", proof.entry, name="entry"),
    path("documents/", documents.queue, name="documents"),
    path("documents/<str:document_id>/", documents.document, name="document"),
    path("documents/<str:document_id>/decide", documents.decide, name="decide"),
    path("documents/<str:document_id>/<str:side>", documents.side, name="side"),
    path("cases/", cases.cases, name="cases"),
    path("cases/<str:number>/", cases.case, name="case"),
    path("cases/<str:number>/answer", cases.answer, name="answer"),
    path("views/", people.views, name="views"),
    path("staff/", people.members, name="members"),
    path("staff/<str:user_name>/", people.member, name="member"),
]

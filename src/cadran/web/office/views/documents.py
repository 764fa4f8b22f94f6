"""Identity documents that wait for a decision: side by side, accept or refuse, then the next one. Their bytes are opened for one
answer and kept nowhere."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.party import search as customers
from cadran.party.documents import operations, queries, rules
from cadran.party.documents.queries import Document
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.units.errors import CadranError
from cadran.web.office import words
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

MOST = 100
SHOWN_AS = {"image/jpeg", "image/png", "image/webp", "application/pdf"}


@require_safe
@for_staff(Permission.REVIEW_DOCUMENTS)
def queue(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What waits, oldest first."""
    waiting = _waiting(staff)
    seen(request, staff, page="documents", kind="list", subject=f"{len(waiting)}")
    known = customers.of_accounts([one.account for one in waiting])
    context = {"waiting": [(one, known.get(one.account)) for one in waiting], "most": MOST}
    return page(request, staff, "documents.html", context, crumbs=[("", _("Pièces d’identité"))])


@require_safe
@for_staff(Permission.REVIEW_DOCUMENTS)
def document(request: HttpRequest, staff: Staff, document_id: str) -> HttpResponse:
    """One submission beside what the customer said of itself."""
    found = _within(staff, document_id)
    seen(request, staff, page="document", account=found.account, subject=document_id)
    context = {
        "document": found,
        "customer": customers.by_id(found.customer_id),
        "reasons": words.DOCUMENT_REASONS,
        "left": len([one for one in _waiting(staff) if one.document_id != document_id]),
    }
    crumbs = [(reverse("office:documents"), _("Pièces d’identité")), ("", found.account)]
    return page(request, staff, "document.html", context, crumbs=crumbs)


@require_safe
@for_staff(Permission.REVIEW_DOCUMENTS)
def side(request: HttpRequest, staff: Staff, document_id: str, side: str) -> HttpResponse:
    """The bytes of one side, decrypted for this answer alone: no browser and no proxy keeps them."""
    found = _within(staff, document_id)
    seen(request, staff, page="document", kind="document", account=found.account, subject=f"{document_id} {side}")
    try:
        opened = queries.open_file(document_id=document_id, side=side, by=request.user.pk or 0)
    except CadranError:
        raise Http404 from None
    known = opened.media_type in SHOWN_AS
    response = HttpResponse(opened.content, content_type=opened.media_type if known else "application/octet-stream")
    response.headers["Cache-Control"] = "no-store, private"
    kind = opened.media_type.rpartition("/")[2] if known else "bin"
    name = f"{found.account}-{side}.{kind}"  # the side is one that the document has
    response.headers["Content-Disposition"] = f'{"inline" if known else "attachment"}; filename="{name}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
    return response


@require_POST
@for_staff(Permission.REVIEW_DOCUMENTS)
def decide(request: HttpRequest, staff: Staff, document_id: str) -> HttpResponse:
    """Accept, or refuse with a reason that the customer reads; then the next one."""
    found = _within(staff, document_id)
    at, accepts = settings.CIVIL_CLOCK.now(), request.POST.get("deed") == "accept"
    reason, note = request.POST.get("reason", ""), request.POST.get("note", "")[: rules.MAX_NOTE]
    if not accepts and reason not in words.DOCUMENT_REASONS:
        messages.error(request, _("Choisissez la raison du refus : le client la lira."))
        return redirect("office:document", document_id=document_id)
    kind = "accept-document" if accepts else "refuse-document"
    seen(request, staff, page="document", kind=kind, account=found.account, subject=document_id, reason=reason)
    try:
        if accepts:
            operations.accept(document_id=document_id, by=staff.user_name, at=at)
        else:
            operations.refuse(document_id=document_id, reason=reason, by=staff.user_name, at=at, note=note)
    except rules.DocumentExpired:
        messages.error(request, _("Cette pièce n’est plus valable : refusez-la avec cette raison."))
        return redirect("office:document", document_id=document_id)
    except CadranError:
        messages.error(request, _("L’état a changé entre-temps : rien n’a été fait. Vérifiez la page."))
        return redirect("office:documents")
    messages.success(request, _("Pièce acceptée.") if accepts else _("Pièce refusée : le client est prévenu."))
    following = _waiting(staff)
    return (
        redirect("office:document", document_id=following[0].document_id) if following else redirect("office:documents")
    )


def _waiting(staff: Staff) -> list[Document]:
    found = [one for brand in staff.brands or ("",) for one in queries.awaiting_review(brand=brand, limit=MOST)]
    return sorted(found, key=lambda one: one.submitted_at)[:MOST]


def _within(staff: Staff, document_id: str) -> Document:
    try:
        found = queries.document(document_id)
    except queries.UnknownDocument:
        raise Http404 from None
    if not staff.serves(found.brand):
        raise Http404
    return found

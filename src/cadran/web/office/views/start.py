"""The first page: how the operator is doing, today and lately."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page


@require_safe
@for_staff(Permission.SEE_CALLS)
def start(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Where to look first."""
    return page(request, staff, "start.html")

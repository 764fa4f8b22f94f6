"""How every page of the back office is put together: navigation by permission, breadcrumbs, the log of views of personal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cadran.party import operations as party_operations
from cadran.party.queries import Staff
from cadran.web.forms import client_ip
from cadran.web.office import navigation

Crumb = tuple[str, str]  # address and words; the page itself is the last, without address


def page(
    request: HttpRequest,
    staff: Staff,
    template: str,
    context: Mapping[str, object] | None = None,
    *,
    crumbs: Sequence[Crumb] = (),
    status: int = 200,
) -> HttpResponse:
    """The template of templates/office, with what office/base.html needs: `staff`, `rooms`, `crumbs`, and `can`, the permissions by
    name with underscores (`can.see_money`)."""
    more = {
        "staff": staff,
        "can": {one.replace("-", "_"): True for one in _held(staff)},
        "rooms": navigation.links(request, staff),
        "crumbs": crumbs,
    }
    return render(request, f"office/{template}", {**(context or {}), **more}, status=status)


def refused(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The page is there, and not for this role."""
    return page(request, staff, "refused.html", status=403)


def seen(
    request: HttpRequest,
    staff: Staff,
    *,
    page: str,
    account: str = "",
    subject: str = "",
    reason: str = "",
    kind: str = "view",
) -> None:
    """Write into the log that this member of staff saw personal data, or did something: before it is shown or done."""
    party_operations.record_staff_act(
        staff_id=staff.id,
        kind=kind,
        page=page,
        account=account,
        subject=subject,
        reason=reason,
        at=settings.CIVIL_CLOCK.now(),
        ip=client_ip(request),
    )


def _held(staff: Staff) -> tuple[str, ...]:
    from cadran.party.staff import MAY

    return tuple(permission.value for permission in MAY[staff.role]) if staff.active else ()

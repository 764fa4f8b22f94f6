"""Staff itself: the log of what it saw and did, and who works here."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cadran.party import staff_operations, staff_queries
from cadran.party.queries import Staff
from cadran.party.staff import MAY, Permission, Role
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.web.office import listing, words
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen


@require_safe
@for_staff(Permission.SEE_VIEWS)
def views(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Who saw or did what, to whom, when and why: the last first."""
    since, until = listing.between(request)
    account = listing.typed(request, "account", 16).upper()
    if account:
        listing.reach(staff, account)
    who = staff_queries.staff_named(listing.typed(request, "who", 32)) if request.GET.get("who") else None
    before = listing.place(request, int)
    nobody = (bool(request.GET.get("who")) and who is None) or (bool(staff.brands) and not account)
    found = (
        ()
        if nobody
        else staff_queries.staff_acts(
            account=account,
            staff_id=who.id if who else None,
            kind=listing.choice(request, "kind", words.ACTS),
            since=since,
            until=until,
            before=int(before[0]) if before else None,
            limit=staff_queries.MAX_ROWS if listing.wants_download(request, staff) else listing.ON_PAGE + 1,
        )
    )
    if listing.wants_download(request, staff):
        rows = [(a.at, a.staff, a.role, a.kind, a.account, a.subject, a.page, a.reason, a.ip) for a in found]
        names = ("at", "staff", "role", "kind", "account", "subject", "page", "reason", "ip")
        return listing.download(request, staff, name="staff-log", columns=names, rows=rows)
    rows_shown = found[: listing.ON_PAGE]
    context = {
        "acts": rows_shown,
        "kinds": list(words.ACTS),
        "needs_account": bool(staff.brands) and not account,
        "further": listing.address(request, after=rows_shown[-1].id) if len(found) > len(rows_shown) else "",
        "first": listing.address(request, after=None) if before else "",
        "downloads": [(form, listing.address(request, **{"as": form, "after": None})) for form in ("csv", "json")],
    }
    return page(request, staff, "views.html", context, crumbs=[("", _("Consultations"))])


@require_safe
@for_staff(Permission.MANAGE_STAFF)
def members(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Who works here, and what each role may."""
    context = {
        "members": staff_queries.staff_members(),
        "roles": [role.value for role in Role],
        "table": [(one.value, [one in MAY[role] for role in Role]) for one in Permission],
        "brand_keys": policy.brand_keys(),
    }
    return page(request, staff, "members.html", context, crumbs=[("", _("Personnel"))])


@require_http_methods(["GET", "HEAD", "POST"])
@for_staff(Permission.MANAGE_STAFF)
def member(request: HttpRequest, staff: Staff, user_name: str) -> HttpResponse:
    """Give somebody another role, or take the access away. Nobody does it to oneself, and a member of some brands not to others.
    Opened as an address, it leads to that member's line in the list."""
    other = staff_queries.staff_named(user_name)
    if other is None or (staff.brands and not (other.brands and set(other.brands) <= set(staff.brands))):
        raise Http404
    if request.method != "POST":
        return redirect(f"{reverse('office:members')}#{other.user_name}")
    if other.id == staff.id:
        messages.error(request, _("Personne ne change son propre rôle : demandez à un collègue."))
        return redirect("office:members")
    at, role = settings.CIVIL_CLOCK.now(), request.POST.get("role", "")
    try:
        if request.POST.get("deed") == "disable":
            seen(request, staff, page="members", kind="staff-disable", subject=other.user_name)
            staff_operations.disable_staff(user_name=other.user_name, at=at)
        elif role in {one.value for one in Role}:
            seen(request, staff, page="members", kind="staff-role", subject=f"{other.user_name}: {role}")
            staff_operations.set_staff_role(user_name=other.user_name, role=Role(role), at=at)
        else:
            raise Http404
    except CadranError:
        messages.error(request, _("L’état a changé entre-temps : rien n’a été fait. Vérifiez la page."))
    else:
        messages.success(request, _("C’est fait, dès la prochaine page de cette personne."))
    return redirect("office:members")

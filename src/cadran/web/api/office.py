"""Pages of the back office about the API: keys of staff, webhooks with their log."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cadran.messaging.webhooks import operations as webhook_operations
from cadran.messaging.webhooks import queries as webhooks
from cadran.messaging.webhooks import rules as webhook_rules
from cadran.party.keys import operations as key_operations
from cadran.party.keys import queries as keys
from cadran.party.keys.rules import STAFF_SCOPES
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.web.api import pages as api_pages
from cadran.web.api import words
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

ROWS = 100


@require_http_methods(["GET", "HEAD", "POST"])
@for_staff(Permission.MANAGE_API_KEYS)
def staff_keys(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The keys that staff made: make one, shown once; revoke one."""
    at, made, wrong = settings.CIVIL_CLOCK.now(), None, ""
    brands = [key for key in policy.brand_keys() if staff.serves(key)]
    brand = request.POST.get("brand", "")
    if request.method == "POST" and brand not in brands:
        raise Http404
    if request.method == "POST" and "revoke" in request.POST:
        prefix = request.POST["revoke"]
        try:
            seen(request, staff, page="api-keys", kind="deed", subject=f"revoked key {prefix[:12]}")
            key_operations.revoke_key(
                prefix=prefix, brand=brand, because="revoked in the back office", by=staff.user_name, at=at
            )
        except key_operations.KeyNotFound:
            raise Http404 from None
        messages.success(request, _("La clé est révoquée : elle n’ouvre plus rien."))
        return redirect("office:api_keys")
    if request.method == "POST":
        try:
            made = key_operations.make_staff_key(
                staff_id=staff.user_id, brand=brand, made_by=staff.user_name, at=at, **api_pages.wish(request)
            )
            seen(request, staff, page="api-keys", kind="deed", subject=f"made key {made.key.prefix}")
        except CadranError as error:
            wrong = api_pages.told(error)
    found = [(key, key.state(at)) for one in brands for key in keys.staff_keys(one)]
    context = {
        "keys": sorted(found, key=lambda pair: -pair[0].id),
        "made": made,
        "wrong": wrong,
        "brands": brands,
        "scopes": [one for one in words.scopes() if one.scope in STAFF_SCOPES],
        "days": api_pages.DAYS,
        "typed": request.POST,
        "ticked": request.POST.getlist("scopes"),
    }
    crumbs = (("", _("Clés de l’API")),)
    return page(request, staff, "office_keys.html", context, crumbs=crumbs, status=422 if wrong else 200)


@require_safe
@for_staff(Permission.SEE_WEBHOOKS)
def listed_webhooks(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The endpoints of the brands that this member serves, and what was sent, with each attempt."""
    brands = [key for key in policy.brand_keys() if staff.serves(key)]
    state = request.GET.get("state", "")
    if state not in {"", *words.DELIVERY_STATES}:
        raise Http404
    deliveries = [
        (one, words.delivery_state(one.state), brand)
        for brand in brands
        for one in webhooks.brand_deliveries(brand, state=state, limit=ROWS)
    ]
    deliveries.sort(key=lambda row: row[0].created_at, reverse=True)
    context = {
        "endpoints": [
            (one, words.endpoint_state(one.state)) for brand in brands for one in webhooks.all_endpoints(brand)
        ],
        "deliveries": deliveries[:ROWS],
        "state": state,
        "states": [(name, words.delivery_state(name)) for name in words.DELIVERY_STATES],
        "may_replay": staff.may(Permission.REPLAY_WEBHOOKS),
        "attempts": webhook_rules.MOST_ATTEMPTS,
    }
    return page(request, staff, "office_webhooks.html", context, crumbs=(("", _("Webhooks")),))


@require_POST
@for_staff(Permission.REPLAY_WEBHOOKS)
def replay_webhook(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Send a delivery again."""
    brand, account = request.POST.get("brand", ""), request.POST.get("account", "")
    if not staff.serves(brand):
        raise Http404
    try:
        webhook_operations.replay(
            owner=webhooks.Owner(brand, account),
            delivery_id=request.POST.get("delivery", ""),
            by=staff.user_name,
            at=settings.CIVIL_CLOCK.now(),
        )
    except webhooks.NotFound:
        raise Http404 from None
    seen(request, staff, page="webhooks", kind="deed", account=account, subject=request.POST["delivery"][:100])
    messages.success(request, _("L’avis part de nouveau."))
    return redirect("office:webhooks")

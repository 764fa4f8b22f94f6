"""What staff does to a customer: block and unblock, require new codes, block a line, send a mail again, write a note. Each is a POST,
is written into the log first, and comes back to the customer's page."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cadran.messaging import operations as messaging
from cadran.messaging import queries as mails
from cadran.numbering import queries as numbering
from cadran.numbering.proofs import operations as proofs
from cadran.party import blocking, staff_operations
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party.queries import Customer, Staff
from cadran.party.staff import Permission
from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.web.office import listing
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import seen


def _reason(request: HttpRequest) -> str:
    text = "".join(c for c in request.POST.get("reason", "") if c.isprintable()).strip()[:200]
    return text if len(text) >= 3 else ""


def _do(
    request: HttpRequest,
    staff: Staff,
    customer: Customer,
    kind: str,
    subject: str,
    deed: Callable[[str], None],
    done: str,
) -> HttpResponse:
    """Check the reason, write the log, do it, say what became of it."""
    if not (reason := _reason(request)):
        messages.error(request, _("Donnez une raison de trois caractères au moins : rien n’a été fait."))
        return redirect("office:customer", account=customer.account)
    seen(request, staff, page="customer", kind=kind, account=customer.account, subject=subject, reason=reason)
    try:
        deed(reason)
    except CadranError:
        messages.error(request, _("L’état a changé entre-temps : rien n’a été fait. Vérifiez la page."))
    else:
        messages.success(request, done)
    return redirect("office:customer", account=customer.account)


@require_POST
@for_staff(Permission.MANAGE_CUSTOMERS)
def block(request: HttpRequest, staff: Staff, account: str) -> HttpResponse:
    """Neither the site nor a phone opens anything for this customer any more."""
    customer, at = listing.reach(staff, account), settings.CIVIL_CLOCK.now()
    return _do(
        *(request, staff, customer, "block", ""),
        lambda why: blocking.block_customer(account=account, reason=why, by=staff.user_name, at=at),
        _("Le client est bloqué."),
    )


@require_POST
@for_staff(Permission.MANAGE_CUSTOMERS)
def unblock(request: HttpRequest, staff: Staff, account: str) -> HttpResponse:
    """The customer is let in again."""
    customer, at = listing.reach(staff, account), settings.CIVIL_CLOCK.now()
    return _do(
        *(request, staff, customer, "unblock", ""),
        lambda why: blocking.unblock_customer(account=account, reason=why, by=staff.user_name, at=at),
        _("Le client est débloqué."),
    )


@require_POST
@for_staff(Permission.MANAGE_CUSTOMERS)
def require_change(request: HttpRequest, staff: Staff, account: str) -> HttpResponse:
    """New codes before anything else: of the site, of the phone, or both."""
    customer, at = listing.reach(staff, account), settings.CIVIL_CLOCK.now()
    site, sip = "site" in request.POST, "sip" in request.POST
    if not (site or sip):
        messages.error(request, _("Choisissez le mot de passe du site, celui du téléphone, ou les deux."))
        return redirect("office:customer", account=account)
    return _do(
        *(request, staff, customer, "require-change", " ".join(n for n, on in (("site", site), ("sip", sip)) if on)),
        lambda why: party_operations.require_change(user_name=customer.username, site=site, sip=sip, reason=why, at=at),
        _("Le client choisira un nouveau mot de passe avant de continuer."),
    )


@require_POST
@for_staff(Permission.MANAGE_CUSTOMERS)
def line(request: HttpRequest, staff: Staff, account: str, username: str) -> HttpResponse:
    """Block one SIP user, or let it register again once its password is changed."""
    customer, at = listing.reach(staff, account), settings.CIVIL_CLOCK.now()
    if username not in {one.username for one in party.sip_identities(account=account)}:
        raise Http404
    blocks = request.POST.get("deed") == "block"
    deed = party_operations.block_sip_user if blocks else party_operations.unblock_sip_user
    return _do(
        *(request, staff, customer, "block-sip" if blocks else "unblock-sip", username),
        lambda why: deed(username=username, at=at),
        _("La ligne est bloquée.") if blocks else _("La ligne est débloquée : son mot de passe doit changer."),
    )


@require_POST
@for_staff(Permission.MANAGE_CUSTOMERS)
def calling_number(request: HttpRequest, staff: Staff, account: str) -> HttpResponse:
    """The customer is recognised by one of its calling numbers no longer: it changed hands, or somebody claims it."""
    customer, at = listing.reach(staff, account), settings.CIVIL_CLOCK.now()
    digits = request.POST.get("number", "")[:16]
    if digits not in {one.digits for one in numbering.calling_numbers(account)}:
        raise Http404
    return _do(
        *(request, staff, customer, "remove-calling-number", digits),
        lambda why: proofs.remove(account=account, digits=digits, by=staff.user_name, at=at),
        _("Ce numéro n’identifie plus le client, qui en est prévenu."),
    )


@require_POST
@for_staff(Permission.MANAGE_CUSTOMERS)
def note(request: HttpRequest, staff: Staff, account: str) -> HttpResponse:
    """A note for colleagues."""
    customer, at = listing.reach(staff, account), settings.CIVIL_CLOCK.now()
    try:
        staff_operations.add_staff_note(
            staff_id=staff.id, customer_id=customer.id, text=request.POST.get("text", "")[:4000], at=at
        )
    except staff_operations.BadStaff:
        messages.error(request, _("Une note compte de 1 à 2000 caractères."))
    else:
        seen(request, staff, page="customer", kind="note", account=account)
        messages.success(request, _("La note est ajoutée."))
    return redirect("office:customer", account=account)


@require_POST
@for_staff(Permission.MANAGE_CUSTOMERS)
def resend(request: HttpRequest, staff: Staff, account: str, mail_id: str) -> HttpResponse:
    """Send a mail once more, to the address that the customer has now."""
    customer, at = listing.reach(staff, account), settings.CIVIL_CLOCK.now()
    try:
        mails.mail(mail_id, account=account)
        key = ids.checked_key(request.POST.get("key", ""))
        seen(request, staff, page="customer", kind="resend", account=account, subject=mail_id)
        messaging.send_again(mail_id=mail_id, key=key, by=staff.user_name, at=at, to=customer.email)
    except mails.UnknownMail:
        raise Http404 from None
    except CadranError:
        messages.error(request, _("Ce courriel ne peut pas repartir : il attend encore, ou portait un lien périmé."))
    else:
        messages.success(request, _("Le courriel repart."))
    return redirect("office:customer", account=account)

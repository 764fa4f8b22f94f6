"""The account's phones: what to type into one, its code to scan, the devices registered now, a new SIP password."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import segno
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cadran.journeys import devices as journey
from cadran.party import queries as party
from cadran.party import vault
from cadran.units.clause import carries
from cadran.voice import queries as voice
from cadran.voice.registrar import removal
from cadran.web import forms
from cadran.web.views.customer import for_customers


@carries("IPP-5.3-codes", "IPP-1d-dashboard")
@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
def sip(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """What to type into a phone, the devices registered, and a new SIP password."""
    identities = party.sip_identities(account=customer.account)
    form = forms.SipPasswordForm(initial={"sip_password": vault.propose_sip_password()})
    if request.method == "POST" and "propose" not in request.POST:
        form = forms.SipPasswordForm(request.POST)
        username = request.POST.get("username", "")
        if username not in {identity.username for identity in identities}:
            raise Http404
        if form.is_valid() and form.set_password(username=username):
            messages.success(request, _("Votre mot de passe SIP est changé : tapez le nouveau dans vos téléphones."))
            return redirect("sip")
    server = f"{settings.SIP_HOST}:{settings.SIP_PORT}"
    devices = voice.devices([identity.username for identity in identities], now_wall_s=time.time())
    lines = [
        (
            identity,
            _qr(f"sip:{identity.username}@{server};transport=udp"),
            [device for device in devices if device.username == identity.username],
        )
        for identity in identities
    ]
    context = {
        "customer": customer,
        "lines": lines,
        "form": form,
        "server": server,
        "realm": settings.SIP_REALM,
        "wall": datetime.now(UTC),
    }
    return render(request, "web/sip.html", context)


@require_POST
@for_customers
def drop(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Take a device off the registrar, as the device itself would: with a REGISTER that ends its contact."""
    wanted = request.POST.get("device", "")
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 16 else 0
    try:
        journey.drop(account=customer.account, device_id=number, now_wall_s=time.time())
    except journey.UnknownDevice:
        raise Http404 from None
    except removal.NotRemoved:
        messages.error(request, _("Le serveur SIP n’a pas répondu : l’appareil reste enregistré. Réessayez."))
    else:
        messages.success(
            request,
            _("L’appareil n’est plus enregistré. S’il connaît le mot de passe SIP, il peut revenir : changez-le."),
        )
    return redirect("sip")


def _qr(text: str) -> str:
    """The text as a QR code, inline SVG on a white ground."""
    svg = segno.make(text, error="m").svg_inline(
        scale=4, border=2, dark="#0d141c", light=None, svgclass="qr", lineclass=None, omitsize=True
    )
    return mark_safe(svg)  # noqa: S308 - the drawing of a code, made of path data only

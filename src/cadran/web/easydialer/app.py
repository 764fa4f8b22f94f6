"""What makes EasyDialer an app that a telephone installs: manifest, worker, and the page that it shows without a network."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cadran.journeys import callbacks
from cadran.numbering.access import queries as access
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.web import serving, versions

WORKER = Path(__file__).with_name("worker.js")
SERVICE = "calling-card"


@carries("KRY-4.4.1-easydialer")
def ways(brand: str, at: datetime) -> tuple[str, ...]:
    """How the brand's terms let EasyDialer set a call up: of `callback` and `call-through`; none where they have no EasyDialer."""
    terms = policy.terms_in_force(brand, at)
    return terms.texts(callbacks.WAYS) if callbacks.WAYS in terms.values else ()


def sold_here() -> str:
    """The brand of this address, where its terms have EasyDialer. Raises Http404 elsewhere."""
    brand = serving.brand_key()
    if not ways(brand, settings.CIVIL_CLOCK.now()):
        raise Http404
    return brand


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """The app's name, look and first page (W3C Web Application Manifest)."""
    brand = policy.brand(sold_here())
    icons = [
        {"src": f"{static('web/easydialer-' + size + '.png')}", "sizes": f"{size}x{size}", "type": "image/png"}
        for size in ("192", "512")
    ]
    body = {
        "name": f"EasyDialer {brand.name}",
        "short_name": "EasyDialer",
        "description": _("Appelez au tarif %(brand)s sans composer le numéro d’accès.") % {"brand": brand.name},
        "lang": get_language() or "fr",
        "id": reverse("easydialer"),
        "start_url": reverse("easydialer"),
        "scope": reverse("easydialer"),
        "display": "standalone",
        "background_color": brand.colours["background"],
        "theme_color": brand.colours["primary"],
        "icons": [*icons, {**icons[1], "purpose": "maskable"}],
    }
    return JsonResponse(body, content_type="application/manifest+json")


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: keeps the look and the page without a network, never a page with somebody's data."""
    sold_here()
    version = versions.files_version()
    kept = [f"{static(name)}?v={version}" for name in ("web/site.css", "web/easydialer.css", "web/easydialer.js")]
    kept += [static("web/inter.woff2"), reverse("brand_css"), reverse("easydialer_offline")]
    script = WORKER.read_text(encoding="utf-8")
    head = f"const VERSION = {version!r};\nconst KEPT = {kept!r};\n"
    return HttpResponse(
        head + script, content_type="text/javascript; charset=utf-8", headers={"Cache-Control": "no-cache"}
    )


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Without a network: the access numbers, to be dialled by hand. Says nothing of anybody, so that it may be kept."""
    brand = sold_here()
    found = access.access_numbers(brand, settings.CIVIL_CLOCK.now())
    return render(request, "easydialer/offline.html", {"access_numbers": found})

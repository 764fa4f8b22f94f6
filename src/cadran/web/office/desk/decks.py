"""Price lists: versions, upload with a report, what a version changes, activation from a date on, search of a price."""

from __future__ import annotations

from datetime import date, timedelta

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.catalog import comparison, import_profiles, operations, price_files, queries, rules
from cadran.catalog.adapters.deck_csv import DELIMITERS
from cadran.catalog.adapters.deck_file import UnreadableDeckFile
from cadran.catalog.queries import DeckVersion
from cadran.journeys import deck_reports
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.policy.brands import Brand
from cadran.units import period
from cadran.units.errors import CadranError
from cadran.web import uploads
from cadran.web.office.desk.speech import sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

MAX_UPLOAD_BYTES = uploads.MOST_BYTES  # beyond, the content is gone; `cadran deck import` takes larger ones
UPLOADED_FORMS = tuple(form for form in price_files.FORMS if form != "cgrates")  # which is a folder
MAX_SHOWN = 100
MAX_SEARCH = 40


@require_safe
@for_staff(Permission.SEE_PRICES)
def listed(request: HttpRequest, staff: Staff) -> HttpResponse:
    """All versions of all brands' decks, the upload form, and the search of a price."""
    return _list(request, staff)


@require_POST
@for_staff(Permission.EDIT_PRICES)
def upload(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Read a price list: report what is in it and, where asked and right, keep it as a draft. The name of the file means nothing."""
    brand = _brand(staff, request.POST.get("brand", ""))
    given, keep = request.FILES.get("file"), request.POST.get("deed") == "import"
    if not isinstance(given, UploadedFile) or not given.size or given.size > MAX_UPLOAD_BYTES:
        problem = _("Choisissez un fichier de 12 Mo au plus.")
        return _list(request, staff, status=422, problem=problem, brand=brand.key)
    delimiter = request.POST.get("delimiter", ",")
    try:
        report = operations.import_deck(
            brand=brand.key,
            source=_source(request, given.read()),
            at=settings.CIVIL_CLOCK.now(),
            version=request.POST.get("version", "").strip(),
            tax=_tax(request.POST.get("tax", "")),
            delimiter="\t" if delimiter == "tab" else delimiter if delimiter in DELIMITERS else ",",
            dry_run=not keep,
        )
    except operations.DeckRefused as refused:
        report = refused.report
    except (UnreadableDeckFile, price_files.BadMapping) as error:
        return _list(request, staff, status=422, problem=error.message, brand=brand.key)
    except CadranError as error:
        return _list(request, staff, status=422, problem=sentence(error), brand=brand.key)
    if report.deck is not None:
        seen(request, staff, page="desk-decks", subject=_ref(report.deck), kind="deck-import")
        messages.success(request, _("Importée comme brouillon : elle ne tarife rien avant son activation."))
        return redirect("office:deck", brand=brand.key, name=report.deck.name, version=report.deck.version)
    status = 422 if report.problem_count else 200
    return _list(request, staff, status=status, brand=brand.key, report=report, problems=report.problems[:MAX_SHOWN])


@require_safe
@for_staff(Permission.SEE_PRICES)
def deck(request: HttpRequest, staff: Staff, brand: str, name: str, version: str) -> HttpResponse:
    """One version: what it changes of the one in force, and its activation."""
    of, found = _brand(staff, brand), _deck(staff, brand, name, version)
    at = settings.CIVIL_CLOCK.now()
    before = comparison.replaced(found, at)
    context = {
        "brand": of,
        "deck": found,
        "before": before,
        "compared": comparison.compare(before, found),
        "may_activate": found.state == rules.DeckState.DRAFT and staff.may(Permission.EDIT_PRICES),
        "tomorrow": period.civil_day(at, of.zone) + timedelta(days=1),
        "first": not queries.activated(brand, name),
        "sells": not found.name.startswith(deck_reports.CARRIER),
        "costs": deck_reports.carrier_decks(brand) if staff.may(Permission.SEE_MONEY) else (),
    }
    crumbs = ((reverse("office:decks"), _("Tarifs")), ("", f"{found.name} {found.version}"))
    return page(request, staff, "desk_deck.html", context, crumbs=crumbs)


@require_POST
@for_staff(Permission.EDIT_PRICES)
def activate(request: HttpRequest, staff: Staff, brand: str, name: str, version: str) -> HttpResponse:
    """Let a version price the calls from the midnight of a day on."""
    of, found = _brand(staff, brand), _deck(staff, brand, name, version)
    try:
        day = date.fromisoformat(request.POST.get("day", ""))
        effective_from = period.midnight(day, of.zone)
        at = settings.CIVIL_CLOCK.now()
        done = operations.activate_deck(deck=found, effective_from=effective_from, at=at)
    except (ValueError, OverflowError):
        messages.error(request, _("Choisissez le jour à partir duquel ces prix valent."))
    except operations.UnableToActivateDeck:
        messages.error(
            request, _("Ces prix ne peuvent valoir qu’à partir d’un jour à venir, dans la monnaie du crédit.")
        )
    except CadranError as error:
        messages.error(request, sentence(error))
    else:
        seen(request, staff, page="desk-decks", subject=_ref(done), kind="deck-activate")
        messages.success(request, _("Activée. Les appels qui commencent à partir de ce jour suivent ces prix."))
    return redirect("office:deck", brand=brand, name=name, version=version)


def _source(request: HttpRequest, data: bytes) -> bytes | price_files.Translation:
    """The file as it is, where it is a deck file of ours; else translated, by the saved profile that was chosen."""
    form, profile = request.POST.get("form", ""), request.POST.get("profile", "")
    if form not in UPLOADED_FORMS and not profile:
        return data
    mapping = import_profiles.find(profile) if profile else price_files.ColumnMap()
    return price_files.translate(data, form if form in UPLOADED_FORMS else "", mapping=mapping)


def _list(request: HttpRequest, staff: Staff, *, status: int = 200, brand: str = "", **more: object) -> HttpResponse:
    at = settings.CIVIL_CLOCK.now()
    brands = [one for one in policy.brands() if staff.serves(one.key)]
    search = request.GET.get("q", "").strip()[:MAX_SEARCH].replace("\0", "")
    chosen = request.GET.get("brand", brand)
    chosen = chosen if chosen in {one.key for one in brands} else (brands[0].key if brands else "")
    in_force = {one.key: queries.in_force(one.key, at) for one in brands}
    current = {found.id for found in in_force.values() if found is not None}
    context = {
        "decks": [
            (one, one.id in current) for one in reversed(queries.decks()) if any(one.brand == b.key for b in brands)
        ],
        "brands": brands,
        "chosen": chosen,
        "search": search,
        "prices": queries.prices(chosen, at, search, limit=MAX_SHOWN) if search and chosen else (),
        "taxes": list(rules.TaxBasis),
        "forms": UPLOADED_FORMS,
        "profiles": import_profiles.names(),
        "may_edit": staff.may(Permission.EDIT_PRICES),
        **more,
    }
    return page(request, staff, "desk_decks.html", context, crumbs=(("", _("Tarifs")),), status=status)


def _brand(staff: Staff, key: str) -> Brand:
    if key not in policy.brand_keys() or not staff.serves(key):
        raise Http404
    return policy.brand(key)


def _deck(staff: Staff, brand: str, name: str, version: str) -> DeckVersion:
    try:
        found = queries.deck(brand, name, version)
    except queries.UnknownDeck:
        raise Http404 from None
    if not staff.serves(found.brand):
        raise Http404
    return found


def _tax(text: str) -> str:
    return text if text in set(rules.TaxBasis) else rules.TaxBasis.NOT_STATED


def _ref(found: DeckVersion) -> str:
    return f"{found.brand}/{found.name}/{found.version}"

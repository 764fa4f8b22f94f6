"""The prompt studio: what callers hear, listened to, replaced and taken back; menus of access numbers as pictures."""

from __future__ import annotations

import re
import unicodedata

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.voice.media import conversion
from cadran.voice.menu import checking, drawing, studio
from cadran.voice.menu.table import LANGUAGES, TABLES, TableUnknown
from cadran.web import uploads
from cadran.web.office.desk.speech import sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

ORIGINS = (studio.OPERATOR, studio.BRAND, studio.SHIPPED, studio.MISSING)
MOST_SEARCHED = 60


@require_safe
@for_staff(Permission.SEE_PROMPTS)
def listed(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Every prompt of a brand in a language: its words, where its recording comes from, how long it is. Menus beside."""
    brands = [one for one in policy.brands() if staff.serves(one.key)]
    if not brands:
        raise Http404
    keys = [one.key for one in brands]
    chosen = request.GET.get("brand", "")
    chosen = chosen if chosen in keys else keys[0]
    language = request.GET.get("language", (get_language() or "")[:2])
    language = language if language in LANGUAGES else LANGUAGES[0]
    origin, typed = request.GET.get("origin", ""), request.GET.get("q", "").strip()[:MOST_SEARCHED]
    every = [one for one in studio.recordings(chosen) if one.language == language]
    found = [one for one in every if origin not in ORIGINS or one.origin == origin]
    if typed:
        found = [one for one in found if _plain(typed) in _plain(f"{one.name} {one.text}")]
    right, wrong = studio.tables(chosen)
    context = {
        "brands": brands,
        "chosen": chosen,
        "language": language,
        "languages": LANGUAGES,
        "origin": origin,
        "origins": [(one, sum(each.origin == one for each in every)) for one in ORIGINS],
        "search": typed,
        "sentences": [one for one in found if not one.fragment],
        "parts": [one for one in found if one.fragment],
        "menus": [(one, checking.unreached(one)) for one in right],
        "wrong": [(str(error.details["path"]).rpartition("/")[2], error.details["problems"]) for error in wrong],
        "may_edit": staff.may(Permission.EDIT_PROMPTS),
    }
    return page(request, staff, "desk_prompts.html", context)


@require_safe
@for_staff(Permission.SEE_PROMPTS)
def prompt(request: HttpRequest, staff: Staff, brand: str, language: str, name: str) -> HttpResponse:
    """One prompt: listen, read, replace."""
    return _prompt(request, staff, _recording(staff, brand, language, name))


@require_safe
@for_staff(Permission.SEE_PROMPTS)
def sound(request: HttpRequest, staff: Staff, brand: str, language: str, name: str) -> HttpResponse:
    """The recording that callers hear, whole or the part that a player asks for."""
    found = _recording(staff, brand, language, name)
    try:
        data = studio.sound(brand, language, found.name)
    except CadranError:
        raise Http404 from None
    return _partly(data, request.headers.get("Range", ""))


@require_POST
@for_staff(Permission.EDIT_PROMPTS)
def replace(request: HttpRequest, staff: Staff, brand: str, language: str, name: str) -> HttpResponse:
    """Keep an uploaded recording in place of what callers heard."""
    found = _recording(staff, brand, language, name)
    given = request.FILES.get("file")
    if not isinstance(given, UploadedFile) or not given.size or given.size > uploads.MOST_BYTES:
        return _prompt(request, staff, found, status=422, problem=_("Choisissez un fichier WAV de 12 Mo au plus."))
    try:
        samples = conversion.converted(given.read())
    except conversion.RecordingRefused as error:
        return _prompt(request, staff, found, status=422, problem=_why(error))
    seen(request, staff, page="desk-prompts", subject=f"{brand}/{language}/{found.name}"[:64], kind="prompt-replace")
    kept = studio.keep(brand=brand, language=language, name=found.name, samples=samples)
    messages.success(request, _("Enregistré : %(length).1f s. Le prochain appel l’entend.") % {"length": kept.length_s})
    return redirect("office:prompt", brand=brand, language=language, name=found.name)


@require_POST
@for_staff(Permission.EDIT_PROMPTS)
def remove(request: HttpRequest, staff: Staff, brand: str, language: str, name: str) -> HttpResponse:
    """Take an uploaded recording back."""
    found = _recording(staff, brand, language, name)
    if found.origin != studio.OPERATOR:
        messages.error(request, _("Cet enregistrement n’a pas été déposé ici : il peut seulement être remplacé."))
        return redirect("office:prompt", brand=brand, language=language, name=found.name)
    seen(request, staff, page="desk-prompts", subject=f"{brand}/{language}/{found.name}"[:64], kind="prompt-remove")
    try:
        studio.remove(brand=brand, language=language, name=found.name)
    except studio.NotOperators:
        messages.error(request, _("Un menu dit cette annonce, et rien d’autre n’est enregistré : remplacez-la."))
    else:
        messages.success(request, _("Retiré. Le prochain appel entend l’annonce d’origine."))
    return redirect("office:prompt", brand=brand, language=language, name=found.name)


@require_safe
@for_staff(Permission.SEE_PROMPTS)
def menu(request: HttpRequest, staff: Staff, brand: str, name: str) -> HttpResponse:
    """The picture of one menu of a brand."""
    of = _brand(staff, brand)
    table = next((one for one in studio.tables(brand)[0] if one.name == name), None)
    if table is None:
        raise Http404
    spoken = (get_language() or "fr")[:2]
    # Every word of the table is escaped where the picture is made.
    picture = mark_safe(drawing.svg(table, spoken, styled=False))  # noqa: S308
    own = any(path.parent != TABLES for path in table.source)
    context = {"brand": of, "table": table, "picture": picture, "own": own}
    crumbs = ((f"{reverse('office:prompts')}?brand={brand}", _("Annonces")), ("", table.name))
    return page(request, staff, "desk_menu.html", context, crumbs=crumbs)


def _prompt(
    request: HttpRequest, staff: Staff, found: studio.Recording, *, status: int = 200, problem: str = ""
) -> HttpResponse:
    others = [one for one in LANGUAGES if one != found.language]
    context = {
        "one": found,
        "brand": policy.brand(found.brand),
        "others": [found_in for one in others if (found_in := _other(found, one))],
        "problem": problem,
        "may_edit": staff.may(Permission.EDIT_PROMPTS),
        "longest_s": int(conversion.LONGEST_S),
    }
    crumbs = (
        (f"{reverse('office:prompts')}?brand={found.brand}&language={found.language}", _("Annonces")),
        ("", found.name),
    )
    return page(request, staff, "desk_prompt.html", context, crumbs=crumbs, status=status)


def _plain(text: str) -> str:
    """As it is looked for: small letters without accents."""
    split = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in split if not unicodedata.combining(letter)).casefold()


def _other(found: studio.Recording, language: str) -> studio.Recording | None:
    try:
        return studio.recording(found.brand, language, found.name)
    except studio.PromptUnknown:
        return None


def _recording(staff: Staff, brand: str, language: str, name: str) -> studio.Recording:
    _brand(staff, brand)
    try:
        return studio.recording(brand, language, name)
    except (studio.PromptUnknown, TableUnknown):
        raise Http404 from None


def _brand(staff: Staff, brand: str) -> object:
    if not staff.serves(brand) or brand not in policy.brand_keys():
        raise Http404
    return policy.brand(brand)


def _partly(data: bytes, asked: str) -> HttpResponse:
    """Players of some browsers play nothing without an answer to Range."""
    span = re.fullmatch(r"bytes=([0-9]{1,9})-([0-9]{0,9})", asked)
    first, last = (int(span[1]), int(span[2] or len(data) - 1)) if span else (0, len(data) - 1)
    last = min(last, len(data) - 1)
    if span and first > last:
        response = HttpResponse(status=416)
        response.headers["Content-Range"] = f"bytes */{len(data)}"
        return response
    response = HttpResponse(data[first : last + 1], content_type="audio/wav", status=206 if span else 200)
    if span:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; media-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return response


def _why(error: conversion.RecordingRefused) -> str:
    """The refusal in the language of the page."""
    return {
        "too-large": _("Choisissez un fichier WAV de 12 Mo au plus."),
        "not-wav": _("Ce n’est pas un fichier WAV qui se lit : enregistrez le son en WAV."),
        "compressed": _("Ce WAV est compressé : enregistrez-le en PCM ou en virgule flottante."),
        "bits": _("Les échantillons ont 8, 16, 24 ou 32 bits."),
        "rate": _("La fréquence d’échantillonnage va de 4 000 à 192 000 Hz."),
        "channels": _("Un enregistrement a 1 à 8 canaux."),
        "length": _("Un enregistrement dure de 0,1 à 60 secondes."),
        "silent": _("Cet enregistrement est muet dans la bande du téléphone."),
        "not-finite": _("Cet enregistrement contient des échantillons qui ne sont pas des nombres."),
    }.get(str(error.details.get("reason")), sentence(error))

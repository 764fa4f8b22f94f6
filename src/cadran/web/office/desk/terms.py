"""Terms of the brands: versions, drafts typed value by value, preview, differences, publication by a second person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cadran.journeys import publications
from cadran.journeys.proposals import operations, queries, rules
from cadran.journeys.proposals.queries import Shown
from cadran.journeys.proposals.rules import ProposalKind, ProposalState
from cadran.journeys.publications import Draft, Frozen
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import drafting
from cadran.policy import queries as policy
from cadran.policy.sections import PolicyError
from cadran.policy.terms import Terms
from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.web import texts
from cadran.web.office.desk.speech import person, sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

ROWS = 30
DEEDS = ("approve", "refuse", "withdraw")


@dataclass(frozen=True, slots=True)
class Row:
    """One value in the form: as typed, how it is typed (`flag`, `lines` or `line`), what it said before, and what is wrong."""

    name: str
    clause: str
    must: str
    unit: str
    shape: str
    typed: str
    before: str
    note: str
    problem: str


@require_safe
@for_staff(Permission.SEE_TERMS)
def listed(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Each brand's versions, open drafts and what waits for a second person."""
    at = settings.CIVIL_CLOCK.now()
    brands = [brand for brand in policy.brands() if staff.serves(brand.key)]
    shown = [
        {
            "brand": brand,
            "in_force": policy.terms_in_force(brand.key, at),
            "versions": [policy.terms(f"{brand.key}/{version}") for version in reversed(brand.versions)],
            "drafts": publications.drafts(brand.key),
        }
        for brand in brands
    ]
    found = queries.proposals(kinds=(ProposalKind.TERMS,), limit=ROWS)
    context = {
        "brands": shown,
        "proposals": [one for one in found if staff.serves(one.brand)],
        "may_edit": staff.may(Permission.EDIT_TERMS),
    }
    return page(request, staff, "desk_terms.html", context, crumbs=(("", _("Conditions")),))


@require_POST
@for_staff(Permission.EDIT_TERMS)
def open_draft(request: HttpRequest, staff: Staff) -> HttpResponse:
    """A draft that says what the version in force says."""
    brand = request.POST.get("brand", "")
    if brand not in policy.brand_keys() or not staff.serves(brand):
        raise Http404
    try:
        made = publications.open_draft(brand=brand, by=person(staff), at=settings.CIVIL_CLOCK.now())
    except CadranError as error:
        messages.error(request, sentence(error))
        return redirect("office:terms")
    return redirect("office:terms_draft", draft_id=made.draft_id)


@require_http_methods(["GET", "HEAD", "POST"])
@for_staff(Permission.EDIT_TERMS)
def draft(request: HttpRequest, staff: Staff, draft_id: str) -> HttpResponse:
    """The form of a draft. What is typed is kept, right or wrong, and what is wrong stands beside it."""
    found, at, status = _draft(staff, draft_id), settings.CIVIL_CLOCK.now(), 200
    if request.method == "POST":
        if request.POST.get("deed") == "drop":
            return _dropped(request, staff, found)
        try:
            found = _saved(request, staff, found)
        except CadranError as error:
            messages.error(request, sentence(error))
            return redirect("office:terms_draft", draft_id=draft_id)
    problems = _problems(found)
    if request.method == "POST":
        if not problems and request.POST.get("deed") == "check":
            return redirect("office:terms_preview", draft_id=draft_id)
        if not problems:
            messages.success(request, _("Enregistré. Rien à redire."))
            return redirect("office:terms_draft", draft_id=draft_id)
        status = 422
    context = {
        "draft": found,
        "brand": policy.brand(found.brand),
        "rows": _rows(found, problems),
        "problems": problems,
        "told": request.method == "POST" or found.revision > 1,
        "at": at,
        "texts": [
            (language, found.texts.get(language, ""), problems.get(f"text_{language}", ""))
            for language in policy.brand(found.brand).languages
        ],
        "others": [text for name, text in problems.items() if name.startswith("file ")],
    }
    return page(request, staff, "desk_terms_draft.html", context, crumbs=_crumbs(found.brand), status=status)


@require_safe
@for_staff(Permission.EDIT_TERMS)
def preview(request: HttpRequest, staff: Staff, draft_id: str) -> HttpResponse:
    """The draft as customers would see it, what it changes, and the form that submits it."""
    found = _draft(staff, draft_id)
    try:
        ready = publications.frozen(found, at=settings.CIVIL_CLOCK.now())
    except publications.DraftWrong:
        messages.error(request, _("Ce brouillon a encore des erreurs."))
        return redirect("office:terms_draft", draft_id=draft_id)
    base = policy.terms(f"{found.brand}/{found.base}")
    context = {"draft": found, "key": ids.new_id("submit"), "ready": ready, **_seen_side_by_side(base, ready)}
    return page(request, staff, "desk_terms_preview.html", context, crumbs=_crumbs(found.brand))


@require_POST
@for_staff(Permission.EDIT_TERMS)
def submit(request: HttpRequest, staff: Staff, draft_id: str) -> HttpResponse:
    """Ask a second person to publish the draft."""
    found = _draft(staff, draft_id)
    typed = request.POST.get("revision", "")
    try:
        made = publications.submit(
            key=request.POST.get("key", ""),
            draft_id=draft_id,
            revision=int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0,
            reason=request.POST.get("reason", ""),
            by=person(staff),
            at=settings.CIVIL_CLOCK.now(),
        )
    except rules.InvalidProposal:
        messages.error(request, _("Donnez la raison, en 8 à 400 caractères : elle reste comme preuve."))
        return redirect("office:terms_preview", draft_id=draft_id)
    except CadranError as error:
        messages.error(request, sentence(error))
        return redirect("office:terms_draft", draft_id=draft_id)
    seen(request, staff, page="desk-terms", subject=f"{found.brand}/{found.version}", kind="terms-submit")
    messages.success(request, _("Demande enregistrée : une seconde personne doit l’approuver."))
    return redirect("office:terms_proposal", proposal_id=made.proposal_id)


@require_safe
@for_staff(Permission.SEE_TERMS)
def proposal(request: HttpRequest, staff: Staff, proposal_id: str) -> HttpResponse:
    """What would be published, what it changes, and the decision of the second person."""
    found = _proposal(staff, proposal_id)
    problem, shown = "", dict[str, object]()
    try:
        ready = publications.proposed(found, at=settings.CIVIL_CLOCK.now())
        shown = {"ready": ready, **_seen_side_by_side(policy.terms(f"{found.brand}/{found.body['base']}"), ready)}
    except PolicyError as error:
        problem = error.message
    except CadranError as error:
        problem = sentence(error)
    mine, waits = found.proposed_by == staff.user_id, found.state is ProposalState.PROPOSED
    context = {
        "one": found,
        "problem": problem,
        "may_decide": waits and not mine and staff.may(Permission.EDIT_TERMS),
        "may_withdraw": waits and mine,
        **shown,
    }
    return page(request, staff, "desk_terms_proposal.html", context, crumbs=_crumbs(found.brand))


@require_POST
@for_staff(Permission.EDIT_TERMS)
def decide(request: HttpRequest, staff: Staff, proposal_id: str) -> HttpResponse:
    """Publish, refuse or withdraw."""
    found = _proposal(staff, proposal_id)
    deed, at = request.POST.get("deed", ""), settings.CIVIL_CLOCK.now()
    if deed not in DEEDS:
        raise Http404
    seen(request, staff, page="desk-terms", subject=found.proposal_id, kind=f"terms-{deed}")
    try:
        if deed == "approve":
            sha256 = request.POST.get("sha256", "")
            done = publications.approve(proposal_id=proposal_id, sha256=sha256, by=person(staff), at=at)
            failed = done.state is ProposalState.FAILED
            told = _("Approuvé, mais impossible à exécuter : voyez la dernière étape.") if failed else _("Publié.")
            (messages.error if failed else messages.success)(request, told)
        elif deed == "refuse":
            reason = request.POST.get("reason", "")
            publications.refuse(proposal_id=proposal_id, by=person(staff), reason=reason, at=at)
            messages.success(request, _("Demande refusée."))
        else:
            operations.withdraw(proposal_id=proposal_id, by=person(staff), at=at)
            messages.success(request, _("Demande retirée."))
    except rules.InvalidProposal:
        messages.error(request, _("Donnez la raison, en 8 à 400 caractères : elle reste comme preuve."))
    except CadranError as error:
        messages.error(request, sentence(error))
    return redirect("office:terms_proposal", proposal_id=proposal_id)


def _saved(request: HttpRequest, staff: Staff, found: Draft) -> Draft:
    form = request.POST
    typed = form.get("revision", "")
    return publications.save(
        draft_id=found.draft_id,
        revision=int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0,
        version=form.get("version", ""),
        title=form.get("title", ""),
        effective_from=form.get("effective_from", ""),
        key_change=form.get("key_change") == "on",
        stated={name: form.get(f"value:{name}", text) for name, text in found.stated.items()},
        texts={language: form.get(f"text:{language}", text) for language, text in found.texts.items()},
        by=person(staff),
        at=settings.CIVIL_CLOCK.now(),
    )


def _dropped(request: HttpRequest, staff: Staff, found: Draft) -> HttpResponse:
    try:
        publications.drop(draft_id=found.draft_id, by=person(staff), at=settings.CIVIL_CLOCK.now())
        messages.success(request, _("Brouillon abandonné."))
    except CadranError as error:
        messages.error(request, sentence(error))
    return redirect("office:terms")


def _problems(found: Draft) -> Mapping[str, str]:
    try:
        publications.frozen(found, at=settings.CIVIL_CLOCK.now())
    except publications.DraftWrong as error:
        return error.problems
    return {}


def _rows(found: Draft, problems: Mapping[str, str]) -> list[tuple[str, list[Row]]]:
    base, clauses = policy.terms(f"{found.brand}/{found.base}"), policy.clauses()
    groups: dict[str, list[Row]] = {}
    for name, value in base.values.items():
        many = isinstance(value.content, (tuple, Mapping))
        shape = "flag" if isinstance(value.content, bool) else "lines" if many else "line"
        unit = value.unit.removeprefix("micro-") if drafting.is_money(value.unit) else value.unit
        before = drafting.typed(value.content, value.unit)
        row = Row(
            name=name,
            clause=value.clause,
            must=clauses[value.clause].must,
            unit=unit,
            shape=shape,
            typed=found.stated.get(name, ""),
            before=before,
            note=value.note,
            problem=problems.get(name, ""),
        )
        groups.setdefault(name.partition(".")[0], []).append(row)
    return list(groups.items())


def _seen_side_by_side(base: Terms, ready: Frozen) -> dict[str, object]:
    """Texts as customers see them, and differences of values and texts."""
    languages = list(ready.texts)
    return {
        "base": base,
        "changes": drafting.changes(base, ready.terms),
        "shown_texts": [(language, texts.html(ready.texts[language])) for language in languages],
        "text_changes": [
            (language, drafting.text_changes(policy.terms_text(base.ref, language)[0], ready.texts[language]))
            for language in languages
        ],
    }


def _draft(staff: Staff, draft_id: str) -> Draft:
    try:
        found = publications.draft(draft_id)
    except publications.UnknownDraft:
        raise Http404 from None
    if not staff.serves(found.brand) or found.closed:
        raise Http404
    return found


def _proposal(staff: Staff, proposal_id: str) -> Shown:
    try:
        found = queries.proposal(proposal_id)
    except queries.UnknownProposal:
        raise Http404 from None
    if found.kind is not ProposalKind.TERMS or not staff.serves(found.brand):
        raise Http404
    return found


def _crumbs(brand: str) -> tuple[tuple[str, str], ...]:
    return ((reverse("office:terms"), _("Conditions")), ("", policy.brand(brand).name))

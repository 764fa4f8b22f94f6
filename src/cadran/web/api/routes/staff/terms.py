"""Terms of the brand: versions and drafts, typed value by value, and what a draft would publish."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path

from cadran.journeys import publications
from cadran.party.keys.rules import Scope
from cadran.policy import drafting
from cadran.policy import queries as policy
from cadran.policy.terms import Content, Terms
from cadran.web.api import shapes
from cadran.web.api import shapes_setup as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

READ, WRITE = Scope.STAFF_READ_TERMS, Scope.STAFF_WRITE_TERMS
UNKNOWN = ("journeys-draft-unknown",)


@operation(desk.router, "GET", "/staff/terms", scope=READ, answers_with=seen.TermsList)
def list_terms(request: HttpRequest) -> seen.TermsList:
    """The published versions of the terms, newest first, and the open drafts."""
    caller = desk.caller(request)
    in_force = policy.terms_in_force(caller.brand, settings.CIVIL_CLOCK.now())
    versions = [policy.terms(f"{caller.brand}/{one}") for one in reversed(policy.brand(caller.brand).versions)]
    drafts = () if caller.test else publications.drafts(caller.brand)
    return seen.TermsList(
        versions=[shapes.of(seen.TermsVersion, one, in_force=one.ref == in_force.ref) for one in versions],
        drafts=[shapes.of(seen.DraftLine, one, id=one.draft_id, proposal=_proposal(one)) for one in drafts],
    )


@operation(
    desk.router,
    "POST",
    "/staff/terms/drafts",
    scope=WRITE,
    answers_with=seen.Draft,
    status=201,
    may_fail=("journeys-draft-too-many",),
)
def open_terms_draft(request: HttpRequest) -> seen.Draft:
    """Open a draft that says what the version in force says."""
    caller, at = desk.caller(request), settings.CIVIL_CLOCK.now()
    if caller.test:
        raise publications.TooManyDrafts("a test key opens no draft")
    desk.log(request, "terms", kind="terms-open", subject=caller.brand)
    return _shown(publications.open_draft(brand=caller.brand, by=desk.person(request), at=at))


@operation(desk.router, "GET", "/staff/terms/drafts/{draft_id}", scope=WRITE, answers_with=seen.Draft, may_fail=UNKNOWN)
def read_terms_draft(request: HttpRequest, draft_id: Path[shapes.Identifier]) -> seen.Draft:
    """A draft: every value with its clause, the texts, and what is wrong."""
    return _shown(within(request, draft_id))


@operation(
    desk.router,
    "PATCH",
    "/staff/terms/drafts/{draft_id}",
    scope=WRITE,
    answers_with=seen.Draft,
    may_fail=(*UNKNOWN, "journeys-draft-moved"),
)
def change_terms_draft(
    request: HttpRequest, draft_id: Path[shapes.Identifier], asked: Body[seen.DraftChange]
) -> seen.Draft:
    """Change values, texts or the heading of a draft.

    What is typed is kept, right or wrong; `problems` and the `problem` of each value say what is wrong.
    """
    found = within(request, draft_id)
    saved = publications.save(
        draft_id=draft_id,
        revision=asked.revision,
        version=found.version if asked.version is None else asked.version,
        title=found.title if asked.title is None else asked.title,
        effective_from=asked.effective_from or found.effective_from,
        key_change=found.key_change if asked.key_change is None else asked.key_change,
        stated={**found.stated, **{one.name: one.typed for one in asked.values}},
        texts={**found.texts, **{one.language: one.text for one in asked.texts}},
        by=desk.person(request),
        at=settings.CIVIL_CLOCK.now(),
    )
    return _shown(saved)


@operation(
    desk.router,
    "DELETE",
    "/staff/terms/drafts/{draft_id}",
    scope=WRITE,
    answers_with=None,
    status=204,
    may_fail=(*UNKNOWN, "journeys-draft-moved"),
)
def drop_terms_draft(request: HttpRequest, draft_id: Path[shapes.Identifier]) -> None:
    """Drop a draft that nobody needs."""
    within(request, draft_id)
    publications.drop(draft_id=draft_id, by=desk.person(request), at=settings.CIVIL_CLOCK.now())


@operation(
    desk.router,
    "GET",
    "/staff/terms/drafts/{draft_id}/preview",
    scope=WRITE,
    answers_with=seen.Preview,
    may_fail=(*UNKNOWN, "journeys-draft-wrong"),
)
def preview_terms_draft(request: HttpRequest, draft_id: Path[shapes.Identifier]) -> seen.Preview:
    """What a draft would publish, and what it changes, value by value and line by line."""
    found = within(request, draft_id)
    ready = publications.frozen(found, at=settings.CIVIL_CLOCK.now())
    return preview(policy.terms(f"{found.brand}/{found.base}"), ready)


def preview(base: Terms, ready: publications.Frozen) -> seen.Preview:
    """What would be published, beside its base."""
    texts = [
        seen.TextChange(language=language, mark=mark, line=line)
        for language, text in ready.texts.items()
        for mark, line in drafting.text_changes(policy.terms_text(base.ref, language)[0], text)
    ]
    values = [
        shapes.of(seen.ValueChange, one, before=_typed(one.before, one.unit), after=_typed(one.after, one.unit))
        for one in drafting.changes(base, ready.terms)
    ]
    return seen.Preview(
        ref=ready.terms.ref,
        base=base.ref,
        sha256=ready.sha256,
        effective_from=ready.terms.effective_from,
        values=values,
        texts=texts,
    )


def within(request: HttpRequest, draft_id: str) -> publications.Draft:
    """The open draft of the key's brand. Raises UnknownDraft."""
    caller, found = desk.caller(request), publications.draft(draft_id)
    if caller.test or found.brand != caller.brand or found.closed:
        raise publications.UnknownDraft(f"there is no draft {draft_id[:40]!r}")
    return found


def _shown(found: publications.Draft) -> seen.Draft:
    base, clauses, problems = policy.terms(f"{found.brand}/{found.base}"), policy.clauses(), _problems(found)
    values = [
        seen.DraftValue(
            name=name,
            clause=value.clause,
            must=clauses[value.clause].must,
            unit=value.unit,
            typed=found.stated.get(name, ""),
            before=drafting.typed(value.content, value.unit),
            problem=problems.get(name, ""),
        )
        for name, value in base.values.items()
    ]
    return shapes.of(
        seen.Draft,
        found,
        id=found.draft_id,
        values=values,
        texts=dict(found.texts),
        problems=dict(problems),
        proposal=_proposal(found),
    )


def _problems(found: publications.Draft) -> Mapping[str, str]:
    try:
        publications.frozen(found, at=settings.CIVIL_CLOCK.now())
    except publications.DraftWrong as error:
        return error.problems
    return {}


def _proposal(found: publications.Draft) -> str | None:
    return found.submitted.proposal_id if found.submitted else None


def _typed(content: Content | None, unit: str) -> str | None:
    return None if content is None else drafting.typed(content, unit)

"""A new version of a brand's terms: drafted from the one in force, submitted with a reason, approved by a second person, published."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import transaction

from cadran.journeys import adjustments
from cadran.journeys.models import TermsDraft
from cadran.journeys.proposals import operations, queries, rules
from cadran.journeys.proposals.queries import Shown
from cadran.journeys.proposals.rules import Person, ProposalKind, ProposalState
from cadran.policy import drafting, publication
from cadran.policy import operations as policy_events
from cadran.policy import queries as policy
from cadran.policy.events import PendingEvent
from cadran.policy.sections import PolicyError
from cadran.policy.terms import Terms, TermsValue
from cadran.units.errors import CadranError
from cadran.units.ids import new_id
from cadran.units.period import civil_day, utc

MAX_TEXT = 400_000
MAX_DRAFTS = 20
PUBLISHED, DROPPED = "published", "dropped"


class UnknownDraft(CadranError):
    """No draft of that id."""

    error_id = "journeys-draft-unknown"


class DraftMoved(CadranError):
    """The draft changed meanwhile, was submitted, published or dropped."""

    error_id = "journeys-draft-moved"


class DraftWrong(CadranError):
    """The draft has errors; `problems` tells each, by the value's name or the field's."""

    error_id = "journeys-draft-wrong"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


class TooManyDrafts(CadranError):
    """As many drafts are open as a brand may have."""

    error_id = "journeys-draft-too-many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft as typed. `stated`: the typed value by name. `submitted`: the proposal that waits, if any."""

    draft_id: str
    brand: str
    base: str
    version: str
    title: str
    effective_from: str
    key_change: bool
    stated: Mapping[str, str]
    texts: Mapping[str, str]
    revision: int
    closed: str
    edited_by: str
    edited_at: datetime
    submitted: Shown | None = None

    @property
    def open(self) -> bool:
        return not self.closed and self.submitted is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What would be published: the file, the texts, and the terms that they make."""

    toml: str
    texts: Mapping[str, str]
    terms: Terms

    @property
    def sha256(self) -> str:
        """Of the values and all texts: what an approval is of."""
        parts = [self.toml, *(f"{language}\0{self.texts[language]}" for language in sorted(self.texts))]
        return hashlib.sha256("\0\0".join(parts).encode()).hexdigest()


def open_draft(*, brand: str, by: Person, at: datetime) -> Draft:
    """A draft that says what the version in force says. Raises UnknownBrand, TooManyDrafts."""
    base = policy.terms_in_force(brand, at)
    with transaction.atomic():
        if TermsDraft.objects.filter(brand=brand, closed="").count() >= MAX_DRAFTS:
            raise TooManyDrafts(f"{brand} has {MAX_DRAFTS} open drafts: drop those that nobody needs")
        row = TermsDraft.objects.create(
            draft_id=new_id("draft"),
            brand=brand,
            base=base.version,
            title=base.title,
            stated=_typed(base),
            texts={language: _text(base, language) for language in policy.brand(brand).languages},
            edited_by=by.user_id,
            edited_name=by.name[:64],
            edited_at=utc(at),
        )
        return _draft(row)


def save(
    *,
    draft_id: str,
    revision: int,
    version: str,
    title: str,
    effective_from: str,
    key_change: bool,
    stated: Mapping[str, str],
    texts: Mapping[str, str],
    by: Person,
    at: datetime,
) -> Draft:
    """Keep what was typed, right or wrong. Raises DraftMoved where somebody saved meanwhile, UnknownDraft."""
    with transaction.atomic():
        row = _row(draft_id)
        before = _draft(row)
        _check_open(before)
        known, languages = set(before.stated), policy.brand(row.brand).languages
        changed = TermsDraft.objects.filter(pk=row.pk, revision=revision, closed="").update(
            version=version.strip()[:60],
            title=title.strip()[:200],
            effective_from=effective_from.strip()[:10],
            key_change=key_change,
            stated={name: _tidy(text) for name, text in stated.items() if name in known},
            texts={language: texts.get(language, "").replace("\r\n", "\n")[:MAX_TEXT] for language in languages},
            revision=revision + 1,
            edited_by=by.user_id,
            edited_name=by.name[:64],
            edited_at=utc(at),
        )
        if not changed:
            raise DraftMoved("somebody saved this draft meanwhile: open it again to see what they wrote")
    return draft(draft_id)


def drop(*, draft_id: str, by: Person, at: datetime) -> None:
    """Close a draft that is not wanted. Raises DraftMoved, UnknownDraft."""
    with transaction.atomic():
        _check_open(_draft(_row(draft_id)))
        TermsDraft.objects.filter(draft_id=draft_id).update(
            closed=DROPPED, edited_by=by.user_id, edited_name=by.name[:64], edited_at=utc(at)
        )


def draft(draft_id: str) -> Draft:
    """Raises UnknownDraft."""
    return _draft(_row(draft_id))


def drafts(brand: str) -> tuple[Draft, ...]:
    """The brand's open drafts, the last edited first."""
    return tuple(_draft(row) for row in TermsDraft.objects.filter(brand=brand, closed="").order_by("-edited_at"))


def frozen(found: Draft, *, at: datetime) -> Frozen:
    """What the draft would publish, checked by the loader of the files. Raises DraftWrong with every problem."""
    base, problems = policy.terms(f"{found.brand}/{found.base}"), dict[str, str]()
    stated: dict[str, TermsValue] = {}
    for name, value in base.values.items():
        try:
            stated[name] = replace(value, content=drafting.read_typed(found.stated.get(name, ""), value))
        except drafting.InvalidTyped as error:
            problems[name] = error.message
    day = _day(found, problems)
    if day is not None and day <= (today := _today(found.brand, at)):
        problems["effective_from"] = f"terms take effect after today, {today}"
    try:
        publication.check_version(found.brand, found.version)
    except (publication.BadVersion, publication.VersionPublished) as error:
        problems["version"] = error.message
    if not found.title:
        problems["title"] = "give the version a title"
    for language, text in found.texts.items():
        if not text.strip():
            problems[f"text_{language}"] = f"the text in {language} is empty: customers accept it"
    if problems or day is None:
        raise DraftWrong(problems)
    toml = drafting.toml_text(
        brand=found.brand,
        version=found.version,
        title=found.title,
        effective_from=day,
        key_change=found.key_change,
        stated=stated,
    )
    try:
        terms = publication.check(
            brand=found.brand, version=found.version, toml=toml, texts=found.texts, today=_today(found.brand, at)
        )
    except PolicyError as error:
        raise DraftWrong({f"file {n}": str(fault) for n, fault in enumerate(error.faults[:20])}) from error
    return Frozen(toml=toml, texts=found.texts, terms=terms)


def submit(*, key: str, draft_id: str, revision: int, reason: str, by: Person, at: datetime) -> Shown:
    """Ask for publication of exactly what the draft says now. Idempotent by key. Raises DraftWrong, DraftMoved, InvalidProposal."""
    with transaction.atomic():
        found = draft(draft_id)
        if found.submitted is None:
            _check_open(found)
            if found.revision != revision:
                raise DraftMoved("this draft changed since you read it: read it again")
        ready = frozen(found, at=at)
        return operations.propose(
            key=key,
            kind=ProposalKind.TERMS,
            brand=found.brand,
            subject=draft_id,
            body={
                "version": found.version,
                "base": found.base,
                "toml": ready.toml,
                "texts": dict(ready.texts),
                "sha256": ready.sha256,
            },
            reason=reason,
            by=by,
            at=at,
            second=True,
        )


def proposed(found: Shown, *, at: datetime) -> Frozen:
    """What that proposal would publish, or published. Raises PolicyError and what `publication.check` raises."""
    body = found.body
    toml, texts, version = str(body["toml"]), _texts(body["texts"]), str(body["version"])
    if found.state in (ProposalState.PROPOSED, ProposalState.APPROVED):
        today = _today(found.brand, at)
        terms = publication.check(brand=found.brand, version=version, toml=toml, texts=texts, today=today)
    else:
        terms = policy.terms(f"{found.brand}/{version}")
    return Frozen(toml=toml, texts=texts, terms=terms)


def approve(*, proposal_id: str, sha256: str, by: Person, at: datetime) -> Shown:
    """A second person approves what has that hash, and it is published. Raises SamePerson, NotPending, DraftMoved (another hash), and
    what `publication.check` raises, before anything is approved."""
    found = _terms(proposal_id)
    rules.check_pending(found.state, expires_at=found.expires_at, at=at)
    ready = proposed(found, at=at)
    if ready.sha256 != sha256 or ready.sha256 != found.body["sha256"]:
        raise DraftMoved("this is not what you read: open the page again")
    operations.approve(proposal_id=proposal_id, by=by, proposer=adjustments.proposer(found), at=at)
    return carry_out(proposal_id=proposal_id, at=at)


def refuse(*, proposal_id: str, by: Person, reason: str, at: datetime) -> Shown:
    """A second person refuses; the draft can be written on. Raises SamePerson, NotPending, InvalidProposal."""
    found = _terms(proposal_id)
    return operations.refuse(proposal_id=proposal_id, by=by, proposer=adjustments.proposer(found), reason=reason, at=at)


def carry_out(*, proposal_id: str, at: datetime) -> Shown:
    """Publish what was approved, once; what can no longer be published ends as failed, with the reason."""
    found = _terms(proposal_id)
    if found.state is not ProposalState.APPROVED:
        return found
    body, failed, note, effective_from = found.body, False, "", ""
    try:
        terms = publication.publish(
            brand=found.brand,
            version=str(body["version"]),
            toml=str(body["toml"]),
            texts=_texts(body["texts"]),
            today=_today(found.brand, at),
        )
        effective_from = str(terms.effective_from)
        note = f"published {terms.ref}, in force from {effective_from}"
    except CadranError as error:
        failed, note = True, error.message
    with transaction.atomic():
        if not failed:
            TermsDraft.objects.filter(draft_id=found.subject).update(closed=PUBLISHED)
            policy_events.record_event(
                kind="policy.terms-published",
                key=f"{found.brand}/{body['version']}",
                body={
                    "proposal": proposal_id,
                    "sha256": str(body["sha256"]),
                    "brand": found.brand,
                    "terms": f"{found.brand}/{body['version']}",
                    "effective_from": effective_from,
                },
                at=found.proposed_at,
            )
        return operations.finished(proposal_id=proposal_id, failed=failed, note=note[:400], at=at)


def follow(event: PendingEvent, _charging: object) -> None:
    """Approved terms are published by the jobs process, should the page that approved them not have done so."""
    if event.body["kind"] == ProposalKind.TERMS:
        carry_out(proposal_id=str(event.body["proposal"]), at=event.at)


def _terms(proposal_id: str) -> Shown:
    found = queries.proposal(proposal_id)
    if found.kind is not ProposalKind.TERMS:
        raise queries.UnknownProposal(f"{proposal_id[:40]!r} is about no terms")
    return found


def _tidy(text: str) -> str:
    """As forms send it, with one kind of line end and nothing around it."""
    return text.replace("\r\n", "\n").strip()[: drafting.MAX_TYPED]


def _day(found: Draft, problems: dict[str, str]) -> date | None:
    try:
        return date.fromisoformat(found.effective_from)
    except ValueError:
        problems["effective_from"] = "give the day from which it holds, such as 2027-01-01"
        return None


def _today(brand: str, at: datetime) -> date:
    return civil_day(at, policy.brand(brand).zone)


def _typed(terms: Terms) -> dict[str, str]:
    """Every value as a form shows it."""
    return {name: drafting.typed(value.content, value.unit) for name, value in terms.values.items()}


def _text(terms: Terms, language: str) -> str:
    return policy.terms_text(terms.ref, language)[0]


def _texts(raw: object) -> dict[str, str]:
    assert isinstance(raw, Mapping)
    return {str(language): str(text) for language, text in raw.items()}


def _row(draft_id: str) -> TermsDraft:
    row = TermsDraft.objects.filter(draft_id=draft_id).first()
    if row is None:
        raise UnknownDraft(f"there is no draft {draft_id[:40]!r}")
    return row


def _check_open(found: Draft) -> None:
    if not found.open:
        raise DraftMoved("this draft was submitted, published or dropped: refuse or withdraw the proposal to write on")


def _draft(row: TermsDraft) -> Draft:
    waiting = queries.proposals(
        state=ProposalState.PROPOSED, kinds=(ProposalKind.TERMS,), subject=row.draft_id, limit=1
    )
    return Draft(
        draft_id=row.draft_id,
        brand=row.brand,
        base=row.base,
        version=row.version,
        title=row.title,
        effective_from=row.effective_from,
        key_change=row.key_change,
        stated={
            name: row.stated.get(name, typed) for name, typed in _typed(policy.terms(f"{row.brand}/{row.base}")).items()
        },
        texts=row.texts,
        revision=row.revision,
        closed=row.closed,
        edited_by=row.edited_name,
        edited_at=row.edited_at,
        submitted=waiting[0] if waiting else None,
    )

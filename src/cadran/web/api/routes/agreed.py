"""The terms: their versions, what one changes in another, and a key change that the customer approves."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router

from cadran.journeys import new_terms
from cadran.party.keys.rules import Scope
from cadran.policy import drafting
from cadran.policy import queries as policy
from cadran.policy.terms import Content
from cadran.web import serving
from cadran.web.accounts.agreed import shown_language
from cadran.web.api import access, shapes
from cadran.web.api import shapes_customer as told
from cadran.web.api import shapes_setup as changes
from cadran.web.api.application import operation
from cadran.web.api.routes.account import account_of
from cadran.web.api.routes.public import Version

router = Router(tags=["account"])
public_router = Router(tags=["public"])


@operation(public_router, "GET", "/terms", answers_with=told.TermsLines, open_to_all=True)
def list_versions(request: HttpRequest) -> told.TermsLines:
    """Every version of the terms, newest first, and which is in force."""
    brand = policy.brand(serving.brand_key())
    in_force = policy.terms_in_force(brand.key, settings.CIVIL_CLOCK.now())
    found = [policy.terms(f"{brand.key}/{version}") for version in reversed(brand.versions)]
    return told.TermsLines(
        versions=[
            shapes.of(told.TermsLine, one, in_force=one.ref == in_force.ref, languages=sorted(one.sha256))
            for one in found
        ]
    )


@operation(
    public_router,
    "GET",
    "/terms/{version}/changes/{new}",
    answers_with=told.TermsDifference,
    open_to_all=True,
    may_fail=("policy-terms-unknown",),
)
def compare_terms(
    request: HttpRequest, version: Path[Version], new: Path[Version], language: shapes.Language = "fr"
) -> told.TermsDifference:
    """What a version of the terms changes in an earlier one, value by value and line by line."""
    brand = serving.brand_key()
    return _difference(policy.terms(f"{brand}/{version}").ref, policy.terms(f"{brand}/{new}").ref, language)


@operation(router, "GET", "/terms-approval", scope=Scope.READ_ACCOUNT, answers_with=told.TermsToApprove)
def read_terms_to_approve(request: HttpRequest, language: shapes.Language = "fr") -> told.TermsToApprove:
    """A key change of the terms that waits for the customer's approval, with its text and what it changes; if there is one."""
    customer = account_of(request).customer
    asked = new_terms.to_approve(accepted=customer.terms, at=settings.CIVIL_CLOCK.now())
    if asked is None:
        return told.TermsToApprove(asked=False, ref=None, language=None, text=None, sha256=None, difference=None)
    text, sha256 = policy.terms_text(asked.ref, language)
    return told.TermsToApprove(
        asked=True,
        ref=asked.ref,
        language=shown_language(asked.ref, language),
        text=text,
        sha256=sha256,
        difference=_difference(customer.terms, asked.ref, language),
    )


@operation(
    router,
    "POST",
    "/terms-approval",
    scope=Scope.WRITE_ACCOUNT,
    answers_with=None,
    status=204,
    may_fail=("journeys-terms-moved",),
)
def approve_new_terms(request: HttpRequest, asked: Body[told.TermsApprovalAsked]) -> None:
    """Approve the terms in force, for the customer, who read them: by version, hash of the text and language.

    What is approved is kept with the time and the address from which it came, as on the site.
    """
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    customer, at = account_of(request).customer, settings.CIVIL_CLOCK.now()
    language = shown_language(policy.terms_in_force(customer.brand, at).ref, asked.language)
    if not caller.test:
        new_terms.approve(
            user_id=customer.user_id,
            ref=asked.ref,
            text_sha256=asked.sha256,
            language=language,
            ip=access.client_address(request),
            at=at,
        )


def _difference(old: str, new: str, language: str) -> told.TermsDifference:
    """In the language asked for where both have it, else in the brand's own."""
    if any(shown_language(ref, language) != language for ref in (old, new)):
        language = policy.brand(new.partition("/")[0]).language
    before, after = policy.terms(old), policy.terms(new)
    lines = drafting.text_changes(policy.terms_text(old, language)[0], policy.terms_text(new, language)[0])
    return told.TermsDifference(
        old=old,
        new=new,
        values=[
            shapes.of(changes.ValueChange, one, before=_typed(one.before, one.unit), after=_typed(one.after, one.unit))
            for one in drafting.changes(before, after)
        ],
        texts=[changes.TextChange(language=language, mark=mark, line=line) for mark, line in lines],
    )


def _typed(content: Content | None, unit: str) -> str | None:
    return None if content is None else drafting.typed(content, unit)

"""The terms: what the customer accepted, a key change to approve before anything else, and the difference between two versions."""

from __future__ import annotations

import difflib
import re

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cadran.journeys import new_terms
from cadran.party import queries as party
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.web import forms, serving, texts
from cadran.web.accounts import again
from cadran.web.views.customer import for_customers

MOST_BLOCKS = 600
LIKE = 0.35


@carries("KRY-2.2-new-terms")
@require_safe
@for_customers
def accepted(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """What was accepted, version by version, and which version governs today."""
    at = settings.CIVIL_CLOCK.now()
    context = {
        "customer": customer,
        "acceptances": party.acceptances(customer_id=customer.id),
        "in_force": policy.terms_in_force(customer.brand, at),
        "governing": policy.governing_terms(customer.terms, at),
        "last": policy.terms(customer.terms),
        "versions": [policy.terms(f"{customer.brand}/{v}") for v in reversed(policy.brand(customer.brand).versions)],
    }
    return render(request, "accounts/accepted_terms.html", context)


@carries("KRY-2.2-new-terms")
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def approval(request: HttpRequest) -> HttpResponse:
    """A key change of the terms, to read and approve before anything else; what changed is shown."""
    customer = party.customer(user_id=again.user_id(request))
    at, language = settings.CIVIL_CLOCK.now(), forms.language()
    asked = new_terms.to_approve(accepted=customer.terms, at=at) if customer else None
    if customer is None or asked is None:
        return redirect("dashboard")
    text, digest = policy.terms_text(asked.ref, language)
    problem = ""
    if request.method == "POST":
        if request.POST.get("read") != f"{asked.ref} {digest}":
            problem = _("Cochez la case après avoir lu les conditions.")
        else:
            new_terms.approve(
                user_id=customer.user_id,
                ref=asked.ref,
                text_sha256=digest,
                language=shown_language(asked.ref, language),
                ip=forms.client_ip(request),
                at=at,
            )
            messages.success(request, _("Merci : votre accord est enregistré."))
            return redirect("dashboard")
    context = {
        "customer": customer,
        "asked": asked,
        "text": texts.html(text),
        "sha256": digest,
        "token": f"{asked.ref} {digest}",
        "changes": changed_text(customer.terms, asked.ref, language),
        "before": policy.terms(customer.terms),
        "problem": problem,
    }
    return render(request, "accounts/terms_approval.html", context, status=422 if problem else 200)


@carries("KRY-2.2-new-terms")
@require_safe
def compare(request: HttpRequest, old: str, new: str) -> HttpResponse:
    """What a version of the terms changed in another one, for anybody to read."""
    brand, language = serving.brand_key(), forms.language()
    try:
        one, other = policy.terms(f"{brand}/{old}"), policy.terms(f"{brand}/{new}")
    except policy.UnknownTerms as error:
        raise Http404 from error
    context = {
        "old": one,
        "new": other,
        "changes": changed_text(one.ref, other.ref, language),
        "values": changed_values(one.ref, other.ref),
    }
    return render(request, "accounts/terms_compare.html", context)


@carries("KRY-12.2-language")
def shown_language(ref: str, language: str) -> str:
    """The language in which a version's text is really shown: French where it has no other."""
    return language if language in policy.terms(ref).sha256 else policy.brand(ref.partition("/")[0]).language


@carries("KRY-12.2-language")
def changed_text(old: str, new: str, language: str) -> list[tuple[str, SafeString]]:
    """The difference between two versions in one language that both have: the page's, else French."""
    if any(shown_language(ref, language) != language for ref in (old, new)):
        language = policy.brand(new.partition("/")[0]).language
    return difference(policy.terms_text(old, language)[0], policy.terms_text(new, language)[0])


def difference(old: str, new: str) -> list[tuple[str, SafeString]]:
    """The paragraphs of a text that changed, each as (kind, HTML): `same` (a title that says where), `new`, `gone`, `changed` with
    the words marked."""
    before, after = _blocks(old), _blocks(new)
    found: list[tuple[str, SafeString]] = []
    title = ""
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag == "equal":
            title = next((block for block in reversed(after[b1:b2]) if block.startswith("#")), title)
            continue
        if title:
            found.append(("same", format_html("{}", title.lstrip("# "))))
            title = ""
        found += _changed(before[a1:a2], after[b1:b2])
    return found


def changed_values(old: str, new: str) -> list[tuple[str, str, str, str]]:
    """The values that two versions state differently: name, clause, before and after (empty where one states none)."""
    one, other = policy.terms(old).values, policy.terms(new).values
    found = []
    for name in sorted({*one, *other}):
        before, after = one.get(name), other.get(name)
        if (before and (before.content, before.unit)) != (after and (after.content, after.unit)):
            clause = (after or before).clause  # type: ignore[union-attr]
            found.append((name, clause, _stated(before), _stated(after)))
    return found


def _stated(value: object) -> str:
    content, unit = getattr(value, "content", None), getattr(value, "unit", "")
    if content is None:
        return ""
    shown = ", ".join(map(str, content)) if isinstance(content, tuple) else str(content)
    return f"{shown} {unit}"


def _blocks(text: str) -> list[str]:
    return [re.sub(r"\*+", "", " ".join(block.split())) for block in re.split(r"\n\s*\n", text) if block.strip()][
        :MOST_BLOCKS
    ]


def _changed(before: list[str], after: list[str]) -> list[tuple[str, SafeString]]:
    found: list[tuple[str, SafeString]] = []
    waiting = list(before)
    for block in after:
        near = max(waiting, key=lambda one: difflib.SequenceMatcher(None, one, block).quick_ratio(), default="")
        if near and difflib.SequenceMatcher(None, near, block).ratio() >= LIKE:
            place = waiting.index(near)
            found += [("gone", format_html("{}", one)) for one in waiting[:place]]
            waiting = waiting[place + 1 :]
            found.append(("changed", _words(near, block)))
        else:
            found.append(("new", format_html("{}", block.lstrip("# "))))
    return found + [("gone", format_html("{}", one.lstrip("# "))) for one in waiting]


def _words(before: str, after: str) -> SafeString:
    one, other = re.findall(r"\s+|\w+|[^\w\s]", before.lstrip("# ")), re.findall(r"\s+|\w+|[^\w\s]", after.lstrip("# "))
    parts: list[tuple[SafeString]] = []
    for tag, a1, a2, b1, b2 in difflib.SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append((format_html("{}", "".join(other[b1:b2])),))
            continue
        if a2 > a1:
            parts.append((format_html("<del>{}</del>", "".join(one[a1:a2])),))
        if b2 > b1:
            parts.append((format_html("<ins>{}</ins>", "".join(other[b1:b2])),))
    return format_html_join("", "{}", parts)

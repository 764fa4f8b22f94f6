"""What anybody may read: the brand, the documents in force, the prices."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Path, Router
from pydantic import StringConstraints

from cadran.catalog import queries as catalog
from cadran.journeys import registration
from cadran.policy import queries as policy
from cadran.web import serving
from cadran.web.api import problems, shapes, told
from cadran.web.api.application import operation

router = Router(tags=["public"])
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,29}$")]
Search = Annotated[
    str,
    StringConstraints(max_length=40, pattern=shapes.CONTROL_FREE),
    shapes.Says(
        {
            "description": "Part of a destination's name in either language, or the first digits of a number.",
            "examples": ["maroc"],
        }
    ),
]


@operation(router, "GET", "/brand", answers_with=shapes.Brand, open_to_all=True)
def read_brand(request: HttpRequest) -> shapes.Brand:
    """The brand that this host serves."""
    brand = policy.brand(serving.brand_key())
    return shapes.Brand(
        key=brand.key,
        name=brand.name,
        legal_name=brand.legal_name,
        currency=brand.currency,
        zone=brand.zone,
        languages=list(brand.languages),
        registration_open=brand.registration_open,
        terms=policy.terms_in_force(brand.key, settings.CIVIL_CLOCK.now()).ref,
    )


@operation(router, "GET", "/documents", answers_with=shapes.Documents, open_to_all=True)
def list_documents(request: HttpRequest, language: shapes.Language = "fr") -> shapes.Documents:
    """The documents in force, which a new customer reads and ticks.

    Each has its version, and the SHA-256 of exactly the text that is shown.
    """
    at = settings.CIVIL_CLOCK.now()
    offered = registration.documents(brand=serving.brand_key(), language=language, at=at)
    return shapes.Documents(
        documents=[
            shapes.OfferedDocument(
                document=one.document.value, ref=one.ref, sha256=one.text_sha256, language=one.language
            )
            for one in offered
        ]
    )


@operation(
    router,
    "GET",
    "/terms/{version}",
    answers_with=shapes.TermsText,
    open_to_all=True,
    may_fail=("policy-terms-unknown",),
)
def read_terms(request: HttpRequest, version: Path[Version], language: shapes.Language = "fr") -> shapes.TermsText:
    """One version of the terms, in force or earlier.

    The text in Markdown, and its SHA-256.
    """
    found = policy.terms(f"{serving.brand_key()}/{version}")
    text, sha256 = policy.terms_text(found.ref, language)
    return shapes.TermsText(
        ref=found.ref, effective_from=found.effective_from.isoformat(), language=language, text=text, sha256=sha256
    )


@operation(router, "GET", "/prices", answers_with=shapes.Prices, open_to_all=True)
def list_prices(
    request: HttpRequest,
    search: Search = "",
    language: shapes.Language = "fr",
    limit: shapes.Limit = 50,
) -> shapes.Prices:
    """The prices of the day, by country or first digits.

    Whole countries come before their towns and carriers.
    """
    at = settings.CIVIL_CLOCK.now()
    found = catalog.prices(serving.brand_key(), at, search, limit=limit)
    return shapes.Prices(prices=[told.price(one, language) for one in found], at=at)


@operation(
    router,
    "GET",
    "/prices/{digits}",
    answers_with=shapes.Price,
    open_to_all=True,
    may_fail=("api-not-found",),
)
def read_price(request: HttpRequest, digits: Path[shapes.Digits], language: shapes.Language = "fr") -> shapes.Price:
    """The price of a call to one number that starts now.

    The number in international form, digits alone.
    """
    found = catalog.price_of(serving.brand_key(), digits, settings.CIVIL_CLOCK.now())
    if found is None:
        raise problems.NotFound("no price of the day covers this number")
    return told.price(found, language)

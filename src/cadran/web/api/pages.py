"""Pages about the API: its documentation and its problems, for everybody; a customer's keys; staff's keys and webhooks."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cadran.party import queries as party
from cadran.party.keys import operations as key_operations
from cadran.party.keys import queries as keys
from cadran.party.keys.rules import CUSTOMER_SCOPES, InvalidKeyWish, TooManyKeys
from cadran.units.errors import CadranError
from cadran.web.accounts.again import asked_again
from cadran.web.api import catalogue, document, problems, words
from cadran.web.views.customer import for_customers

DAYS = (30, 90, 365)


@require_safe
def documentation(request: HttpRequest) -> HttpResponse:
    """Every operation of the document, as a page of this site: nothing is loaded from elsewhere."""
    context = {
        "groups": _groups(str(settings.PUBLIC_URL), "fr" if get_language() == "fr" else "en"),
        "base": f"{settings.PUBLIC_URL}/api/v1",
        "scopes": words.scopes(),
    }
    return render(request, "api/documentation.html", context)


@require_safe
def problem_table(request: HttpRequest) -> HttpResponse:
    """Every failure that the API tells, by its stable id: where the `type` of a problem leads."""
    used = document.known_problems()
    rows = [
        {"id": error_id, "status": problems.status_of(kind), "told": " ".join((kind.__doc__ or "").split())}
        for error_id, kind in catalogue.kinds().items()
        if error_id in used
    ]
    return render(request, "api/problems.html", {"rows": sorted(rows, key=lambda row: (row["status"], row["id"]))})


@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
@asked_again
def customer_keys(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The customer's keys: make one, shown once; revoke one."""
    at, made, wrong = settings.CIVIL_CLOCK.now(), None, ""
    if request.method == "POST" and "revoke" in request.POST:
        try:
            key_operations.revoke_key(
                prefix=request.POST["revoke"],
                account=customer.account,
                because="revoked on the site",
                by=customer.username,
                at=at,
            )
        except key_operations.KeyNotFound:
            raise Http404 from None
        messages.success(request, _("La clé est révoquée : elle n’ouvre plus rien."))
        return redirect("api_keys")
    if request.method == "POST":
        try:
            made = key_operations.make_customer_key(
                account=customer.account, made_by=customer.username, at=at, **wish(request)
            )
        except CadranError as error:
            wrong = told(error)
    context = {
        "customer": customer,
        "keys": [(key, key.state(at)) for key in keys.keys_of(customer.account)],
        "made": made,
        "wrong": wrong,
        "scopes": [one for one in words.scopes() if one.scope in CUSTOMER_SCOPES],
        "days": DAYS,
        "typed": request.POST,
        "ticked": request.POST.getlist("scopes"),
    }
    return render(request, "api/keys.html", context, status=422 if wrong else 200)


def wish(request: HttpRequest) -> dict[str, Any]:
    """What the form asks for."""
    days = request.POST.get("days", "")
    return {
        "label": request.POST.get("label", ""),
        "scopes": request.POST.getlist("scopes")[:40],
        "test": request.POST.get("test") == "on",
        "days": int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0,
    }


def told(error: CadranError) -> str:
    """Why a key was not made, in the language of the page."""
    if isinstance(error, TooManyKeys):
        return _("Vous avez déjà vingt clés en service : révoquez-en une d’abord.")
    if isinstance(error, InvalidKeyWish) and error.details.get("field") == "label":
        return _("Donnez un nom à la clé, de 1 à 60 caractères.")
    if isinstance(error, InvalidKeyWish) and error.details.get("field") == "scopes":
        return _("Cochez au moins un droit.")
    return _("Cette clé n’a pas pu être créée : vérifiez les choix et recommencez.")


@functools.lru_cache(maxsize=4)
def _groups(address: str, language: str) -> tuple[dict[str, Any], ...]:
    """The operations by tag, ready for the page."""
    built = document.build(address, language)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in document.TAGS}
    for path, methods in built["paths"].items():
        for method, one in methods.items():
            tag = "staff" if path.startswith("/staff") else one["tags"][0]
            found[tag].append(_operation(path, method.upper(), one, built))
    return tuple(
        {
            "tag": one["name"],
            "title": words.tag(one["name"]),
            "text": one["description"],
            "operations": found[one["name"]],
        }
        for one in built["tags"]
    )


def _operation(path: str, method: str, one: Mapping[str, Any], built: Mapping[str, Any]) -> dict[str, Any]:
    body: Mapping[str, Any] = next(iter(one.get("requestBody", {}).get("content", {}).values()), {})
    security = one["security"]
    answers = []
    for status, answer in one["responses"].items():
        reference = answer.get("$ref", "").rpartition("/")[2]
        resolved = built["components"]["responses"][reference] if reference else answer
        schema = resolved.get("content", {}).get("application/json", {}).get("schema", {})
        ids = list(resolved.get("content", {}).get(problems.MEDIA_TYPE, {}).get("examples", {}))
        answers.append({"status": status, "shape": _name(schema), "problems": ids})
    return {
        "id": one["operationId"],
        "method": method,
        "path": path,
        "summary": one["summary"],
        "text": _told(one),
        "scope": ", ".join(scope for need in security for scope in need["key"]),
        "open": not security,
        "parameters": [
            {
                "name": parameter["name"],
                "where": parameter["in"],
                "kind": _kind(parameter["schema"]),
                "required": parameter["required"],
                "text": parameter.get("description", "").replace("`", ""),
            }
            for parameter in one.get("parameters", ())
        ],
        "fields": _fields(body.get("schema", {}), built),
        "example": json.dumps(body["example"], ensure_ascii=False, indent=2) if "example" in body else "",
        "answers": answers,
        "returns": _returned(answers, built),
    }


def _told(one: Mapping[str, Any]) -> str:
    """What is told beside the summary; nothing where that says all."""
    text = str(one["description"]).partition("\n\n")[0]
    return "" if text.rstrip(".") == one["summary"].rstrip(".") else text.replace("`", "")


def _returned(answers: list[dict[str, Any]], built: Mapping[str, Any]) -> list[dict[str, Any]]:
    shape = next((one["shape"] for one in answers if one["shape"]), "")
    return _fields({"$ref": f"#/components/schemas/{shape}"} if shape else {}, built)


def _fields(schema: Mapping[str, Any], built: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in schema:
        schema = built["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "kind": _kind(told_),
            "required": name in required,
            "text": told_.get("description", "").replace("`", ""),
        }
        for name, told_ in schema.get("properties", {}).items()
    ]


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a value in a few words: `integer`, `string (date-time)`, `Bucket[]`, `answered | busy`."""
    if "$ref" in schema:
        return _name(schema)
    if len(schema.get("allOf", ())) == 1:
        return _kind(schema["allOf"][0])
    if "anyOf" in schema:
        return " | ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"{_kind(schema.get('items', {}))}[]"
    form = schema.get("format")
    return f"{kind} ({form})" if form and form != "cadran-cursor" else kind

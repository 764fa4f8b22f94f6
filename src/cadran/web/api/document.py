"""The OpenAPI 3.1 document: what the types tell, with keys and scopes, idempotency, limits, headers and every problem."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from cadran.party.keys.rules import Scope
from cadran.web.api import access, application, catalogue, french, problems

DESCRIPTION = """\
Everything that the portal and the back office do, for programs.

Amounts are integers in millionths of the currency, instants are UTC as RFC 3339, numbers are E.164 digits.
Send the key as `Authorization: Bearer ck_live_…`; a test key (`ck_test_…`) reads a sample account and does nothing real.
What writes bears an `Idempotency-Key`: the same key and request give the same answer, whenever it is sent again within 24 hours.
Failures are `application/problem+json` (RFC 9457) with a stable `error_id`.
"""
TAGS = {
    "public": "What anybody may read, without a key.",
    "registration": "Becoming a customer: what is asked, ticked and proved.",
    "account": "The customer that the key acts for.",
    "credit": "Buying credit, and what became of it.",
    "calling": "Calling by access numbers: calling numbers, the PIN, prepared calls.",
    "contacts": "Whom the account calls, and their speed-dial keys.",
    "webhooks": "Telling your programs what happened.",
    "staff": "The back office: keys of staff alone.",
}
OF_EVERY_KEY = (
    *("api-request-malformed", "api-key-missing", "keys-unknown", "keys-expired", "keys-revoked"),
    *("api-scope-missing", "api-permission-missing", "keys-owner-not-active", "api-wrong-brand"),
)
OF_ALL = ("api-not-acceptable", "api-request-too-large", "api-input-invalid", "api-rate-limited", "api-failed")
OF_WRITES = (
    *("api-idempotency-key-missing", "api-idempotency-in-progress", "idempotency-key-reused"),
    *("api-content-type-unsupported", "keys-wish-invalid"),
)
LANGUAGES = ("en", "fr")
# What answers with a file rather than JSON.
FILES = {"export_data": "application/zip"}
# What bears a body and needs no Idempotency-Key.
OF_BODY = ("api-request-malformed", "api-content-type-unsupported")
EXAMPLES: dict[str, object] = {
    "place_top_up": {"amount_micros": 10_000_000},
    "set_sip_password": {"password": "k7mq-x3dw-p9ra-t4hv"},
    "change_preferences": {"raised_duration": True},
    "report": {"kind": "lost-codes", "lost": ["sip"], "text": "My telephone was stolen"},
    "open_case": {"kind": "billing", "text": "Why was this call charged?"},
    "write_in_case": {"text": "Thank you."},
    "propose_refund": {
        "account": "A000001",
        "order": "pay_01k7m3x9d0h2v5w8y1t6c4r9bn",
        "amount_micros": 10_000_000,
        "reason": "Paid twice by mistake",
    },
    "refuse_document": {"reason": "unreadable", "note": "The photo is too dark."},
    "answer_case": {"text": "The call was charged by the second, as clause 10.1 says."},
    "activate_deck": {"day": "2027-01-01"},
    "preview_rerating": {
        "deck": "world",
        "version": "2026-11",
        "since": "2026-11-01T00:00:00Z",
        "until": "2026-11-15T00:00:00Z",
        "prefixes": ["336"],
    },
    "propose_rerating": {
        "deck": "world",
        "version": "2026-11",
        "since": "2026-11-01T00:00:00Z",
        "until": "2026-11-15T00:00:00Z",
        "reason": "The price of mobiles was wrong",
    },
    "refuse_rerating": {"reason": "The period is too long"},
    "set_up_carrier": {"host": "sip.carrier.example", "port": 5060, "user": "cadran", "password": "a-long-secret"},
    "search_everything": {"text": "0612345678"},
    "add_webhook": {"url": "https://hooks.example.com/cadran", "kinds": ["call.ended", "payment.received"]},
    "add_staff_webhook": {"url": "https://hooks.example.com/cadran", "kinds": ["payment.review-needed"]},
    "change_webhook": {"enabled": True},
    "change_staff_webhook": {"enabled": True},
    "search_customers": {"text": "claire@example.org"},
    "require_change": {"site": True, "sip": False, "reason": "Codes lost, case C-000042"},
    "block_customer": {"reason": "Fraud reported by the carrier"},
    "unblock_customer": {"reason": "The customer proved who it is"},
    "cut_call": {"reason": "Fraud reported by the carrier"},
    "propose_adjustment": {
        "kind": "give-credit",
        "account": "A000001",
        "amount_micros": 5_000_000,
        "reason": "Goodwill after an outage",
    },
}


def serve(request: HttpRequest) -> HttpResponse:
    """The document as JSON, in English or with `?language=fr` in French. What programs go by is the same in both."""
    access.Open()(request)
    language = request.GET.get("language", "en")
    if language not in LANGUAGES:
        return problems.answer(request, problems.InputInvalid("a language is fr or en", field="query.language"))
    text, mark = _text(str(settings.PUBLIC_URL), language)
    response = HttpResponse(text, content_type="application/json")
    response.headers["ETag"] = mark
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@functools.cache
def _text(address: str, language: str) -> tuple[bytes, str]:
    text = json.dumps(build(address, language), ensure_ascii=False, separators=(",", ":")).encode()
    return text, f'"{hashlib.sha256(text).hexdigest()[:20]}"'


def build(address: str, language: str = "en") -> dict[str, Any]:
    """The document of an installation at that address, in that language."""
    from cadran.web.api import v1  # noqa: F401 - the operations are declared where their routers are added

    made = application.api.get_openapi_schema(path_prefix="")
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Cadran", "version": "1", "description": DESCRIPTION},
        "servers": [{"url": f"{address}/api/v1"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": made["paths"],
        "components": made["components"],
    }
    schemas = found["components"]["schemas"]
    schemas["Problem"] = _problem_schema()
    found["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of the API: made on the page `API` of the account, or by staff. Its scopes: "
            + ", ".join(f"`{scope.value}`" for scope in Scope),
        }
    }
    found["components"]["headers"] = _headers()
    shared: dict[str, Any] = {}
    for methods in found["paths"].values():
        for method, told in methods.items():
            _complete(method.upper(), told, shared)
    found["components"]["responses"] = dict(sorted(shared.items()))
    found["components"]["examples"] = _examples()
    _say(found, language)
    return found


def _say(found: dict[str, Any], language: str) -> None:
    """Say what each field and parameter means; and in French all that the code says in English."""
    for name, schema in found["components"]["schemas"].items():
        if language == "fr":
            schema["description"] = french.shape(name)
        _say_fields(schema, name, language)
    for methods in found["paths"].values():
        for told in methods.values():
            for parameter in told.get("parameters", ()):
                if parameter["in"] != "header":
                    parameter["description"] = french.field(parameter["name"], language=language)
            for content in told.get("requestBody", {}).get("content", {}).values():
                _say_fields(content["schema"], "", language)
            if language == "fr":
                _say_in_french(told)
    if language == "fr":
        words = french.words()
        found["info"]["description"] = words["document"]["description"]
        for tag in found["tags"]:
            tag["description"] = words["tags"][tag["name"]]
        for name, header in found["components"]["headers"].items():
            header["description"] = words["headers"][name]
        key = found["components"]["securitySchemes"]["key"]
        key["description"] = words["document"]["key"] + ", ".join(f"`{scope.value}`" for scope in Scope)


def _say_fields(schema: dict[str, Any], shape: str, language: str) -> None:
    for name, told in schema.get("properties", {}).items():
        if language == "fr" or not told.get("description"):
            told["description"] = french.field(name, shape=shape, language=language)


def _say_in_french(told: dict[str, Any]) -> None:
    name, words = told["operationId"], french.words()["document"]
    scopes = application.DECLARED[name].scopes
    told["summary"] = french.summary(name)
    told["description"] = french.text(name) or french.summary(name)
    if scopes:
        told["description"] += "\n\nDroits : " + ", ".join(f"`{scope.value}`" for scope in scopes) + "."
    for parameter in told.get("parameters", ()):
        if parameter["in"] == "header":
            parameter["description"] = words["idempotency"]


def _complete(method: str, told: dict[str, Any], shared: dict[str, Any]) -> None:
    declared = application.DECLARED[told["operationId"]]
    told.pop("security", None)
    open_to_all = declared.open_to_all
    told["security"] = [] if open_to_all else [{"key": [scope.value for scope in declared.scopes]}]
    if declared.scopes:
        told["description"] += "\n\nScope: " + ", ".join(f"`{scope.value}`" for scope in declared.scopes) + "."
    if declared.writes:
        told["parameters"] = [*told.get("parameters", []), _idempotency_parameter()]
    if body := told.get("requestBody"):
        content = next(iter(body["content"].values()))
        if (example := EXAMPLES.get(told["operationId"])) is not None:
            content["example"] = example
    of_body = OF_WRITES if declared.writes else OF_BODY if method != "GET" else ()
    ids = (*OF_ALL, *(() if open_to_all else OF_EVERY_KEY), *of_body, *declared.may_fail)
    by_status: dict[int, list[str]] = {}
    kinds = catalogue.kinds()
    for error_id in dict.fromkeys(ids):
        by_status.setdefault(problems.status_of(kinds[error_id]), []).append(error_id)
    headers = {
        name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy", "Request-Id")
    }
    for parameter in told.get("parameters", ()):
        _without_null(parameter)
    if told["operationId"] in FILES:
        content = {FILES[told["operationId"]]: {"schema": {"type": "string", "format": "binary"}}}
        told["responses"] = {"200": {"description": "OK", "content": content}}
    told["responses"] = {str(status): told_ for status, told_ in told["responses"].items()}
    for response in told["responses"].values():
        response["headers"] = dict(headers)
        if declared.writes:
            response["headers"][application.REPLAYED] = {"$ref": f"#/components/headers/{application.REPLAYED}"}
    for status, found in sorted(by_status.items()):
        name = f"Problem{status}-{hashlib.sha256(' '.join(found).encode()).hexdigest()[:6]}"
        shared.setdefault(name, _failure(status, found, headers))
        told["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}


def _failure(status: int, ids: list[str], headers: dict[str, Any]) -> dict[str, Any]:
    extra = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}} if status in {409, 429, 503} else {}
    examples = {error_id: {"$ref": f"#/components/examples/{error_id}"} for error_id in ids}
    return {
        "description": "; ".join(f"`{error_id}`" for error_id in ids),
        "headers": headers | extra,
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }


def known_problems() -> set[str]:
    """The ids of all failures that the document names, and of those that any address may answer with."""
    from cadran.web.api import v1  # noqa: F401 - as in `build`

    found = {*OF_ALL, *OF_EVERY_KEY, *OF_WRITES, "api-not-found", "api-method-not-allowed"}
    return found.union(*(declared.may_fail for declared in application.DECLARED.values()))


def _examples() -> dict[str, Any]:
    used = known_problems()
    kinds = catalogue.kinds()
    return {
        error_id: {
            "value": {
                "type": problems.type_uri(error_id),
                "title": problems.title_of(kinds[error_id]),
                "status": problems.status_of(kinds[error_id]),
                "detail": problems.title_of(kinds[error_id]),
                "error_id": error_id,
                "request_id": "req_01k7m3x9d0h2v5w8y1t6c4r9bn",
            }
        }
        for error_id in sorted(used)
    }


def _without_null(parameter: dict[str, Any]) -> None:
    """A parameter that may be left out is not one that may be null: an address has no null."""
    kinds = [kind for kind in parameter["schema"].get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        parameter["schema"] = kinds[0]


def _idempotency_parameter() -> dict[str, Any]:
    return {
        "in": "header",
        "name": "Idempotency-Key",
        "required": True,
        "description": "One for each wish; the same one when the request is sent again. Kept for 24 hours.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:@/-]{1,128}$", "minLength": 1, "maxLength": 128},
        "example": "5f0c9c1e-6d5b-4f43-9a43-0d4c2f1f2a6e",
    }


def _headers() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "RateLimit": {"description": "Calls left (`r`), and seconds until all are back (`t`).", "schema": text},
        "RateLimit-Policy": {"description": "Calls allowed (`q`) in a window of seconds (`w`).", "schema": text},
        "Request-Id": {"description": "Names the request in our log.", "schema": text},
        "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
        application.REPLAYED: {"description": "`true`: the answer to the first such request.", "schema": text},
    }


def _problem_schema() -> dict[str, Any]:
    return {
        "title": "Problem",
        "type": "object",
        "description": "RFC 9457. `error_id` is stable and may be relied upon; `detail` is for people.",
        "required": ["type", "title", "status", "detail", "error_id", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "error_id": {"type": "string"},
            "request_id": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                },
            },
            "decision": {"$ref": "#/components/schemas/Decision"},
        },
    }

"""The API itself: how an operation is declared, and how what it returns or raises becomes an answer."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NoReturn

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from ninja import NinjaAPI, Router
from ninja.errors import HttpError, ValidationError
from ninja.params import models as params
from ninja.parser import Parser
from pydantic import BaseModel

from cadran.party.keys.rules import Scope
from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.web.api import access, answers, problems

log = structlog.get_logger()
View = Callable[..., BaseModel | HttpResponseBase | None]
REPLAYED = "Idempotency-Replayed"


class StrictJson(Parser):
    """JSON in UTF-8 without NaN, Infinity and repeated names."""

    def parse_body(self, request: HttpRequest) -> Any:
        return json.loads(
            request.body.decode("utf-8"), parse_constant=_refused, parse_float=_number, object_pairs_hook=_unrepeated
        )


def _number(text: str) -> int | float:
    """JSON knows no kinds of numbers: 10.0 is the integer 10. Exactly, and no larger than anything that we count."""
    number = Decimal(text)
    if abs(number.adjusted()) > 30:
        raise ValueError("a number out of all bounds")
    return int(number) if number == number.to_integral_value() else float(text)


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


api = NinjaAPI(
    title="Cadran",
    version="1",
    openapi_url=None,
    docs_url=None,
    urls_namespace="api-v1",
    parser=StrictJson(),
    auth=None,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the document tells of an operation beyond what its view's types tell."""

    scopes: tuple[Scope, ...]
    writes: bool
    open_to_all: bool
    may_fail: tuple[str, ...]

    @property
    def scope(self) -> Scope | None:
        """The first scope that is needed; None where any key may."""
        return self.scopes[0] if self.scopes else None


DECLARED: dict[str, Declared] = {}


def operation(
    router: Router,
    method: str,
    path: str,
    *,
    scope: Scope | None = None,
    also: tuple[Scope, ...] = (),
    answers_with: type[BaseModel] | None,
    status: int = 200,
    may_fail: tuple[str, ...] = (),
    open_to_all: bool = False,
    kept: bool = True,
    name: str = "",
) -> Callable[[View], View]:
    """Declare an operation: its view takes the request and the fields that its signature names, and returns the model to answer with.

    Without `scope`, any key may call; `open_to_all`, anybody may. `also`: further scopes, all of which are needed. What a key
    writes needs an Idempotency-Key. `may_fail`: the ids of the failures that are its own. `kept` false: the answer is a file or
    a secret that is not kept for repeats, and nothing is written. `name`: the operation's id, else the view's name.
    """

    def declare(view: View) -> View:
        writes = method in access.WRITES and not open_to_all and kept
        scopes = () if scope is None else (scope, *also)
        signature = inspect.signature(view, eval_str=True)
        known = {name for name, one in signature.parameters.items() if _in_address(one, path)}
        run = _checked(_idempotent(view, status) if writes else _plain(view, status), frozenset(known))
        DECLARED[name or view.__name__] = Declared(
            scopes=scopes, writes=writes, open_to_all=open_to_all, may_fail=may_fail
        )
        run.__signature__ = signature  # type: ignore[attr-defined]
        summary, _, rest = (view.__doc__ or "").partition("\n")
        auth = access.Open() if open_to_all else access.Key(*scopes)
        router.api_operation(
            [method],
            path,
            auth=auth,
            response={status: answers_with},
            operation_id=name or view.__name__,
            summary=summary.rstrip("."),
            description=" ".join(rest.split()) or summary,
        )(run)
        return view

    return declare


def _in_address(one: inspect.Parameter, path: str) -> bool:
    """Whether a parameter stands behind the question mark, rather than in the path, the body or a form."""
    marks = [*getattr(one.annotation, "__metadata__", ()), one.default]
    elsewhere = any(isinstance(mark, (params.Form, params.File)) for mark in marks)
    in_path = f"{{{one.name}}}" in path or f"{{path:{one.name}}}" in path
    return not in_path and one.name not in {"request", "asked"} and not elsewhere


def _checked(answer: Callable[..., HttpResponseBase], known: frozenset[str]) -> Callable[..., HttpResponseBase]:
    """The answer, where the address has no parameter but the known ones: a misspelt filter must not be passed over."""

    @functools.wraps(answer)
    def run(request: HttpRequest, **given: Any) -> HttpResponseBase:
        if (unknown := next((name for name in request.GET if name not in known), None)) is not None:
            raise problems.InputInvalid("this parameter is not known here", field=f"query.{unknown[:60]}")
        return answer(request, **given)

    return run


def _plain(view: View, status: int) -> Callable[..., HttpResponseBase]:
    @functools.wraps(view)
    def run(request: HttpRequest, **given: Any) -> HttpResponseBase:
        return _rendered(view(request, **given), status)

    return run


def _idempotent(view: View, status: int) -> Callable[..., HttpResponse]:
    @functools.wraps(view)
    def run(request: HttpRequest, **given: Any) -> HttpResponse:
        caller: access.Caller = request.auth  # type: ignore[attr-defined]
        key = _idempotency_key(request)
        mark = answers.fingerprint(request.method or "", request.get_full_path(), _content(request))
        at = settings.CIVIL_CLOCK.now()
        if (earlier := answers.begin(owner=caller.owner, key=key, fingerprint=mark, at=at)) is not None:
            response = HttpResponse(earlier.body, status=earlier.status, content_type=earlier.media_type)
            response.headers[REPLAYED] = "true"
            return response
        request.auth = dataclasses.replace(caller, deed=answers.deed(caller.owner, key))  # type: ignore[attr-defined]
        try:
            rendered = _rendered(view(request, **given), status)
            assert isinstance(rendered, HttpResponse), "what is kept for repeats is no stream"
            response = rendered
        except CadranError as error:
            response = _on_refusal(request, error)
        except BaseException:
            answers.forget(owner=caller.owner, key=key)
            raise
        if response.status_code >= 500 or response.status_code == 429:
            answers.forget(owner=caller.owner, key=key)
            return response
        kept = answers.Answer(response.status_code, response.headers.get("Content-Type", ""), response.content)
        answers.keep(owner=caller.owner, key=key, answer=kept)
        return response

    return run


def _content(request: HttpRequest) -> bytes:
    """What makes two bodies the same: the bytes; of a form its fields and files, whatever its boundary was."""
    if request.content_type != access.FORM:
        return request.body
    told = hashlib.sha256()
    for name, value in sorted(request.POST.items()):
        told.update(f"{name}\0{value}\0".encode("utf-8", "replace"))
    for name, file in sorted(request.FILES.items()):
        assert isinstance(file, UploadedFile)
        told.update(f"{name}\0{file.size}\0".encode("utf-8", "replace") + hashlib.sha256(file.read()).digest())
        file.seek(0)
    return told.digest()


def _idempotency_key(request: HttpRequest) -> str:
    key = request.headers.get("idempotency-key", "").strip().strip('"')
    if not key:
        raise problems.IdempotencyKeyMissing("send an Idempotency-Key header, such as a fresh UUID")
    try:
        return ids.checked_key(key)
    except ids.InvalidKey as error:
        raise problems.Malformed(error.message) from error


def _rendered(found: BaseModel | HttpResponseBase | None, status: int) -> HttpResponseBase:
    if isinstance(found, HttpResponseBase):
        return found
    if found is None:
        return HttpResponse(status=status)
    return HttpResponse(found.model_dump_json().encode(), status=status, content_type="application/json")


def _on_refusal(request: HttpRequest, error: CadranError) -> HttpResponse:
    headers: Mapping[str, str] = {}
    if isinstance(retry_s := error.details.get("retry_s"), int):
        headers = {"Retry-After": str(max(1, retry_s))}
    elif problems.status_of(error) == 503 or isinstance(error, problems.InProgress):
        headers = {"Retry-After": "5" if problems.status_of(error) == 503 else "1"}
    return problems.answer(request, error, headers=headers)


def _on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    found = [
        problems.Invalid(field=".".join(str(part) for part in one["loc"])[:200], message=str(one["msg"])[:300])
        for one in error.errors[:20]
    ]
    return problems.answer(request, problems.InputInvalid("correct the fields named in `errors`"), invalid=found)


def _on_malformed(request: HttpRequest, error: Exception) -> HttpResponse:
    return problems.answer(request, problems.Malformed("the request cannot be read: send JSON in UTF-8"))


def _on_missing(request: HttpRequest, error: Exception) -> HttpResponse:
    return problems.answer(request, problems.NotFound("there is nothing at this address"))


def _on_failure(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("api-failed", request_id=getattr(request, "api_request_id", ""), exc_info=error)
    return problems.answer(request, problems.Failed("this failed on our side: tell us the request's id"))


_HANDLERS: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
    CadranError: _on_refusal,
    ValidationError: _on_invalid,
    Http404: _on_missing,
    HttpError: _on_malformed,
    SuspiciousOperation: _on_malformed,
    BadRequest: _on_malformed,
    UnreadablePostError: _on_malformed,
    Exception: _on_failure,
}
for _kind, _handler in _HANDLERS.items():
    api.add_exception_handler(_kind, _handler)

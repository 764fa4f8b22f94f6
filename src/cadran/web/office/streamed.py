"""A page that takes a while: its head is sent at once, then a bar that grows, then the result. No script is needed: each new bar
hides the one before it, and the result hides them all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TypeVar, cast

import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from cadran.party.queries import Staff
from cadran.units.errors import CadranError
from cadran.web.office.pages import Crumb, page

T = TypeVar("T")
SLOT = "<!-- slot -->"
MOST_STEPS = 400
log = structlog.get_logger()


def streamed(
    request: HttpRequest,
    staff: Staff,
    template: str,
    context: Mapping[str, object],
    *,
    steps: Generator[tuple[int, int], None, T],
    told: Callable[[T], tuple[str, Mapping[str, object]]],
    crumbs: Sequence[Crumb] = (),
) -> HttpResponse:
    """The page of `template`, in which SLOT stands where the result comes. steps give what is done and all there is to do, and
    return what `told` turns into the name and the context of the result's template. The first step is taken before anything is
    sent, so that what it raises is the caller's."""
    first = next(steps)
    whole = page(request, staff, template, context, crumbs=crumbs).content.decode()
    head, tail = whole.split(SLOT)
    more = {**context, "can": dict.fromkeys(_held(staff), True)}
    zone, language = timezone.get_current_timezone(), get_language() or "fr"

    def sent() -> Iterator[str]:
        with override(language), timezone.override(zone):
            yield head + '<div class="counting" role="status">' + _bar(*first)
            shown, result = 0, None
            while result is None:
                try:
                    done, total = next(steps)
                except StopIteration as over:
                    result = over.value
                    break
                except CadranError as error:
                    log.warning("report-failed", page=template, error=error.error_id)
                    yield f'</div><div class="message error" role="alert">{_("Le calcul s’est arrêté : recommencez.")}</div>{tail}'
                    return
                if done * MOST_STEPS // max(total, 1) > shown:
                    shown = done * MOST_STEPS // max(total, 1)
                    yield _bar(done, total)
            name, found = told(result)
            yield "</div>" + render_to_string(f"office/{name}", {**more, **found}, request=request) + tail

    response = StreamingHttpResponse(sent(), content_type="text/html; charset=utf-8")
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    return cast(HttpResponse, response)  # both are what a server sends; gates and tests ask for no more


def _bar(done: int, total: int) -> str:
    words = f"{number_format(done, force_grouping=True)} / {number_format(total, force_grouping=True)}"
    return format_html(
        '<p class="counted"><progress max="{}" value="{}"></progress> <span class="num">{}</span></p>\n',
        total or 1,
        done,
        words,
    )


def _held(staff: Staff) -> tuple[str, ...]:
    from cadran.party.staff import MAY

    return tuple(permission.value.replace("-", "_") for permission in MAY[staff.role]) if staff.active else ()

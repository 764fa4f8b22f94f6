"""What query pages share: filters read from the address, the link to the further page, a download that no spreadsheet can run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse

from cadran.party import queries as party
from cadran.party.queries import Customer, Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.units.period import midnight
from cadran.web import serving
from cadran.web.office import pages

ON_PAGE = 50
MOST_DOWNLOADED = 10_000
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def typed(request: HttpRequest, name: str, most: int = 80) -> str:
    """What was typed into that field: one line, without control characters, at most so long."""
    text = "".join(c for c in request.GET.get(name, "") if c.isprintable())
    return text.strip()[:most]


def choice(request: HttpRequest, name: str, allowed: Collection[str]) -> str:
    """One of the values allowed, or empty."""
    value = request.GET.get(name, "")
    return value if value in allowed else ""


def day(request: HttpRequest, name: str) -> date | None:
    """The day typed (2026-03-01), or None where it is none."""
    try:
        found = date.fromisoformat(request.GET.get(name, "")[:10])
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None


def between(request: HttpRequest) -> tuple[datetime | None, datetime | None]:
    """From the beginning of the day `since` to the end of the day `until`, in the zone of the brand served."""
    zone = policy.brand(serving.brand_key()).zone
    first, last = day(request, "since"), day(request, "until")
    return (
        midnight(first, zone) if first else None,
        midnight(last + timedelta(days=1), zone) if last else None,
    )


def brands(request: HttpRequest, staff: Staff) -> tuple[str, ...]:
    """The brands to look at: the one chosen if it is within reach, else all that this member serves (empty: every brand)."""
    chosen = choice(request, "brand", policy.brand_keys())
    if chosen and staff.serves(chosen):
        return (chosen,)
    return staff.brands


def brand_choices(staff: Staff) -> tuple[str, ...]:
    """The brands that this member may choose between."""
    return staff.brands or policy.brand_keys()


def reach(staff: Staff, account: str) -> Customer:
    """The customer of an account, if its brand is within this member's reach; else 404, as for one that is not there."""
    try:
        customer = party.customer_of_account(account)
    except party.UnknownCustomer:
        raise Http404 from None
    if not staff.serves(customer.brand):
        raise Http404
    return customer


def place(request: HttpRequest, *kinds: type) -> list[str] | None:
    """The parts of `after`, from where to go on; None on the first page or where it cannot be read."""
    parts = request.GET.get("after", "")[:300].split("~")
    if len(parts) != len(kinds):
        return None
    for part, kind in zip(parts, kinds, strict=True):
        try:
            datetime.fromisoformat(part) if kind is datetime else kind(part)
        except ValueError:
            return None
    return parts


def address(request: HttpRequest, **changes: object) -> str:
    """The address of this page with other parameters: None removes one."""
    kept = {name: request.GET[name] for name in request.GET if name not in changes}
    kept |= {name: str(value) for name, value in changes.items() if value is not None}
    return "?" + urlencode(kept)


def wants_download(request: HttpRequest, staff: Staff) -> str:
    """`csv` or `json` where it is asked for and permitted, else empty."""
    found = choice(request, "as", {"csv", "json"})
    return found if found and staff.may(Permission.DOWNLOAD) else ""


def download(
    request: HttpRequest, staff: Staff, *, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> HttpResponse:
    """The rows as a file, at most MOST_DOWNLOADED, written into the log of staff. CSV cells that a spreadsheet would run get an
    apostrophe in front."""
    kept = [list(row) for _, row in zip(range(MOST_DOWNLOADED), rows, strict=False)]
    form = choice(request, "as", {"csv", "json"})
    pages.seen(request, staff, page=name, kind="download", subject=request.GET.urlencode()[:120])
    if form == "json":
        text = json.dumps([dict(zip(columns, map(_plain, row), strict=True)) for row in kept], ensure_ascii=False)
        response = HttpResponse(text, content_type="application/json; charset=utf-8")
    else:
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL)
        writer.writerow(columns)
        writer.writerows([[harmless(cell) for cell in row] for row in kept])
        response = HttpResponse("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


def harmless(cell: object) -> object:
    """The cell as CSV keeps it: numbers and instants as they are, text that a spreadsheet would run with an apostrophe in front."""
    plain = _plain(cell)
    if isinstance(plain, str) and plain.lstrip(" ").startswith(_RUN_BY_SPREADSHEETS):
        return "'" + plain
    return plain


def _plain(cell: object) -> object:
    if isinstance(cell, datetime):
        return cell.isoformat()
    return cell if isinstance(cell, int | str) or cell is None else str(cell)

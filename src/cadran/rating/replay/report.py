"""A comparison as files: a page with a drawing for people, CSV and JSON for programs. Everything of the records is escaped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path

from cadran.rating.replay import causes
from cadran.rating.replay.run import Cause, Comparison, amount

SENTENCES = {
    causes.SAME: "Both amounts are equal.",
    causes.ROUNDING: "The same price, rounded otherwise or at other decimals.",
    causes.INCREMENT: "The seconds were counted in other steps.",
    causes.CONNECTION: "The connection fee is another, or was left out.",
    causes.MINIMUM: "The minimum charge is another, or was left out.",
    causes.BAND: "The price is that of another time band.",
    causes.HOUR: "The time band is that of a clock that is some hours off: a time zone or a clock change.",
    causes.PREFIX: "The price is that of a shorter prefix.",
    causes.DATE: "The price is one that held on another day.",
    causes.TAX: "The price with tax added, or taken out.",
    causes.DURATION: "A second more or less was charged.",
    causes.PRICE: "The same other price a minute explains all calls of the prefix.",
    causes.FREE: "The other system took nothing.",
    causes.TWICE: "The other system took twice the amount.",
    causes.NO_AMOUNT: "The record has no amount to compare.",
    causes.AMBIGUOUS: "More than one cause explains the amount: none is chosen.",
    causes.UNEXPLAINED: "No hypothesis comes to the amount.",
}
BAR = 26
WIDTH = 760
LEFT, RIGHT = 210, 150
MOST_BARS = 16

_STYLE = Path(__file__).with_name("report.css")


def write(found: Comparison, folder: Path, title: str) -> tuple[Path, ...]:
    """report.html, report.json and causes.csv in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    told = found.as_dict()
    contents = {
        "report.html": page(found, title),
        "report.json": json.dumps({"title": title, **told}, ensure_ascii=False, indent=1) + "\n",
        "causes.csv": table(found),
    }
    written = []
    for name, text in contents.items():
        part = folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        written.append(part.replace(folder / name))
    return tuple(written)


def table(found: Comparison) -> str:
    """One line for each cause and currency."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["cause", "currency", "records", "theirs", "ours", "difference"])
    for (cause, currency), sums in found.ordered():
        difference = amount(sums.theirs - sums.ours)
        writer.writerow([cause, currency, sums.records, amount(sums.theirs), amount(sums.ours), difference])
    return out.getvalue()


def page(found: Comparison, title: str) -> str:
    """A page that stands alone: no script, nothing from elsewhere."""
    told = found.as_dict()
    rows = found.ordered()
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Replay: {escape(title)}</title><style>{_STYLE.read_text(encoding='utf-8')}</style></head><body><main>"
    )
    parts = [head, f'<p class="soft">Replay of another system\'s charges</p><h1>{escape(title)}</h1>']
    parts.append(f'<div class="figures">{"".join(_figures(found, told))}</div>')
    different = [(key, sums) for key, sums in rows if key[0] != causes.SAME]
    if different:
        parts.append(f'<h2>Difference by cause</h2><div class="card">{drawing(different)}</div>')
    else:
        parts.append('<p class="card">Every amount is the same, to the last decimal.</p>')
    parts.append(f'<h2>All causes</h2><div class="card">{_table(rows)}</div>')
    if different:
        parts.append(f'<h2>The largest differences of each cause</h2><div class="card">{_examples(different)}</div>')
    rounding = ", ".join(escape(one) for one in found.roundings) or "not seen"
    parts.append(
        f'<p class="soft">The other system writes {found.decimals} decimals; its rounding: {rounding}. A cause is stated where '
        "changing that one thing in our exact arithmetic comes to the other amount; where several do, the difference is "
        "ambiguous and all are named. theirs − ours: above zero, the other system took more.</p></main></body></html>"
    )
    return "\n".join(parts) + "\n"


def drawing(rows: list[tuple[tuple[str, str], Cause]]) -> str:
    """Bars from a middle line: to the right the other system took more, to the left less. SVG."""
    rows = rows[:MOST_BARS]
    largest = max((abs(sums.theirs - sums.ours) for _, sums in rows), default=0) or 1
    height = len(rows) * (BAR + 10) + 34
    middle, half = LEFT + (WIDTH - LEFT - RIGHT) // 2, (WIDTH - LEFT - RIGHT) // 2
    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Difference by cause">']
    out.append(f'<line class="axis" x1="{middle}" y1="22" x2="{middle}" y2="{height - 6}"/>')
    out.append(f'<text class="soft" x="{middle - 8}" y="14" text-anchor="end">they took less</text>')
    out.append(f'<text class="soft" x="{middle + 8}" y="14">they took more</text>')
    for index, ((cause, currency), sums) in enumerate(rows):
        difference, y = sums.theirs - sums.ours, 28 + index * (BAR + 10)
        length = max(1, abs(difference) * half // largest) if difference else 0
        x = middle if difference >= 0 else middle - length
        kind = "more" if difference >= 0 else "less"
        told = f"{'+' if difference > 0 else ''}{amount(difference)} {currency}"
        out.append(f'<text x="{LEFT - 14}" y="{y + 18}" text-anchor="end">{escape(cause)}</text>')
        out.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{length}" height="{BAR}" rx="4"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{y + 12}">{escape(told)}</text>')
        out.append(f'<text class="soft" x="{WIDTH - RIGHT + 12}" y="{y + 27}">{sums.records:,} records</text>')
    out.append("</svg>")
    return "".join(out)


def _figures(found: Comparison, told: dict[str, object]) -> Iterator[str]:
    for name, key in (
        ("records", "records"),
        ("the same", "same"),
        ("different", "different"),
        ("not rated", "rejected"),
    ):
        yield f'<div class="figure"><span class="soft">{name}</span><b>{told[key]:,}</b></div>'
    totals: dict[str, list[int]] = {}
    for (_, currency), sums in found.causes.items():
        both = totals.setdefault(currency, [0, 0])
        both[0] += sums.theirs
        both[1] += sums.ours
    for currency, (theirs, ours) in sorted(totals.items()):
        for name, value in (("theirs", theirs), ("ours", ours), ("theirs − ours", theirs - ours)):
            text = f"{amount(value)} {escape(currency)}"
            yield f'<div class="figure"><span class="soft">{name}</span><b>{text}</b></div>'


def _table(rows: list[tuple[tuple[str, str], Cause]]) -> str:
    out = ['<table><thead><tr><th>Cause</th><th class="n">Records</th><th class="n">Theirs</th>']
    out.append('<th class="n">Ours</th><th class="n">Theirs − ours</th></tr></thead><tbody>')
    for (cause, currency), sums in rows:
        told = escape(SENTENCES.get(cause, "Tax together with one more thing."))
        cells = (amount(sums.theirs), amount(sums.ours), amount(sums.theirs - sums.ours))
        figures = "".join(f'<td class="n">{one} {escape(currency)}</td>' for one in cells)
        out.append(
            f'<tr><td><b>{escape(cause)}</b><br><span class="soft">{told}</span></td><td class="n">{sums.records:,}</td>'
            f"{figures}</tr>"
        )
    return "".join(out) + "</tbody></table>"


def _examples(rows: list[tuple[tuple[str, str], Cause]]) -> str:
    out = []
    for index, ((cause, currency), sums) in enumerate(rows):
        state = " open" if index == 0 else ""
        out.append(f"<details{state}><summary>{escape(cause)}, {escape(currency)}</summary><table><thead><tr>")
        out.append('<th>Line</th><th>Number</th><th>At</th><th class="n">Seconds</th><th class="n">Theirs</th>')
        out.append('<th class="n">Ours</th><th>What</th></tr></thead><tbody>')
        for one in sorted(sums.examples, reverse=True):
            cells = (escape(f"{one.file}:{one.line}"), one.number, one.at)
            figures = (str(one.seconds), amount(one.theirs), amount(one.ours))
            out.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells))
            out.append("".join(f'<td class="n">{cell}</td>' for cell in figures))
            out.append(f"<td>{escape(one.detail)}</td></tr>")
        out.append("</tbody></table></details>")
    return "".join(out)

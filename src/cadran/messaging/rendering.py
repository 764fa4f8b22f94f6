"""The words of mails: text and HTML twins from the templates of `mail/`, in the brand's colours and the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.template import Context, loader
from django.utils import timezone, translation
from django.utils.html import escape

from cadran.policy import queries as policy

LANGUAGES = ("fr", "en")
SANS = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans',Arial,sans-serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A mail's words: subject on one line, and both twins."""

    subject: str
    text: str
    html: str
    language: str


def written(kind: str, *, brand: str, language: str, url: str, context: Mapping[str, object]) -> Written:
    """Write the mail of that kind, `mail/<kind>.subject.txt`, `.txt` and `.html`, for a reader of `language` (French for one that
    has no translation). `url`: where the brand's site is. Dates are the brand's civil ones. Raises TemplateDoesNotExist."""
    seller = policy.brand(brand)
    tongue = language if language in LANGUAGES else "fr"
    known = {
        "brand": seller,
        "operator": seller.operator,
        "url": url.rstrip("/"),
        "styles": _styles(seller.colours),
        "indicative": tongue != seller.language,
        **context,
    }
    with translation.override(tongue), timezone.override(seller.zone):
        subject, text = (_plain(f"mail/{kind}{end}", known) for end in (".subject.txt", ".txt"))
        html = loader.render_to_string(f"mail/{kind}.html", dict(known, subject=" ".join(subject.split())))
    return Written(subject=" ".join(subject.split()), text=_tidy(text), html=html.strip() + "\n", language=tongue)


def plain_as_html(text: str) -> list[dict[str, str]]:
    """The paragraphs of a plain text, for the layout: one that is an address alone is a button, the rest is escaped."""
    found = []
    for paragraph in filter(None, (part.strip() for part in text.replace("\r\n", "\n").split("\n\n"))):
        if paragraph.startswith(("https://", "http://")) and len(paragraph.split()) == 1:
            found.append({"link": paragraph})
        else:
            found.append({"html": escape(paragraph).replace("\n", "<br>")})
    return found


def _plain(template: str, context: Mapping[str, object]) -> str:
    """A text template, in which nothing is escaped."""
    found = loader.get_template(template)
    return str(found.template.render(Context(dict(context), autoescape=False)))  # type: ignore[attr-defined]


def _tidy(text: str) -> str:
    """No blank line after another, none at the ends, no blank at a line's end."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _styles(colours: Mapping[str, str]) -> dict[str, str]:
    """What each part looks like: mail programs keep styles that stand on the element itself, and little else."""
    ink, primary = colours["text"], colours["primary"]
    soft, line = "#5b6875", "#dde3ea"
    return {
        "page": f"margin:0;padding:0;background:{colours['background']};",
        "outer": f"width:100%;background:{colours['background']};border-collapse:collapse;",
        "sheet": "width:100%;max-width:600px;margin:0 auto;border-collapse:separate;border-spacing:0;background:#ffffff;"
        f"border:1px solid {line};border-radius:14px;overflow:hidden;",
        "head": f"background:{primary};color:#ffffff;padding:20px 28px;font:700 21px/1.2 {SANS};letter-spacing:-.01em;",
        "body": f"padding:28px;color:{ink};font:16px/1.55 {SANS};",
        "foot": f"padding:18px 28px 22px;border-top:1px solid {line};color:{soft};font:13px/1.5 {SANS};",
        "h1": f"margin:0 0 16px;color:{ink};font:700 24px/1.25 {SANS};letter-spacing:-.015em;",
        "p": f"margin:0 0 16px;color:{ink};font:16px/1.55 {SANS};",
        "soft": f"margin:0 0 12px;color:{soft};font:14px/1.5 {SANS};",
        "amount": f"margin:0 0 18px;color:{ink};font:700 34px/1.1 {SANS};letter-spacing:-.02em;",
        "rows": f"width:100%;border-collapse:collapse;margin:0 0 22px;border-top:1px solid {line};",
        "th": f"padding:10px 14px 10px 0;border-bottom:1px solid {line};color:{soft};font:14px/1.45 {SANS};text-align:left;"
        "vertical-align:top;width:38%;",
        "td": f"padding:10px 0;border-bottom:1px solid {line};vertical-align:top;color:{ink};font:600 15px/1.45 {SANS};"
        "text-align:left;word-break:break-word;",
        "button": f"display:inline-block;background:{primary};color:#ffffff;text-decoration:none;border-radius:10px;"
        f"padding:13px 22px;font:650 16px/1.2 {SANS};",
        "link": f"color:{primary};",
        "note": f"margin:0 0 18px;padding:12px 16px;border-left:3px solid {primary};background:{colours['background']};"
        f"color:{ink};font:15px/1.5 {SANS};",
        "hidden": "display:none;max-height:0;overflow:hidden;mso-hide:all;",
    }

"""Address books as other programs write them: vCard (2.1 to 4.0) and CSV, read to names, numbers as written, notes and keys. Pure."""

from __future__ import annotations

import csv
import io
import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cadran.party.calling import rules
from cadran.units.errors import InvalidInput

MOST_BYTES = 2_000_000
MOST_ENTRIES = 5_000
MOST_COLUMNS = 200
LONGEST_LINE = 20_000
_CARD = re.compile(r"BEGIN:VCARD", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
# How programs head their columns, without accents and in lower case.
_NAMES = {
    "name",
    "nom",
    "nom complet",
    "full name",
    "contact",
    "display name",
    "file as",
    "beneficiaire",
    "beneficiary",
}
_FIRST = {"first name", "prenom", "given name", "prenoms"}
_LAST = {"last name", "nom de famille", "family name", "surname"}
_ORGANISATION = {"organization name", "organization 1 - name", "company", "societe", "organisation"}
_NOTES = {"note", "notes", "remarque", "comment", "commentaire"}
_KEYS = {"key", "touche", "speed dial", "speed-dial", "numero abrege"}
_NUMBERS = re.compile(
    r"(?:numero|number|tel|telephone|phone|mobile|portable|gsm|fixe)(?: de telephone)?|phone [0-9] - value|"
    r"(?:mobile|home|business|primary|other|main)(?: phone| number)?(?: [23])?|(?:tel|telephone) .{1,20}"
)
_ACCENTS = str.maketrans("àâäéèêëîïôöùûüç", "aaaeeeeiioouuuc")


class UnreadableBook(InvalidInput):
    """A file that is no vCard and no CSV with a column of numbers, or that is too large."""

    error_id = "calling-book-unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name with one number, both as written. line: where it begins in the file, from 1. key: speed dial as written, or empty."""

    line: int
    name: str
    number: str
    note: str = ""
    key: str = ""


def read(data: bytes) -> tuple[Entry, ...]:
    """Every number of a book. Raises UnreadableBook."""
    if len(data) > MOST_BYTES:
        raise UnreadableBook(
            f"the file has more than {MOST_BYTES // 1_000_000} MB: export a part of the book", rule="size"
        )
    text = _text(data)
    entries = _cards(text) if _CARD.search(text[:2000]) else _table(text)
    found = list[Entry]()
    for entry in entries:
        if len(found) >= MOST_ENTRIES:
            raise UnreadableBook(
                f"the file has more than {MOST_ENTRIES} numbers: export a part of the book", rule="size"
            )
        found.append(entry)
    if not found:
        raise UnreadableBook("no number was found in the file: export the book as vCard (.vcf) or CSV", rule="empty")
    return tuple(found)


def written(contacts: tuple[tuple[str, str, str, int | None], ...]) -> str:
    """Contacts (name, E.164 digits, note, key) as vCard 4.0 (RFC 6350), which `read` reads back."""
    lines = list[str]()
    for name, digits, note, key in contacts:
        lines += ["BEGIN:VCARD", "VERSION:4.0", f"FN:{_escaped(name)}", f"TEL;VALUE=uri;TYPE=voice:tel:+{digits}"]
        lines += [f"NOTE:{_escaped(note)}"] if note else []
        lines += [f"X-SPEED-DIAL:{key}"] if key else []
        lines.append("END:VCARD")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _cards(text: str) -> Iterator[Entry]:
    begun, fields = 0, list[tuple[str, str, str]]()
    for line, content in _unfolded(text):
        head, colon, value = content.partition(":")
        parts = head.split(";")
        name = parts[0].rpartition(".")[2].upper()
        if name == "BEGIN" and value.strip().upper() == "VCARD":
            begun, fields = line, []
        elif name == "END" and begun:
            yield from _card(begun, fields)
            begun = 0
        elif begun and colon and name in {"FN", "N", "ORG", "TEL", "NOTE", "X-SPEED-DIAL"}:
            parameters = ";".join(parts[1:]).upper()
            fields.append((name, parameters, _decoded(value, parameters)))


def _card(line: int, fields: list[tuple[str, str, str]]) -> Iterator[Entry]:
    said: dict[str, str] = {}
    for name, _parameters, value in fields:
        if name != "TEL" and value.strip():
            said.setdefault(name, value)
    numbers = [(value, parameters) for name, parameters, value in fields if name == "TEL" and value.strip()]
    family, _semicolon, rest = said.get("N", "").partition(";")
    title = _plain(said.get("FN") or f"{rest.split(';')[0]} {family}".strip() or said.get("ORG", "").split(";")[0])
    for place, (number, parameters) in enumerate(numbers):
        kind = _kind(parameters) if len(numbers) > 1 else ""
        yield Entry(
            line=line,
            name=f"{title[: 78 - len(kind)]} ({kind})" if kind else title[:80],
            number=re.sub(r"(?i)^tel:", "", number.strip()).partition(";")[0],
            note=_plain(said.get("NOTE", ""))[:200],
            key=said.get("X-SPEED-DIAL", "").strip() if place == 0 else "",
        )


def _kind(parameters: str) -> str:
    for mark, shown in (("CELL", "mobile"), ("HOME", "home"), ("WORK", "work"), ("FAX", "fax")):
        if mark in parameters:
            return shown
    return ""


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines, each with where it begins: what begins with a blank goes on, as does quoted-printable that ends in `=`."""
    begun, held = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        quoted = "QUOTED-PRINTABLE" in held[:200].upper() and held.endswith("=")
        if held and (quoted or line.startswith((" ", "\t"))):
            held = (held[:-1] + line) if quoted else held + line[1:]
            held = held[:LONGEST_LINE]
            continue
        if held:
            yield begun, held
        begun, held = number, line[:LONGEST_LINE]
    if held:
        yield begun, held


def _decoded(value: str, parameters: str) -> str:
    if "QUOTED-PRINTABLE" in parameters:
        raw = quopri.decodestring(value.encode("utf-8", errors="replace"))
        return _text(raw)
    return value


def _plain(text: str) -> str:
    unescaped = _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], text)
    return " ".join("".join(one if one.isprintable() else " " for one in unescaped).split())


def _escaped(text: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", text).replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Lines of at most 75 bytes (RFC 6350, 3.2), never within a character."""
    piece = ""
    for one in line:
        if len((piece + one).encode()) > 74:
            yield piece
            piece = " "
        piece += one
    yield piece


def _table(text: str) -> Iterator[Entry]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(";,\t", key=first.count)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
        head = next(rows, [])
        columns = _columns(head[:MOST_COLUMNS])
        for row in rows:
            yield from _row(rows.line_num, row[:MOST_COLUMNS], columns)
    except csv.Error as error:
        raise UnreadableBook("the file is no table of commas, semicolons or tabulators", rule="columns") from error


def _columns(head: list[str]) -> Mapping[str, tuple[int, ...]]:
    titles = [" ".join(one.strip().lower().translate(_ACCENTS).split()) for one in head]

    def where(names: set[str]) -> tuple[int, ...]:
        return tuple(place for place, title in enumerate(titles) if title in names)

    last = where(_LAST)
    name = where(_NAMES)
    numbers = tuple(place for place, title in enumerate(titles) if _NUMBERS.fullmatch(title))
    if not numbers or not (name or last or where(_FIRST) or where(_ORGANISATION)):
        raise UnreadableBook(
            "the first line names the columns, among them one of names and one of numbers: nom;numéro", rule="columns"
        )
    return {
        "numbers": numbers,
        "name": name,
        "first": where(_FIRST),
        "last": last,
        "company": where(_ORGANISATION),
        "note": where(_NOTES),
        "key": where(_KEYS),
    }


def _row(line: int, row: list[str], columns: Mapping[str, tuple[int, ...]]) -> Iterator[Entry]:
    def cell(name: str) -> str:
        return next((_plain(row[place]) for place in columns[name] if place < len(row) and row[place].strip()), "")

    whole = f"{cell('first')} {cell('last')}".strip()
    name = cell("name")
    if (
        columns["first"] and cell("first") and name and not columns["last"]
    ):  # « Nom » beside « Prénom »: the family name
        whole, name = f"{cell('first')} {name}", ""
    title = (name or whole or cell("company"))[:80]
    first = True
    for place in columns["numbers"]:
        for number in (row[place] if place < len(row) else "").split(":::")[:5]:
            # A spreadsheet's guard against formulas.
            if text := _plain(number).removeprefix("'"):
                yield Entry(
                    line=line, name=title, number=text, note=cell("note")[:200], key=cell("key") if first else ""
                )
                first = False


def checked_speed_key(text: str) -> int | None:
    """The key that a book says, or None where it says none that there is."""
    tidy = text.strip()
    if not (tidy.isascii() and tidy.isdigit() and len(tidy) <= 2):
        return None
    key = int(tidy)
    return key if rules.KEYS[0] <= key <= rules.KEYS[1] else None

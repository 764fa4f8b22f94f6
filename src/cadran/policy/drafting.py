"""A new version of some terms before it is published: values typed by people, the file that states them, and what it changes. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from cadran.policy import values
from cadran.policy.terms import Content, Scalar, Terms, TermsValue
from cadran.units.errors import InvalidInput

MICROS = 1_000_000
CONTEXT_LINES = 2
MAX_TYPED = 20_000
_YES, _NO = "true", "false"


class InvalidTyped(InvalidInput):
    """A typed value that cannot be of its unit."""

    error_id = "policy-draft-value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value that a version changes. None: the version before, or this one, does not state it."""

    name: str
    clause: str
    unit: str
    before: Content | None
    after: Content | None


def is_money(unit: str) -> bool:
    """Whether values of that unit are typed as an amount with decimals."""
    return unit.startswith("micro-")


def typed(content: Content, unit: str) -> str:
    """A content as it stands in a form: amounts in whole units of the currency, lists one item a line, tables as `key = item`."""
    if isinstance(content, Mapping):
        return "\n".join(f"{key} = {_item(item, unit)}" for key, item in content.items())
    if isinstance(content, tuple):
        return "\n".join(_item(item, unit) for item in content)
    return _item(content, unit)


def read_typed(text: str, like: TermsValue) -> Content:
    """The content that was typed for a value like that one, of the same shape. Raises InvalidTyped."""
    if len(text) > MAX_TYPED or "\0" in text:
        raise InvalidTyped(f"{like.name} is too long or holds a character that no text has")
    lines = [line.strip() for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    if isinstance(like.content, Mapping):
        pairs = [line.partition("=") for line in lines]
        if any(not mark or not key.strip() for key, mark, _ in pairs):
            raise InvalidTyped(f"{like.name}: write one `key = value` a line")
        if len({key.strip() for key, _, _ in pairs}) < len(pairs):
            raise InvalidTyped(f"{like.name}: a key stands twice")
        found: Content = {key.strip(): _read_item(item.strip(), like) for key, _, item in pairs}
    elif isinstance(like.content, tuple):
        found = tuple(_read_item(line, like) for line in lines)
    else:
        if len(lines) != 1:
            raise InvalidTyped(f"{like.name}: write one value")
        found = _read_item(lines[0], like)
    raw = list(found) if isinstance(found, tuple) else found
    if wrong := next(values.problems(like.name, raw, like.unit), ""):
        raise InvalidTyped(f"{like.name}: {wrong}")
    return found


def changes(before: Terms, after: Terms) -> tuple[Change, ...]:
    """What a version states otherwise than another, by name."""
    found = []
    for name in sorted(set(before.values) | set(after.values)):
        old, new = before.values.get(name), after.values.get(name)
        told = new or old
        assert told is not None
        if old is None or new is None or (old.content, old.unit, old.clause) != (new.content, new.unit, new.clause):
            found.append(
                Change(
                    name=name,
                    clause=told.clause,
                    unit=told.unit,
                    before=old.content if old else None,
                    after=new.content if new else None,
                )
            )
    return tuple(found)


def text_changes(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """The changed lines of a text with a little around them: (mark, line), the mark `+`, `-`, ` ` or `…` between places."""
    found: list[tuple[str, str]] = []
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=CONTEXT_LINES, lineterm="")
    for number, line in enumerate(lines):
        if number < 2:
            continue
        if line.startswith("@@"):
            if found:
                found.append(("…", ""))
        else:
            found.append((line[:1], line[1:]))
    return tuple(found)


def toml_text(
    *,
    brand: str,
    version: str,
    title: str,
    effective_from: date,
    key_change: bool,
    stated: Mapping[str, TermsValue],
) -> str:
    """The file of a version, as the loader reads it."""
    lines = [
        "[terms]",
        f"brand = {toml_value(brand)}",
        f"version = {toml_value(version)}",
        f"title = {toml_value(title)}",
        f"effective_from = {effective_from.isoformat()}",
        f"key_change = {toml_value(key_change)}",
    ]
    for name, value in stated.items():
        lines += ["", f"[{name}]", f"value = {toml_value(value.content)}"]
        lines += [f"unit = {toml_value(value.unit)}", f"clause = {toml_value(value.clause)}"]
        if value.note:
            lines.append(f"note = {toml_value(value.note)}")
    return "\n".join(lines) + "\n"


def _item(item: Scalar, unit: str) -> str:
    if isinstance(item, bool):
        return _YES if item else _NO
    if isinstance(item, int) and is_money(unit):
        text = f"{Decimal(item) / MICROS:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(item)


def _read_item(text: str, like: TermsValue) -> Scalar:
    wanted = values.unit_type(like.unit)
    if wanted is bool:
        if text not in (_YES, _NO):
            raise InvalidTyped(f"{like.name} is {_YES} or {_NO}")
        return text == _YES
    if wanted is int:
        return _amount(text, like) if is_money(like.unit) else _whole(text, like)
    return text


def _whole(text: str, like: TermsValue) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise InvalidTyped(f"{like.name} is a whole number of {like.unit}, not {text[:40]!r}")
    return int(text)


def _amount(text: str, like: TermsValue) -> int:
    try:
        if not re.fullmatch(r"[0-9]{1,12}([.,][0-9]{1,6})?", text):
            raise InvalidOperation
        return int(Decimal(text.replace(",", ".")) * MICROS)
    except InvalidOperation:
        raise InvalidTyped(
            f"{like.name} is an amount such as 1.50, with six decimals at most, not {text[:40]!r}"
        ) from None


def toml_value(content: object) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(content, bool):
        return _YES if content else _NO
    if isinstance(content, int):
        return str(content)
    if isinstance(content, Mapping):
        return "{ " + ", ".join(f"{_string(str(key))} = {toml_value(item)}" for key, item in content.items()) + " }"
    if isinstance(content, date):
        return content.isoformat()
    if isinstance(content, (tuple, list)):
        return "[" + ", ".join(toml_value(item) for item in content) + "]"
    return _string(str(content))


def _string(text: str) -> str:
    """A basic string on one line; JSON's escapes are TOML's, but for the delete character, which TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def sentences(changed: tuple[Change, ...]) -> Iterator[str]:
    """Each change in one line, as a log or a mail tells it."""
    for one in changed:
        before = "-" if one.before is None else typed(one.before, one.unit).replace("\n", ", ")
        after = "-" if one.after is None else typed(one.after, one.unit).replace("\n", ", ")
        yield f"{one.name} ({one.clause}): {before} -> {after}"

"""The site password: its rules, and the shipped list of passwords that attackers try first.

`common_passwords.bin` holds the first five bytes of the SHA-256 of each common password in its plainest form, sorted;
`scripts/make_common_passwords.py` makes it. What is typed is brought to the same form in several ways (digits and signs taken
off its ends, `0` read as `o`, halves that repeat...), so that `P@ssw0rd2026!` is found as `password`. Nothing leaves the machine.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from cadran.party import rules
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.units.errors import CadranError

LIST = Path(__file__).with_name("common_passwords.bin")
PREFIX_BYTES = 5
_LOOKALIKES = str.maketrans("0134578@$!|€+", "oleastbasiiet")
_RUNS = (
    *("0123456789", "9876543210", "abcdefghijklmnopqrstuvwxyz"),
    *("azertyuiop", "qsdfghjklm", "wxcvbn", "qwertyuiop", "asdfghjkl", "zxcvbnm"),
)
_TAIL = re.compile(r"[\W_]{0,4}(?:\d{1,4}|0?123\d*|(?:19|20)\d{2}\d{0,4}|(\d)\1{0,9})?[\W_]{0,4}")


@carries("IPP-5.3-codes", "KRY-4.2.1-account")
def checked(password: str, *, user_name: str = "", email: str = "") -> str:
    """The password itself, if it keeps the rules of `rules.checked_password` and is none of the common ones, nor made from a brand's
    name. Raises WeakPassword."""
    rules.checked_password(password, user_name=user_name, email=email)
    if is_common(password, words=context_words()):
        raise rules.WeakPassword(
            "this password is among those tried first: take several words of your own", rule="common"
        )
    return password


def is_common(password: str, *, words: frozenset[str] = frozenset()) -> bool:
    """Whether the password, or what it was made from, is among the common ones or these words."""
    folded = password.casefold()
    if len(set(folded)) < 5 or _is_run(folded):
        return True
    return any(form in words or _listed(form) for form in plain_forms(folded))


def context_words() -> frozenset[str]:
    """What people of this installation think of first: the keys and names of its brands and of who runs them, whole and word by word,
    in small letters."""
    found = {"cadran"}
    for key in policy.brand_keys():
        with contextlib.suppress(CadranError):
            brand = policy.brand(key)
            for text in (key, brand.name.casefold(), brand.legal_name.casefold()):
                parts = re.findall(r"\w+", text)
                found.update(("".join(parts), *parts))
    return frozenset(word for word in found if len(word) >= 4)


def plain_forms(folded: str) -> Iterator[str]:
    """The plain forms that a password in small letters may stand for, itself first; at most a dozen, the shortest of 4 characters."""
    seen: set[str] = set()
    for text in (folded, folded.translate(_LOOKALIKES)):
        for form in (text, _without_ends(text), re.sub(r"[\W_]", "", text)):
            half = form[: len(form) // 2]
            for one in (form, _without_ends(form), half if half * 2 == form else ""):
                if len(one) >= 4 and one not in seen:
                    seen.add(one)
                    yield one
    for one in list(seen):
        if one.isalpha():
            continue
        if (
            (letters := re.sub(r"[\W\d_]+", "", one)) not in seen
            and len(letters) >= 4
            and len(letters) * 2 > len(folded)
        ):
            seen.add(letters)
            yield letters


def digest(form: str) -> bytes:
    """How the list names a password."""
    return hashlib.sha256(form.encode()).digest()[:PREFIX_BYTES]


def _without_ends(text: str) -> str:
    """The text without the year, the few digits and the signs that people put around a word."""
    core = text.strip("0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")
    at = text.find(core) if core else 0
    before, after = text[:at], text[at + len(core) :]
    return core if _TAIL.fullmatch(before) and _TAIL.fullmatch(after) else text


def _is_run(folded: str) -> bool:
    """Whether it is one or two stretches of a keyboard's row, of the alphabet or of counting."""
    doubled = [run * 2 for run in _RUNS]
    for cut in range(1, len(folded) + 1):
        parts = [part for part in (folded[:cut], folded[cut:]) if part]
        if all(any(part in run for run in doubled) for part in parts):
            return True
    return False


def _listed(form: str) -> bool:
    table, wanted = _table(), digest(form)
    at = bisect.bisect_left(table, wanted)
    return at < len(table) and table[at] == wanted


@functools.cache
def _table() -> tuple[bytes, ...]:
    raw = LIST.read_bytes()
    return tuple(raw[at : at + PREFIX_BYTES] for at in range(0, len(raw), PREFIX_BYTES))

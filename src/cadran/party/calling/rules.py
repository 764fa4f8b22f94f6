"""What a contact, a speed-dial key and a PIN must be. Pure."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta

from cadran.units.errors import CadranError, InvalidInput

MOST_CONTACTS = 1000
KEYS = (1, 99)
PIN_LENGTHS = (4, 8)
PIN_TRIES = 5
PREPARED_FOR = timedelta(minutes=2)
_TEXT = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_NAME = re.compile(_TEXT + "{1,80}")
_NOTE = re.compile(_TEXT + "{0,200}")
_PIN = re.compile(r"[0-9]{4,8}")
_OFTEN_CHOSEN = frozenset(
    {"1004", "1122", "1313", "1379", "1397", "2580", "0852", "1590", "3570", "7410", "0147", "6969", "1470", "112233"}
    | {"123123", "121212", "159357", "147258", "147369", "258369", "789456", "456789", "102030", "11223344", "147852"}
)


class InvalidContact(InvalidInput):
    """A contact's name or note that cannot be read: details `field` names which."""

    error_id = "calling-contact-invalid"


class TooManyContacts(CadranError):
    """The account keeps as many contacts as one may keep: remove one first."""

    error_id = "calling-contacts-full"


class InvalidKey(InvalidInput):
    """A speed-dial key is a number from 1 to 99."""

    error_id = "calling-key-invalid"


class InvalidPin(InvalidInput):
    """Not 4 to 8 digits."""

    error_id = "calling-pin-invalid"


class TrivialPin(InvalidPin):
    """One that somebody else would try first."""

    error_id = "calling-pin-trivial"


def checked_name(text: str) -> str:
    """The name on one line. Raises InvalidContact."""
    name = " ".join(text.split())
    if not _NAME.fullmatch(name):
        raise InvalidContact("a contact's name has 1 to 80 characters", field="name", rule="name")
    return name


def checked_note(text: str) -> str:
    """The note on one line, or nothing. Raises InvalidContact."""
    note = " ".join(text.split())
    if not _NOTE.fullmatch(note):
        raise InvalidContact("a note has at most 200 characters", field="note", rule="note")
    return note


def checked_key(key: int | None) -> int | None:
    """1 to 99, or None for no key. Raises InvalidKey."""
    if key is not None and (isinstance(key, bool) or not KEYS[0] <= key <= KEYS[1]):
        raise InvalidKey(f"a speed-dial key is a number from {KEYS[0]} to {KEYS[1]}")
    return key


def checked_pin(text: str, *, known: tuple[str, ...] = ()) -> str:
    """4 to 8 digits that are not guessed first. known: digits that others know of the customer, such as its numbers: a PIN that
    ends or begins one of them is as good as none. Raises InvalidPin, TrivialPin."""
    pin = text.strip()
    if not (pin.isascii() and _PIN.fullmatch(pin)):
        raise InvalidPin(f"a PIN has {PIN_LENGTHS[0]} to {PIN_LENGTHS[1]} digits")
    if _trivial(pin) or any(number.endswith(pin) or number.startswith(pin) for number in known):
        raise TrivialPin("this PIN is among the first that somebody else would try: choose another")
    return pin


def _trivial(pin: str) -> bool:
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:  # 4444, 12345, 7890, 9876, 3210
        return True
    half = len(pin) // 2
    if len(pin) % 2 == 0 and pin[:half] == pin[half:]:  # 1212, 123123
        return True
    if len(set(pin)) <= 2 and len(pin) <= 5:  # 1112, 5556
        return True
    if pin == pin[::-1]:  # 1221
        return True
    return pin in _OFTEN_CHOSEN or (len(pin) == 4 and 1900 <= int(pin) <= 2059)  # years of birth

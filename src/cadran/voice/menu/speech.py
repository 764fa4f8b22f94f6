"""Numbers, amounts, durations, dates and digits as rows of recordings, said as people say them in French and English.

The recordings are fragments (`prompts/manifest.toml`, `[fragments.<language>]`). In French the numbers from 0 to 71, 80 and 81 are
recorded as they are, with feminine ones (`n21-f`, vingt et une) and joined ones, spoken as before a noun (`n6-l`, six as in six
minutes); euros come with the sound that links them to the number (`euros-z` after deux). In English numbers are put together from
`n0` to `n19`, tens, `hundred`, `thousand`, `million`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from cadran.units import errors
from cadran.units.clause import carries

Prompts = tuple[str, ...]
MICROS_A_CENT = 10_000
LARGEST = 999_999_999
MOST_DIGITS = 24


class Unspeakable(errors.CadranError):
    """A value that cannot be said: not a number, too large, or in a currency without recordings."""

    error_id = "voice-menu-unspeakable"


def say(form: str, value: str | int | bool, *, language: str, currency: str = "EUR") -> Prompts:
    """A value in one of FORMS. Amounts are integers of micro-units. Raises Unspeakable."""
    if form not in FORMS or language not in _SPEAKERS:
        raise Unspeakable(f"say a value in one of {', '.join(FORMS)}, in one of {', '.join(_SPEAKERS)}")
    if currency != "EUR" and form in ("amount", "credit", "price"):
        raise Unspeakable(f"there are no recordings for amounts in {currency}")
    return FORMS[form](_SPEAKERS[language], value)


_SIX = (6, 26, 36, 46, 56, 66, 86)  # end in six, and lose its last sound before what they count
_DIX = (10, 70, 90)


class French:
    """Long scale is not needed: the largest number is under a milliard."""

    ands = ("et",)

    def number(self, n: int, *, feminine: bool = False, joined: bool = False, before_mille: bool = False) -> Prompts:
        """joined: a noun follows. before_mille: `mille` follows, so that vingt and cent take no s."""
        if n >= 1_000_000:
            head = (*self.number(n // 1_000_000, joined=True), "million" if n < 2_000_000 else "millions")
            return (*head, *self._rest(n % 1_000_000, feminine, joined))
        if n >= 1000:
            head = () if n < 2000 else self.number(n // 1000, before_mille=True)
            return (*head, "mille", *self._rest(n % 1000, feminine, joined))
        if n >= 100:
            rest = n % 100
            alone = rest == 0 and not before_mille
            name = "h1" if n < 200 else f"h{n // 100}" if alone else f"h{n // 100}-l"
            return (
                name,
                *(self.number(rest, feminine=feminine, joined=joined, before_mille=before_mille) if rest else ()),
            )
        if n > 81 or 71 < n < 80:
            tens, rest = ("n80-l", n - 80) if n > 80 else ("n60", n - 60)
            return (tens, *self.number(rest, feminine=feminine, joined=joined, before_mille=before_mille))
        if feminine and n % 10 == 1 and n not in (11, 71):
            return (f"n{n}-f",)
        if n == 80 and before_mille:
            return ("n80-l",)
        return (f"n{n}-l",) if (joined or before_mille) and (n in _SIX or n in _DIX) else (f"n{n}",)

    def _rest(self, n: int, feminine: bool, joined: bool) -> Prompts:
        return self.number(n, feminine=feminine, joined=joined) if n else ()

    def counted(self, n: int, noun: str, *, feminine: bool = False) -> Prompts:
        """A number of things; one and none are singular."""
        return (*self.number(n, feminine=feminine, joined=True), noun if n < 2 else f"{noun}s")

    def euros(self, n: int) -> Prompts:
        if n >= 1_000_000 and n % 1_000_000 == 0:
            return (*self.number(n), "d-euros")
        return (*self.number(n, joined=True), self._euro(n))

    @staticmethod
    def _euro(n: int) -> str:
        """`euro` with the consonant that links it: deux-z-euros, vingt-t-euros, un-n-euro, cinq euros."""
        plural = "euros" if n >= 2 else "euro"
        last, two, hundreds = n % 10, n % 100, n // 100 % 10
        if two == 20 or (two == 0 and hundreds == 1):
            return f"{plural}-t"
        if two == 80 or two in _DIX or two in _SIX or (last in (2, 3) and two // 10 not in (1, 7, 9)):
            return f"{plural}-z"
        if two == 0:
            return f"{plural}-z" if hundreds else plural
        return f"{plural}-n" if last == 1 and two // 10 not in (1, 7, 9) else plural

    def day(self, on: date) -> Prompts:
        first = ("premier",) if on.day == 1 else self.number(on.day)
        return (*first, f"month-{on.month}", *self.number(on.year))

    def digits(self, digits: str) -> Prompts:
        """In pairs, the odd one first."""
        odd = len(digits) % 2
        pairs = [digits[at : at + 2] for at in range(odd, len(digits), 2)]
        said = [f"n{digits[0]}"] if odd else []
        for pair in pairs:
            said += ["n0", f"n{pair[1]}"] if pair[0] == "0" else self.number(int(pair))
        return tuple(said)

    def phone(self, digits: str) -> Prompts:
        if digits.startswith("33") and len(digits) == 11:
            return self.digits(f"0{digits[2:]}")
        return ("plus", *self.digits(digits))


class English:
    ands = ("and",)

    def number(self, n: int) -> Prompts:
        if n >= 1_000_000:
            return (*self.number(n // 1_000_000), "million", *self._rest(n % 1_000_000))
        if n >= 1000:
            return (*self.number(n // 1000), "thousand", *self._rest(n % 1000))
        if n >= 100:
            return (f"n{n // 100}", "hundred", *self._rest(n % 100))
        if n < 20:
            return (f"n{n}",)
        return (f"n{n // 10 * 10}", f"n{n % 10}") if n % 10 else (f"n{n}",)

    def _rest(self, n: int) -> Prompts:
        if not n:
            return ()
        return ("and", *self.number(n)) if n < 100 else self.number(n)

    def counted(self, n: int, noun: str, *, feminine: bool = False) -> Prompts:
        return (*self.number(n), noun if n == 1 else f"{noun}s")

    def euros(self, n: int) -> Prompts:
        return self.counted(n, "euro")

    def day(self, on: date) -> Prompts:
        day = on.day
        named = (f"n{day // 10 * 10}", f"nth{day % 10}") if day > 20 and day % 10 else (f"nth{day}",)
        return ("the", *named, "of", f"month-{on.month}", *self._year(on.year))

    def _year(self, year: int) -> Prompts:
        """2026 is twenty twenty-six, 2005 two thousand and five, 1905 nineteen hundred and five."""
        if 2000 <= year <= 2009 or not 1000 <= year <= 9999:
            return self.number(year)
        rest = year % 100
        if rest == 0:
            return self.number(year) if year % 1000 == 0 else (*self.number(year // 100), "hundred")
        return (*self.number(year // 100), *(("hundred", "and") if rest < 10 else ()), *self.number(rest))

    def digits(self, digits: str) -> Prompts:
        """One by one, with a breath after each group of three."""
        said: list[str] = []
        for at, digit in enumerate(digits):
            if at and at % 3 == 0 and len(digits) - at > 1:
                said.append("pause")
            said.append(f"n{digit}")
        return tuple(said)

    def phone(self, digits: str) -> Prompts:
        return ("plus", *self.digits(digits))


Speaker = French | English
_SPEAKERS: Mapping[str, Speaker] = {"fr": French(), "en": English()}


def _whole(value: str | int | bool) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST * 100 * MICROS_A_CENT:
        raise Unspeakable(f"not a whole number that can be said: {value!r:.40}")
    return value


def _bounded(value: str | int | bool, most: int = LARGEST) -> int:
    n = _whole(value)
    if not 0 <= n <= most:
        raise Unspeakable(f"say numbers from 0 to {most}, not {n}")
    return n


def _number(who: Speaker, value: str | int | bool) -> Prompts:
    return who.number(_bounded(value))


def _cents(who: Speaker, cents: int) -> Prompts:
    """Euros and cents; euros alone when there are no cents, cents alone when there are no euros."""
    if cents < 0:
        return ("minus", *_cents(who, -cents))
    euros, rest = divmod(cents, 100)
    if euros > LARGEST:
        raise Unspeakable("too much to say")
    if not euros and rest:
        return who.counted(rest, "cent")
    return (*who.euros(euros), *((*who.ands, *who.counted(rest, "cent")) if rest else ()))


def _credit(who: Speaker, value: str | int | bool) -> Prompts:
    """What is left: the part of a cent is not told, so that never more is said than there is."""
    return _cents(who, _whole(value) // MICROS_A_CENT)


def _amount(who: Speaker, value: str | int | bool) -> Prompts:
    """What was charged: the part of a cent counts as a cent, so that never less is said than was taken."""
    return _cents(who, -(-_whole(value) // MICROS_A_CENT))


def _price(who: Speaker, value: str | int | bool) -> Prompts:
    """A price under two decimals of a cent: 12 300 micro-euros are 1.23 cents. Whole cents are said as an amount."""
    micros = _bounded(value, LARGEST)
    hundredths = -(-micros // 100)
    cents, rest = divmod(hundredths, 100)
    if not rest or cents >= 100:
        return _amount(who, micros)
    decimals = f"{rest:02}".rstrip("0")
    if isinstance(who, French):
        said = who.number(rest) if len(decimals) == 2 and rest > 9 else tuple(f"n{digit}" for digit in decimals)
        return (*who.number(cents), "virgule", *said, "cent" if cents < 2 else "cents")
    return (*who.number(cents), "point", *(f"n{digit}" for digit in decimals), "cents")


def _minutes(who: Speaker, value: str | int | bool) -> Prompts:
    return who.counted(_bounded(value), "minute", feminine=True)


def _duration(who: Speaker, value: str | int | bool) -> Prompts:
    """Seconds, as hours, minutes and seconds, without those that are none."""
    seconds = _bounded(value)
    parts = ((seconds // 3600, "hour"), (seconds % 3600 // 60, "minute"), (seconds % 60, "second"))
    said = [who.counted(n, noun, feminine=True) for n, noun in parts if n] or [who.counted(0, "second", feminine=True)]
    last = said.pop()
    return (*(name for one in said for name in one), *(who.ands if said else ()), *last)


def _text(value: str | int | bool) -> str:
    text = str(value).removeprefix("+")
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise Unspeakable(f"not digits that can be said: {text[:40]!r}")
    return text


def _date(who: Speaker, value: str | int | bool) -> Prompts:
    try:
        return who.day(date.fromisoformat(str(value)[:10]))
    except ValueError:
        raise Unspeakable(f"not a date: {str(value)[:40]!r}") from None


def _calls(who: Speaker, value: str | int | bool) -> Prompts:
    n = _bounded(value)
    return who.counted(n, "call") if n else ("no-call",)


FORMS: Mapping[str, Callable[[Speaker, str | int | bool], Prompts]] = {
    "number": _number,
    "amount": carries("KRY-4.4.1-phone-statement")(_amount),
    "credit": carries("KRY-4.4.1-ivr")(_credit),
    "price": _price,
    "minutes": _minutes,
    "duration": _duration,
    "digits": lambda who, value: who.digits(_text(value)),
    "phone": lambda who, value: who.phone(_text(value)),
    "date": _date,
    "calls": _calls,
}

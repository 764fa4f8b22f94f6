"""What an access number must be, and the file that names a brand's first ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cadran.numbering import rules as numbering
from cadran.units.e164 import E164, InvalidNumber
from cadran.units.errors import InvalidInput
from cadran.units.period import midnight

MOST = 500
LANGUAGES = ("fr", "en")
_PLACE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069<>]{1,60}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_HOLDABLE = {numbering.NumberClass.GEOGRAPHIC, numbering.NumberClass.MOBILE, numbering.NumberClass.SPECIAL}
_KEYS = {"number", "place", "language", "service", "opened"}


class InvalidAccessNumber(InvalidInput):
    """What was said of an access number cannot be: details `field` names which part."""

    error_id = "access-number-invalid"


class InvalidAccessNumbers(InvalidInput):
    """A brand's access_numbers.toml that cannot be read; every fault is listed, and nothing of it was taken up."""

    error_id = "access-numbers-file-invalid"


class Service(StrEnum):
    """What answers: the calling card's menu, or Mobility of a telephony customer."""

    CALLING_CARD = "calling-card"
    MOBILITY = "mobility"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What is said of an access number: where it is (country read from the number itself), its language and its service."""

    number: E164
    country: str
    place_fr: str
    place_en: str
    language: str
    service: Service


def published(*, number: str, place_fr: str, place_en: str, language: str, service: str) -> Published:
    """The checked description of an access number. Raises InvalidAccessNumber."""
    try:
        dialled = numbering.read_dialled(number)
    except InvalidNumber as error:
        raise InvalidAccessNumber(
            "write the number in full with + and the country code, such as +33199000100", field="number"
        ) from error
    e164 = dialled.e164
    if e164 is None or not number.strip().startswith("+") or dialled.number_class not in _HOLDABLE:
        raise InvalidAccessNumber(
            "an access number is a landline, mobile or special number in full, such as +33199000100", field="number"
        )
    if not _COUNTRY.fullmatch(dialled.country):
        raise InvalidAccessNumber("the number belongs to no country: choose a national one", field="number")
    try:
        chosen = Service(service)
    except ValueError as error:
        raise InvalidAccessNumber(f"the service is one of {', '.join(Service)}", field="service") from error
    if language not in LANGUAGES:
        raise InvalidAccessNumber(f"the language is one of {', '.join(LANGUAGES)}", field="language")
    return Published(
        number=e164,
        country=dialled.country,
        place_fr=_place(place_fr, "place_fr"),
        place_en=_place(place_en, "place_en"),
        language=language,
        service=chosen,
    )


def read_file(content: Mapping[str, object], zone: str) -> tuple[tuple[Published, datetime], ...]:
    """Each access number of a file with the instant at which it opens, the first of its day in `zone`.

    Raises InvalidAccessNumbers.
    """
    entries = content.get("access_number", [])
    if set(content) - {"access_number"} or not isinstance(entries, list) or len(entries) > MOST:
        raise InvalidAccessNumbers(f"the file holds [[access_number]] tables only, at most {MOST}")
    found, faults, seen = list[tuple[Published, datetime]](), list[str](), set[str]()
    for place, entry in enumerate(entries, start=1):
        try:
            one, opened_at = _entry(entry, zone)
            if one.number.digits in seen:
                raise InvalidAccessNumber(f"{one.number} stands twice")
            seen.add(one.number.digits)
            found.append((one, opened_at))
        except InvalidAccessNumber as error:
            faults.append(f"entry {place}: {error.message}")
    if faults:
        raise InvalidAccessNumbers("; ".join(faults), faults=faults)
    return tuple(found)


def _entry(entry: object, zone: str) -> tuple[Published, datetime]:
    if not isinstance(entry, Mapping) or set(entry) != _KEYS:
        raise InvalidAccessNumber(f"give exactly {', '.join(sorted(_KEYS))}")
    place, opened = entry["place"], entry["opened"]
    if not isinstance(place, Mapping) or set(place) != {"fr", "en"}:
        raise InvalidAccessNumber('place holds fr and en, as place = { fr = "Londres", en = "London" }')
    if not isinstance(opened, date) or isinstance(opened, datetime):
        raise InvalidAccessNumber("opened is a day, such as 2018-01-01")
    texts: Sequence[object] = [entry["number"], place["fr"], place["en"], entry["language"], entry["service"]]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidAccessNumber("number, place, language and service are texts")
    number, place_fr, place_en, language, service = map(str, texts)
    one = published(number=number, place_fr=place_fr, place_en=place_en, language=language, service=service)
    return one, midnight(opened, zone)


def _place(text: str, field: str) -> str:
    tidy = " ".join(text.split())
    if not _PLACE.fullmatch(tidy):
        raise InvalidAccessNumber("name the place in 1 to 60 characters", field=field)
    return tidy

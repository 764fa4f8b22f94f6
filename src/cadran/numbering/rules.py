"""What a person dials in a country, read to E.164 and a class, and back to what people write. Pure.

`phonenumbers` knows the plans of the world; our tables (tables/*.toml) know what it lacks: the French plan with its
overseas codes, special and machine numbers, emergency numbers, satellite codes and iNum.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from cadran.numbering import tables
from cadran.units.clause import carries
from cadran.units.e164 import E164, InvalidNumber

MAX_TEXT = 256
_SEPARATORS = re.compile("[ \u00a0\u2009\u202f().\\-\u2010\u2011\u2013/]")
_TRUNK_ZERO = re.compile(r"^(\+[0-9]{1,3})[ .\u00a0-]*\(0\)")
_DIGITS = re.compile(r"\+?[0-9]{1,24}")
_SIP = re.compile(r"(?:(sips?):)?([A-Za-z0-9_.!~*'&=+$,/%-]{1,96})@([^@\s]{1,128})", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*")
_PHONE_CONTEXT = re.compile(r";phone-context=\+([1-9][0-9]{0,14})(?:;|$)", re.IGNORECASE)


class UnreadableNumber(InvalidNumber):
    """What was dialled is no number, no short code and no SIP address."""

    error_id = "numbering-dialled-unreadable"


class UnknownCountry(InvalidNumber):
    """A country that no numbering plan is known for."""

    error_id = "numbering-country-unknown"


class NumberClass(StrEnum):
    """What a number is to who calls it. `geographic` holds landlines and non-geographic 09, `special` whatever is priced
    beyond the communication or not routed, `excluded` platforms and machines reached by ordinary numbers, `unknown` what no
    plan holds."""

    EMERGENCY = "emergency"
    SATELLITE = "satellite"
    SPECIAL = "special"
    ON_NET = "on_net"
    OPEN_SIP = "open_sip"
    INUM = "inum"
    GEOGRAPHIC = "geographic"
    MOBILE = "mobile"
    EXCLUDED = "excluded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dialled:
    """What was dialled and what it means.

    text: as given. e164: None for short numbers, SIP addresses and what cannot be one. country: ISO 3166 alpha-2 of the
    number, "001" for codes of no country, "" where unknown. short: the digits of a short number, else "". sip_uri:
    `sip:user@host` for a SIP address, else "". use: finer than the class (`multipurpose`, `sva-premium`, ...), or "".
    """

    text: str
    number_class: NumberClass
    e164: E164 | None = None
    country: str = ""
    short: str = ""
    sip_uri: str = ""
    use: str = ""


_CLASS_OF_TYPE = {
    PhoneNumberType.FIXED_LINE: (NumberClass.GEOGRAPHIC, "geographic"),
    PhoneNumberType.FIXED_LINE_OR_MOBILE: (NumberClass.GEOGRAPHIC, "geographic-or-mobile"),
    PhoneNumberType.VOIP: (NumberClass.GEOGRAPHIC, "non-geographic"),
    PhoneNumberType.UAN: (NumberClass.GEOGRAPHIC, "company"),
    PhoneNumberType.MOBILE: (NumberClass.MOBILE, "mobile"),
    PhoneNumberType.PAGER: (NumberClass.EXCLUDED, "pager"),
    PhoneNumberType.VOICEMAIL: (NumberClass.EXCLUDED, "voicemail"),
    PhoneNumberType.TOLL_FREE: (NumberClass.SPECIAL, "freephone"),
    PhoneNumberType.PREMIUM_RATE: (NumberClass.SPECIAL, "premium"),
    PhoneNumberType.SHARED_COST: (NumberClass.SPECIAL, "shared-cost"),
    PhoneNumberType.PERSONAL_NUMBER: (NumberClass.SPECIAL, "personal"),
}


@carries("IPP-0-restrictions", "IPP-0-calls", "IPP-10.1-free-on-net")
def read_dialled(text: str, country: str = "FR", own_domains: Collection[str] = ()) -> Dialled:
    """What `text` means, dialled by a person in `country` (ISO 3166 alpha-2).

    Reads international numbers (+, the country's international prefix, 00), national ones, short codes, `tel:` and SIP
    addresses. A SIP address whose host is one of own_domains is `on_net`, another `open_sip`; whether an E.164 number
    belongs to a customer is for `queries` to say. A number before one of own_domains is read as if dialled alone, since that is
    how phones send what people dial. Raises UnreadableNumber, UnknownCountry.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
        raise UnreadableNumber(f"dial a number, a short code or a SIP address of at most {MAX_TEXT} characters")
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise UnknownCountry(f"unknown country {country!r}: two capital letters such as FR")
    bare = _user_of_own_address(text.strip(), own_domains)
    if "@" in bare or bare[:5].lower().startswith(("sip:", "sips:")):
        return _sip_address(text, bare, own_domains)
    if bare[:4].lower() == "tel:":
        bare, country = _tel(bare[4:], country)
    digits = _SEPARATORS.sub("", _TRUNK_ZERO.sub(r"\1", bare))
    if not _DIGITS.fullmatch(digits):
        raise UnreadableNumber(
            "dial digits, with + or the international prefix before a foreign number, or a SIP address"
        )
    if digits.startswith("+"):
        return _international(text, digits[1:], country)
    return (
        _emergency(text, digits, country)
        or _short(text, digits, country)
        or _direct(text, digits)
        or _prefixed(text, digits, country)
        or _national(text, digits, country)
    )


def use_of(number: E164) -> str:
    """What an E.164 number is for, as `Dialled.use`: `mobile`, `multipurpose`, `technical-platform`, ..."""
    return _of_number("", number.digits).use


@functools.lru_cache(4096)
def country_of(digits: str) -> str:
    """Where a number in E.164 digits belongs: ISO 3166 alpha-2, `001` for a code of no country, "" for what is no such number."""
    try:
        return _of_number("", digits).country if digits.isascii() and digits.isdigit() else ""
    except InvalidNumber:
        return ""


def in_french_plan(number: E164) -> bool:
    """Whether the number belongs to the plan of +33 and the overseas codes within it."""
    plan = tables.french_plan()
    return any(number.digits.startswith(code) and len(number.digits) > 9 for code in plan.region_of_code)


def international(number: E164) -> str:
    """As people write it abroad: `+33 1 42 00 00 01`."""
    if parsed := _parsed(number):
        shown = str(phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL))
        if _reads_as(shown, number, "FR"):
            return shown
    return number.value


def national(number: E164, country: str) -> str:
    """As people dial it in `country`: `01 42 00 00 01` in France, the international form elsewhere."""
    plan = tables.french_plan()
    if country in plan.regions and in_french_plan(number):
        digits = _plan_digits(number)
        shown = " ".join(digits[place : place + 2] for place in range(0, len(digits), 2))
        return shown if _reads_as(shown, number, country) else international(number)
    parsed = _parsed(number)
    if parsed and parsed.country_code and _region_of_code(str(parsed.country_code)) == country:
        shown = str(phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL))
        if _reads_as(shown, number, country):
            return shown
    return international(number)


# ── SIP and tel addresses ────────────────────────────────────────────────────────────────────────────────────────────


def _sip_address(text: str, bare: str, own_domains: Collection[str]) -> Dialled:
    address = bare.partition(";")[0].partition("?")[0]
    match = _SIP.fullmatch(address)
    host, port = _host_and_port(match[3]) if match else ("", "")
    if match is None or not host:
        raise UnreadableNumber("write a SIP address as sip:name@example.org")
    scheme = (match[1] or "sip").lower()
    own = host in {domain.lower() for domain in own_domains}
    number_class = NumberClass.ON_NET if own else NumberClass.OPEN_SIP
    return Dialled(text, number_class, sip_uri=f"{scheme}:{match[2]}@{host}{port}", use=number_class.value)


def _user_of_own_address(bare: str, own_domains: Collection[str]) -> str:
    match = _SIP.fullmatch(bare.partition(";")[0].partition("?")[0])
    if match is None or _host_and_port(match[3])[0] not in {domain.lower() for domain in own_domains}:
        return bare
    return match[2] if _DIGITS.fullmatch(_SEPARATORS.sub("", match[2])) else bare


def _host_and_port(text: str) -> tuple[str, str]:
    """The host in small letters and `:port` or ""; a host of "" where it is none."""
    bracketed = re.fullmatch(r"(\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?", text)
    plain = re.fullmatch(r"([A-Za-z0-9.-]{1,120})(?::([0-9]{1,5}))?", text)
    match = bracketed or plain
    if match is None or (match[2] and not 0 < int(match[2]) < 65536):
        return "", ""
    host = match[1].lower()
    if bracketed:
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return "", ""
    elif not _HOST.fullmatch(host):
        return "", ""
    return host, f":{match[2]}" if match[2] else ""


def _tel(rest: str, country: str) -> tuple[str, str]:
    """The number of a tel: URI, and the country that its phone-context names."""
    number, _, _ = rest.partition(";")
    if (context := _PHONE_CONTEXT.search(rest)) and not number.startswith("+"):
        for length in (3, 2, 1):
            region = _region_of_code(context[1][:length])
            if region not in {"ZZ", "001"}:
                return number, region
    return number, country


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _emergency(text: str, digits: str, country: str) -> Dialled | None:
    if digits in tables.emergency_numbers(country) or (
        len(digits) <= 6 and shortnumberinfo.is_emergency_number(digits, country)
    ):
        return Dialled(text, NumberClass.EMERGENCY, country=country, short=digits, use="emergency")
    return None


def _short(text: str, digits: str, country: str) -> Dialled | None:
    """A short code of the country. Those of our table come first; phonenumbers knows those of other countries."""
    if country in tables.french_plan().regions:
        found = tables.longest(tables.french_plan().short, digits)
        if found is not None and len(digits) == found.digits:
            return Dialled(text, NumberClass.SPECIAL, country=country, short=digits, use=found.use)
    if not 2 <= len(digits) <= 6 or digits.startswith("0"):
        return None
    number = phonenumbers.PhoneNumber(
        country_code=phonenumbers.country_code_for_region(country), national_number=int(digits)
    )
    if shortnumberinfo.is_valid_short_number_for_region(number, country):
        return Dialled(text, NumberClass.SPECIAL, country=country, short=digits, use="short")
    return None


def _direct(text: str, digits: str) -> Dialled | None:
    """A global number that people dial without a prefix, such as an iNum."""
    if (length := tables.longest(tables.direct_codes(), digits)) is not None and len(digits) == length:
        return _of_number(text, digits)
    return None


def _prefixed(text: str, digits: str, country: str) -> Dialled | None:
    """A number after the country's international prefix, or 00, which the ITU recommends."""
    metadata = PhoneMetadata.metadata_for_region(country)
    pattern = str(metadata.international_prefix or "00") if metadata else "00"
    match = re.match(pattern, digits) or re.match("00", digits)
    if match is None or digits[match.end() : match.end() + 1] in {"", "0"} or len(digits) - match.end() < 5:
        return None
    return _international(text, digits[match.end() :], country)


def _international(text: str, digits: str, country: str) -> Dialled:
    """A number that starts with its country code."""
    if not 3 <= len(digits) <= 16 or digits.startswith("0"):
        raise UnreadableNumber("an international number is its country code and at most 15 digits in all")
    if digits.startswith("33"):
        short = _emergency(text, digits[2:], "FR") or _short(text, digits[2:], "FR")
        if short is not None:
            return short
    for length in (1, 2, 3):
        region = _region_of_code(digits[:length])
        if region not in {"ZZ", "001"}:
            short = _emergency(text, digits[length:], region) if len(digits) - length <= 6 else None
            if short is not None:
                return short
            break
    return _of_number(text, _without_trunk_zero(digits))


def _national(text: str, digits: str, country: str) -> Dialled:
    plan = tables.french_plan()
    if country in plan.regions and digits.startswith("0"):
        return _of_french_plan(text, digits)
    parsed = _parse(digits, country)
    if parsed is None:
        return Dialled(text, NumberClass.UNKNOWN, country=country, short=digits if len(digits) <= 6 else "")
    return _of_number(text, _digits_of(parsed))


def _of_french_plan(text: str, digits: str) -> Dialled:
    """Ten digits (or fourteen, machine to machine) as dialled from within the plan."""
    plan = tables.french_plan()
    if (code := tables.longest(plan.overseas_short, digits)) is not None and len(digits) == 10:
        return _of_number(text, code + digits[4:])
    code = tables.longest(plan.overseas, digits) or "33"
    if len(digits) > 14:
        raise UnreadableNumber("a French number has ten digits, fourteen for machines")
    return _of_number(text, code + digits[1:])


def _of_number(text: str, digits: str) -> Dialled:
    """The number whose country code and national number these are."""
    if not 3 <= len(digits) <= 15:
        raise UnreadableNumber("an international number is its country code and at most 15 digits in all")
    number = E164(f"+{digits}")
    if (found := tables.longest(tables.global_codes(), digits)) is not None:
        if found.digits and len(digits) != found.digits:
            return Dialled(text, NumberClass.UNKNOWN, number, "001")
        return Dialled(text, NumberClass(found.number_class), number, "001", use=found.use)
    if (french := _french_range(number)) is not None:
        region = tables.french_plan().region_of_code[_plan_code(number)]
        return Dialled(text, NumberClass(french.number_class), number, region, use=french.use)
    parsed = _parsed(number)
    if parsed is None:
        return Dialled(text, NumberClass.UNKNOWN, number)
    region = phonenumbers.region_code_for_number(parsed) or ""
    number_class, use = _CLASS_OF_TYPE.get(phonenumbers.number_type(parsed), (NumberClass.UNKNOWN, ""))
    if number_class is NumberClass.UNKNOWN and not phonenumbers.is_possible_number(parsed):
        return Dialled(text, number_class, country=str(region))
    return Dialled(text, number_class, number, str(region), use=use)


def _french_range(number: E164) -> tables.Range | None:
    """The range of a number of the French plan; None for one outside it or of a wrong length."""
    plan = tables.french_plan()
    if not _plan_code(number):
        return None
    digits = _plan_digits(number)
    if digits.startswith(plan.machine_prefix) and len(digits) == plan.machine.digits:
        return plan.machine
    return tables.longest(plan.uses, digits) if len(digits) == 10 else None


def _plan_code(number: E164) -> str:
    codes = tables.french_plan().region_of_code
    return next((code for code in codes if number.digits.startswith(code)), "")


def _plan_digits(number: E164) -> str:
    return "0" + number.digits[len(_plan_code(number)) :]


def _without_trunk_zero(digits: str) -> str:
    """`330142000001` is `33142000001`: people keep the national 0 after the country code of the French plan."""
    code = next((code for code in tables.french_plan().region_of_code if digits.startswith(f"{code}0")), "")
    return code + digits[len(code) + 1 :] if code else digits


def _region_of_code(code: str) -> str:
    return str(phonenumbers.region_code_for_country_code(int(code)))


def _parse(digits: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None


def _parsed(number: E164) -> phonenumbers.PhoneNumber | None:
    parsed = _parse(number.value, "ZZ")
    return parsed if parsed is not None and _digits_of(parsed) == number.digits else None


def _digits_of(parsed: phonenumbers.PhoneNumber) -> str:
    return str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))[1:]


def _reads_as(shown: str, number: E164, country: str) -> bool:
    try:
        return read_dialled(shown, country).e164 == number
    except InvalidNumber:
        return False

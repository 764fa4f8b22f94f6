"""Build the world decks of the reference brands from the prefix data that `phonenumbers` carries.

    python scripts/make_world_deck.py [--brands FOLDER]

Prefixes, countries, towns and carriers are those of the package; prices are invented, by region, and stand for nobody's. The same
package version gives the same files, byte for byte. Special numbers and satellites are left out.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path

import babel
import phonenumbers
from phonenumbers.carrierdata import CARRIER_DATA
from phonenumbers.geodata import GEOCODE_DATA

FR, EN = babel.Locale("fr"), babel.Locale("en")
DEPTH = 4
SAMPLES = {0: 1, 1: 300, 2: 100, 3: 40, 4: 12}  # by digits below the country code: wide prefixes hide more
DETAIL_SAMPLES = 6
KINDS = {
    phonenumbers.PhoneNumberType.FIXED_LINE: "fixed",
    phonenumbers.PhoneNumberType.VOIP: "fixed",
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER: "special",
    phonenumbers.PhoneNumberType.MOBILE: "mobile",
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: "both",
}
WORDS = {
    "fixed": ("fixe", "landline"),
    "mobile": ("mobile", "mobile"),
    "both": ("fixe et mobile", "landline and mobile"),
}

# Invented prices of a minute, tax included: landline, mobile. A country is in the first line that names it.
TIERS = (
    ("FR", "0.0120", "0.0900"),
    ("US CA CN HK SG PR", "0.0120", "0.0120"),
    ("DE ES IT GB BE NL LU CH AT PT IE DK SE NO FI GR PL CZ HU MC AD", "0.0150", "0.0950"),
    (
        "AU NZ JP KR TW IL IN TH MY BR AR CL MX CO TR RU RO BG HR SK SI EE LV LT CY MT IS VA SM LI GG JE IM",
        "0.0300",
        "0.1200",
    ),
    ("GP MQ RE GF YT MF BL PM NC PF", "0.0250", "0.1500"),
    ("MA DZ TN SN CI CM ML BJ TG BF GN CD CG GA MG KM HT LB JO EG ZA NG GH KE", "0.1900", "0.2900"),
)
REST = ("0.2400", "0.3400")
CALLING_CARD_FACTOR = {"fixed": Decimal("1.10"), "both": Decimal("1.10"), "mobile": Decimal("0.95")}
# Numbering plans whose towns would fill most of the file: shorter prefixes do for them.
LONGEST = {"86": 6, "61": 7, "55": 8}


@dataclass(frozen=True, slots=True)
class Line:
    prefix: str
    kind: str
    region: str
    detail: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brands", type=Path, default=Path(__file__).resolve().parents[1] / "brands")
    brands = parser.parse_args().brands
    plans = {line.prefix: line for code in country_codes() for line in plan(code)}
    detailed = {line.prefix: line for line in towns_and_carriers()} | plans
    ippi = [row(line, price(line)) for line in ordered(detailed)]
    carriers = [line for line in ordered(detailed) if line.prefix in plans or line.kind == "mobile"]
    kryptoow = [row(line, calling_card_price(line), "60", "60") for line in carriers]
    write(brands / "ippi" / "rates" / "world.csv.gz", ippi)
    write(brands / "kryptoow" / "rates" / "world.csv.gz", kryptoow)


def country_codes() -> list[int]:
    """Country calling codes of countries: satellites and worldwide services have no country."""
    return sorted(code for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items() if "001" not in regions)


def plan(code: int) -> Iterator[Line]:
    """The shortest prefixes of a numbering plan under which all numbers are of one country and kind."""
    open_prefixes = [str(code)]
    while open_prefixes:
        prefix = open_prefixes.pop()
        depth = len(prefix) - len(str(code))
        found = kinds(prefix, code, SAMPLES[depth])
        if (depth and len(found) == 1) or depth == DEPTH:
            usual = max(found, key=lambda kind: (found[kind], kind), default=("special", ""))
            if usual[0] != "special":
                yield Line(prefix, *usual)
        elif found or not depth:
            open_prefixes += [prefix + digit for digit in "0123456789"]


def towns_and_carriers() -> Iterator[Line]:
    """The prefixes that have a town or a carrier of their own."""
    for prefix in sorted(GEOCODE_DATA.keys() | CARRIER_DATA.keys()):
        code = next(
            (int(prefix[:n]) for n in (1, 2, 3) if int(prefix[:n]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), 0
        )
        if not code or len(prefix) > LONGEST.get(str(code), 10):
            continue
        found = kinds(prefix, code, DETAIL_SAMPLES)
        kind, region = max(found, key=lambda one: (found[one], one), default=("special", ""))
        names = (CARRIER_DATA if prefix in CARRIER_DATA and kind != "fixed" else GEOCODE_DATA).get(prefix, {})
        detail = clean(names.get("fr") or names.get("en") or next(iter(names.values()), ""))
        if kind != "special" and detail:
            yield Line(prefix, kind, region, detail)


def kinds(prefix: str, code: int, samples: int) -> dict[tuple[str, str], int]:
    """How often numbers that begin so are of which kind and country, by completing them with digits that never change."""
    digits = random.Random(prefix)  # noqa: S311 - reproducible on purpose
    national = prefix[len(str(code)) :]
    found: dict[tuple[str, str], int] = {}
    for length in lengths(code):
        missing = length - len(national)
        if missing < 0:
            continue
        for _ in range(samples if missing else 1):
            text = national + "".join(digits.choice("0123456789") for _ in range(missing))
            zeros = len(text) - len(text.lstrip("0"))
            if zeros == len(text):
                continue
            number = phonenumbers.PhoneNumber(
                country_code=code,
                national_number=int(text),
                italian_leading_zero=zeros > 0 or None,
                number_of_leading_zeros=zeros if zeros > 1 else None,
            )
            region = phonenumbers.region_code_for_number(number)
            kind = phonenumbers.number_type(number)
            if region and kind != phonenumbers.PhoneNumberType.UNKNOWN:
                key = (KINDS.get(kind, "special"), region)
                found[key] = found.get(key, 0) + 1
    return found


@lru_cache(maxsize=300)
def lengths(code: int) -> tuple[int, ...]:
    """At most four lengths of national numbers of a country code, longest first."""
    found: set[int] = set()
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        for described in (metadata.fixed_line, metadata.mobile) if metadata else ():
            found.update(length for length in (described.possible_length if described else ()) if length > 0)
    return tuple(sorted(found, reverse=True)[:4])


def ordered(lines: dict[str, Line]) -> list[Line]:
    return [lines[prefix] for prefix in sorted(lines)]


def price(line: Line) -> Decimal:
    """The invented price of a minute: of its region and kind; abroad each carrier and town deviates by up to a tenth."""
    landline, mobile = next(((one, other) for regions, one, other in TIERS if line.region in regions.split()), REST)
    base = Decimal(mobile if line.kind == "mobile" else landline)
    if not line.detail or line.region == "FR":
        return base
    step = hashlib.sha256(f"{line.region} {line.kind} {line.detail}".encode()).digest()[0] % 5 - 2
    return rounded(base * (100 + 5 * step) / 100)


def calling_card_price(line: Line) -> Decimal:
    return rounded(price(line) * CALLING_CARD_FACTOR[line.kind])


def rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def row(line: Line, amount: Decimal, first_s: str = "", next_s: str = "") -> str:
    fr_word, en_word = WORDS[line.kind]
    detail = f", {line.detail}" if line.detail else ""
    fr = f"{FR.territories.get(line.region, line.region)} {fr_word}{detail}"[:80].strip()
    en = f"{EN.territories.get(line.region, line.region)} {en_word}{detail}"[:80].strip()
    return ",".join((line.prefix, quoted(clean(fr)), quoted(clean(en)), str(amount), first_s, next_s))


def clean(text: str) -> str:
    """Printable, with plain spaces."""
    return "".join(mark if mark.isprintable() else " " for mark in " ".join(text.split())).replace('"', "").strip()


def quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text


def write(path: Path, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(["prefix,destination,destination_en,price,first_s,next_s", *rows, ""])
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as file:
        file.write(text.encode())
    path.write_bytes(packed.getvalue())
    print(f"{path.name} of {path.parts[-3]}: {len(rows)} prefixes, {len(packed.getvalue())} bytes")


if __name__ == "__main__":
    main()

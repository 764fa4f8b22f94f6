"""Who may be a customer: age or capacity, country, telephone, and the numbers of companies. Pure rules on the terms accepted."""

from __future__ import annotations

from collections.abc import Collection

import phonenumbers
from stdnum.eu import vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren as siren_numbers

from cadran.party import rules
from cadran.party.rules import Certificate, CustomerKind
from cadran.policy.terms import Terms
from cadran.units.clause import carries

# Where companies have a SIREN: France and those of its territories that the SIRENE register covers.
SIREN_COUNTRIES = frozenset({"FR", "GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF"})


@carries("KRY-4.1-capacity", "IPP-1b-age")
def certificates(terms: Terms, kind: CustomerKind) -> tuple[Certificate, ...]:
    """What a customer of that kind certifies under these terms."""
    if kind is CustomerKind.PERSON:
        return (Certificate.AGE,)
    return tuple(Certificate(name) for name in terms.texts("account.company_certifies"))


@carries("KRY-4.1-capacity", "IPP-1b-age")
def certified(terms: Terms, kind: CustomerKind, given: Collection[Certificate]) -> str:
    """What was certified, as it is kept: `age>=18`, or `may-bind no-insolvency`. Raises Incomplete for what is missing."""
    needed = certificates(terms, kind)
    if missing := [one.value for one in needed if one not in given]:
        raise rules.Incomplete(
            "a customer certifies being of age, or entitled to bind a company that is not insolvent", field=missing[0]
        )
    age = terms.integer("account.minimum_age")
    return " ".join(f"age>={age}" if one is Certificate.AGE else one.value for one in needed)


def closed_countries(terms: Terms) -> tuple[str, ...]:
    """The countries that these terms close, as ISO 3166 codes; none where they name none."""
    name = "account.closed_countries"
    return terms.texts(name) if name in terms.values else ()


@carries("KRY-3.3-territories")
def checked_country(text: str, terms: Terms) -> str:
    """The country's code. Raises InvalidCountry, and CountryClosed where the terms close it."""
    country = rules.checked_country(text)
    if country in closed_countries(terms):
        raise rules.CountryClosed(
            "this service is closed in that country", country=country, clause=terms.clause("account.closed_countries")
        )
    return country


@carries("KRY-4.1-registration")
def checked_phone(text: str, *, country: str) -> str:
    """The number in E.164, as dialled in `country` or with + before it; nothing stays nothing. Raises InvalidPhone."""
    if len(text) > 40:
        raise rules.InvalidPhone("write a telephone number such as 06 12 34 56 78 or +33 6 12 34 56 78")
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise rules.InvalidPhone("write a telephone number such as 06 12 34 56 78 or +33 6 12 34 56 78") from error
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise rules.InvalidPhone("this number does not exist: read it again, or write it with + and its country code")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def needs_siren(country: str) -> bool:
    """Whether a company of that country has a SIREN."""
    return country in SIREN_COUNTRIES


@carries("KRY-4.1-registration")
def checked_siren(text: str, *, country: str) -> str:
    """The 9 digits of a company of that country; companies of other countries have none. Raises InvalidCompanyNumber."""
    if not needs_siren(country):
        return ""
    try:
        return str(siren_numbers.validate(text[:40]))
    except ValidationError as error:
        raise rules.InvalidCompanyNumber(
            "a SIREN has 9 digits, the last of which proves the others", rule="siren"
        ) from error


@carries("KRY-4.1-registration")
def checked_vat_number(text: str, *, country: str, siren: str) -> str:
    """The VAT number with its country's letters, or nothing. A French one holds the company's SIREN. Raises InvalidCompanyNumber."""
    number = "".join(c for c in text[:40].upper() if c.isalnum())
    if not number:
        return ""
    if number[:2].isdigit():
        number = f"{'EL' if country == 'GR' else country}{number}"
    try:
        number = str(vat.validate(number)).upper()
    except ValidationError as error:
        raise rules.InvalidCompanyNumber(
            "write a VAT number of the European Union, such as FR40303265045", rule="vat"
        ) from error
    if siren and number.startswith("FR") and number[4:] != siren:
        raise rules.InvalidCompanyNumber("this VAT number is not of the company with that SIREN", rule="vat-siren")
    return number

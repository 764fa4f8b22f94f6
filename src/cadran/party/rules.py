"""What names, addresses and codes must look like, and how a SIP password is kept: pure rules, no database, no randomness."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

from cadran.units.clause import carries
from cadran.units.errors import InvalidInput

PASSWORD_LENGTHS = (10, 128)
SIP_PASSWORD_LENGTHS = (12, 64)
RESERVED_USER_NAMES = frozenset(
    {
        *(
            "abuse",
            "admin",
            "administrateur",
            "administrator",
            "anonymous",
            "cadran",
            "emergency",
            "hostmaster",
            "info",
        ),
        *("noreply", "operator", "operateur", "postmaster", "root", "security", "service", "sip", "staff", "support"),
        *("system", "urgence", "webmaster"),
    }
)

_USER_NAME = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_SIP_PASSWORD = re.compile(r"[A-Za-z0-9!#$%*+,./=?@^_~-]+")
_DIGESTS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


class InvalidUserName(InvalidInput):
    """A user name that cannot be taken."""

    error_id = "party-user-name-invalid"


class InvalidEmail(InvalidInput):
    """Text that is no e-mail address of the kind we write to."""

    error_id = "party-email-invalid"


class InvalidName(InvalidInput):
    """A person's or company's name that cannot be read."""

    error_id = "party-name-invalid"


class InvalidCountry(InvalidInput):
    """No country (ISO 3166, two letters) that a numbering plan is known for."""

    error_id = "party-country-invalid"


class CountryClosed(InvalidInput):
    """A country that the operator closed for this brand."""

    error_id = "party-country-closed"


class InvalidPhone(InvalidInput):
    """Text that is no telephone number somebody can be reached at."""

    error_id = "party-phone-invalid"


class InvalidCompanyNumber(InvalidInput):
    """A SIREN or VAT number that no company can have, or two that are not of one company."""

    error_id = "party-company-number-invalid"


class WeakPassword(InvalidInput):
    """A site password that does not keep the rules."""

    error_id = "party-password-weak"


class WeakSipPassword(InvalidInput):
    """A SIP password that does not keep the rules, or is the site's password."""

    error_id = "party-sip-password-weak"


class Incomplete(InvalidInput):
    """Information that the registration needs is missing: it ends here, and nothing was kept."""

    error_id = "party-registration-incomplete"


class CustomerKind(StrEnum):
    """A natural person, or a company, association or public body."""

    PERSON = "person"
    COMPANY = "company"


class Document(StrEnum):
    """What a customer ticks as read and accepted, each in its version (IPP-0-acceptance, KRY-2.1-acceptance)."""

    TERMS = "terms"
    LEGAL = "legal"
    DESCRIPTIONS = "descriptions"
    PRICES = "prices"
    OFFERS = "offers"
    SPECIAL = "special"


# Special conditions are accepted where the brand's products have some.
ALWAYS_ACCEPTED = frozenset(Document) - {Document.SPECIAL}


class Certificate(StrEnum):
    """What a customer certifies: a person its age; who registers a company, that it may bind it, and that no insolvency procedure
    is open."""

    AGE = "age"
    BINDS = "may-bind"
    SOLVENT = "no-insolvency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One tick: the document, its version as `brand/version`, the SHA-256 of the text that was shown (64 hexadecimal digits), and the
    language in which it was shown."""

    document: Document
    ref: str
    text_sha256: str
    language: str


def checked_user_name(text: str) -> str:
    """The user name in lower case: 3 to 32 of a-z 0-9 and single . _ - between them, a letter first.

    It is also the SIP user, so it must not look like a telephone number, nor like another name in another alphabet.
    Raises InvalidUserName.
    """
    name = text.strip().lower()
    if not 3 <= len(name) <= 32 or not _USER_NAME.fullmatch(name):
        raise InvalidUserName(
            "a user name is 3 to 32 letters (a-z), digits, and single . _ - between them, and begins with a letter"
        )
    if name in RESERVED_USER_NAMES:
        raise InvalidUserName("this user name is kept for the operator: choose another", reserved=True)
    return name


def checked_email(text: str) -> str:
    """The address in lower case, by which it is compared and kept. At most 254 ASCII characters. Raises InvalidEmail."""
    address = text.strip().lower()
    if len(address) > 254 or len(address.partition("@")[0]) > 64 or not _EMAIL.fullmatch(address):
        raise InvalidEmail("write an e-mail address such as name@example.org, without accents")
    return address


def checked_name(text: str, *, kind: CustomerKind = CustomerKind.PERSON) -> str:
    """A name as people write it: composed (NFC), single spaces, 1 to 80 characters. A person's has letters, spaces, ' - and .; a
    company's also digits and & + @ / ( ) , ! and the like. No control or direction characters. Raises InvalidName."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    more = "&+@/(),!:°№*#" if kind is CustomerKind.COMPANY else ""
    if not 1 <= len(name) <= 80:
        raise InvalidName("a name has 1 to 80 characters")
    for character in name:
        category = unicodedata.category(character)
        if category[0] in "LM" or character in " '’-.·" or character in more:
            continue
        if kind is CustomerKind.COMPANY and category == "Nd":
            continue
        raise InvalidName("write a name with letters, spaces, hyphens and apostrophes")
    if not any(unicodedata.category(character)[0] in "LN" for character in name):
        raise InvalidName("a name has at least one letter")
    return name


def is_country(code: str) -> bool:
    """Whether it is a country that a numbering plan is known for: dialled numbers are read in the customer's country."""
    return code in phonenumbers.SUPPORTED_REGIONS


def checked_country(text: str) -> str:
    """An ISO 3166 country code, such as FR. Raises InvalidCountry."""
    country = text.strip().upper()
    if not is_country(country):
        raise InvalidCountry(f"a country is two letters such as FR, and has a numbering plan: not {text[:20]!r}")
    return country


@carries("IPP-5.3-codes", "KRY-4.2.1-account")
def checked_password(password: str, *, user_name: str = "", email: str = "") -> str:
    """The site password itself: 10 to 128 characters, letters and digits mixed, without the user name or the e-mail's first part.

    Raises WeakPassword.
    """
    shortest, longest = PASSWORD_LENGTHS
    if not shortest <= len(password) <= longest:
        raise WeakPassword(f"a password has {shortest} to {longest} characters", rule="length")
    if not any(c.isalpha() for c in password) or not any(c.isdigit() for c in password):
        raise WeakPassword("a password mixes letters and digits", rule="mix")
    folded = password.casefold()
    for known in (user_name.casefold(), email.partition("@")[0].casefold()):
        if len(known) >= 3 and known in folded:
            raise WeakPassword("a password does not hold the user name or the e-mail address", rule="known")
    return password


@carries("IPP-5.3-codes")
def checked_sip_password(password: str, *, user_name: str, site_password: str | None = None) -> str:
    """The SIP password itself. 12 to 64 characters that every phone can type, letters and digits mixed, not holding the user name and
    not the site's password: phones keep it in clear, so it must open nothing else. Raises WeakSipPassword."""
    shortest, longest = SIP_PASSWORD_LENGTHS
    if not shortest <= len(password) <= longest:
        raise WeakSipPassword(f"a SIP password has {shortest} to {longest} characters", rule="length")
    if not _SIP_PASSWORD.fullmatch(password):
        raise WeakSipPassword("a SIP password has letters, digits and !#$%*+,./=?@^_~- only", rule="characters")
    if not any(c.isalpha() for c in password) or not any(c.isdigit() for c in password):
        raise WeakSipPassword("a SIP password mixes letters and digits", rule="mix")
    if user_name.casefold() in password.casefold():
        raise WeakSipPassword("a SIP password does not hold the user name", rule="known")
    if site_password is not None and password == site_password:
        raise WeakSipPassword("the SIP password and the site's password differ", rule="same")
    return password


def ha1(user_name: str, realm: str, password: str) -> Mapping[str, str]:
    """The digest secrets of RFC 7616 by algorithm (MD5, SHA-256, SHA-512-256): hexadecimal of H(user:realm:password)."""
    text = f"{user_name}:{realm}:{password}".encode()
    return {name: hashlib.new(digest, text).hexdigest() for name, digest in _DIGESTS.items()}

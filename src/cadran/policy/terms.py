"""Terms of a brand: values with unit and clause, by version. Files are read by `policy.queries`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from cadran.units.clause import carries
from cadran.units.errors import CadranError

SPECIAL = "special"
Scalar = str | int | bool
Content = Scalar | tuple[Scalar, ...] | Mapping[str, Scalar]


class UnknownValue(CadranError):
    """A value that the terms do not state, or state as another kind."""

    error_id = "policy-value-unknown"


@dataclass(frozen=True, slots=True)
class TermsValue:
    """One dated value: what it is, its unit (`day`, `second`, `micro-EUR`, `class`, ...), its clause, and where it stands
    (file and line)."""

    name: str
    content: Content
    unit: str
    clause: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a brand's terms. `ref` is `brand/version`, as decisions cite it.

    effective_from: the day, in the brand's zone, from which it is in force. key_change: customers approve it at their next
    login before anything else. sha256: the hash of the customer-facing text in each language, hexadecimal.
    """

    brand: str
    version: str
    effective_from: date
    title: str
    values: Mapping[str, TermsValue]
    key_change: bool = False
    sha256: Mapping[str, str] = field(default_factory=dict)
    _texts: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict, compare=False, repr=False)

    @property
    def ref(self) -> str:
        return f"{self.brand}/{self.version}"

    def value(self, name: str) -> TermsValue:
        """The value of that name. Raises UnknownValue."""
        try:
            return self.values[name]
        except KeyError:
            raise UnknownValue(f"the terms {self.ref} state no {name}: add it to their file with its clause") from None

    @carries("KRY-2.2-new-terms")
    def of_product(self, product: str) -> Terms:
        """The terms as they govern a product: its special conditions, stated as `special.<product>.<name>`, override the general
        ones of the same name. The same terms where there are none."""
        start = f"{SPECIAL}.{product}."
        special = {
            name.removeprefix(start): replace(value, name=name.removeprefix(start))
            for name, value in self.values.items()
            if name.startswith(start)
        }
        return replace(self, values={**self.values, **special}) if special else self

    def clause(self, name: str) -> str:
        return self.value(name).clause

    def integer(self, name: str) -> int:
        content = self.value(name).content
        if type(content) is not int:
            raise self._wrong(name, "a whole number")
        return content

    def text(self, name: str) -> str:
        content = self.value(name).content
        if not isinstance(content, str):
            raise self._wrong(name, "a text")
        return content

    def flag(self, name: str) -> bool:
        content = self.value(name).content
        if not isinstance(content, bool):
            raise self._wrong(name, "true or false")
        return content

    def texts(self, name: str) -> tuple[str, ...]:
        known = self._texts.get(name)
        if known is None:
            content = self.value(name).content
            if not isinstance(content, tuple) or not all(isinstance(item, str) for item in content):
                raise self._wrong(name, "a list of texts")
            known = self._texts[name] = tuple(str(item) for item in content)
        return known

    def integers(self, name: str) -> tuple[int, ...]:
        content = self.value(name).content
        if not isinstance(content, tuple) or not all(type(item) is int for item in content):
            raise self._wrong(name, "a list of whole numbers")
        return tuple(int(item) for item in content)

    def _wrong(self, name: str, wanted: str) -> UnknownValue:
        return UnknownValue(f"{name} of the terms {self.ref} must be {wanted} ({self.value(name).source})")

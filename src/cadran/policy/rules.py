"""Decision: what the platform answers when it allows, refuses, charges or cuts, and the clause that it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cadran.policy.brands import Brand
from cadran.units.clause import carries

Input = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer of the contract.

    `clause` is an id of the register; `terms` the accepted version as `brand/version`; `code` a stable id in kebab-case
    (`call-free-on-net`); `fr` and `en` explain it to the customer in a sentence; `inputs` what it was decided on.
    """

    allowed: bool
    clause: str
    terms: str
    code: str
    fr: str
    en: str
    inputs: Mapping[str, Input] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON: the form kept on a CDR and sent by the API."""
        return {
            "allowed": self.allowed,
            "clause": self.clause,
            "terms": self.terms,
            "code": self.code,
            "fr": self.fr,
            "en": self.en,
            "inputs": dict(self.inputs),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Decision:
        """The reverse of `as_dict`."""
        inputs = data.get("inputs") or {}
        assert isinstance(inputs, Mapping)
        return cls(
            allowed=bool(data["allowed"]),
            clause=str(data["clause"]),
            terms=str(data["terms"]),
            code=str(data["code"]),
            fr=str(data["fr"]),
            en=str(data["en"]),
            inputs=dict(inputs),
        )


@carries("LAW-emergency")
def emergency_warnings(brands: Iterable[Brand]) -> tuple[str, ...]:
    """What a start-up must say of emergency calls: one sentence for each brand and country in which it serves callers and
    does not route them."""
    return tuple(
        f"{brand.name}: emergency calls from {country} are not routed (emergency.routed_countries of {brand.terms}). The law "
        "expects a number-based service to route them free of charge with the caller's location; leaving them off is on the "
        "operator's own responsibility. Callers hear that they must use another phone."
        for brand in brands
        for country in brand.emergency_countries
        if country not in brand.emergency_routed
    )

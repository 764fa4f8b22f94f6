"""Decision: what the platform answers when it allows, refuses, charges or cuts, and the clause that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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

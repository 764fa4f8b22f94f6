"""What concerns calling numbers and the PIN, told by mail: a stranger's change is noticed, a number that moved not lost unsaid."""

from __future__ import annotations

from cadran.charging.ports import Charging
from cadran.journeys import mails
from cadran.numbering import rules as numbers
from cadran.policy.events import PendingEvent
from cadran.units.clause import carries
from cadran.units.e164 import E164

_SENTENCES = {
    "numbering.calling-number-registered": (
        "Le numéro {number} a été ajouté à vos numéros d’appel",
        "The number {number} was added to your calling numbers",
    ),
    "numbering.calling-number-removed": (
        "Le numéro {number} a été retiré de vos numéros d’appel",
        "The number {number} was removed from your calling numbers",
    ),
    "party.pin-set": (
        "Le code secret de vos appels a été choisi ou changé",
        "The PIN of your calls was chosen or changed",
    ),
    "party.pin-removed": ("Le code secret de vos appels a été supprimé", "The PIN of your calls was removed"),
}


def changed(event: PendingEvent, charging: Charging) -> None:
    """A calling number was added or removed, or the PIN set or removed."""
    if (customer := mails.reader(event)) is None:
        return
    sentence = _SENTENCES[event.kind][customer.language == "en"].format(number=_number(event))
    context = {"sentence": sentence}
    mails.write("security", key=f"security:{event.key}", customer=customer, at=event.at, context=context)


@carries("KRY-4.4.1-caller-id")
def number_lost(event: PendingEvent, charging: Charging) -> None:
    """Somebody proved a number of this customer to be theirs: what that means, and how to have it back."""
    if (customer := mails.reader(event)) is not None:
        context = {"number": _number(event)}
        key = f"calling-number-lost:{event.key}"
        mails.write("calling-number-lost", key=key, customer=customer, at=event.at, context=context)


def pin_locked(event: PendingEvent, charging: Charging) -> None:
    """Too many wrong PINs were typed on the phone: where to choose another."""
    if (customer := mails.reader(event)) is not None:
        mails.write("pin-locked", key=f"pin-locked:{event.key}", customer=customer, at=event.at, context={})


def _number(event: PendingEvent) -> str:
    digits = str(event.body.get("number", ""))
    return numbers.international(E164(f"+{digits}")) if digits else ""

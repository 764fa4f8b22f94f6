"""What the operator answers in a case, told to its customer by mail; each event once."""

from __future__ import annotations

from cadran.charging.ports import Charging
from cadran.compliance import queries as compliance
from cadran.journeys import mails
from cadran.policy.events import PendingEvent


def answered(event: PendingEvent, charging: Charging) -> None:
    """The operator answered, or closed the case: its words, and where the case is read."""
    if not event.body.get("account") or (customer := mails.reader(event)) is None:
        return
    case = compliance.case(str(event.body["number"]), account=customer.account)
    count = int(str(event.body["said"]))
    said = [entry for entry in compliance.entries(case.number) if entry.author == "operator"][:count]
    if not said:
        return
    mails.write(
        "case-answered",
        key=f"case-answered:{case.number}:{len(said)}",
        customer=customer,
        at=event.at,
        context={
            "number": case.number,
            "case_kind": case.kind.value,
            "said": said[-1].text,
            "link": f"{mails.site_url(customer.brand)}/account/cases/{case.number}/",
        },
    )

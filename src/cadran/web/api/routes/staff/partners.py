"""Partners of the installation: carriers, card provider, mail server. Secrets go in and never come out; each can be tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Body, Path
from pydantic import StringConstraints

from cadran.journeys import partner_checks, partner_list
from cadran.party import partners
from cadran.party.keys.rules import Scope
from cadran.party.partners import PartnerKind
from cadran.party.staff import NotPermitted
from cadran.web.api import shapes
from cadran.web.api import shapes_setup as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

READ, WRITE = Scope.STAFF_READ_PARTNERS, Scope.STAFF_WRITE_PARTNERS
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
_WRONG = ("partners-invalid", "partners-address-forbidden", "party-staff-not-permitted")
_SILENT = ("partners-not-set-up", "partners-invalid", "partners-address-forbidden", "party-staff-not-permitted")


@operation(desk.router, "GET", "/staff/partners", scope=READ, answers_with=seen.Partners)
def list_partners(request: HttpRequest) -> seen.Partners:
    """How the partners are reached now, and where each setting comes from. No secret is among it."""
    return seen.Partners(
        carriers=[_carrier(one) for one in partner_list.carriers(desk.caller(request).brand)],
        card=_partner(PartnerKind.CARD),
        mail=_partner(PartnerKind.MAIL),
    )


@operation(
    desk.router,
    "PUT",
    "/staff/partners/carriers/{name}",
    scope=WRITE,
    answers_with=seen.Carrier,
    may_fail=_WRONG,
)
def set_up_carrier(request: HttpRequest, name: Path[Name], asked: Body[seen.CarrierAsked]) -> seen.Carrier:
    """Set up a carrier of the brand; running processes take it up within seconds."""
    stated = {
        "host": asked.host,
        "port": str(asked.port),
        "priority": str(asked.priority),
        "prefixes": asked.prefixes,
        "number_form": asked.number_form,
        "inbound": "yes" if asked.inbound else "no",
        "user": asked.user,
    }
    brand = desk.caller(request).brand
    _set_up(request, PartnerKind.CARRIER, brand, name, stated, {"password": asked.password}, asked.enabled)
    kept = next((one for one in partner_list.carriers(brand) if one.name == name), None)
    return _carrier(kept or _tried(name, stated, asked))


@operation(desk.router, "PUT", "/staff/partners/card", scope=WRITE, answers_with=seen.Partner, may_fail=_WRONG)
def set_up_card_provider(request: HttpRequest, asked: Body[seen.CardAsked]) -> seen.Partner:
    """Set up the card provider of the installation, for staff that serves every brand."""
    secrets = {"api_key": asked.api_key, "webhook_secret": asked.webhook_secret}
    _set_up(request, PartnerKind.CARD, "", "", {"api_base": asked.api_base}, secrets, asked.enabled)
    return _partner(PartnerKind.CARD)


@operation(desk.router, "PUT", "/staff/partners/mail", scope=WRITE, answers_with=seen.Partner, may_fail=_WRONG)
def set_up_mail_server(request: HttpRequest, asked: Body[seen.MailAsked]) -> seen.Partner:
    """Set up the mail server of the installation, for staff that serves every brand."""
    stated = {name: str(getattr(asked, name)) for name in partners.FIELDS[PartnerKind.MAIL]}
    _set_up(request, PartnerKind.MAIL, "", "", stated, {"password": asked.password}, asked.enabled)
    return _partner(PartnerKind.MAIL)


@operation(
    desk.router,
    "POST",
    "/staff/partners/carriers/{name}/test",
    scope=WRITE,
    answers_with=seen.PartnerTest,
    may_fail=(*_SILENT, "voice-carrier-silent"),
)
def test_carrier(request: HttpRequest, name: Path[Name]) -> seen.PartnerTest:
    """Ask a carrier by OPTIONS, now."""
    _tests(request, PartnerKind.CARRIER, name)
    return seen.PartnerTest(said=partner_checks.carrier(brand=desk.caller(request).brand, name=name)[:200])


@operation(
    desk.router,
    "POST",
    "/staff/partners/card/test",
    scope=WRITE,
    answers_with=seen.PartnerTest,
    may_fail=(*_SILENT, "payment-provider-uncertain", "payment-provider-refused"),
)
def test_card_provider(request: HttpRequest) -> seen.PartnerTest:
    """Sign in to the card provider, now."""
    _tests(request, PartnerKind.CARD, "")
    return seen.PartnerTest(said=partner_checks.card()[:200])


@operation(
    desk.router,
    "POST",
    "/staff/partners/mail/test",
    scope=WRITE,
    answers_with=seen.PartnerTest,
    may_fail=(*_SILENT, "messaging-server-away", "messaging-mail-never-taken", "messaging-mail-not-taken-now"),
)
def test_mail_server(request: HttpRequest) -> seen.PartnerTest:
    """Hand the mail server a message for the member of staff whose key it is, now."""
    _tests(request, PartnerKind.MAIL, "")
    said = partner_checks.mail(
        to=desk.person(request).email,
        subject=_("Essai du serveur de courrier"),
        text=_("Ce message est un essai demandé depuis le back-office. Il est bien arrivé."),
        at=settings.CIVIL_CLOCK.now(),
    )
    return seen.PartnerTest(said=said[:200])


def _set_up(
    request: HttpRequest,
    kind: PartnerKind,
    brand: str,
    name: str,
    stated: Mapping[str, str],
    secrets: Mapping[str, str],
    enabled: bool,
) -> None:
    caller, by = desk.caller(request), desk.person(request)
    _reached(request, kind)
    if caller.test:
        partners.check(kind, name, stated, secrets)
        return
    desk.log(request, "partners", kind="partner-change", subject=f"{kind}/{brand}/{name}"[:64])
    partners.set_up(
        kind=kind,
        brand=brand,
        name=name,
        stated=stated,
        secrets=secrets,
        enabled=enabled,
        by_id=by.user_id,
        by_name=by.name,
        at=settings.CIVIL_CLOCK.now(),
    )


def _tests(request: HttpRequest, kind: PartnerKind, name: str) -> None:
    if desk.caller(request).test:
        raise partner_checks.NotSetUp("a test key reaches no partner")
    desk.log(request, "partners", kind="partner-test", subject=f"{kind}/{name}"[:64])


def _reached(request: HttpRequest, kind: PartnerKind) -> None:
    member = desk.caller(request).member
    assert member is not None
    if not partners.reached_by(kind, member.brands):
        raise NotPermitted("the card provider and the mail server serve every brand: who serves some changes neither")


def _carrier(one: partner_list.Carrier) -> seen.Carrier:
    stated = one.stated
    return shapes.of(
        seen.Carrier,
        one,
        host=stated["host"],
        port=int(stated["port"]),
        number_form=stated["number_form"],
        inbound=stated["inbound"] == "yes",
        user=stated.get("user", ""),
    )


def _tried(name: str, stated: Mapping[str, str], asked: seen.CarrierAsked) -> partner_list.Carrier:
    """What a test key set up: nothing."""
    address = f"{asked.host}:{asked.port}"
    return partner_list.Carrier(
        name, address, asked.priority, asked.prefixes, "screen", asked.enabled, stated, bool(asked.password)
    )


def _partner(kind: PartnerKind) -> seen.Partner:
    found = partners.partner(kind)
    return seen.Partner(
        kind=kind.value,
        stated=dict(found.stated) if found else {},
        source=partner_list.source(kind),
        enabled=found.enabled if found else True,
        secrets=sorted(name for name, value in found.secrets.items() if value) if found else [],
        changed_by=found.changed_by if found else None,
        changed_at=found.changed_at if found else None,
    )

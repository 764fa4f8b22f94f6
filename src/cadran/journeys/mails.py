"""What happens in the rooms, told to the customer by mail: each event once, in the customer's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import structlog
from babel import dates
from django.conf import settings

from cadran.balance import rules as balance
from cadran.charging.ports import Charging
from cadran.invoicing import pdf
from cadran.invoicing import queries as invoicing
from cadran.journeys import receipts
from cadran.messaging import operations, rendering, rules
from cadran.messaging.adapters import smtp
from cadran.messaging.ports import Transport
from cadran.party import partners
from cadran.party import queries as party
from cadran.payment import queries as payment
from cadran.policy import accounts as policy_accounts
from cadran.policy import queries as policy
from cadran.policy.events import PendingEvent
from cadran.units.clause import carries
from cadran.units.period import civil_day

log = structlog.get_logger()

REGISTRATION_PAGE = "/account/registration/"


def transport() -> Transport:
    """The mail server in use now: of the environment, of the back office, or the sandbox's."""
    if (chosen := partners.in_use(partners.PartnerKind.MAIL)) is not None:
        return smtp.SmtpTransport(mail_server(chosen))
    security = smtp.Security.STARTTLS if settings.EMAIL_USE_TLS else smtp.Security.NONE
    return smtp.SmtpTransport(
        smtp.Server(
            host=settings.EMAIL_HOST,
            port=settings.EMAIL_PORT,
            security=smtp.Security.TLS if settings.EMAIL_USE_SSL else security,
            user=settings.EMAIL_HOST_USER,
            password=settings.EMAIL_HOST_PASSWORD,
            timeout_s=settings.EMAIL_TIMEOUT,
        )
    )


def mail_server(chosen: partners.Partner) -> smtp.Server:
    """The mail server that the back office set up. Raises InvalidServer."""
    return smtp.Server(
        host=chosen.stated["host"],
        port=int(chosen.stated["port"]),
        security=smtp.Security(chosen.stated["security"]),
        user=chosen.stated["user"],
        password=chosen.secrets.get("password", ""),
        timeout_s=settings.EMAIL_TIMEOUT,
    )


def site_url(brand: str) -> str:
    """Where a brand's site is, for links in mails: never told by a visitor's request."""
    base = urlsplit(str(settings.PUBLIC_URL))
    if brand == settings.BRAND:
        return str(settings.PUBLIC_URL)
    port = f":{base.port}" if base.port else ""
    for host, key in settings.BRAND_HOSTS.items():
        if key == brand:
            return urlunsplit((base.scheme, f"{host}{port}", "", "", ""))
    if settings.SANDBOX and base.hostname in ("127.0.0.1", "localhost", "::1"):
        return urlunsplit((base.scheme, f"{brand}.localhost{port}", "", "", ""))
    return str(settings.PUBLIC_URL)


def write(
    kind: str,
    *,
    key: str,
    customer: party.Customer,
    at: datetime,
    context: Mapping[str, object],
    attachments: Sequence[rules.Attachment] = (),
) -> str:
    """Queue the mail of that kind to a customer, once for each key; returns its id."""
    words = rendering.written(
        kind,
        brand=customer.brand,
        language=customer.language,
        url=site_url(customer.brand),
        context={
            "name": customer.display_name,
            "customer": customer.display_name,
            "email": customer.email,
            "username": customer.username,
            "account": customer.account,
            "currency": customer.currency,
            "at": at,
            **context,
        },
    )
    return operations.queue_mail(
        key=key,
        brand=customer.brand,
        account=customer.account,
        to=customer.email,
        subject=words.subject,
        text=words.text,
        html=words.html,
        language=words.language,
        kind=kind,
        at=at,
        attachments=attachments,
    )


@carries("IPP-5.1-activation")
def account_activated(event: PendingEvent, charging: Charging) -> None:
    """The operator validated the registration: its services are active from now on."""
    if (customer := reader(event)) is None or _told_by(customer) != "email":
        return
    zone = policy.brand(customer.brand).zone
    users = party.sip_identities(account=customer.account)
    write(
        "account-activated",
        key=f"account-activated:{customer.account}",
        customer=customer,
        at=event.at,
        context={
            "day": _day(event.at, zone, customer.language),
            "sip_address": f"{users[0].username}@{settings.SIP_REALM}" if users else "",
            "terms": customer.terms,
        },
    )


def await_transfer(event: PendingEvent, charging: Charging) -> None:
    """An order beyond the month's limit: where to send the money, and under which reference."""
    if (customer := reader(event)) is None:
        return
    order = payment.order(str(event.body["order"]))
    write(
        "awaiting-transfer",
        key=f"awaiting-transfer:{order.order_id}",
        customer=customer,
        at=event.at,
        context=_order(order) | {"bank": settings.BANK_ACCOUNT},
    )


@carries("KRY-4.1-order-confirmation")
def confirm_order(event: PendingEvent, charging: Charging) -> None:
    """An order is validated and paid: all its elements, and its receipt attached."""
    if (customer := reader(event)) is None:
        return
    order = payment.order(str(event.body["order"]))
    receipt = invoicing.receipt_of_order(order.order_id)
    if receipt is None:
        raise invoicing.UnknownReceipt(f"order {order.order_id} has no receipt yet")
    terms = policy.terms(order.terms)
    policy_accounts.confirmation_channel(terms)
    valid = balance.purchase_expiry(terms, event.at) if "credit.validity_days" in terms.values else None
    write(
        "order-confirmation",
        key=f"order-confirmation:{order.order_id}",
        customer=customer,
        at=event.at,
        context=_order(order)
        | {
            "paid_at": event.at,
            "payment_reference": order.provider_ref or order.reference,
            "receipt": receipt.number,
            "valid_until": valid,
            "terms_url": f"{site_url(customer.brand)}/terms/{terms.version}/",
        },
        attachments=[_attached(receipt)],
    )


def automatic_top_up(event: PendingEvent, charging: Charging) -> None:
    """An automatic top-up was agreed upon, refused by the bank, or held back by its monthly cap."""
    if (customer := reader(event)) is None:
        return
    kind, decision = event.kind.removeprefix("payment."), event.body.get("decision")
    figures = {name: int(str(event.body[name])) for name in ("amount_micros", "threshold_micros", "cap_micros")}
    sentence = decision.get("en" if customer.language == "en" else "fr", "") if isinstance(decision, Mapping) else ""
    context = {**figures, "terms": str(event.body["terms"]), "sentence": sentence}
    write(kind, key=f"{kind}:{event.key}", customer=customer, at=event.at, context=context)


def low_credit(event: PendingEvent, charging: Charging) -> None:
    """The credit went below the customer's threshold."""
    if (customer := reader(event)) is not None:
        figures: dict[str, object] = {
            name: int(str(event.body[name])) for name in ("balance_micros", "threshold_micros")
        }
        free = policy.governing_terms(customer.terms, event.at).values.get("calls.free_classes")
        figures["free_calls"] = free is None or bool(free.content)
        write("low-credit", key=f"low-credit:{event.key}", customer=customer, at=event.at, context=figures)


def credit_expiring(event: PendingEvent, charging: Charging) -> None:
    """A part of the credit ends soon."""
    if (customer := reader(event)) is None:
        return
    write(
        "credit-expiry",
        key=f"credit-expiry:{event.key}",
        customer=customer,
        at=event.at,
        context={
            "amount_micros": int(str(event.body["amount_micros"])),
            "expires_at": datetime.fromisoformat(str(event.body["expires_at"])),
            "terms": str(event.body["terms"]),
        },
    )


@carries("IPP-10.1-re-rating")
def rerated(event: PendingEvent, charging: Charging) -> None:
    """Calls of the past were charged again: how many, the difference, why, and where to see and to question it."""
    if (customer := reader(event)) is None:
        return
    site, zone = site_url(customer.brand), policy.brand(customer.brand).zone
    since, until = (datetime.fromisoformat(str(event.body[name])) for name in ("since", "until"))
    write(
        "rerated",
        key=f"rerated:{event.key}",
        customer=customer,
        at=event.at,
        context={
            **{name: int(str(event.body[name])) for name in ("calls", "up_micros", "down_micros", "owed_micros")},
            "reason": str(event.body["reason"]),
            "first_day": _day(since, zone, customer.language),
            "last_day": _day(until - timedelta(microseconds=1), zone, customer.language),
            "link": f"{site}/account/reratings/{event.body['rerating']}/",
        },
    )


def transfer_lapsed(event: PendingEvent, charging: Charging) -> None:
    """No transfer came in time."""
    if (customer := reader(event)) is None:
        return
    order = payment.order(str(event.body["order"]))
    write(
        "transfer-lapsed",
        key=f"transfer-lapsed:{order.order_id}",
        customer=customer,
        at=event.at,
        context=_order(order),
    )


def refunded(event: PendingEvent, charging: Charging) -> None:
    """Money was given back: its credit receipt attached."""
    if (customer := reader(event)) is None:
        return
    found = invoicing.receipt_of_key(receipts.refund_key(event))
    if found is None:
        raise invoicing.UnknownReceipt(f"refund {event.key} has no receipt yet")
    write(
        "refunded",
        key=f"refunded:{event.key}",
        customer=customer,
        at=event.at,
        context={
            "order": found.order,
            "amount_micros": -found.amount_micros,
            "currency": found.currency,
            "means": found.means,
            "reason": found.reason,
            "receipt": found.number,
            "corrects": found.corrects,
            "paid_at": found.paid_at,
        },
        attachments=[_attached(found)],
    )


def document_refused(event: PendingEvent, charging: Charging) -> None:
    """An identity document was refused: why, and where to send another."""
    if (customer := reader(event)) is None:
        return
    reason, note = str(event.body.get("reason", "")), str(event.body.get("note", ""))
    write(
        "document-refused",
        key=f"document-refused:{event.key}",
        customer=customer,
        at=event.at,
        context={"reason": reason, "note": note, "link": site_url(customer.brand) + REGISTRATION_PAGE},
    )


def documents_accepted(event: PendingEvent, charging: Charging) -> None:
    """The identity document was accepted."""
    if (customer := reader(event)) is not None:
        key = f"documents-accepted:{event.key}"
        write("documents-accepted", key=key, customer=customer, at=event.at, context={})


def case_opened(event: PendingEvent, charging: Charging) -> None:
    """A report was received: its tracking number, and what is blocked meanwhile."""
    if (customer := reader(event)) is None:
        return
    number = str(event.body.get("number") or event.key)
    blocked, due = event.body.get("blocked"), event.body.get("due_at")
    write(
        "case-opened",
        key=f"case-opened:{number}",
        customer=customer,
        at=event.at,
        context={
            "number": number,
            "case_kind": str(event.body.get("kind", "")),
            "reset_link": f"{site_url(customer.brand)}/account/password/reset/",
            "locked": isinstance(blocked, list) and bool({"site", "factor"} & set(blocked)),
            "blocked_parts": [str(part) for part in blocked] if isinstance(blocked, list) else [],
            "due_at": datetime.fromisoformat(str(due)) if due else None,
        },
    )


def sip_password_changed(event: PendingEvent, charging: Charging) -> None:
    """The SIP password was changed: a stranger's change is noticed."""
    if (customer := reader(event)) is None:
        return
    sentence = ("Le mot de passe SIP a été changé", "The SIP password was changed")[customer.language == "en"]
    write(
        "security",
        key=f"security:{event.key}",
        customer=customer,
        at=event.at,
        context={"sentence": sentence},
    )


def reader(event: PendingEvent) -> party.Customer | None:
    """The customer whom an event concerns; None for an account that nobody holds, or whose customer has no address any more."""
    try:
        customer = party.customer_of_account(str(event.body["account"]))
    except party.UnknownCustomer:
        log.warning("mail-to-nobody", kind=event.kind, key=event.key)
        return None
    return None if customer.email.endswith(".invalid") else customer


def _told_by(customer: party.Customer) -> str:
    """How the terms have the validation told: by e-mail where they do not say."""
    terms, name = policy.terms(customer.terms), "account.activation_told_by"
    return terms.text(name) if name in terms.values else "email"


def _order(order: payment.Order) -> dict[str, object]:
    return {
        "order": order.order_id,
        "amount_micros": order.amount_micros,
        "currency": order.currency,
        "means": order.means,
        "placed_at": order.placed_at,
        "reference": order.reference,
        "lapses_at": order.lapses_at,
        "terms": order.terms,
        "order_url": f"{site_url(order.brand)}/topup/{order.order_id}/",
    }


def _attached(receipt: invoicing.Receipt) -> rules.Attachment:
    return rules.Attachment(receipt.file_name, "application/pdf", pdf.receipt_pdf(receipt))


def _day(at: datetime, zone: str, language: str) -> str:
    return str(dates.format_date(civil_day(at, zone), format="long", locale="en_GB" if language == "en" else "fr"))

"""What customers are told by mail: each event once, in their language, with everything that proves it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
from django.test import override_settings

from cadran.charging.engine import Engine
from cadran.charging.ports import BuyCredit
from cadran.invoicing import queries as invoicing
from cadran.journeys import carry, due, mails, warnings
from cadran.messaging import operations as messaging
from cadran.messaging import queries as messages
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.payment import operations as payment
from cadran.payment.ports import Checkout, CheckoutStatus
from cadran.payment.queries import Order
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.units.money import MICROS
from charging.charging_rig import AT, TERMS, call, ended, fresh_file, open_engine, reading
from party.conftest import registration

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@dataclass
class House:
    """A customer, the charging engine, and the events between them."""

    customer: party.Customer
    engine: Engine

    def carry(self, at: datetime = AT) -> None:
        while carry.pending(charging=self.engine, now=at + timedelta(hours=1)):
            pass

    def told(self, kind: str) -> list[messages.Mail]:
        return [mail for mail in reversed(messages.mails(limit=500)) if mail.kind == kind]

    def order(self, micros: int = 10 * MICROS, key: str = "k1", at: datetime = AT) -> Order:
        return payment.place_top_up(
            key=key,
            account=self.customer.account,
            brand="ippi",
            terms=policy.terms(TERMS),
            opened_at=AT,
            amount_micros=micros,
            currency="EUR",
            at=at,
        )

    def pay(self, micros: int = 10 * MICROS, key: str = "k1", at: datetime = AT) -> Order:
        order = self.order(micros, key, at)
        reference = f"cs_test_{key}"
        payment.checkout_opened(order_id=order.order_id, checkout=Checkout(reference, "http://127.0.0.1:9/"), at=at)
        status = CheckoutStatus(provider_ref=reference, state="paid", amount_micros=micros, currency="EUR")
        return payment.record_status(order_id=order.order_id, status=status, at=at)

    def words(self, kind: str) -> tuple[str, str]:
        """Both twins of the first mail of a kind, with ordinary blanks."""
        content = messages.content(self.told(kind)[0].mail_id)
        return content.text.replace("\u00a0", " "), content.html.replace("\u00a0", " ")

    def speak(self, key: str, seconds: int, at: datetime = AT) -> None:
        """A call to a mobile: 0.10 a minute."""
        account = self.customer.account
        self.engine.authorise(call(key, account=account, destination="33612345678", number_class="mobile", at=at))
        self.engine.extend(session=key, seq=1, used_s=0, at=at)
        self.engine.settle(
            ended(key, seconds, at=at + timedelta(seconds=seconds + 3), answered_at=at + timedelta(seconds=3))
        )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    path = fresh_file(tmp_path / "charging.db")
    engine = open_engine(path, extension_s=7200)
    with reading(path):
        yield engine
    engine.close()


@pytest.fixture
def join(engine: Engine) -> Callable[..., House]:
    """Registers a customer, validated unless the test says otherwise."""

    def run(*, validated: bool = True, **changes: object) -> House:
        made = party_operations.register_customer(registration=registration(**changes), at=AT)
        if validated:
            made = party_operations.validate_email(user_id=made.user_id, email=made.email, at=AT)
        house = House(made, engine)
        house.carry()
        return house

    return run


@pytest.fixture
def house(join: Callable[..., House]) -> House:
    return join()


@pytest.mark.clause("IPP-5.1-activation")
@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        (
            "fr",
            "Votre compte est ouvert",
            "IPPI a validé votre inscription le 2 mars 2026 : vos services sont activés.",
        ),
        ("en", "Your account is open", "IPPI validated your registration on 2 March 2026: your services are active."),
    ],
)
def test_the_operators_validation_is_told_by_mail_and_not_before(
    join: Callable[..., House], language: str, subject: str, words: str
) -> None:
    house = join(validated=False, language=language)
    assert messages.mails() == ()
    party_operations.validate_email(user_id=house.customer.user_id, email=house.customer.email, at=AT)
    house.carry()
    (mail,) = house.told("account-activated")
    assert (mail.to, mail.subject, mail.account) == ("claire@example.org", subject, house.customer.account)
    content = messages.content(mail.mail_id)
    for twin in (content.text, content.html):
        assert words in twin
        assert f"claire@{'cadran.local'}" in twin


ELEMENTS = {
    "fr": [
        "Commande confirmée et payée : 10,00 € de crédit",
        "Crédit téléphonique prépayé",
        "Carte bancaire",
        "2 mars 2026",
        "29 août 2026",
    ],
    "en": [
        "Order confirmed and paid: €10.00 of credit",
        "Prepaid calling credit",
        "Bank card",
        "2 March 2026",
        "29 August 2026",
    ],
}


@pytest.mark.clause("KRY-4.1-order-confirmation")
@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_order_that_is_paid_is_confirmed_with_all_its_elements_and_its_receipt(
    join: Callable[..., House], language: str
) -> None:
    house = join(language=language)
    order = house.pay()
    assert house.told("order-confirmation") == []
    house.carry()
    (mail,) = house.told("order-confirmation")
    content = messages.content(mail.mail_id)
    receipt = invoicing.receipt_of_order(order.order_id)
    assert receipt is not None
    assert mail.subject == ELEMENTS[language][0]
    facts = [
        order.order_id,
        receipt.number,
        "cs_test_k1",
        "Claire Le Gall",
        house.customer.account,
        "claire@example.org",
        TERMS,
    ]
    for twin in (content.text, content.html.replace("&#x27;", "'")):
        for fact in [*facts, *ELEMENTS[language][1:], "IPPI (reconstitution"]:
            assert fact in twin, fact
    (attached,) = content.attachments
    assert (attached.name, attached.media_type) == (f"{receipt.number}.pdf", "application/pdf")
    with pikepdf.open(io.BytesIO(attached.content)) as opened:
        assert receipt.number in str(opened.docinfo["/Title"])
    house.carry(AT + timedelta(days=1))
    assert len(house.told("order-confirmation")) == 1


@pytest.mark.clause("KRY-4.1-order-confirmation")
def test_what_confirms_an_order_prints_well(house: House) -> None:
    house.pay()
    house.carry()
    html = messages.content(house.told("order-confirmation")[0].mail_id).html
    printed = re.search(r"@media print\{(.*?)\}\n", html + "\n", re.DOTALL)
    assert printed is not None
    assert "background:#fff!important" in printed[1]
    assert 'class="no-print"' in html
    assert f"{mails.site_url('ippi')}/topup/" in re.sub(r'<p class="no-print".*?</p>', "", html), (
        "the address stays on paper"
    )


@pytest.mark.clause("KRY-4.1-order-confirmation")
def test_an_order_that_is_not_paid_is_confirmed_to_nobody(house: House) -> None:
    house.order()
    house.carry()
    assert house.told("order-confirmation") == []
    assert invoicing.receipts(account=house.customer.account) == ()


def test_each_payment_has_its_receipt_and_its_number(house: House) -> None:
    orders = [house.pay(key=f"k{n}", at=AT + timedelta(minutes=n)) for n in range(3)]
    house.carry()
    house.carry()
    found = invoicing.receipts(account=house.customer.account)
    assert [one.number for one in found] == [f"IPPI-2026-{n:06d}" for n in (3, 2, 1)]
    assert [one.order for one in reversed(found)] == [order.order_id for order in orders]
    assert found[0].buyer.name == "Claire Le Gall"


def test_a_refund_is_told_with_its_credit_receipt(house: House) -> None:
    order = house.pay()
    house.carry()
    body = {"refund": "ref_1", "order": order.order_id, "account": order.account, "amount_micros": 4 * MICROS}
    more = {"currency": "EUR", "reason": "Achat en double"}
    policy_operations.record_event(kind="payment.refunded", key="ref_1", body=body | more, at=AT + timedelta(days=1))
    house.carry(AT + timedelta(days=1))
    (mail,) = house.told("refunded")
    content = messages.content(mail.mail_id)
    assert mail.subject == "Remboursement de 4,00 €"
    for word in ("Achat en double", "IPPI-2026-000002", "IPPI-2026-000001", order.order_id):
        assert word in content.text
    assert content.attachments[0].name == "IPPI-2026-000002.pdf"


@override_settings(BANK_ACCOUNT={"holder": "Cadran", "iban": "FR7630006000011234567890189", "bic": "AGRIFRPP"})
def test_an_order_by_transfer_says_where_to_pay_and_lapses_by_mail(house: House) -> None:
    order = house.order(200 * MICROS)
    house.carry()
    for word in ("200,00 €", order.reference, "FR7630006000011234567890189", "AGRIFRPP", "1 avril 2026"):
        assert all(word in twin for twin in house.words("awaiting-transfer"))
    due.run_due(charging=house.engine, now=AT + timedelta(days=40), reach=house.carry)
    house.carry(AT + timedelta(days=40))
    (lapsed,) = house.told("transfer-lapsed")
    assert order.reference in messages.content(lapsed.mail_id).text
    assert lapsed.queued_at == order.lapses_at


def test_a_document_refused_is_told_with_its_reason_and_hostile_words_stay_words(house: House) -> None:
    body = {
        "account": house.customer.account,
        "document": "d1",
        "reason": "unreadable",
        "note": "<script>x</script>",
    }
    policy_operations.record_event(kind="party.document-refused", key="d1", body=body, at=AT)
    house.carry()
    content = messages.content(house.told("document-refused")[0].mail_id)
    assert "l’image est floue, sombre ou coupée" in content.text
    assert "<script>x</script>" in content.text
    assert "&lt;script&gt;x" in content.html
    assert "<script>" not in content.html


def test_a_case_is_told_with_its_tracking_number(house: House) -> None:
    body = {"account": house.customer.account, "number": "AB12-CD34-EF56", "kind": "lost-codes", "blocked": ["sip"]}
    policy_operations.record_event(kind="compliance.case-opened", key="AB12-CD34-EF56", body=body, at=AT)
    house.carry()
    (mail,) = house.told("case-opened")
    assert mail.subject == "Votre signalement AB12-CD34-EF56 est ouvert"
    assert "Codes perdus ou volés" in messages.content(mail.mail_id).text


@pytest.mark.parametrize(
    ("kind", "subject", "words"),
    [
        ("automatic-agreed", "Votre recharge automatique est enregistrée", "Vous pouvez l’arrêter à tout moment."),
        ("automatic-refused", "Votre recharge automatique n’a pas pu être payée", "rien n’a été débité"),
        ("automatic-held-back", "Votre recharge automatique a atteint sa limite", "La limite du mois est atteinte."),
    ],
)
def test_what_becomes_of_an_automatic_top_up_is_told(house: House, kind: str, subject: str, words: str) -> None:
    body = {
        "account": house.customer.account,
        "terms": TERMS,
        "amount_micros": 10 * MICROS,
        "threshold_micros": 2 * MICROS,
    }
    decision = {"fr": "La limite du mois est atteinte.", "en": "The month's limit is reached."}
    more = {"cap_micros": 50 * MICROS, "decision": decision, "why": "<script>"}
    policy_operations.record_event(kind=f"payment.{kind}", key="auto_1", body=body | more, at=AT)
    house.carry()
    assert [mail.subject for mail in house.told(kind)] == [subject]
    for twin in house.words(kind):
        assert words in twin
        assert "50,00 €" in twin
        assert "<script>" not in twin


def test_a_locked_sign_in_is_told_with_the_way_back_and_an_answer_with_its_words(house: House) -> None:
    from cadran.compliance import operations as compliance
    from cadran.compliance.rules import Kind
    from cadran.journeys import reports

    case = reports.report(customer=house.customer, kind=Kind.ABUSE, lost=(), text="Au secours", key="k", at=AT)
    house.carry()
    opened = messages.content(house.told("case-opened")[0].mail_id)
    assert "/account/password/reset/" in opened.text
    assert "/account/password/reset/" in opened.html
    assert "clés d’accès" in opened.text
    compliance.answer(number=case.number, text="<b>C’est bloqué.</b>", by="sam", at=AT)
    compliance.close(number=case.number, by="sam", text="Fini.", at=AT)
    compliance.close(number=case.number, by="sam", at=AT)
    house.carry()
    first, last = (messages.content(mail.mail_id) for mail in house.told("case-answered"))
    assert "<b>C’est bloqué.</b>" in first.text
    assert "&lt;b&gt;C’est bloqué." in first.html
    assert "Fini." in last.text
    assert f"/account/cases/{case.number}/" in last.text
    assert "sam" not in last.text


def test_a_changed_sip_password_is_told(house: House) -> None:
    party_operations.set_sip_password(username="claire", password="w8mq-x3dw-p9ra-t4hz", at=AT)
    house.carry()
    assert [mail.subject for mail in house.told("security")] == ["Le mot de passe SIP a été changé"]


def test_an_account_that_nobody_holds_gets_its_receipt_and_no_mail(engine: Engine) -> None:
    engine.open_wallet(account="A000077", brand="ippi", currency="EUR", at=AT)
    ghost = House(party.Customer(**dict.fromkeys(party.Customer.__slots__, "") | {"account": "A000077"}), engine)  # type: ignore[arg-type]
    order = ghost.pay()
    ghost.carry()
    receipt = invoicing.receipt_of_order(order.order_id)
    assert receipt is not None
    assert receipt.buyer.account == "A000077"
    assert messages.mails() == ()


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_credit_that_goes_below_the_terms_two_euros_is_told_once_for_each_purchase(house: House) -> None:
    house.pay()
    house.carry()
    house.speak("c0", 3600)
    house.speak("c1", 1200)  # 8.00 together: exactly 2.00 left
    assert warnings.watch_credit(at=AT + timedelta(hours=2)) == 2
    house.carry(AT + timedelta(hours=2))
    assert house.told("low-credit") == []
    house.speak("c2", 1, AT + timedelta(hours=3))
    house.speak("c3", 60, AT + timedelta(hours=4))
    assert warnings.watch_credit(at=AT + timedelta(hours=5)) == 2
    assert warnings.watch_credit(at=AT + timedelta(hours=5)) == 0
    house.carry(AT + timedelta(hours=5))
    (mail,) = house.told("low-credit")
    assert "sous 2,00 €" in house.words("low-credit")[0]
    assert mail.subject == "Il vous reste 1,89 € de crédit"
    house.speak("c4", 60, AT + timedelta(hours=6))
    warnings.watch_credit(at=AT + timedelta(hours=7))
    house.pay(key="k2", at=AT + timedelta(hours=8))
    house.carry(AT + timedelta(hours=8))
    for n in range(2):
        house.speak(f"d{n}", 3600, AT + timedelta(hours=9 + n))
        warnings.watch_credit(at=AT + timedelta(hours=12))
        house.carry(AT + timedelta(hours=12))
        assert len(house.told("low-credit")) == 1 + n
    assert len(house.told("low-credit")) == 2


@pytest.mark.parametrize(("chosen", "told"), [(9_000_000, 1), (0, 0), (8_899_999, 0), (None, 0)])
def test_a_customers_own_threshold_comes_before_the_terms(house: House, chosen: int | None, told: int) -> None:
    messaging.choose_low_credit_warning(account=house.customer.account, micros=chosen, at=AT)
    house.pay()
    house.carry()
    house.speak("c1", 660)  # 1.10: 8.90 left
    warnings.watch_credit(at=AT + timedelta(hours=1))
    house.carry(AT + timedelta(hours=1))
    assert len(house.told("low-credit")) == told


@pytest.mark.clause("IPP-9.2-180-days")
def test_the_end_of_credit_is_told_thirty_and_seven_days_before_in_the_order_of_the_clock(house: House) -> None:
    house.pay()
    house.carry()
    end = datetime(2026, 8, 29, 22, tzinfo=UTC)  # 24:00 in Paris
    assert warnings.next_expiry_warning() == end - timedelta(days=30)
    done = due.run_due(charging=house.engine, now=end + timedelta(days=1), reach=house.carry)
    house.carry(end + timedelta(days=1))
    names = [one.name for one in done if one.name.endswith(("warning", "credit-expiry"))]
    assert names == ["expiry-warning", "expiry-warning", "credit-expiry"]
    told = house.told("credit-expiry")
    assert [end - mail.queued_at for mail in told] == [timedelta(days=30), timedelta(days=7)]
    assert told[0].subject == "10,00 € de crédit sont valables jusqu’au 29 août 2026"
    assert warnings.next_expiry_warning() is None


def test_warnings_that_are_late_become_one_and_credit_that_is_used_up_gives_none(house: House) -> None:
    house.pay()
    house.carry()
    end = datetime(2026, 8, 29, 22, tzinfo=UTC)
    assert warnings.warn_of_expiry(at=end - timedelta(days=2)) == 1
    assert warnings.warn_of_expiry(at=end - timedelta(days=2)) == 0
    assert warnings.warn_of_expiry(at=end - timedelta(days=1)) == 0
    house.carry(end)
    assert len(house.told("credit-expiry")) == 1


def test_a_purchase_moves_the_warnings_with_the_credit(house: House) -> None:
    house.pay()
    house.carry()
    first = warnings.next_expiry_warning()
    house.engine.buy_credit(
        BuyCredit(
            key="more",
            account=house.customer.account,
            terms=TERMS,
            amount_micros=MICROS,
            currency="EUR",
            at=AT + timedelta(days=100),
        )
    )
    assert first == datetime(2026, 7, 30, 22, tzinfo=UTC)
    assert warnings.next_expiry_warning() == datetime(2026, 11, 7, 23, tzinfo=UTC)  # Paris is back to winter


@pytest.mark.parametrize(
    ("left", "after", "least", "warned"),
    [(2, 10, 2, False), (1, 10, 2, True), (1, 2, 2, True), (1, 1, 2, False), (0, 10, 0, False)],
)
def test_a_crossing_is_from_the_threshold_or_above_to_below_it(left: int, after: int, least: int, warned: bool) -> None:
    assert warnings.crossed(left_micros=left, after_purchase_micros=after, threshold_micros=least) is warned


@pytest.mark.parametrize(
    ("brand", "url"),
    [
        ("ippi", "http://127.0.0.1:8000"),
        ("kryptoow", "http://kryptoow.localhost:8000"),
        ("kavkom", "http://phones.example:8000"),
    ],
)
def test_links_lead_to_the_brands_own_site(brand: str, url: str) -> None:
    with override_settings(PUBLIC_URL="http://127.0.0.1:8000", BRAND_HOSTS={"phones.example": "kavkom"}, BRAND="ippi"):
        assert mails.site_url(brand) == url

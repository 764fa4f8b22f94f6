"""Partners set up from the screen: secrets that never come out, addresses that lead inside, precedence, take-up, tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from office_rig import AT
from pytest_django import Settings

from cadran.journeys import credit, mails
from cadran.messaging.adapters.smtp import SmtpTransport
from cadran.party import partners
from cadran.party.models import PartnerChange
from cadran.party.partners import PartnerKind
from cadran.party.staff import MAY, Permission, Role
from cadran.payment.adapters.stripe_checkout import StripeCheckout
from cadran.voice.carriers import book, probe

pytestmark = pytest.mark.django_db(databases="__all__")
CARRIER = {
    "brand": "ippi",
    "name": "alpha",
    "host": "127.0.0.1",
    "port": "5999",
    "priority": "5",
    "prefixes": "33, 44",
    "number_form": "digits",
    "inbound": "yes",
    "user": "cadran",
    "password": "s3cret-of-alpha",
    "enabled": "on",
}
MAIL = {"host": "127.0.0.1", "port": "2525", "security": "none", "user": "", "sender": "a@example.org", "enabled": "on"}
CARD = {
    "api_base": "http://127.0.0.1:9",
    "api_key": "sk_live_secret",
    "webhook_secret": "whsec_secret",
    "enabled": "on",
}


def set_up(kind: PartnerKind, form: dict[str, str], **secrets: str) -> partners.Change:
    return partners.set_up(
        kind=kind,
        name=form.get("name", ""),
        brand=form.get("brand", ""),
        stated=form,
        secrets=secrets,
        by_id=1,
        by_name="anne",
        at=AT,
    )


@pytest.fixture
def public(settings: Settings) -> None:
    """An installation that is no sandbox."""
    settings.SANDBOX = False


@pytest.fixture
def far_carrier() -> Iterator[int]:
    """A port that answers OPTIONS with 200."""
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plug.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                request, sender = plug.recvfrom(4096)
            except OSError:
                return
            head = request.decode().split("\r\n", 1)[1]
            plug.sendto(f"SIP/2.0 100 Trying\r\n{head}".encode(), sender)
            plug.sendto(f"SIP/2.0 200 OK\r\n{head}".encode(), sender)

    threading.Thread(target=answer, daemon=True).start()
    yield plug.getsockname()[1]
    plug.close()


def test_secrets_go_in_and_no_page_no_row_and_no_log_shows_them(
    signed_in: Callable[..., Client], capsys: pytest.CaptureFixture[str]
) -> None:
    admin = signed_in(Role.ADMIN)
    for kind, form in (("carrier", CARRIER), ("card", CARD), ("mail", MAIL | {"password": "s3cret-of-mail"})):
        assert admin.post(f"/office/partners/{kind}/", form).status_code == 302
    page = admin.get("/office/partners/").content.decode()
    rows = repr(list(PartnerChange.objects.values()))
    told = capsys.readouterr()
    for secret in ("s3cret-of-alpha", "sk_live_secret", "whsec_secret", "s3cret-of-mail"):
        for place in (page, rows, told.out, told.err, repr(partners.partner(PartnerKind.CARD))):
            assert secret not in place
    assert "the-admin" in page
    assert partners.carriers("ippi")[0].secrets == {"password": "s3cret-of-alpha"}


def test_a_secret_stays_while_the_address_stays_and_is_forgotten_with_it() -> None:
    set_up(PartnerKind.CARD, CARD, api_key="sk_1", webhook_secret="wh_1")
    set_up(PartnerKind.CARD, CARD, webhook_secret="wh_2")
    known = partners.partner(PartnerKind.CARD)
    assert known is not None
    assert dict(known.secrets) == {"api_key": "sk_1", "webhook_secret": "wh_2"}
    set_up(PartnerKind.CARD, CARD | {"api_base": "http://127.0.0.1:10"})
    moved = partners.partner(PartnerKind.CARD)
    assert moved is not None
    assert dict(moved.secrets) == {}


@pytest.mark.parametrize("role", list(Role))
def test_only_roles_that_route_calls_change_partners(role: Role, signed_in: Callable[..., Client]) -> None:
    browser, may = signed_in(role), Permission.EDIT_PARTNERS in MAY[role]
    assert browser.get("/office/partners/").status_code == (200 if Permission.SEE_PARTNERS in MAY[role] else 403)
    for kind, form in (("carrier", CARRIER), ("card", CARD), ("mail", MAIL)):
        assert browser.post(f"/office/partners/{kind}/", form).status_code == (302 if may else 403)
    assert PartnerChange.objects.exists() == may
    if not may:
        assert browser.post("/office/partners/card/test/").status_code == 403


def test_staff_of_one_brand_changes_neither_another_s_carriers_nor_what_all_share(
    signed_in: Callable[..., Client],
) -> None:
    browser = signed_in(Role.ROUTING, brands=("kavkom",))
    assert browser.post("/office/partners/carrier/", CARRIER).status_code == 404
    assert browser.post("/office/partners/card/", CARD).status_code == 403
    assert browser.post("/office/partners/mail/", MAIL).status_code == 403
    assert not PartnerChange.objects.exists()


@pytest.mark.parametrize(
    "base",
    [
        "http://93.184.215.14",
        "https://127.0.0.1",
        "https://10.0.0.8",
        "https://169.254.169.254/latest",
        "https://[::1]",
        "https://[::ffff:10.0.0.1]",
        "https://2130706433",
        "https://localhost",
    ],
)
def test_outside_the_sandbox_no_partner_lies_inside(base: str, public: None) -> None:
    with pytest.raises((partners.AddressForbidden, partners.InvalidPartner)):
        set_up(PartnerKind.CARD, CARD | {"api_base": base})
    assert not PartnerChange.objects.exists()


def test_outside_the_sandbox_public_addresses_are_fine_and_private_ones_not(public: None) -> None:
    set_up(PartnerKind.CARRIER, CARRIER | {"host": "93.184.215.14"})
    for host in ("192.168.1.1", "127.0.0.1", "224.0.0.1", "0.0.0.0", "100.64.0.1"):
        with pytest.raises(partners.AddressForbidden):
            set_up(PartnerKind.CARRIER, CARRIER | {"host": host})
        with pytest.raises(partners.AddressForbidden):
            set_up(PartnerKind.MAIL, MAIL | {"host": host})


@pytest.mark.parametrize(
    ("kind", "form", "changes"),
    [
        (PartnerKind.CARRIER, CARRIER, {"name": "../alpha"}),
        (PartnerKind.CARRIER, CARRIER, {"name": "Alpha"}),
        (PartnerKind.CARRIER, CARRIER, {"port": "0"}),
        (PartnerKind.CARRIER, CARRIER, {"port": "65536"}),
        (PartnerKind.CARRIER, CARRIER, {"host": "a b"}),
        (PartnerKind.CARRIER, CARRIER, {"host": "x\r\nVia: y"}),
        (PartnerKind.CARRIER, CARRIER, {"prefixes": "33;DROP"}),
        (PartnerKind.CARRIER, CARRIER, {"user": "a\r\nX: y"}),
        (PartnerKind.MAIL, MAIL, {"sender": "a@b\r\nBcc: c@d"}),
        (PartnerKind.MAIL, MAIL, {"security": "maybe"}),
        (PartnerKind.CARD, CARD, {"api_base": "https://user:pass@example.org"}),
        (PartnerKind.CARD, CARD, {"api_base": "file:///etc/passwd"}),
        (PartnerKind.CARD, CARD, {"api_base": "https://example.org:99999"}),
    ],
)
def test_what_cannot_be_a_partner_is_refused(kind: PartnerKind, form: dict[str, str], changes: dict[str, str]) -> None:
    with pytest.raises(partners.InvalidPartner):
        set_up(kind, form | changes)
    assert not PartnerChange.objects.exists()


def test_the_environment_comes_first_and_the_page_says_so(
    monkeypatch: pytest.MonkeyPatch, signed_in: Callable[..., Client]
) -> None:
    set_up(PartnerKind.CARD, CARD, api_key="sk_screen")
    set_up(PartnerKind.MAIL, MAIL)
    assert isinstance(found := credit.card_provider(), StripeCheckout)
    assert (found.api_key, found.base_url) == ("sk_screen", "http://127.0.0.1:9")
    assert isinstance(sent := mails.transport(), SmtpTransport)
    assert (sent.server.host, sent.server.port) == ("127.0.0.1", 2525)
    monkeypatch.setenv("CADRAN_SECRET_CARD_API_KEY", "sk_env")
    monkeypatch.setenv("CADRAN_SMTP_HOST", "mail.example.org")
    assert isinstance(found := credit.card_provider(), StripeCheckout)
    assert found.api_key != "sk_screen"
    assert partners.in_use(PartnerKind.MAIL) is None
    page = signed_in(Role.ADMIN).get("/office/partners/").content.decode()
    assert "CADRAN_SECRET_CARD_API_KEY" in page
    assert "CADRAN_SMTP_HOST" in page


def test_carriers_of_the_screen_join_those_of_the_file_or_take_their_place(settings: Settings) -> None:
    def names() -> list[tuple[str, int]]:
        return [(one.name, one.address[1]) for one in book.of_brand("ippi", Path(settings.BRANDS)).carriers]

    filed = names()
    assert [name for name, _ in filed] == ["sandbox-one", "sandbox-two"]
    set_up(PartnerKind.CARRIER, CARRIER, password="p")
    assert names() == [("alpha", 5999), *filed]
    found = book.of_brand("ippi", Path(settings.BRANDS))
    assert [one.name for one in found.outbound("33142000001")] == ["alpha", "sandbox-one", "sandbox-two"]
    assert [one.name for one in found.outbound("49301234567")] == ["sandbox-one", "sandbox-two"]
    set_up(PartnerKind.CARRIER, CARRIER | {"name": "sandbox-one"})
    assert ("sandbox-one", 5999) in names()
    partners.set_up(
        kind=PartnerKind.CARRIER,
        name="sandbox-two",
        brand="ippi",
        stated=CARRIER,
        secrets={},
        by_id=1,
        by_name="anne",
        at=AT,
        enabled=False,
    )
    assert "sandbox-two" not in dict(names())


def test_test_now_tells_what_the_carrier_said_or_that_it_is_silent(
    signed_in: Callable[..., Client], far_carrier: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe.options, "__defaults__", (0.3,))
    browser = signed_in(Role.ROUTING)
    set_up(PartnerKind.CARRIER, CARRIER | {"port": str(far_carrier)})
    alpha = {"brand": "ippi", "name": "alpha"}
    said = browser.post("/office/partners/carrier/test/", alpha, follow=True).content.decode()
    assert "200 OK" in said
    set_up(PartnerKind.CARRIER, CARRIER | {"port": "9"})
    assert "Essai manqué" in browser.post("/office/partners/carrier/test/", alpha, follow=True).content.decode()
    for kind in ("card", "mail"):
        set_up(PartnerKind(kind), CARD if kind == "card" else MAIL | {"port": "9"}, api_key="sk_live_secret")
        told = browser.post(f"/office/partners/{kind}/test/", follow=True).content.decode()
        assert "Essai manqué" in told
        assert "sk_live_secret" not in told


def test_a_change_stays_as_it_was_written() -> None:
    set_up(PartnerKind.MAIL, MAIL)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE party_partnerchange SET enabled = 0")
    with pytest.raises(TypeError):
        PartnerChange.objects.get().delete()


def test_a_new_key_seals_the_secrets_in_use_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAN_SECRET_SIP", "old-key")
    set_up(PartnerKind.CARD, CARD, api_key="sk_1")
    monkeypatch.setenv("CADRAN_SECRET_SIP", "new-key old-key")
    assert partners.reseal(at=AT) == 1
    assert partners.reseal(at=AT) == 0
    monkeypatch.setenv("CADRAN_SECRET_SIP", "new-key")
    found = partners.partner(PartnerKind.CARD)
    assert found is not None
    assert dict(found.secrets) == {"api_key": "sk_1"}

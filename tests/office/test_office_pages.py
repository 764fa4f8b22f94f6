"""Every page of the back office: for each role, in both languages, with calls, customers and money to show."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import translation
from office_rig import ACCOUNT, CDR, MAIL, ORDER, SESSION

from cadran.party import models, staff_queries
from cadran.party.staff import MAY, Permission, Role
from cadran.web.office import urls
from cadran.web.office.gate import permission_of

pytestmark = pytest.mark.django_db(databases="__all__")
VALUES = {
    "account": ACCOUNT,
    "cdr_id": CDR,
    "session": SESSION,
    "order_id": ORDER,
    "mail_id": MAIL,
    "username": "marie",
}
VALUES |= {"number": "none", "owner": ACCOUNT, "transfer_id": "none", "user_name": "nobody", "position": "1"}


def addresses() -> list[tuple[str, URLPattern]]:
    """Each address of the back office, filled with what the tests have."""
    found = []
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        path = re.sub(r"<\w+:(\w+)>", lambda m: str(VALUES.get(m[1], "none")), str(pattern.pattern))
        found.append((f"/office/{path}", pattern))
    return found


def pages(browser: Client) -> Iterator[tuple[str, str]]:
    """Each page that answers a GET with a page, and its text."""
    for address, _pattern in addresses():
        answer = browser.get(address)
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
            yield address, answer.content.decode()


def test_every_address_of_the_back_office_has_its_gate() -> None:
    assert get_resolver().reverse_dict is not None
    assert [address for address, pattern in addresses() if permission_of(pattern.callback) is None] == []


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_what_it_may_and_nothing_else(
    role: Role, signed_in: Callable[..., Client], stocked: None
) -> None:
    browser = signed_in(role)
    for address, pattern in addresses():
        permission = permission_of(pattern.callback)
        assert permission is not None
        for method in (browser.get, browser.post):
            status = method(address).status_code
            if permission in MAY[role]:
                narrower = (
                    {403} if address.startswith("/office/money/") else set()
                )  # each kind asks for its own as well
                assert status in {200, 302, 404, 405, 422} | narrower, (address, status)
            else:
                assert status in {403, 405}, (address, status)


def test_for_a_customer_the_back_office_does_not_exist(customer_browser: Client, stocked: None) -> None:
    for address, _pattern in addresses():
        assert customer_browser.get(address).status_code in {404, 405}, address
        assert customer_browser.post(address).status_code in {404, 405}, address


def test_a_visitor_sees_no_page_and_does_nothing(client: Client, stocked: None) -> None:
    for address, _pattern in addresses():
        for method in (client.get, client.post):
            answer = method(address)
            assert answer.status_code in {302, 405}, address
            assert answer.status_code == 405 or answer.headers["Location"].startswith("/account/login/")


def test_a_form_without_its_token_does_nothing(signed_in: Callable[..., Client], stocked: None) -> None:
    inside = signed_in(Role.ADMIN)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = inside.cookies
    for deed in ("block", "note", "require-change"):
        assert strict.post(f"/office/customers/{ACCOUNT}/{deed}", {"reason": "because", "text": "x"}).status_code == 403
    assert models.Customer.objects.get(user__username="marie").state == "active"
    assert not models.StaffNote.objects.exists()


def test_staff_of_one_brand_reaches_nothing_of_another(signed_in: Callable[..., Client], stocked: None) -> None:
    browser = signed_in(Role.ADMIN, brands=("kryptoow",))
    for address in (
        f"/office/customers/{ACCOUNT}/",
        f"/office/calls/{CDR}/",
        f"/office/orders/{ORDER}/",
        f"/office/calls/?account={ACCOUNT}",
        f"/office/journal/?owner={ACCOUNT}",
        f"/office/views/?account={ACCOUNT}",
        "/office/journal/?owner=house/ippi",
    ):
        assert browser.get(address).status_code == 404, address
    for address in ("/office/calls/", "/office/customers/", "/office/orders/", "/office/live/", "/office/journal/"):
        text = browser.get(address + "?brand=ippi").content.decode()
        assert ACCOUNT not in text.replace('placeholder="A000001"', ""), address
    assert ACCOUNT not in browser.get("/office/search/?q=marie&stay=1").content.decode()
    for deed in ("block", "note", "require-change", "lines/marie"):
        assert browser.post(f"/office/customers/{ACCOUNT}/{deed}", {"reason": "because"}).status_code == 404
    assert browser.post(f"/office/live/{SESSION}/cut", {"ground": "fraud"}).status_code == 302
    assert not [one for one in staff_queries.staff_acts() if one.kind == "cut"]


@pytest.mark.parametrize("role", [Role.ROUTING, Role.READ_ONLY])
def test_who_may_not_see_personal_data_does_not(role: Role, signed_in: Callable[..., Client], stocked: None) -> None:
    browser = signed_in(role)
    for address, text in pages(browser):
        for secret in ("Kerivel", "marie@example.org", "447911123456", "7911 123456"):
            assert secret not in text, (address, secret)
    assert not [one for one in staff_queries.staff_acts() if one.kind in {"view", "list"}]


def test_each_view_of_personal_data_is_in_the_log(signed_in: Callable[..., Client], stocked: None) -> None:
    browser = signed_in(Role.SUPPORT, name="jeanne")
    for address in (f"customers/{ACCOUNT}/", f"calls/{CDR}/", f"orders/{ORDER}/"):
        assert browser.get(f"/office/{address}").status_code == 200
    browser.get("/office/search/?q=kerivel")
    acts = staff_queries.staff_acts()
    seen = [(one.staff, one.kind, one.page, one.account) for one in acts]
    assert ("jeanne", "view", "customer", ACCOUNT) in seen
    assert ("jeanne", "view", "call", ACCOUNT) in seen
    assert ("jeanne", "view", "order", ACCOUNT) in seen
    assert [one.subject for one in acts if one.kind == "search"] == ["kerivel"]


def test_script_in_names_and_numbers_is_text(signed_in: Callable[..., Client], stocked: None) -> None:
    attack = "<script>alert(1)</script>"
    models.Customer.objects.filter(user__username="marie").update(company=attack, state_reason=attack)
    browser = signed_in(Role.ADMIN)
    browser.post(f"/office/customers/{ACCOUNT}/note", {"text": attack})
    for address in (
        *(one for one, _ in addresses()),
        f"/office/search/?q={attack}",
        f"/office/calls/?destination={attack}",
    ):
        text = browser.get(address).content.decode("utf-8", "replace")
        assert "<script>alert" not in text, address


@pytest.mark.parametrize(
    ("query", "lands"),
    [
        (ACCOUNT, f"/office/customers/{ACCOUNT}/"),
        ("marie", f"/office/customers/{ACCOUNT}/"),
        ("MARIE@example.org", f"/office/customers/{ACCOUNT}/"),
        (CDR, f"/office/calls/{CDR}/"),
        (ORDER, f"/office/orders/{ORDER}/"),
    ],
)
def test_one_exact_hit_is_opened_at_once(
    query: str, lands: str, signed_in: Callable[..., Client], stocked: None
) -> None:
    answer = signed_in(Role.ADMIN).get("/office/search/", {"q": query})
    assert answer.headers["Location"] == lands


@pytest.mark.parametrize(
    "query",
    ["kerivel", "Kérivel", "Marie Ker", "mari", "marie@", ACCOUNT[:4], "+33 9 80 00 00 01", "0980000001", "09800000"],
)
def test_a_customer_is_found_by_any_beginning(query: str, signed_in: Callable[..., Client], stocked: None) -> None:
    answer = signed_in(Role.ADMIN).get("/office/search/", {"q": query, "stay": 1})
    assert f"/office/customers/{ACCOUNT}/" in answer.content.decode()


@pytest.mark.parametrize("query", ["", "x", "%", "' OR 1=1 --", "\x00", "a" * 4000, "🦊", "pay_", "cdr_zzz"])
def test_an_odd_question_finds_nothing_and_breaks_nothing(
    query: str, signed_in: Callable[..., Client], stocked: None
) -> None:
    assert signed_in(Role.ADMIN).get("/office/search/", {"q": query}).status_code == 200


@pytest.mark.parametrize("after", ["x", "1~2", "2026-03-01T10:00:00+00:00~x", "~", "9" * 400, "2026-03-01T10:00:00~1"])
def test_a_place_that_cannot_be_read_is_the_first_page(
    after: str, signed_in: Callable[..., Client], stocked: None
) -> None:
    browser = signed_in(Role.ADMIN)
    for address in ("calls", "customers", "orders", "journal", "views"):
        assert browser.get(f"/office/{address}/", {"after": after}).status_code == 200, address


def test_a_download_is_csv_that_no_spreadsheet_runs(signed_in: Callable[..., Client], stocked: None) -> None:
    models.Customer.objects.filter(user__username="marie").update(company='=HYPERLINK("http://x")')
    browser = signed_in(Role.BILLING)
    answer = browser.get("/office/customers/?as=csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="customers.csv"'
    assert "'=HYPERLINK" in answer.content.decode()
    for address in ("calls", "orders", "journal"):
        assert browser.get(f"/office/{address}/?as=csv").headers["Content-Type"].startswith("text/csv"), address
        assert isinstance(browser.get(f"/office/{address}/?as=json").json(), list)
    assert [one.kind for one in staff_queries.staff_acts()].count("download") == 7


def test_who_may_not_download_gets_the_page(signed_in: Callable[..., Client], stocked: None) -> None:
    assert signed_in(Role.SUPPORT).get("/office/customers/?as=csv").headers["Content-Type"].startswith("text/html")


def test_staff_blocks_and_unblocks_a_customer_for_a_reason(signed_in: Callable[..., Client], stocked: None) -> None:
    browser = signed_in(Role.SUPPORT)
    state = lambda: models.Customer.objects.get(user__username="marie").state  # noqa: E731
    browser.post(f"/office/customers/{ACCOUNT}/block", {"reason": "no"})
    assert state() == "active"
    browser.post(f"/office/customers/{ACCOUNT}/block", {"reason": "stolen card"})
    assert state() == "blocked"
    browser.post(f"/office/customers/{ACCOUNT}/block", {"reason": "again"})
    browser.post(f"/office/customers/{ACCOUNT}/unblock", {"reason": "card given back"})
    assert state() == "active"
    browser.post(f"/office/customers/{ACCOUNT}/lines/marie", {"deed": "block", "reason": "lost phone"})
    assert models.SipUser.objects.get(username="marie").state == "blocked"
    browser.post(f"/office/customers/{ACCOUNT}/require-change", {"site": "on", "reason": "leak"})
    assert models.User.objects.get(username="marie").must_change_password
    kinds = [(one.kind, one.reason) for one in staff_queries.staff_acts(account=ACCOUNT)]
    for expected in (("block", "stolen card"), ("unblock", "card given back"), ("block-sip", "lost phone")):
        assert expected in kinds


def test_nobody_changes_their_own_role(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.ADMIN, name="chef")
    signed_in(Role.SUPPORT, name="jeanne")
    browser.post("/office/staff/chef/", {"role": "support"})
    browser.post("/office/staff/jeanne/", {"role": "billing"})
    found = {one.user_name: one.role for one in staff_queries.staff_members()}
    assert (found["chef"], found["jeanne"]) == (Role.ADMIN, Role.BILLING)
    browser.post("/office/staff/jeanne/", {"deed": "disable"})
    assert not {one.user_name: one.active for one in staff_queries.staff_members()}["jeanne"]


def catalogue() -> dict[str, str]:
    """French to English, of the back office's own catalogue."""
    path = Path(urls.__file__).parent / "locale" / "en" / "LC_MESSAGES" / "django.po"
    found = read_po(io.BytesIO(path.read_bytes()), charset="utf-8")
    return {message.id: message.string for message in found if isinstance(message.id, str) and message.id}


def test_no_word_of_the_catalogue_lacks_its_english() -> None:
    assert [french for french, english in catalogue().items() if not english] == []


def told(text: str) -> str:
    """What a page says to its reader: no markup, no values of fields."""
    text = re.sub(r"<script.*?</script>|<svg.*?</svg>", " ", text, flags=re.DOTALL)
    words = " ".join(re.findall(r'(?:placeholder|aria-label|title|alt)="([^"]*)"', text))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " | ", text) + " | " + words.replace('"', " | "))


def test_each_page_speaks_one_language(signed_in: Callable[..., Client], stocked: None) -> None:
    """No page in English holds a French sentence of any catalogue, and none in French an English one."""
    pairs = {french: english for french, english in catalogue().items() if french != english and len(french) > 5}
    single = {french: english for french, english in pairs.items() if "%(" not in french and "%(" not in english}
    same = set(single.values()) & set(single)
    for language in ("fr", "en"):
        browser = signed_in(Role.ADMIN, name=f"admin-{language}", language=language)
        count = 0
        for address, page in pages(browser):
            text, count = told(page), count + 1
            assert f'<html lang="{language}"' in page
            foreign = [
                word
                for french, english in single.items()
                if (word := english if language == "fr" else french) not in same
                and re.search(rf"(?:^|\| ){re.escape(word.strip())} ?(?:\||$)", text)
                and word not in (french if language == "fr" else english)
            ]
            assert foreign == [], address
        assert count >= 12
    translation.deactivate()


def test_permissions_that_only_see_change_nothing_in_the_table() -> None:
    assert all(one in set(Permission) for held in MAY.values() for one in held)
    assert settings.OFFICE_IDLE_S == 1800


def test_the_address_of_a_member_of_staff_leads_to_their_line(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.ADMIN, name="yann")
    answer = browser.get("/office/staff/yann/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/office/staff/#yann")
    assert 'id="yann"' in browser.get("/office/staff/").content.decode()
    assert browser.get("/office/staff/nobody/").status_code == 404

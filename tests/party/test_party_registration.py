from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import DatabaseError, connection, transaction

from cadran import settings
from cadran.party import models, operations, queries, rules, vault
from cadran.policy.models import Event
from cadran.units.errors import InvalidInput

AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
Register = Callable[..., queries.Customer]


def test_a_registered_customer_gets_an_account_number_of_a_letter_and_six_digits(register: Register) -> None:
    claire = register()
    assert claire.account[0] == "A"
    assert len(claire.account) == 7
    assert claire.account[1:].isdigit()
    assert (claire.brand, claire.currency, claire.terms) == ("ippi", "EUR", "ippi/2018-04")


@pytest.mark.clause("IPP-5.2-validation")
def test_no_sip_use_before_the_address_is_validated_and_use_right_after(register: Register) -> None:
    claire = register()
    before = queries.sip_user("claire")
    assert before is not None
    assert not before.active
    assert claire.state == "registered"
    operations.validate_email(user_id=claire.user_id, email="claire@example.org", at=AT)
    after = queries.sip_user("claire")
    assert after is not None
    assert after.active
    assert EmailAddress.objects.get(user_id=claire.user_id).verified


@pytest.mark.clause("IPP-5.2-validation", "IPP-5.1-activation")
def test_validation_is_told_once_however_often_the_link_is_followed(register: Register) -> None:
    claire = register()
    for _ in range(3):
        operations.validate_email(user_id=claire.user_id, email=claire.email, at=AT)
    event = Event.objects.get(kind="party.customer-validated")
    assert event.key == claire.account
    assert event.body == {
        "account": claire.account,
        "brand": "ippi",
        "currency": "EUR",
        "terms": "ippi/2018-04",
        "language": "fr",
    }


@pytest.mark.clause("IPP-5.2-validation")
def test_another_address_validates_nothing(register: Register) -> None:
    claire = register()
    with pytest.raises(operations.UnableToValidate):
        operations.validate_email(user_id=claire.user_id, email="mallory@example.org", at=AT)
    assert queries.customer_of_account(claire.account).state == "registered"


@pytest.mark.clause("IPP-5.2-validation")
@pytest.mark.parametrize(
    "change",
    [
        {"email": "not an address"},
        {"email": "é@example.org"},
        {"name": ""},
        {"first_names": "<script>alert(1)</script>"},
        {"first_names": "Cl\u202eaire"},
        {"user_name": "cl'; DROP TABLE users;--"},
        {"user_name": "сlaire"},  # a Cyrillic letter that looks like c
        {"user_name": "33142000001"},
        {"user_name": "root"},
        {"password": "short1"},
        {"password": "onlyletterslong"},
        {"password": "1234567890123"},
        {"sip_password": "k7mq-x3dw"},
        {"sip_password": 'k7mq"x3dw,p9ra:t4hv'},
        {"country": "France"},
        {"country": "ZZ"},
        {"country": "TF"},
        {"language": "xx"},
        {"adult": False},
        {"accepted": ()},
        {"kind": rules.CustomerKind.COMPANY, "company": ""},
    ],
)
def test_incomplete_or_invalid_information_ends_the_registration_and_keeps_nothing(
    register: Register, change: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput):
        register(**change)
    assert not models.User.objects.exists()
    assert not models.Customer.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.clause("IPP-0-acceptance")
@pytest.mark.parametrize("missing", sorted(rules.ALWAYS_ACCEPTED))
def test_each_of_the_five_documents_must_be_ticked(register: Register, missing: rules.Document) -> None:
    ticks = tuple(
        rules.Accepted(document=d, ref="ippi/2018-04", text_sha256="ab" * 32, language="fr")
        for d in rules.Document
        if d is not missing
    )
    with pytest.raises(rules.Incomplete):
        register(accepted=ticks)


@pytest.mark.clause("IPP-0-acceptance")
def test_an_acceptance_keeps_version_hash_language_instant_and_address(register: Register) -> None:
    claire = register()
    kept = queries.acceptances(customer_id=claire.id)
    assert {a.document for a in kept} == {"terms", "legal", "descriptions", "prices", "offers", "special"}
    assert {(a.ref, a.text_sha256, a.language, a.at, a.ip) for a in kept} == {
        ("ippi/2018-04", "ab" * 32, "fr", AT, "192.0.2.7")
    }


@pytest.mark.clause("IPP-0-acceptance")
def test_an_acceptance_cannot_be_changed_by_code_or_by_sql(register: Register) -> None:
    register()
    row = models.TermsAcceptance.objects.all()[0]
    with pytest.raises(TypeError):
        row.save()
    with pytest.raises(TypeError):
        row.delete()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE party_termsacceptance SET ref = 'ippi/2099-01'")


def test_a_newer_version_once_accepted_governs_the_calls(customer: queries.Customer) -> None:
    tick = rules.Accepted(document=rules.Document.TERMS, ref="ippi/2027-01", text_sha256="cd" * 32, language="en")
    operations.accept_terms(customer_id=customer.id, accepted=(tick,), ip="2001:db8::1", at=AT)
    user = queries.sip_user("claire")
    assert user is not None
    assert user.terms == "ippi/2027-01"
    assert queries.acceptances(customer_id=customer.id)[0].ip == "2001:db8::1"


@pytest.mark.parametrize("name", ["Claire", "CLAIRE", " claire "])
def test_a_user_name_is_taken_in_every_case(register: Register, name: str) -> None:
    register()
    with pytest.raises(operations.UserNameTaken):
        register(user_name=name, email="other@example.org")


@pytest.mark.parametrize("email", ["Claire@Example.org", "CLAIRE@EXAMPLE.ORG"])
def test_an_address_is_taken_in_every_case(register: Register, email: str) -> None:
    register()
    with pytest.raises(operations.EmailTaken):
        register(user_name="autre", email=email)


@pytest.mark.clause("IPP-5.2-validation")
def test_a_registration_never_validated_is_ended_and_frees_its_names(register: Register) -> None:
    claire = register()
    later = AT + timedelta(days=3)
    assert queries.oldest_unvalidated() == AT
    assert operations.end_unvalidated_registrations(before=AT - timedelta(seconds=1), at=later) == 0
    assert operations.end_unvalidated_registrations(before=AT, at=later) == 1
    assert queries.oldest_unvalidated() is None
    assert operations.end_unvalidated_registrations(before=later, at=later) == 0
    assert queries.sip_user("claire") is None
    with pytest.raises(operations.UnableToValidate):
        operations.validate_email(user_id=claire.user_id, email="claire@example.org", at=later)
    assert register(at=later).account != claire.account


def test_a_validated_customer_is_never_ended_as_unvalidated(customer: queries.Customer) -> None:
    assert operations.end_unvalidated_registrations(before=AT + timedelta(days=400), at=AT) == 0
    assert queries.customer_of_account(customer.account).active


def test_a_company_is_shown_by_its_name(register: Register) -> None:
    shop = register(
        kind=rules.CustomerKind.COMPANY, company="Bâti & Fils 2000", email="a@b.fr", user_name="bati", siren="552008443"
    )
    assert shop.display_name == "Bâti & Fils 2000"


@pytest.mark.clause("IPP-5.3-codes")
def test_the_digest_secrets_are_those_of_rfc_7616_for_the_realm(customer: queries.Customer) -> None:
    user = queries.sip_user("CLAIRE")
    text = f"claire:{settings.SIP_REALM}:k7mq-x3dw-p9ra-t4hv".encode()
    assert user is not None
    assert user.ha1 == {
        "MD5": hashlib.md5(text).hexdigest(),
        "SHA-256": hashlib.sha256(text).hexdigest(),
        "SHA-512-256": hashlib.new("sha512_256", text).hexdigest(),
    }


@pytest.mark.clause("IPP-5.3-codes")
def test_no_password_and_no_digest_secret_lies_readable_in_the_database(customer: queries.Customer) -> None:
    user = queries.sip_user("claire")
    row = models.SipUser.objects.get()
    assert user is not None
    assert all(secret not in row.sealed_ha1 for secret in user.ha1.values())
    assert "k7mq" not in row.sealed_ha1
    assert "vent" not in models.User.objects.get().password
    assert models.User.objects.get().password.startswith("argon2")
    assert "ha1" not in repr(user)


@pytest.mark.clause("IPP-5.3-codes")
def test_sealed_secrets_moved_to_another_user_do_not_open(customer: queries.Customer) -> None:
    sealed = models.SipUser.objects.get().sealed_ha1
    with pytest.raises(vault.SecretUnreadable):
        vault.unseal(sealed, owner="mallory")
    with pytest.raises(vault.SecretUnreadable):
        vault.unseal(sealed[:-6] + "AAAA==", owner="claire")


def test_the_key_of_the_sip_secrets_can_be_rotated(customer: queries.Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    old = settings.secret("sip")
    before = queries.sip_user("claire")
    monkeypatch.setenv("CADRAN_SECRET_SIP", f"a-new-key {old}")
    assert queries.sip_user("claire") == before
    assert operations.reseal_sip_secrets() == 1
    assert operations.reseal_sip_secrets() == 0
    monkeypatch.setenv("CADRAN_SECRET_SIP", "a-new-key")
    assert queries.sip_user("claire") == before
    monkeypatch.setenv("CADRAN_SECRET_SIP", old)
    with pytest.raises(vault.SecretUnreadable):
        queries.sip_user("claire")


@pytest.mark.clause("IPP-5.3-codes")
def test_a_required_change_stops_the_sip_user_until_its_password_is_changed(customer: queries.Customer) -> None:
    operations.require_change(user_name="claire", site=True, sip=True, reason="seen in a leak", at=AT)
    user = queries.sip_user("claire")
    assert user is not None
    assert not user.active
    assert user.state == "must-change"
    assert models.User.objects.get().must_change_password
    operations.set_sip_password(username="claire", password="new9-code-for-phones", at=AT)
    operations.password_was_changed(user_id=customer.user_id, at=AT)
    user = queries.sip_user("claire")
    assert user is not None
    assert user.active
    assert not models.User.objects.get().must_change_password


@pytest.mark.clause("IPP-5.3-codes")
def test_a_blocked_sip_user_stays_blocked_when_its_password_changes(customer: queries.Customer) -> None:
    operations.block_sip_user(username="claire", at=AT)
    operations.set_sip_password(username="claire", password="new9-code-for-phones", at=AT)
    user = queries.sip_user("claire")
    assert user is not None
    assert not user.active
    assert user.state == "blocked"


@pytest.mark.clause("IPP-5.3-codes")
def test_the_sip_password_is_never_the_sites_password(register: Register) -> None:
    with pytest.raises(rules.WeakSipPassword):
        register(sip_password="vent-du-large-29")
    register()
    with pytest.raises(rules.WeakSipPassword):
        operations.set_sip_password(username="claire", password="vent-du-large-29", at=AT)


@pytest.mark.clause("IPP-5.3-codes")
def test_every_proposed_sip_password_keeps_the_rules_and_none_comes_twice() -> None:
    proposals = {vault.propose_sip_password() for _ in range(200)}
    assert len(proposals) == 200
    for proposal in proposals:
        assert rules.checked_sip_password(proposal, user_name="claire") == proposal
        assert len(proposal) == 19


@pytest.mark.clause("IPP-9.6-120-minutes")
def test_the_customer_chooses_the_raised_call_duration_and_takes_it_back(customer: queries.Customer) -> None:
    for raised in (True, True, False):
        operations.set_raised_duration(account=customer.account, raised=raised, at=AT)
        user = queries.sip_user("claire")
        assert user is not None
        assert user.raised_duration is raised


@pytest.mark.parametrize(("length", "fits"), [(2, False), (3, True), (32, True), (33, False)])
def test_a_user_name_has_3_to_32_characters(length: int, fits: bool) -> None:
    if fits:
        assert rules.checked_user_name("c" * length)
    else:
        with pytest.raises(rules.InvalidUserName):
            rules.checked_user_name("c" * length)


@pytest.mark.parametrize(("length", "fits"), [(9, False), (10, True), (128, True), (129, False)])
def test_a_site_password_has_10_to_128_characters(length: int, fits: bool) -> None:
    password = "a1" + "x" * (length - 2)
    if fits:
        assert rules.checked_password(password)
    else:
        with pytest.raises(rules.WeakPassword):
            rules.checked_password(password)


@pytest.mark.parametrize(("length", "fits"), [(11, False), (12, True), (64, True), (65, False)])
def test_a_sip_password_has_12_to_64_characters(length: int, fits: bool) -> None:
    password = "a1" + "x" * (length - 2)
    if fits:
        assert rules.checked_sip_password(password, user_name="claire")
    else:
        with pytest.raises(rules.WeakSipPassword):
            rules.checked_sip_password(password, user_name="claire")


@pytest.mark.parametrize("name", ["Jean-Noël", "O’Brien", "D'Arc", "Nguyễn Thị", "李小龍", "J. R. R.", "عمر"])
def test_names_of_the_world_are_names(name: str) -> None:
    assert rules.checked_name(name) == name


def test_a_name_typed_decomposed_is_kept_composed() -> None:
    assert rules.checked_name("  Noe\u0308l   Le  Gall ") == "Noël Le Gall"

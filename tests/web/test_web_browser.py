"""Chromium against the real `cadran web` and the real mailbox program: what a newcomer does, on a phone and on a desk, with and
without JavaScript."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import papers
from web.axe_rig import axe_violations
from web.browser_rig import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def _fill(page: Any, site: Site, name: str) -> None:
    page.goto(site.url)
    page.get_by_role("link", name="Ouvrir un compte gratuit").click()
    page.get_by_label("Prénoms").fill("Noé")
    page.get_by_label("Nom", exact=True).fill("Kerjean")
    page.get_by_label("Adresse e-mail").fill(f"{name}@example.org")
    page.get_by_label("Nom d’utilisateur").fill(name)
    page.get_by_label("Mot de passe du site").fill("vent-du-large-29")
    for box in page.locator("input[type=checkbox]:visible").all():
        box.check()


@pytest.mark.clause("IPP-5.2-validation", "IPP-5.1-activation", "IPP-5.3-codes")
@pytest.mark.parametrize("javascript", [True, False])
def test_a_newcomer_registers_follows_the_link_of_the_mail_and_sees_the_dashboard(
    site: Site, open_page: Callable[..., Any], javascript: bool
) -> None:
    name = "noe" if javascript else "nojs"
    page = open_page(site, java_script_enabled=javascript)
    _fill(page, site, name)
    proposed = page.get_by_label("Mot de passe SIP").input_value()
    page.get_by_role("button", name="Un autre").click()
    page.wait_for_function(
        "old => document.querySelector('[name=sip_password]').value !== old", arg=proposed
    ) if javascript else None
    assert page.get_by_label("Mot de passe SIP").input_value() != proposed
    for box in page.locator("input[type=checkbox]:visible").all():
        box.check()
    page.get_by_role("button", name="Ouvrir mon compte").click()
    page.get_by_role("heading", name="Regardez votre courrier").wait_for()
    page.goto(f"{site.url}/dashboard/")
    assert "/account/login/" in page.url
    page.goto(site.link(f"{name}@example.org"))
    page.get_by_role("button", name="Oui, ouvrir mon compte").click()
    page.get_by_role("heading", name="Bonjour Noé Kerjean").wait_for()
    assert page.locator("[data-balance]").get_attribute("data-balance") == "0"
    page.get_by_role("link", name="Téléphone", exact=True).click()
    assert name in page.locator("dl").inner_text()
    page.get_by_role("link", name="Se déconnecter").click()
    page.get_by_role("button", name="Se déconnecter", exact=True).click()
    page.goto(f"{site.url}/account/login/")
    page.get_by_label("Nom d’utilisateur ou adresse e-mail").fill(name.upper())
    page.get_by_label("Mot de passe du site").fill("vent-du-large-29")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Bonjour Noé Kerjean").wait_for()


def test_enter_in_a_field_registers_instead_of_asking_for_another_sip_password(
    site: Site, open_page: Callable[..., Any]
) -> None:
    page = open_page(site)
    _fill(page, site, "enter")
    page.get_by_label("Adresse e-mail").press("Enter")
    page.get_by_role("heading", name="Regardez votre courrier").wait_for()


@pytest.mark.clause("KRY-4.1-registration", "KRY-4.1-capacity", "KRY-2.1-acceptance")
@pytest.mark.parametrize("javascript", [True, False])
def test_a_newcomer_of_kryptoow_gives_both_sides_of_an_identity_document_on_a_phone(
    site: Site, open_page: Callable[..., Any], tmp_path: Path, javascript: bool
) -> None:
    cards = dataclasses.replace(site, url=site.url.replace("127.0.0.1", "kryptoow.localhost"))
    name = "ines" if javascript else "ana"
    page = open_page(cards, java_script_enabled=javascript)
    page.goto(f"{cards.url}/account/signup/")
    assert not page.locator("[name=siren]").is_visible()
    page.get_by_text("Une entreprise").click()
    page.get_by_label("SIREN").fill("123 456 789")
    page.get_by_role("button", name="Continuer").click()
    page.get_by_role("link", name="SIREN").click()
    assert page.locator("[name=siren]").input_value() == "123 456 789"
    page.get_by_text("Un particulier").click()
    page.get_by_label("Téléphone").fill("06 12 34 56 78")
    page.get_by_label("Prénoms").fill("Inès")
    page.get_by_label("Nom", exact=True).fill("Kerjean")
    page.get_by_label("Adresse e-mail").fill(f"{name}@example.org")
    page.get_by_label("Nom d’utilisateur").fill(name)
    page.get_by_label("Mot de passe du site").fill("vent-du-large-29")
    for box in page.locator("input[type=checkbox]:visible").all():
        box.check()
    _looked_at(page, javascript)
    page.get_by_role("button", name="Continuer").click()
    page.get_by_role("heading", name="Regardez votre courrier").wait_for()
    page.goto(cards.link(f"{name}@example.org"))
    page.get_by_role("button", name="Oui, ouvrir mon compte").click()
    _looked_at(page, javascript)
    page.get_by_role("link", name="Donner ma pièce d’identité").click()
    (tmp_path / "front.jpg").write_bytes(papers.located_photo())
    (tmp_path / "back.pdf").write_bytes(papers.pdf(1))
    page.get_by_label("Valable jusqu’au").fill("2040-05-09")
    page.get_by_label("Recto").set_input_files(tmp_path / "front.jpg")
    page.get_by_role("button", name="Envoyer pour vérification").click()
    page.get_by_role("link", name="Verso").wait_for()
    page.get_by_label("Recto").set_input_files(tmp_path / "front.jpg")
    page.get_by_label("Verso").set_input_files(tmp_path / "back.pdf")
    _looked_at(page, javascript)
    page.get_by_role("button", name="Envoyer pour vérification").click()
    page.get_by_text("En vérification").wait_for()
    _looked_at(page, javascript)
    page.goto(f"{cards.url}/dashboard/")
    assert page.url.endswith("/account/registration/")


def _looked_at(page: Any, javascript: bool) -> None:
    """Nothing wider than the phone, and nothing that axe finds wrong."""
    if javascript:
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert axe_violations(page) == []


def test_the_keyboard_alone_reaches_the_content_and_the_button(site: Site, open_page: Callable[..., Any]) -> None:
    page = open_page(site)
    page.goto(f"{site.url}/terms/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.goto(f"{site.url}/account/login/")
    assert page.evaluate("document.activeElement.name") == "login"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"


@pytest.mark.clause("IPP-0-prerequisites", "KRY-4.2.2-session-safety")
def test_a_customer_checks_the_connection_signs_in_with_a_passkey_and_out_everywhere(
    site: Site, open_page: Callable[..., Any]
) -> None:
    local = Site(site.url.replace("127.0.0.1", "localhost"), site.mails)  # passkeys belong to a name, not to an address
    page = open_page(local)
    _fill(page, local, "cle")
    page.get_by_role("button", name="Ouvrir mon compte").click()
    page.get_by_role("heading", name="Regardez votre courrier").wait_for()
    page.goto(site.link("cle@example.org").replace("127.0.0.1", "localhost"))
    page.get_by_role("button", name="Oui, ouvrir mon compte").click()
    page.get_by_role("heading", name="Bonjour").wait_for()

    page.goto(f"{local.url}/account/connection/")
    page.get_by_role("button", name="Lancer le test").click()
    page.locator("[data-verdict=good]").wait_for()
    assert axe_violations(page) == []
    page.goto(f"{local.url}/account/connection/")
    page.get_by_role("heading", name="Votre dernier test").wait_for()

    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    key |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": key})
    page.goto(f"{local.url}/account/2fa/webauthn/add/")
    page.get_by_label("Mot de passe du site").fill("vent-du-large-29")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Ajouter cette clé").click()
    page.get_by_role("heading", name="Codes de secours").wait_for()
    assert len(page.locator("ul.codes li").all()) == 10
    for path in ("security/", "2fa/webauthn/", "report/", "close/", "cases/", "terms/"):
        page.goto(f"{local.url}/account/{path}")
        assert axe_violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.goto(f"{local.url}/account/security/")
    page.get_by_role("button", name="Se déconnecter partout").click()
    page.get_by_text("Vous êtes déconnecté partout.").wait_for()
    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()
    page.get_by_role("heading", name="Bonjour").wait_for()

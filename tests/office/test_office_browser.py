"""Chromium in the back office of a real `cadran web`: a member of the demo staff signs in with both factors and goes through every
room; axe finds nothing on a desk or a phone, in French and in English, light and dark; nothing is wider than its screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from web import browser_rig
from web.axe_rig import axe_violations
from web.browser_rig import Site, _wait, free_base

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PREPARE = """
from cadran.commands.main import django_ready
django_ready()
from django.conf import settings
from cadran.commands import customer, demo_staff, migrate
migrate.migrate_all()
customer.seed_demo()
demo_staff.seed(settings.VAR)
"""
ROOMS = ["", "live/", "calls/", "customers/", "customers/A000001/", "documents/", "cases/", "orders/", "journal/"]
ROOMS += ["decisions/", "evidence/", "views/", "staff/", "search/?q=martin&stay=1", "vouchers/", "vouchers/ask/"]
ROOMS += ["prompts/?brand=ippi", "prompts/ippi/fr/busy/", "prompts/ippi/menus/mobility/"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, str]]]:
    """The site, and the environment of its commands."""
    base, var = free_base(), tmp_path_factory.mktemp("office")
    env = {name: value for name, value in os.environ.items() if not name.startswith("CADRAN_")}
    env |= {"CADRAN_VAR": str(var), "CADRAN_PORT_BASE": str(base), "CADRAN_LOG": "json"}
    subprocess.run([sys.executable, "-c", PREPARE], env=env, check=True, capture_output=True, timeout=120)
    with (var / "out.log").open("wb") as out:
        web = subprocess.Popen(
            [sys.executable, "-m", "cadran", "web", "--workers", "1"], env=env, stdout=out, stderr=out
        )
        try:
            _wait(base, [web], var / "out.log")
            yield Site(f"http://127.0.0.1:{base}", ""), env
        finally:
            web.terminate()
            web.wait(20)


def test_demo_staff_signs_in_with_both_factors_and_every_room_is_right(house: tuple[Site, dict[str, str]]) -> None:
    site, env = house
    members = json.loads((Path(env["CADRAN_VAR"]) / "staff.json").read_text())["staff"]
    password = next(one["password"] for one in members if one["user"] == "admin")
    code = subprocess.run(
        [sys.executable, "-m", "cadran", "--", "staff", "code", "admin"], env=env, capture_output=True, text=True
    ).stdout.strip()
    faults: list[str] = []
    with browser_rig.browser() as browser:
        context = browser.new_context(locale="fr-FR", viewport={"width": 1200, "height": 800})
        page = context.new_page()
        page.on("console", lambda line: faults.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("request", lambda r: None if r.url.startswith(site.url) else faults.append(r.url))
        page.goto(f"{site.url}/office/")
        page.get_by_label("Nom d’utilisateur ou adresse e-mail").fill("admin")
        page.get_by_label("Mot de passe du site").fill(password)
        page.locator("main").get_by_role("button", name="Se connecter", exact=True).click()
        page.locator("[name=code]").fill(code)
        page.locator("main form:has([name=code]) button:not([formaction])").first.click()
        page.get_by_role("heading", name="Vue d’ensemble").wait_for()
        found = [wrong for room in ROOMS for wrong in _wrong(page, site, room)]
        page.get_by_role("button", name="English").click()
        page.get_by_role("link", name="Home").first.wait_for()
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 360, "height": 780})
        found += [wrong for room in ROOMS[::2] for wrong in _wrong(page, site, room)]
    assert found == []
    assert faults == []


def _wrong(page: Any, site: Site, room: str) -> list[str]:
    answer = page.goto(f"{site.url}/office/{room}")
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    found = [*axe_violations(page), *(["wider than the screen"] if wide else [])]
    found += [] if answer.status == 200 else [str(answer.status)]
    return [f"{room}: {one}" for one in found]

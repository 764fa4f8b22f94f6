"""A walk through every page of the site, signed out and signed in, on a phone and on a desk, light and dark, in both languages: axe
finds nothing, nothing is wider than the screen, nothing comes from elsewhere, and no console complains."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_rig import axe_violations
from django.urls import URLPattern, URLResolver, get_resolver

from web.browser_rig import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PASSWORD = "vent-du-large-29"
ELSEWHERE = ("office/", "api/")  # faces of their own, with walks of their own
NO_PAGE = {
    # What is no page: data, styles, files, notices; and what only takes a form.
    *("health", "brand_css", "sip_proposal", "calls_csv", "card_notice", "set_language", "favourite", "drop_device"),
    *("connection_down", "connection_up", "connection_result", "sign_out_everywhere", "live"),
    *("mfa_download_recovery_codes", "mfa_login_webauthn", "own_data"),
}
GUESTS = ("/terms/2018-04/", "/prices/?q=maroc", "/prices/?q=0612345678", "/prices/?q=118218", "/calls/nothing-here/x/")
OWN = ("/calls/?outcome=paid", "/calls/?outcome=missed&direction=inbound", "/dashboard/?to=%2B33612345678", "/calls/x/")


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, str]]:
    """(address, name) of every page that needs no argument."""
    for one in patterns:
        path = before + str(one.pattern)
        if isinstance(one, URLResolver):
            if not path.startswith(ELSEWHERE):
                yield from addresses(one.url_patterns, path)
        elif not set(path) & set("<(^") and one.name not in NO_PAGE:
            yield f"/{path}", str(one.name)


def pages(site: Site, state: Any = None) -> list[str]:
    """The pages that answer by themselves, asked without a browser: not those that lead on, nor those that only take a form."""
    cookies = {one["name"]: one["value"] for one in state["cookies"]} if state else {}
    found = []
    with httpx.Client(cookies=cookies) as client:
        for path, _name in addresses(get_resolver().url_patterns):
            answer = client.get(site.url + path)
            assert answer.status_code in {200, 302, 403, 404, 405}, (path, answer.status_code)
            if answer.status_code in {200, 403} and answer.headers["content-type"].startswith("text/html"):
                found.append(path)
    return found


@pytest.fixture(scope="module")
def claire(site: Site, chromium: Any) -> Any:
    """The state of a browser in which claire is signed in."""
    here = Path(__file__).parent
    env = site.env | {
        "DJANGO_SETTINGS_MODULE": "cadran.settings",
        "PYTHONPATH": f"{here}:{':'.join(filter(None, sys.path))}",
    }
    done = subprocess.run(
        [sys.executable, str(here / "walk_seed.py")], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    context = chromium.new_context(locale="fr-FR")
    page = context.new_page()
    page.goto(f"{site.url}/account/login/")
    page.fill("[name=login]", "claire")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard/")
    state = context.storage_state()
    context.close()
    return state


def faults(browser: Any, site: Site, walk: list[str], **options: Any) -> list[str]:
    """All that is wrong with those pages, each fault with its page."""
    context = browser.new_context(reduced_motion="reduce", **options)
    page, found, here = context.new_page(), [], [""]
    page.on("request", lambda r: None if r.url.startswith((site.url, "data:")) else found.append(f"{here[0]}: {r.url}"))
    page.on("pageerror", lambda error: found.append(f"{here[0]}: {error}"))
    page.on(
        "console",
        lambda line: (
            found.append(f"{here[0]}: {line.text}")
            if line.type in {"error", "warning"} and not line.text.endswith(("404 (Not Found)", "403 (Forbidden)"))
            else None
        ),
    )
    for path in walk:
        here[0] = path
        page.goto(site.url + path)
        found += [f"{path}: {one}" for one in axe_violations(page)]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{path}: wider than the screen")
    context.close()
    return found


@pytest.mark.parametrize(("language", "width", "scheme"), [("fr-FR", 360, "light"), ("en-GB", 1200, "dark")])
def test_every_page_is_right_for_a_visitor(site: Site, chromium: Any, language: str, width: int, scheme: str) -> None:
    look = {"locale": language, "viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    walk = pages(site)
    assert {"/", "/prices/", "/terms/", "/account/login/", "/account/signup/"} <= set(walk)
    assert faults(chromium, site, [*walk, *GUESTS], **look) == []


@pytest.mark.clause("IPP-1d-dashboard")
@pytest.mark.parametrize(("language", "width", "scheme"), [("fr-FR", 1200, "light"), ("en-GB", 360, "dark")])
def test_every_page_is_right_for_a_customer(
    site: Site, chromium: Any, claire: Any, language: str, width: int, scheme: str
) -> None:
    look = {"locale": language, "viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    context = chromium.new_context(storage_state=claire)
    page = context.new_page()
    page.goto(f"{site.url}/calls/")
    why = page.eval_on_selector_all(".ask a", "found => found.map(one => one.getAttribute('href'))")
    page.goto(f"{site.url}/statement/")
    moved = page.eval_on_selector_all(".ledger a", "found => found.map(one => one.getAttribute('href'))")
    context.close()
    assert len(why) == 6
    assert len(moved) >= 3
    walk = pages(site, claire)
    assert {"/dashboard/", "/calls/", "/payments/", "/statement/", "/sip/", "/numbers/", "/account/"} <= set(walk)
    open_to_all = {"/", *pages(site)}
    own = [path for path in walk if path not in open_to_all]
    assert faults(chromium, site, [*own, *OWN, why[0], why[2], why[-1], *moved], storage_state=claire, **look) == []


@pytest.mark.clause("IPP-10.1-consumption")
def test_a_call_in_progress_moves_by_itself_and_stops_asking_when_the_site_is_away(
    site: Site, chromium: Any, claire: Any
) -> None:
    context = chromium.new_context(storage_state=claire, locale="fr-FR")
    page = context.new_page()
    page.clock.install()
    page.goto(f"{site.url}/dashboard/")
    page.get_by_text("1 appel en cours").wait_for()
    shown = page.locator("[data-cost]").get_attribute("data-cost")
    assert shown == "122000"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(3100)
    page.wait_for_function("() => true")
    assert asked[-1] == f"{site.url}/dashboard/live/"
    context.close()

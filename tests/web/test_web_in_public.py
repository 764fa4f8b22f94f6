"""What an installation that faces the internet answers with: headers on everything, cookies that no other host can set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

PROJECT = Path(__file__).parents[2]
ASK = """
import json, django
django.setup()
from django.conf import settings as s
from cadran.web.told import OwnCookie
print(json.dumps({
    "cookies": [s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.LANGUAGE_COOKIE_NAME, s.KNOWN_COOKIE_NAME, s.CHECK_COOKIE_NAME,
                OwnCookie.cookie_name],
    "secure": [s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.LANGUAGE_COOKIE_SECURE],
    "hsts": s.HSTS_S, "trusted": s.CSRF_TRUSTED_ORIGINS,
}))
"""


def stated(tmp_path: Path, **environ: str) -> dict[str, object]:
    """What the settings say in such an environment."""
    wanted = {**os.environ, "CADRAN_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "cadran.settings", **environ}
    wanted["PYTHONPATH"] = str(PROJECT / "src")
    done = subprocess.run([sys.executable, "-c", ASK], env=wanted, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_in_public_every_cookie_is_bound_to_its_host_and_browsers_come_by_tls_alone(tmp_path: Path) -> None:
    found = stated(
        tmp_path,
        CADRAN_PUBLIC="1",
        CADRAN_SANDBOX="0",
        CADRAN_PUBLIC_URL="https://calls.example",
        CADRAN_BRAND_HOSTS="calls.example=ippi,cards.example=kryptoow",
    )
    assert len(found["cookies"]) == 6  # type: ignore[arg-type]
    assert all(name.startswith("__Host-cadran") for name in found["cookies"])  # type: ignore[attr-defined]
    assert found["secure"] == [True, True, True]
    assert found["hsts"] == 63_072_000
    assert found["trusted"] == ["https://calls.example", "https://cards.example"]


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "localhost", 200),
        ("/nowhere", "localhost", 404),
        ("/api/v1/brand", "localhost", 200),
        ("/api/v1/balance", "localhost", 401),
        ("/static/web/site.css", "localhost", 200),
        ("/static/", "localhost", 404),
        ("/static/web/", "localhost", 404),
        ("/static/../settings.py", "localhost", 404),
        ("/.git/HEAD", "localhost", 404),
        ("/", "evil.example", 400),
    ],
)
def test_every_answer_says_what_browsers_may_do_with_it(settings: Settings, path: str, host: str, status: int) -> None:
    settings.HSTS_S = 63_072_000
    answer = Client(headers={"Host": host}).get(path)
    assert answer.status_code == status
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db(databases="__all__")
def test_without_tls_no_browser_is_told_to_insist_on_it(client: Client) -> None:
    assert "Strict-Transport-Security" not in client.get("/").headers


@pytest.mark.django_db(databases="__all__")
def test_the_cookie_of_the_language_cannot_be_read_by_scripts(client: Client) -> None:
    answer = client.post("/language/", {"language": "en", "next": "/"})
    assert answer.cookies["cadran_language"]["httponly"]


@pytest.mark.django_db(databases="__all__")
def test_the_browser_forgets_the_pages_of_whoever_signs_out(claire: Client) -> None:
    assert "Clear-Site-Data" not in claire.get("/dashboard/").headers
    assert claire.post("/account/logout/").headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in claire.get("/").headers


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize(
    "path", ["/", "/prices/", "/account/login/", "/dashboard/", "/office/", "/api/v1/brand", "/static/web/site.css"]
)
def test_no_page_gives_a_request_back(claire: Client, path: str) -> None:
    """TRACE would show a script the cookies that it may not read."""
    answer = claire.trace(path, headers={"X-Secret": "told-to-nobody"})
    assert b"told-to-nobody" not in b"".join(answer)
    assert answer.status_code in {301, 302, 403, 404, 405}

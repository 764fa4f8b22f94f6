"""The prompt studio: listed, heard, replaced and taken back by who may, journalled, bounded; bad files change nothing."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from cadran.party.models import StaffAct
from cadran.party.staff import MAY, Permission, Role
from cadran.voice.media import prompts as shelf
from cadran.voice.menu import studio

pytestmark = pytest.mark.django_db(databases="__all__")
WELCOME = "/office/prompts/kryptoow/fr/welcome"


def wav(seconds: float = 1.0, rate: int = 44100) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((9000 * np.sin(np.arange(int(rate * seconds)) / 10)).astype("<i2").tobytes())
    return made.getvalue()


def upload(browser: Client, data: bytes, address: str = WELCOME) -> int:
    given = SimpleUploadedFile("../../any name.exe", data, content_type="audio/wav")
    return browser.post(f"{address}/replace/", {"file": given}).status_code


@pytest.fixture(autouse=True)
def state(tmp_path: Path, settings: Settings) -> Path:
    settings.PUBLISHED = tmp_path / "published"
    return tmp_path / "published"


@pytest.mark.parametrize("role", list(Role))
def test_every_role_hears_prompts_and_only_those_who_may_replace_them(
    signed_in: Callable[..., Client], role: Role, state: Path
) -> None:
    browser, may = signed_in(role), Permission.EDIT_PROMPTS in MAY[role]
    page = browser.get("/office/prompts/?brand=kryptoow").content.decode()
    assert "Bienvenue." in page
    assert f'href="{WELCOME}/sound.wav"' in page
    heard = browser.get(f"{WELCOME}/sound.wav")
    assert heard.content == (shelf.RECORDINGS / "fr" / "welcome.wav").read_bytes()
    assert (b"enctype" in browser.get(f"{WELCOME}/").content) is may
    assert upload(browser, wav()) == (302 if may else 403)
    assert (state / "kryptoow/prompts/fr/welcome.wav").exists() is may
    assert browser.post(f"{WELCOME}/remove/").status_code == (302 if may else 403)


def test_an_upload_is_heard_at_once_journalled_and_taken_back(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.ROUTING)
    assert upload(browser, wav(1.5)) == 302
    page = browser.get(f"{WELCOME}/").content.decode()
    assert "déposé" in page
    assert "1,5 s" in page
    assert "Le prochain appel l’entend." in page
    assert browser.post(f"{WELCOME}/remove/").status_code == 302
    assert studio.recording("kryptoow", "fr", "welcome").origin == studio.SHIPPED
    deeds = list(StaffAct.objects.filter(kind__startswith="prompt-").order_by("pk").values_list("kind", "subject"))
    assert deeds == [("prompt-replace", "kryptoow/fr/welcome"), ("prompt-remove", "kryptoow/fr/welcome")]
    assert browser.post(f"{WELCOME}/remove/").status_code == 302  # again: nothing is there to take back
    assert StaffAct.objects.filter(kind="prompt-remove").count() == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "12 Mo au plus"),
        (b"MZ\x90 a program", "Ce n’est pas un fichier WAV"),
        (wav(61, 8000), "0,1 à 60 secondes"),
        (wav(0.01), "0,1 à 60 secondes"),
        (b"RIFF" + b"\0" * (12 * 1024 * 1024), "12 Mo au plus"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason_and_nothing_is_kept(
    signed_in: Callable[..., Client], state: Path, data: bytes, why: str
) -> None:
    browser = signed_in(Role.ADMIN)
    given = SimpleUploadedFile("a.wav", data, content_type="audio/wav")
    answer = browser.post(f"{WELCOME}/replace/", {"file": given})
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not state.exists()
    assert not StaffAct.objects.filter(kind="prompt-replace").exists()


@pytest.mark.parametrize(
    "address",
    [
        "/office/prompts/kryptoow/fr/no-such-prompt",
        "/office/prompts/kryptoow/de/welcome",
        "/office/prompts/nobody/fr/welcome",
        "/office/prompts/..%2F..%2Fvar/fr/welcome",
        "/office/prompts/kryptoow/fr/..%2F..%2Fwelcome",
    ],
)
def test_nothing_outside_the_prompts_of_a_brand_is_reached(
    signed_in: Callable[..., Client], state: Path, address: str
) -> None:
    browser = signed_in(Role.ADMIN)
    assert browser.get(f"{address}/").status_code == 404
    assert browser.get(f"{address}/sound.wav").status_code == 404
    assert upload(browser, wav(), address) == 404
    assert not state.exists()


def test_staff_of_one_brand_does_not_reach_another(signed_in: Callable[..., Client], state: Path) -> None:
    browser = signed_in(Role.ADMIN, brands=("ippi",))
    assert browser.get(f"{WELCOME}/").status_code == 404
    assert browser.get(f"{WELCOME}/sound.wav").status_code == 404
    assert browser.get("/office/prompts/kryptoow/menus/calling-card/").status_code == 404
    assert upload(browser, wav()) == 404
    assert "/office/prompts/kryptoow/" not in browser.get("/office/prompts/?brand=kryptoow").content.decode()


def test_prompts_are_found_by_name_and_by_text_with_or_without_accents(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.SUPPORT)
    for typed in ("epuise", "ÉPUISÉ", "credit-used"):
        page = browser.get("/office/prompts/", {"brand": "kryptoow", "q": typed}).content.decode()
        assert "Votre crédit est épuisé." in page
        assert "Bienvenue." not in page
    english = signed_in(Role.BILLING, language="en").get("/office/prompts/?brand=kryptoow").content.decode()
    assert "Your credit is used up." in english


def test_a_player_gets_the_part_it_asks_for(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.SUPPORT)
    whole = browser.get(f"{WELCOME}/sound.wav").content
    for asked, first, last in (
        ("bytes=0-", 0, len(whole) - 1),
        ("bytes=10-19", 10, 19),
        ("bytes=40-999999", 40, len(whole) - 1),
    ):
        part = browser.get(f"{WELCOME}/sound.wav", headers={"Range": asked})
        assert part.status_code == 206
        assert part.content == whole[first : last + 1]
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{len(whole)}"
    assert browser.get(f"{WELCOME}/sound.wav", headers={"Range": "bytes=9999999-"}).status_code == 416
    assert browser.get(f"{WELCOME}/sound.wav", headers={"Range": "bytes=-5,junk"}).status_code == 200


def test_pages_may_play_sound_of_their_own_and_nothing_elses(signed_in: Callable[..., Client]) -> None:
    policy = signed_in(Role.SUPPORT).get(f"{WELCOME}/").headers["Content-Security-Policy"]
    assert "media-src 'self'" in policy


def test_a_menu_is_drawn_on_the_page_in_the_language_of_the_page(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.READ_ONLY, language="en")
    page = browser.get("/office/prompts/kryptoow/menus/calling-card/").content.decode()
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="ivr"' in page
    assert "style=" not in page
    assert "<style" not in page
    assert "Dial the number you want" in page
    assert "adapted by the brand" not in page
    assert browser.get("/office/prompts/kryptoow/menus/no-such-menu/").status_code == 404


def test_a_menu_that_is_wrong_and_a_prompt_that_is_missing_are_shown(
    signed_in: Callable[..., Client], tmp_path: Path, settings: Settings
) -> None:
    import shutil

    shutil.copytree(settings.BRANDS, tmp_path / "brands")
    settings.BRANDS = tmp_path / "brands"
    menus = tmp_path / "brands" / "kryptoow" / "menus"
    menus.mkdir()
    (menus / "calling-card.toml").write_text('extend = "calling-card"\n[states.greeting]\nsay = ["our-jingle"]\n')
    page = signed_in(Role.READ_ONLY, language="en").get("/office/prompts/?brand=kryptoow").content.decode()
    assert "states.greeting.say" in page
    assert "1 prompt is missing" in page
    assert "our-jingle" in page

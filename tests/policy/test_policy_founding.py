"""A new brand from one that exists: whole and right, or nothing; every error at once; names that would lead elsewhere."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.test import Client
from pytest_django import Settings

from cadran.catalog import operations as catalog
from cadran.catalog import queries as prices
from cadran.commands import main
from cadran.policy import queries
from cadran.rating import rules as rating

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANSWERS = ("--set", "name=Acme Télécom", "--set", "legal_name=Acme SAS", "--yes")


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    """A brands folder of its own with the reference brands, and nothing published."""
    copied = tmp_path / "brands"
    shutil.copytree(settings.BRANDS, copied)
    settings.BRANDS, settings.PUBLISHED = copied, tmp_path / "published"
    return copied


def run(*argv: str) -> tuple[int, str]:
    done = CliRunner().invoke(main.cli, ["brand", *argv])
    return done.exit_code, done.output + (done.stderr if done.stderr_bytes else "")


@pytest.mark.django_db
def test_a_new_brand_is_made_checked_served_and_prices_a_call(folder: Path, client: Client) -> None:
    (folder / "ippi" / "rates" / "small.csv").write_text("prefix,destination,price\n331,France fixe,0.0120\n")
    (folder / "ippi" / "rates" / "world.csv.gz").unlink()
    decks = folder / "ippi" / "rates" / "decks.toml"
    decks.write_text(decks.read_text().replace("world.csv.gz", "small.csv"))
    shutil.rmtree(folder / "kryptoow" / "rates")
    colour = ("--set", "primary=#7c2d92", "--set", "version=2026-11", "--set", "effective_from=2026-11-01")
    code, told = run("new", "acme", *ANSWERS, *colour, "--json")
    assert code == 0, told
    assert json.loads(told) == {"brand": "acme", "folder": str(folder / "acme"), "terms": "acme/2026-11"}
    queries.check()
    made = queries.brand("acme")
    assert (made.name, made.legal_name, made.colours["primary"]) == ("Acme Télécom", "Acme SAS", "#7c2d92")
    text = queries.terms_text("acme/2026-11", "fr")[0]
    assert "Acme Télécom" in text
    assert "IPPI" not in text
    assert "Marque de référence" not in text
    page = client.get("/", headers={"host": "acme.localhost"})
    assert page.status_code == 200
    assert "Acme Télécom" in page.content.decode()
    assert client.get("/terms/", headers={"host": "acme.localhost"}).status_code == 200
    assert "#7c2d92" in client.get("/brand.css", headers={"host": "acme.localhost"}).content.decode()
    catalog.load_reference(at=AT)
    found = prices.price_of("acme", "33142000001", AT)
    assert found is not None
    assert rating.charge(found.rate, 61, AT).micros == 12_200


def test_every_error_is_told_at_once_with_its_line_and_nothing_stays(folder: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text(
        'name = "Acme"\ncolour = "red"\nprimary = "blue"\nzone = "Mars"\ncountry = "France"\n'
        'effective_from = "soon"\nversion = "a/b"\nverify = ["iris"]\n[more]\nx = 1\n'
    )
    code, told = run("new", "acme", "--answers", str(answers), "--yes")
    assert code == 2
    for part in (
        "answers.toml:2: unknown answer 'colour'",
        "answers.toml:9: answers stand alone",
        "legal_name is missing",
        "effective_from is a day",
        "version is such as",
        "brands/acme/brand.toml:",
        "primary must be a colour",
        "zone must be an IANA name",
        "country must be two capital letters",
        "unknown 'iris'",
    ):
        assert part in told, part
    assert sorted(one.name for one in folder.iterdir() if one.is_dir()) == ["ippi", "izikall", "kavkom", "kryptoow"]


@pytest.mark.parametrize(
    "name", ["../acme", "a/b", "/tmp/acme", "..", ".", "", "Acme", "acme_1", "-acme", "acme-", "x" * 31, "www", "a\nb"]
)
def test_a_name_that_is_no_folder_and_no_host_is_refused(name: str, folder: Path) -> None:
    before = sorted(folder.parent.rglob("*"))
    assert run("new", "--yes", *ANSWERS, "--", name)[0] == 2
    assert sorted(folder.parent.rglob("*")) == before


def test_a_brand_that_is_there_stays_as_it_is(folder: Path) -> None:
    before = (folder / "kavkom" / "brand.toml").read_bytes()
    code, told = run("new", "kavkom", *ANSWERS)
    assert (code, "there is a brand kavkom already" in told) == (2, True)
    assert (folder / "kavkom" / "brand.toml").read_bytes() == before
    assert run("new", "acme", "--from", "../ippi", *ANSWERS)[0] == 2


@pytest.mark.parametrize("source", ["ippi", "izikall", "kavkom", "kryptoow"])
def test_every_reference_brand_can_be_copied_in_another_currency(source: str, folder: Path) -> None:
    code, told = run("new", "acme", "--from", source, *ANSWERS, "--set", "currency=USD")
    assert code == 0, told
    made = queries.terms(queries.brand("acme").terms)
    units = {value.unit for value in made.values.values()}
    assert "micro-EUR" not in units


@pytest.mark.parametrize("hostile", ['A"\nkey = "ippi', "A\\", "[brand]", '"""', "<script>"])
def test_a_hostile_name_stays_a_name(hostile: str, folder: Path) -> None:
    code, told = run("new", "acme", *ANSWERS, "--set", f"name={hostile}")
    assert code == 0, told
    assert queries.brand("acme").name == hostile
    assert queries.brand("acme").key == "acme"


def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    assert run("new", "acme", *ANSWERS, "--set", "services=airtime")[0] == 2
    assert run("new", "acme", *ANSWERS, "--set", "name")[0] == 2


def test_links_in_a_brand_folder_are_not_followed(folder: Path) -> None:
    (folder / "ippi" / "rates" / "passwd").symlink_to("/etc/passwd")
    assert run("new", "acme", *ANSWERS)[0] == 0
    assert not (folder / "acme" / "rates" / "passwd").exists()

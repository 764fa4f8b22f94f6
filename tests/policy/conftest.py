"""A brand folder to spoil: a right one on disk, whose files a test rewrites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cadran.policy import files
from cadran.policy.files import BrandFiles
from cadran.policy.sections import PolicyError

BRAND = """[brand]
key = "acme"
name = "Acme"
legal_name = "Acme SAS"
country = "FR"
currency = "EUR"
zone = "Europe/Paris"
languages = ["fr", "en"]
default_terms = "2020-01"
site = "https://acme.example"
services = ["voip"]

[summary]
fr = "Téléphonie."
en = "Telephony."

[colours]
primary = "#000000"
accent = "#111111"
background = "#ffffff"
text = "#222222"

[registration]
open = true
verify = ["email"]
minimum_age = 18
legal_entities = true
phone = false

[numbers]
free_of_own_number = ["verified"]

[emergency]
countries = ["FR"]
"""

TERMS = """[terms]
brand = "acme"
version = "2020-01"
title = "Terms"
effective_from = 2020-01-01

[credit.validity_days]
value = 180
unit = "day"
clause = "IPP-9.2-180-days"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """brands/acme, right as it stands."""
    acme = tmp_path / "brands" / "acme"
    (acme / "terms").mkdir(parents=True)
    (acme / "brand.toml").write_text(BRAND, encoding="utf-8")
    (acme / "terms" / "2020-01.toml").write_text(TERMS, encoding="utf-8")
    (acme / "terms" / "2020-01.fr.md").write_text("# Conditions\n", encoding="utf-8")
    return acme


@pytest.fixture
def load(folder: Path) -> Callable[[], BrandFiles]:
    """Load the folder as it is now."""
    return lambda: files.load_brand(folder, files.load_register())


@pytest.fixture
def complaints(load: Callable[[], BrandFiles]) -> Callable[[], list[str]]:
    """What loading the folder complains of, as `file:line: message`; nothing where it is right."""

    def told() -> list[str]:
        try:
            load()
        except PolicyError as error:
            return [str(fault) for fault in error.faults]
        return []

    return told

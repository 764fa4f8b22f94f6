"""What `cadran serve` does before any process starts: the state folder, the databases, the reference brands and decks, the
demo customers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cadran.commands import customer, demo_customers, demo_staff, main, migrate
from cadran.units import errors

LONGEST_SOCKET_PATH = 107
LEAST_FREE_BYTES = 500_000_000


class BadFolder(errors.CadranError):
    """The state folder cannot be used."""

    error_id = "serve-bad-folder"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that whoever starts Cadran should know."""

    fr: str
    en: str
    warning: bool = False


def check_folder(var: Path, socket_path: Path) -> None:
    """Make the state folder, for its owner alone. Raises BadFolder."""
    if len(os.fsencode(socket_path)) > LONGEST_SOCKET_PATH:
        raise BadFolder(
            f"the path of the state folder {var} is too long for its sockets: set CADRAN_VAR to a shorter one"
        )
    try:
        for folder in (var, var / "run", var / "log"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        (var / "run" / ".writable").write_text("")
    except OSError as error:
        raise BadFolder(
            f"cannot write in the state folder {var}: {error.strerror}; set CADRAN_VAR to another one"
        ) from error
    if shutil.disk_usage(var).free < LEAST_FREE_BYTES:
        raise BadFolder(f"less than 500 MB are free under {var}: make room, or set CADRAN_VAR to another disk")


def prepare(*, public: bool) -> list[Note]:
    """Databases, brands, decks and, in a sandbox, demo customers (unless CADRAN_DEMO_CUSTOMERS=0); safe to repeat.

    Returns what should be told. Raises what reading brands and decks raises, and demo_customers.DemoPasswords.
    """
    from django.db import connections

    main.django_ready()
    from django.conf import settings

    from cadran.catalog import operations as catalog
    from cadran.numbering.access import operations as access

    try:
        migrate.migrate_all()
        for stale in ("jobs.ready", "ready.json"):
            (settings.VAR / "run" / stale).unlink(missing_ok=True)
        notes = [
            Note(
                f"Grille {deck.name} de {deck.brand} : {deck.lines} préfixes chargés.",
                f"Deck {deck.name} of {deck.brand}: {deck.lines} prefixes loaded.",
            )
            for deck in catalog.load_reference(at=settings.CIVIL_CLOCK.now())
        ]
        access.load_reference(at=settings.CIVIL_CLOCK.now())
        if public:
            demo_customers.refuse_in_public(settings.VAR)
            demo_staff.refuse_in_public(settings.VAR)
        elif settings.SANDBOX and os.environ.get("CADRAN_DEMO_CUSTOMERS", "1") != "0":
            customer.seed_demo()
            demo_staff.seed(settings.VAR)
        return notes + _emergency_notes()
    finally:
        connections.close_all()


def finish(people: Sequence[demo_customers.Person]) -> None:
    """What needs the running processes: the demo customers' credit. Safe to repeat."""
    from django.db import connections

    try:
        demo_customers.give_credit(people)
    finally:
        connections.close_all()


def _emergency_notes() -> list[Note]:
    from cadran.policy import queries, rules

    brands = queries.brands()
    warnings = rules.emergency_warnings(brands)
    if not warnings:
        return []
    off = [
        f"{brand.name} ({country})"
        for brand in brands
        for country in brand.emergency_countries
        if country not in brand.emergency_routed
    ]
    fr = (
        f"Appels d'urgence non acheminés : {', '.join(off)}. La loi attend d'un service à numéros qu'il les achemine, "
        "gratuitement et avec la position ; les laisser coupés engage la responsabilité de l'opérateur. L'appelant entend qu'il "
        "doit prendre un autre téléphone. Valeur : emergency.routed_countries des conditions."
    )
    return [Note(fr, "\n".join(warnings), warning=True)]

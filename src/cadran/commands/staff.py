"""`cadran staff`: who works in the back office, with which role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from cadran.commands import demo_staff, main
from cadran.party.staff import Role

if TYPE_CHECKING:
    from cadran.party.queries import Staff

ROLES = click.Choice([role.value for role in Role])


@click.group()
def command() -> None:
    """The operator's staff: add, list, role, disable."""
    main.django_ready()


@command.command()
@click.argument("user_name")
@click.option("--email", required=True)
@click.option("--role", type=ROLES, required=True)
@click.option("--brand", "brands", multiple=True, help="Serve this brand only; may be given again. None: all of them.")
@click.option("--json", "as_json", is_flag=True)
def add(*, user_name: str, email: str, role: str, brands: tuple[str, ...], as_json: bool) -> None:
    """Make a member of staff; prints a first password, once. It is changed, and the second factor set up, at the first sign-in."""
    from django.conf import settings

    from cadran.party import operations, vault

    password = vault.propose_sip_password()
    at = settings.CIVIL_CLOCK.now()
    made = operations.make_staff(
        user_name=user_name, email=email, password=password, role=Role(role), brands=brands, at=at
    )
    operations.require_change(user_name=made.user_name, site=True, reason="first password", at=at)
    _tell([_public(made) | {"password": password, "sign_in": f"{settings.PUBLIC_URL}/office/"}], as_json)


@command.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_(*, as_json: bool) -> None:
    """Everybody, with role, brands, and whether the second factor is set up."""
    from cadran.party import staff_queries

    _tell([_public(one) for one in staff_queries.staff_members()], as_json)


@command.command()
@click.argument("user_name")
@click.argument("role", type=ROLES)
@click.option("--brand", "brands", multiple=True, help="Serve this brand only; may be given again.")
@click.option("--all-brands", is_flag=True, help="Serve every brand.")
@click.option("--json", "as_json", is_flag=True)
def role(*, user_name: str, role: str, brands: tuple[str, ...], all_brands: bool, as_json: bool) -> None:
    """Give another role; the brands stay unless some are named."""
    from django.conf import settings

    from cadran.party import staff_operations

    if all_brands and brands:
        raise click.UsageError("choose --brand or --all-brands, not both")
    changed = staff_operations.set_staff_role(
        user_name=user_name,
        role=Role(role),
        brands=brands if brands or all_brands else None,
        at=settings.CIVIL_CLOCK.now(),
    )
    _tell([_public(changed)], as_json)


@command.command()
@click.argument("user_name")
@click.option("--json", "as_json", is_flag=True)
def disable(*, user_name: str, as_json: bool) -> None:
    """Take the sign-in away, at once, in every browser."""
    from django.conf import settings

    from cadran.party import staff_operations

    _tell([_public(staff_operations.disable_staff(user_name=user_name, at=settings.CIVIL_CLOCK.now()))], as_json)


@command.command("lost-phone")
@click.argument("user_name")
def lost_phone(*, user_name: str) -> None:
    """Forget the second factor of somebody whose phone is lost; a new one is set up at the next sign-in."""
    from django.conf import settings

    from cadran.party import staff_operations

    staff_operations.reset_second_factor(user_name=user_name, at=settings.CIVIL_CLOCK.now())
    click.echo(f"{user_name}: the next sign-in sets up a new second factor")


@command.command()
@click.argument("user_name")
def code(*, user_name: str) -> None:
    """The code that a demo member's authenticator shows now; sandbox only."""
    from django.conf import settings

    click.echo(demo_staff.code_now(settings.VAR, user_name))


def _public(one: Staff) -> dict[str, object]:
    return {
        "user_name": one.user_name,
        "email": one.email,
        "role": one.role.value,
        "brands": list(one.brands) or "all",
        "active": one.active,
        "second_factor": one.second_factor,
    }


def _tell(members: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(members, ensure_ascii=False))
        return
    for member in members:
        for key, value in member.items():
            click.echo(f"{key:16} {', '.join(value) if isinstance(value, list) else value}")
        click.echo()

"""`python -m cadran`: the same as the `cadran` command."""

from __future__ import annotations

from cadran.commands.main import cli

if __name__ == "__main__":
    cli(prog_name="cadran")

"""What the docs site makes of the program itself at each build: the order of its pages, the list of decisions, the reference of
commands and the register of clauses. So they cannot fall behind."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File, Files

SECTIONS = (("How to", "how-to"), ("Why", "why"), ("Reference", "reference"), ("Decisions", "decisions"))
LIST_MARK = "<!-- every page of this folder -->"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made, and order all of them."""
    made = {
        "reference/commands.md": commands_page(),
        "reference/clauses.md": clauses_page(),
        "reference/api-problems.md": problems_page(),
    }
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    config["nav"] = [
        {"Cadran": "index.md"},
        {"Quick start": "quick-start.md"},
        *({title: pages(files, folder)} for title, folder in SECTIONS),
        {"Glossary": "glossary.md"},
    ]
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Put the list of a folder's pages where its index asks for it."""
    if LIST_MARK not in markdown:
        return markdown
    folder = page.file.src_uri.rsplit("/", 1)[0]
    lines = [
        f"- [{title(file)}]({file.src_uri.rsplit('/', 1)[1]})"
        for file in ordered(files, folder)
        if not file.src_uri.endswith("/index.md")
    ]
    return markdown.replace(LIST_MARK, "\n".join(lines))


def pages(files: Files, folder: str) -> list[str]:
    return [file.src_uri for file in ordered(files, folder)]


def ordered(files: Files, folder: str) -> list[File]:
    """The pages of a folder: its index first, then by title."""
    found = [file for file in files.documentation_pages() if file.src_uri.startswith(f"{folder}/")]
    return sorted(found, key=lambda file: (not file.src_uri.endswith("/index.md"), title(file).lower()))


def title(file: File) -> str:
    """The first heading of a page."""
    found = re.search(r"^# (.+)$", file.content_string, re.MULTILINE)
    return found.group(1).strip() if found else file.name


def problems_page() -> str:
    """Every failure that the API tells, from the code that raises it."""
    settle()
    import django

    django.setup()
    from cadran.web.api import catalogue, document, problems

    used, kinds = document.known_problems(), catalogue.kinds()
    lines = [
        "# Failures of the API",
        "",
        "By status. `error_id` never changes. This page is made from the program.",
        "",
    ]
    lines += ["| Status | `error_id` | What it means |", "|---|---|---|"]
    found = sorted((problems.status_of(kinds[error_id]), error_id) for error_id in used)
    for status, error_id in found:
        lines.append(f"| {status} | `{error_id}` | {cell(' '.join((kinds[error_id].__doc__ or '').split()))} |")
    return "\n".join([*lines, ""])


def commands_page() -> str:
    """Every command with its options, from the command line itself."""
    settle()
    from cadran.commands.main import cli

    lines = ["# Commands", "", "`.venv/bin/cadran`, as this version has it. This page is made from the program."]
    context = click.Context(cli, info_name="cadran")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None and not command.hidden:
            lines += command_lines(command, f"cadran {name}", 2)
    return "\n".join([*lines, ""])


def command_lines(command: click.Command, path: str, level: int) -> list[str]:
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    lines = ["", f"{'#' * level} {path}", "", *plain(command.help or "").splitlines(), "", f"    {usage}", ""]
    rows = [
        record
        for parameter in command.get_params(context)
        if "--help" not in parameter.opts and (record := parameter.get_help_record(context))
    ]
    if rows:
        lines += ["| Option | |", "|---|---|", *(f"| `{cell(one)}` | {plain(cell(two))} |" for one, two in rows)]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                lines += command_lines(child, f"{path} {name}", min(level + 1, 4))
    return lines


def clauses_page() -> str:
    """The register of clauses as a table for each contract."""
    settle()
    from cadran.policy import queries

    lines = [
        "# Clauses",
        "",
        "What the published terms of the reference brands and the law ask for, in our own words, and how far this version carries",
        "it out. `cadran clauses` tells the values, the code and the tests of each. This page is made from the register.",
    ]
    group = ""
    for clause in sorted(queries.clauses().values(), key=lambda one: one.id.split("-")[0]):
        if clause.id.split("-")[0] != group:
            group = clause.id.split("-")[0]
            lines += ["", f"## {group}", "", "| Clause | What it asks for | State |", "|---|---|---|"]
        lines.append(f"| `{clause.id}` | {plain(cell(clause.must))} | {clause.state} |")
    return "\n".join([*lines, ""])


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def plain(text: str) -> str:
    """Without what Markdown would take for markup."""
    return text.replace("\b", "").replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*").replace("_", "\\_")


def settle() -> None:
    """Cadran's settings, with a state folder of the moment: building pages must not touch an installation."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cadran.settings")
    os.environ.setdefault("CADRAN_VAR", str(Path(tempfile.mkdtemp(prefix="cadran-docs-"))))

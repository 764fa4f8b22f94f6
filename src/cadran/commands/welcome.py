"""What `cadran serve` prints, in French or in English: the start, where to look, what to dial, and what goes wrong."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import click

from cadran.commands import preparation

_TEXTS = {
    "preparing": ("Cadran se prépare (état dans {var})…", "Cadran is getting ready (state in {var})..."),
    "stopping": ("Arrêt en cours…", "Stopping..."),
    "all-stopped": ("Tout est arrêté ; l'état est conservé.", "Everything has stopped; the state is kept."),
    "crashed": (
        "{name} s'est arrêté (code {detail}) : nouveau départ…",
        "{name} ended (code {detail}): starting it again...",
    ),
    "restarted": ("{name} a redémarré (fois n° {detail}).", "{name} is back (restart no. {detail})."),
    "gave-up": (
        "{name} s'arrête sans cesse, il n'est plus relancé : {detail}",
        "{name} keeps crashing and is left stopped: {detail}",
    ),
    "killed": ("{name} a été tué : {detail}", "{name} was killed: {detail}"),
}
PHONE_OF_DEMO = "cadran phone"


def language(environ: Mapping[str, str]) -> str:
    """`en` where CADRAN_LANG, LC_ALL, LC_MESSAGES or LANG says so, else `fr`."""
    for name in ("CADRAN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name):
            return "en" if value.lower().startswith("en") else "fr"
    return "fr"


def qr_text(content: str) -> str:
    """A QR code drawn with characters, for a terminal."""
    import segno

    out = io.StringIO()
    segno.make(content, error="l").terminal(out, compact=True)
    return out.getvalue()


class Teller:
    """Speaks to the terminal. `hear` is the supervisor's report."""

    def __init__(self, *, language: str, verbose: bool, loud: Sequence[str]) -> None:
        self.language, self.verbose, self.loud = language, verbose, loud

    def pick(self, fr: str, en: str) -> str:
        return en if self.language == "en" else fr

    def say(self, key: str, **values: str) -> None:
        click.echo(self.pick(*_TEXTS[key]).format(**values))

    def note(self, note: preparation.Note) -> None:
        click.secho(self.pick(note.fr, note.en), fg="yellow" if note.warning else None)

    def hear(self, name: str, event: str, detail: str) -> None:
        if event == "log":
            if self.verbose or any(mark in detail for mark in self.loud):
                click.echo(f"{name:>9} | {detail}")
        elif event in _TEXTS:
            click.secho(
                self.pick(*_TEXTS[event]).format(name=name, detail=detail), fg="red" if event != "restarted" else None
            )

    def welcome(self, *, lan: bool) -> None:
        """Where to look and what to dial."""
        from cadran import settings

        lines = self._places(settings.PUBLIC_URL, settings.SIP_HOST, settings.SIP_PORT)
        click.echo()
        click.secho(self.pick("Cadran est prêt.", "Cadran is ready."), bold=True)
        for label, value in lines:
            click.echo(f"  {label:<24} {value}")

    def _places(self, url: str, sip_host: str, sip_port: int) -> list[tuple[str, str]]:
        from cadran import settings

        found = [(self.pick("Portail", "Portal"), url), ("SIP", f"{sip_host}:{sip_port} (UDP)")]
        if settings.SANDBOX:
            found.insert(
                1, (self.pick("Courrier de test", "Test mailbox"), f"http://127.0.0.1:{settings.SANDBOX_MAIL_PORT}")
            )
        return found

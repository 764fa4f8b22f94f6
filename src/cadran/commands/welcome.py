"""What `cadran serve` prints, in French or in English: the start, where to look, what to dial, and what goes wrong."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import click

from cadran.commands import demo_customers, demo_staff, preparation

_TEXTS = {
    "preparing": ("Cadran se prépare (état dans {var})…", "Cadran is getting ready (state in {var})..."),
    "stopping": ("Arrêt en cours…", "Stopping..."),
    "all-stopped": ("Tout est arrêté ; l'état est conservé.", "Everything has stopped; the state is kept."),
    "crashed": (
        "{name} s'est arrêté (code {detail}) : nouveau départ…",
        "{name} ended (code {detail}): starting it again...",
    ),
    "restarted": ("{name} a redémarré (fois n° {detail}).", "{name} is back (restart no. {detail})."),
    "crash-loop": (
        "{name} s'arrête sans cesse : une minute de pause, puis un nouvel essai. {detail}",
        "{name} keeps crashing: a minute's pause, then another try. {detail}",
    ),
    "killed": ("{name} a été tué : {detail}", "{name} was killed: {detail}"),
}
FRENCH_LANDLINE, MOBILE_ABROAD, INUM = "01 42 00 00 01", "+44 7911 123456", "+883 5100 0000 1234"


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

    def welcome(self, *, lan: bool, people: Sequence[demo_customers.Person]) -> None:
        """Where to look, who the demo customers are, and what to dial."""
        from cadran import settings

        click.echo()
        click.secho(self.pick("Cadran est prêt.", "Cadran is ready."), bold=True)
        self._table(self._places())
        if people:
            click.echo()
            click.secho(self.pick("Clients de démonstration", "Demo customers"), bold=True)
            self._people(people)
            self._staff(demo_staff.known(settings.VAR))
            click.echo()
            click.secho(self.pick("À composer", "What to dial"), bold=True)
            self._table(self._numbers(people))
            click.echo()
            click.echo(
                self.pick("Un téléphone dans un autre terminal : ", "A phone in another terminal: ")
                + ".venv/bin/cadran phone"
            )
            if lan:
                self._registration(people[0], settings.SIP_HOST, settings.SIP_PORT)
        click.echo(
            self.pick(
                f"Journaux : {settings.VAR}/log ; ce qui ne va pas : cadran doctor ; Ctrl-C arrête tout.",
                f"Logs: {settings.VAR}/log; what is wrong: cadran doctor; Ctrl-C stops everything.",
            )
        )

    def _table(self, rows: Sequence[tuple[str, str]]) -> None:
        width = max(len(label) for label, _value in rows) + 2
        for label, value in rows:
            click.echo(f"  {label:<{width}}{value}")

    def _places(self) -> list[tuple[str, str]]:
        from cadran import settings

        host = settings.HOST
        found = [
            (self.pick("Portail", "Portal"), settings.PUBLIC_URL),
            (self.pick("Back-office", "Back office"), f"{settings.PUBLIC_URL}/office/"),
        ]
        if settings.SANDBOX:
            card = f"http://kryptoow.localhost:{settings.WEB_PORT}/"
            found += [
                (
                    self.pick("Carte d'appel", "Calling card"),
                    self.pick(
                        f"{card} (numéros d'accès : {card}access/ ; à voir jouer : ./run --demo kryptoow)",
                        f"{card} (access numbers: {card}access/; to see it played: ./run --demo kryptoow)",
                    ),
                ),
                (self.pick("Courrier reçu", "Mailbox"), f"http://{host}:{settings.SANDBOX_MAIL_PORT}"),
                (self.pick("Banque d'essai", "Sandbox bank"), f"http://{host}:{settings.SANDBOX_BANK_PORT}"),
            ]
        return [
            *found,
            (self.pick("Serveur SIP (UDP)", "SIP server (UDP)"), f"{settings.SIP_HOST}:{settings.SIP_PORT}"),
            (self.pick("Mesures", "Metrics"), f"http://{host}:{settings.METRICS_PORT}/metrics"),
        ]

    def _people(self, people: Sequence[demo_customers.Person]) -> None:
        heads = self.pick(
            "portail|mot de passe du portail|mot de passe SIP|numéro", "user|password of the portal|SIP password|number"
        )
        rows = [heads.split("|"), *([one.user, one.site_password, one.password, one.number] for one in people)]
        widths = [max(len(row[place]) for row in rows) + 3 for place in range(4)]
        for row in rows:
            click.echo("  " + "".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    def _staff(self, members: Sequence[demo_staff.Member]) -> None:
        """How a newcomer gets into the back office: password, then the code of an authenticator or of `cadran staff code`."""
        if not members:
            return
        click.echo()
        click.secho(self.pick("Personnel de démonstration (back-office)", "Demo staff (back office)"), bold=True)
        heads = self.pick("nom|mot de passe|clé du second facteur", "user|password|key of the second factor").split("|")
        rows = [heads, *([one.user, one.password, one.totp_secret] for one in members)]
        widths = [max(len(row[place]) for row in rows) + 3 for place in range(3)]
        for row in rows:
            click.echo("  " + "".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        click.echo(
            self.pick(
                "  Le code à six chiffres : dans une application d'authentification, ou ",
                "  The six digits: in an authenticator application, or ",
            )
            + ".venv/bin/cadran staff code admin"
        )

    def _numbers(self, people: Sequence[demo_customers.Person]) -> list[tuple[str, str]]:
        from cadran import settings

        other = people[-1]
        echo = f"sip:echo@{settings.SIP_HOST}:{settings.SANDBOX_CARRIER_PORT}"
        return [
            (
                other.user,
                self.pick(f"l'autre client ({other.number}), gratuit", f"the other customer ({other.number}), free"),
            ),
            (FRENCH_LANDLINE, self.pick("un fixe français, à la seconde", "a French landline, by the second")),
            (MOBILE_ABROAD, self.pick("un mobile à l'étranger, à la seconde", "a mobile abroad, by the second")),
            (INUM, self.pick("un iNum, gratuit", "an iNum, free")),
            (
                echo,
                self.pick("une adresse SIP ouverte qui fait écho, gratuit", "an open SIP address that echoes, free"),
            ),
            (
                "112",
                self.pick("les urgences : une annonce, puis un refus", "emergency: an announcement, then a refusal"),
            ),
        ]

    def _registration(self, person: demo_customers.Person, host: str, port: int) -> None:
        click.echo()
        click.echo(
            self.pick(
                f"Sur un téléphone du même réseau (application SIP, par exemple Linphone) : utilisateur {person.user}, "
                f"mot de passe SIP {person.password}, domaine {host}:{port}, transport UDP. Ou lire ce code :",
                f"On a phone of the same network (a SIP application such as Linphone): user {person.user}, SIP password "
                f"{person.password}, domain {host}:{port}, transport UDP. Or read this code:",
            )
        )
        click.echo(qr_text(f"sip:{person.user}@{host}:{port};transport=udp"))

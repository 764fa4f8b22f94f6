"""`cadran phone`: a SIP phone in the terminal, for people on a screen and for programs by JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from cadran.units.errors import CadranError, InvalidInput


class NoDemoPhones(CadranError):
    """Neither an account was given nor a demo is at hand."""

    error_id = "phone-no-account"


@click.command(epilog="How-to and the list of commands and events of --control: docs/how-to/phone.md")
@click.option("--user", help="SIP user; without it, the demo customers of this installation are offered.")
@click.option("--password", default="", help="SIP password.", envvar="CADRAN_PHONE_PASSWORD")
@click.option("--server", help="host:port of the operator [default: that of the demo, or 127.0.0.1:5060].")
@click.option("--domain", default="", help="Domain of the addresses, if it is not the server's host.")
@click.option("--host", default="", help="Own address [default: the one that leads to the server].")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Own SIP port [default: any free one].")
@click.option("--display", default="", help="Name shown to those who are called.")
@click.option("--mic", type=click.Path(path_type=Path), help="WAV file to speak instead of a tone.")
@click.option("--tone", default=440, show_default=True, type=click.IntRange(50, 3800), help="Hertz of the tone.")
@click.option("--record", type=click.Path(path_type=Path), help="WAV file for what is heard.")
@click.option(
    "--expires", default=300, show_default=True, type=click.IntRange(5, 86400), help="Seconds of registration."
)
@click.option("--codec", type=click.Choice(["pcma", "pcmu", "both"]), default="both", show_default=True)
@click.option("--contact-suffix", default="", help="For tests: put behind the contact's port, as ;transport=UDP.")
@click.option("--control", is_flag=True, help="No screen: JSON lines on standard input and output.")
@click.option("--language", type=click.Choice(["fr", "en"]), help="Language of the screen [default: from LANG].")
def command(**given: Any) -> None:
    """A small SIP phone in the terminal: register, call, answer, dial digits, see packets and level.

    It needs no sound card: its microphone is a tone or a WAV file, its loudspeaker a level meter and, if wanted, a WAV file.
    """
    import asyncio

    from cadran.voice.phone import engine, handset, remote, sdp, sound

    chosen = _account(given)
    codecs = {"pcma": (sdp.PCMA,), "pcmu": (sdp.PCMU,), "both": (sdp.PCMA, sdp.PCMU)}[given["codec"]]
    line = engine.Line(
        user=_plain(chosen["user"], "user"),
        password=chosen["password"],
        server=_server(chosen["server"]),
        domain=_plain(given["domain"], "domain"),
        display=given["display"].replace('"', "").replace("\r", "").replace("\n", ""),
        contact_suffix=_plain(given["contact_suffix"], "contact suffix"),
        codecs=codecs,
        expires_s=given["expires"],
    )
    microphone = sound.read_wav(given["mic"]) if given["mic"] else sound.tone(given["tone"])

    def handset_for(listener: handset.Listener) -> handset.Handset:
        return handset.Handset(
            line,
            listener=listener,
            microphone=microphone,
            record=given["record"],
            port=given["port"],
            host=given["host"],
        )

    try:
        if given["control"]:
            asyncio.run(_until_told(remote.serve(handset_for)))
        else:
            from cadran.voice.phone import screen

            shown = screen.serve(handset_for, number=chosen.get("number", ""), language=given["language"])
            asyncio.run(_until_told(shown))
    except OSError as error:
        raise InvalidInput(f"the phone cannot open its sockets: {error}") from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        return


async def _until_told(phone: Coroutine[Any, Any, None]) -> None:
    """Runs the phone; SIGTERM ends it as Ctrl-C does: calls hung up, registration given back."""
    import asyncio
    import signal

    task = asyncio.ensure_future(phone)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


def _account(given: dict[str, Any]) -> dict[str, str]:
    if given["user"]:
        return {
            "user": given["user"],
            "password": given["password"],
            "server": given["server"] or "127.0.0.1:5060",
        }
    demo = _demo()
    phones = demo["phones"]
    if given["control"]:
        raise NoDemoPhones("--control needs --user, --password and --server")
    for place, phone in enumerate(phones, 1):
        click.echo(f"  {place}  {phone['user']:<12} {phone.get('number', '')}")
    place = click.prompt("Which phone / quel téléphone", type=click.IntRange(1, len(phones)), default=1)
    phone = phones[place - 1]
    return {
        "user": phone["user"],
        "password": phone["password"],
        "number": str(phone.get("number", "")),
        "server": given["server"] or demo.get("server") or "127.0.0.1:5060",
    }


def _demo() -> dict[str, Any]:
    """var/demo.json, which ./run writes. Raises NoDemoPhones if there is none that can be used."""
    import os

    source = Path(__file__).resolve().parents[3]
    path = Path(os.environ.get("CADRAN_VAR", source / "var")) / "demo.json"
    try:
        demo = json.loads(path.read_text(encoding="utf-8"))
        usable = [
            phone for phone in demo["phones"] if isinstance(phone["user"], str) and isinstance(phone["password"], str)
        ]
        if not usable:
            raise ValueError("it lists no phone")
        return {"phones": usable, "server": demo.get("server", "")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoDemoPhones(
            "no demo customers here: start Cadran with ./run first, or give --user, --password and --server"
        ) from error


def _server(text: str) -> tuple[str, int]:
    """host:port, the host looked up once. Raises InvalidInput."""
    import socket

    found = re.fullmatch(r"([\w.-]+)(?::(\d{1,5}))?", text)
    port = int(found[2] or 5060) if found else 0
    if not found or not 0 < port < 65536:
        raise InvalidInput(f"--server {text!r}: give host:port, as 127.0.0.1:5060")
    try:
        return socket.getaddrinfo(found[1], port, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0], port  # type: ignore[return-value]
    except OSError as error:
        raise InvalidInput(f"--server {found[1]}: this name is not known") from error


def _plain(text: str, name: str) -> str:
    if any(letter <= " " or letter in '<>"@' for letter in text):
        raise InvalidInput(f"the {name} {text!r} holds a letter that SIP does not allow there")
    return text

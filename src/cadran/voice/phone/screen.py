"""The phone's screen: what a person sees and the keys that are pressed. The panel is made from a View alone."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import time
import tty
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from cadran.units.errors import CadranError
from cadran.voice.phone import engine, message, rtp, words
from cadran.voice.phone.handset import Handset

REFRESH_S = 0.1
LEAST_DBFS = -60.0
LONGEST_ENTRY = 128
HANG_UP = ("r", "h")


class NoTerminal(CadranError):
    """There is no terminal to draw on."""

    error_id = "phone-no-terminal"


@dataclass
class View:
    """All that the panel shows. `state` is idle, entry, calling, ringing, early, incoming or answered."""

    user: str
    number: str
    server: str
    language: str
    registration: str = "registering"
    state: str = "idle"
    entry: str = ""
    peer: str = ""
    call: str = ""
    seconds: float = 0.0
    muted: bool = False
    sent: str = ""
    received: str = ""
    figures: rtp.Figures | None = None
    log: deque[str] = field(default_factory=lambda: deque(maxlen=8))

    def word(self, key: str, **values: object) -> str:
        return words.LANGUAGES[self.language][key].format(**values)


def panel(view: View) -> Panel:
    """The screen as rich draws it."""
    colour = {"registered": "green", "registering": "yellow"}.get(view.registration, "red")
    title = Text.assemble(
        ("Cadran ", "bold"),
        f"· {view.word('phone')} {view.user} ",
        (view.number + " ", "cyan") if view.number else "",
        ("● ", colour),
        (view.word(view.registration), colour),
    )
    parts: list[RenderableType] = [_headline(view), Text("")]
    parts.append(
        _sound(view) if view.figures and view.state in ("calling", "ringing", "early", "answered") else Text("\n")
    )
    if view.sent or view.received:
        digits = [(view.word("sent"), view.sent), (view.word("received"), view.received)]
        parts.append(Text("   ".join(f"{name}{text}" for name, text in digits if text), style="cyan"))
    parts.append(Text(""))
    parts += [Text(line, style="dim") for line in view.log]
    keys = {"idle": "keys_idle", "entry": "keys_entry", "incoming": "keys_incoming", "answered": "keys_call"}
    subtitle = view.word(keys.get(view.state, "keys_calling"))
    return Panel(
        Group(*parts), title=title, subtitle=subtitle, title_align="left", subtitle_align="left", padding=(1, 2)
    )


def _headline(view: View) -> Text:
    if view.state == "entry":
        return Text.assemble((view.word("entry"), "bold"), (view.entry, "bold cyan"), ("▏", "blink"))
    line = Text(view.word(view.state, peer=view.peer), style="bold")
    if view.state == "answered":
        line.append(f"   {words.duration(view.seconds)}", style="green bold")
    if view.muted and view.state == "answered":
        line.append(f"   {view.word('muted')}", style="red bold")
    return line


def _sound(view: View) -> Group:
    figures = view.figures
    assert figures
    quiet = figures.quiet_s
    if quiet is None:
        remark = view.word("nothing")
    elif quiet > 1:
        remark = view.word("stopped", seconds=int(quiet))
    else:
        remark = f"{view.word('tone')} {figures.tone_hz} Hz" if figures.tone_hz else ""
    heard = f"{figures.packets_in} {view.word('packets')}, {figures.lost} {view.word('lost')}"
    heard += f", {view.word('jitter')} {figures.jitter_ms:.1f} ms"
    said = f"{figures.packets_out} {view.word('packets')}"
    width = max(len(view.word("heard")), len(view.word("said")))
    lines: list[RenderableType] = []
    for name, level, note, counts in (
        (view.word("heard"), figures.level_dbfs, remark, heard),
        (view.word("said"), figures.level_out_dbfs, "", said),
    ):
        lines.append(Text.assemble(f"{name:<{width}} ", bar(level), f" {level:6.1f} dBFS  ", note))
        lines.append(Text(" " * (width + 1) + counts, style="dim"))
    return Group(*lines)


def bar(level_dbfs: float, width: int = 32) -> Text:
    """A level from -60 to 0 dBFS, as a bar: green, yellow near the top, red at it."""
    lit = round(width * max(0.0, min(1.0, 1 - level_dbfs / LEAST_DBFS)))
    text = Text()
    for place in range(width):
        colour = "green" if place < width * 0.7 else "yellow" if place < width * 0.9 else "red"
        text.append("█" if place < lit else "░", style=colour if place < lit else "bright_black")
    return text


class Screen:
    """Follows events and keys; the handset does the calls."""

    def __init__(
        self,
        handset_for: Callable[[Callable[[engine.Event], None]], Handset],
        *,
        number: str,
        language: str,
        clock: Callable[[], str] = lambda: time.strftime("%H:%M:%S"),
    ) -> None:
        self.handset = handset_for(self.hear)
        line = self.handset.line
        self.view = View(line.user, number, f"{line.server[0]}:{line.server[1]}", language)
        self.leaving = asyncio.Event()
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    # what the phone tells

    def hear(self, event: engine.Event) -> None:
        view, detail = self.view, event.detail
        if event.name in ("registered", "unregistered"):
            view.registration = event.name
        elif event.name == "register_failed":
            view.registration = "unregistered"
            self._note("log_failed", why=self._why(detail))
        elif event.name == "incoming":
            self._incoming(event)
        elif event.call != view.call:
            if event.name == "ended":
                self._tell_end(detail)
        elif event.name in ("ringing", "early", "answered"):
            view.state = event.name
            if event.name == "answered":
                self._note("log_answered")
        elif event.name == "digit":
            view.received = (view.received + str(detail["digit"]))[-30:]
        elif event.name == "ended":
            self._tell_end(detail)
            view.state, view.call, view.figures, view.muted = "idle", "", None, False
            view.sent = view.received = ""

    def _incoming(self, event: engine.Event) -> None:
        if self.view.call:
            self.handset.reject(event.call, 486)
            return
        caller, name = str(event.detail["caller"]), str(event.detail["name"])
        self.view.call, self.view.state, self.view.entry = event.call, "incoming", ""
        self.view.peer = f"{name} ({caller})" if name else caller
        self._note("incoming", peer=self.view.peer)

    def _tell_end(self, detail: dict[str, object]) -> None:
        seconds = detail.get("seconds")
        if isinstance(seconds, float) and seconds > 0:
            self._note("log_talked", why=self._why(detail), duration=words.duration(seconds))
        else:
            self._note("log_ended", why=self._why(detail))

    def _why(self, detail: dict[str, object]) -> str:
        code = detail.get("code")
        return words.why_ended(
            code if isinstance(code, int) else 0,
            str(detail.get("reason", "")),
            str(detail.get("by", "")),
            self.view.language,
        )

    def _note(self, key: str, **values: object) -> None:
        who = f"  {self.view.peer}" if key in ("log_answered", "log_ended", "log_talked") and self.view.peer else ""
        self.view.log.append(f"{self._clock()}{who}  {self.view.word(key, **values)}")

    # what the person does

    async def press(self, key: str) -> None:
        """One key; an expected failure becomes a line of the log."""
        try:
            await self._press(key)
        except CadranError as error:
            self.view.log.append(f"{self._clock()}  {error.message}")

    async def _press(self, key: str) -> None:
        view = self.view
        if key in ("\x03", "\x04"):
            self.leaving.set()
        elif view.state == "entry":
            await self._type(key)
        elif view.state == "idle":
            self._idle(key)
        elif key in HANG_UP:
            self.handset.hang_up(view.call)
        elif view.state == "incoming":
            if key in ("\r", "\n", "a"):
                await self.handset.answer(view.call)
        elif key == "m":
            stream = self.handset.leg(view.call).stream
            stream.muted = view.muted = not stream.muted
        elif key in rtp.DIGITS[:12]:
            self.handset.digits(key, view.call)
            view.sent = (view.sent + key)[-30:]

    def _idle(self, key: str) -> None:
        if key == "q":
            self.leaving.set()
        elif key == "c":
            self.view.state, self.view.entry = "entry", ""
        elif key.isdigit() or key in "+*#":
            self.view.state, self.view.entry = "entry", key

    async def _type(self, key: str) -> None:
        view = self.view
        if key == "\x1b":
            view.state, view.entry = "idle", ""
        elif key in ("\x7f", "\b"):
            view.entry = view.entry[:-1]
        elif key in ("\r", "\n"):
            wanted, view.entry, view.state = view.entry, "", "idle"
            if wanted.strip():
                await self._dial(wanted)
        elif key.isprintable() and len(view.entry) < LONGEST_ENTRY:
            view.entry += key

    async def _dial(self, wanted: str) -> None:
        view = self.view
        uri = self.handset.engine.uri_for(wanted)
        view.peer = message.user_of(uri) if message.host_port(uri) == self.handset.line.server else wanted.strip()
        view.call, view.state = self.handset.engine.new_key(), "calling"
        try:
            await self.handset.dial(wanted, view.call)
        except CadranError:
            view.call, view.state = "", "idle"
            raise

    def refresh(self) -> Panel:
        view = self.view
        if view.call in self.handset.legs:
            view.figures = self.handset.figures(view.call)
            call = self.handset.calls.get(view.call)
            if call and call.answered_at is not None:
                view.seconds = time.monotonic() - call.answered_at
        return panel(view)

    def keys(self, text: str) -> None:
        """Bytes from the terminal; an arrow or function key (an escape and more) is left out."""
        if len(text) > 1 and text.startswith("\x1b"):
            return
        task = asyncio.get_running_loop().create_task(self._press_all(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _press_all(self, text: str) -> None:
        for key in text:
            await self.press(key)


async def serve(
    handset_for: Callable[[Callable[[engine.Event], None]], Handset], *, number: str, language: str | None
) -> None:
    """Draws on this process's terminal until the person leaves. Raises NoTerminal."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise NoTerminal("the phone's screen needs a terminal: use --control from a program")
    chosen = language or words.from_environment(os.environ.get("LC_ALL") or os.environ.get("LANG", ""))
    screen = Screen(handset_for, number=number, language=chosen)
    await screen.handset.open()
    loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, lambda: screen.keys(os.read(keyboard, 256).decode("utf-8", "ignore")))
    try:
        screen.handset.register()
        with Live(screen.refresh(), console=Console(), auto_refresh=False, screen=True) as live:
            while not screen.leaving.is_set():
                live.update(screen.refresh(), refresh=True)
                await asyncio.sleep(REFRESH_S)
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        await screen.handset.close()

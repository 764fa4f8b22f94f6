"""Chromium in a story: pages opened as somebody would, looked at in pictures that stay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadran.commands.demo import teller
from cadran.units import errors

PHONE, WIDE = {"width": 360, "height": 780}, {"width": 1200, "height": 860}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class NoBrowser(errors.CadranError):
    """Chromium or its driver is missing."""

    error_id = "demo-no-browser"


@dataclass(slots=True)
class Browser:
    """Chromium, and where its pictures go. `faults`: errors of the pages' console and requests to other hosts."""

    driver: Any
    pictures: Path
    allowed: tuple[str, ...]
    faults: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def visitor(self, *, phone: bool = False, language: str = "fr", dark: bool = False) -> Any:
        """A page in a browser of its own, without cookies."""
        context = self.driver.new_context(
            viewport=PHONE if phone else WIDE,
            locale="en-GB" if language == "en" else "fr-FR",
            color_scheme="dark" if dark else "light",
            device_scale_factor=2 if phone else 1,
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", lambda line: self._said(line))
        page.on("response", lambda answer: self._answered(answer.status, answer.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self._check(request.url))
        return page

    def _said(self, line: Any) -> None:
        if (
            line.type == "error" and "Failed to load resource" not in line.text
        ):  # the answer itself is told with its address
            self.faults.append(line.text)

    def _answered(self, status: int, url: str) -> None:
        if status >= 400:
            self.faults.append(f"{status} {url}")

    def _check(self, url: str) -> None:
        if not url.startswith((*self.allowed, "data:", "blob:")):
            self.faults.append(f"a request to {url[:80]}")

    def picture(self, page: Any, name: str, *, whole: bool = True) -> None:
        """Keep what the page looks like as NAME.png."""
        path = self.pictures / f"{len(self.taken) + 1:02d}-{name}.png"
        page.screenshot(path=str(path), full_page=whole, animations="disabled")
        self.taken.append(path.name)

    def all_sizes(self, page: Any, name: str) -> None:
        """Pictures wide and as on a phone, and a check that nothing is wider than the screen."""
        for size, viewport in (("phone", PHONE), ("wide", WIDE)):
            page.set_viewport_size(viewport)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wider > 0:
                raise teller.StepFailed(f"{page.url} is {wider} px wider than {viewport['width']} px")
            self.picture(page, f"{name}-{size}")


@contextmanager
def opened(pictures: Path, *, allowed: tuple[str, ...]) -> Iterator[Browser]:
    """Chromium, for the time of a story. Earlier pictures are removed. Raises NoBrowser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise NoBrowser(
            "this story drives a browser: install requirements/dev.txt, as ./run --demo portal does"
        ) from error
    if chromium is None:
        raise NoBrowser("this story drives Chromium: on Debian, apt-get install chromium")
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()
    # The driver runs an event loop in this thread; the story's reads of the databases are its own, one after another.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        driver = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            yield Browser(driver, pictures, allowed)
        finally:
            driver.close()

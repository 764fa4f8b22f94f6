"""Prompts: what callers hear, listened to, replaced and taken back."""

from __future__ import annotations

import base64
from typing import Annotated

from django.http import HttpRequest
from ninja import File, Path
from ninja.files import UploadedFile
from pydantic import StringConstraints

from cadran.party.keys.rules import Scope
from cadran.voice.media import conversion
from cadran.voice.menu import studio
from cadran.web import uploads
from cadran.web.api import problems, shapes
from cadran.web.api import shapes_setup as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

READ, WRITE = Scope.STAFF_READ_PROMPTS, Scope.STAFF_WRITE_PROMPTS
PromptName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_UNKNOWN = ("voice-prompt-unknown",)


@operation(desk.router, "GET", "/staff/prompts", scope=READ, answers_with=seen.Prompts)
def list_prompts(request: HttpRequest) -> seen.Prompts:
    """What callers hear, in each language, and where each recording comes from."""
    return seen.Prompts(prompts=[_shown(one) for one in studio.recordings(desk.caller(request).brand)])


@operation(
    desk.router,
    "GET",
    "/staff/prompts/{language}/{name}",
    scope=READ,
    answers_with=seen.PromptSound,
    may_fail=_UNKNOWN,
)
def read_prompt(request: HttpRequest, language: Path[shapes.Language], name: Path[PromptName]) -> seen.PromptSound:
    """A prompt and its recording, as WAV."""
    brand = desk.caller(request).brand
    found, sound = studio.recording(brand, language, name), studio.sound(brand, language, name)
    return seen.PromptSound(prompt=_shown(found), content=base64.b64encode(sound).decode())


@operation(
    desk.router,
    "POST",
    "/staff/prompts/{language}/{name}",
    scope=WRITE,
    answers_with=seen.Prompt,
    may_fail=(*_UNKNOWN, "voice-recording-refused"),
)
def replace_prompt(
    request: HttpRequest, language: Path[shapes.Language], name: Path[PromptName], file: File[UploadedFile]
) -> seen.Prompt:
    """Put a recording in place of a prompt.

    A WAV of any rate, of 60 seconds and 12 MB at most; it is converted for the telephone, and the next call hears it.
    """
    caller = desk.caller(request)
    found = studio.recording(caller.brand, language, name)
    if isinstance(file, uploads.TooLarge) or (file.size or 0) > uploads.MOST_BYTES:
        raise problems.TooLarge("a recording has 12 MB at most")
    samples = conversion.converted(file.read())
    if caller.test:
        return _shown(found)
    desk.log(request, "prompts", kind="prompt-replace", subject=f"{caller.brand}/{language}/{name}"[:64])
    return _shown(studio.keep(brand=caller.brand, language=language, name=name, samples=samples))


@operation(
    desk.router,
    "DELETE",
    "/staff/prompts/{language}/{name}",
    scope=WRITE,
    answers_with=seen.Prompt,
    may_fail=(*_UNKNOWN, "voice-prompt-not-operators"),
)
def remove_prompt(request: HttpRequest, language: Path[shapes.Language], name: Path[PromptName]) -> seen.Prompt:
    """Take an uploaded recording back: callers hear the one before again."""
    caller = desk.caller(request)
    found = studio.recording(caller.brand, language, name)
    if caller.test:
        return _shown(found)
    if found.origin == studio.OPERATOR:
        desk.log(request, "prompts", kind="prompt-remove", subject=f"{caller.brand}/{language}/{name}"[:64])
    return _shown(studio.remove(brand=caller.brand, language=language, name=name))


def _shown(found: studio.Recording) -> seen.Prompt:
    return shapes.of(seen.Prompt, found, length_ms=round(found.length_s * 1000))

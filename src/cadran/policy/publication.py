"""Publishing a version of some terms on this installation: real files beside the brand's folder, written once and never changed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from django.conf import settings

from cadran.policy import brands, files, queries
from cadran.policy.terms import Terms
from cadran.units.errors import CadranError, InvalidInput


class BadVersion(InvalidInput):
    """A version's name that cannot be a file's, or a language that the brand does not have."""

    error_id = "policy-version-name"


class VersionPublished(CadranError):
    """The version exists already, with other words or values: a published version never changes."""

    error_id = "policy-version-published"


class TooLate(CadranError):
    """Terms take effect in the future: nobody is bound backwards."""

    error_id = "policy-version-too-late"


def check(*, brand: str, version: str, toml: str, texts: Mapping[str, str], today: date) -> Terms:
    """The terms as the loader reads these files beside all others of the brand. Writes nothing that stays.

    today: the civil day of the brand; the version takes effect later. Raises BadVersion, TooLate, UnknownBrand, and PolicyError with
    every error.
    """
    folder = _brand_folder(brand)
    _check_names(brand, version, texts)
    root = Path(settings.PUBLISHED)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=root, prefix=".draft-") as staged:
        for language, text in texts.items():
            (Path(staged) / f"{version}.{language}.md").write_bytes(text.encode())
        (Path(staged) / f"{version}.toml").write_bytes(toml.encode())
        overlays = (root / brand / "terms", Path(staged))
        read = files.load_brand(folder, queries.clauses(), None, overlays)
    terms = read.terms[version]
    if terms.effective_from <= today:
        raise TooLate(f"the terms take effect after today, {today}, not on {terms.effective_from}")
    return terms


def publish(*, brand: str, version: str, toml: str, texts: Mapping[str, str], today: date) -> Terms:
    """Check, then write the texts and last the values: from then on every process reads them. Again with the same content changes
    nothing. Raises as `check`."""
    folder = Path(settings.PUBLISHED) / brand / "terms"
    named = {f"{version}.{language}.md": text.encode() for language, text in texts.items()}
    if _is_there(folder, version, named | {f"{version}.toml": toml.encode()}):
        return queries.terms(f"{brand}/{version}")
    check(brand=brand, version=version, toml=toml, texts=texts, today=today)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in named.items():
        _write(folder / name, content, replace=True)  # without its values a text is not published yet
    try:
        _write(folder / f"{version}.toml", toml.encode(), replace=False)
    except FileExistsError:
        raise VersionPublished(f"{brand} {version} was published a moment ago: choose another version") from None
    return queries.terms(f"{brand}/{version}")


def _is_there(folder: Path, version: str, named: Mapping[str, bytes]) -> bool:
    """Whether exactly that is published already."""
    if not brands.VERSION.fullmatch(version) or not (folder / f"{version}.toml").exists():
        return False
    return all((folder / name).is_file() and (folder / name).read_bytes() == content for name, content in named.items())


def _brand_folder(brand: str) -> Path:
    queries.brand(brand)
    return Path(settings.BRANDS) / brand


def check_version(brand: str, version: str) -> None:
    """A name that a new version can have. Raises BadVersion, VersionPublished, UnknownBrand."""
    if not brands.VERSION.fullmatch(version):
        raise BadVersion("a version is 1 to 30 letters, digits, points and dashes, such as 2027-01")
    if version in queries.brand(brand).versions:
        raise VersionPublished(f"{brand} {version} is published: choose another version")


def _check_names(brand: str, version: str, texts: Mapping[str, str]) -> None:
    check_version(brand, version)
    known = queries.brand(brand).languages
    for language in texts:
        if language not in known:
            raise BadVersion(f"{brand} has texts in {', '.join(known)}, not in {language[:10]!r}")


def _write(path: Path, content: bytes, *, replace: bool) -> None:
    """Whole or not at all, on disk before it has its name."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        if replace:
            os.replace(fresh, path)
        else:
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

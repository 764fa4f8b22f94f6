"""The files of this room, read whole and checked: the register, the law, the brand folders.

Each function reads everything that it is given and raises one PolicyError that lists every error, each with its file and
line. Nothing is cached here: `queries` does that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cadran.policy import brands, law, notices, register, sections, terms_file, values
from cadran.policy.sections import Fault, PolicyError
from cadran.policy.terms import Content, Terms
from cadran.units.errors import InvalidInput

HERE = Path(__file__).resolve().parent
REGISTER = HERE / "register.toml"
LAW = HERE / "law"
MUTATION = "CADRAN_TERMS_MUTATION"
_MUTATION = re.compile(r"([A-Za-z0-9.-]+)/([A-Za-z0-9.-]+):([a-z0-9_.]+)=(.*)", re.DOTALL)


class InvalidMutation(InvalidInput):
    """CADRAN_TERMS_MUTATION that cannot be read, names nothing, or is set in public."""

    error_id = "policy-mutation-invalid"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One value changed at load, for the mutation check alone. scope/version is `ippi/2018-04`, or `law/2014-06-14`."""

    scope: str
    version: str
    name: str
    content: Content


@dataclass(frozen=True, slots=True)
class BrandFiles:
    """A brand, its terms by version (oldest first), their texts by (version, language), and the notices beside them."""

    brand: brands.Brand
    terms: Mapping[str, Terms]
    texts: Mapping[tuple[str, str], str]
    notices: notices.Notices


def read_mutation(text: str, public: bool) -> Mutation | None:
    """The mutation of that environment text; None for an empty one. Raises InvalidMutation."""
    if not text:
        return None
    if public:
        raise InvalidMutation(f"{MUTATION} changes the terms for a test and is refused in public: unset it")
    match = _MUTATION.fullmatch(text)
    try:
        content = values.content(json.loads(match[4])) if match else None
    except (ValueError, RecursionError):
        content = None
    if match is None or content is None:
        raise InvalidMutation(
            f"write {MUTATION} as brand/version:name=JSON value, such as ippi/2018-04:credit.validity_days=181"
        )
    return Mutation(match[1], match[2], match[3], content)


def load_register(path: Path = REGISTER) -> Mapping[str, register.Clause]:
    """Every clause by id. Raises PolicyError."""
    found, faults = sections.read(path, f"policy/{path.name}")
    clauses, more = register.read_register(found)
    _raise(faults + more)
    return clauses


def load_law(
    clauses: Collection[str], folder: Path = LAW, mutation: Mutation | None = None
) -> Mapping[str, tuple[law.LawValue, ...]]:
    """Every value of the law by name, oldest first. Raises PolicyError."""
    found: list[law.LawValue] = []
    faults: list[Fault] = []
    for path in sorted(folder.glob("*.toml")):
        parts, wrong = sections.read(path, f"policy/law/{path.name}")
        entries, more = law.read_law(parts, clauses)
        found += entries
        faults += wrong + more
    grouped, more = law.by_name(found)
    _raise(faults + more)
    if mutation is None or mutation.scope != "law":
        return grouped
    entries_of = grouped.get(mutation.name, ())
    changed = tuple(
        replace(entry, content=mutation.content) if entry.effective_from.isoformat() == mutation.version else entry
        for entry in entries_of
    )
    if changed == entries_of:
        raise InvalidMutation(
            f"{MUTATION} changes nothing: no other {mutation.name} from {mutation.version} in the law files"
        )
    return {**grouped, mutation.name: changed}


def load_brand(
    folder: Path, clauses: Collection[str], mutation: Mutation | None = None, overlays: Sequence[Path] = ()
) -> BrandFiles:
    """A brand folder: brand.toml and each version of its terms; `overlays` are folders of further versions, published on this
    installation. Raises PolicyError with every error of all of them."""
    shown = f"{folder.parent.name}/{folder.name}"
    found, faults = sections.read(folder / "brand.toml", f"{shown}/brand.toml")
    if not faults:
        faults += brands.check_brand(found, f"{shown}/brand.toml", folder.name)
    versions, texts, more = _load_versions(folder / "terms", folder.name, f"{shown}/terms", clauses)
    faults += more
    for overlay in overlays:
        faults += _add_versions(overlay, folder.name, clauses, versions, texts)
    languages: Any = next((part.body.get("languages") for part in found if part.name == "brand"), None) or []
    published, more = notices.load(folder, shown, languages, _read_text)
    faults += more
    if not faults:
        faults += _version_faults(found, versions, texts, f"{shown}/brand.toml")
    _raise(faults)
    if mutation is not None and mutation.scope == folder.name:
        versions = _mutated(versions, mutation)
    ordered = dict(sorted(versions.items(), key=lambda item: item[1].effective_from))
    default = next(part for part in found if part.name == "brand").body["default_terms"]
    switch = ordered[str(default)].values.get("emergency.routed_countries")
    routed = tuple(str(country) for country in switch.content) if switch and isinstance(switch.content, tuple) else ()
    return BrandFiles(brands.read_brand(found, tuple(ordered), routed), ordered, texts, published)


def _add_versions(
    overlay: Path, brand: str, clauses: Collection[str], versions: dict[str, Terms], texts: dict[tuple[str, str], str]
) -> list[Fault]:
    """Add the versions of a folder to those already read, which it cannot replace. A text is written before its values: one
    without them is not published yet."""
    shown = f"published/{brand}/terms"
    found, its_texts, faults = _load_versions(overlay, brand, shown, clauses)
    for version, terms in found.items():
        if version in versions:
            faults.append(Fault(f"{shown}/{version}.toml", 1, "this version exists already: a version never changes"))
        else:
            versions[version] = terms
            texts.update({key: text for key, text in its_texts.items() if key[0] == version})
    return faults


def _load_versions(
    folder: Path, brand: str, shown: str, clauses: Collection[str]
) -> tuple[dict[str, Terms], dict[tuple[str, str], str], list[Fault]]:
    versions: dict[str, Terms] = {}
    texts: dict[tuple[str, str], str] = {}
    faults: list[Fault] = []
    hashes: dict[str, dict[str, str]] = {}
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    for path in paths:
        if match := re.fullmatch(r"(.+)\.([a-z]{2})\.md", path.name):
            text, digest, wrong = _read_text(path, f"{shown}/{path.name}")
            faults += wrong
            texts[match[1], match[2]] = text
            hashes.setdefault(match[1], {})[match[2]] = digest
    for path in paths:
        name = f"{shown}/{path.name}"
        if path.suffix == ".toml" and brands.VERSION.fullmatch(path.stem):
            parts, wrong = sections.read(path, name)
            about = terms_file.Texts({}, hashes.get(path.stem, {}))
            terms, more = terms_file.read_terms(
                parts, folder=brand, version=path.stem, clauses=clauses, texts=about, shown=name
            )
            faults += wrong + more
            if terms is not None:
                versions[path.stem] = terms
        elif path.suffix != ".md" and not path.name.startswith((".", "#")) and not path.name.endswith("~"):
            faults.append(Fault(name, 1, "is no <version>.toml nor <version>.<language>.md: move it elsewhere"))
    return versions, texts, faults


def _read_text(path: Path, shown: str) -> tuple[str, str, list[Fault]]:
    try:
        with path.open("rb") as file:
            raw = file.read(sections.MAX_BYTES + 1)
    except OSError as error:
        return "", "", [Fault(shown, 1, f"cannot be read: {error.strerror or error}")]
    if len(raw) > sections.MAX_BYTES:
        return "", "", [Fault(shown, 1, f"is larger than {sections.MAX_BYTES} bytes")]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return (
            "",
            "",
            [Fault(shown, raw.count(b"\n", 0, error.start) + 1, "is not UTF-8 text: save it with that encoding")],
        )
    if not text.strip():
        return "", "", [Fault(shown, 1, "is empty: customers accept this text")]
    return text, hashlib.sha256(raw).hexdigest(), []


def _version_faults(
    found: list[sections.Section], versions: Mapping[str, Terms], texts: Mapping[tuple[str, str], str], shown: str
) -> list[Fault]:
    head = next(part for part in found if part.name == "brand")
    faults: list[Fault] = []
    if head.body["default_terms"] not in versions:
        faults.append(
            head.fault(f"default_terms names no file of terms/: {head.body['default_terms']}.toml", "default_terms")
        )
    languages: Any = head.body["languages"]
    days: dict[object, str] = {}
    for version, terms in versions.items():
        where = f"{shown.rpartition('/')[0]}/terms/{version}.toml"
        if (version, languages[0]) not in texts:
            faults.append(Fault(where, 1, f"its text in the official language is missing: {version}.{languages[0]}.md"))
        if (other := days.setdefault(terms.effective_from, version)) != version:
            faults.append(
                Fault(where, 1, f"takes effect on {terms.effective_from}, as {other} does: one version at each instant")
            )
    faults += [
        Fault(
            f"{shown.rpartition('/')[0]}/terms/{version}.{language}.md",
            1,
            "is the text of no version or language of the brand",
        )
        for version, language in texts
        if version not in versions or language not in languages
    ]
    return faults


def _mutated(versions: Mapping[str, Terms], mutation: Mutation) -> dict[str, Terms]:
    terms = versions.get(mutation.version)
    if terms is None or mutation.name not in terms.values:
        raise InvalidMutation(
            f"{MUTATION} names nothing: no {mutation.name} in the terms {mutation.scope}/{mutation.version}"
        )
    changed = replace(terms.values[mutation.name], content=mutation.content)
    return {**versions, mutation.version: replace(terms, values={**terms.values, mutation.name: changed})}


def _raise(faults: list[Fault]) -> None:
    if faults:
        raise PolicyError(tuple(faults))

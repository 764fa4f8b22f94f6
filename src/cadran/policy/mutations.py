"""Other contents for a value: what a slip of the author could have written, so that a clause's tests must notice it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cadran.policy.terms import Content, Scalar

# Texts that a value of that unit could plausibly hold instead; others become themselves with a tail.
_OTHERS: dict[str, tuple[str, ...]] = {
    "zone": ("UTC", "Pacific/Auckland"),
    "country": ("FR", "BE"),
    "class": ("unknown", "geographic"),
    "language": ("en", "de"),
    "choice": ("expiry",),
    "prefix": ("99",),
    "codec": ("g729",),
    "clock-time": ("09:00-10:00",),
}


def others(content: Content, unit: str) -> tuple[Content, ...]:
    """Contents that differ from `content`, the most telling first: never empty, without repeats."""
    found: list[Content] = []
    for other in _others(content, unit):
        if other != content and other not in found:
            found.append(other)
    return tuple(found)


def _others(content: Content, unit: str) -> Iterator[Content]:
    if isinstance(content, Mapping):
        for key, item in content.items():
            for other in _scalars(item, unit):
                yield {**content, key: other}
        if content:
            first = next(iter(content))
            yield {key: item for key, item in content.items() if key != first}
    elif isinstance(content, tuple):
        yield from _lists(content, unit)
    else:
        yield from _scalars(content, unit)


def _lists(content: tuple[Scalar, ...], unit: str) -> Iterator[Content]:
    if not content:
        yield from ((other,) for other in _texts("", unit))
        return
    yield content[:-1]
    yield (*content[:-1], next(iter(_scalars(content[-1], unit))))
    for place in range(len(content)):
        yield (*content[:place], *content[place + 1 :])
    yield (*content, next(iter(_scalars(content[-1], unit))))


def _scalars(item: Scalar, unit: str) -> Iterator[Scalar]:
    if isinstance(item, bool):
        yield not item
    elif isinstance(item, int):
        yield item + 1
        yield item - 1 if item else 1_000_000
    else:
        yield from _texts(item, unit)


def _texts(item: str, unit: str) -> Iterator[str]:
    yield from (other for other in _OTHERS.get(unit, ()) if other != item)
    yield f"{item}-other" if item else "other"

"""What an update changed, attribute by attribute down to the last one, to be read as before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from billwright.ui import formatting

_NAMES = ("code", "key", "tax_code", "name", "lago_id", "id")
"""What an element of a list is known by, before and after."""
MOST_LINES = 200


def change_lines(changes: Mapping[str, Sequence[Any]]) -> list[dict[str, str | None]]:
    """``[{path, old, new}]`` in the object's order; null is ``None``. Elements of lists are compared with those of the
    same code, key or id, whatever their place."""
    lines: list[dict[str, str | None]] = []
    for name, (old, new) in changes.items():
        for path, before, after in _lines([name], old, new):
            lines.append({"path": " › ".join(path), "old": _text(before), "new": _text(after)})
            if len(lines) == MOST_LINES:
                return lines
    return lines


def _lines(path: list[str], old: Any, new: Any) -> Iterator[tuple[list[str], Any, Any]]:
    if old == new:
        return
    before, after = _parts(old), _parts(new)
    if before is None or after is None or not (before and after):
        yield path, old, new
        return
    for name in dict.fromkeys([*before, *after]):
        if name != "updated_at":
            yield from _lines([*path, name], before.get(name), after.get(name))


def _parts(value: Any) -> dict[str, Any] | None:
    """The parts of an object by attribute, of a list by what its elements are known by."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    if isinstance(value, list):
        items = cast("list[Any]", value)
        named = {_name(item): item for item in items}
        return None if None in named or len(named) != len(items) else {str(name): item for name, item in named.items()}
    return None


def _name(item: Any) -> str | None:
    if not isinstance(item, dict):
        return None
    known = cast("dict[str, Any]", item)
    return next((str(known[name]) for name in _NAMES if known.get(name)), None)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return formatting.json_text(value)

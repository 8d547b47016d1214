"""Routes on the raw path, so that codes and external ids may hold any character (spec 07 §1.1).

A template is ``/plans/{code}/charges/{charge_code}``; its last segment may be a catch-all: ``/taxes/{code:path}`` takes
the rest of the path with its slashes. Literals win over parameters, parameters over catch-alls, and a branch that knows
no operation for the verb is left again: ``POST /events/batch`` and ``GET /events/{transaction_id}`` live together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed path template: its segments, which of them are parameters, and whether the last takes the rest."""

    segments: tuple[tuple[str, bool], ...]
    catch_all: bool

    @classmethod
    def parse(cls, path: str) -> Template:
        """From ``/taxes/{code}`` or ``/billable_metrics/{code:path}``."""
        segments: list[tuple[str, bool]] = []
        catch_all = False
        for part in path.strip("/").split("/"):
            if catch_all:
                raise ValueError(f"{path}: a catch-all must be the last segment")
            if part.startswith("{") and part.endswith("}"):
                name, _, kind = part[1:-1].partition(":")
                if kind not in ("", "path") or not name.isidentifier():
                    raise ValueError(f"{path}: {part} is not a parameter")
                catch_all = kind == "path"
                segments.append((name, True))
            else:
                segments.append((part, False))
        return cls(tuple(segments), catch_all)

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(name for name, is_parameter in self.segments if is_parameter)

    @property
    def openapi_path(self) -> str:
        return "/" + "/".join("{" + name + "}" if is_parameter else name for name, is_parameter in self.segments)


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: dict[str, _Node[T]] = field(default_factory=dict)
    parameter: _Node[T] | None = None
    targets: dict[str, tuple[tuple[str, ...], T]] = field(default_factory=dict)
    rests: dict[str, tuple[tuple[str, ...], T]] = field(default_factory=dict)


class Router(Generic[T]):
    """Finds the target of a verb and raw path."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, template: Template, target: T) -> None:
        """Register; raises ``ValueError`` when the place is taken."""
        node = self._root
        for position, (name, is_parameter) in enumerate(template.segments):
            if is_parameter and template.catch_all and position == len(template.segments) - 1:
                break
            if is_parameter:
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(name, _Node())
        table = node.rests if template.catch_all else node.targets
        if method in table:
            raise ValueError(f"{method} {template.openapi_path} is registered twice")
        table[method] = (template.parameters, target)

    def find(self, method: str, raw_path: str) -> tuple[T, dict[str, str] | None] | None:
        """Target and decoded parameters, or ``None``. A trailing slash is no segment.

        The parameters are ``None`` when one is no text that a row can hold: invalid UTF-8 or NUL.
        """
        segments = raw_path.strip("/").split("/")
        found = self._match(self._root, segments, 0, method, [])
        if found is None:
            return None
        (names, target), values = found
        parameters: dict[str, str] = {}
        for name, raw in zip(names, values, strict=True):
            try:
                value = unquote_to_bytes(raw).decode("utf-8")
            except UnicodeDecodeError:
                return target, None
            if "\x00" in value:
                return target, None
            parameters[name] = value
        return target, parameters

    def _match(
        self, node: _Node[T], segments: list[str], position: int, method: str, values: list[str]
    ) -> tuple[tuple[tuple[str, ...], T], list[str]] | None:
        if position == len(segments):
            return (node.targets[method], values) if method in node.targets else None
        segment = segments[position]
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._match(literal, segments, position + 1, method, values)
            if found is not None:
                return found
        if node.parameter is not None and segment:
            found = self._match(node.parameter, segments, position + 1, method, [*values, segment])
            if found is not None:
                return found
        if method in node.rests:
            return node.rests[method], [*values, "/".join(segments[position:])]
        return None

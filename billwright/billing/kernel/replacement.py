"""Replacing a set of keyed entries by the list that was sent (metadata of customers and invoices).

Entries with a known id are updated, entries without one created, entries not sent deleted. Creations and updates come
before deletions: a key that is taken when its entry's turn comes is refused (spec 03 §1.3, 04 §12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import parse_id

MAX_ENTRIES = 5
MAX_KEY = 20


class Stored(Protocol):
    """An entry as it is now."""

    id: UUID
    key: str
    value: str


class Sent(Protocol):
    """An entry of the request; what is ``None`` stays as it is."""

    @property
    def id(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...
    @property
    def value(self) -> str | None: ...


S = TypeVar("S", bound=Stored)
R = TypeVar("R", bound=Sent)


@dataclass(frozen=True, slots=True)
class Replacement(Generic[S, R]):
    """What to do, in this order; keys and values are checked."""

    updated: list[tuple[S, str, str, R]] = field(default_factory=list[tuple[S, str, str, R]])
    created: list[tuple[str, str, R]] = field(default_factory=list[tuple[str, str, R]])
    dropped: list[S] = field(default_factory=list[S])


def replacement(stored: Sequence[S], sent: Sequence[R], *, max_value: int) -> Replacement[S, R]:
    """How ``stored`` becomes ``sent``.

    Raises ``ValidationFailed``: ``metadata: invalid_count`` (more than 5); ``key`` and ``value``:
    ``value_is_mandatory``, ``value_is_too_long``; ``key: value_already_exist``.
    """
    if len(sent) > MAX_ENTRIES:
        raise ValidationFailed(metadata="invalid_count")
    by_id = {entry.id: entry for entry in stored}
    holders: dict[str, UUID | None] = {entry.key: entry.id for entry in stored}
    problems = Problems()
    found: Replacement[S, R] = Replacement()
    kept: set[UUID] = set()
    for entry in sent:
        identifier = parse_id(entry.id) if entry.id else None
        known = by_id.get(identifier) if identifier is not None else None
        key = known.key if known is not None and entry.key is None else entry.key
        value = known.value if known is not None and entry.value is None else entry.value
        _check("key", key, MAX_KEY, problems)
        _check("value", value, max_value, problems)
        if key is None or value is None or problems:
            continue
        own = known.id if known is not None else None
        if key in holders and (own is None or holders[key] != own):
            problems.add("key", "value_already_exist")
            continue
        if known is None:
            holders[key] = None
            found.created.append((key, value, entry))
            continue
        holders = {name: holder for name, holder in holders.items() if holder != own}
        holders[key] = own
        kept.add(known.id)
        found.updated.append((known, key, value, entry))
    problems.raise_if_any()
    found.dropped.extend(entry for entry in stored if entry.id not in kept)
    return found


def _check(field_name: str, text: str | None, limit: int, problems: Problems) -> None:
    if text is None or not text.strip():
        problems.add(field_name, "value_is_mandatory")
    elif len(text) > limit:
        problems.add(field_name, "value_is_too_long")

"""The laid-out document: a list of blocks whose texts are final. The Typst template only sets them in type.

Every text is plain text, never markup.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyBlock:
    """``name`` stands out; ``lines`` follow."""

    label: str
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Facts are (label, value) pairs."""

    kind: Literal["header"] = "header"
    title: str
    facts: tuple[tuple[str, str], ...]
    metadata: tuple[tuple[str, str], ...]
    seller: PartyBlock
    customer: PartyBlock
    amount: str
    amount_notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    kind: Literal["heading"] = "heading"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``cells`` are the columns after the first; each holds lines. ``item``: full row; ``group``: the name above
    its ``detail`` rows; ``subtotal`` closes them. Rows from a ``group`` to its ``subtotal`` belong together."""

    style: Literal["item", "group", "detail", "subtotal"] = "item"
    label: str
    notes: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``columns``: heads, the first for the label. ``caption``: above the heads, e.g. the period of the fees."""

    kind: Literal["table"] = "table"
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    caption: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalRow:
    """``amount`` is ``None`` for rows that only explain."""

    label: str
    amount: str | None
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    kind: Literal["totals"] = "totals"
    rows: tuple[TotalRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A paragraph below the figures, with an optional title. ``text`` may hold line breaks."""

    kind: Literal["note"] = "note"
    text: str
    title: str | None = None
    footer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBreak:
    kind: Literal["page_break"] = "page_break"


Block = Header | Heading | Table | Totals | Note | PageBreak


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """``running_head``: left and right text on top of every page but the first. ``page_text``: wording with
    ``{page}`` and ``{pages}``. ``language``: BCP 47 code for hyphenation and accessibility. ``paper``: a Typst name."""

    title: str
    author: str
    language: str
    paper: str
    running_head: tuple[str, str]
    page_text: str
    blocks: tuple[Block, ...]
    logo: bytes | None = field(default=None, repr=False)

    def of_kind(self, kind: type[Block]) -> list[Block]:
        """The blocks of one kind, in order."""
        return [block for block in self.blocks if isinstance(block, kind)]

"""Documents to PDF: the layout goes to one Typst template as JSON data and is compiled in process (design §4).

A compiler per thread is kept warm; fonts are read once per process. User texts are data of the template, never part of
its source.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import unicodedata
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import typst

from billwright.billing.documents.blocks import Block, Layout, Table
from billwright.billing.documents.credit_note_document import CreditNoteDocument
from billwright.billing.documents.credit_note_layout import lay_out_credit_note
from billwright.billing.documents.invoice_document import InvoiceDocument
from billwright.billing.documents.layout import lay_out_invoice
from billwright.billing.documents.locales import DEFAULT_LOCALE, load_locale
from billwright.billing.documents.logo import logo_svg

_FOLDER = Path(str(resources.files("billwright.billing.documents") / "typst"))
_log = logging.getLogger(__name__)
_local = threading.local()

_CHARACTER_WIDTH = 0.515
"""Width of a digit in em with some air; measured columns never wrap an amount."""
_OVERRIDES = "\u202d\u202e"
_MIN_WIDTH, _MAX_WIDTH = 4.2, 15.0


def render_invoice(document: InvoiceDocument) -> bytes:
    """The PDF of an invoice. The same document gives the same bytes. Raises ``ValueError`` as ``lay_out_invoice``."""
    document = dataclasses.replace(document, locale=printable_locale(document.locale))
    return render_layout(lay_out_invoice(document), document.issuing_date)


def render_credit_note(document: CreditNoteDocument) -> bytes:
    """The PDF of a credit note. The same document gives the same bytes."""
    document = dataclasses.replace(document, locale=printable_locale(document.locale))
    return render_layout(lay_out_credit_note(document), document.issuing_date)


def printable_locale(code: str) -> str:
    """``code``, or English where the language needs a font (``fonts`` of its file) and the machine has none of them:
    an English document can be read, one of empty boxes cannot."""
    needed = load_locale(code).fonts
    if not needed or not _families().isdisjoint(needed):
        return code
    _log.warning("document_fonts_missing", extra={"locale": code, "any_of": needed})
    return DEFAULT_LOCALE


def render_layout(layout: Layout, issuing_date: date) -> bytes:
    """Sets a layout in type; the PDF's creation date is the issuing date. A logo that cannot be decoded is left out:
    a broken picture must not hold up an invoice."""
    widths = _column_widths(layout)
    data = {
        "title": layout.title,
        "author": layout.author,
        "language": layout.language,
        "fonts": load_locale(layout.language).fonts,
        "paper": layout.paper,
        "running_head": layout.running_head,
        "page_text": layout.page_text,
        "blocks": [_block(block, widths) for block in layout.blocks],
    }
    inputs = {"document": json.dumps(_printable(data), ensure_ascii=False)}
    created = datetime(issuing_date.year, issuing_date.month, issuing_date.day, tzinfo=UTC)
    wrapped = logo_svg(layout.logo) if layout.logo else None
    if wrapped:
        svg, size = wrapped
        try:
            return _compile({**inputs, "logo": svg, "logo_size": json.dumps(size)}, created)
        except typst.TypstError:
            return _compile(inputs, created)
    return _compile(inputs, created)


def _compile(inputs: dict[str, str], created: datetime) -> bytes:
    result = _compiler().compile(format="pdf", sys_inputs=inputs, timestamp=created)
    if not isinstance(result, bytes):
        raise TypeError("the compiler returned no PDF")
    return result


def _compiler() -> typst.Compiler:
    compiler: typst.Compiler | None = getattr(_local, "compiler", None)
    if compiler is None:
        compiler = typst.Compiler(_FOLDER / "document.typ", root=_FOLDER, font_paths=_fonts())
        _local.compiler = compiler
    return compiler


@cache
def _fonts() -> typst.Fonts:
    """Shipped fonts first; those of the system and of Typst serve scripts that ours lacks (e.g. Chinese)."""
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True, font_paths=[_FOLDER / "fonts"])


@cache
def _families() -> frozenset[str]:
    return frozenset(_fonts().families())


def _block(block: Block, widths: dict[tuple[str, ...], list[float]]) -> dict[str, Any]:
    data = dataclasses.asdict(block)
    if isinstance(block, Table):
        data["widths"] = widths[block.columns]
    return data


def _column_widths(layout: Layout) -> dict[tuple[str, ...], list[float]]:
    """Widths in em of the columns after the first: tables with the same heads share them, so figures line up through
    the whole document."""
    widths: dict[tuple[str, ...], list[float]] = {}
    for table in (block for block in layout.blocks if isinstance(block, Table)):
        known = widths.setdefault(table.columns, [_head_width(head) for head in table.columns[1:]])
        for row in table.rows:
            for index, cell in enumerate(row.cells):
                known[index] = max(known[index], *(_text_width(line) for line in cell), 0.0)
    return {heads: [min(max(width, _MIN_WIDTH), _MAX_WIDTH) for width in known] for heads, known in widths.items()}


def _head_width(head: str) -> float:
    """Heads are smaller and may take two lines."""
    return max((_text_width(word) for word in head.split()), default=0.0)


def _text_width(text: str) -> float:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return _CHARACTER_WIDTH * (len(text) + 0.9 * wide)


def _printable(value: Any) -> Any:
    """Drops control characters, lone surrogates (which the compiler refuses) and direction overrides (which can make a
    figure read backwards)."""
    match value:
        case str():
            return "".join(
                c for c in value if c == "\n" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _OVERRIDES)
            )
        case dict():
            return {key: _printable(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list() | tuple():
            return [_printable(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value

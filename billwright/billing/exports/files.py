"""What a file of an export is made of: its columns, and the statement whose rows fill them (spec 04 §23)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func
from sqlalchemy.orm import aliased
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.exports.cells import Cell
from billwright.billing.kernel.files import file_url
from billwright.billing.kernel.models import StoredFile

_BUYER = aliased(Customer)
"""The customer as part of a row; a list that searches joins customers under their own name."""
_PERSON = func.nullif(func.concat_ws(" ", col(_BUYER.firstname), col(_BUYER.lastname)), "")
_BUYER_COLUMNS: tuple[Any, ...] = (
    col(_BUYER.id),
    col(_BUYER.external_id),
    func.coalesce(col(_BUYER.name), _PERSON, col(_BUYER.legal_name)),
    col(_BUYER.email),
    col(_BUYER.country),
    col(_BUYER.tax_identification_number),
)
BUYER_HEADS = tuple(
    f"customer_{name}" for name in ("lago_id", "external_id", "name", "email", "country", "tax_identification_number")
)


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One kind of file.

    ``statement``: its rows in the order of the list, for a cursor. ``cells``: a row of it as the cells of ``columns``.
    """

    columns: Sequence[str]
    statement: Select[Any]
    cells: Callable[[Any], Sequence[Cell]]


def rows_of(statement: Any, *columns: Any) -> Any:
    """A list's statement with other columns, its conditions and its order."""
    return statement.with_only_columns(*columns, maintain_column_froms=True)


def with_buyer_and_file(statement: Any, customer_id: Any, file_id: Any, *columns: Any) -> Any:
    """A list's statement as rows of ``columns``, the cells under ``BUYER_HEADS``, and token and name of the PDF."""
    return (
        rows_of(statement, *columns, *_BUYER_COLUMNS, col(StoredFile.token), col(StoredFile.filename))
        .join(_BUYER, col(_BUYER.id) == customer_id)
        .outerjoin(StoredFile, col(StoredFile.id) == file_id)
    )


def buyer_and_url(ctx: Context, row: Any) -> tuple[Sequence[Cell], str | None]:
    """The last cells of such a row: the customer's, and the signed address of the PDF if there is one."""
    *_, token, filename = row
    return row[-2 - len(BUYER_HEADS) : -2], file_url(ctx.api_url, token, filename) if token else None

"""Building blocks of SQLModel tables: the common base and typed column helpers."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, MetaData, Numeric
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """Base of every table; owns the metadata that migrations compare against."""

    metadata = MetaData(naming_convention=NAMING)

    if TYPE_CHECKING:
        __tablename__: ClassVar[Any]


def key(foreign: str | None = None, *, primary: bool = False, nullable: bool = False, index: bool = False) -> Any:
    """A UUID column; ``foreign`` is ``table.column``."""
    arguments: dict[str, Any] = {"sa_type": PG_UUID(as_uuid=True), "index": index}
    if foreign:
        arguments["foreign_key"] = foreign
    if primary:
        return Field(primary_key=True, **arguments)
    if nullable:
        return Field(default=None, nullable=True, **arguments)
    return Field(nullable=False, **arguments)


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    """A ``timestamptz`` column, UTC, microseconds."""
    if nullable:
        return Field(default=None, nullable=True, sa_type=DateTime(timezone=True), index=index)  # pyright: ignore
    return Field(nullable=False, sa_type=DateTime(timezone=True), index=index)  # pyright: ignore


def cents(default: int | None = 0, *, nullable: bool = False) -> Any:
    """Integer minor units (``bigint``)."""
    return Field(default=None if nullable else default, nullable=nullable, sa_type=BigInteger)


def numeric(
    precision: int | None = None, scale: int | None = None, *, nullable: bool = False, default: Decimal | None = None
) -> Any:
    """An exact decimal column; unbounded without arguments."""
    column_type = Numeric(precision, scale, asdecimal=True)
    if nullable:
        return Field(default=None, nullable=True, sa_type=column_type)  # pyright: ignore
    return Field(default=Decimal(0) if default is None else default, nullable=False, sa_type=column_type)  # pyright: ignore


def jsonb(factory: Any = dict, *, nullable: bool = False) -> Any:
    """A ``jsonb`` column (key order is not kept)."""
    if nullable:
        return Field(default=None, nullable=True, sa_type=JSONB(none_as_null=True))  # pyright: ignore
    return Field(default_factory=factory, nullable=False, sa_type=JSONB)


def contains_index(name: str, *columns: str) -> Index:
    """An index for ``ilike '%...%'`` on any of ``columns`` (extension ``pg_trgm``; spec 07 §10, trap 28)."""
    operators = dict.fromkeys(columns, "gin_trgm_ops")
    return Index(name, *columns, postgresql_using="gin", postgresql_ops=operators)


def ordered_json(factory: Any = dict) -> Any:
    """A ``json`` column: keeps the order of keys as they were sent."""
    return Field(default_factory=factory, nullable=False, sa_type=JSON)


def blob(*, nullable: bool = False) -> Any:
    """Bytes."""
    if nullable:
        return Field(default=None, nullable=True, sa_type=LargeBinary)
    return Field(nullable=False, sa_type=LargeBinary)


class Record(Table):
    """A row with a time-ordered id and creation and update instants on the organization's clock."""

    id: uuid.UUID = key(primary=True)
    created_at: datetime = instant()
    updated_at: datetime = instant()

"""Plain statements and bulk inserts share the session's transaction (kernel/statements.py)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billwright.billing.access.models import Organization
from billwright.billing.access.service import create_organization
from billwright.billing.customers.models import Customer, CustomerTax
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import Job
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.kernel.statements import FlushedInside, fetch, insert_all, insert_many, savepoint
from billwright.billing.taxes.models import Tax

NOW = datetime(2025, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def organization(database: Database) -> Organization:
    async with database.transaction() as session:
        return (await create_organization(session, "Acme")).organization


def tax(organization_id: UUID, code: str, rate: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organization_id": organization_id,
        "code": code,
        "name": code.upper(),
        "description": None if code == "a" else 'words, "quotes" and \\ {braces}',
        "rate": Decimal(rate),
        "applied_to_organization": code == "a",
        "auto_generated": False,
        "created_at": NOW,
        "updated_at": NOW,
    }


def job(arguments: Any, key: str | None = None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "name": "test.nothing",
        "arguments": arguments,
        "unique_key": key,
        "status": "queued",
        "attempts": 0,
        "max_attempts": 1,
        "run_at": NOW,
        "created_at": NOW,
    }


async def test_rows_are_read_back_as_they_were_written(database: Database, organization: Organization) -> None:
    rows = [tax(organization.id, "a", "19.000000000000000000001"), tax(organization.id, "b", "0")]
    async with database.transaction() as session:
        await insert_many(session, Tax, rows)
        await insert_many(session, Tax, [])
    async with database.reading() as session:
        stored = (await session.scalars(select(Tax).order_by(col(Tax.code)))).all()
    assert [{name: getattr(item, name) for name in rows[0]} for item in stored] == rows


async def test_json_keeps_every_digit(database: Database) -> None:
    values = [{"n": Decimal("0.10000000000000000000000001"), "text": 'ü"\\', "none": None}, [1, "{}"], {}]
    async with database.transaction() as session:
        await insert_many(session, Job, [job(value) for value in values])
    async with database.reading() as session:
        stored = (await session.scalars(select(Job).order_by(col(Job.id)))).all()
    assert [item.arguments for item in stored] == values


async def test_pending_parents_are_flushed_first(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        now = {"created_at": NOW, "updated_at": NOW}
        customer = Customer(
            id=new_id(), organization_id=organization.id, external_id="c", slug="c", sequential_id=1, **now
        )
        session.add(customer)
        await insert_many(session, Tax, [tax(organization.id, "a", "1")])
        [row] = await fetch(session, "select external_id from customers where id = $1", customer.id)
        assert row["external_id"] == "c"


async def test_several_tables_in_one_statement(database: Database, organization: Organization) -> None:
    """The child comes first, its parents with it."""
    names = {"organization_id": organization.id, "external_id": "c", "slug": "c", "sequential_id": 1}
    customer = Customer(id=new_id(), created_at=NOW, updated_at=NOW, **names).model_dump()
    row = tax(organization.id, "a", "1")
    link = {"customer_id": customer["id"], "tax_id": row["id"]}
    async with database.transaction() as session:
        await insert_all(session, (CustomerTax, [link]), (Tax, [row]), (Customer, [customer]), (Job, []))
        await insert_all(session, (Job, []))
    async with database.reading() as session:
        [stored] = (await session.scalars(select(CustomerTax))).all()
    assert (stored.customer_id, stored.tax_id) == (customer["id"], row["id"])


async def test_everything_is_rolled_back_together(database: Database, organization: Organization) -> None:
    with pytest.raises(IntegrityError):  # noqa: PT012 - the block is the transaction
        async with database.transaction() as session:
            await fetch(session, "update organizations set name = 'Other' where id = $1", organization.id)
            await insert_many(session, Tax, [tax(organization.id, "a", "1"), tax(organization.id, "a", "2")])
    async with database.reading() as session:
        assert (await session.get_one(Organization, organization.id)).name == "Acme"
        assert (await session.scalars(select(Tax))).all() == []


async def test_the_first_statement_of_a_session_begins_its_transaction(
    database: Database, organization: Organization
) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is the transaction
        async with database.transaction() as session:
            await fetch(session, "update organizations set name = 'Other' where id = $1", organization.id)
            raise ZeroDivisionError
    async with database.reading() as session:
        [row] = await fetch(session, "select name from organizations where id = $1", organization.id)
        assert row["name"] == "Acme"
        await session.rollback()
        assert await fetch(session, "select 1") != []


async def test_a_savepoint_covers_plain_statements(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is the transaction
            async with session.begin_nested():
                await insert_many(session, Tax, [tax(organization.id, "a", "1")])
                raise ZeroDivisionError
        await insert_many(session, Tax, [tax(organization.id, "b", "1")])
    async with database.reading() as session:
        assert (await session.scalars(select(col(Tax.code)))).all() == ["b"]


async def test_a_plain_savepoint_undoes_its_block_alone(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        stored = await session.get_one(Organization, organization.id)
        stored.name = "Other"
        for code, fails in (("a", True), ("b", False), ("a", True)):
            with suppress(ZeroDivisionError):
                async with savepoint(session):
                    await insert_many(session, Tax, [tax(organization.id, code, "1")])
                    if fails:
                        raise ZeroDivisionError
    async with database.reading() as session:
        assert (await session.get_one(Organization, organization.id)).name == "Other"
        assert (await session.scalars(select(col(Tax.code)))).all() == ["b"]


async def test_a_plain_savepoint_survives_a_refused_statement(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        with pytest.raises(IntegrityError):
            async with savepoint(session):
                await insert_many(session, Tax, [tax(organization.id, "a", "1"), tax(organization.id, "a", "1")])
        await insert_many(session, Tax, [tax(organization.id, "b", "1")])
    async with database.reading() as session:
        assert (await session.scalars(select(col(Tax.code)))).all() == ["b"]


async def test_objects_written_in_a_failed_block_end_the_transaction(
    database: Database, organization: Organization
) -> None:
    with pytest.raises(FlushedInside):  # noqa: PT012 - the block is the transaction
        async with database.transaction() as session:
            stored = await session.get_one(Organization, organization.id)
            async with savepoint(session):
                stored.name = "Other"
                await session.flush()
                raise ZeroDivisionError
    async with database.reading() as session:
        assert (await session.get_one(Organization, organization.id)).name == "Acme"


async def test_equal_unique_keys_collapse_while_one_is_unfinished(database: Database) -> None:
    async with database.transaction() as session:
        await enqueue(session, None, "test.nothing", {"n": 1}, unique_key="k")
        await enqueue(session, None, "test.nothing", {"n": 2}, unique_key="k")
        await enqueue(session, None, "test.nothing")
    async with database.transaction() as session:
        await fetch(session, "update jobs set status = 'succeeded' where unique_key = 'k'")
        await enqueue(session, None, "test.nothing", {"n": 3}, unique_key="k")
    async with database.reading() as session:
        stored = (await session.scalars(select(Job).order_by(col(Job.id)))).all()
    assert [item.arguments for item in stored] == [{"n": 1}, {}, {"n": 3}]

"""One statement writes what a session's flush would write (kernel/writing.py)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import col

from billwright.billing.access.models import Organization
from billwright.billing.access.service import create_organization
from billwright.billing.customers.models import Customer, CustomerTax
from billwright.billing.kernel.db import Database, Session
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import Job
from billwright.billing.kernel.outbox import enqueue, gathering, jobs_of
from billwright.billing.kernel.statements import FlushedInside, savepoint
from billwright.billing.kernel.writing import insert_of, write_all
from billwright.billing.taxes.models import Tax

NOW = datetime(2025, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def organization(database: Database) -> Organization:
    async with database.transaction() as session:
        return (await create_organization(session, "Acme")).organization


@pytest.fixture
def flushes(database: Database) -> list[str]:
    """The statements that go through SQLAlchemy: what ``write_all`` writes itself is not among them."""
    seen: list[str] = []
    event.listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda *heard: seen.append(heard[2]) if heard[2].startswith(("INSERT", "UPDATE", "DELETE")) else None,
    )
    return seen


def customer(organization: Organization, name: str, number: int) -> Customer:
    return Customer(
        id=new_id(), created_at=NOW, updated_at=NOW, organization_id=organization.id, external_id=name, name=name,
        slug=name, sequential_id=number, net_payment_term=7,
    )  # fmt: skip


def tax(organization: Organization, code: str) -> Tax:
    return Tax(
        id=new_id(), created_at=NOW, updated_at=NOW, organization_id=organization.id, code=code, name=code.upper(),
        rate=Decimal("19.000000000000000000001"),
    )  # fmt: skip


def link(customer_id: UUID, tax_id: UUID) -> dict[str, Any]:
    return {"customer_id": customer_id, "tax_id": tax_id}


async def test_new_objects_changes_and_rows_are_one_statement(
    database: Database, organization: Organization, flushes: list[str]
) -> None:
    first, second, third = (customer(organization, name, place) for place, name in enumerate("abc", 1))
    vat = tax(organization, "vat")
    async with database.transaction() as session:
        session.add_all([first, second])
        await session.flush()
        flushes.clear()
        first.name, first.invoice_sequence = "A & Co", 3
        second.name, second.invoice_sequence = None, 4
        second.city = "Ülm"
        session.add_all([third, vat])
        await write_all(session, insert_of(CustomerTax, [link(third.id, vat.id)]))
        assert not session.new
        assert not session.dirty
        assert await session.get(Customer, third.id) is third
        third.city = "Bonn"
        await write_all(session)
    assert flushes == []
    async with database.reading() as session:
        rows = (await session.scalars(select(Customer).order_by(col(Customer.sequential_id)))).all()
        taxes = (await session.scalars(select(Tax))).all()
        links = (await session.scalars(select(CustomerTax))).all()
    assert [(item.name, item.invoice_sequence, item.city) for item in rows] == [
        ("A & Co", 3, None),
        (None, 4, "Ülm"),
        ("c", 0, "Bonn"),
    ]
    assert [item.model_dump() for item in taxes] == [vat.model_dump()]
    assert [item.model_dump() for item in rows] == [item.model_dump() for item in (first, second, third)]
    assert [(item.customer_id, item.tax_id) for item in links] == [(third.id, vat.id)]


async def test_values_set_to_what_they_were_are_not_written(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        made = customer(organization, "a", 1)
        session.add(made)
        await write_all(session)
        stamp = (await session.execute(text("select ctid::text from customers"))).scalar_one()
        made.name = "a"
        await write_all(session)
        assert (await session.execute(text("select ctid::text from customers"))).scalar_one() == stamp


async def test_a_changed_row_that_is_gone_is_an_error(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        session.add(customer(organization, "a", 1))
    async with database.transaction() as session:
        made = (await session.scalars(select(Customer))).one()
        await session.execute(text("delete from customers"))
        made.name = "gone"
        with pytest.raises(StaleDataError):
            await write_all(session)
        await session.rollback()


async def test_room_under_a_unique_index_is_made_first(
    database: Database, organization: Organization, flushes: list[str]
) -> None:
    """The external id of a deleted customer is free: its change and the new row are in an order."""
    async with database.transaction() as session:
        old = customer(organization, "a", 1)
        session.add(old)
        await session.flush()
        flushes.clear()
        old.deleted_at = NOW
        await write_all(session, insert_of(Customer, [customer(organization, "a", 2).model_dump()]))
    assert len(flushes) == 1
    async with database.reading() as session:
        rows = (await session.scalars(select(Customer).order_by(col(Customer.sequential_id)))).all()
    assert [item.deleted_at for item in rows] == [NOW, None]


async def test_inside_a_nested_transaction_objects_are_put_back(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        kept = customer(organization, "a", 1)
        session.add(kept)
        await session.flush()
        nested = await session.begin_nested()
        kept.name = "changed"
        vat = tax(organization, "vat")
        other = customer(organization, "b", 2)
        session.add_all([vat, other])
        await write_all(session, insert_of(CustomerTax, [link(other.id, vat.id)]))
        await nested.rollback()
        await session.refresh(kept)
        assert kept.name == "a"
        assert vat not in session
        assert (await session.scalars(select(Tax))).all() == []


async def test_a_violated_constraint_is_an_integrity_error(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        session.add_all([customer(organization, "a", 1), customer(organization, "a", 2)])
        with pytest.raises(IntegrityError):
            await write_all(session)
        await session.rollback()


async def test_what_is_written_inside_a_savepoint_ends_the_transaction(
    database: Database, organization: Organization
) -> None:
    async def fail(session: Session) -> None:
        async with savepoint(session):
            session.add(customer(organization, "a", 1))
            await write_all(session)
            raise ValueError

    async with database.transaction() as session:
        with pytest.raises(FlushedInside):
            await fail(session)
        await session.rollback()


async def test_gathered_jobs_are_queued_once_and_dispatched(database: Database, organization: Organization) -> None:
    dispatched: list[UUID] = []

    async def dispatch(ids: list[UUID]) -> None:
        dispatched.extend(ids)

    database.dispatch = dispatch
    async with database.transaction() as session:
        await enqueue(session, organization.id, "one", {"n": 1}, unique_key="one")
        with gathering(session) as jobs:
            await enqueue(session, organization.id, "one", {"n": 2}, unique_key="one")
            await enqueue(session, organization.id, "two", {"n": Decimal("1.50")}, max_attempts=6)
        assert [job["name"] for job in jobs] == ["one", "two"]
        await write_all(session, jobs_of(jobs))
        await enqueue(session, organization.id, "three")
    async with database.reading() as session:
        stored = (await session.scalars(select(Job).where(col(Job.organization_id) == organization.id))).all()
    assert sorted((item.name, item.arguments, item.max_attempts, item.attempts) for item in stored) == [
        ("one", {"n": 1}, 5, 0),
        ("three", {}, 5, 0),
        ("two", {"n": Decimal("1.50")}, 6, 0),
    ]
    assert {item.id for item in stored} <= set(dispatched)


async def test_a_failure_gives_jobs_back_to_the_queue(database: Database, organization: Organization) -> None:
    async with database.transaction() as session:
        with suppress(ValueError), gathering(session):
            raise ValueError
        await enqueue(session, organization.id, "one")
        names = (await session.execute(text("select name from jobs"))).scalars().all()
    assert names == ["one"]

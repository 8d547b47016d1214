"""Objects from rows of plain statements are the session's own (kernel/loading.py)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.access.models import Organization
from billwright.billing.access.service import create_organization
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.loading import column_count, columns_of, objects_of
from billwright.billing.kernel.statements import fetch

NOW = datetime(2025, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)
BOTH = f"""
select {columns_of(Customer, "c")}, {columns_of(Invoice, "i")}
from invoices i join customers c on c.id = i.customer_id order by i.number
"""


@pytest.fixture
async def organization(database: Database) -> Organization:
    async with database.transaction() as session:
        organization = (await create_organization(session, "Acme")).organization
        customer = Customer(
            id=new_id(), created_at=NOW, updated_at=NOW, organization_id=organization.id, external_id="a", slug="a",
            name="Ä", sequential_id=1, shipping_address={"zipcode": "1000", "rate": Decimal("0.10")},
        )  # fmt: skip
        session.add(customer)
        await session.flush()
        session.add_all(
            Invoice(
                id=new_id(), created_at=NOW, updated_at=NOW, organization_id=organization.id, customer_id=customer.id,
                number=number, currency="EUR", timezone="UTC", timestamp=NOW, issuing_date=date(2025, 1, 1),
                payment_due_date=date(2025, 1, 31), taxes_rate=Decimal("19.50"), issued_parties=parties,
            )
            for number, parties in (("1", None), ("2", {"seller": {"name": "Acme"}}))
        )  # fmt: skip
    return organization


async def test_they_are_what_a_select_gives(database: Database, organization: Organization) -> None:
    async with database.reading() as session:
        rows = await fetch(session, BOTH)
        customers = objects_of(session, Customer, rows)
        invoices = objects_of(session, Invoice, rows, start=column_count(Customer))
        assert customers[0] is customers[1]
        assert not session.dirty
        assert not session.new
    async with database.reading() as session:
        selected = (await session.scalars(select(Invoice).order_by(col(Invoice.number)))).all()
        assert [item.model_dump() for item in invoices] == [item.model_dump() for item in selected]
        assert customers[0].model_dump() == (await session.scalars(select(Customer))).one().model_dump()


async def test_a_select_finds_the_same_object_and_changes_are_written(
    database: Database, organization: Organization
) -> None:
    async with database.transaction() as session:
        [customer, _] = objects_of(session, Customer, await fetch(session, BOTH))
        assert (await session.scalars(select(Customer))).one() is customer
        customer.name = "B"
    async with database.reading() as session:
        assert (await session.scalars(select(Customer))).one().name == "B"


async def test_an_object_held_already_gets_the_row_that_was_read(
    database: Database, organization: Organization
) -> None:
    async with database.transaction() as session:
        held = (await session.scalars(select(Customer))).one()
        await session.execute(text("update customers set name = 'meanwhile', invoice_sequence = 7"))
        held.name = "not written"
        with session.no_autoflush:
            [again, _] = objects_of(session, Customer, await fetch(session, BOTH))
        assert again is held
        assert (held.name, held.invoice_sequence) == ("meanwhile", 7)
    async with database.reading() as session:
        assert (await session.scalars(select(Customer))).one().name == "meanwhile"

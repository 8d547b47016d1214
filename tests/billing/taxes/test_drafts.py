"""What a change of a tax does to assignments and drafts (spec 05 A1)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.service import create_organization
from billwright.billing.customers.models import Customer, CustomerTax
from billwright.billing.invoicing.models import Invoice, InvoiceTax
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import new_id
from billwright.billing.taxes.queries import default_taxes, tax_counts, taxes_by_codes
from billwright.billing.taxes.schemas import TaxCreate, TaxUpdate
from billwright.billing.taxes.service import create_tax, delete_tax, replace_default_taxes, update_tax


@dataclass
class Shop:
    """Two customers, each with a draft and a finalized invoice."""

    ctx: Context
    customers: dict[str, UUID]
    invoices: dict[str, UUID]

    async def stale(self) -> set[str]:
        rows = await self.ctx.session.execute(text("select id from invoices where ready_to_be_refreshed"))
        ids = {row[0] for row in rows}
        await self.ctx.session.execute(text("update invoices set ready_to_be_refreshed = false"))
        return {name for name, invoice_id in self.invoices.items() if invoice_id in ids}

    async def tax(self, code: str, *, default: bool = False) -> UUID:
        made = await create_tax(
            self.ctx, TaxCreate(name=code, code=code, rate=Decimal(20), applied_to_organization=default)
        )
        return made.id


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    async with database.transaction() as session:
        organization = (await create_organization(session, "Hooli")).organization
        now = organization.created_at
        customers: dict[str, UUID] = {}
        invoices: dict[str, UUID] = {}
        for position, name in enumerate(("own", "inheriting"), 1):
            customers[name] = new_id()
            session.add(
                Customer(
                    id=customers[name],
                    organization_id=organization.id,
                    external_id=name,
                    sequential_id=position,
                    slug=name,
                    created_at=now,
                    updated_at=now,
                )
            )
            await session.flush()
            for status in ("draft", "finalized"):
                invoices[f"{name} {status}"] = invoice_id = new_id()
                session.add(
                    Invoice(
                        id=invoice_id,
                        organization_id=organization.id,
                        customer_id=customers[name],
                        status=status,
                        number=f"{name}-{status}",
                        currency="EUR",
                        timezone="UTC",
                        timestamp=now,
                        issuing_date=date(2024, 1, 1),
                        payment_due_date=date(2024, 1, 1),
                        created_at=now,
                        updated_at=now,
                    )
                )
        await session.flush()
        yield Shop(Context(session, organization), customers, invoices)


async def _attach(shop: Shop, customer: str, tax_id: UUID) -> None:
    shop.ctx.session.add(CustomerTax(customer_id=shop.customers[customer], tax_id=tax_id))
    await shop.ctx.session.flush()


async def _bill(shop: Shop, invoice: str, tax_id: UUID) -> None:
    shop.ctx.session.add(
        InvoiceTax(
            id=new_id(),
            organization_id=shop.ctx.organization_id,
            invoice_id=shop.invoices[invoice],
            tax_id=tax_id,
            tax_code="old",
            tax_name="old",
            tax_rate=Decimal(20),
            currency="EUR",
            created_at=shop.ctx.now(),
        )
    )
    await shop.ctx.session.flush()


async def test_a_change_flags_the_drafts_of_those_who_have_the_tax(shop: Shop) -> None:
    await _attach(shop, "own", await shop.tax("vat"))
    await shop.tax("other")
    assert await shop.stale() == set()
    await update_tax(shop.ctx, "vat", TaxUpdate.parse({"rate": 5}))
    assert await shop.stale() == {"own draft"}
    await update_tax(shop.ctx, "other", TaxUpdate.parse({"rate": 5}))
    assert await shop.stale() == set()


async def test_a_default_concerns_customers_without_taxes_of_their_own(shop: Shop) -> None:
    await _attach(shop, "own", await shop.tax("own"))
    await shop.tax("vat", default=True)
    assert await shop.stale() == {"inheriting draft"}
    await update_tax(shop.ctx, "vat", TaxUpdate.parse({"applied_to_organization": False}))
    assert await shop.stale() == {"inheriting draft"}
    await update_tax(shop.ctx, "vat", TaxUpdate.parse({"rate": 3}))
    assert await shop.stale() == set()
    await update_tax(shop.ctx, "vat", TaxUpdate.parse({"applied_to_organization": True}))
    assert await shop.stale() == {"inheriting draft"}
    await delete_tax(shop.ctx, "vat")
    assert await shop.stale() == {"inheriting draft"}


async def test_deletion_removes_assignments_and_rows_of_drafts_only(shop: Shop) -> None:
    vat = await shop.tax("vat")
    await _attach(shop, "own", vat)
    for invoice in ("inheriting draft", "inheriting finalized"):
        await _bill(shop, invoice, vat)
    assert (await tax_counts(shop.ctx, [vat]))[vat]["customers_count"] == 1
    await delete_tax(shop.ctx, "vat")
    assert await shop.stale() == {"own draft", "inheriting draft"}
    left = (await shop.ctx.session.execute(text("select invoice_id from invoices_taxes"))).scalars().all()
    assert left == [shop.invoices["inheriting finalized"]]
    assert (await shop.ctx.session.execute(text("select count(*) from customers_taxes"))).scalar_one() == 0
    assert (await shop.ctx.session.execute(text("select deleted_at is not null from taxes"))).scalar_one() is True


async def test_default_taxes_are_replaced_as_a_set(shop: Shop) -> None:
    await shop.tax("A", default=True)
    await shop.tax("b")
    await shop.tax("c")
    await replace_default_taxes(shop.ctx, ["B", "c", "C"])
    assert [tax.code for tax in await default_taxes(shop.ctx)] == ["b", "c"]
    with pytest.raises(NotFound, match="tax"):
        await replace_default_taxes(shop.ctx, ["b", "unknown"])
    await replace_default_taxes(shop.ctx, [])
    assert await default_taxes(shop.ctx) == []


async def test_codes_are_found_in_the_order_given_or_not_at_all(shop: Shop) -> None:
    await shop.tax("a")
    await shop.tax("b")
    assert [tax.code for tax in await taxes_by_codes(shop.ctx, ["b", "a", "b"])] == ["b", "a"]
    assert await taxes_by_codes(shop.ctx, []) == []
    for codes in (["a", "x"], ["A"]):
        with pytest.raises(NotFound, match="tax"):
            await taxes_by_codes(shop.ctx, codes)


async def test_another_organization_is_left_alone(shop: Shop) -> None:
    await shop.tax("vat", default=True)
    await shop.stale()
    other = (await create_organization(shop.ctx.session, "Other")).organization
    ctx = Context(shop.ctx.session, other)
    await create_tax(ctx, TaxCreate(name="x", code="vat", rate=Decimal(1), applied_to_organization=True))
    await update_tax(ctx, "vat", TaxUpdate.parse({"rate": 2}))
    await replace_default_taxes(ctx, [])
    await delete_tax(ctx, "vat")
    assert await shop.stale() == set()
    assert [tax.code for tax in await default_taxes(shop.ctx)] == ["vat"]
    fresh = await shop.ctx.session.get_one(Organization, shop.ctx.organization_id)
    assert fresh.catalog_revision == 1

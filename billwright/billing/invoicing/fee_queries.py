"""Reads of fees, scoped by organization (spec 02 §11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, all_, literal, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import customers_by_id
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.models import HIDDEN_STATUSES, VISIBLE_STATUSES, Fee, Invoice
from billwright.billing.invoicing.presenting import taxes_of_fees
from billwright.billing.invoicing.queries import check_statuses
from billwright.billing.invoicing.schemas import FeeOut, fee_object
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.pagination import Page, PageRequest, paginate

FEE_TYPES = ("charge", "add_on", "subscription", "credit", "commitment")
PAYMENT_STATUSES = ("pending", "succeeded", "failed", "refunded")
DATED = ("created_at", "succeeded_at", "failed_at", "refunded_at")
"""Instants by which a list can be bounded."""


@dataclass(frozen=True, slots=True)
class FeeFilters:
    """Filters of a list, combined with AND. ``since`` and ``until``: column of ``DATED`` -> bound, inclusive."""

    external_customer_id: str | None = None
    external_subscription_id: str | None = None
    currency: str | None = None
    fee_type: str | None = None
    billable_metric_code: str | None = None
    payment_status: str | None = None
    event_transaction_id: str | None = None
    since: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    until: Mapping[str, datetime] = field(default_factory=dict[str, datetime])


FEW = 500
"""So many fees of invisible invoices are left out by their ids."""


def _fees(ctx: Context, hidden: Sequence[UUID] | None = None) -> Select[Any]:
    """Live fees that can be seen: standalone ones and those of visible invoices. ``hidden``: the others, if known."""
    statement = select(Fee).where(col(Fee.organization_id) == ctx.organization_id, col(Fee.deleted_at).is_(None))
    if hidden is None:
        return statement.outerjoin(Invoice, col(Invoice.id) == col(Fee.invoice_id)).where(
            or_(col(Fee.invoice_id).is_(None), col(Invoice.status).in_(VISIBLE_STATUSES))
        )
    return statement.where(col(Fee.id) != all_(_ids(hidden))) if hidden else statement


def _ids(values: Sequence[UUID]) -> ColumnElement[Any]:
    """One parameter however many there are."""
    kind: Any = ARRAY(Uuid())
    return literal(list(values), kind)


async def _few_hidden(ctx: Context) -> Sequence[UUID] | None:
    """Fees of invisible invoices, unless they are many: to look at the invoice of each fee makes far pages slow."""
    statement = (
        select(col(Fee.id))
        .join(Invoice, col(Invoice.id) == col(Fee.invoice_id))
        .where(col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status).in_(HIDDEN_STATUSES))
        .limit(FEW + 1)
    )
    found = (await ctx.session.scalars(statement)).all()
    return found if len(found) <= FEW else None


def fees_statement(ctx: Context, filters: FeeFilters, hidden: Sequence[UUID] | None = None) -> Select[Any]:
    """The filtered list, oldest first. Raises ``ValidationFailed`` for an unknown type or payment status."""
    check_statuses("fee_type", [filters.fee_type] if filters.fee_type else None, FEE_TYPES)
    check_statuses("payment_status", [filters.payment_status] if filters.payment_status else None, PAYMENT_STATUSES)
    statement = _fees(ctx, hidden)
    if filters.external_customer_id is not None:
        statement = statement.join(Customer, col(Customer.id) == col(Fee.customer_id)).where(
            col(Customer.organization_id) == ctx.organization_id,
            col(Customer.external_id) == filters.external_customer_id,
        )
    equal: tuple[tuple[Any, str | None], ...] = (
        (Fee.external_subscription_id, filters.external_subscription_id),
        (Fee.currency, filters.currency.upper() if filters.currency else None),
        (Fee.fee_type, filters.fee_type),
        (Fee.payment_status, filters.payment_status),
        (Fee.event_transaction_id, filters.event_transaction_id),
    )
    for column, value in equal:
        if value is not None:
            statement = statement.where(col(column) == value)
    if filters.billable_metric_code is not None:
        item: Any = col(Fee.item)
        statement = statement.where(col(Fee.fee_type) == "charge", item["code"].astext == filters.billable_metric_code)
    for name, instant in filters.since.items():
        statement = statement.where(getattr(Fee, name) >= instant)
    for name, instant in filters.until.items():
        statement = statement.where(getattr(Fee, name) <= instant)
    return statement.order_by(col(Fee.created_at), col(Fee.id))


async def list_fees(ctx: Context, filters: FeeFilters, page: PageRequest) -> Page[FeeOut]:
    """A page of fees on the wire, with their taxes."""
    found = await paginate(ctx.session, fees_statement(ctx, filters, await _few_hidden(ctx)), page)
    return Page(await fee_objects(ctx, found.items), found.total_count, found.request)


async def find_fee(ctx: Context, fee_id: UUID) -> Fee:
    """The fee; raises ``NotFound("fee")`` for unknown, deleted and invisible ones."""
    fee = (await ctx.session.scalars(_fees(ctx).where(col(Fee.id) == fee_id))).first()
    if fee is None:
        raise NotFound("fee")
    return fee


async def fee_objects(ctx: Context, fees: Sequence[Fee]) -> list[FeeOut]:
    """Fees of any invoices on the wire, in a constant number of queries."""
    ids = [fee.id for fee in fees]
    if not ids:
        return []
    customers = await customers_by_id(ctx, list({fee.customer_id for fee in fees}))
    invoice_ids = {fee.invoice_id for fee in fees if fee.invoice_id}
    zones = {
        row[0]: row[1]
        for row in await ctx.session.execute(
            select(col(Invoice.id), col(Invoice.timezone)).where(
                col(Invoice.organization_id) == ctx.organization_id, col(Invoice.id).in_(invoice_ids)
            )
        )
    }
    true_ups = {
        row[0]: row[1]
        for row in await ctx.session.execute(
            select(col(Fee.true_up_parent_fee_id), col(Fee.id)).where(
                col(Fee.organization_id) == ctx.organization_id,
                col(Fee.invoice_id).in_(invoice_ids),
                col(Fee.true_up_parent_fee_id).in_(ids),
                col(Fee.deleted_at).is_(None),
            )
        )
    }
    taxes = await taxes_of_fees(ctx, ids)
    return [
        fee_object(
            fee,
            tz=zones[fee.invoice_id]
            if fee.invoice_id
            else applicable_timezone(customers[fee.customer_id], ctx.organization),
            external_customer_id=customers[fee.customer_id].external_id,
            true_up_fee_id=true_ups.get(fee.id),
            taxes=taxes.get(fee.id, []),
        )
        for fee in fees
    ]

"""Reads of payments, scoped by organization; those of invisible invoices are hidden (spec 06 §12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import customers_by_id, like_pattern
from billwright.billing.customers.searching import NAMED, few_buyers_like, likely_many, of_buyers, one_of
from billwright.billing.invoicing.models import HIDDEN_STATUSES, Invoice
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page, PageRequest, paginate, paginate_hits
from billwright.billing.payments.models import INVOICE, Payment
from billwright.billing.payments.schemas import PaymentOut, payment_object


@dataclass(frozen=True, slots=True)
class PaymentFilters:
    """Filters of a list, combined with AND. ``search``: part of the reference, the invoice's number, the customer's
    names, external id or e-mail; or the payment's id (spec 07 §7.4)."""

    invoice_id: UUID | None = None
    customer_id: UUID | None = None
    external_customer_id: str | None = None
    search: str | None = None


def _payments(ctx: Context) -> Select[Any]:
    hidden = exists().where(
        col(Invoice.id) == col(Payment.payable_id),
        col(Invoice.organization_id) == ctx.organization_id,
        col(Invoice.status).in_(HIDDEN_STATUSES),
    )
    return select(Payment).where(
        col(Payment.organization_id) == ctx.organization_id, col(Payment.payable_type) == INVOICE, ~hidden
    )


async def list_payments(ctx: Context, filters: PaymentFilters, page: PageRequest) -> Page[Payment]:
    """A page of payments, newest first."""
    statement = _payments(ctx)
    if filters.invoice_id is not None:
        statement = statement.where(col(Payment.payable_id) == filters.invoice_id)
    if filters.customer_id is not None:
        statement = statement.where(col(Payment.customer_id) == filters.customer_id)
    if filters.external_customer_id is not None:
        statement = statement.join(Customer, col(Customer.id) == col(Payment.customer_id)).where(
            col(Customer.organization_id) == ctx.organization_id,
            col(Customer.external_id) == filters.external_customer_id,
        )
    statement = _newest_first(statement)
    search = (filters.search or "").strip()
    if not search:
        return await paginate(ctx.session, statement, page)
    buyers = await few_buyers_like(ctx, search, legal_name=True)
    own = await _matches(ctx, search)
    paid_by, paid_by_it = (
        of_buyers(ctx, Payment.customer_id, search, buyers, legal_name=True, row_by_row=one_by_one)
        for one_by_one in (False, True)
    )
    one_by_one = statement.where(or_(*own, paid_by_it)) if buyers is None else None
    whole = _newest_first(_payments(ctx))
    return await paginate_hits(
        ctx.session, statement.where(or_(*own, paid_by)), page, whole, row_by_row=one_by_one, many=likely_many(buyers)
    )


def _newest_first(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(col(Payment.created_at).desc(), col(Payment.id).desc())


async def _matches(ctx: Context, search: str) -> list[Any]:
    """What is looked for in payments themselves and their invoices."""
    pattern = like_pattern(search)
    invoices: Any = select(col(Invoice.id)).where(
        col(Invoice.organization_id) == ctx.organization_id, col(Invoice.number).ilike(pattern)
    )
    few = list(await ctx.session.scalars(invoices.limit(NAMED + 1)))
    conditions: list[Any] = [
        col(Payment.reference).ilike(pattern),
        one_of(Payment.payable_id, few) if len(few) <= NAMED else col(Payment.payable_id).in_(invoices),
    ]
    identifier = parse_id(search)
    if identifier is not None:
        conditions.append(col(Payment.id) == identifier)
    return conditions


async def find_payment(ctx: Context, payment_id: UUID) -> Payment:
    """The payment; raises ``NotFound("payment")`` for unknown and hidden ones."""
    return await find(ctx.session, _payments(ctx).where(col(Payment.id) == payment_id), "payment")


async def paid_cents(ctx: Context, invoice_id: UUID) -> int:
    """What the invoice's own succeeded payments add up to, in minor units (spec 06 §5.4)."""
    total = await ctx.session.scalar(
        select(func.coalesce(func.sum(col(Payment.amount_cents)), 0)).where(
            col(Payment.organization_id) == ctx.organization_id,
            col(Payment.payable_type) == INVOICE,
            col(Payment.payable_id) == invoice_id,
            col(Payment.payable_payment_status) == "succeeded",
        )
    )
    return int(total or 0)


async def payments_of_invoices(ctx: Context, invoice_ids: Sequence[UUID]) -> dict[UUID, list[Payment]]:
    """The payments of visible invoices by invoice, newest first."""
    rows = await ctx.session.scalars(
        _payments(ctx)
        .where(col(Payment.payable_id).in_(invoice_ids))
        .order_by(col(Payment.created_at).desc(), col(Payment.id).desc())
    )
    found: dict[UUID, list[Payment]] = {}
    for payment in rows:
        found.setdefault(payment.payable_id, []).append(payment)
    return found


async def invoices_of_payments(ctx: Context, payments: Sequence[Payment]) -> dict[UUID, list[Invoice]]:
    """The invoices that each payment pays, by payment."""
    ids = {payment.payable_id for payment in payments}
    if not ids:
        return {}
    rows = await ctx.session.scalars(
        select(Invoice).where(col(Invoice.organization_id) == ctx.organization_id, col(Invoice.id).in_(ids))
    )
    invoices = {invoice.id: invoice for invoice in rows}
    return {payment.id: [invoices[payment.payable_id]] for payment in payments}


async def payment_objects(ctx: Context, payments: Sequence[Payment]) -> list[PaymentOut]:
    """Payments on the wire, in a constant number of queries."""
    invoices = await invoices_of_payments(ctx, payments)
    customers = await customers_by_id(ctx, list({payment.customer_id for payment in payments}))
    return [
        payment_object(
            payment,
            external_customer_id=customers[payment.customer_id].external_id,
            invoices=[(invoice.id, invoice.number) for invoice in invoices[payment.id]],
        )
        for payment in payments
    ]

"""Reads of the portal: everything belongs to one customer; what is another's does not exist (spec 07 §5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.analytics.collections import InvoiceCollectionOut, MonthFilters, invoice_collections
from billwright.billing.analytics.invoiced import InvoicedFilters, OverdueBalanceOut, overdue_balances
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.queries import InvoiceFilters, find_invoice, list_invoices
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.pagination import Page, PageRequest
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.queries import SubscriptionFilters, list_subscriptions, subscription_by_id
from billwright.billing.wallets.models import Wallet
from billwright.billing.wallets.queries import find_wallet, list_wallets_of

FINALIZED = ("finalized",)


async def find_visitor(session: Session, customer_id: UUID) -> tuple[Organization, Customer] | None:
    """The live customer and its organization; ``None`` once it is deleted."""
    statement = (
        select(Organization, Customer)
        .join(Customer, col(Customer.organization_id) == col(Organization.id))
        .where(col(Customer.id) == customer_id, col(Customer.deleted_at).is_(None))
    )
    row = (await session.execute(statement)).first()
    return (row[0], row[1]) if row is not None else None


async def own_subscription(ctx: Context, customer: Customer, subscription_id: UUID) -> Subscription:
    """Raises ``NotFound("subscription")``, also for another customer's."""
    found = await subscription_by_id(ctx, subscription_id)
    if found.customer_id != customer.id:
        raise NotFound("subscription")
    return found


async def own_subscriptions(
    ctx: Context,
    customer: Customer,
    page: PageRequest,
    *,
    statuses: Sequence[str] | None = None,
    plan_code: str | None = None,
    currency: str | None = None,
) -> Page[Subscription]:
    """The customer's subscriptions, newest first; active ones unless told otherwise."""
    filters = SubscriptionFilters(
        customer_id=customer.id,
        statuses=statuses or ("active",),
        plan_code=plan_code,
        currency=currency.upper() if currency else None,
    )
    return await list_subscriptions(ctx, filters, page)


async def own_wallet(ctx: Context, customer: Customer, wallet_id: UUID) -> Wallet:
    """Raises ``NotFound("wallet")``, also for another customer's."""
    found = await find_wallet(ctx, wallet_id)
    if found.customer_id != customer.id:
        raise NotFound("wallet")
    return found


async def own_wallets(ctx: Context, customer: Customer, page: PageRequest, *, status: str | None) -> Page[Wallet]:
    """The customer's wallets by priority, then age; active ones unless told otherwise."""
    return await list_wallets_of(ctx, customer.id, page, status=status or "active")


async def own_invoice(ctx: Context, customer: Customer, invoice_id: UUID) -> Invoice:
    """A finalized invoice. Raises ``NotFound("invoice")`` for every other state, and for another customer's."""
    found = await find_invoice(ctx, invoice_id)
    if found.customer_id != customer.id or found.status not in FINALIZED:
        raise NotFound("invoice")
    return found


async def own_invoices(ctx: Context, customer: Customer, page: PageRequest, *, search: str | None) -> Page[Invoice]:
    """The customer's finalized invoices, newest first; ``search`` looks at number and id."""
    return await list_invoices(
        ctx, InvoiceFilters(customer_id=customer.id, statuses=FINALIZED, search=search or None), page
    )


async def own_collections(ctx: Context, customer: Customer) -> list[InvoiceCollectionOut]:
    """The customer's invoices by month and payment state, in its currency (spec 07 §8.5); none without a currency."""
    if customer.currency is None:
        return []
    return await invoice_collections(ctx, MonthFilters(None, customer.currency, customer.id))


async def own_overdue_balances(ctx: Context, customer: Customer) -> list[OverdueBalanceOut]:
    """What the customer's overdue invoices ask for, by month, in its currency (spec 07 §8.4)."""
    if customer.currency is None:
        return []
    return await overdue_balances(ctx, InvoicedFilters(None, customer.currency, customer_id=customer.id))

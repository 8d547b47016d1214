"""Reads of wallets and their transactions, scoped by organization (spec 05 D1, D3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import case, func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.customers.queries import get_customer
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.wallets.models import Wallet, WalletDraw, WalletMetric, WalletTransaction


def _wallets(ctx: Context) -> Any:
    return select(Wallet).where(col(Wallet.organization_id) == ctx.organization_id)


async def find_wallet(ctx: Context, wallet_id: UUID) -> Wallet:
    """Any wallet, terminated ones included; raises ``NotFound("wallet")``."""
    return await find(ctx.session, _wallets(ctx).where(col(Wallet.id) == wallet_id), "wallet")


async def find_wallet_by_code(ctx: Context, external_customer_id: str, code: str) -> Wallet:
    """A customer's wallet, the active one if the code was used again, else the newest.

    Raises ``NotFound`` (``customer``, ``wallet``).
    """
    customer = await get_customer(ctx, external_customer_id)
    wallet: Wallet | None = await ctx.session.scalar(
        _wallets(ctx)
        .where(col(Wallet.customer_id) == customer.id, col(Wallet.code) == code)
        .order_by(case((col(Wallet.status) == "active", 0), else_=1), col(Wallet.created_at).desc())
        .limit(1)
    )
    if wallet is None:
        raise NotFound("wallet")
    return wallet


async def list_wallets(
    ctx: Context,
    page: PageRequest,
    *,
    external_customer_id: str | None = None,
    currency: str | None = None,
    status: str | None = None,
) -> Page[Wallet]:
    """Wallets, newest first. Raises ``NotFound("customer")`` for a filter by an unknown one."""
    statement = _wallets(ctx)
    if external_customer_id is not None:
        customer = await get_customer(ctx, external_customer_id)
        statement = statement.where(col(Wallet.customer_id) == customer.id)
    if currency is not None:
        statement = statement.where(col(Wallet.currency) == currency.upper())
    if status is not None:
        statement = statement.where(col(Wallet.status) == status)
    return await paginate(ctx.session, statement.order_by(col(Wallet.created_at).desc(), col(Wallet.id).desc()), page)


async def list_wallets_of(ctx: Context, customer_id: UUID, page: PageRequest, *, status: str) -> Page[Wallet]:
    """A customer's wallets in one state in the order in which they pay: by priority, then age."""
    statement = _wallets(ctx).where(col(Wallet.customer_id) == customer_id, col(Wallet.status) == status)
    return await paginate(ctx.session, statement.order_by(Wallet.priority, Wallet.created_at, Wallet.id), page)


async def count_active(ctx: Context, customer_id: UUID) -> int:
    """How many active wallets a customer has."""
    found = await ctx.session.execute(
        select(func.count()).where(
            col(Wallet.organization_id) == ctx.organization_id,
            col(Wallet.customer_id) == customer_id,
            col(Wallet.status) == "active",
        )
    )
    return int(found.scalar_one())


@dataclass(frozen=True, slots=True)
class TransactionFilters:
    """Filters of a wallet's transactions, combined with AND."""

    status: str | None = None
    transaction_status: str | None = None
    transaction_type: str | None = None


def _transactions(ctx: Context) -> Any:
    return select(WalletTransaction).where(col(WalletTransaction.organization_id) == ctx.organization_id)


async def find_transaction(ctx: Context, transaction_id: UUID) -> WalletTransaction:
    """Raises ``NotFound("wallet_transaction")``."""
    found: WalletTransaction | None = await ctx.session.scalar(
        _transactions(ctx).where(col(WalletTransaction.id) == transaction_id)
    )
    if found is None:
        raise NotFound("wallet_transaction")
    return found


async def list_transactions(
    ctx: Context, wallet: Wallet, filters: TransactionFilters, page: PageRequest
) -> Page[WalletTransaction]:
    """A wallet's transactions, newest first."""
    statement = _transactions(ctx).where(col(WalletTransaction.wallet_id) == wallet.id)
    for column, value in (
        (WalletTransaction.status, filters.status),
        (WalletTransaction.transaction_status, filters.transaction_status),
        (WalletTransaction.transaction_type, filters.transaction_type),
    ):
        if value is not None:
            statement = statement.where(col(column) == value)
    order = (col(WalletTransaction.created_at).desc(), col(WalletTransaction.id).desc())
    return await paginate(ctx.session, statement.order_by(*order), page)


Side = Literal["inbound", "outbound"]


async def list_draws(
    ctx: Context, transaction: WalletTransaction, side: Side, page: PageRequest
) -> tuple[Page[WalletDraw], dict[UUID, WalletTransaction]]:
    """The draws of a transaction of one ``side``, oldest first, and the transactions of the other side by id.

    Raises ``ValidationFailed`` (``transaction_type: invalid_transaction_type``) for one of the other side.
    """
    if transaction.transaction_type != side:
        raise ValidationFailed(transaction_type="invalid_transaction_type")
    own, other = ("inbound_id", "outbound_id") if side == "inbound" else ("outbound_id", "inbound_id")
    statement = select(WalletDraw).where(
        col(WalletDraw.organization_id) == ctx.organization_id, col(getattr(WalletDraw, own)) == transaction.id
    )
    found: Page[WalletDraw] = await paginate(
        ctx.session, statement.order_by(col(WalletDraw.created_at), col(WalletDraw.id)), page
    )
    ids = {getattr(draw, other) for draw in found.items}
    rows = await ctx.session.scalars(_transactions(ctx).where(col(WalletTransaction.id).in_(ids))) if ids else ()
    return found, {item.id: item for item in rows}


async def metrics_of(ctx: Context, wallet_ids: Sequence[UUID]) -> dict[UUID, list[BillableMetric]]:
    """The metrics that wallets are limited to, by wallet, in order of their codes."""
    if not wallet_ids:
        return {}
    rows = await ctx.session.execute(
        select(col(WalletMetric.wallet_id), BillableMetric)
        .join(BillableMetric, col(BillableMetric.id) == col(WalletMetric.billable_metric_id))
        .where(col(WalletMetric.wallet_id).in_(list(wallet_ids)))
        .order_by(col(BillableMetric.code))
    )
    found: dict[UUID, list[BillableMetric]] = {}
    for wallet_id, metric in rows:
        found.setdefault(wallet_id, []).append(metric)
    return found

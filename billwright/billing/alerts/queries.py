"""Reads of alerts, scoped by organization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.alerts.kinds import AlertOwner
from billwright.billing.alerts.models import Alert, TriggeredAlert
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.subscriptions.queries import find_subscription
from billwright.billing.wallets.models import Wallet
from billwright.billing.wallets.queries import find_wallet, find_wallet_by_code


@dataclass(frozen=True, slots=True)
class Watched:
    """What an alert stands on: a subscription, by its external id, or a wallet."""

    external_subscription_id: str | None = None
    wallet: Wallet | None = None

    @property
    def kind(self) -> AlertOwner:
        return "subscription" if self.wallet is None else "wallet"

    @property
    def columns(self) -> dict[str, Any]:
        """The columns that name it in ``alerts``."""
        return {
            "external_subscription_id": self.external_subscription_id,
            "wallet_id": self.wallet.id if self.wallet is not None else None,
        }


async def watched_subscription(ctx: Context, external_id: str, status: str = "active") -> Watched:
    """Raises ``NotFound("subscription")``."""
    return Watched((await find_subscription(ctx, external_id, status)).external_id)


async def watched_wallet(ctx: Context, external_customer_id: str, code: str) -> Watched:
    """Raises ``NotFound`` (``customer``, ``wallet``)."""
    return Watched(wallet=await find_wallet_by_code(ctx, external_customer_id, code))


async def watched_by(ctx: Context, alert: Alert) -> Watched:
    """What a stored alert stands on."""
    wallet = None if alert.wallet_id is None else await find_wallet(ctx, alert.wallet_id)
    return Watched(alert.external_subscription_id, wallet)


def _live(ctx: Context) -> Any:
    return select(Alert).where(col(Alert.organization_id) == ctx.organization_id, col(Alert.deleted_at).is_(None))


def _on(ctx: Context, watched: Watched) -> Any:
    statement = _live(ctx)
    for name, value in watched.columns.items():
        if value is not None:
            statement = statement.where(getattr(Alert, name) == value)
    return statement


async def alerts_on(ctx: Context, watched: Watched, *, lock: bool = False) -> list[Alert]:
    """All alerts, oldest first."""
    statement = _on(ctx, watched).order_by(col(Alert.created_at), col(Alert.id))
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return list(await ctx.session.scalars(statement))


async def list_alerts(ctx: Context, watched: Watched, page: PageRequest) -> Page[Alert]:
    """A page, newest first."""
    statement = _on(ctx, watched).order_by(col(Alert.created_at).desc(), col(Alert.id).desc())
    return await paginate(ctx.session, statement, page)


async def find_alert(ctx: Context, watched: Watched, code: str, *, lock: bool = False) -> Alert:
    """Raises ``NotFound("alert")``."""
    return await find(ctx.session, _on(ctx, watched).where(col(Alert.code) == code), "alert", lock=lock)


async def alert_by_id(ctx: Context, alert_id: UUID) -> Alert:
    """Raises ``NotFound("alert")``."""
    return await find(ctx.session, _live(ctx).where(col(Alert.id) == alert_id), "alert")


async def alerts_of_subscriptions(ctx: Context, external_ids: Sequence[str]) -> dict[str, list[Alert]]:
    """Alerts by external id of the subscription, oldest first: one query."""
    return await _grouped(ctx, Alert.external_subscription_id, external_ids)


async def alerts_of_wallets(ctx: Context, wallet_ids: Sequence[UUID]) -> dict[UUID, list[Alert]]:
    """The same by wallet."""
    return await _grouped(ctx, Alert.wallet_id, wallet_ids)


async def _grouped(ctx: Context, owner: Any, owners: Sequence[Any]) -> dict[Any, list[Alert]]:
    rows = await ctx.session.scalars(
        _live(ctx).where(owner.in_(list(owners))).order_by(col(Alert.created_at), col(Alert.id))
    )
    found: dict[Any, list[Alert]] = {}
    for row in rows:
        found.setdefault(getattr(row, owner.key), []).append(row)
    return found


async def latest_triggers(ctx: Context, alert_ids: Sequence[UUID]) -> dict[UUID, TriggeredAlert]:
    """The last crossing of each alert that ever told of one."""
    rows = await ctx.session.scalars(
        select(TriggeredAlert)
        .where(
            col(TriggeredAlert.organization_id) == ctx.organization_id,
            col(TriggeredAlert.alert_id).in_(list(alert_ids)),
        )
        .ext(distinct_on(col(TriggeredAlert.alert_id)))
        .order_by(col(TriggeredAlert.alert_id), col(TriggeredAlert.triggered_at).desc(), col(TriggeredAlert.id).desc())
    )
    return {row.alert_id: row for row in rows}

"""Metadata of wallets: text -> text or null, as of plans and credit notes."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.plan_metadata import validated_metadata
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.notifications.service import emit
from billwright.billing.wallets.models import Wallet


async def replace_metadata(ctx: Context, wallet_id: UUID, raw: Any) -> dict[str, Any] | None:
    """Make ``raw`` the wallet's metadata; null clears. Raises ``NotFound("wallet")``, ``ValidationFailed``."""
    return await _put(ctx, await _locked(ctx, wallet_id), raw)


async def merge_metadata(ctx: Context, wallet_id: UUID, raw: Any) -> dict[str, Any] | None:
    """Set the keys of ``raw`` and keep the others. Raises as ``replace_metadata``."""
    wallet = await _locked(ctx, wallet_id)
    if raw is None:
        return wallet.custom_metadata
    if not isinstance(raw, dict):
        raise ValidationFailed(metadata="invalid_type")
    return await _put(ctx, wallet, {**(wallet.custom_metadata or {}), **cast("dict[str, Any]", raw)})


async def delete_metadata(ctx: Context, wallet_id: UUID, key: str | None = None) -> dict[str, Any] | None:
    """Remove all metadata, or one key. Raises ``NotFound`` (``wallet``, ``metadata``)."""
    wallet = await _locked(ctx, wallet_id)
    known = wallet.custom_metadata or {}
    if key is None:
        return await _put(ctx, wallet, None)
    if key not in known:
        raise NotFound("metadata")
    return await _put(ctx, wallet, {name: text for name, text in known.items() if name != key})


async def _locked(ctx: Context, wallet_id: UUID) -> Wallet:
    wallet = await ctx.session.scalar(
        select(Wallet)
        .where(col(Wallet.id) == wallet_id, col(Wallet.organization_id) == ctx.organization_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if wallet is None:
        raise NotFound("wallet")
    return wallet


async def _put(ctx: Context, wallet: Wallet, raw: Any) -> dict[str, Any] | None:
    problems = Problems()
    wallet.custom_metadata = validated_metadata(raw, problems)
    problems.raise_if_any()
    wallet.updated_at = ctx.now()
    await emit(ctx, "wallet.updated", "wallet", wallet.id)
    return wallet.custom_metadata

"""Wallets and their transactions inside webhooks (spec 05 D8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.kernel.errors import NotFound
from billwright.billing.notifications.payloads import payload_of
from billwright.billing.wallets.presenting import transaction_objects, wallet_objects
from billwright.billing.wallets.queries import find_transaction, find_wallet


@payload_of("wallet")
async def wallet_payload(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    """The REST object."""
    try:
        wallet = await find_wallet(ctx, object_id)
    except NotFound:
        return None
    return (await wallet_objects(ctx, [wallet]))[0]


@payload_of("wallet_transaction")
async def transaction_payload(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    """The REST object with its wallet."""
    try:
        transaction = await find_transaction(ctx, object_id)
    except NotFound:
        return None
    [shown] = await transaction_objects(ctx, [transaction])
    wallet = await find_wallet(ctx, transaction.wallet_id)
    return {**shown, "wallet": (await wallet_objects(ctx, [wallet]))[0]}

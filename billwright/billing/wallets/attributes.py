"""Attributes of wallets as they may be (spec 05 D1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import Problems
from billwright.billing.kernel.money import round_half_up
from billwright.billing.wallets.amounts import PLACES
from billwright.billing.wallets.models import Wallet
from billwright.billing.wallets.rule_calendar import slot_at

FEE_TYPES = ("charge", "subscription", "commitment")
EXPIRY_MINUTE = 45
MAX_RATE = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Scope:
    """What a wallet pays. ``None``: not said, which leaves it alone on updates."""

    fee_types: list[str] | None = None
    metric_ids: list[UUID] | None = None


def read_rate(raw: Decimal | None, problems: Problems) -> Decimal:
    """Currency units per credit with 5 decimals, above 0."""
    if raw is None:
        problems.add("rate_amount", "value_is_mandatory")
        return Decimal(1)
    if not 0 < raw < MAX_RATE or raw.adjusted() < -PLACES - 1:
        problems.add("rate_amount", "value_is_out_of_range")
        return Decimal(1)
    rate = round_half_up(raw, PLACES)
    if not rate:
        problems.add("rate_amount", "value_is_out_of_range")
    return rate


def read_expiration(raw: str | None, now: datetime, problems: Problems) -> datetime | None:
    """A future instant (``invalid_date``); null and blank are none."""
    if not raw:
        return None
    expiration = parse_instant(raw)
    if expiration is None or expiration <= now:
        problems.add("expiration_at", "invalid_date")
        return None
    return expiration


def expiration_due(expiration_at: datetime | None) -> datetime | None:
    """The first :45 slot at which the wallet's time is over (spec 03 §8.1)."""
    return None if expiration_at is None else slot_at(expiration_at, EXPIRY_MINUTE)


def check_limits(wallet: Wallet, problems: Problems) -> None:
    """Limits of a paid top-up, in minor units: above 0, the maximum not below the minimum."""
    least, most = wallet.paid_top_up_min_amount_cents, wallet.paid_top_up_max_amount_cents
    for name, value in (("paid_top_up_min_amount_cents", least), ("paid_top_up_max_amount_cents", most)):
        if value is not None and value <= 0:
            problems.add(name, "value_is_out_of_range")
    if least is not None and most is not None and most < least:
        problems.add("paid_top_up_max_amount_cents", "must_be_greater_than_or_equal_min")


async def read_scope(ctx: Context, raw: Any, problems: Problems, *, creating: bool) -> Scope:
    """``applies_to`` with known fee types and codes of existing metrics."""
    faults = ("applies_to", "invalid_limitations")
    if raw is None:
        return Scope()
    if not isinstance(raw, dict):
        problems.add(*faults)
        return Scope()
    given = cast("dict[str, Any]", raw)
    types, codes = _texts(given.get("fee_types")), _texts(given.get("billable_metric_codes"))
    if types is not None and any(name not in FEE_TYPES for name in types):
        problems.add(*(faults if creating else ("allowed_fee_types", "invalid_fee_types")))
    metric_ids: list[UUID] | None = None
    if codes is not None:
        rows = await ctx.session.scalars(
            select(col(BillableMetric.id)).where(
                col(BillableMetric.organization_id) == ctx.organization_id,
                col(BillableMetric.deleted_at).is_(None),
                col(BillableMetric.code).in_(codes),
            )
        )
        metric_ids = list(rows.all())
        if len(metric_ids) != len(set(codes)):
            problems.add(*(faults if creating else ("billable_metrics", "invalid_identifier")))
    return Scope(None if types is None else list(dict.fromkeys(types)), metric_ids)


def _texts(raw: Any) -> list[str] | None:
    """A list of texts; anything else in it becomes a text that nothing is called."""
    if raw is None:
        return None
    if not isinstance(raw, list):
        return ["\ufffd"]
    items = cast("list[Any]", raw)
    return [item if isinstance(item, str) and "\x00" not in item else "\ufffd" for item in items]


def default_code(name: str | None) -> str:
    """The name in lower case with ``_`` for other characters, or ``default``."""
    return re.sub(r"[^a-z0-9]+", "_", (name or "").lower()).strip("_") or "default"

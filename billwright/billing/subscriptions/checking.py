"""What callers send about subscriptions, judged (spec 03 §6.3, §6.7, §6.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from billwright.billing.access.context import Context
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.catalog.overrides import Overrides, parse_overrides
from billwright.billing.customers.service import MAX_EXTERNAL_ID
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import NotFound, Problems
from billwright.billing.kernel.money import CURRENCIES
from billwright.billing.progressive.thresholds import ThresholdEntry, parse_thresholds
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.schemas import SubscriptionCreate, SubscriptionUpdate

BILLING_TIMES = ("calendar", "anniversary")
CREDIT_NOTE_OPTIONS = ("credit", "refund", "offset", "skip")
INVOICE_OPTIONS = ("generate", "skip")
_YEARS = range(1900, 9000)
"""Beyond them periods and time zones leave the calendar."""


@dataclass(frozen=True, slots=True)
class CheckedCreate:
    """``POST /subscriptions`` with its texts read. ``ending_at`` is ``None`` also when it was not sent."""

    external_customer_id: str
    external_id: str
    anchor: datetime
    ending_at: datetime | None
    name: str | None
    overrides: Overrides | None
    thresholds: Sequence[ThresholdEntry] | None


@dataclass(frozen=True, slots=True)
class CheckedUpdate:
    """``PUT /subscriptions/{external_id}`` with its texts read; what was not sent is as it was."""

    anchor: datetime
    ending_at: datetime | None
    overrides: Overrides | None
    thresholds: Sequence[ThresholdEntry] | None


def checked_create(ctx: Context, inp: SubscriptionCreate) -> CheckedCreate:
    """Raises ``ValidationFailed`` with the codes of spec 03 §6.3 and ``NotFound("billing_entity")``."""
    problems = Problems()
    for name in ("external_customer_id", "external_id"):
        value = getattr(inp, name)
        if value is None or not value.strip():
            problems.add(name, "value_is_mandatory")
        elif len(value.strip()) > MAX_EXTERNAL_ID:
            problems.add(name, "value_is_too_long")
    anchor = _anchor(inp.subscription_at, ctx.now(), problems)
    ending_at = _ending(ctx, inp.ending_at, anchor, problems)
    if inp.billing_time is not None and inp.billing_time not in BILLING_TIMES:
        problems.add("billing_time", "value_is_invalid")
    overrides = _overrides(inp, problems)
    thresholds = parse_thresholds(inp.usage_thresholds, problems)
    problems.raise_if_any()
    _check_entity(ctx, inp)
    return CheckedCreate(
        external_customer_id=(inp.external_customer_id or "").strip(),
        external_id=(inp.external_id or "").strip(),
        anchor=anchor,
        ending_at=ending_at,
        name=text_or_none(inp.name),
        overrides=overrides,
        thresholds=thresholds,
    )


def checked_update(ctx: Context, inp: SubscriptionUpdate, subscription: Subscription) -> CheckedUpdate:
    """Raises ``ValidationFailed`` with the codes of spec 03 §6.10 and ``NotFound("billing_entity")``."""
    problems = Problems()
    anchor = _anchor(inp.subscription_at, subscription.subscription_at, problems)
    starts = anchor if subscription.is_scheduled else subscription.subscription_at
    ending_at = subscription.ending_at
    if inp.given("ending_at"):
        ending_at = _ending(ctx, inp.ending_at, starts, problems)
    elif ending_at is not None and starts != subscription.subscription_at and _utc_day(ending_at) <= _utc_day(starts):
        problems.add("ending_at", "invalid_date")
    check_options(inp.on_termination_credit_note, inp.on_termination_invoice, problems)
    overrides = _overrides(inp, problems)
    thresholds = parse_thresholds(inp.usage_thresholds, problems)
    problems.raise_if_any()
    _check_entity(ctx, inp)
    return CheckedUpdate(anchor, ending_at, overrides, thresholds)


def check_options(credit_note: str | None, invoice: str | None, problems: Problems) -> None:
    """What a termination does: ``invalid_value`` for anything unknown (spec 03 §6.7)."""
    if credit_note is not None and credit_note not in CREDIT_NOTE_OPTIONS:
        problems.add("on_termination_credit_note", "invalid_value")
    if invoice is not None and invoice not in INVOICE_OPTIONS:
        problems.add("on_termination_invoice", "invalid_value")


def text_or_none(value: str | None) -> str | None:
    """A blank text counts as none."""
    return value if value and value.strip() else None


def _anchor(text: str | None, default: datetime, problems: Problems) -> datetime:
    if text is None:
        return default
    parsed = parse_instant(text)
    if parsed is None or parsed.year not in _YEARS:
        problems.add("subscription_at", "invalid_date")
        return default
    return parsed


def _ending(ctx: Context, text: str | None, anchor: datetime, problems: Problems) -> datetime | None:
    """``ending_at`` must be ISO 8601, its UTC date after today and after the anchor's (spec 03 §6.3)."""
    if text is None:
        return None
    parsed = parse_instant(text)
    if parsed is None or parsed.year not in _YEARS:
        problems.add("ending_at", "invalid_date")
        return None
    if _utc_day(parsed) <= max(_utc_day(ctx.now()), _utc_day(anchor)):
        problems.add("ending_at", "invalid_date")
    return parsed


def _utc_day(instant: datetime) -> date:
    return instant.astimezone(UTC).date()


def _overrides(inp: SubscriptionCreate | SubscriptionUpdate, problems: Problems) -> Overrides | None:
    sent: Any = inp.plan_overrides
    if inp.usage_thresholds is not None and _overrides_thresholds(sent):
        problems.add("usage_thresholds", "incompatible_params")
        problems.add("plan_overrides", "incompatible_params")
        return None
    overrides = parse_overrides(sent, problems)
    currency = overrides.amount_currency if overrides else None
    if currency is not None and currency not in CURRENCIES:
        problems.add("amount_currency", "value_is_invalid")
    return overrides


def _overrides_thresholds(sent: Any) -> bool:
    return isinstance(sent, dict) and cast("dict[str, Any]", sent).get("usage_thresholds") is not None


def _check_entity(ctx: Context, inp: SubscriptionCreate | SubscriptionUpdate) -> None:
    if inp.billing_entity_code is not None and inp.billing_entity_code != billing_entity_code(ctx.organization):
        raise NotFound("billing_entity")

"""Past usage: what was invoiced, from the stored fees, never recomputed (spec 01 §10.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.customers.queries import find_customer
from billwright.billing.invoicing.models import Fee, Invoice, InvoiceSubscription
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.money import decimal_string
from billwright.billing.kernel.pagination import Page, PageRequest
from billwright.billing.metering.usage_schemas import (
    Amounts,
    ChargeUsageOut,
    CustomerUsageOut,
    FilterUsageOut,
    GroupedUsageOut,
    filter_usage,
    group_order,
)
from billwright.billing.subscriptions.models import Subscription

_STATUSES = ("draft", "finalized", "voided", "failed", "pending", "closed")
_REASONS = ("subscription_periodic", "subscription_terminating", "progressive_billing")


@dataclass(frozen=True, slots=True)
class PastUsageRequest:
    """Which periods; ``periods_count`` caps their number and replaces the page size."""

    external_subscription_id: str | None
    billable_metric_code: str | None = None
    periods_count: int | None = None


async def past_usage(
    ctx: Context, external_customer_id: str, request: PastUsageRequest, page: PageRequest
) -> Page[CustomerUsageOut]:
    """Newest period first. Raises ``ValidationFailed`` without a subscription, ``NotFound("billable_metric")``."""
    if not request.external_subscription_id:
        raise ValidationFailed(external_subscription_id="value_is_mandatory")
    if request.billable_metric_code is not None:
        await _check_metric(ctx, request.billable_metric_code)
    most = request.periods_count if request.periods_count and request.periods_count > 0 else None
    if most is not None:
        page = PageRequest.of(1, most)
    customer = await find_customer(ctx, external_customer_id)
    if customer is None:
        return Page([], 0, page)
    statement = (
        select(InvoiceSubscription, Invoice)
        .join(Invoice, col(Invoice.id) == col(InvoiceSubscription.invoice_id))
        .join(Subscription, col(Subscription.id) == col(InvoiceSubscription.subscription_id))
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.customer_id) == customer.id,
            col(Subscription.external_id) == request.external_subscription_id,
            col(InvoiceSubscription.invoicing_reason).in_(_REASONS),
            col(Invoice.status).in_(_STATUSES),
        )
    )
    total = (await ctx.session.execute(select(func.count()).select_from(statement.subquery()))).scalar_one()
    rows = (
        await ctx.session.execute(
            statement.order_by(
                col(InvoiceSubscription.charges_from_datetime).desc(), col(InvoiceSubscription.id).desc()
            )
            .limit(page.per_page)
            .offset(page.offset)
        )
    ).all()
    entries = [(row[0], row[1]) for row in rows]
    fees = await _fees(ctx, [invoice.id for _, invoice in entries])
    return Page(
        [_entry(row, invoice, fees.get(invoice.id, []), request.billable_metric_code) for row, invoice in entries],
        total if most is None else min(total, page.per_page),
        page,
    )


async def _check_metric(ctx: Context, code: str) -> None:
    rows = await ctx.session.scalars(
        select(col(BillableMetric.id))
        .where(col(BillableMetric.organization_id) == ctx.organization_id, col(BillableMetric.code) == code)
        .limit(1)
    )
    if rows.first() is None:
        raise NotFound("billable_metric")


async def _fees(ctx: Context, invoice_ids: Sequence[UUID]) -> dict[UUID, list[Fee]]:
    found: dict[UUID, list[Fee]] = {}
    if not invoice_ids:
        return found
    rows = await ctx.session.scalars(
        select(Fee)
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.invoice_id).in_(invoice_ids),
            col(Fee.deleted_at).is_(None),
        )
        .order_by(col(Fee.position), col(Fee.id))
    )
    for fee in rows:
        if fee.invoice_id is not None:
            found.setdefault(fee.invoice_id, []).append(fee)
    return found


def _entry(
    row: InvoiceSubscription, invoice: Invoice, fees: Sequence[Fee], metric_code: str | None
) -> CustomerUsageOut:
    amount, taxes = invoice.fees_amount_cents, sum(fee.taxes_amount_cents for fee in fees)
    charge_fees = [
        fee
        for fee in fees
        if fee.fee_type == "charge"
        and fee.subscription_id == row.subscription_id
        and (metric_code is None or fee.item.get("code") == metric_code)
    ]
    by_charge: dict[UUID | None, list[Fee]] = {}
    for fee in charge_fees:
        by_charge.setdefault(fee.charge_id, []).append(fee)
    return {
        "from_datetime": iso(row.charges_from_datetime) or "",
        "to_datetime": iso(row.charges_to_datetime) or "",
        "issuing_date": invoice.issuing_date,
        "lago_invoice_id": invoice.id,
        "currency": invoice.currency,
        "amount_cents": amount,
        "taxes_amount_cents": taxes,
        "total_amount_cents": amount + taxes,
        "charges_usage": [_charge(mine, invoice.currency) for mine in by_charge.values()],
    }


def _amounts(fees: Sequence[Fee]) -> Amounts:
    amounts = Amounts()
    for fee in fees:
        aggregated = fee.units if fee.total_aggregated_units is None else fee.total_aggregated_units
        amounts.add(fee.units, aggregated, fee.events_count or 0, fee.amount_cents)
    return amounts


def _filters(fees: Sequence[Fee]) -> list[FilterUsageOut]:
    if all(fee.charge_filter_id is None for fee in fees):
        return []
    by_filter: dict[UUID | None, list[Fee]] = {}
    for fee in fees:
        by_filter.setdefault(fee.charge_filter_id, []).append(fee)
    ordered = sorted(by_filter.items(), key=lambda item: item[0] is None)
    return [
        filter_usage(_amounts(mine), mine[0].item.get("filters"), mine[0].item.get("filter_invoice_display_name"))
        for _, mine in ordered
    ]


def _own_name(item: Mapping[str, Any]) -> str | None:
    """The charge's name of its own, as in current usage (spec 01 §10.3): a fee of a charge without one is kept under
    its metric's name."""
    name = item.get("invoice_display_name")
    return None if name == item.get("name") else name


def _charge(fees: Sequence[Fee], currency: str) -> ChargeUsageOut:
    item, total = fees[0].item, _amounts(fees)
    groups: dict[tuple[tuple[str, str], ...], list[Fee]] = {}
    if any(fee.grouped_by for fee in fees):
        for fee in fees:
            groups.setdefault(tuple(sorted(fee.grouped_by.items())), []).append(fee)
    grouped: list[GroupedUsageOut] = []
    for key in sorted(groups, key=lambda values: group_order({name: value or None for name, value in values})):
        amounts = _amounts(groups[key])
        grouped.append(
            {
                "units": decimal_string(amounts.units),
                "total_aggregated_units": decimal_string(amounts.total_aggregated_units),
                "events_count": amounts.events_count,
                "amount_cents": amounts.amount_cents,
                "grouped_by": {name: value or None for name, value in key},
                "filters": _filters(groups[key]),
                "presentation_breakdowns": [],
                "pricing_unit_details": None,
            }
        )
    return {
        "units": decimal_string(total.units),
        "total_aggregated_units": decimal_string(total.total_aggregated_units),
        "events_count": total.events_count,
        "amount_cents": total.amount_cents,
        "amount_currency": currency,
        "charge": {
            "lago_id": str(fees[0].charge_id),
            "code": item.get("charge_code") or "",
            "charge_model": item.get("charge_model") or "",
            "invoice_display_name": _own_name(item),
        },
        "billable_metric": {
            "lago_id": str(item.get("id")),
            "name": item.get("name") or "",
            "code": item.get("code") or "",
            "aggregation_type": item.get("aggregation_type") or "",
        },
        "filters": _filters(fees),
        "grouped_usage": grouped,
        "presentation_breakdowns": [],
        "pricing_unit_details": None,
    }

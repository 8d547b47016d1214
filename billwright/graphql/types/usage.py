"""Current usage of a subscription (spec 01 §10.3). Built from the wire object that REST answers with."""

from __future__ import annotations

from typing import Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.pagination import Page, PageRequest
from billwright.billing.metering.past_usage import PastUsageRequest, past_usage
from billwright.billing.metering.projected_usage import projected_object
from billwright.billing.metering.usage import CurrentUsage
from billwright.billing.subscriptions.models import Subscription
from billwright.graphql.enums import BillableMetricAggregationTypeEnum
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601Date, ISO8601DateTime, JsonObject
from billwright.graphql.types.common import f


@strawberry.type(description="Usage of one bucket of a charge.")
class FilterUsage:
    values: JsonObject | None = f("Filter key -> values; null for everything that no filter matches.")
    invoice_display_name: str | None = f("Name of the bucket.")
    units: DecimalText = f("Units after rounding.")
    events_count: int = f("Events counted.")
    amount_cents: BigInt = f("Amount so far, in minor units.")


@strawberry.type(description="Usage of one combination of group values.")
class GroupedUsage:
    grouped_by: JsonObject = f("Property -> value of the group, null for events without the property.")
    units: DecimalText = f("Units after rounding.")
    events_count: int = f("Events counted.")
    amount_cents: BigInt = f("Amount so far, in minor units.")
    filters: list[FilterUsage] = f("The group by bucket.")


@strawberry.type(description="The charge that usage belongs to.")
class UsageCharge:
    id: strawberry.ID = f("Internal id.")
    code: str = f("Code of the charge.")
    charge_model: str = f("Charge model.")
    invoice_display_name: str | None = f("Name printed on invoices.")


@strawberry.type(description="The metric that usage belongs to.")
class UsageBillableMetric:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name of the metric.")
    code: str = f("Code of the metric.")
    aggregation_type: BillableMetricAggregationTypeEnum = f("How events become units.")


@strawberry.type(description="Usage of one charge.")
class ChargeUsage:
    units: DecimalText = f("Units after rounding.")
    events_count: int = f("Events counted.")
    amount_cents: BigInt = f("Amount so far, in minor units.")
    projected_units: DecimalText = f("Units at the period's end, if usage goes on evenly.")
    projected_amount_cents: BigInt = f("Amount at the period's end, if usage goes on evenly, in minor units.")
    charge: UsageCharge = f("The charge.")
    billable_metric: UsageBillableMetric = f("The metric.")
    filters: list[FilterUsage] = f("Usage by bucket; empty without filters.")
    grouped_usage: list[GroupedUsage] = f("Usage by group; empty without grouping.")


@strawberry.type(description="What the running period of a subscription would cost now.")
class CustomerUsage:
    from_datetime: ISO8601DateTime = f("Start of the period.")
    to_datetime: ISO8601DateTime = f("End of the period.")
    issuing_date: ISO8601Date = f("Day on which the period ends.")
    currency: str = f("Currency of the amounts.")
    amount_cents: BigInt = f("Amount without taxes, in minor units.")
    taxes_amount_cents: BigInt = f("Taxes, in minor units.")
    total_amount_cents: BigInt = f("Amount with taxes, in minor units.")
    projected_amount_cents: BigInt = f("Amount without taxes at the period's end, if usage goes on evenly.")
    charges_usage: list[ChargeUsage] = f("Usage by charge.")


@strawberry.type(description="Usage of a period that was invoiced, as it was invoiced.")
class PastUsage:
    from_datetime: ISO8601DateTime = f("Start of the period.")
    to_datetime: ISO8601DateTime = f("End of the period.")
    currency: str = f("Currency of the amounts.")
    amount_cents: BigInt = f("Usage without taxes, in minor units.")
    invoice_id: strawberry.ID = f("Internal id of the invoice.")
    charges_usage: list[ChargeUsage] = f("Usage by charge.")


def _filter(item: Any) -> FilterUsage:
    return FilterUsage(
        values=item["values"],
        invoice_display_name=item["invoice_display_name"],
        units=item["units"],
        events_count=item["events_count"],
        amount_cents=item["amount_cents"],
    )


def _charge(item: Any, projected: Any) -> ChargeUsage:
    charge, metric = item["charge"], item["billable_metric"]
    return ChargeUsage(
        units=item["units"],
        events_count=item["events_count"],
        amount_cents=item["amount_cents"],
        projected_units=projected["projected_units"],
        projected_amount_cents=projected["projected_amount_cents"],
        charge=UsageCharge(
            id=charge["lago_id"],
            code=charge["code"],
            charge_model=charge["charge_model"],
            invoice_display_name=charge["invoice_display_name"],
        ),
        billable_metric=UsageBillableMetric(
            id=metric["lago_id"],
            name=metric["name"],
            code=metric["code"],
            aggregation_type=metric["aggregation_type"],
        ),
        filters=[_filter(part) for part in item["filters"]],
        grouped_usage=[
            GroupedUsage(
                grouped_by=JsonObject(group["grouped_by"]),
                units=group["units"],
                events_count=group["events_count"],
                amount_cents=group["amount_cents"],
                filters=[_filter(part) for part in group["filters"]],
            )
            for group in item["grouped_usage"]
        ],
    )


def customer_usage(ctx: Context, usage: CurrentUsage) -> CustomerUsage:
    """Current usage as its type, with what it comes to by the period's end (spec 01 §10.7)."""
    wire, projected = usage.wire(), projected_object(ctx, usage)
    return CustomerUsage(
        from_datetime=ISO8601DateTime(usage.from_datetime),
        to_datetime=ISO8601DateTime(usage.windows.charges_to_datetime),
        issuing_date=ISO8601Date(wire["issuing_date"]),
        currency=usage.currency,
        amount_cents=BigInt(usage.amount_cents),
        taxes_amount_cents=BigInt(usage.taxes_amount_cents),
        total_amount_cents=BigInt(usage.total_amount_cents),
        projected_amount_cents=BigInt(projected["projected_amount_cents"]),
        charges_usage=[
            _charge(item, ahead) for item, ahead in zip(wire["charges_usage"], projected["charges_usage"], strict=True)
        ],
    )


async def past_usage_of(
    ctx: Context, customer: Customer, subscription: Subscription, page: PageRequest
) -> Page[PastUsage]:
    """Past periods of everything with the subscription's external id (spec 01 §10.5)."""
    found = await past_usage(ctx, customer.external_id, PastUsageRequest(subscription.external_id), page)
    return Page([_past(item) for item in found.items], found.total_count, page)


def _past(item: Any) -> PastUsage:
    charges: list[Any] = item["charges_usage"]
    return PastUsage(
        from_datetime=item["from_datetime"],
        to_datetime=item["to_datetime"],
        currency=item["currency"],
        amount_cents=BigInt(sum(charge["amount_cents"] for charge in charges)),
        invoice_id=item["lago_invoice_id"],
        charges_usage=[
            _charge(charge, {"projected_units": charge["units"], "projected_amount_cents": charge["amount_cents"]})
            for charge in charges
        ],
    )

"""Current usage as a customer sees it in its portal: no taxes, no codes, no links (spec 07 §5.3, §5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.metering.projected_usage import projected_object
from billwright.billing.metering.usage import CurrentUsage
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601DateTime, JsonObject
from billwright.graphql.types.common import f


@strawberry.type(description="Usage of one bucket of a charge.")
class CustomerPortalFilterUsage:
    values: JsonObject | None = f("Filter key -> values; null for everything that no filter matches.")
    invoice_display_name: str | None = f("Name of the bucket.")
    units: DecimalText = f("Units after rounding.")
    amount_cents: BigInt = f("Amount so far, in minor units.")


@strawberry.type(description="Usage of one combination of group values.")
class CustomerPortalGroupedUsage:
    grouped_by: JsonObject = f("Property -> value of the group, null for events without the property.")
    units: DecimalText = f("Units after rounding.")
    amount_cents: BigInt = f("Amount so far, in minor units.")
    filters: list[CustomerPortalFilterUsage] = f("The group by bucket.")


@strawberry.type(description="Usage of one charge.")
class CustomerPortalChargeUsage:
    id: strawberry.ID = f("Internal id of the charge.")
    name: str = f("Name of the charge: the one printed on invoices, else its metric's.")
    units: DecimalText = f("Units after rounding.")
    amount_cents: BigInt = f("Amount so far, in minor units.")
    filters: list[CustomerPortalFilterUsage] = f("Usage by bucket; empty without filters.")
    grouped_usage: list[CustomerPortalGroupedUsage] = f("Usage by group; empty without grouping.")


@strawberry.type(description="What the running period of a subscription would cost now, without taxes.")
class CustomerPortalCustomerUsage:
    from_datetime: ISO8601DateTime = f("Start of the period.")
    to_datetime: ISO8601DateTime = f("End of the period.")
    as_of: ISO8601DateTime = f("When it was computed, on the organization's clock.")
    currency: str = f("Currency of the amounts.")
    amount_cents: BigInt = f("Amount, in minor units.")
    charges_usage: list[CustomerPortalChargeUsage] = f("Usage by charge.")


@strawberry.type(description="Usage of one charge, and what it comes to by the period's end.")
class CustomerPortalProjectedChargeUsage:
    id: strawberry.ID = f("Internal id of the charge.")
    name: str = f("Name of the charge: the one printed on invoices, else its metric's.")
    units: DecimalText = f("Units after rounding.")
    projected_units: DecimalText = f("Units at the period's end, if usage goes on evenly.")
    amount_cents: BigInt = f("Amount so far, in minor units.")
    projected_amount_cents: BigInt = f("Amount at the period's end, if usage goes on evenly, in minor units.")


@strawberry.type(description="What the running period would cost at its end, if usage goes on evenly, without taxes.")
class CustomerPortalCustomerProjectedUsage:
    from_datetime: ISO8601DateTime = f("Start of the period.")
    to_datetime: ISO8601DateTime = f("End of the period.")
    currency: str = f("Currency of the amounts.")
    amount_cents: BigInt = f("Amount so far, in minor units.")
    projected_amount_cents: BigInt = f("Amount at the period's end, in minor units.")
    charges_usage: list[CustomerPortalProjectedChargeUsage] = f("Usage by charge.")


def portal_usage(ctx: Context, usage: CurrentUsage) -> CustomerPortalCustomerUsage:
    """Current usage as the portal shows it."""
    return CustomerPortalCustomerUsage(
        **_period(usage),
        as_of=ISO8601DateTime(ctx.now()),
        amount_cents=BigInt(usage.amount_cents),
        charges_usage=[
            CustomerPortalChargeUsage(
                **_head(item),
                filters=[_filter(part) for part in item["filters"]],
                grouped_usage=[
                    CustomerPortalGroupedUsage(
                        grouped_by=JsonObject(group["grouped_by"]),
                        units=group["units"],
                        amount_cents=group["amount_cents"],
                        filters=[_filter(part) for part in group["filters"]],
                    )
                    for group in item["grouped_usage"]
                ],
            )
            for item in _any(usage.wire()["charges_usage"])
        ],
    )


def portal_projected_usage(ctx: Context, usage: CurrentUsage) -> CustomerPortalCustomerProjectedUsage:
    """The same at the period's end (spec 01 §10.7)."""
    wire = projected_object(ctx, usage)
    return CustomerPortalCustomerProjectedUsage(
        **_period(usage),
        amount_cents=BigInt(wire["amount_cents"]),
        projected_amount_cents=BigInt(wire["projected_amount_cents"]),
        charges_usage=[
            CustomerPortalProjectedChargeUsage(
                **_head(item),
                projected_units=item["projected_units"],
                projected_amount_cents=item["projected_amount_cents"],
            )
            for item in _any(wire["charges_usage"])
        ],
    )


def _any(items: Any) -> list[Mapping[str, Any]]:
    return items


def _period(usage: CurrentUsage) -> dict[str, Any]:
    return {
        "from_datetime": ISO8601DateTime(usage.from_datetime),
        "to_datetime": ISO8601DateTime(usage.windows.charges_to_datetime),
        "currency": usage.currency,
    }


def _head(item: Mapping[str, Any]) -> dict[str, Any]:
    charge = item["charge"]
    return {
        "id": charge["lago_id"],
        "name": charge["invoice_display_name"] or item["billable_metric"]["name"],
        "units": item["units"],
        "amount_cents": item["amount_cents"],
    }


def _filter(item: Mapping[str, Any]) -> CustomerPortalFilterUsage:
    return CustomerPortalFilterUsage(
        values=item["values"],
        invoice_display_name=item["invoice_display_name"],
        units=item["units"],
        amount_cents=item["amount_cents"],
    )

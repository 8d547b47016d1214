"""Usage of a customer's subscription: the running period and past ones (spec 01 §10)."""

from __future__ import annotations

import json
from typing import Any

from billwright.billing.explaining.service import explain_usage
from billwright.billing.kernel.pagination import Page
from billwright.billing.metering.past_usage import PastUsageRequest, past_usage
from billwright.billing.metering.projected_usage import CustomerProjectedUsageOut, projected_usage
from billwright.billing.metering.usage import UsageRequest, current_usage
from billwright.billing.metering.usage_schemas import CustomerUsageOut
from billwright.server.rest.envelope import many, one
from billwright.server.rest.operations import Call, Parameter, operation
from billwright.server.rest.query import Query


def usage_request(query: Query) -> UsageRequest:
    """The selectors of spec 01 §10.4, old names included."""
    applied = query.boolean("apply_taxes")
    return UsageRequest(
        charge_id=query.text("charge_id") or query.text("filter_by_charge_id"),
        charge_code=query.text("charge_code") or query.text("filter_by_charge_code"),
        billable_metric_code=query.text("billable_metric_code") or query.text("filter_by_metric_code"),
        groups=_groups(query),
        skip_grouping=query.boolean("skip_grouping") or False,
        full_usage=query.boolean("full_usage") or False,
        apply_taxes=True if applied is None else applied,
    )


def _groups(query: Query) -> dict[str, str]:
    """``group[key]=value``, or the old ``filter_by_group`` as object or JSON text."""
    groups = query.mapping("group") or query.mapping("filter_by_group")
    text = query.text("filter_by_group")
    if not groups and text:
        try:
            decoded: Any = json.loads(text)
        except (ValueError, RecursionError):
            decoded = None
        if isinstance(decoded, dict):
            groups = {str(name): str(value) for name, value in decoded.items()}
    return groups


async def show_current_usage(call: Call, external_customer_id: str) -> CustomerUsageOut:
    usage = await current_usage(
        call.context, external_customer_id, call.query.text("external_subscription_id"), usage_request(call.query)
    )
    shown = usage.wire()
    if call.query.boolean("explain"):
        for entry, (charge, buckets) in zip(shown["charges_usage"], usage.charges, strict=True):
            entry["explanation"] = explain_usage(usage, buckets, charge.metric.code)
    return shown


async def show_projected_usage(call: Call, external_customer_id: str) -> CustomerProjectedUsageOut:
    return await projected_usage(
        call.context, external_customer_id, call.query.text("external_subscription_id"), usage_request(call.query)
    )


async def index_past_usage(call: Call, external_customer_id: str) -> Page[CustomerUsageOut]:
    request = PastUsageRequest(
        external_subscription_id=call.query.text("external_subscription_id"),
        billable_metric_code=call.query.text("billable_metric_code"),
        periods_count=call.query.integer("periods_count"),
    )
    return await past_usage(call.context, external_customer_id, request, call.page)


_SUBSCRIPTION = Parameter("external_subscription_id", "The subscription's external id", required=True)
_SELECTORS = (
    Parameter("apply_taxes", "Default true", "boolean"),
    Parameter("charge_id", "Only this charge", "uuid"),
    Parameter("charge_code", "Only the charge with this code"),
    Parameter("billable_metric_code", "Only charges on this metric"),
    Parameter("group", "Only events with these property values", "object"),
    Parameter("skip_grouping", "Do not split by pricing group keys", "boolean"),
    Parameter("full_usage", "From the subscription's start instead of the period's", "boolean"),
)

OPERATIONS = [
    operation(
        "GET",
        "/customers/{external_customer_id}/current_usage",
        permission="customer_usage:read",
        answer=one("customer_usage", CustomerUsageOut),
        rate_class="usage",
        summary="Usage of the running charge period, priced",
        parameters=(
            _SUBSCRIPTION,
            *_SELECTORS,
            Parameter("explain", "Add to each charge how its amount comes about", "boolean"),
        ),
    )(show_current_usage),
    operation(
        "GET",
        "/customers/{external_customer_id}/projected_usage",
        permission="customer_usage:read",
        answer=one("customer_projected_usage", CustomerProjectedUsageOut),
        rate_class="usage",
        summary="Usage of the running charge period, and what it comes to by its end",
        description="As if usage went on evenly over the days that are left. Recurring metrics stay as they are.",
        parameters=(_SUBSCRIPTION, *_SELECTORS),
    )(show_projected_usage),
    operation(
        "GET",
        "/customers/{external_customer_id}/past_usage",
        permission="customer_usage:read",
        answer=many("usage_periods", CustomerUsageOut),
        summary="Invoiced usage, newest period first",
        parameters=(
            _SUBSCRIPTION,
            Parameter("billable_metric_code", "Only charges on this metric"),
            Parameter("periods_count", "At most this many periods", "integer"),
        ),
    )(index_past_usage),
]

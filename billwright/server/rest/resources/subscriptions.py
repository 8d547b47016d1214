"""``/subscriptions`` and a customer's subscriptions (spec 03 §6, §9)."""

from __future__ import annotations

from typing import Any, NotRequired

from billwright.billing.catalog.queries import plan_by_id, plan_views
from billwright.billing.catalog.schemas import PlanOut, plan_object
from billwright.billing.customers.queries import get_customer
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.pagination import Page
from billwright.billing.progressive.schemas import ApplicableUsageThresholdOut, applicable_threshold_object
from billwright.billing.progressive.thresholds import applicable_thresholds
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.presenting import SubscriptionOut, subscription_objects
from billwright.billing.subscriptions.queries import (
    STATUSES,
    SubscriptionFilters,
    find_subscription,
    list_subscriptions,
)
from billwright.billing.subscriptions.schemas import SubscriptionCreate, SubscriptionUpdate, TerminationOptions
from billwright.billing.subscriptions.service import (
    create_subscription,
    terminate_subscription,
    update_subscription,
)
from billwright.server.rest.envelope import many, one
from billwright.server.rest.filters import BILLING_ENTITIES, PAGES, check_billing_entities
from billwright.server.rest.operations import Call, Parameter, operation


class SubscriptionDetailOut(SubscriptionOut):
    """A single subscription with its plan."""

    plan: NotRequired[PlanOut]
    applicable_usage_thresholds: NotRequired[list[ApplicableUsageThresholdOut]]


async def _answer(call: Call, subscription: Subscription) -> SubscriptionDetailOut:
    ctx = call.context
    await ctx.session.flush()
    shown = (await subscription_objects(ctx, [subscription]))[0]
    view = (await plan_views(ctx, [await plan_by_id(ctx, subscription.plan_id)]))[0]
    thresholds = await applicable_thresholds(
        ctx.session,
        subscription.id,
        view.plan.id,
        view.plan.parent_id,
        disabled=subscription.progressive_billing_disabled,
    )
    return {
        **shown,
        "plan": plan_object(view),
        "applicable_usage_thresholds": [applicable_threshold_object(item) for item in thresholds],
    }


async def start_subscription(call: Call, inp: SubscriptionCreate) -> SubscriptionDetailOut:
    return await _answer(call, await create_subscription(call.context, inp))


async def find_all_subscriptions(call: Call) -> Page[SubscriptionOut]:
    filters = SubscriptionFilters(external_customer_id=call.query.text("external_customer_id"), **_filters(call))
    return await _page(call, filters)


async def find_customer_subscriptions(call: Call, external_id: str) -> Page[SubscriptionOut]:
    customer = await get_customer(call.context, external_id)
    return await _page(call, SubscriptionFilters(customer_id=customer.id, **_filters(call)))


def _filters(call: Call) -> dict[str, Any]:
    """The filters of both lists; any unknown status drops the status filter (spec 03 §9)."""
    check_billing_entities(call)
    query = call.query
    statuses = query.texts("status")
    if statuses is None:
        chosen: tuple[str, ...] | None = ("active",)
    elif all(status in STATUSES for status in statuses):
        chosen = tuple(statuses)
    else:
        chosen = None
    currency = query.text("currency")
    return {
        "plan_code": query.text("plan_code"),
        "external_id": query.text("external_id"),
        "statuses": chosen,
        "currency": currency.upper() if currency else None,
        "overridden": query.boolean("overridden"),
    }


async def _page(call: Call, filters: SubscriptionFilters) -> Page[SubscriptionOut]:
    page = await list_subscriptions(call.context, filters, call.page)
    return Page(await subscription_objects(call.context, page.items), page.total_count, page.request)


async def find_one_subscription(call: Call, external_id: str) -> SubscriptionDetailOut:
    status = call.query.text("status") or "active"
    return await _answer(call, await find_subscription(call.context, external_id, status))


async def change_subscription(call: Call, external_id: str, inp: SubscriptionUpdate) -> SubscriptionDetailOut:
    return await _answer(call, await update_subscription(call.context, external_id, _edited_status(call), inp))


async def _exists(call: Call, external_id: str) -> None:
    await find_subscription(call.context, external_id, _edited_status(call))


def _edited_status(call: Call) -> str:
    """``status`` beside ``subscription`` in the body, or in the query; ``active`` by default (spec 03 §6.10)."""
    body = call.json if isinstance(call.json, dict) else {}
    given = body.get("status")
    return given if isinstance(given, str) and given else call.query.text("status") or "active"


async def end_subscription(call: Call, external_id: str) -> SubscriptionDetailOut:
    query = call.query
    status = query.text("status") or "active"
    try:
        options = TerminationOptions.parse(
            {
                name: query.text(name)
                for name in ("on_termination_credit_note", "on_termination_invoice")
                if query.text(name) is not None
            }
        )
    except ValidationFailed:
        await find_subscription(call.context, external_id, status)
        raise
    ended = await terminate_subscription(call.context, external_id, options, status=status)
    return await _answer(call, ended)


_ONE = one("subscription", SubscriptionDetailOut)
_MANY = many("subscriptions", SubscriptionOut)
_STATUS = Parameter("status", "Which subscription of this external id; `active` by default.", enum=STATUSES)
_LIST = (
    *PAGES,
    Parameter("plan_code", "Finds overridden plans too."),
    Parameter("status", "Any of these; `active` by default.", "array"),
    Parameter("external_id"),
    Parameter("currency", "ISO 4217 code of the plan."),
    Parameter("overridden", "Whether the plan has prices of the subscription's own.", "boolean"),
    BILLING_ENTITIES,
)

OPERATIONS = [
    operation(
        "POST",
        "/subscriptions",
        permission="subscription:write",
        body=SubscriptionCreate,
        root="subscription",
        answer=_ONE,
        summary="Subscribe a customer to a plan, or change the plan",
        description="Starts at once, from a past date, or is scheduled for a future `subscription_at`. For an "
        "`external_id` that is in use, another plan is an upgrade at once if its yearly price is not lower, else a "
        "downgrade when the period ends; sending the current plan again changes nothing. `plan_overrides` gives the "
        "subscription prices of its own, `usage_thresholds` thresholds of its own. An unknown "
        "`external_customer_id` makes a bare customer.",
        example={
            "external_customer_id": "5eb02857-a71e-4ea2-bcf9-57d3a41bc6ba",
            "plan_code": "startup",
            "external_id": "my_sub_1234567890",
            "name": "Main workspace",
            "billing_time": "anniversary",
            "subscription_at": "2024-08-08T00:00:00Z",
            "ending_at": "2030-10-08T00:00:00Z",
            "plan_overrides": {"amount_cents": 9000, "invoice_display_name": "As agreed"},
        },
    )(start_subscription),
    operation(
        "GET",
        "/subscriptions",
        permission="subscription:read",
        answer=_MANY,
        summary="List subscriptions, newest first",
        parameters=(*_LIST, Parameter("external_customer_id")),
    )(find_all_subscriptions),
    operation(
        "GET",
        "/customers/{external_id}/subscriptions",
        permission="subscription:read",
        answer=_MANY,
        summary="List a customer's subscriptions",
        parameters=_LIST,
    )(find_customer_subscriptions),
    operation(
        "GET",
        "/subscriptions/{external_id}",
        permission="subscription:read",
        answer=_ONE,
        summary="Show a subscription with its plan",
        parameters=(_STATUS,),
    )(find_one_subscription),
    operation(
        "PUT",
        "/subscriptions/{external_id}",
        permission="subscription:write",
        body=SubscriptionUpdate,
        root="subscription",
        answer=_ONE,
        exists=_exists,
        summary="Change a subscription",
        description="Its name, end date, a scheduled start, prices and thresholds of its own (`plan_overrides`, "
        "`usage_thresholds`), and what its termination does. The plan is changed by `POST /subscriptions`.",
        parameters=(_STATUS,),
        example={"name": "Main workspace", "ending_at": "2030-10-08T00:00:00Z"},
    )(change_subscription),
    operation(
        "DELETE",
        "/subscriptions/{external_id}",
        permission="subscription:write",
        answer=_ONE,
        summary="Terminate a subscription",
        description="With a final invoice unless it is skipped, and a credit note for the unused days of a plan in "
        "advance. `status=pending` cancels a scheduled one, or a downgrade.",
        parameters=(
            _STATUS,
            Parameter("on_termination_credit_note", enum=("credit", "refund", "offset", "skip")),
            Parameter("on_termination_invoice", enum=("generate", "skip")),
        ),
    )(end_subscription),
]

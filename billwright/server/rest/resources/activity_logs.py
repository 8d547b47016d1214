"""``/activity_logs``: who changed what, and when (spec 07 §9.1)."""

from __future__ import annotations

from billwright.billing.activity_logs.queries import SOURCES, ActivityFilters, find_activity, list_activities
from billwright.billing.activity_logs.schemas import ActivityLogOut, activity_log_object
from billwright.billing.activity_logs.subjects import RESOURCE_TYPES
from billwright.billing.kernel.ids import some_id
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one, presented
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, Parameter, operation


async def find_all_activity_logs(call: Call) -> Page[ActivityLogOut]:
    query = call.query
    ids = query.texts("resource_ids")
    filters = ActivityFilters(
        from_date=query.date("from_date"),
        to_date=query.date("to_date"),
        activity_types=query.texts("activity_types"),
        activity_sources=query.texts("activity_sources"),
        user_emails=query.texts("user_emails"),
        external_customer_id=query.text("external_customer_id"),
        external_subscription_id=query.text("external_subscription_id"),
        resource_ids=[some_id(text) for text in ids] if ids else None,
        resource_types=query.texts("resource_types"),
    )
    return presented(await list_activities(call.context, filters, call.page), activity_log_object)


async def find_activity_log(call: Call, activity_id: str) -> ActivityLogOut:
    return activity_log_object(await find_activity(call.context, some_id(activity_id)))


OPERATIONS = [
    operation(
        "GET",
        "/activity_logs",
        permission="activity_log:read",
        answer=many("activity_logs", ActivityLogOut),
        summary="List changes of business objects, newest first",
        description="Written in the transaction of the change and never edited. `activity_object` is the object after "
        "the change, before it for deletions; `activity_object_changes` has `[old, new]` of each attribute that an "
        "update changed. Settings such as API keys are logged too, and shown in the back office only.",
        parameters=(
            *PAGES,
            Parameter("from_date", "First day, UTC.", "date"),
            Parameter("to_date", "Last day, UTC.", "date"),
            Parameter("activity_types", "Such as `plan.updated`.", "array"),
            Parameter(
                "activity_sources", "API key, member of the organization, or the system itself.", "array", SOURCES
            ),
            Parameter("user_emails", "Who acted in the back office or over GraphQL.", "array"),
            Parameter("external_customer_id", "Changes of the customer and of what belongs to it."),
            Parameter("external_subscription_id", "Changes of the subscription."),
            Parameter("resource_ids", "", "array"),
            Parameter("resource_types", "", "array", RESOURCE_TYPES),
        ),
    )(find_all_activity_logs),
    operation(
        "GET",
        "/activity_logs/{activity_id}",
        permission="activity_log:read",
        answer=one("activity_log", ActivityLogOut),
        summary="Show a change",
    )(find_activity_log),
]

"""The log of changes."""

from __future__ import annotations

import strawberry

from billwright.billing.activity_logs import models
from billwright.graphql.access_batches import api_key_labels
from billwright.graphql.enums import ActivitySourceEnum
from billwright.graphql.scalars import ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Inf, f

Row = strawberry.Parent[models.ActivityLog]
_NAMES = ("number", "name", "external_id", "code", "email", "webhook_url", "domain", "reference", "lago_id")


@strawberry.type(description="A change of an object or a setting: written with it, and never edited.")
class ActivityLog:
    activity_type: str = f("What was done to what: plan.updated.")
    user_email: str | None = f("The member who did it; null for API keys and the system.")
    api_key_id: strawberry.ID | None = f("The API key that did it; it may be gone.")
    activity_object: JsonObject = f("The REST object after the change, before it for deletions.")
    activity_object_changes: JsonObject = f("{attribute: [old, new]} of an update, else {}.")
    external_customer_id: str | None = f("The customer to which the object belongs.")
    external_subscription_id: str | None = f("The subscription, if it is one.")
    resource_id: strawberry.ID = f("Internal id of the object on which it is logged.")
    resource_type: str = f("Kind of that object: Plan, Invoice; of a setting, such as ApiKey.")
    logged_at: ISO8601DateTime = f("When, on the organization's clock.")

    @strawberry.field(description="Internal id.")
    def activity_id(self, root: Row) -> strawberry.ID:
        return strawberry.ID(str(root.id))

    @strawberry.field(description="Through which door.")
    def activity_source(self, root: Row) -> ActivitySourceEnum:
        return ActivitySourceEnum(root.activity_source)

    @strawberry.field(description="What the object is called: its number, name, external id or code.")
    def object_name(self, root: Row) -> str:
        shown = root.activity_object
        return next((str(shown[name]) for name in _NAMES if shown.get(name)), "")

    @strawberry.field(description="Name of the API key, or what can be seen of its value.")
    async def api_key_name(self, root: Row, info: Inf) -> str | None:
        return None if root.api_key_id is None else await info.context.load(api_key_labels, root.api_key_id)

"""Webhook endpoints and the log of their deliveries."""

from __future__ import annotations

import strawberry

from billwright.billing.notifications import models
from billwright.graphql.enums import WebhookEndpointSignatureAlgoEnum, WebhookStatusEnum
from billwright.graphql.scalars import ISO8601DateTime
from billwright.graphql.types.common import f, shown

EndpointRow = strawberry.Parent[models.WebhookEndpoint]
DeliveryRow = strawberry.Parent[models.Webhook]


@strawberry.type(description="A receiver of events.")
class WebhookEndpoint:
    id: strawberry.ID = f("Internal id.")
    webhook_url: str = f("Where events are posted.")
    name: str | None = f("Name.")
    event_types: list[str] | None = f("Types it gets; null is all of them, an empty list none.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="How what it gets is signed.")
    def signature_algo(self, root: EndpointRow) -> WebhookEndpointSignatureAlgoEnum:
        return WebhookEndpointSignatureAlgoEnum(root.signature_algo)


@strawberry.type(description="One event for one endpoint, and what came of it. Instants are system time.")
class Webhook:
    id: strawberry.ID = f("Internal id; the unique key that is sent with every attempt.")
    endpoint: str = f("The URL of the last attempt.")
    webhook_type: str = f("Type of the event.")
    object_type: str = f("Key of the object in the payload.")
    object_id: strawberry.ID | None = f("Internal id of the object.")
    retries: int = f("Attempts that failed.")
    http_status: int | None = f("Status of the last answer; null when there was none.")
    response: str | None = f("The last answer's body, at most 64 KiB, or why there was none.")
    last_retried_at: ISO8601DateTime | None = f("When an attempt last failed.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last touched.")

    @strawberry.field(description="State of the delivery.")
    def status(self, root: DeliveryRow) -> WebhookStatusEnum:
        return WebhookStatusEnum(root.status)

    @strawberry.field(description="The JSON text that is sent, byte for byte.")
    def payload(self, root: DeliveryRow) -> str:
        return root.payload.decode()

    @strawberry.field(description="When the next attempt is made; null when none is to come.")
    def next_attempt_at(self, root: DeliveryRow) -> ISO8601DateTime | None:
        return shown(root.due_at)


@strawberry.type(description="A type of events.")
class EventType:
    name: str = f("Name, as endpoints list it.")
    category: str = f("What it is about: the name's first part.")

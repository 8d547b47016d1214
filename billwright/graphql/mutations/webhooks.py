"""Writing webhook endpoints, sending again what failed (spec 07 §6.2)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.notifications.endpoints import create_endpoint, delete_endpoint, update_endpoint
from billwright.billing.notifications.log import send_again
from billwright.billing.notifications.schemas import EndpointInput
from billwright.graphql.enums import WebhookEndpointSignatureAlgoEnum
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.webhooks import Webhook, WebhookEndpoint

MANAGE = HasPermission("developers:manage")
_TYPES = "Types it gets; null is all of them, an empty list none."


@strawberry.input(description="Attributes of a new webhook endpoint.")
class CreateWebhookEndpointInput:
    webhook_url: str = m("Where events are posted.")
    signature_algo: WebhookEndpointSignatureAlgoEnum | None = i("How what it gets is signed; jwt unless told.")
    name: str | None = i("Name.")
    event_types: list[str] | None = i(_TYPES)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of a webhook endpoint.")
class UpdateWebhookEndpointInput:
    id: strawberry.ID = m("Internal id.")
    webhook_url: str | None = i("Where events are posted.")
    signature_algo: WebhookEndpointSignatureAlgoEnum | None = i("How what it gets is signed.")
    name: str | None = i("Name.")
    event_types: list[str] | None = i(_TYPES)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DestroyWebhookEndpointInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class RetryWebhookInput:
    id: strawberry.ID = m("Internal id of the delivery.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


New = Annotated[CreateWebhookEndpointInput, strawberry.argument(description="Attributes of the endpoint.")]
Changed = Annotated[UpdateWebhookEndpointInput, strawberry.argument(description="Attributes to change.")]
Gone = Annotated[DestroyWebhookEndpointInput, strawberry.argument(description="Which endpoint.")]
Again = Annotated[RetryWebhookInput, strawberry.argument(description="Which delivery.")]


@strawberry.type
class WebhookMutations:
    @strawberry.mutation(description="Make a webhook endpoint, one of at most ten.", permission_classes=[MANAGE])
    async def create_webhook_endpoint(self, info: Inf, input: New) -> WebhookEndpoint | None:
        async with info.context.writing() as ctx:
            return shown(await create_endpoint(ctx, EndpointInput.parse(sent(input))))

    @strawberry.mutation(
        description="Change a webhook endpoint; what waits to be delivered goes to the new address.",
        permission_classes=[MANAGE],
    )
    async def update_webhook_endpoint(self, info: Inf, input: Changed) -> WebhookEndpoint | None:
        async with info.context.writing() as ctx:
            inp = EndpointInput.parse(sent(input, "id"))
            return shown(await update_endpoint(ctx, input.id, inp))

    @strawberry.mutation(
        description="Delete a webhook endpoint, its log and what waits to be delivered to it.",
        permission_classes=[MANAGE],
    )
    async def destroy_webhook_endpoint(self, info: Inf, input: Gone) -> WebhookEndpoint | None:
        async with info.context.writing() as ctx:
            return shown(await delete_endpoint(ctx, input.id))

    @strawberry.mutation(
        description="Send a delivery again, once: the same payload and unique key, a fresh signature.",
        permission_classes=[MANAGE],
    )
    async def retry_webhook(self, info: Inf, input: Again) -> Webhook | None:
        delivery_id = parse_id(input.id)
        if delivery_id is None:
            raise NotFound("webhook")
        async with info.context.writing() as ctx:
            return shown(await send_again(ctx, delivery_id))

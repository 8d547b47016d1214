"""``/webhook_endpoints`` and the public key that checks their signatures (spec 06 §16.1, §16.3)."""

from __future__ import annotations

from typing_extensions import TypedDict

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.pagination import Page
from billwright.billing.notifications import endpoints
from billwright.billing.notifications.schemas import EndpointInput, EndpointOut, endpoint_object
from billwright.server.rest.envelope import TEXT, many, one, presented
from billwright.server.rest.operations import Call, operation


class PublicKeyOut(TypedDict):
    """``public_key``: base64 of the PEM."""

    public_key: str


async def create_webhook_endpoint(call: Call, inp: EndpointInput) -> EndpointOut:
    return endpoint_object(await endpoints.create_endpoint(call.context, inp))


async def find_all_webhook_endpoints(call: Call) -> Page[EndpointOut]:
    return presented(await endpoints.list_endpoints(call.context, call.page), endpoint_object)


async def find_webhook_endpoint(call: Call, lago_id: str) -> EndpointOut:
    return endpoint_object(await endpoints.find_endpoint(call.context, lago_id))


async def update_webhook_endpoint(call: Call, lago_id: str, inp: EndpointInput) -> EndpointOut:
    return endpoint_object(await endpoints.update_endpoint(call.context, lago_id, inp))


async def destroy_webhook_endpoint(call: Call, lago_id: str) -> EndpointOut:
    return endpoint_object(await endpoints.delete_endpoint(call.context, lago_id))


async def fetch_public_key(call: Call) -> str:
    runtime: Runtime = call.request.app.state.runtime
    return await runtime.webhooks.keys.public_key(runtime.database)


async def fetch_json_public_key(call: Call) -> PublicKeyOut:
    return {"public_key": await fetch_public_key(call)}


async def _exists(call: Call, lago_id: str) -> None:
    await endpoints.find_endpoint(call.context, lago_id)


_ONE = one("webhook_endpoint", EndpointOut)
_EXAMPLE = {
    "webhook_url": "https://hooks.example.com/billing",
    "signature_algo": "hmac",
    "name": "Ledger",
    "event_types": ["invoice.created", "invoice.payment_status_updated"],
}

OPERATIONS = [
    operation(
        "POST",
        "/webhook_endpoints",
        permission="webhook_endpoint:write",
        body=EndpointInput,
        root="webhook_endpoint",
        answer=_ONE,
        summary="Create a webhook endpoint",
        description=(
            "Events are posted to `webhook_url`, signed with `jwt` (default) or `hmac`. Without `event_types` it gets "
            "all of them. An organization has at most ten endpoints."
        ),
        example=_EXAMPLE,
    )(create_webhook_endpoint),
    operation(
        "GET",
        "/webhook_endpoints",
        permission="webhook_endpoint:read",
        answer=many("webhook_endpoints", EndpointOut),
        summary="List webhook endpoints, newest first",
    )(find_all_webhook_endpoints),
    operation(
        "GET",
        "/webhook_endpoints/{lago_id}",
        permission="webhook_endpoint:read",
        answer=_ONE,
        summary="Show a webhook endpoint",
    )(find_webhook_endpoint),
    operation(
        "PUT",
        "/webhook_endpoints/{lago_id}",
        permission="webhook_endpoint:write",
        body=EndpointInput,
        root="webhook_endpoint",
        answer=_ONE,
        exists=_exists,
        summary="Change a webhook endpoint",
        description="Only the attributes sent change. What waits to be delivered goes to the new address.",
        example=_EXAMPLE,
    )(update_webhook_endpoint),
    operation(
        "DELETE",
        "/webhook_endpoints/{lago_id}",
        permission="webhook_endpoint:write",
        answer=_ONE,
        summary="Delete a webhook endpoint",
        description="Its log and what waits to be delivered to it go with it.",
    )(destroy_webhook_endpoint),
    operation(
        "GET",
        "/webhooks/json_public_key",
        permission="webhook_jwt_public_key:read",
        answer=one("webhook", PublicKeyOut),
        session="none",
        summary="Show the key that checks `jwt` signatures",
        description="Base64 of the public key in PEM.",
    )(fetch_json_public_key),
    operation(
        "GET",
        "/webhooks/public_key",
        permission="webhook_jwt_public_key:read",
        answer=TEXT,
        session="none",
        summary="Show the key that checks `jwt` signatures, as text",
        description="Deprecated: use `/webhooks/json_public_key`.",
    )(fetch_public_key),
]

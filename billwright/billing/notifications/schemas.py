"""Inputs and wire outputs of webhook endpoints (spec 06 §16.1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, Text, refuse
from billwright.billing.kernel.outputs import Id, Instant
from billwright.billing.notifications.event_types import ACCEPTED, EVERYTHING
from billwright.billing.notifications.models import WebhookEndpoint


def _event_types(value: Any) -> list[str] | None:
    """Trimmed, lower case, each once; everything is null."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise refuse("must_be_array")
    chosen: dict[str, None] = {}
    for item in cast("list[Any]", value):
        name = item.strip().lower() if isinstance(item, str) else ""
        if name != EVERYTHING and name not in ACCEPTED:
            raise refuse("value_is_invalid")
        chosen[name] = None
    return None if EVERYTHING in chosen else list(chosen)


class EndpointInput(Input):
    """Attributes of a webhook endpoint. ``event_types``: null or ``["*"]`` is everything, ``[]`` nothing."""

    webhook_url: Text | None = None
    signature_algo: Literal["jwt", "hmac"] | None = None
    name: Annotated[Text | None, Field(max_length=255)] = None
    event_types: Annotated[
        list[str] | None,
        BeforeValidator(_event_types),
        WithJsonSchema({"type": ["array", "null"], "items": {"type": "string"}}),
    ] = None


class EndpointOut(TypedDict):
    """The ``webhook_endpoint`` object of the contract."""

    lago_id: Id
    lago_organization_id: Id
    webhook_url: str
    signature_algo: Literal["jwt", "hmac"]
    name: str | None
    event_types: list[str] | None
    created_at: Instant


def endpoint_object(endpoint: WebhookEndpoint) -> EndpointOut:
    """An endpoint on the wire."""
    return {
        "lago_id": endpoint.id,
        "lago_organization_id": endpoint.organization_id,
        "webhook_url": endpoint.webhook_url,
        "signature_algo": "hmac" if endpoint.signature_algo == "hmac" else "jwt",
        "name": endpoint.name,
        "event_types": endpoint.event_types,
        "created_at": iso(endpoint.created_at) or "",
    }

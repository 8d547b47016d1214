"""Use cases of webhook endpoints (spec 06 §16.1).

Every change holds the organization's row, which counts the endpoints and names the event types that they want.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.changes import announce_access_change
from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.activity_logs.service import record
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.kernel.validators import is_web_address
from billwright.billing.notifications.addresses import is_sendable
from billwright.billing.notifications.event_types import wanted_by_any
from billwright.billing.notifications.models import WebhookEndpoint
from billwright.billing.notifications.schemas import EndpointInput

MAX_ENDPOINTS = 10
FORGET_JOB = "webhook.forget_endpoint"


async def create_endpoint(ctx: Context, inp: EndpointInput) -> WebhookEndpoint:
    """A new endpoint. Raises ``ValidationFailed``: ``webhook_url: value_is_mandatory | url_is_invalid |
    value_already_exist``; ``base: exceeded_limit`` for the eleventh.
    """
    url = _checked_url(ctx, inp.webhook_url)
    others = await _locked(ctx)
    if len(others) >= MAX_ENDPOINTS:
        raise ValidationFailed(base="exceeded_limit")
    _check_unique(others, url, None)
    now = ctx.now()
    endpoint = WebhookEndpoint(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        webhook_url=url,
        signature_algo=inp.signature_algo or "jwt",
        name=inp.name,
        event_types=inp.event_types,
    )
    ctx.session.add(endpoint)
    await _publish(ctx, [*others, endpoint])
    record(ctx, "webhook_endpoint.created", "webhook_endpoint", endpoint.id)
    return endpoint


async def update_endpoint(ctx: Context, endpoint_id: str, inp: EndpointInput) -> WebhookEndpoint:
    """Change the sent attributes; waiting deliveries go to the new URL. Raises ``NotFound``, ``ValidationFailed``."""
    endpoint = await find_endpoint(ctx, endpoint_id)
    url = _checked_url(ctx, inp.webhook_url) if inp.given("webhook_url") else endpoint.webhook_url
    return await _change(ctx, endpoint.id, inp, url)


async def _change(ctx: Context, endpoint_id: UUID, inp: EndpointInput, url: str) -> WebhookEndpoint:
    endpoints = await _locked(ctx)
    endpoint = next((item for item in endpoints if item.id == endpoint_id), None)
    if endpoint is None:
        raise NotFound("webhook_endpoint")
    if inp.given("webhook_url"):
        _check_unique(endpoints, url, endpoint.id)
        endpoint.webhook_url = url
    if inp.signature_algo is not None:
        endpoint.signature_algo = inp.signature_algo
    if inp.given("name"):
        endpoint.name = inp.name
    if inp.given("event_types"):
        endpoint.event_types = inp.event_types
    endpoint.updated_at = ctx.now()
    await _publish(ctx, endpoints)
    record(ctx, "webhook_endpoint.updated", "webhook_endpoint", endpoint.id)
    return endpoint


async def delete_endpoint(ctx: Context, endpoint_id: str) -> WebhookEndpoint:
    """Delete the endpoint; its log and its waiting deliveries go with it. Raises ``NotFound("webhook_endpoint")``."""
    found = await find_endpoint(ctx, endpoint_id)
    endpoints = await _locked(ctx)
    endpoint = next((item for item in endpoints if item.id == found.id), None)
    if endpoint is None:
        raise NotFound("webhook_endpoint")
    await ctx.session.delete(endpoint)
    await _publish(ctx, [item for item in endpoints if item.id != endpoint.id])
    await enqueue(ctx.session, ctx.organization_id, FORGET_JOB, {"endpoint_id": str(endpoint.id)})
    record(ctx, "webhook_endpoint.deleted", "webhook_endpoint", endpoint.id)
    return endpoint


async def set_first_url(ctx: Context, url: str | None) -> WebhookEndpoint:
    """The organization's ``webhook_url``: edits the oldest endpoint, or makes one (signature ``jwt``)."""
    inp = EndpointInput(webhook_url=url)
    checked = _checked_url(ctx, url)
    endpoints = await _locked(ctx)
    if not endpoints:
        return await create_endpoint(ctx, inp)
    return await _change(ctx, endpoints[0].id, inp, checked)


async def find_endpoint(ctx: Context, endpoint_id: str | UUID) -> WebhookEndpoint:
    """The endpoint; raises ``NotFound("webhook_endpoint")``."""
    wanted = parse_id(endpoint_id) if isinstance(endpoint_id, str) else endpoint_id
    if wanted is not None:
        found = await ctx.session.scalar(
            select(WebhookEndpoint).where(
                col(WebhookEndpoint.id) == wanted, col(WebhookEndpoint.organization_id) == ctx.organization_id
            )
        )
        if found is not None:
            return found
    raise NotFound("webhook_endpoint")


async def list_endpoints(ctx: Context, page: PageRequest, *, search: str | None = None) -> Page[WebhookEndpoint]:
    """A page of endpoints, newest first; with ``search`` those whose URL contains it."""
    statement = select(WebhookEndpoint).where(col(WebhookEndpoint.organization_id) == ctx.organization_id)
    if search and search.strip():
        statement = statement.where(col(WebhookEndpoint.webhook_url).icontains(search.strip(), autoescape=True))
    statement = statement.order_by(col(WebhookEndpoint.created_at).desc(), col(WebhookEndpoint.id))
    return await paginate(ctx.session, statement, page)


async def webhook_urls(ctx: Context) -> list[str]:
    """The URLs of all endpoints, oldest first."""
    rows = await ctx.session.scalars(
        select(col(WebhookEndpoint.webhook_url))
        .where(col(WebhookEndpoint.organization_id) == ctx.organization_id)
        .order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))
    )
    return list(rows.all())


def _checked_url(ctx: Context, text: str | None) -> str:
    problems = Problems()
    url = (text or "").strip()
    if not url:
        problems.add("webhook_url", "value_is_mandatory")
    elif not is_web_address(url) or not is_sendable(url, allow_private=ctx.allow_private_networks):
        problems.add("webhook_url", "url_is_invalid")
    problems.raise_if_any()
    return url


def _check_unique(endpoints: list[WebhookEndpoint], url: str, own: UUID | None) -> None:
    if any(item.webhook_url == url and item.id != own for item in endpoints):
        raise ValidationFailed(webhook_url="value_already_exist")


async def _locked(ctx: Context) -> list[WebhookEndpoint]:
    """All endpoints, oldest first, while the organization's row is held against other changes of them."""
    found = await ctx.session.scalar(
        select(Organization)
        .where(col(Organization.id) == ctx.organization_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise LookupError(f"organization {ctx.organization_id} is gone")
    ctx.organization = found
    rows = await ctx.session.scalars(
        select(WebhookEndpoint)
        .where(col(WebhookEndpoint.organization_id) == ctx.organization_id)
        .order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))
        .execution_options(populate_existing=True)
    )
    return list(rows.all())


async def _publish(ctx: Context, endpoints: list[WebhookEndpoint]) -> None:
    """Note on the organization's row what ``emit`` must pass on."""
    ctx.organization.webhook_event_types = wanted_by_any(item.event_types for item in endpoints)
    await ctx.session.flush()
    await announce_access_change(ctx)

"""The objects inside webhook payloads: what REST shows of them, with the parts that spec 06 §16.7 lists as expanded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric, Plan
from billwright.billing.catalog.queries import metric_views, plan_views
from billwright.billing.catalog.schemas import billable_metric_object, plan_object
from billwright.billing.customers.queries import customer_objects, customers_by_id
from billwright.billing.invoicing.fee_queries import fee_objects
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.invoicing.presenting import fee_objects_of, invoice_detail, invoice_list_objects
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.presenting import subscription_objects

Builder = Callable[[Context, str, UUID], Awaitable[Mapping[str, Any] | None]]
_BUILDERS: dict[str, Builder] = {}
_encoder = msgspec.json.Encoder(decimal_format="number")


def payload_of(object_type: str) -> Callable[[Builder], Builder]:
    """Register the builder of objects under the key ``object_type``: ``(ctx, event_type, object_id)`` -> the object, or
    ``None`` when it does not exist.
    """

    def register(builder: Builder) -> Builder:
        if _BUILDERS.setdefault(object_type, builder) is not builder:
            raise ValueError(f"two payloads for {object_type}")
        return builder

    return register


def object_types() -> frozenset[str]:
    """The keys whose objects this process can build."""
    return frozenset(_BUILDERS)


async def build_payload(
    ctx: Context, event_type: str, object_type: str, object_id: UUID, details: Mapping[str, Any] | None = None
) -> bytes | None:
    """The body in the envelope of spec 06 §16.2, as bytes that are never written anew; ``None`` without an object.

    Raises ``LookupError`` for a key that has neither a builder nor ``details``.
    """
    builder = _BUILDERS.get(object_type)
    if builder is None:
        if details is None:
            raise LookupError(f"nothing to send under {object_type!r}")
        built: Mapping[str, Any] | None = {}
    else:
        built = await builder(ctx, event_type, object_id)
    if built is None:
        return None
    return _encoder.encode(
        {
            "webhook_type": event_type,
            "object_type": object_type,
            "organization_id": ctx.organization_id,
            object_type: {**built, **(details or {})},
        }
    )


async def _row(ctx: Context, model: Any, object_id: UUID) -> Any:
    """A row of the organization, deleted ones included."""
    return await ctx.session.scalar(
        select(model).where(model.id == object_id, model.organization_id == ctx.organization_id)
    )


@payload_of("customer")
async def _customer(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    found = list((await customers_by_id(ctx, [object_id])).values())
    return (await customer_objects(ctx, found))[0] if found else None


@payload_of("billable_metric")
async def _metric(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    found: BillableMetric | None = await _row(ctx, BillableMetric, object_id)
    return billable_metric_object((await metric_views(ctx, [found]))[0]) if found else None


@payload_of("plan")
async def _plan(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    found: Plan | None = await _row(ctx, Plan, object_id)
    return plan_object((await plan_views(ctx, [found]))[0]) if found else None


@payload_of("subscription")
async def _subscription(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    """The REST object with customer and plan (spec 03 §7)."""
    found: Subscription | None = await _row(ctx, Subscription, object_id)
    if found is None:
        return None
    shown = (await subscription_objects(ctx, [found]))[0]
    customers = await customers_by_id(ctx, [found.customer_id])
    return {
        **shown,
        "plan": await _plan(ctx, event_type, found.plan_id),
        "customer": (await customer_objects(ctx, list(customers.values())))[0],
    }


@payload_of("fee")
async def _fee(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    """The REST object without its taxes (spec 02 §11.1)."""
    found: Fee | None = await _row(ctx, Fee, object_id)
    if found is None:
        return None
    shown = (await fee_objects(ctx, [found]))[0]
    return {name: value for name, value in shown.items() if name != "applied_taxes"}


@payload_of("payment_dispute_lost")
async def _lost_dispute(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    """The invoice with its customer (spec 06 §9.5)."""
    found: Invoice | None = await _row(ctx, Invoice, object_id)
    if found is None:
        return None
    shown = (await invoice_list_objects(ctx, [found]))[0]
    return {"invoice": {name: value for name, value in shown.items() if name == "customer" or name not in _NESTED}}


_NESTED = frozenset(
    """customer subscriptions billing_periods fees credits applied_taxes error_details
    applied_invoice_custom_sections""".split()
)
_ISSUED_PARTS = _NESTED - {"error_details"}
_ONE_OFF_PARTS = frozenset({"customer", "fees", "applied_taxes", "applied_invoice_custom_sections"})
_VOIDED_PARTS = frozenset({"customer", "billing_periods", "subscriptions", "fees", "credits", "applied_taxes"})
_INVOICE_PARTS: dict[str, frozenset[str]] = {
    "invoice.drafted": _NESTED - {"applied_invoice_custom_sections"},
    "invoice.ready_to_finalize": _NESTED - {"applied_invoice_custom_sections"},
    "invoice.created": _ISSUED_PARTS,
    "invoice.one_off_created": _ONE_OFF_PARTS,
    "invoice.paid_credit_added": _ONE_OFF_PARTS,
    "invoice.generated": frozenset({"customer"}),
    "invoice.voided": _VOIDED_PARTS,
    "invoice.deleted": _VOIDED_PARTS,
    "invoice.payment_status_updated": frozenset({"customer", "fees"}),
    "invoice.payment_overdue": frozenset({"customer", "fees", "applied_taxes"}),
    "invoice.resynced": _VOIDED_PARTS,
}
"""The nested parts that an event shows; any other event shows all of them."""


@payload_of("invoice")
async def _invoice(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    found: Invoice | None = await _row(ctx, Invoice, object_id)
    if found is None:
        return None
    parts = _INVOICE_PARTS.get(event_type, _NESTED)
    if parts & {"subscriptions", "billing_periods", "credits"}:
        shown: dict[str, Any] = {**await invoice_detail(ctx, found)}
    else:
        shown = {**(await invoice_list_objects(ctx, [found]))[0], "applied_invoice_custom_sections": []}
        if "fees" in parts:
            shown["fees"] = await fee_objects_of(ctx, found)
    return {name: value for name, value in shown.items() if name in parts or name not in _NESTED}

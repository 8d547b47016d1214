"""What the activity log shows of a changed object, and which resource it belongs to (spec 07 §9.1).

The objects are those of REST, without what has a log of its own (the customer of an invoice, the plan of a
subscription) and without addresses: those of files are signed and open them, those of pages depend on who asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.entity_schemas import billing_entity_object
from billwright.billing.access.models import Organization
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.catalog.models import BillableMetric, Plan
from billwright.billing.catalog.queries import MetricView, metric_views, plan_views
from billwright.billing.catalog.schemas import billable_metric_object, plan_object
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.coupons.presenting import applied_coupon_objects, coupon_objects
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.presenting import credit_note_objects
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import customer_objects
from billwright.billing.entitlements.models import Feature
from billwright.billing.entitlements.queries import feature_views
from billwright.billing.entitlements.views import feature_object
from billwright.billing.invoicing.models import Invoice, InvoiceMetadata
from billwright.billing.invoicing.presenting import grouped
from billwright.billing.invoicing.schemas import invoice_metadata_object, invoice_object
from billwright.billing.payments.models import Payment
from billwright.billing.payments.queries import payment_objects
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.presenting import subscription_objects
from billwright.billing.taxes.queries import default_tax_objects
from billwright.billing.wallets.models import Wallet, WalletTransaction
from billwright.billing.wallets.presenting import wallet_objects
from billwright.billing.wallets.schemas import transaction_object

RESOURCE_TYPES = (
    "BillableMetric",
    "Plan",
    "Customer",
    "Invoice",
    "CreditNote",
    "BillingEntity",
    "Subscription",
    "Wallet",
    "Coupon",
    "PaymentReceipt",
    "PaymentRequest",
    "Feature",
)
"""The business objects, which REST shows. Settings have other names and are shown in the back office only."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A changed object as it is logged, and the resource on which it is logged."""

    shown: Mapping[str, Any]
    resource_type: str
    resource_id: UUID
    external_customer_id: str | None = None
    external_subscription_id: str | None = None


Fresh = Mapping[UUID, Any]
"""Rows that the transaction makes, by id: they need not be read."""
Builder = Callable[[Context, Sequence[UUID], Fresh], Awaitable[dict[UUID, Subject]]]
_BUILDERS: dict[str, Builder] = {}


def subject_of(*object_types: str) -> Callable[[Builder], Builder]:
    """Register the builder of objects that are noted as ``object_types``: the subjects of those that exist, by id."""

    def register(builder: Builder) -> Builder:
        for object_type in object_types:
            if _BUILDERS.setdefault(object_type, builder) is not builder:
                raise ValueError(f"two subjects for {object_type}")
        return builder

    return register


def builder_of(object_type: str) -> Builder | None:
    """How objects noted as ``object_type`` are shown; ``None`` if they are not logged."""
    return _BUILDERS.get(object_type)


async def rows_of(ctx: Context, model: Any, ids: Iterable[UUID], fresh: Fresh | None = None) -> list[Any]:
    """Rows of the organization, deleted ones included; those that the session has at hand are not read again."""
    wanted = dict.fromkeys(ids)
    known = {
        item: (fresh or {}).get(item) or ctx.session.identity_map.get(OrmSession.identity_key(model, item))
        for item in wanted
    }
    missing = [item for item, row in known.items() if row is None]
    if missing:
        rows = await ctx.session.scalars(
            select(model).where(model.organization_id == ctx.organization_id, model.id.in_(missing))
        )
        known |= {row.id: row for row in rows}
    return [row for row in known.values() if row is not None and row.organization_id == ctx.organization_id]


async def _external_ids(ctx: Context, customer_ids: Iterable[UUID]) -> dict[UUID, str]:
    return {row.id: row.external_id for row in await rows_of(ctx, Customer, customer_ids)}


@subject_of("customer")
async def _customers(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    shown = await customer_objects(ctx, await rows_of(ctx, Customer, ids))
    return {item["lago_id"]: Subject(item, "Customer", item["lago_id"], item["external_id"]) for item in shown}


@subject_of("billable_metric")
async def _metrics(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    views = await metric_views(ctx, await rows_of(ctx, BillableMetric, ids))
    return {view.metric.id: Subject(_metric(view), "BillableMetric", view.metric.id) for view in views}


def _metric(view: MetricView) -> dict[str, Any]:
    """A metric with the fingerprint of its code: changes of the code are on record (spec 01 §9.2), but REST, which
    shows the log, never shows the code itself (spec 01 §1.1)."""
    shown: dict[str, Any] = {**billable_metric_object(view)}
    source = view.metric.custom_aggregator
    if source is not None:
        shown["custom_aggregator"] = f"sha256:{sha256(source.encode()).hexdigest()}"
    return shown


@subject_of("plan")
async def _plans(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    views = await plan_views(ctx, await rows_of(ctx, Plan, ids))
    return {view.plan.id: Subject(plan_object(view), "Plan", view.plan.id) for view in views}


@subject_of("feature")
async def _features(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    views = await feature_views(ctx, await rows_of(ctx, Feature, ids))
    return {view.feature.id: Subject(feature_object(view), "Feature", view.feature.id) for view in views}


@subject_of("subscription")
async def _subscriptions(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    shown = await subscription_objects(ctx, await rows_of(ctx, Subscription, ids))
    return {
        item["lago_id"]: Subject(
            item, "Subscription", item["lago_id"], item["external_customer_id"], item["external_id"]
        )
        for item in shown
    }


@subject_of("invoice", "payment_dispute_lost", "payment_provider_invoice_payment_error")
async def _invoices(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    """The invoice's own figures with its metadata. A billing run has both at hand, so they cost it nothing."""
    found: list[Invoice] = await rows_of(ctx, Invoice, ids, fresh)
    stored = [row.id for row in found if row.id not in fresh]
    entries: dict[UUID, list[InvoiceMetadata]] = {}
    if stored:
        rows = await ctx.session.scalars(
            select(InvoiceMetadata)
            .where(col(InvoiceMetadata.invoice_id).in_(stored))
            .order_by(col(InvoiceMetadata.created_at), col(InvoiceMetadata.id))
        )
        entries = grouped(rows, "invoice_id")
    customers = await _external_ids(ctx, (row.customer_id for row in found))
    entity = billing_entity_code(ctx.organization)
    subjects: dict[UUID, Subject] = {}
    for row in found:
        shown: dict[str, Any] = {
            **invoice_object(row, billing_entity_code=entity, file_url=None, web_url=None),
            "metadata": [invoice_metadata_object(entry) for entry in entries.get(row.id, ())],
        }
        subjects[row.id] = Subject(shown, "Invoice", row.id, customers[row.customer_id])
    return subjects


@subject_of("payment")
async def _payments(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    """On the invoice or the payment request that it pays."""
    shown = await payment_objects(ctx, await rows_of(ctx, Payment, ids))
    return {
        item["lago_id"]: Subject(
            item,
            "PaymentRequest" if item["payable_type"] == "PaymentRequest" else "Invoice",
            item["lago_payable_id"],
            item["external_customer_id"],
        )
        for item in shown
    }


@subject_of("credit_note", "credit_note_payment_provider_refund_error")
async def _credit_notes(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    found: list[CreditNote] = await rows_of(ctx, CreditNote, ids)
    customers = await _external_ids(ctx, (row.customer_id for row in found))
    owners = {row.id: customers[row.customer_id] for row in found}
    shown = await credit_note_objects(ctx, found)
    return {
        item["lago_id"]: Subject({**item, "file_url": None}, "CreditNote", item["lago_id"], owners[item["lago_id"]])
        for item in shown
    }


@subject_of("coupon")
async def _coupons(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    shown = await coupon_objects(ctx, await rows_of(ctx, Coupon, ids))
    return {item["lago_id"]: Subject(item, "Coupon", item["lago_id"]) for item in shown}


@subject_of("applied_coupon")
async def _applied_coupons(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    """On the coupon."""
    shown = await applied_coupon_objects(ctx, await rows_of(ctx, AppliedCoupon, ids))
    return {
        item["lago_id"]: Subject(item, "Coupon", item["lago_coupon_id"], item["external_customer_id"]) for item in shown
    }


@subject_of("wallet")
async def _wallets(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    shown = await wallet_objects(ctx, await rows_of(ctx, Wallet, ids))
    return {item["lago_id"]: Subject(item, "Wallet", item["lago_id"], item["external_customer_id"]) for item in shown}


@subject_of("wallet_transaction", "payment_provider_wallet_transaction_payment_error")
async def _wallet_transactions(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    """On the wallet."""
    found: list[WalletTransaction] = await rows_of(ctx, WalletTransaction, ids, fresh)
    wallets: dict[UUID, Wallet] = {
        row.id: row for row in await rows_of(ctx, Wallet, (item.wallet_id for item in found))
    }
    customers = await _external_ids(ctx, (wallet.customer_id for wallet in wallets.values()))
    return {
        item.id: Subject(
            transaction_object(item, wallets[item.wallet_id]),
            "Wallet",
            item.wallet_id,
            customers[wallets[item.wallet_id].customer_id],
        )
        for item in found
    }


@subject_of("billing_entity")
async def _billing_entity(ctx: Context, ids: Sequence[UUID], fresh: Fresh) -> dict[UUID, Subject]:
    """The organization's settings, as this session sees them."""
    organization = await ctx.session.get(Organization, ctx.organization_id)
    if organization is None:
        return {}
    shown = {**billing_entity_object(organization), "taxes": await default_tax_objects(ctx)}
    return {organization.id: Subject(shown, "BillingEntity", organization.id)}

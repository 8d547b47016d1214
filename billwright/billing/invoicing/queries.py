"""Reads of invoices, scoped by organization (spec 04 §16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, false, not_, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import like_pattern
from billwright.billing.customers.searching import few_buyers_like, likely_many, of_buyers
from billwright.billing.invoicing.models import VISIBLE_STATUSES, Invoice, InvoiceMetadata, InvoiceSubscription
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page, PageRequest, paginate, paginate_hits

PAYMENT_STATUSES = ("pending", "succeeded", "failed")


@dataclass(frozen=True, slots=True)
class InvoiceFilters:
    """Filters of a list, combined with AND; a list of values matches any of them.

    ``customer_id`` narrows ``search`` to number and id. Amounts in minor units of each invoice's currency and dates
    are inclusive. ``metadata``: key -> value, an empty value meaning "does not have this key".
    """

    customer_id: UUID | None = None
    external_customer_id: str | None = None
    statuses: Sequence[str] | None = None
    payment_statuses: Sequence[str] | None = None
    invoice_types: Sequence[str] | None = None
    currency: str | None = None
    issuing_date_from: date | None = None
    issuing_date_to: date | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    payment_overdue: bool | None = None
    payment_dispute_lost: bool | None = None
    partially_paid: bool | None = None
    positive_due_amount: bool | None = None
    subscription_id: UUID | None = None
    self_billed: bool | None = None
    purchase_order_number: str | None = None
    search: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


def check_statuses(field_name: str, values: Sequence[str] | None, allowed: Sequence[str]) -> None:
    """Raises ``ValidationFailed(<field>: value_is_invalid)`` for a value that is not ``allowed``."""
    if values is not None and any(value not in allowed for value in values):
        raise ValidationFailed({field_name: ["value_is_invalid"]})


def invoices_statement(
    ctx: Context, filters: InvoiceFilters, *, buyers: list[UUID] | None = None, row_by_row: bool = False
) -> Select[Any]:
    """The filtered list: ``issuing_date`` descending, ``created_at`` descending, id. Invisible ones never show.

    ``buyers``: the customers that ``filters.search`` finds, if they are known; ``row_by_row``: see
    ``customers.searching``. Raises
    ``ValidationFailed`` for an unknown status or payment status.
    """
    check_statuses("status", filters.statuses, VISIBLE_STATUSES)
    check_statuses("payment_status", filters.payment_statuses, PAYMENT_STATUSES)
    statement = select(Invoice).where(
        col(Invoice.organization_id) == ctx.organization_id,
        col(Invoice.status).in_(VISIBLE_STATUSES),
        *_plain_conditions(filters),
    )
    if filters.external_customer_id is not None:
        statement = statement.join(Customer, col(Customer.id) == col(Invoice.customer_id)).where(
            col(Customer.organization_id) == ctx.organization_id,
            col(Customer.external_id) == filters.external_customer_id,
        )
    if filters.search:
        conditions = _search_conditions(filters.search)
        if filters.customer_id is None:
            conditions.append(of_buyers(ctx, Invoice.customer_id, filters.search, buyers, row_by_row=row_by_row))
        statement = statement.where(or_(*conditions))
    for key, value in filters.metadata.items():
        entry = and_(col(InvoiceMetadata.invoice_id) == col(Invoice.id), col(InvoiceMetadata.key) == key)
        if value:
            statement = statement.where(exists().where(entry, col(InvoiceMetadata.value) == value))
        else:
            statement = statement.where(~exists().where(entry))
    return statement.order_by(col(Invoice.issuing_date).desc(), col(Invoice.created_at).desc(), col(Invoice.id))


def _plain_conditions(filters: InvoiceFilters) -> list[Any]:
    conditions: list[Any] = []
    if filters.customer_id is not None:
        conditions.append(col(Invoice.customer_id) == filters.customer_id)
    for column, values in (
        (Invoice.status, filters.statuses),
        (Invoice.payment_status, filters.payment_statuses),
        (Invoice.invoice_type, filters.invoice_types),
    ):
        if values:
            conditions.append(col(column).in_(list(values)))
    if filters.currency is not None:
        conditions.append(col(Invoice.currency) == filters.currency.upper())
    if filters.issuing_date_from is not None:
        conditions.append(col(Invoice.issuing_date) >= filters.issuing_date_from)
    if filters.issuing_date_to is not None:
        conditions.append(col(Invoice.issuing_date) <= filters.issuing_date_to)
    if filters.amount_from is not None:
        conditions.append(col(Invoice.total_amount_cents) >= filters.amount_from)
    if filters.amount_to is not None:
        conditions.append(col(Invoice.total_amount_cents) <= filters.amount_to)
    if filters.payment_overdue is not None:
        overdue = col(Invoice.payment_overdue)
        conditions.append(overdue if filters.payment_overdue else not_(overdue))
    if filters.payment_dispute_lost is not None:
        lost = col(Invoice.payment_dispute_lost_at)
        conditions.append(lost.is_not(None) if filters.payment_dispute_lost else lost.is_(None))
    if filters.partially_paid is not None:
        paid = col(Invoice.total_paid_amount_cents)
        partial = and_(paid > 0, paid < col(Invoice.total_amount_cents))
        conditions.append(partial if filters.partially_paid else ~partial)
    if filters.positive_due_amount is not None:
        offset = col(Invoice.offset_amount_cents)
        left = col(Invoice.total_amount_cents) - col(Invoice.total_paid_amount_cents) - offset
        due = and_(left > 0, col(Invoice.status) != "voided")
        conditions.append(due if filters.positive_due_amount else ~due)
    if filters.subscription_id is not None:
        conditions.append(
            exists().where(
                col(InvoiceSubscription.invoice_id) == col(Invoice.id),
                col(InvoiceSubscription.subscription_id) == filters.subscription_id,
            )
        )
    if filters.self_billed or filters.purchase_order_number is not None:
        conditions.append(false())
    return conditions


def _search_conditions(search: str) -> list[Any]:
    conditions: list[Any] = [col(Invoice.number).ilike(like_pattern(search))]
    identifier = parse_id(search.strip())
    if identifier is not None:
        conditions.append(col(Invoice.id) == identifier)
    return conditions


async def list_invoices(ctx: Context, filters: InvoiceFilters, page: PageRequest) -> Page[Invoice]:
    """A page of visible invoices, newest issuing date first."""
    if not filters.search:
        return await paginate(ctx.session, invoices_statement(ctx, filters), page)
    buyers = await few_buyers_like(ctx, filters.search) if filters.customer_id is None else []
    one_by_one = invoices_statement(ctx, filters, row_by_row=True) if buyers is None else None
    statement, whole = invoices_statement(ctx, filters, buyers=buyers), invoices_statement(ctx, InvoiceFilters())
    return await paginate_hits(ctx.session, statement, page, whole, row_by_row=one_by_one, many=likely_many(buyers))


async def find_invoice(ctx: Context, invoice_id: UUID, *, lock: bool = False, visible_only: bool = True) -> Invoice:
    """The invoice; raises ``NotFound("invoice")`` for unknown and invisible ones (spec 04 §2.1)."""
    statement = select(Invoice).where(
        col(Invoice.id) == invoice_id, col(Invoice.organization_id) == ctx.organization_id
    )
    if visible_only:
        statement = statement.where(col(Invoice.status).in_(VISIBLE_STATUSES))
    return await find(ctx.session, statement, "invoice", lock=lock)

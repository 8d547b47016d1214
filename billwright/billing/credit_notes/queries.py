"""Reads of credit notes, scoped by organization (spec 05 C5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, false, func, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.refunding import REFUND_STATUSES
from billwright.billing.credit_notes.schemas import REASONS
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import like_pattern
from billwright.billing.customers.searching import few_buyers_like, likely_many, of_buyers
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page, PageRequest, paginate, paginate_hits

CREDIT_STATUSES = ("available", "consumed", "voided")


@dataclass(frozen=True, slots=True)
class CreditNoteFilters:
    """Filters of a list, combined with AND; a list of values matches any of them, unknown values are ignored.

    Amounts (totals, minor units) and dates are inclusive. ``customer_id`` narrows ``search`` to number and id.
    """

    customer_id: UUID | None = None
    external_customer_id: str | None = None
    invoice_id: UUID | None = None
    issuing_date_from: date | None = None
    issuing_date_to: date | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    currency: str | None = None
    reasons: Sequence[str] | None = None
    credit_statuses: Sequence[str] | None = None
    refund_statuses: Sequence[str] | None = None
    invoice_number: str | None = None
    search: str | None = None
    self_billed: bool | None = None


@dataclass(frozen=True, slots=True)
class UsableCredit:
    """What credit notes of one currency can still pay, in its minor units."""

    currency: str
    amount_cents: int
    credit_notes_count: int


def credit_notes_statement(
    ctx: Context, filters: CreditNoteFilters, *, buyers: list[UUID] | None = None, row_by_row: bool = False
) -> Select[Any]:
    """The filtered list of finalized notes, newest first. ``buyers``: the customers that ``filters.search`` finds;
    ``row_by_row``: see ``customers.searching``."""
    statement = select(CreditNote).where(
        col(CreditNote.organization_id) == ctx.organization_id,
        col(CreditNote.status) == "finalized",
        *_plain_conditions(filters),
    )
    if filters.external_customer_id is not None:
        statement = statement.join(Customer, col(Customer.id) == col(CreditNote.customer_id)).where(
            col(Customer.organization_id) == ctx.organization_id,
            col(Customer.external_id) == filters.external_customer_id,
        )
    if filters.invoice_number is not None:
        statement = statement.join(Invoice, col(Invoice.id) == col(CreditNote.invoice_id)).where(
            col(Invoice.number) == filters.invoice_number
        )
    if filters.search:
        conditions = _search_conditions(filters.search)
        if filters.customer_id is None:
            conditions.append(of_buyers(ctx, CreditNote.customer_id, filters.search, buyers, row_by_row=row_by_row))
        statement = statement.where(or_(*conditions))
    return statement.order_by(
        col(CreditNote.issuing_date).desc(), col(CreditNote.created_at).desc(), col(CreditNote.id).desc()
    )


def _plain_conditions(filters: CreditNoteFilters) -> list[Any]:
    conditions: list[Any] = []
    for column, value in ((CreditNote.customer_id, filters.customer_id), (CreditNote.invoice_id, filters.invoice_id)):
        if value is not None:
            conditions.append(col(column) == value)
    for column, values, known in (
        (CreditNote.reason, filters.reasons, REASONS),
        (CreditNote.credit_status, filters.credit_statuses, CREDIT_STATUSES),
        (CreditNote.refund_status, filters.refund_statuses, REFUND_STATUSES),
    ):
        wanted = [item for item in values or () if item in known]
        if wanted:
            conditions.append(col(column).in_(wanted))
    if filters.currency is not None:
        conditions.append(col(CreditNote.currency) == filters.currency.upper())
    if filters.issuing_date_from is not None:
        conditions.append(col(CreditNote.issuing_date) >= filters.issuing_date_from)
    if filters.issuing_date_to is not None:
        conditions.append(col(CreditNote.issuing_date) <= filters.issuing_date_to)
    if filters.amount_from is not None:
        conditions.append(col(CreditNote.total_amount_cents) >= filters.amount_from)
    if filters.amount_to is not None:
        conditions.append(col(CreditNote.total_amount_cents) <= filters.amount_to)
    if filters.self_billed:
        conditions.append(false())
    return conditions


def _search_conditions(search: str) -> list[Any]:
    conditions: list[Any] = [col(CreditNote.number).ilike(like_pattern(search))]
    identifier = parse_id(search.strip())
    if identifier is not None:
        conditions.append(col(CreditNote.id) == identifier)
    return conditions


async def list_credit_notes(ctx: Context, filters: CreditNoteFilters, page: PageRequest) -> Page[CreditNote]:
    """A page of finalized notes."""
    if not filters.search:
        return await paginate(ctx.session, credit_notes_statement(ctx, filters), page)
    buyers = await few_buyers_like(ctx, filters.search) if filters.customer_id is None else []
    one_by_one = credit_notes_statement(ctx, filters, row_by_row=True) if buyers is None else None
    statement, whole = (
        credit_notes_statement(ctx, filters, buyers=buyers),
        credit_notes_statement(ctx, CreditNoteFilters()),
    )
    return await paginate_hits(ctx.session, statement, page, whole, row_by_row=one_by_one, many=likely_many(buyers))


async def find_credit_note(ctx: Context, note_id: UUID, *, lock: bool = False) -> CreditNote:
    """The finalized note; raises ``NotFound("credit_note")`` for unknown ones, drafts and deleted ones."""
    statement = select(CreditNote).where(
        col(CreditNote.id) == note_id,
        col(CreditNote.organization_id) == ctx.organization_id,
        col(CreditNote.status) == "finalized",
    )
    return await find(ctx.session, statement, "credit_note", lock=lock)


async def usable_credit(ctx: Context, customer_ids: Sequence[UUID]) -> dict[UUID, list[UsableCredit]]:
    """By customer, what is left of their credit notes, per currency in the order of the alphabet."""
    rows = await ctx.session.execute(
        select(
            col(CreditNote.customer_id),
            col(CreditNote.currency),
            func.sum(col(CreditNote.balance_amount_cents)),
            func.count(),
        )
        .where(
            col(CreditNote.organization_id) == ctx.organization_id,
            col(CreditNote.customer_id).in_(customer_ids),
            col(CreditNote.status) == "finalized",
            col(CreditNote.credit_status) == "available",
            col(CreditNote.balance_amount_cents) > 0,
        )
        .group_by(col(CreditNote.customer_id), col(CreditNote.currency))
        .order_by(col(CreditNote.currency))
    )
    found: dict[UUID, list[UsableCredit]] = {}
    for customer_id, currency, cents, count in rows:
        found.setdefault(customer_id, []).append(UsableCredit(currency, int(cents), int(count)))
    return found


async def note_counts(ctx: Context, customer_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many finalized notes customers have; those without one are left out."""
    rows = await ctx.session.execute(
        select(col(CreditNote.customer_id), func.count())
        .where(
            col(CreditNote.organization_id) == ctx.organization_id,
            col(CreditNote.customer_id).in_(customer_ids),
            col(CreditNote.status) == "finalized",
        )
        .group_by(col(CreditNote.customer_id))
    )
    return {customer_id: int(count) for customer_id, count in rows}

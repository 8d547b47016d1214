"""Billing a few events of one external subscription id inside one transaction (spec 02 §10.1, §10.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot, TaxRate
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.event_fees import event_fee, mark_of
from billwright.billing.in_advance.invoicing import invoice_event
from billwright.billing.in_advance.measuring import EventFacts, triggers
from billwright.billing.in_advance.models import InstantEvent
from billwright.billing.in_advance.standalone import store_standalone
from billwright.billing.invoicing.computing import taxes_of_customer
from billwright.billing.invoicing.models import Fee
from billwright.billing.invoicing.rows import Row, new_row
from billwright.billing.kernel.transient import is_transient
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.queries import subscription_at
from billwright.billing.subscriptions.terms import plan_of

log = structlog.get_logger(__name__)


class Bench:
    """What the events have in common: the locked customer, the running subscription, taxes, fees that exist.

    The caller holds the lock under which the subscription's events are billed.
    """

    def __init__(self, ctx: Context, external_subscription_id: str) -> None:
        self._ctx = ctx
        self._external_subscription_id = external_subscription_id
        self._customer: Customer | None = None
        self._running: Subscription | None = None
        self._taxes: dict[UUID, tuple[TaxRate, ...]] = {}
        self._billed: set[tuple[str | None, UUID | None]] = set()

    async def prepare(self, notes: Sequence[InstantEvent]) -> None:
        """Find the charges that have a fee of these events already, deleted ones included (spec 01 §2.5)."""
        rows = await self._ctx.session.execute(
            select(col(Fee.event_transaction_id), col(Fee.charge_id)).where(
                col(Fee.organization_id) == self._ctx.organization_id,
                col(Fee.event_transaction_id).in_([note.transaction_id for note in notes]),
                col(Fee.external_subscription_id) == self._external_subscription_id,
            )
        )
        self._billed = {(row[0], row[1]) for row in rows}

    async def bill(self, note: InstantEvent) -> Exception | None:
        """Bill one event for every charge that it triggers; the failure that kept it from some charge.

        Each charge is a savepoint: what could be billed stays billed, and is not billed again with the rest.
        """
        event = EventFacts(
            code=note.code,
            transaction_id=note.transaction_id,
            timestamp=note.timestamp,
            properties=note.properties,
            precise_total_amount_cents=note.precise_total_amount_cents,
            seq=note.seq,
        )
        found = await self._row(event.timestamp)
        if found is None:
            log.info("event without subscription", transaction_id=event.transaction_id)
            return None
        customer, row = found
        failure: Exception | None = None
        for charge in row.plan.charges:
            if not triggers(charge, event) or (event.transaction_id, charge.id) in self._billed:
                continue
            try:
                async with self._ctx.session.begin_nested():
                    await self._bill_charge(customer, row, charge, event)
            except Exception as problem:
                if is_transient(problem):
                    raise
                log.warning(
                    "event not billed", transaction_id=event.transaction_id, charge=charge.code, error=str(problem)
                )
                failure = failure or problem
                for touched in (customer, row.subscription):
                    await self._ctx.session.refresh(touched)
        return failure

    async def _bill_charge(self, customer: Customer, row: Row, charge: ChargeSnapshot, event: EventFacts) -> None:
        ctx = self._ctx
        taxes = charge.taxes or row.plan.taxes or await self._taxes_of(customer)
        made = await event_fee(ctx, row, charge, event, taxes)
        if charge.invoiceable:
            await invoice_event(ctx, customer, row, made.draft)
        else:
            await store_standalone(ctx, customer, [made.draft], row.plan.amount_currency, ctx.now())
        mark = mark_of(ctx, row, made, event)
        if mark is not None:
            ctx.session.add(mark)

    async def _taxes_of(self, customer: Customer) -> tuple[TaxRate, ...]:
        if customer.id not in self._taxes:
            self._taxes[customer.id] = await taxes_of_customer(self._ctx, customer)
        return self._taxes[customer.id]

    async def _row(self, instant: datetime) -> tuple[Customer, Row] | None:
        """The locked customer, and the subscription that was active then with the windows of that moment."""
        ctx = self._ctx
        subscription = self._running_at(instant) or await self._resolve(instant)
        customer = self._customer
        if subscription is None or customer is None:
            return None
        plan = await plan_of(ctx, subscription)
        tz = applicable_timezone(customer, ctx.organization)
        return customer, await new_row(ctx, subscription, plan, Case.in_advance_charge, instant, tz)

    def _running_at(self, instant: datetime) -> Subscription | None:
        """The running subscription, found for an earlier event; its customer's lock keeps it running."""
        running = self._running
        if running is None or running.started_at is None or running.started_at > instant:
            return None
        return running

    async def _resolve(self, instant: datetime) -> Subscription | None:
        found = await subscription_at(self._ctx, self._external_subscription_id, instant)
        while found is not None and (self._customer is None or self._customer.id != found.customer_id):
            self._customer = await lock_customer(self._ctx, found.customer_id)
            # It may have ended or been replaced while the lock was awaited.
            await self._ctx.session.refresh(found)
            found = await subscription_at(self._ctx, self._external_subscription_id, instant)
        if found is not None and found.status == "active":
            self._running = found
        return found

"""Billing what is due on a local day: periodic invoices and downgrade switches (spec 03 §8.2-§8.5).

Every function expects the customer row to be locked and runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import PlanSnapshot, plan_snapshots
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.regrouping import regroup_paid_fees
from billwright.billing.invoicing.billing import bill
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.rows import new_row
from billwright.billing.subscriptions.calendar.due import billing_days, is_due
from billwright.billing.subscriptions.calendar.timezones import start_of_day
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.successors import active_successor, pending_successors, switch, switches_at
from billwright.billing.subscriptions.terms import plan_of, refresh_due, terms_of
from billwright.billing.subscriptions.trials import end_trial


async def bill_periodic(
    ctx: Context, customer: Customer, subscriptions: Sequence[Subscription], t: datetime
) -> list[Invoice]:
    """Bill those of ``subscriptions`` that are due at ``t``, grouped as spec 03 §8.3 says; others only get their due
    instants recomputed. A due downgrade is performed instead (spec 03 §6.9). Running it twice bills once.
    """
    tz = applicable_timezone(customer, ctx.organization)
    plans = await plan_snapshots(
        ctx.session, ctx.organization.catalog_revision, {item.plan_id for item in subscriptions}
    )
    due = [
        item
        for item in sorted(subscriptions, key=lambda item: (item.created_at, item.id))
        if item.status == "active"
        and is_due(
            terms_of(item, plans[item.plan_id], tz),
            t,
            created_at=item.created_at,
            ending_at=item.ending_at,
            last_billed_on=item.last_billed_on,
        )
    ]
    successors = await pending_successors(ctx, due)
    switching = {item.id for item in due if switches_at(item, successors.get(item.id), plans[item.plan_id], t, tz)}
    invoices: list[Invoice] = []
    groups = billing_groups(due, plans, switching)
    for group in groups:
        if group[0].id in switching:
            [current] = group
            invoices.append(await switch(ctx, customer, current, successors[current.id], plans[current.plan_id], t))
            continue
        rows = [await new_row(ctx, item, plans[item.plan_id], Case.periodic, t, tz) for item in group]
        invoices.append(await bill(ctx, customer, rows, t, tz))
    for group in groups:
        ending = group[0].id in switching
        invoices.extend(await regroup_paid_fees(ctx, customer, group, t, tz, ending=ending))
    for item in subscriptions:
        await refresh_due(ctx, item, plans[item.plan_id], tz)
    return invoices


def billing_groups(
    due: Sequence[Subscription],
    plans: Mapping[UUID, PlanSnapshot],
    switching: frozenset[UUID] | set[UUID] = frozenset(),
) -> list[list[Subscription]]:
    """Subscriptions that share an invoice: by currency and purchase order, then those billed on their own, among them
    the ``switching`` ones."""
    shared: dict[tuple[str, str | None], list[Subscription]] = {}
    single: list[list[Subscription]] = []
    for item in due:
        if item.consolidate_invoice and item.id not in switching:
            shared.setdefault((plans[item.plan_id].amount_currency, item.purchase_order_number), []).append(item)
        else:
            single.append([item])
    return [*shared.values(), *single]


async def catch_up(ctx: Context, customer: Customer, subscription: Subscription, at: datetime) -> Subscription:
    """Bring an active subscription's missed work up to date before it ends or changes its plan at ``at``: its billing
    days before the day of ``at`` and the end of its trial, oldest first (spec 03 §8.5).

    Returns the subscription that is active afterwards: a missed downgrade switch puts the successor in its place.
    """
    tz = applicable_timezone(customer, ctx.organization)
    while True:
        plan = await plan_of(ctx, subscription)
        terms = terms_of(subscription, plan, tz)
        missed = next(
            billing_days(
                terms,
                before=terms.local(at),
                created_at=subscription.created_at,
                ending_at=subscription.ending_at,
                last_billed_on=subscription.last_billed_on,
            ),
            None,
        )
        billing = None if missed is None else start_of_day(missed, tz)
        trial = subscription.trial_due_at
        if trial is not None and trial <= at and (billing is None or trial < billing):
            await end_trial(ctx, customer, subscription)
        elif billing is not None:
            await bill_periodic(ctx, customer, [subscription], billing)
        else:
            return subscription
        if subscription.status != "active":
            subscription = await active_successor(ctx, subscription) or subscription
            if subscription.status != "active":
                return subscription

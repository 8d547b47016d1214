"""Current usage: what the running charge period would cost now (spec 01 §10.1-10.4).

Nothing is cached: reads merge rollups, so the cost does not depend on the number of events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot, PlanSnapshot
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import get_customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.present_usage import present_charge
from billwright.billing.invoicing.charge_usage import PricedBucket, Selection, price_charge, window_of
from billwright.billing.invoicing.computing import taxes_of_customer
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.errors import NotAllowed, NotFound
from billwright.billing.metering.usage_schemas import CustomerUsageOut, charge_usage
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.subscriptions.calendar.windows import Case, Windows, windows
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import plan_of, terms_of
from billwright.billing.taxes.computation import TaxableFee, invoice_taxes


@dataclass(frozen=True, slots=True)
class UsageRequest:
    """Which usage is asked for; the first of the three charge selectors that is given wins (spec 01 §10.4)."""

    charge_id: str | None = None
    charge_code: str | None = None
    billable_metric_code: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict[str, str])
    skip_grouping: bool = False
    full_usage: bool = False
    apply_taxes: bool = True

    @property
    def selects_charges(self) -> bool:
        return any((self.charge_id, self.charge_code, self.billable_metric_code))


PLAIN = UsageRequest()


@dataclass(frozen=True, slots=True)
class CurrentUsage:
    """The priced usage of one subscription; amounts in minor units of ``currency``."""

    subscription: Subscription
    plan: PlanSnapshot
    windows: Windows
    from_datetime: datetime
    currency: str
    charges: list[tuple[ChargeSnapshot, list[PricedBucket]]]
    amount_cents: int
    taxes_amount_cents: int

    @property
    def total_amount_cents(self) -> int:
        return self.amount_cents + self.taxes_amount_cents

    def wire(self) -> CustomerUsageOut:
        """The ``customer_usage`` object."""
        return {
            "from_datetime": iso(self.from_datetime) or "",
            "to_datetime": iso(self.windows.charges_to_datetime) or "",
            "issuing_date": local_date(self.windows.charges_to_datetime, self.windows.tz),
            "lago_invoice_id": None,
            "currency": self.currency,
            "amount_cents": self.amount_cents,
            "taxes_amount_cents": self.taxes_amount_cents,
            "total_amount_cents": self.total_amount_cents,
            "charges_usage": [charge_usage(charge, buckets, self.currency) for charge, buckets in self.charges],
        }


async def current_usage(
    ctx: Context,
    external_customer_id: str,
    external_subscription_id: str | None,
    request: UsageRequest = PLAIN,
) -> CurrentUsage:
    """Usage of a customer's active subscription in the charge period containing now.

    Raises ``NotFound("customer")``, ``NotAllowed("no_active_subscription")``, ``NotFound("charge")`` when a selector
    leaves none, ``NotAllowed("full_usage_not_allowed")``.
    """
    customer = await get_customer(ctx, external_customer_id)
    subscription = await _active(ctx, customer, external_subscription_id)
    return await usage_of(ctx, customer, subscription, request)


async def usage_of(
    ctx: Context, customer: Customer, subscription: Subscription, request: UsageRequest = PLAIN
) -> CurrentUsage:
    """The same for a subscription at hand."""
    plan = await plan_of(ctx, subscription)
    tz = applicable_timezone(customer, ctx.organization)
    chosen = windows(Case.current_usage, terms_of(subscription, plan, tz), ctx.now())
    charges = _selected(plan.charges, request)
    window = window_of(subscription.external_id, chosen)
    from_datetime = chosen.charges_from_datetime
    if request.full_usage:
        if not (request.selects_charges or request.groups) or any(charge.prorated for charge in charges):
            raise NotAllowed("full_usage_not_allowed")
        from_datetime = subscription.started_at or from_datetime
        window = window.starting(from_datetime)
    selection = Selection(
        match=dict(request.groups),
        ungroup=frozenset(request.groups),
        skip_grouping=request.skip_grouping,
    )
    priced = [
        (
            charge,
            await present_charge(ctx, charge, window, plan.amount_currency, selection)
            if charge.pay_in_advance and not request.full_usage
            else await price_charge(
                ctx, charge, window, plan.amount_currency, selection=selection, show_empty_groups=True
            ),
        )
        for charge in sorted(charges, key=lambda item: (item.metric.name.lower(), item.id))
    ]
    amount = sum(bucket.amount_cents for _, buckets in priced for bucket in buckets)
    taxes = await _taxes(ctx, customer, plan, priced, amount) if request.apply_taxes else 0
    return CurrentUsage(subscription, plan, chosen, from_datetime, plan.amount_currency, priced, amount, taxes)


def _selected(charges: Sequence[ChargeSnapshot], request: UsageRequest) -> list[ChargeSnapshot]:
    if request.charge_id is not None:
        found = [charge for charge in charges if str(charge.id) == request.charge_id.lower()]
    elif request.charge_code is not None:
        found = [charge for charge in charges if charge.code == request.charge_code]
    elif request.billable_metric_code is not None:
        found = [charge for charge in charges if charge.metric.code == request.billable_metric_code]
    else:
        return list(charges)
    if not found:
        raise NotFound("charge")
    return found


async def _active(ctx: Context, customer: Customer, external_id: str | None) -> Subscription:
    found = None
    if external_id:
        rows = await ctx.session.scalars(
            select(Subscription).where(
                col(Subscription.organization_id) == ctx.organization_id,
                col(Subscription.customer_id) == customer.id,
                col(Subscription.external_id) == external_id,
                col(Subscription.status) == "active",
            )
        )
        found = rows.first()
    if found is None:
        raise NotAllowed("no_active_subscription")
    return found


async def _taxes(
    ctx: Context,
    customer: Customer,
    plan: PlanSnapshot,
    priced: Sequence[tuple[ChargeSnapshot, Sequence[PricedBucket]]],
    amount_cents: int,
) -> int:
    """Taxes as on an invoice of these fees (spec 05 A2-A4)."""
    customer_taxes = await taxes_of_customer(ctx, customer)
    fees = [
        TaxableFee(
            amount_cents=bucket.amount_cents,
            precise_amount_cents=bucket.precise_amount_cents,
            discount_cents=bucket.precise_amount_cents * 0,
            taxes=charge.taxes or plan.taxes or customer_taxes,
        )
        for charge, buckets in priced
        for bucket in buckets
    ]
    return invoice_taxes(fees, amount_cents).taxes_amount_cents

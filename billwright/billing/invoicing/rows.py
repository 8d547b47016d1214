"""Rows of an invoice: a subscription with the windows it is billed for (spec 03 §3.6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import PlanSnapshot
from billwright.billing.invoicing.models import InvoiceSubscription
from billwright.billing.kernel.ids import new_id
from billwright.billing.subscriptions.calendar.termination import NOTHING_UNBILLED, Unbilled
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.trial import Trial
from billwright.billing.subscriptions.calendar.windows import Case, PreviousRow, Windows, windows
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import terms_of, trial_of


@dataclass(frozen=True, slots=True)
class Row:
    """One subscription on an invoice being made: its plan as of now, its windows and its trial."""

    subscription: Subscription
    plan: PlanSnapshot
    terms: Terms
    windows: Windows
    trial: Trial
    options: dict[str, Any]


async def new_row(
    ctx: Context,
    subscription: Subscription,
    plan: PlanSnapshot,
    case: Case,
    t: datetime,
    tz: str,
    *,
    unbilled: Unbilled = NOTHING_UNBILLED,
) -> Row:
    """The row of ``subscription`` for billing instant ``t`` in zone ``tz``."""
    options: dict[str, Any] = {}
    if unbilled != NOTHING_UNBILLED:
        options["unbilled"] = {"fee": unbilled.fee, "charges": unbilled.charges}
    previous = _previous_row(subscription, tz)
    if previous is not None:
        options["previous"] = {
            "charges_from": previous.charges_from.isoformat(),
            "charges_to": previous.charges_to.isoformat(),
            "tz": previous.tz,
        }
    return await _row(ctx, subscription, plan, case, t, tz, options)


async def stored_row(
    ctx: Context, stored: InvoiceSubscription, subscription: Subscription, plan: PlanSnapshot, tz: str
) -> Row:
    """The same row again, for a refresh: from the stored instant and reason, not from now (spec 03 §8.4 point 7)."""
    return await _row(
        ctx, subscription, plan, Case(stored.window_case), stored.timestamp, tz, dict(stored.window_options)
    )


async def _row(
    ctx: Context,
    subscription: Subscription,
    plan: PlanSnapshot,
    case: Case,
    t: datetime,
    tz: str,
    options: dict[str, Any],
) -> Row:
    terms = terms_of(subscription, plan, tz)
    chosen = windows(case, terms, t, unbilled=_unbilled(options), previous=_stored_previous(options))
    return Row(subscription, plan, terms, chosen, await trial_of(ctx, subscription, plan), options)


def _unbilled(options: dict[str, Any]) -> Unbilled:
    stored = options.get("unbilled")
    return Unbilled(fee=stored["fee"], charges=stored["charges"]) if stored else NOTHING_UNBILLED


def _stored_previous(options: dict[str, Any]) -> PreviousRow | None:
    stored = options.get("previous")
    if not stored:
        return None
    return PreviousRow(
        charges_from=datetime.fromisoformat(stored["charges_from"]),
        charges_to=datetime.fromisoformat(stored["charges_to"]),
        tz=stored["tz"],
    )


def _previous_row(subscription: Subscription, tz: str) -> PreviousRow | None:
    """Only a row in another zone can move the window's start, so others are not carried along."""
    if (
        subscription.last_timezone is None
        or subscription.last_timezone == tz
        or subscription.last_charges_from is None
        or subscription.last_charges_to is None
    ):
        return None
    return PreviousRow(subscription.last_charges_from, subscription.last_charges_to, subscription.last_timezone)


def row_values(row: Row, invoice_id: UUID, organization_id: UUID, created_at: datetime) -> dict[str, Any]:
    """Column values of the ``invoice_subscriptions`` row."""
    chosen = row.windows
    return {
        "id": new_id(),
        "created_at": created_at,
        "updated_at": created_at,
        "organization_id": organization_id,
        "invoice_id": invoice_id,
        "subscription_id": row.subscription.id,
        "invoicing_reason": chosen.case.reason,
        "recurring": chosen.recurring,
        "timestamp": chosen.timestamp,
        "from_datetime": chosen.from_datetime,
        "to_datetime": chosen.to_datetime,
        "charges_from_datetime": chosen.charges_from_datetime,
        "charges_to_datetime": chosen.charges_to_datetime,
        "charges_duration": chosen.charges_duration_days,
        "window_case": chosen.case.value,
        "window_options": row.options,
        "replaced_at": None,
    }


def remember_billed(row: Row) -> None:
    """Note on the subscription what the due test and the continuity rule need of this row."""
    subscription, chosen = row.subscription, row.windows
    if chosen.recurring:
        subscription.last_billed_on = chosen.day
    if chosen.case in (Case.starting, Case.plan_change_new, Case.periodic):
        subscription.last_charges_from = chosen.charges_from_datetime
        subscription.last_charges_to = chosen.charges_to_datetime
        subscription.last_timezone = chosen.tz

"""Checking a customer's VAT number in the background, for as long as it takes (spec 05 A7).

VIES is asked outside of any transaction. What it says is used only if the customer's data are still those that were
asked about (``ViesCheck.revision``); otherwise the job of the newer check does the work. Waiting times are system time,
in sandboxes too: their clocks go on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.clock import system_now
from billwright.billing.notifications.service import emit
from billwright.billing.taxes.eu_choice import choose_after_check
from billwright.billing.taxes.eu_customers import buyer_of, replace_customer_taxes
from billwright.billing.taxes.eu_management import eu_tax
from billwright.billing.taxes.eu_rates import is_eu
from billwright.billing.taxes.eu_waiting import CHECK_JOB, end_check, next_attempt, queue_check
from billwright.billing.taxes.models import ViesCheck
from billwright.billing.taxes.vat_checks import Invalid, Outcome, Unavailable, Valid
from billwright.billing.taxes.vat_numbers import VatNumber

MAX_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked, about which state of the customer."""

    customer_id: UUID
    revision: UUID
    vat_number: str


@job(CHECK_JOB)
async def check_customer(call: JobCall) -> None:
    """Ask once. An answer ends the check; without one the next attempt is noted, and ``queue_due_checks`` makes it."""
    asked = await _asked(call)
    if asked is None:
        return
    checker = call.runtime.vat_checker
    if checker is None:
        outcome: Outcome = Unavailable("service_unavailable", "VIES is not configured")
    else:
        outcome = await checker.check(asked.vat_number)
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        ctx = Context(session, organization, event_store=call.runtime.event_store)
        customer = await lock_customer(ctx, asked.customer_id)
        check = await _current(ctx, asked, lock=True)
        if customer is None or check is None or not organization.eu_tax_management:
            return
        if isinstance(outcome, Unavailable):
            _note_failure(ctx, check, outcome)
            await _announce(ctx, customer, asked.vat_number, outcome)
        else:
            await _conclude(ctx, customer, asked.vat_number, outcome)


async def _asked(call: JobCall) -> _Asked | None:
    """``None`` when nothing is to be asked: another check has taken its place, or its time has not come."""
    customer_id, revision = UUID(call.arguments["customer_id"]), UUID(call.arguments["revision"])
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        ctx = Context(session, organization)
        if not organization.eu_tax_management:
            return None
        customer = await lock_customer(ctx, customer_id)
        if customer is None:
            return None
        asked = _Asked(customer_id, revision, buyer_of(customer).tax_identification_number or "")
        check = await _current(ctx, asked)
        if check is None or check.next_attempt_at > system_now():
            return None
        if not is_eu(organization.country) or not asked.vat_number:
            await end_check(ctx, customer_id)
            return None
        return asked


async def _current(ctx: Context, asked: _Asked, *, lock: bool = False) -> ViesCheck | None:
    statement = select(ViesCheck).where(
        col(ViesCheck.organization_id) == ctx.organization_id,
        col(ViesCheck.customer_id) == asked.customer_id,
        col(ViesCheck.revision) == asked.revision,
    )
    found: ViesCheck | None = await ctx.session.scalar(statement.with_for_update() if lock else statement)
    return found


def _note_failure(ctx: Context, check: ViesCheck, outcome: Unavailable) -> None:
    instant = system_now()
    check.attempts_count += 1
    check.last_attempt_at = instant
    check.last_error_type = outcome.type
    check.last_error_message = outcome.message[:MAX_MESSAGE]
    check.next_attempt_at = next_attempt(check.attempts_count, instant)
    check.updated_at = ctx.now()


async def _conclude(ctx: Context, customer: Customer, vat_number: str, outcome: Valid | Invalid) -> None:
    seller = ctx.organization.country
    if seller is not None and is_eu(seller):
        code = choose_after_check(seller, buyer_of(customer), outcome, ctx.now())
        await replace_customer_taxes(ctx, customer, [await eu_tax(ctx, code)])
        await _announce(ctx, customer, vat_number, outcome)
    await end_check(ctx, customer.id)


async def _announce(ctx: Context, customer: Customer, vat_number: str, outcome: Outcome) -> None:
    details = {"vies_check": vies_check_object(vat_number, outcome)}
    await emit(ctx, "customer.vies_check", "customer", customer.id, details)


def vies_check_object(vat_number: str, outcome: Outcome) -> dict[str, Any]:
    """``vies_check`` of the webhook ``customer.vies_check``."""
    if isinstance(outcome, Valid):
        return {
            "valid": True,
            "valid_format": True,
            "country_code": outcome.country_code,
            "vat_number": outcome.vat_number,
            "request_date": outcome.request_date,
            "name": outcome.name,
            "address": outcome.address,
        }
    if isinstance(outcome, Invalid):
        return {"valid": False, "valid_format": outcome.valid_format}
    return {
        "valid": False,
        "valid_format": VatNumber.read(vat_number).is_well_formed,
        "error": outcome.message[:MAX_MESSAGE],
    }


async def queue_due_checks(runtime: Runtime, *, limit: int = 1000) -> int:
    """Queue the checks whose next attempt is due by system time; returns how many. For live and sandbox alike."""
    async with runtime.database.transaction() as session:
        rows = await session.execute(
            select(col(ViesCheck.organization_id), col(ViesCheck.customer_id), col(ViesCheck.revision))
            .join(Organization, col(Organization.id) == col(ViesCheck.organization_id))
            .where(col(ViesCheck.next_attempt_at) <= system_now(), col(Organization.eu_tax_management).is_(True))
            .order_by(col(ViesCheck.next_attempt_at))
            .limit(limit)
        )
        due = rows.all()
        for organization_id, customer_id, revision in due:
            await queue_check(session, organization_id, customer_id, revision)
    return len(due)

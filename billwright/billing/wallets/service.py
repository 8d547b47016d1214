"""Use cases of wallets (spec 05 D1): create, change, end. What moves the balance is in ``transactions.py``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.catalog.plan_metadata import validated_metadata
from billwright.billing.customers.locking import lock_customer, lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import get_customer
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.notifications.service import emit
from billwright.billing.wallets.attributes import (
    Scope,
    check_limits,
    default_code,
    expiration_due,
    read_expiration,
    read_rate,
    read_scope,
)
from billwright.billing.wallets.ledger import locked_wallet
from billwright.billing.wallets.marks import mark_wallets
from billwright.billing.wallets.metadata import MAX_PAIRS_OF_TOP_UPS, read_entries, read_name
from billwright.billing.wallets.models import Wallet, WalletMetric
from billwright.billing.wallets.queries import count_active
from billwright.billing.wallets.rule_reading import read_rules
from billwright.billing.wallets.rules import active_rule, carry_out_request, end_rule
from billwright.billing.wallets.schemas import WalletInput
from billwright.billing.wallets.transactions import Order, carry_out, read_inflow, read_paid, read_priority

MAX_ACTIVE = 6
"""Active wallets of one customer."""
INITIAL_TOP_UP = "wallet.initial_top_up"


async def create_wallet(ctx: Context, inp: WalletInput) -> Wallet:
    """A new wallet, empty; a job after commit buys and grants its first credits.

    Raises ``ValidationFailed`` with the codes of spec 05 D1 (``customer: customer_not_found``,
    ``wallet_limit_reached``) and ``NotFound("billing_entity")``.
    """
    _check_entity(ctx, inp)
    customer = await _customer(ctx, inp.external_customer_id)
    problems = Problems()
    inp.refuse_unsupported(problems)
    now = ctx.now()
    currency = inp.currency or customer.currency
    if currency is None:
        problems.add("currency", "value_is_mandatory")
    expiration = read_expiration(inp.expiration_at, now, problems)
    wallet = Wallet(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        customer_id=customer.id,
        live=ctx.organization.kind == "live",
        name=inp.name,
        code=inp.code or default_code(inp.name),
        priority=read_priority(inp.priority, "priority", problems),
        currency=currency or "",
        rate_amount=read_rate(inp.rate_amount, problems),
        expiration_at=expiration,
        expiration_due_at=expiration_due(expiration),
        invoice_requires_successful_payment=bool(inp.invoice_requires_successful_payment),
        paid_top_up_min_amount_cents=inp.paid_top_up_min_amount_cents,
        paid_top_up_max_amount_cents=inp.paid_top_up_max_amount_cents,
        custom_metadata=validated_metadata(inp.metadata, problems),
    )
    check_limits(wallet, problems)
    scope = await read_scope(ctx, inp.applies_to, problems, creating=True)
    wallet.initial_top_up = _initial_top_up(wallet, inp, problems)
    initial = (inp.paid_credits, inp.granted_credits)
    rules = read_rules(inp.recurring_transaction_rules, wallet, now, problems, initial=initial)
    if await count_active(ctx, customer.id) >= MAX_ACTIVE:
        problems.add("customer", "wallet_limit_reached")
    if inp.code and await _code_taken(ctx, wallet):
        problems.add("code", "value_already_exist")
    elif not inp.code:
        await _make_code_free(ctx, wallet)
    problems.raise_if_any()
    if customer.currency is None:
        customer.currency = currency
        customer.updated_at = now
    ctx.session.add(wallet)
    await ctx.session.flush()
    await _store_scope(ctx, wallet, scope)
    await carry_out_request(ctx, customer, wallet, None, rules)
    await emit(ctx, "wallet.created", "wallet", wallet.id)
    if wallet.initial_top_up is None:
        await mark_wallets(ctx, customer.id)
    else:
        await enqueue(
            ctx.session,
            ctx.organization_id,
            INITIAL_TOP_UP,
            {"wallet_id": str(wallet.id)},
            unique_key=f"{INITIAL_TOP_UP}:{wallet.id}",
        )
    return wallet


def _check_entity(ctx: Context, inp: WalletInput) -> None:
    if inp.billing_entity_code not in (None, billing_entity_code(ctx.organization)):
        raise NotFound("billing_entity")


async def _customer(ctx: Context, external_id: str | None) -> Customer:
    """The customer, locked; unknown ones are 422 here."""
    try:
        found = await get_customer(ctx, external_id or "")
    except NotFound:
        raise ValidationFailed(customer="customer_not_found") from None
    customer = await lock_customer(ctx, found.id)
    if customer is None or customer.deleted_at is not None:
        raise ValidationFailed(customer="customer_not_found")
    return customer


def _initial_top_up(wallet: Wallet, inp: WalletInput, problems: Problems) -> dict[str, Any] | None:
    """What the job needs, as JSON; ``None`` where nothing is bought or granted."""
    unlimited = bool(inp.ignore_paid_top_up_limits_on_creation)
    paid = read_paid(wallet, inp.paid_credits, problems, unlimited=unlimited)
    granted = read_inflow(wallet, "granted_credits", inp.granted_credits, problems)
    entries = read_entries(inp.transaction_metadata, problems, most=MAX_PAIRS_OF_TOP_UPS, name="transaction_metadata")
    wanted = {
        "name": read_name(inp.transaction_name, problems, name="transaction_name"),
        "priority": read_priority(inp.transaction_priority, "transaction_priority", problems),
        "entries": entries,
        "paid_credits": inp.paid_credits if paid else None,
        "granted_credits": inp.granted_credits if granted else None,
    }
    return wanted if paid or granted else None


@job(INITIAL_TOP_UP)
async def top_up_initially(call: JobCall) -> None:
    """Carry out what creation asked for, once; a wallet that has ended meanwhile gets nothing."""
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        ctx = Context(session, organization, event_store=call.runtime.event_store)
        wallet = await locked_wallet(ctx, UUID(call.arguments["wallet_id"]))
        if wallet is None or wallet.initial_top_up is None or wallet.status != "active":
            return
        wanted, problems = wallet.initial_top_up, Problems()
        wallet.initial_top_up = None
        order = Order(
            paid=read_inflow(wallet, "paid_credits", wanted["paid_credits"], problems),
            granted=read_inflow(wallet, "granted_credits", wanted["granted_credits"], problems),
            requires_successful_payment=wallet.invoice_requires_successful_payment,
            name=wanted["name"],
            entries=wanted["entries"],
            priority=wanted["priority"],
        )
        problems.raise_if_any()
        await carry_out(ctx, wallet, order)
        await mark_wallets(ctx, wallet.customer_id)


async def _code_taken(ctx: Context, wallet: Wallet) -> bool:
    found = await ctx.session.execute(
        select(
            exists().where(
                col(Wallet.organization_id) == ctx.organization_id,
                col(Wallet.customer_id) == wallet.customer_id,
                col(Wallet.code) == wallet.code,
                col(Wallet.status) == "active",
                col(Wallet.id) != wallet.id,
            )
        )
    )
    return bool(found.scalar_one())


async def _make_code_free(ctx: Context, wallet: Wallet) -> None:
    """Append the time to a default code that is taken, and a number where time stands still."""
    plain, stamp, number = wallet.code, int(wallet.created_at.timestamp()), 1
    while await _code_taken(ctx, wallet):
        wallet.code = f"{plain}_{stamp}" if number == 1 else f"{plain}_{stamp}_{number}"
        number += 1


async def _store_scope(ctx: Context, wallet: Wallet, scope: Scope) -> None:
    if scope.fee_types is not None:
        wallet.allowed_fee_types = scope.fee_types
    if scope.metric_ids is not None:
        await ctx.session.execute(delete(WalletMetric).where(col(WalletMetric.wallet_id) == wallet.id))
        ctx.session.add_all(WalletMetric(wallet_id=wallet.id, billable_metric_id=item) for item in scope.metric_ids)
    await ctx.session.flush()


async def update_wallet(ctx: Context, wallet_id: UUID, inp: WalletInput) -> Wallet:
    """Change what was sent; currency, rate and credits stay. A null ``expiration_at`` or limit removes it.

    Raises ``NotFound("wallet")`` and ``ValidationFailed`` (``wallet_id: wallet_is_terminated`` and spec 05 D1's).
    """
    _check_entity(ctx, inp)
    customer, wallet = await _locked(ctx, wallet_id)
    if wallet.status != "active":
        raise ValidationFailed(wallet_id="wallet_is_terminated")
    active = await active_rule(ctx, wallet.id)
    problems = Problems()
    inp.refuse_unsupported(problems)
    with ctx.session.no_autoflush:
        _assign(wallet, inp, ctx.now(), problems)
        if inp.metadata is not None:
            wallet.custom_metadata = validated_metadata(inp.metadata, problems)
        scope = await read_scope(ctx, inp.applies_to, problems, creating=False)
        if inp.code and await _code_taken(ctx, wallet):
            problems.add("code", "value_already_exist")
        rules = read_rules(inp.recurring_transaction_rules, wallet, ctx.now(), problems, active=active)
        problems.raise_if_any()
    wallet.updated_at = ctx.now()
    await _store_scope(ctx, wallet, scope)
    await carry_out_request(ctx, customer, wallet, active, rules)
    await emit(ctx, "wallet.updated", "wallet", wallet.id)
    await mark_wallets(ctx, customer.id)
    return wallet


def _assign(wallet: Wallet, inp: WalletInput, now: datetime, problems: Problems) -> None:
    if inp.given("name"):
        wallet.name = inp.name
    if inp.code:
        wallet.code = inp.code
    if inp.priority is not None:
        wallet.priority = read_priority(inp.priority, "priority", problems)
    if inp.given("expiration_at"):
        wallet.expiration_at = read_expiration(inp.expiration_at, now, problems)
        wallet.expiration_due_at = expiration_due(wallet.expiration_at)
    if inp.invoice_requires_successful_payment is not None:
        wallet.invoice_requires_successful_payment = inp.invoice_requires_successful_payment
    for name in ("paid_top_up_min_amount_cents", "paid_top_up_max_amount_cents"):
        if inp.given(name):
            setattr(wallet, name, getattr(inp, name))
    check_limits(wallet, problems)


async def _locked(ctx: Context, wallet_id: UUID) -> tuple[Customer, Wallet]:
    """The wallet under the customer's row lock and the ``prepaid_credit`` lock. Raises ``NotFound("wallet")``."""
    found: Wallet | None = await ctx.session.scalar(
        select(Wallet).where(col(Wallet.id) == wallet_id, col(Wallet.organization_id) == ctx.organization_id)
    )
    customer = None if found is None else await lock_customer(ctx, found.customer_id)
    wallet = None if customer is None else await locked_wallet(ctx, wallet_id)
    if customer is None or wallet is None:
        raise NotFound("wallet")
    return customer, wallet


async def terminate_wallet(ctx: Context, wallet_id: UUID) -> Wallet:
    """End a wallet; what is left in it is lost. Ending it again changes nothing. Raises ``NotFound("wallet")``."""
    _, wallet = await _locked(ctx, wallet_id)
    if wallet.status == "active":
        await _terminate(ctx, [wallet], ctx.now())
    return wallet


async def terminate_wallets_of(ctx: Context, customer: Customer) -> None:
    """End all wallets of a locked customer that is being deleted."""
    await lock_scope(ctx, "prepaid_credit", customer.id)
    rows = await ctx.session.scalars(
        select(Wallet)
        .where(
            col(Wallet.organization_id) == ctx.organization_id,
            col(Wallet.customer_id) == customer.id,
            col(Wallet.status) == "active",
        )
        .order_by(col(Wallet.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    await _terminate(ctx, rows.all(), ctx.now())


async def expire_wallets(ctx: Context, now: datetime) -> int:
    """End the organization's wallets whose slot has come (spec 03 §8.1, :45); returns how many."""
    found = await ctx.session.execute(
        select(col(Wallet.customer_id), col(Wallet.id))
        .where(col(Wallet.organization_id) == ctx.organization_id, col(Wallet.expiration_due_at) <= now)
        .order_by(col(Wallet.customer_id), col(Wallet.id))
    )
    ended: list[Wallet] = []
    for _, wallet_id in found.all():
        wallet = await locked_wallet(ctx, wallet_id)
        if wallet is not None and wallet.expiration_due_at is not None and wallet.expiration_due_at <= now:
            ended.append(wallet)
    await _terminate(ctx, ended, now)
    return len(ended)


async def _terminate(ctx: Context, wallets: Iterable[Wallet], now: datetime) -> None:
    customers: set[UUID] = set()
    for wallet in wallets:
        wallet.expiration_due_at = None
        if wallet.status == "active":
            wallet.status = "terminated"
            wallet.terminated_at = now
            wallet.updated_at = now
            customers.add(wallet.customer_id)
            rule = await active_rule(ctx, wallet.id)
            if rule is not None:
                end_rule(rule, now)
            await emit(ctx, "wallet.terminated", "wallet", wallet.id)
    await ctx.session.flush()
    for customer_id in sorted(customers):
        await mark_wallets(ctx, customer_id)

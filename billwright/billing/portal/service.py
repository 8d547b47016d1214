"""What a customer may change in the portal: its own information, and purchases for its wallets (spec 07 §5.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.schemas import CustomerInput
from billwright.billing.customers.service import upsert_customer
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.errors import NotFound, RateLimited, Unauthorized, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.portal.models import PortalTopUp
from billwright.billing.portal.queries import own_wallet
from billwright.billing.wallets.amounts import read_credits
from billwright.billing.wallets.models import WalletTransaction
from billwright.billing.wallets.schemas import WalletTransactionInput
from billwright.billing.wallets.transactions import create_transactions

TOP_UPS, TOP_UP_WINDOW = 10, timedelta(hours=1)
EDITABLE = (
    "customer_type",
    "name",
    "firstname",
    "lastname",
    "legal_name",
    "tax_identification_number",
    "email",
    "address_line1",
    "address_line2",
    "city",
    "zipcode",
    "state",
    "country",
    "shipping_address",
)
"""Attributes of its own that a customer may change; ``document_locale`` besides."""


async def update_information(ctx: Context, customer_id: UUID, values: Mapping[str, Any]) -> Customer:
    """Change the customer's own information: the keys of ``EDITABLE`` and ``document_locale``, absent ones untouched.

    Everything follows as after an edit in the back office: EU taxes, ``customer.updated``, connections. Raises
    ``ValidationFailed`` with the customer's codes, ``Unauthorized`` if the customer was deleted meanwhile.
    """
    customer = await _locked(ctx, customer_id)
    changes = {name: value for name, value in values.items() if name in EDITABLE}
    if "document_locale" in values:
        changes["billing_configuration"] = {"document_locale": values["document_locale"]}
    try:
        inp = CustomerInput.parse({**changes, "external_id": customer.external_id})
    except ValidationFailed as failure:
        raise ValidationFailed(
            {
                "document_locale" if name == "billing_configuration" else name: codes
                for name, codes in failure.details.items()
            }
        ) from None
    return await upsert_customer(ctx, inp)


async def top_up(
    ctx: Context, customer_id: UUID, wallet_id: UUID, paid_credits: Any, form_token: str | None = None
) -> WalletTransaction:
    """Buy credits; the purchase that a form has made already is answered again and nothing is bought.

    Raises ``ValidationFailed`` (``wallet_id: wallet_not_found``, ``wallet_is_terminated``; ``paid_credits:
    invalid_paid_credits``, ``invalid_amount``, ``amount_rounds_to_zero`` and the wallet's limits), ``RateLimited``
    beyond ten purchases an hour of system time, ``Unauthorized`` if the customer was deleted meanwhile.
    """
    customer = await _locked(ctx, customer_id)
    digest = hashlib.sha256(form_token.encode("utf-8", "replace")).hexdigest() if form_token else None
    made = await _made_by(ctx, customer, digest)
    if made is not None:
        return made
    try:
        await own_wallet(ctx, customer, wallet_id)
    except NotFound:
        raise ValidationFailed(wallet_id="wallet_not_found") from None
    await _throttle(ctx, customer)
    credits = read_credits(paid_credits)
    if credits is not None and not credits:
        raise ValidationFailed(paid_credits=["invalid_paid_credits", "invalid_amount"])
    inp = WalletTransactionInput.parse({"wallet_id": str(wallet_id), "paid_credits": paid_credits or ""})
    [transaction] = await create_transactions(ctx, inp)
    ctx.session.add(
        PortalTopUp(
            id=new_id(),
            organization_id=ctx.organization_id,
            customer_id=customer.id,
            wallet_transaction_id=transaction.id,
            form_digest=digest,
            created_at=system_now(),
        )
    )
    await ctx.session.flush()
    return transaction


async def _locked(ctx: Context, customer_id: UUID) -> Customer:
    """The customer's row, locked: purchases of one customer are made one after the other."""
    customer = await lock_customer(ctx, customer_id)
    if customer is None or customer.deleted_at is not None:
        raise Unauthorized
    return customer


async def _made_by(ctx: Context, customer: Customer, digest: str | None) -> WalletTransaction | None:
    if digest is None:
        return None
    statement = (
        select(WalletTransaction)
        .join(PortalTopUp, col(PortalTopUp.wallet_transaction_id) == col(WalletTransaction.id))
        .where(col(PortalTopUp.customer_id) == customer.id, col(PortalTopUp.form_digest) == digest)
    )
    return (await ctx.session.scalars(statement)).first()


async def _throttle(ctx: Context, customer: Customer) -> None:
    since = system_now() - TOP_UP_WINDOW
    statement = select(func.count()).where(
        col(PortalTopUp.customer_id) == customer.id, col(PortalTopUp.created_at) > since
    )
    if int((await ctx.session.execute(statement)).scalar_one()) >= TOP_UPS:
        raise RateLimited

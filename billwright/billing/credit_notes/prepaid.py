"""Credit notes on purchases of wallet credits (spec 05 C6): refunds of what is left, or the end of an unpaid purchase.

The wallets' room connects itself with ``connect``; without it no purchase exists, and none can be credited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.balances import Balance
from billwright.billing.credit_notes.issuing import Parts
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotAllowed, ValidationFailed


@dataclass(frozen=True, slots=True)
class TopUp:
    """The purchase that an invoice of type ``credit`` bills; ``remaining_amount_cents``: what is left of its credits,
    0 while it is unpaid.
    """

    wallet_name: str | None
    wallet_is_active: bool
    remaining_amount_cents: int


class PrepaidCredits(Protocol):
    """What wallets do for credit notes. Every call runs in the note's transaction."""

    async def top_up(self, ctx: Context, invoice: Invoice) -> TopUp | None:
        """The purchase, under the customer's ``prepaid_credit`` lock."""
        ...

    async def top_ups(self, ctx: Context, invoices: Sequence[Invoice]) -> Mapping[UUID, TopUp]:
        """The purchases by the ids of their invoices, without a lock: for showing only."""
        ...

    async def refund(self, ctx: Context, invoice: Invoice, note: CreditNote, amount_cents: int) -> None:
        """Void credits of that purchase worth ``amount_cents``, with a transaction that names the note."""
        ...

    async def fail(self, ctx: Context, invoice: Invoice) -> None:
        """The purchase is cancelled before it was paid: it fails, no credits are granted.

        Afterwards the invoice's payment status becomes ``succeeded`` because nothing is due any more (its
        ``offset_amount_cents`` is its total): that must not grant credits either.
        """
        ...


_connected: list[PrepaidCredits] = []


def connect(wallets: PrepaidCredits) -> None:
    """Let credit notes reach the wallets; the last one connected serves."""
    _connected[:] = [wallets]


async def top_up_of(ctx: Context, invoice: Invoice) -> TopUp:
    """The invoice's purchase. Raises ``NotAllowed("invalid_type_or_status")`` without one on an active wallet."""
    found = await _connected[0].top_up(ctx, invoice) if _connected else None
    if found is None or not found.wallet_is_active:
        raise NotAllowed("invalid_type_or_status")
    return found


async def top_ups_of(ctx: Context, invoices: Sequence[Invoice]) -> Mapping[UUID, TopUp]:
    """The purchases of invoices of type ``credit``, without a lock: for showing only."""
    purchases = [invoice for invoice in invoices if invoice.invoice_type == "credit"]
    return await _connected[0].top_ups(ctx, purchases) if _connected and purchases else {}


async def wallet_name_of(ctx: Context, invoice: Invoice) -> str | None:
    """The wallet's name as documents print it, whatever became of the wallet."""
    found = await _connected[0].top_up(ctx, invoice) if _connected else None
    return found.wallet_name if found is not None else None


def is_paid(invoice: Invoice) -> bool:
    return invoice.payment_status == "succeeded"


def creditable_rest(balance: Balance, top_up: TopUp) -> int:
    """The most that items may give back of a paid purchase."""
    return min(top_up.remaining_amount_cents, balance.unrefunded_cents)


def check_kind(invoice: Invoice, parts: Parts) -> None:
    """A paid purchase is refunded, an unpaid one offset in full.

    Raises ``ValidationFailed`` (``credit_amount_cents: cannot_credit_invoice``) and
    ``NotAllowed("invalid_type_or_status")``.
    """
    if is_paid(invoice):
        if parts.credit_cents:
            raise ValidationFailed(credit_amount_cents="cannot_credit_invoice")
        if parts.offset_cents:
            raise ValidationFailed(offset_amount_cents="cannot_apply_to_paid_invoice")
        return
    if parts.credit_cents or parts.refund_cents:
        raise NotAllowed("invalid_type_or_status")
    if invoice.total_paid_amount_cents:
        raise ValidationFailed(offset_amount_cents="cannot_apply_to_paid_invoice")
    if parts.offset_cents != invoice.total_amount_cents:
        raise ValidationFailed(offset_amount_cents="not_equal_to_total_amount")


async def cancel_purchase(ctx: Context, invoice: Invoice, parts: Parts) -> None:
    """Before the note: an offset ends an unpaid purchase."""
    if parts.offset_cents:
        await _connected[0].fail(ctx, invoice)


async def void_credits(ctx: Context, invoice: Invoice, note: CreditNote) -> None:
    """After the note, in the same transaction: a refund takes credits worth as much away."""
    if note.refund_amount_cents:
        await _connected[0].refund(ctx, invoice, note, note.refund_amount_cents)

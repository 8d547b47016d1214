"""What can still be given back of invoices, for those who are about to ask for it (spec 05 C2, C6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.credit_notes import prepaid
from billwright.billing.credit_notes.balances import Balance, balances_of
from billwright.billing.invoicing.models import Invoice


@dataclass(frozen=True, slots=True)
class Availability:
    """The most that a credit note can give back of an invoice, in its minor units, taxes included: as credit, as a
    refund, and off what is still due. ``fees``: by fee, the most of an item, excluding taxes and before coupons.
    """

    creditable_cents: int
    refundable_cents: int
    offsettable_cents: int
    fees: Mapping[UUID, int]

    @property
    def anything(self) -> bool:
        """Whether a note with an amount can be issued at all."""
        return bool(self.creditable_cents or self.refundable_cents or self.offsettable_cents)


async def availability_of(ctx: Context, invoices: Sequence[Invoice]) -> dict[UUID, Availability]:
    """By invoice; nothing for those that are not finalized or voided. A constant number of queries."""
    issued = [invoice for invoice in invoices if invoice.status in ("finalized", "voided")]
    if not issued:
        return {}
    balances = await balances_of(ctx, issued)
    top_ups = await prepaid.top_ups_of(ctx, issued)
    return {
        key: _of_purchase(balance, top_ups.get(key)) if balance.invoice.invoice_type == "credit" else _of(balance)
        for key, balance in balances.items()
    }


def _of(balance: Balance) -> Availability:
    return Availability(
        creditable_cents=balance.creditable_cents,
        refundable_cents=balance.refundable_cents,
        offsettable_cents=balance.offsettable_cents,
        fees={fee.id: fee.creditable_cents for fee in balance.fees},
    )


def _of_purchase(balance: Balance, top_up: prepaid.TopUp | None) -> Availability:
    """Wallet credits: a paid purchase is refunded as far as they are left, an unpaid one is cancelled as a whole."""
    invoice = balance.invoice
    if top_up is None or not top_up.wallet_is_active:
        return Availability(0, 0, 0, {})
    if prepaid.is_paid(invoice):
        rest = prepaid.creditable_rest(balance, top_up)
        fees = {fee.id: min(fee.creditable_cents, rest) for fee in balance.fees}
        return Availability(0, rest, 0, fees)
    due = invoice.total_due_amount_cents
    whole = due if due == invoice.total_amount_cents and not invoice.total_paid_amount_cents else 0
    return Availability(0, 0, whole, {fee.id: fee.creditable_cents if whole else 0 for fee in balance.fees})

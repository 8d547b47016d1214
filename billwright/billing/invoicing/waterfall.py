"""An invoice on its way from fees to the amount due (spec 04 §3.1): what the steps of ``credits`` work on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import inspect

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Credit, Invoice
from billwright.billing.invoicing.rows import Row
from billwright.billing.invoicing.totals import Totals
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.records import Table


@dataclass(frozen=True, slots=True)
class Held:
    """What the customer has that may reduce an invoice; false means that its step need not look. ``any_wallet``: one
    that is empty or of another currency as well."""

    coupons: bool = False
    credit_notes: bool = False
    wallets: bool = False
    any_wallet: bool = False


@dataclass(frozen=True, slots=True)
class Excess:
    """What progressive invoice ``invoice_id`` billed and this invoice cannot take (spec 02 §13.5), before taxes.

    ``earlier``: the progressive invoices of the same period before it, newest first.
    """

    invoice_id: UUID
    earlier: Sequence[UUID]
    amount_cents: int


@dataclass(slots=True)
class Waterfall:
    """Amounts in minor units of ``invoice.currency``.

    Steps before taxes raise ``FeeDraft.discount`` by exactly what they add to ``progressive_cents`` or
    ``coupons_cents``. Steps after taxes raise ``FeeDraft.credit_notes`` where they spread what they take. ``totals``
    are those of the bare fees before taxes, and of the discounted fees after (``fee_taxes`` aligned with ``fees``).
    ``final``: the invoice is being issued; false on drafts, where nothing is consumed. ``now``: on the organization's
    clock. ``held``: which steps have anything to take (nothing on drafts). ``prepaid_granted_cents`` and
    ``prepaid_purchased_cents`` split ``prepaid_cents`` by the origin of the credits, null where nothing is. ``rows``:
    what to store once the invoice's row exists, in order. ``rows_billed``: the subscriptions that the fees are for;
    ``excesses``: what progressive invoices billed too much, to be given back once the invoice is final;
    ``is_watched``: whether usage thresholds or alerts of the organization may be concerned.
    """

    invoice: Invoice
    fees: Sequence[FeeDraft]
    totals: Totals
    final: bool
    now: datetime
    held: Held
    progressive_cents: int = 0
    coupons_cents: int = 0
    credit_notes_cents: int = 0
    prepaid_cents: int = 0
    prepaid_granted_cents: int | None = None
    prepaid_purchased_cents: int | None = None
    rows: list[Table] = field(default_factory=list[Table])
    rows_billed: Sequence[Row] = ()
    excesses: list[Excess] = field(default_factory=list[Excess])
    is_watched: bool = False

    @property
    def is_stored(self) -> bool:
        """Whether the invoice has a row, so that credits may have reduced it before."""
        return not inspect(self.invoice).transient

    @property
    def sub_total_excluding_taxes_cents(self) -> int:
        """What is left of the fees before taxes."""
        return self.totals.fees_amount_cents - self.progressive_cents - self.coupons_cents

    @property
    def due_cents(self) -> int:
        """What is left of the total; meaningful after taxes."""
        return self.totals.sub_total_including_taxes_amount_cents - self.credit_notes_cents - self.prepaid_cents

    def credit(
        self,
        amount_cents: int,
        *,
        before_taxes: bool,
        applied_coupon_id: UUID | None = None,
        credit_note_id: UUID | None = None,
        progressive_billing_invoice_id: UUID | None = None,
    ) -> None:
        """Note one line of the invoice's ``credits``; exactly one source is given."""
        self.rows.append(
            Credit(
                id=new_id(),
                created_at=self.now,
                updated_at=self.now,
                organization_id=self.invoice.organization_id,
                invoice_id=self.invoice.id,
                applied_coupon_id=applied_coupon_id,
                credit_note_id=credit_note_id,
                progressive_billing_invoice_id=progressive_billing_invoice_id,
                position=len(self.rows),
                amount_cents=amount_cents,
                currency=self.invoice.currency,
                before_taxes=before_taxes,
            )
        )


Step = Callable[[Context, Customer, Waterfall], Awaitable[None]]
"""One reduction: lowers what it may lower. The customer is locked."""

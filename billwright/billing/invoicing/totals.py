"""Totals of an invoice from its fees (spec 04 §3.1): discounts, taxes, and the waterfall to the total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.taxes.computation import (
    FeeTaxes,
    InvoiceTaxes,
    TaxableFee,
    fee_taxes,
    invoice_taxes,
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Amounts of an invoice in minor units. ``fee_taxes`` is aligned with the fees given. ``untaxed``: the taxes are
    not known yet, so there is no total either (spec 05 A7).
    """

    fees_amount_cents: int
    progressive_billing_credit_amount_cents: int
    coupons_amount_cents: int
    sub_total_excluding_taxes_amount_cents: int
    taxes_amount_cents: int
    sub_total_including_taxes_amount_cents: int
    total_amount_cents: int
    taxes: InvoiceTaxes
    fee_taxes: list[FeeTaxes] = field(default_factory=list[FeeTaxes])
    untaxed: bool = False

    @property
    def payment_status(self) -> str:
        """``succeeded`` when nothing is owed, else ``pending`` (spec 04 §2.3)."""
        return "succeeded" if self.total_amount_cents == 0 and not self.untaxed else "pending"


def totals_of(
    fees: Sequence[FeeDraft],
    *,
    progressive_credit_cents: int = 0,
    coupons_cents: int = 0,
    untaxed: bool = False,
) -> Totals:
    """Sum fees, discounts and taxes. Each fee's ``discount`` already holds its share of both credits."""
    amount = sum(fee.amount_cents for fee in fees)
    sub_total = amount - progressive_credit_cents - coupons_cents
    taxable = [
        TaxableFee(
            amount_cents=fee.amount_cents,
            precise_amount_cents=fee.precise_amount_cents,
            discount_cents=fee.discount,
            taxes=() if untaxed else fee.taxes,
        )
        for fee in fees
    ]
    taxes = invoice_taxes(taxable, sub_total)
    including = 0 if untaxed else sub_total + taxes.taxes_amount_cents
    return Totals(
        fees_amount_cents=amount,
        progressive_billing_credit_amount_cents=progressive_credit_cents,
        coupons_amount_cents=coupons_cents,
        sub_total_excluding_taxes_amount_cents=sub_total,
        taxes_amount_cents=taxes.taxes_amount_cents,
        sub_total_including_taxes_amount_cents=including,
        total_amount_cents=including,
        taxes=taxes,
        fee_taxes=[fee_taxes(fee) for fee in taxable],
        untaxed=untaxed,
    )

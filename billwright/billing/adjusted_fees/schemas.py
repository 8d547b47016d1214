"""What is asked of a fee that is set by hand (spec 02 §14)."""

from __future__ import annotations

from billwright.billing.kernel.inputs import Input, Number, Text


class FeeTarget(Input):
    """Which fee of an invoice: ``fee_id``, or what is billed (for a fee that usage did not produce)."""

    invoice_id: Text | None = None
    fee_id: Text | None = None
    subscription_id: Text | None = None
    charge_id: Text | None = None
    charge_filter_id: Text | None = None


class FeeAdjustment(FeeTarget):
    """``units``: decimal. ``unit_precise_amount``: currency units per unit. ``invoice_display_name``: printed name."""

    units: Number | None = None
    unit_precise_amount: Number | None = None
    invoice_display_name: Text | None = None

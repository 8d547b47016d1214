"""Inputs about fees, and estimated fees on the wire (spec 02 §10.8, §11.2; 01 §11)."""

from __future__ import annotations

from billwright.billing.kernel.inputs import Input, Text


class FeeUpdate(Input):
    """Body of ``PUT /fees/{lago_id}``."""

    payment_status: Text | None = None

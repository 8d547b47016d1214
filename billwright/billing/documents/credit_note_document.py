"""What a credit note document is made of (spec 04 §21). Units as in ``invoice_document``."""

from __future__ import annotations

from dataclasses import dataclass

from billwright.billing.documents.invoice_document import DocumentCommon, FeeKind, FeeTax, FilterLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedFee:
    """An item of the note on a fee of a subscription; names as in ``FeeLine``.

    ``true_up_amount_cents``: the item on the fee's true-up, printed after it, with ``true_up_taxes``.
    """

    kind: FeeKind
    amount_cents: int
    invoice_display_name: str | None = None
    item_name: str | None = None
    group_values: tuple[str, ...] = ()
    filter: FilterLabel | None = None
    taxes: tuple[FeeTax, ...] = ()
    true_up_amount_cents: int = 0
    true_up_taxes: tuple[FeeTax, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedSubscription:
    """A subscription's items. ``name``: subscription name, else plan display name, else plan name."""

    name: str
    items: tuple[CreditedFee, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedAddOn:
    """An item on a one-off invoice's fee."""

    name: str
    amount_cents: int
    taxes: tuple[FeeTax, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedPrepaid:
    """The single row of a note on a credit invoice: what is given back of the wallet's credits."""

    amount_cents: int
    wallet_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteDocument(DocumentCommon):
    """A finalized credit note. Amounts are positive minor units; ``total = credit + refund + offset``.

    ``applied_taxes`` carry the note's own bases.
    """

    invoice_number: str
    total_amount_cents: int
    sub_total_excluding_taxes_amount_cents: int = 0
    coupons_adjustment_amount_cents: int = 0
    credit_amount_cents: int = 0
    refund_amount_cents: int = 0
    offset_amount_cents: int = 0
    subscriptions: tuple[CreditedSubscription, ...] = ()
    add_ons: tuple[CreditedAddOn, ...] = ()
    prepaid: CreditedPrepaid | None = None

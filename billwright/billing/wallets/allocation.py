"""Which wallet pays what of an invoice (spec 05 D5). Pure; amounts in minor units.

Fees are gathered in buckets per fee type and billable metric. Wallets, in their order, take from the buckets that they
may pay. Buckets hold fractions of a cent, payments do not: they come from the rounded running sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from billwright.billing.kernel.money import round_half_up


@dataclass(frozen=True, slots=True)
class Part:
    """What is payable of one fee: ``base`` after discounts, ``rest`` with precise taxes and less credit notes."""

    fee_type: str
    metric_id: str | None
    base: Fraction
    rest: Fraction


@dataclass(slots=True)
class Bucket:
    """What is left to pay of one fee type and metric."""

    fee_type: str
    metric_id: str | None
    rest: Fraction


@dataclass(frozen=True, slots=True)
class Payer:
    """A wallet: what it holds and what it pays; with neither types nor metrics it pays everything."""

    balance_cents: int
    fee_types: frozenset[str] = frozenset()
    metric_ids: frozenset[str] = frozenset()

    def pays(self, bucket: Bucket) -> bool:
        if not self.fee_types and not self.metric_ids:
            return True
        return bucket.fee_type in self.fee_types or (
            bucket.fee_type == "charge" and bucket.metric_id in self.metric_ids
        )


def buckets_of(parts: Iterable[Part], due_cents: int) -> list[Bucket]:
    """Buckets, largest first; what they lack of the total by rounding goes to the largest."""
    found: dict[tuple[str, str | None], Bucket] = {}
    for part in parts:
        if part.base == 0 or part.rest <= 0:
            continue
        metric_id = part.metric_id if part.fee_type == "charge" else None
        bucket = found.setdefault((part.fee_type, metric_id), Bucket(part.fee_type, metric_id, Fraction(0)))
        bucket.rest += part.rest
    buckets = sorted(found.values(), key=lambda item: -item.rest) or [Bucket("", None, Fraction(0))]
    buckets[0].rest += max(due_cents - sum((item.rest for item in buckets), Fraction(0)), Fraction(0))
    return buckets


def allocate(parts: Iterable[Part], due_cents: int, payers: Sequence[Payer]) -> list[int]:
    """What each payer pays, in whole minor units; never more than the invoice or its balance."""
    buckets = buckets_of(parts, due_cents)
    allocated, paid = Fraction(0), 0
    payments: list[int] = []
    for payer in payers:
        own = Fraction(payer.balance_cents)
        for bucket in buckets:
            if not payer.pays(bucket):
                continue
            taken = min(bucket.rest, own, due_cents - allocated)
            bucket.rest -= taken
            own -= taken
            allocated += taken
        pay = max(min(int(round_half_up(allocated)) - paid, payer.balance_cents, due_cents - paid), 0)
        payments.append(pay)
        paid += pay
    return payments

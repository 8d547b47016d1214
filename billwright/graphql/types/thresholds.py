"""Usage thresholds and lifetime usage (spec 02 §13). Amounts are minor units of the plan's currency."""

from __future__ import annotations

import strawberry

from billwright.billing.progressive.checking import Completion, completions
from billwright.billing.progressive.queries import AppliedThreshold
from billwright.billing.progressive.schemas import ratio
from billwright.billing.progressive.service import LifetimeUsageView
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601DateTime
from billwright.graphql.types.common import f, shown

Row = strawberry.Parent[LifetimeUsageView]
AppliedRow = strawberry.Parent[AppliedThreshold]


@strawberry.type(description="A lifetime usage that makes an invoice when it is reached.")
class UsageThreshold:
    id: strawberry.ID = f("Internal id.")
    amount_cents: BigInt = f("Usage before taxes and discounts, in minor units.")
    threshold_display_name: str | None = f("Name shown to people.")
    recurring: bool = f("Whether it is reached again each time usage grows by the amount after the last step.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")


@strawberry.type(description="A threshold that a progressive invoice was made for.")
class AppliedUsageThreshold:
    @strawberry.field(description="Lifetime usage that passed it, in minor units.")
    def lifetime_usage_amount_cents(self, root: AppliedRow) -> BigInt:
        return BigInt(root.applied.lifetime_usage_amount_cents)

    @strawberry.field(description="When its invoice was made.")
    def created_at(self, root: AppliedRow) -> ISO8601DateTime:
        return ISO8601DateTime(root.applied.created_at)

    @strawberry.field(description="The threshold as it is now.")
    def usage_threshold(self, root: AppliedRow) -> UsageThreshold:
        return shown(root.threshold)


@strawberry.type(description="A threshold on the way of lifetime usage.")
class LifetimeUsageThreshold:
    amount_cents: BigInt = f("Lifetime usage at which it is reached, in minor units.")

    @strawberry.field(description="Part of the way from the threshold before, from 0 to 1.")
    def completion_ratio(self, root: strawberry.Parent[Completion]) -> DecimalText:
        return DecimalText(ratio(root.ratio))


@strawberry.type(
    description="Usage of charges in arrears since a subscription's beginning, before taxes and discounts."
)
class LifetimeUsage:
    @strawberry.field(description="All of it, in minor units.")
    def total_usage_amount_cents(self, root: Row) -> BigInt:
        return BigInt(root.usage.total)

    @strawberry.field(description="Usage from before, set by hand, in minor units.")
    def external_historical_usage_amount_cents(self, root: Row) -> BigInt:
        return BigInt(root.usage.historical)

    @strawberry.field(description="Billed by subscription invoices, in minor units.")
    def invoiced_usage_amount_cents(self, root: Row) -> BigInt:
        return BigInt(root.usage.invoiced)

    @strawberry.field(description="Usage of the running period, in minor units.")
    def current_usage_amount_cents(self, root: Row) -> BigInt:
        return BigInt(root.usage.current)

    @strawberry.field(description="Thresholds ascending, the recurring one as its multiples; empty without thresholds.")
    def usage_thresholds(self, root: Row) -> list[LifetimeUsageThreshold]:
        return shown(completions(root.grid, root.usage.total))

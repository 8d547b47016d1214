"""What prices would cost that are still being written (spec 07 §7.6)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.money import CURRENCIES
from billwright.billing.pricing import trial
from billwright.graphql.enums import BillableMetricAggregationTypeEnum
from billwright.graphql.mutations.inputs import i, m
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, DecimalText, JsonObject
from billwright.graphql.types.common import Inf, f, shown

MAX_PRICES = 200
Row = strawberry.Parent[trial.PriceTrial]


@strawberry.input(description="A price, and the usage to try it on.")
class PriceTrialInput:
    charge_model: str = m("Charge model.")
    aggregation_type: BillableMetricAggregationTypeEnum = m("How the metric's events become units.")
    properties: JsonObject | None = i("Price, as the charge model wants it; amounts in currency units.")
    units: DecimalText = m("Units of one period.")
    events_count: int | None = i("Events that they came in, all of the same size; one for each unit when left out.")


@strawberry.type(description="A point of a price curve.")
class PricePoint:
    units: DecimalText = f("Units of a period.")
    amount: DecimalText = f("What they cost, in currency units.")


@strawberry.type(description="What units would cost.")
class PriceTrial:
    @strawberry.field(description="Units that were priced.")
    def units(self, root: Row) -> DecimalText:
        return DecimalText(root.fee.units)

    @strawberry.field(description="What they cost, in minor units of the currency.")
    def amount_cents(self, root: Row) -> BigInt:
        return BigInt(root.fee.amount_cents)

    @strawberry.field(description="What one of them costs on average, in currency units.")
    def precise_unit_amount(self, root: Row) -> DecimalText:
        return DecimalText(root.fee.precise_unit_amount)

    @strawberry.field(description="The parts of the amount, as on a fee.")
    def amount_details(self, root: Row) -> JsonObject:
        return JsonObject(root.fee.amount_details)

    @strawberry.field(description="The price curve from zero to beyond the units, ascending.")
    def curve(self, root: Row) -> list[PricePoint]:
        return [PricePoint(units=DecimalText(at.units), amount=DecimalText(at.amount)) for at in root.curve]


@strawberry.type
class PriceTrialQueries:
    @strawberry.field(
        description="What each price would cost, in the order given; nothing is stored. Null for a price that is not "
        "valid, and for the models whose price comes with the events (dynamic, custom).",
        permission_classes=[HasPermission("plans:view")],
    )
    async def price_trials(
        self,
        info: Inf,
        currency: Annotated[str, strawberry.argument(description="Currency of the prices (ISO 4217).")],
        prices: Annotated[list[PriceTrialInput], strawberry.argument(description="At most 200.")],
    ) -> list[PriceTrial | None]:
        if currency not in CURRENCIES:
            raise ValidationFailed(currency="value_is_invalid")
        if len(prices) > MAX_PRICES:
            raise ValidationFailed(prices="value_is_too_long")
        tried: list[PriceTrial | None] = []
        for item in prices:
            found = trial.try_price(
                item.charge_model,
                item.properties or None,
                item.units,
                currency,
                aggregation_type=item.aggregation_type.value,
                events_count=item.events_count or None,
            )
            tried.append(shown(found))
        return tried

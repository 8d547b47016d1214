"""How an amount came about (spec 09 §2). Built from the wire object that REST answers with."""

from __future__ import annotations

from typing import Any

import strawberry

from billwright.graphql.scalars import BigInt, JsonObject
from billwright.graphql.types.common import f


@strawberry.type(description="One step of an explanation: `formula` applied to `inputs` gives `result`.")
class ExplanationStep:
    kind: str = f("What happens, such as events, aggregation, proration, pricing, tax or drift.")
    label: str = f("In words.")
    inputs: JsonObject = f("Values that the formula names, as decimal text, and what else describes the step.")
    formula: str = f("Arithmetic with + - * / ( ) min max round ceil floor; quotients are exact.")
    result: str = f("Its value, as decimal text.")
    unit: str = f("days, events, units, packages, cents (minor units) or a currency.")
    part: str | None = f("The bucket or group, where several are explained at once.")


@strawberry.type(description="How an amount came about, from what was stored with it.")
class Explanation:
    fee_id: strawberry.ID | None = f("The fee; null for current usage.")
    currency: str = f("Currency of the amounts.")
    amount_cents: BigInt = f("The stored amount, in minor units.")
    recomputed_amount_cents: BigInt = f("What the steps give with the events as they are now, in minor units.")
    matches: bool = f("Whether both are the same and the events did not change.")
    steps: list[ExplanationStep] = f("The calculation, in order.")
    notes: list[str] = f("What the stored data does not tell.")


def explanation(wire: Any) -> Explanation:
    """The ``explanation`` object of REST as its type."""
    return Explanation(**{**wire, "steps": [ExplanationStep(**step) for step in wire["steps"]]})

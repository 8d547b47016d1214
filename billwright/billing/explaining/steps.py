"""Steps of an explanation. A step's result is computed from its formula and inputs, so a reader can do it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from billwright.billing.explaining.formula import ends, evaluate, plain
from billwright.billing.kernel.clock import iso

Kind = Literal[
    "window",
    "events",
    "aggregation",
    "rounding",
    "proration",
    "pricing",
    "minimum",
    "adjustment",
    "conversion to minor units",
    "progressive credit",
    "coupon share",
    "tax",
    "drift",
]
CONVERSION: Kind = "conversion to minor units"
PLACES = 20
"""Decimals that are shown of a quotient that never ends; later steps calculate with the quotient, not with these."""


class StepOut(TypedDict):
    """One step on the wire. Numbers in ``inputs`` and ``result`` are decimal text; ``part`` names the bucket or group
    where several are explained at once, else null."""

    kind: str
    label: str
    inputs: dict[str, Any]
    formula: str
    result: str
    unit: str
    part: str | None


class ExplanationOut(TypedDict):
    """How an amount came about (spec 09 §2). ``amount_cents`` is the stored one, ``recomputed_amount_cents`` what the
    steps give, with the events as they are now. ``notes``: what the stored data does not tell."""

    fee_id: str | None
    currency: str
    amount_cents: int
    recomputed_amount_cents: int
    matches: bool
    steps: list[StepOut]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Step:
    """``unit``: ``days``, ``events``, ``units``, ``packages``, ``cents`` (minor units), or a currency code."""

    kind: Kind
    label: str
    inputs: Mapping[str, Any]
    formula: str
    result: str
    unit: str

    def wire(self, part: str | None = None) -> StepOut:
        return {
            "kind": self.kind,
            "label": self.label,
            "inputs": dict(self.inputs),
            "formula": self.formula,
            "result": self.result,
            "unit": self.unit,
            "part": part,
        }


def step(kind: Kind, label: str, formula: str, unit: str, **inputs: Any) -> Step:
    """A step with its result. A formula whose value has no last decimal is shown rounded, and says so."""
    shown = {name: _shown(value) for name, value in inputs.items()}
    value = evaluate(formula, shown)
    if not ends(value):
        formula = f"round({formula}, {PLACES})"
        value = evaluate(formula, shown)
    return Step(kind, label, shown, formula, plain(value), unit)


def _shown(value: Any) -> Any:
    """Numbers as text; the rest as JSON has it."""
    if isinstance(value, bool) or value is None or isinstance(value, str | list | dict):
        return cast("Any", value)
    if isinstance(value, int | Decimal | Fraction):
        return plain(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no input of a step: {type(value).__name__}")


@dataclass(slots=True)
class Explanation:
    """Steps in the making. ``recomputed_cents`` is null until a step gives the amount."""

    currency: str
    amount_cents: int
    fee_id: str | None = None
    steps: list[Step] = field(default_factory=list[Step])
    notes: list[str] = field(default_factory=list[str])
    recomputed_cents: int | None = None
    drifted: bool = False

    def add(self, kind: Kind, label: str, formula: str, unit: str, **inputs: Any) -> str:
        """Append a step; returns its result."""
        made = step(kind, label, formula, unit, **inputs)
        self.steps.append(made)
        return made.result

    def settle(self, cents: str) -> None:
        """The amount in minor units, as the last step gave it."""
        self.recomputed_cents = int(cents)

    def wire(self) -> ExplanationOut:
        recomputed = self.amount_cents if self.recomputed_cents is None else self.recomputed_cents
        return {
            "fee_id": self.fee_id,
            "currency": self.currency,
            "amount_cents": self.amount_cents,
            "recomputed_amount_cents": recomputed,
            "matches": not self.drifted and recomputed == self.amount_cents,
            "steps": [item.wire() for item in self.steps],
            "notes": self.notes,
        }

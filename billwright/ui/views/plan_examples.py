"""Worked examples of the prices in a plan's form: what units would cost, tier by tier, and the price curve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.money import from_minor_units, parse_decimal, to_minor_units
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.exact import ceil_quotient
from billwright.ui import formatting
from billwright.ui.views import plan_prices
from billwright.ui.views.fee_lines import steps_of
from billwright.ui.views.money import decimal_text, minor_units
from billwright.ui.views.plan_charges import ChargeDraft, sent
from billwright.ui.views.support import View

WIDTH, HEIGHT = 360, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 4, 8, 20, 20
_MOST = 200
_SAYS = {
    v.DYNAMIC: "Each event brings its own price, in precise_total_amount_cents.",
    v.CUSTOM: "The metric's own code computes the amount.",
}


async def examples_of(view: View, drafts: Iterable[ChargeDraft], currency: str) -> dict[str, Any]:
    """What each price of the cards would cost at the card's units, by the price's prefix.

    ``{words, figure, steps, curve, note}``; ``figure`` is none where nothing can be said yet.
    """
    asked: list[dict[str, Any]] = []
    places: list[plan_prices.PriceDraft] = []
    for draft in sent(drafts):
        units = decimal_text(draft.units)
        for price in (draft.price, *draft.filters):
            if units is None or len(asked) >= _MOST or draft.model in _SAYS:
                continue
            places.append(price)
            asked.append(
                {
                    "chargeModel": draft.model,
                    "aggregationType": draft.kind,
                    "properties": plan_prices.properties(price, draft.model),
                    "units": units,
                    "eventsCount": int(draft.events) if draft.events.isascii() and draft.events.isdigit()
                    and len(draft.events) < 10 else None,
                }
            )  # fmt: skip
    found = (await view.ask("TryPrices", currency=currency, prices=asked))["priceTrials"] if asked else []
    answers = {price.prefix: trial for price, trial in zip(places, found, strict=True)}
    return {
        price.prefix: shown(draft, answers.get(price.prefix), currency)
        for draft in drafts
        for price in (draft.price, *draft.filters)
    }


def shown(draft: ChargeDraft, trial: Mapping[str, Any] | None, currency: str) -> dict[str, Any]:
    """One example; ``trial`` as ``TryPrices`` reads it, ``None`` where nothing can be said yet."""
    answer: dict[str, Any] = {"words": "", "figure": None, "cents": 0, "steps": [], "curve": None, "note": None}
    if draft.model in _SAYS:
        return {**answer, "note": _SAYS[draft.model]}
    if trial is None:
        wrong = parse_decimal(decimal_text(draft.units) or "") is None
        return {**answer, "note": "Write a number of units." if wrong else "Complete the price to see what it costs."}
    units = formatting.units(trial["units"])
    cents = int(trial["amountCents"])
    steps = steps_of(draft.model, trial, currency)
    return {
        "words": f"{units} unit{'' if units == '1' else 's'}",
        "figure": formatting.money_with_currency(cents, currency),
        "cents": cents,
        "steps": [_step(step, currency, trial["amountDetails"]) for step in steps],
        "curve": curve(trial["curve"], (trial["units"], from_minor_units(cents, currency)), currency),
        "note": _minimum_note(draft, cents, currency),
    }


def _minimum_note(draft: ChargeDraft, cents: int, currency: str) -> str | None:
    least = minor_units(draft.minimum, currency) if draft.minimum and not draft.in_advance else None
    if draft.prorated:
        return "For units that exist the whole period."
    if least is not None and int(least) > cents and not draft.filters:
        return f"The minimum spend fills this up to {formatting.money_with_currency(least, currency)}."
    return None


def _step(step: Mapping[str, Any], currency: str, details: Mapping[str, Any]) -> dict[str, str]:
    price = f"{formatting.rate(step['rate'])}" if step["rate"] is not None else (
        formatting.unit_price(step["unit_price"], currency) if step["unit_price"] is not None else ""
    )  # fmt: skip
    units = step["units"]
    if step["label"].startswith("Packages"):
        units = ceil_quotient(Decimal(units), Decimal(str(details["per_package_size"])))
    return {
        "label": step["label"],
        "formula": f"{formatting.units(units)} × {price}" if price else "",
        "amount": _money(Decimal(step["amount"]), currency),
    }


def _money(amount: Decimal, currency: str) -> str:
    return formatting.money_with_currency(to_minor_units(amount, currency), currency)


def curve(points: Sequence[Mapping[str, str]], at: tuple[str, Decimal], currency: str) -> dict[str, Any]:
    """The price curve as an SVG drawing: a path, the example's place on it, and what each point says on hover."""
    places = [(Decimal(point["units"]), Decimal(point["amount"])) for point in points]
    widest = max((units for units, _ in places), default=Decimal(1)) or Decimal(1)
    highest = max((amount for _, amount in places), default=Decimal(0))
    scale = highest or Decimal(1)

    def x(units: Decimal) -> str:
        return f"{_LEFT + float(units / widest) * (WIDTH - _LEFT - _RIGHT):.1f}"

    def y(amount: Decimal) -> str:
        return f"{HEIGHT - _BOTTOM - float(amount / scale) * (HEIGHT - _TOP - _BOTTOM):.1f}"

    drawn = [(x(units), y(amount)) for units, amount in places]
    line = " ".join(f"{'L' if index else 'M'}{left} {top}" for index, (left, top) in enumerate(drawn))
    floor = HEIGHT - _BOTTOM
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "floor": floor,
        "line": line,
        "area": f"{line} L{drawn[-1][0]} {floor} L{drawn[0][0]} {floor} Z" if drawn else "",
        "at": (x(Decimal(at[0])), y(at[1])),
        "top": _money(highest, currency),
        "end": formatting.units(widest),
        "points": [
            {"x": left, "y": top, "says": f"{formatting.units(units)} units: {_money(amount, currency)}"}
            for (units, amount), (left, top) in zip(places, drawn, strict=True)
        ],
    }

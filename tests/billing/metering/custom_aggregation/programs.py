"""Sources shared by the tests of custom aggregation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billwright.billing.metering.custom_aggregation import INITIAL, Event, State, fold

EX_18 = """\
def aggregate(event, state, properties):
    units = decimal(event["properties"].get("gb", 0))
    before = state["total_units"]
    after = before + units
    amount = 0
    for r in properties["ranges"]:
        low = decimal(r["from"])
        high = after if r["to"] is None else min(after, decimal(r["to"]))
        billed = high - max(before, low)
        if billed > 0:
            amount += billed * decimal(r[event["properties"]["zone"]])
    return {"total_units": after, "amount": amount}
"""

EX_18_PROPERTIES: dict[str, Any] = {
    "ranges": [
        {"from": 0, "to": 10, "eu": "0", "us": "0", "asia": "0"},
        {"from": 10, "to": 20, "eu": "0.10", "us": "0.20", "asia": "0.30"},
        {"from": 20, "to": None, "eu": "0.20", "us": "0.30", "asia": "0.40"},
    ]
}


def event(properties: dict[str, Any] | None = None, second: int = 0) -> Event:
    return Event("storage", Decimal(1_700_000_000 + second), properties or {})


EX_18_EVENTS = [
    event({"gb": 4, "zone": "eu"}, 1),
    event({"gb": 10, "zone": "asia"}, 2),
    event({"gb": 16, "zone": "us"}, 3),
]


def aggregator(body: str, before: str = "") -> str:
    """A source whose ``aggregate`` has this body."""
    lines = "\n".join("    " + line for line in body.strip("\n").split("\n"))
    return f"{before}\ndef aggregate(event, state, properties):\n{lines}\n"


def computing(expression: str, before: str = "") -> str:
    """A source that returns ``expression`` as its units."""
    return aggregator(f'return {{"total_units": {expression}, "amount": 0}}', before)


def remembering(expression: str) -> str:
    """A source that returns ``expression`` as its memo."""
    return aggregator(f'return {{"total_units": 0, "amount": 0, "memo": {expression}}}')


def run(source: str, properties: Any = None, given: dict[str, Any] | None = None) -> State:
    """Fold one event from the initial state."""
    return fold(source, properties, INITIAL, [event(given)])


def units(expression: str, properties: Any = None, given: dict[str, Any] | None = None) -> Decimal:
    return run(computing(expression), properties, given).total_units

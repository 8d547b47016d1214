"""What a subscription pays: its plan's prices, and where they are its own (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from billwright.ui import formatting
from billwright.ui.views.prices import shown_price

Data = Mapping[str, Any]


def effective_terms(plan: Data) -> list[dict[str, Any]]:
    """Rows ``{label, value, default}``; ``default`` is what the plan asks of others, ``None`` where nothing differs."""
    parent: Data | None = plan["parent"]
    rows: list[tuple[str, Callable[[Data], str | None]]] = [
        ("Fee", lambda item: formatting.money_with_currency(item["amountCents"], item["amountCurrency"])),
        ("Free trial", _trial),
        ("Minimum commitment", _commitment),
        ("Taxes", lambda item: formatting.tax_names(item["taxes"]) or None),
        ("Name on invoices", lambda item: item["invoiceDisplayName"]),
    ]
    shown: list[dict[str, Any]] = []
    for label, read in rows:
        value, default = read(plan), read(parent) if parent else None
        differs = parent is not None and value != default
        if value or differs:
            shown.append(
                {"label": label, "value": value or "None", "default": (default or "none") if differs else None}
            )
    return shown


def effective_charges(plan: Data, href: str) -> list[dict[str, Any]]:
    """Charges with their prices; ``defaults`` are the plan's own rows where this subscription's differ."""
    parent: Data | None = plan["parent"]
    others = {charge["code"]: charge for charge in parent["charges"]} if parent else {}
    currency = plan["amountCurrency"]
    shown: list[dict[str, Any]] = []
    for charge in plan["charges"]:
        parts, other = _parts(charge, currency), others.get(charge["code"])
        defaults = _parts(other, currency) if other is not None else parts
        shown.append(
            {
                "id": charge["id"],
                "name": charge["invoiceDisplayName"] or charge["billableMetric"]["name"],
                "metric": {
                    "name": charge["billableMetric"]["name"],
                    "href": f"{href}/billable-metric/{charge['billableMetric']['id']}",
                },
                "notes": _notes(charge, currency),
                "parts": parts,
                "defaults": defaults if defaults != parts else None,
                "default_notes": _notes(other, currency)
                if other is not None and _notes(other, currency) != _notes(charge, currency)
                else None,
                "own": parent is not None and other is None,
            }
        )
    return shown


def _parts(charge: Data, currency: str) -> list[dict[str, Any]]:
    """The prices of filters, then the default one, which stands alone without a name."""
    found = [
        {"name": part["invoiceDisplayName"] or _values(part["values"]),
         "rows": shown_price(charge["chargeModel"], part["properties"], currency)}
        for part in charge["filters"]
    ]  # fmt: skip
    rest = shown_price(charge["chargeModel"], charge["properties"], currency)
    return [*found, {"name": "Everything else" if found else None, "rows": rest}]


def _values(values: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{key}: {' or '.join(chosen)}" for key, chosen in values.items())


def _notes(charge: Data, currency: str) -> str:
    notes = [charge["chargeModel"].replace("_", " ").capitalize()]
    notes.append("at each event" if charge["payInAdvance"] else "in arrears")
    if charge["prorated"]:
        notes.append("prorated")
    if int(charge["minAmountCents"]):
        notes.append(f"at least {formatting.money_with_currency(charge['minAmountCents'], currency)}")
    if charge["taxes"]:
        notes.append(formatting.tax_names(charge["taxes"]))
    return " · ".join(notes)


def _trial(plan: Data) -> str | None:
    days = Decimal(plan["trialPeriod"] or 0)
    return f"{formatting.units(days)} day{'' if days == 1 else 's'}" if days else None


def _commitment(plan: Data) -> str | None:
    commitment: Data | None = plan["minimumCommitment"]
    return formatting.money_with_currency(commitment["amountCents"], plan["amountCurrency"]) if commitment else None

"""Lines of an invoice as its page shows them: names, periods, and the steps behind an amount (spec 04 §19.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billwright.billing.documents.fee_tables import charge_name
from billwright.billing.documents.invoice_document import FilterLabel
from billwright.billing.kernel.money import from_minor_units
from billwright.ui import formatting
from billwright.ui.views.usage import INTERVALS

_ORDER = {"subscription": 0, "charge": 1, "add_on": 1, "credit": 1, "commitment": 2}
_SUBSCRIPTION_NAMES = {**INTERVALS, "semiannual": "Semiannual"}
Fee = Mapping[str, Any]


def groups(invoice: Mapping[str, Any], base: str) -> list[dict[str, Any]]:
    """The fees by subscription and period, as documents print them (spec 02 §15)."""
    progressive = invoice["invoiceType"] == "progressive_billing"
    shown = visible(invoice["fees"], progressive=progressive)
    found: list[dict[str, Any]] = []
    known: set[str] = set()
    for entry in invoice["invoiceSubscriptions"]:
        subscription = entry["subscription"]
        own = [fee for fee in shown if fee["subscriptionId"] == subscription["id"]]
        known.add(subscription["id"])
        if own:
            found.append(
                {
                    "name": subscription["name"]
                    or subscription["plan"]["invoiceDisplayName"]
                    or subscription["plan"]["name"],
                    "href": f"{base}/subscription/{subscription['id']}",
                    "periods": _periods(own, subscription["plan"], invoice, base),
                }
            )
    rest = [fee for fee in shown if fee["subscriptionId"] not in known]
    if rest:
        found.append({"name": "Items", "href": None, "periods": _periods(rest, None, invoice, base)})
    return found


def visible(fees: Iterable[Fee], *, progressive: bool = False) -> list[Fee]:
    """The fees that are listed (spec 02 §15): no charge without units and amount, unless a true-up hangs on it; no
    subscription fee of zero where its subscription has another amount, none at all on progressive invoices. What was
    set by hand is always there, to be reset.
    """
    everything = list(fees)
    parents = {fee["trueUpParentFeeId"] for fee in everything}
    others = {fee["subscriptionId"] for fee in everything if fee["feeType"] != "subscription" and _amount(fee)}

    def shown(fee: Fee) -> bool:
        if fee.get("adjustedFee"):
            return True
        if fee["feeType"] == "subscription":
            return not progressive and (_amount(fee) or fee["subscriptionId"] not in others)
        if fee["feeType"] == "charge":
            return _amount(fee) or Decimal(fee["units"]) > 0 or fee["id"] in parents
        return True

    return [fee for fee in everything if shown(fee)]


def _amount(fee: Fee) -> bool:
    return int(fee["amountCents"]) > 0


def _periods(
    fees: list[Fee], plan: Mapping[str, Any] | None, invoice: Mapping[str, Any], base: str
) -> list[dict[str, Any]]:
    by_period: dict[tuple[str, str], list[Fee]] = {}
    for fee in fees:
        by_period.setdefault(_period(fee, invoice["timezone"]), []).append(fee)
    return [
        {
            "label": _label(period),
            "fees": [
                _line(fee, plan, invoice, base)
                for fee in sorted(
                    by_period[period], key=lambda fee: (_ORDER[fee["feeType"]], name_of(fee, plan).lower())
                )
            ],
        }
        for period in sorted(by_period)
    ]


def _line(fee: Fee, plan: Mapping[str, Any] | None, invoice: Mapping[str, Any], base: str) -> dict[str, Any]:
    shown = shown_fee(fee, plan, invoice["currency"])
    notes = [
        *shown["notes"],
        *add_on_notes(fee),
        *minimum_note(fee, invoice["timezone"], invoice["currency"]),
    ]
    return {**shown, "notes": notes, "explain_url": f"{base}/fee/{fee['id']}/explain"}


def _period(fee: Fee, zone: str) -> tuple[str, str]:
    if fee["feeType"] == "add_on":  # its dates stand below its name
        return "", ""
    charged = fee["feeType"] == "charge"
    since = fee["chargesFromDatetime"] if charged else fee["fromDatetime"]
    return _day(since, zone), fee["lastDay"] or ""


def add_on_notes(fee: Fee) -> list[str]:
    """The description of what is sold once, and its dates: UTC dates, as documents print them (spec 04 §14, §19.3)."""
    if fee["feeType"] != "add_on":
        return []
    description = [text.strip() for text in (fee.get("description") or "").splitlines() if text.strip()]
    start, end = (_day(fee[name], "UTC") for name in ("fromDatetime", "toDatetime"))
    dates = [f"From {formatting.plain_date(start)} to {formatting.plain_date(end)}"] if start and end else []
    return [*description, *dates]


def minimum_note(fee: Fee, zone: str, currency: str) -> list[str]:
    """What a true-up fills up to, and whether that was prorated (spec 02 §15)."""
    minimum = fee["item"].get("min_amount_cents")
    if not fee["trueUpParentFeeId"] or not minimum:
        return []
    since, until = (date.fromisoformat(day) if day else None for day in _period(fee, zone))
    whole = fee.get("chargesDuration")
    shorter = since and until and whole and (until - since).days + 1 < whole
    prorated = fee["item"].get("min_prorated", shorter)
    words = f"Minimum: {formatting.money_with_currency(minimum, currency)}"
    return [f"{words}, prorated on days of usage" if prorated else words]


def _day(instant: str | None, zone: str) -> str:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(zone)).date().isoformat() if instant else ""


def _label(period: tuple[str, str]) -> str:
    if not all(period):
        return "Items"
    return f"Fees from {formatting.plain_date(period[0])} to {formatting.plain_date(period[1])}"


def name_of(fee: Fee, plan: Mapping[str, Any] | None) -> str:
    """The line's name as documents print it."""
    item = fee["item"]
    name = fee["invoiceDisplayName"] or item.get("invoice_display_name") or item.get("name")
    if fee["feeType"] == "subscription" and plan is not None:
        own = plan["invoiceDisplayName"] or plan["name"]
        return fee["invoiceDisplayName"] or f"{_SUBSCRIPTION_NAMES[plan['interval']]} subscription - {own}"
    if fee["feeType"] == "commitment":
        return fee["invoiceDisplayName"] or "Minimum commitment"
    values = item.get("filters")
    label = FilterLabel(display_name=item.get("filter_invoice_display_name"), values=values) if values else None
    words = charge_name(name, tuple(value for value in fee["groupedBy"].values() if value), label)
    return f"{words} - true-up" if fee["trueUpParentFeeId"] else words


def is_editable(fee: Fee) -> bool:
    """Whether the line of a draft can be set by hand: neither a true-up nor a commitment (spec 02 §14)."""
    return fee["feeType"] in ("charge", "subscription") and not fee["trueUpParentFeeId"]


def shown_fee(fee: Fee, plan: Mapping[str, Any] | None, currency: str) -> dict[str, Any]:
    """One line with its steps."""
    charged = fee["feeType"] in ("charge", "add_on") or bool(fee.get("adjustedFeeType"))
    price = fee["preciseUnitAmount"] if charged else str(from_minor_units(int(fee["amountCents"]), currency))
    count = fee["eventsCount"] or 0
    notes = [f"{count:,} {'event' if count == 1 else 'events'}"] if count else []
    return {
        "id": fee["id"],
        "name": name_of(fee, plan),
        "notes": notes,
        "units": fee["units"] if charged else "1",
        "unit_price": price,
        "tax_rates": sorted((tax["taxRate"] for tax in fee["appliedTaxes"]), key=Decimal, reverse=True) or ["0"],
        "amount_cents": int(fee["amountCents"]),
        "edited": fee.get("adjustedFee", False),
        "editable": is_editable(fee),
        "steps": steps_of(fee["item"].get("charge_model"), fee, currency),
        "explain_url": None,
    }


def steps_of(model: str | None, fee: Fee, currency: str) -> list[dict[str, Any]]:
    """The steps that the charge model took, with the words of the document."""
    details: Mapping[str, Any] = fee["amountDetails"] or {}
    if not details:
        return []
    if model in ("graduated", "graduated_percentage"):
        return _tiers(details.get(f"{model}_ranges") or [])
    if model == "volume":
        rows = [
            _step("All units", fee["units"], details, "per_unit_total_amount", price=details.get("per_unit_amount"))
        ]
        return rows + _flat("Flat fee for all units", details.get("flat_unit_amount"))
    if model == "package":
        if not _positive(details.get("per_package_size")):  # nothing was used, so nothing was packed
            return []
        rows = [_plain("Free units", details["free_units"])] if _positive(details.get("free_units")) else []
        return [*rows, _packages(details, from_minor_units(int(fee["amountCents"]), currency))]
    if model == "percentage":
        return _percentage(details)
    return []


def _tiers(ranges: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    flats: list[dict[str, Any]] = []
    for index, tier in enumerate(ranges):
        words = _tier_words(index, tier)
        rows.append(
            _step(
                words,
                tier.get("units"),
                tier,
                "per_unit_total_amount",
                price=tier.get("per_unit_amount"),
                rate=tier.get("rate"),
            )
        )
        flats += _flat(f"Flat fee, {words[0].lower()}{words[1:]}", tier.get("flat_unit_amount"))
    return rows + flats


def _tier_words(index: int, tier: Mapping[str, Any]) -> str:
    start = formatting.units(_text(tier.get("from_value")))
    if tier.get("to_value") is None:
        return f"{start} and above"
    end = formatting.units(_text(tier["to_value"]))
    return f"First {end}" if index == 0 else f"Next {start} to {end}"


def _percentage(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if _positive(details.get("free_units")):
        rows.append(
            _plain(
                f"Free for {formatting.units(_text(details.get('free_events')))} transactions", details["free_units"]
            )
        )
    rows.append(
        _step("Paid volume", details.get("paid_units"), details, "per_unit_total_amount", rate=details.get("rate"))
    )
    if _positive(details.get("paid_events")) and _positive(details.get("fixed_fee_unit_amount")):
        rows.append(
            _step(
                "Fixed fee",
                details["paid_events"],
                details,
                "fixed_fee_total_amount",
                price=details["fixed_fee_unit_amount"],
            )
        )
    adjustment = _text(details.get("min_max_adjustment_total_amount"))
    if Decimal(adjustment):
        rows.append(
            {
                "label": "Minimum and maximum per transaction",
                "units": "1",
                "unit_price": None,
                "rate": None,
                "amount": adjustment,
            }
        )
    return rows


def _step(
    label: str,
    units: Any,
    source: Mapping[str, Any],
    amount: str,
    *,
    price: Any = None,
    rate: Any = None,
) -> dict[str, Any]:
    return {
        "label": label,
        "units": _text(units),
        "unit_price": None if price is None else _text(price),
        "rate": None if rate is None else _text(rate),
        "amount": _text(source.get(amount)),
    }


def _packages(details: Mapping[str, Any], amount: Decimal) -> dict[str, Any]:
    """The paid units at the price of a package: started ones are paid whole (spec 02), so the amount is the fee's."""
    return {
        "label": f"Packages of {formatting.units(_text(details['per_package_size']))}",
        "units": _text(details.get("paid_units")),
        "unit_price": _text(details.get("per_package_unit_amount")),
        "rate": None,
        "amount": str(amount),
    }


def _plain(label: str, units: Any) -> dict[str, Any]:
    return {"label": label, "units": _text(units), "unit_price": "0", "rate": None, "amount": "0"}


def _flat(label: str, amount: Any) -> list[dict[str, Any]]:
    if not _positive(amount):
        return []
    return [{"label": label, "units": "1", "unit_price": _text(amount), "rate": None, "amount": _text(amount)}]


def _positive(value: Any) -> bool:
    return Decimal(_text(value)) > 0


def _text(value: Any) -> str:
    return "0" if value is None else str(value)

"""The charge cards of a plan's form, and of the prices of one subscription (spec 07 §7.6, §7.7).

A card is a ``ChargeDraft``: what its fields say, as text, right or wrong, so that nothing typed is lost. A page that
shows cards does four things:

- it begins with ``of_plan(charges)``, the charges as the GraphQL selection ``PlanForm`` reads them;
- it reads a posted form with ``of_form(form)`` and lets ``press(drafts, do)`` do what a button of a card asks for
  (another tier, another filter, remove and bring back); any other ``do`` is its own;
- it shows them: ``shown(drafts, errors, mode=...)`` for ``cards()`` in ``catalogue/charge_cards.html``, which needs
  ``form`` = {url: where the form posts, target: the id of the form that is swapped} and the taxes to choose from.
  ``mode`` says what may be edited: ``FULL`` everything, ``LOCKED`` what a plan with subscriptions lets change (price,
  filters, name, taxes), ``OVERRIDE`` what one subscription may have differently (those, and the minimum), without
  adding or removing charges;
- it sends ``plan_input`` (or ``override_input``) of each draft in the order of ``sent(drafts)``, and gives back the
  places of the answer's mistakes (``Outcome.places``) through ``errors_of``.

Fields of card ``c1`` are named ``c1-model``, ``c1-timing``, ...; its default price has the prefix ``c1-p``, its filters
``c1-f1``, ``c1-f2`` (see ``plan_prices``). The metric travels along as JSON in ``c1-metric``: it only decides what the
card offers, the server judges what is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from starlette.datastructures import FormData

from billwright.billing.pricing import compatibility
from billwright.billing.pricing import vocabulary as v
from billwright.ui.views import plan_prices
from billwright.ui.views.money import minor_units, written
from billwright.ui.views.plan_prices import PriceDraft
from billwright.ui.views.words import in_words

FULL, LOCKED, OVERRIDE = "full", "locked", "override"
MAX_COMBINATIONS = 100
REFUSED_CENTS = "-1"
"""Sent for a text that is no amount, so that the server refuses it together with everything else that is wrong."""
_KEY = re.compile(r"c[0-9]{1,6}")
_PLACE = re.compile(r"charges\.([0-9]+)\.?(.*)")
_FILTER_PLACE = re.compile(r"filters\.([0-9]+)\.(.*)")
_PLACES = {
    "charge_model": "model",
    "pay_in_advance": "timing",
    "invoiceable": "invoicing",
    "regroup_paid_fees": "invoicing",
    "prorated": "prorated",
    "min_amount_cents": "minimum",
}


@dataclass
class ChargeDraft:
    """One card. ``id`` is of a stored charge; ``timing`` is ``arrears`` or ``advance``; ``invoicing`` is ``invoice``
    (each fee gets one), ``regroup`` (paid fees get one together) or ``none``; ``minimum`` in currency units."""

    key: str
    metric: Mapping[str, Any]
    id: str = ""
    code: str = ""
    model: str = v.STANDARD
    name: str = ""
    timing: str = "arrears"
    invoicing: str = "invoice"
    prorated: bool = False
    minimum: str = ""
    taxes: list[str] = field(default_factory=list[str])
    price: PriceDraft = field(default_factory=lambda: PriceDraft(""))
    filters: list[PriceDraft] = field(default_factory=list[PriceDraft])
    removed: bool = False
    open: bool = False
    units: str = "1000"
    events: str = ""

    @property
    def kind(self) -> str:
        return str(self.metric["aggregationType"])

    @property
    def filter_keys(self) -> list[str]:
        return [row["key"] for row in self.metric["filters"]]

    @property
    def in_advance(self) -> bool:
        return self.timing == "advance"


# --- From a plan, from a metric, from a form ---------------------------------------------------------------------


def of_plan(charges: Iterable[Mapping[str, Any]], currency: str, *, copied: bool = False) -> list[ChargeDraft]:
    """The cards of a plan's charges; ``copied`` makes new ones of them."""
    return [_of_charge(f"c{number}", item, currency, copied) for number, item in enumerate(charges, 1)]


def _of_charge(key: str, item: Mapping[str, Any], currency: str, copied: bool) -> ChargeDraft:
    model = item["chargeModel"]
    draft = ChargeDraft(
        key,
        item["billableMetric"],
        id="" if copied else item.get("id") or "",
        code="" if copied else item.get("code") or "",
        model=model,
        name=item["invoiceDisplayName"] or "",
        timing="advance" if item["payInAdvance"] else "arrears",
        invoicing="invoice" if item["invoiceable"] else ("regroup" if item["regroupPaidFees"] else "none"),
        prorated=item["prorated"],
        minimum=written(item["minAmountCents"], currency) if int(item["minAmountCents"]) else "",
        taxes=[tax["code"] for tax in item["taxes"]],
        price=plan_prices.of_properties(f"{key}-p", model, item["properties"]),
        units=_typical_units(item["billableMetric"]),
    )
    for number, part in enumerate(item["filters"], 1):
        price = plan_prices.of_properties(f"{key}-f{number}", model, part["properties"])
        price.name, price.values = (
            part["invoiceDisplayName"] or "",
            {k: list(each) for k, each in part["values"].items()},
        )
        draft.filters.append(price)
    return draft


def of_metric(drafts: Sequence[ChargeDraft], metric: Mapping[str, Any]) -> ChargeDraft:
    """A new, open card for a metric."""
    key = f"c{max((int(draft.key[1:]) for draft in drafts), default=0) + 1}"
    model = v.CUSTOM if metric["aggregationType"] == v.CUSTOM_AGGREGATION else v.STANDARD
    units = _typical_units(metric)
    return ChargeDraft(key, metric, model=model, price=PriceDraft(f"{key}-p"), open=True, units=units)


def _typical_units(metric: Mapping[str, Any]) -> str:
    """What an example begins with: many calls, but few seats."""
    few = metric["recurring"] or metric["aggregationType"] in (v.UNIQUE_COUNT, v.MAX, v.LATEST)
    return "10" if few else "1000"


def of_form(form: FormData) -> list[ChargeDraft]:
    """The cards that were posted, in order; what is no card of ours is left out."""
    drafts: list[ChargeDraft] = []
    for raw in form.getlist("charge"):
        key = str(raw)
        metric = _metric(form.get(f"{key}-metric"))
        if _KEY.fullmatch(key) and metric is not None and all(key != draft.key for draft in drafts):
            drafts.append(_posted(key, metric, form))
    return drafts


def _metric(raw: Any) -> Mapping[str, Any] | None:
    try:
        found: Any = json.loads(raw)
        shape = (str(found["id"]), str(found["code"]), str(found["name"]), bool(found["recurring"]))
        filters = [
            {"key": str(row["key"]), "values": [str(each) for each in row["values"]]} for row in found["filters"]
        ]
    except (TypeError, ValueError, KeyError):
        return None
    kind = found.get("aggregationType")
    if kind not in v.AGGREGATION_TYPES:
        return None
    names = ("id", "code", "name", "recurring")
    return {**dict(zip(names, shape, strict=True)), "aggregationType": kind, "filters": filters}


def _posted(key: str, metric: Mapping[str, Any], form: FormData) -> ChargeDraft:
    def text(name: str) -> str:
        value = form.get(f"{key}-{name}")
        return value.strip() if isinstance(value, str) else ""

    draft = ChargeDraft(
        key,
        metric,
        id=text("id"),
        code=text("code"),
        model=text("model") if text("model") in v.CHARGE_MODELS else v.STANDARD,
        name=text("name"),
        timing="advance" if text("timing") == "advance" else "arrears",
        invoicing=text("invoicing") if text("invoicing") in ("regroup", "none") else "invoice",
        prorated=text("prorated") == "yes",
        minimum=text("minimum"),
        taxes=[str(value) for value in form.getlist(f"{key}-tax")],
        price=plan_prices.of_form(f"{key}-p", form),
        removed=text("removed") == "yes",
        units=text("units") or "1000",
        events=text("events"),
    )
    for raw in form.getlist(f"{key}-filter"):
        if re.fullmatch(rf"{key}-f[0-9]{{1,6}}", str(raw)):
            draft.filters.append(plan_prices.of_form(str(raw), form, draft.filter_keys))
    return draft


# --- Buttons of a card ---------------------------------------------------------------------------------------------


def press(drafts: list[ChargeDraft], do: str) -> bool:
    """Do what the button ``do`` of a card says; whether it was one."""
    what, _, rest = do.partition(":")
    prefix, _, number = rest.partition(":")
    draft = next((draft for draft in drafts if prefix == draft.key or prefix.startswith(f"{draft.key}-")), None)
    if draft is None:
        return False
    draft.open = True
    price = next((each for each in (draft.price, *draft.filters) if each.prefix == prefix), draft.price)
    if what == "remove":
        if draft.id:
            draft.removed = True
        else:
            drafts.remove(draft)
    elif what == "restore":
        draft.removed = False
    elif what == "tier":
        plan_prices.add_tier(plan_prices.settled(price, draft.model))
    elif what == "untier" and number.isdigit():
        plan_prices.remove_tier(price, int(number))
    elif what == "filter":
        draft.filters.append(_new_filter(draft))
    elif what == "matrix":
        _every_combination(draft)
    elif what == "unfilter":
        draft.filters = [each for each in draft.filters if each.prefix != prefix]
    return what in ("remove", "restore", "tier", "untier", "filter", "matrix", "unfilter", "show")


def _new_filter(draft: ChargeDraft, values: Mapping[str, list[str]] | None = None) -> PriceDraft:
    """Another filter, which begins with the default price."""
    numbers = [int(each.prefix.rpartition("-f")[2]) for each in draft.filters]
    made = PriceDraft(f"{draft.key}-f{max(numbers, default=0) + 1}", dict(draft.price.texts), values=dict(values or {}))
    made.tiers = [plan_prices.TierDraft(tier.start, tier.end, tier.price, tier.flat) for tier in draft.price.tiers]
    return made


def _every_combination(draft: ChargeDraft) -> None:
    """A filter for each combination of values that has none yet."""
    rows = draft.metric["filters"]
    taken = {tuple(sorted((key, tuple(each)) for key, each in part.values.items())) for part in draft.filters}
    for combination in product(*(row["values"] for row in rows)):
        values = {row["key"]: [value] for row, value in zip(rows, combination, strict=True)}
        if tuple(sorted((key, tuple(each)) for key, each in values.items())) not in taken:
            draft.filters.append(_new_filter(draft, values))
        if len(draft.filters) >= MAX_COMBINATIONS:
            return


# --- What is sent, and what was wrong with it ---------------------------------------------------------------------


def sent(drafts: Iterable[ChargeDraft]) -> list[ChargeDraft]:
    """The cards that stay, in the order in which they are sent."""
    return [draft for draft in drafts if not draft.removed]


def plan_input(draft: ChargeDraft, currency: str, *, locked: bool = False) -> dict[str, Any]:
    """The card as ``ChargeInput`` of a plan; ``locked`` leaves out what an attached plan keeps of a stored charge."""
    answer: dict[str, Any] = {"chargeModel": draft.model, **_shared(draft)}
    answer |= (
        {"billableMetricId": draft.metric["id"]} if draft.metric["id"] else {"billableMetricCode": draft.metric["code"]}
    )
    if draft.id:
        answer |= {"id": draft.id, "code": draft.code or None}
    if not (locked and draft.id):
        invoiced = not draft.in_advance or draft.invoicing == "invoice"
        answer |= {
            "payInAdvance": draft.in_advance,
            "invoiceable": invoiced,
            "regroupPaidFees": "invoice" if not invoiced and draft.invoicing == "regroup" else None,
            "prorated": draft.prorated and _may_prorate(draft),
            "minAmountCents": "0" if draft.in_advance else minimum_cents(draft, currency),
        }
    return answer


def override_input(draft: ChargeDraft, currency: str) -> dict[str, Any]:
    """The card as ``ChargeOverridesInput`` of a subscription's ``planOverrides`` (spec 03 §2.5)."""
    return {
        "id": draft.id,
        **_shared(draft),
        "minAmountCents": "0" if draft.in_advance else minimum_cents(draft, currency),
    }


def minimum_cents(draft: ChargeDraft, currency: str) -> str:
    """The minimum spend in minor units; what is no amount becomes one that is refused."""
    return (minor_units(draft.minimum, currency) or REFUSED_CENTS) if draft.minimum else "0"


def _shared(draft: ChargeDraft) -> dict[str, Any]:
    return {
        "invoiceDisplayName": draft.name or None,
        "properties": plan_prices.properties(draft.price, draft.model),
        "filters": [
            {
                "values": part.values,
                "properties": plan_prices.properties(part, draft.model),
                "invoiceDisplayName": part.name or None,
            }
            for part in draft.filters
        ],
        "taxCodes": draft.taxes,
    }


def _may_prorate(draft: ChargeDraft) -> bool:
    traits = compatibility.ChargeTraits(
        draft.model, draft.kind, recurring=draft.metric["recurring"], pay_in_advance=draft.in_advance
    )
    return compatibility.supports_proration(traits)


def errors_of(places: Mapping[str, Sequence[str]], drafts: Iterable[ChargeDraft], currency: str) -> dict[str, str]:
    """A sentence for each field that was refused, by its name; a card's own name stands for the card as a whole.

    Mistakes that a browser cannot send (custom properties that are no JSON, texts that are no amounts) are found here.
    """
    errors: dict[str, str] = {}
    order = sent(drafts)
    for draft in order:
        if draft.minimum and not draft.in_advance and minor_units(draft.minimum, currency) is None:
            errors[f"{draft.key}-minimum"] = in_words("invalid_value")
    for place, codes in places.items():
        found = _PLACE.fullmatch(place)
        if found and int(found[1]) < len(order):
            name = _field(order[int(found[1])], found[2])
            inside = name.rpartition("-")[2]
            errors.setdefault(name, " ".join(in_words(code, inside) for code in codes))
    return errors


def _field(draft: ChargeDraft, place: str) -> str:
    inside = _FILTER_PLACE.fullmatch(place)
    if inside and int(inside[1]) < len(draft.filters):
        price, name = draft.filters[int(inside[1])], plan_prices.field_of(inside[2])
        return f"{price.prefix}-{name}" if name else price.prefix
    if place in _PLACES:
        return f"{draft.key}-{_PLACES[place]}"
    name = plan_prices.field_of(place)
    return f"{draft.price.prefix}-{name}" if name else draft.key


def broken_json(drafts: Iterable[ChargeDraft]) -> dict[str, str]:
    """Custom properties that are no JSON object; the server would take them for none at all."""
    errors: dict[str, str] = {}
    for draft in sent(drafts):
        for price in (draft.price, *draft.filters) if draft.model == v.CUSTOM else ():
            try:
                fine = not price.texts["custom"] or isinstance(json.loads(price.texts["custom"]), dict)
            except ValueError:
                fine = False
            if not fine:
                errors[f"{price.prefix}-custom"] = "This is not a JSON object."
    return errors

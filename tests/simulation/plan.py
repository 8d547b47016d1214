"""A random but seeded life of an organization: its catalogue, and what happens to it in two sandbox years."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulation.prices import properties_for

ZONES = (
    "UTC America/New_York Europe/Paris Asia/Kolkata Africa/Cairo America/Santiago America/Los_Angeles Asia/Tokyo "
    "Australia/Lord_Howe Pacific/Auckland Asia/Kathmandu America/Havana America/Bogota Pacific/Apia"
).split()
CURRENCIES = ["EUR", "EUR", "USD", "JPY", "KWD", "HUF"]
FEATURES = frozenset(
    "aggregations models filters groups recurring prorated minimums commitments intervals trials advance changes "
    "coupons wallets notes grace late voids one_offs event_fees zero endings rounding future numbering prices "
    "overrides regrouped voids_with_notes thresholds".split()
)
YEARS = timedelta(days=731)


@dataclass
class Step:
    """One request. ``body`` speaks in codes; the driver knows the product's ids."""

    at: str
    kind: str
    body: dict[str, Any]


@dataclass
class Life:
    seed: int
    start: str
    end: str
    steps: list[Step]


@dataclass
class _Usage:
    """A metric as the writer of events needs it."""

    code: str
    aggregation: str
    recurring: bool
    keys: dict[str, list[str]]
    in_advance: bool = False
    dynamic: bool = False
    plain: bool = False
    """Only clean, growing values."""


@dataclass
class Writer:
    dice: random.Random
    on: Collection[str]
    steps: list[tuple[datetime, int, Step]] = field(default_factory=list)
    busy: bool = False
    """One life in six has two customers, weekly plans and many events; the others are made quickly."""
    usages: dict[str, _Usage] = field(default_factory=dict)
    number: int = 0

    def has(self, feature: str, chance: float = 1.0) -> bool:
        rolled = self.dice.random() < chance
        return feature in self.on and rolled

    def add(self, at: datetime, kind: str, **body: Any) -> None:
        self.steps.append((at, len(self.steps), Step(_text(at), kind, body)))


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def plan_life(seed: int, features: Collection[str] = FEATURES) -> Life:
    """The same life for the same seed."""
    dice = random.Random(seed)
    writer = Writer(dice, features, busy=seed % 6 == 0)
    start = datetime(2023, 1, 1, 8, tzinfo=UTC) + timedelta(seconds=dice.randrange(400 * 86400))
    end = start + YEARS
    currency = dice.choice(CURRENCIES)
    _found(writer, start)
    _catalogue(writer, start, currency)
    plans = _plans(writer, start, currency)
    _people(writer, start, end, plans, currency)
    _extras(writer, random.Random(f"{seed} extras"), start, end)
    _thresholds(writer, random.Random(f"{seed} thresholds"))
    ordered = [step for *_, step in sorted(writer.steps, key=lambda item: item[:2])]
    return Life(seed, _text(start), _text(end), ordered)


def _found(writer: Writer, at: datetime) -> None:
    dice = writer.dice
    body: dict[str, Any] = {"document_number_prefix": "SIM", "timezone": dice.choice(ZONES)}
    body["net_payment_term"] = dice.choice([0, 0, 7, 30])
    if writer.has("grace", 0.35):
        body["billing_configuration"] = {"invoice_grace_period": dice.randint(1, 6)}
    if writer.has("zero", 0.3):
        body["finalize_zero_amount_invoice"] = False
    if not writer.busy and writer.has("numbering", 0.3):
        body["document_numbering"] = "per_organization"  # one customer: the order of its invoices is settled
    writer.add(at, "organization", **body)
    for index, rate in enumerate(["20", "5.5", "0", "7.77"]):
        writer.add(at, "tax", code=f"t{index}", rate=rate, applied_to_organization=index == 0 or dice.random() < 0.2)


def _some_taxes(dice: random.Random, chance: float) -> dict[str, Any]:
    return {"tax_codes": dice.sample(["t0", "t1", "t2", "t3"], dice.randint(1, 2))} if dice.random() < chance else {}


def _catalogue(writer: Writer, at: datetime, currency: str) -> None:
    """Metrics of every aggregation."""
    dice = writer.dice
    kinds = ["count_agg", "sum_agg"]
    if "aggregations" in writer.on:
        kinds += ["max_agg", "latest_agg", "unique_count_agg", "weighted_sum_agg"]
    for kind in kinds:
        for recurring in (False, True):
            if recurring and kind not in ("sum_agg", "unique_count_agg", "weighted_sum_agg"):
                continue
            if recurring and "recurring" not in writer.on:
                continue
            code = kind.removesuffix("_agg") + ("_kept" if recurring else "")
            keys: dict[str, list[str]] = {}
            if writer.has("filters", 0.5):
                keys = {"region": ["eu", "us", "asia"], "tier": ["gold", "silver"]}
            body: dict[str, Any] = {"code": code, "aggregation_type": kind, "recurring": recurring}
            if kind != "count_agg":
                body["field_name"] = "v"
            if keys:
                body["filters"] = [{"key": key, "values": values} for key, values in keys.items()]
            if writer.has("rounding", 0.25):
                body["rounding_function"] = dice.choice(["round", "ceil", "floor"])
                body["rounding_precision"] = dice.choice([None, 0, 1, -1])
            writer.usages[code] = _Usage(code, kind, recurring, keys)
            writer.add(at, "metric", **body)
    if "one_offs" in writer.on:
        writer.add(at, "add_on", code="setup", amount_cents=12345, amount_currency=currency)


def _plans(writer: Writer, at: datetime, currency: str) -> list[str]:
    dice = writer.dice
    metrics_in_advance = {
        code
        for code, usage in writer.usages.items()
        if usage.aggregation in ("count_agg", "sum_agg", "unique_count_agg") and writer.has("event_fees", 0.2)
    }
    for code in metrics_in_advance:
        writer.usages[code].in_advance = True
    made = []
    for index in range(dice.randint(2, 4)):
        intervals = ["monthly"]
        if "intervals" in writer.on:
            intervals += ["quarterly", "quarterly", "yearly", "semiannual", *(["weekly"] if writer.busy else [])]
        interval = dice.choice(intervals)
        body: dict[str, Any] = {
            "code": f"p{index}",
            "interval": interval,
            "amount_cents": dice.choice([0, dice.randint(1, 999), dice.randint(1000, 99999)]),
            "amount_currency": currency,
            "pay_in_advance": writer.has("advance", 0.5),
            "charges": [],
            **_some_taxes(dice, 0.3),
        }
        if interval in ("yearly", "semiannual"):
            body["bill_charges_monthly"] = dice.random() < 0.5
        if writer.has("trials", 0.25):
            body["trial_period"] = dice.choice([1, 7, 14, 45])
        if writer.has("commitments", 0.25):
            body["minimum_commitment"] = {"amount_cents": dice.randint(100, 150000), **_some_taxes(dice, 0.3)}
        for code in dice.sample(sorted(writer.usages), min(len(writer.usages), dice.randint(1, 4))):
            body["charges"].append(_charge(writer, writer.usages[code]))
        writer.add(at, "plan", **body)
        made.append(body["code"])
    return made


def _charge(writer: Writer, usage: _Usage) -> dict[str, Any]:
    dice = writer.dice
    models = ["standard"]
    if "models" in writer.on:
        models += ["graduated", "package"]
        if usage.aggregation != "latest_agg":
            models += ["percentage", "graduated_percentage"]
        if not usage.in_advance:
            models.append("volume")
        if usage.aggregation == "sum_agg" and not usage.recurring:
            models.append("dynamic")
    model = dice.choice(models)
    body: dict[str, Any] = {"metric": usage.code, "charge_model": model, **_some_taxes(dice, 0.2)}
    if usage.recurring and usage.aggregation != "weighted_sum_agg":
        allowed = ["standard"] if usage.in_advance else ["standard", "volume", "graduated"]
        if model in allowed and writer.has("prorated", 0.5):
            body["prorated"] = True
    if usage.in_advance:
        body["pay_in_advance"] = True
        body["invoiceable"] = dice.random() < 0.6
        usage.plain = usage.plain or model in ("percentage", "graduated_percentage")
    elif writer.has("minimums", 0.25):
        body["min_amount_cents"] = dice.randint(1, 30000)
    if model == "percentage" and not usage.recurring:
        usage.plain = True
    usage.dynamic = usage.dynamic or model == "dynamic"
    body["properties"] = _properties(writer, usage, model)
    if usage.keys and dice.random() < 0.8:
        chosen: list[dict[str, list[str]]] = []
        for _ in range(dice.randint(1, 3)):
            values = {
                key: dice.choice([["__ALL_FILTER_VALUES__"], dice.sample(listed, dice.randint(1, len(listed)))])
                for key, listed in usage.keys.items()
                if dice.random() < 0.7
            }
            if values and values not in chosen:
                chosen.append(values)
        body["filters"] = [{"values": values, "properties": _properties(writer, usage, model)} for values in chosen]
    return body


def _properties(writer: Writer, usage: _Usage, model: str) -> dict[str, Any]:
    found = properties_for(writer.dice, model, limited=not usage.recurring)
    if writer.has("groups", 0.25):
        found["pricing_group_keys"] = writer.dice.choice([["cloud"], ["cloud", "team"]])
    return found


# -- people and what they do -------------------------------------------------------------------------------------------


def _people(writer: Writer, start: datetime, end: datetime, plans: list[str], currency: str) -> None:
    dice = writer.dice
    _offers(writer, start, plans, currency)
    for number in range(2 if writer.busy else 1):
        customer = f"c{number}"
        joined = start + timedelta(seconds=dice.randrange(20 * 86400) if number else 60)
        body: dict[str, Any] = {"external_id": customer, "currency": currency, **_some_taxes(dice, 0.25)}
        if dice.random() < 0.7:
            body["timezone"] = dice.choice(ZONES)
        if dice.random() < 0.3:
            body["net_payment_term"] = dice.choice([0, 10])
        if writer.has("grace", 0.25):
            body["billing_configuration"] = {"invoice_grace_period": dice.choice([0, 2, 5])}
        if writer.has("zero", 0.3):
            body["finalize_zero_amount_invoice"] = dice.choice(["skip", "finalize"])
        writer.add(joined, "customer", **body)
        for index in range(dice.choice([1, 1, 1, 2])):
            _subscription(writer, customer, f"{customer}-s{index}", joined, end, plans)
        _favours(writer, customer, joined, end, currency)
    if writer.has("prices", 0.4):
        writer.add(_moment(dice, start, end), "price", code=dice.choice(plans), amount_cents=dice.randint(0, 90000))
    if writer.has("coupons", 0.2):
        writer.add(_moment(dice, start, end), "delete_coupon", code=f"k{dice.randrange(4)}")
    _office(writer, start, end)


def _moment(dice: random.Random, begin: datetime, end: datetime) -> datetime:
    """Some second in between; now and then exactly a UTC midnight."""
    found = begin + timedelta(seconds=dice.randrange(max(int((end - begin).total_seconds()), 1)))
    midnight = found.replace(hour=0, minute=0, second=0)
    return midnight if dice.random() < 0.1 and midnight > begin else found


def _subscription(
    writer: Writer, customer: str, external_id: str, joined: datetime, end: datetime, plans: list[str]
) -> None:
    dice = writer.dice
    at = _moment(dice, joined, joined + timedelta(days=dice.choice([1, 1, 90])))
    body: dict[str, Any] = {
        "external_customer_id": customer,
        "plan_code": dice.choice(plans),
        "external_id": external_id,
        "billing_time": dice.choice(["calendar", "anniversary"]),
    }
    if writer.has("overrides", 0.2):
        body["plan_overrides"] = {"amount_cents": dice.randint(0, 50000), **_some_taxes(dice, 0.3)}
        if dice.random() < 0.3:
            body["plan_overrides"]["minimum_commitment"] = {"amount_cents": dice.randint(1, 90000)}
    began = at
    if writer.has("future", 0.3):
        shift = dice.choice([-100, -20, -3, 0, 3, 40])
        began = at + timedelta(days=shift, hours=dice.randint(-9, 9))
        body["subscription_at"] = _text(began)
    if writer.has("endings", 0.2):
        body["ending_at"] = _text(_moment(dice, max(at, began) + timedelta(days=40), end + timedelta(days=50)))
    writer.add(at, "subscribe", **body)
    _usage(writer, external_id, at, end)
    if "changes" not in writer.on:
        return
    now = at
    for _ in range(dice.choice([0, 1, 2, 3])):
        now = _moment(dice, now + timedelta(hours=3), now + timedelta(days=dice.choice([2, 60, 300])))
        if now >= end:
            return
        what = dice.random()
        if what < 0.65:
            writer.add(
                now, "subscribe", external_customer_id=customer, plan_code=dice.choice(plans), external_id=external_id
            )
        elif what < 0.75:
            writer.add(now, "cancel_pending", external_id=external_id)
        else:
            options = {"on_termination_credit_note": dice.choice(["credit", "credit", "skip", "offset", "refund"])}
            if dice.random() < 0.1:
                options["on_termination_invoice"] = "skip"
            writer.add(now, "terminate", external_id=external_id, **(options if dice.random() < 0.6 else {}))
            if dice.random() < 0.5:
                again = now + timedelta(hours=dice.choice([1, 30, 1000]))
                if again < end:
                    writer.add(
                        again, "subscribe", external_customer_id=customer, plan_code=dice.choice(plans),
                        external_id=external_id,
                    )  # fmt: skip
                    now = again


def _usage(writer: Writer, external_id: str, begin: datetime, end: datetime) -> None:
    """Batches of events every few weeks; some tell late of what happened before."""
    dice = writer.dice
    now = begin
    codes = sorted(writer.usages)
    while True:
        earlier = now
        now = _moment(dice, now + timedelta(hours=1), now + timedelta(days=dice.choice([30, 120, 200])))
        if now >= end:
            return
        taken: set[datetime] = set()
        moments = []
        for _ in range(dice.randint(4, 28)):
            back = earlier
            if writer.has("late", 0.15):
                back = earlier - timedelta(days=dice.choice([1, 5, 20]))
            moment = _moment(dice, back, now)
            if moment not in taken:
                taken.add(moment)
                moments.append(moment)
        events = []
        for moment in sorted(moments):
            usage = writer.usages[dice.choice(codes)]
            if usage.in_advance:
                moment = max(moment, earlier + timedelta(seconds=1))
            events.append(_event(writer, usage, external_id, moment))
        events.sort(key=lambda event: event["timestamp"])
        bills = any(writer.usages[event["code"]].in_advance for event in events)
        writer.add(now, "events", events=events, bills_events=bills)


def _event(writer: Writer, usage: _Usage, external_id: str, moment: datetime) -> dict[str, Any]:
    dice = writer.dice
    writer.number += 1
    properties: dict[str, Any] = {}
    if usage.aggregation == "unique_count_agg":
        properties["v"] = dice.choice("abcdef")
        if dice.random() < 0.4:
            properties["operation_type"] = "remove"
    elif usage.aggregation != "count_agg":
        value = dice.choice([str(dice.randint(0, 40)), f"{dice.randint(0, 3000) / 100}", dice.randint(1, 500)])
        if not usage.plain and dice.random() < 0.15:
            value = f"-{dice.randint(1, 30)}"
        properties["v"] = value
        if dice.random() < 0.03:
            properties["v"] = dice.choice(["many", "", "1e3"])
    for key, listed in usage.keys.items():
        if dice.random() < 0.8:
            properties[key] = dice.choice([*listed, "mars"])
    if dice.random() < 0.8:
        properties["cloud"] = dice.choice(["x", "y", ""])
    if dice.random() < 0.5:
        properties["team"] = dice.choice(["1", "2"])
    event = {
        "transaction_id": f"e{writer.number}",
        "external_subscription_id": external_id,
        "code": usage.code,
        "timestamp": int(moment.timestamp()),
        "properties": properties,
    }
    if usage.dynamic and dice.random() < 0.9:
        event["precise_total_amount_cents"] = f"{dice.randint(0, 90000) / 100}"
    return event


def _offers(writer: Writer, at: datetime, plans: list[str], currency: str) -> None:
    dice = writer.dice
    if "coupons" not in writer.on:
        return
    for number in range(4):
        body: dict[str, Any] = {
            "code": f"k{number}",
            "frequency": dice.choice(["once", "recurring", "forever"]),
            "expiration": "no_expiration",
        }
        if body["frequency"] == "recurring":
            body["frequency_duration"] = dice.randint(1, 8)
        if dice.random() < 0.5:
            body |= {"coupon_type": "percentage", "percentage_rate": dice.choice(["10", "33.3", "12.5", "100"])}
        else:
            body |= {
                "coupon_type": "fixed_amount",
                "amount_cents": dice.randint(1, 40000),
                "amount_currency": dice.choice([currency, currency, currency, "CHF"]),
            }
        limit = dice.random()
        if limit < 0.2:
            body["applies_to"] = {"plan_codes": [dice.choice(plans)]}
        elif limit < 0.4:
            body["applies_to"] = {"billable_metric_codes": [dice.choice(sorted(writer.usages))]}
        writer.add(at, "coupon", **body)


def _favours(writer: Writer, customer: str, joined: datetime, end: datetime, currency: str) -> None:
    """Coupons and wallets of one customer."""
    dice = writer.dice
    if "coupons" in writer.on:
        for _ in range(dice.choice([0, 1, 2, 3])):
            at = _moment(dice, joined, end)
            writer.add(at, "apply_coupon", external_customer_id=customer, coupon_code=f"k{dice.randrange(4)}")
    if not writer.has("wallets", 0.6):
        return
    for number in range(dice.choice([1, 1, 2])):
        at = _moment(dice, joined, end - timedelta(days=300))
        name = f"{customer}-w{number}"
        body: dict[str, Any] = {
            "external_customer_id": customer,
            "name": name,
            "currency": currency,
            "rate_amount": dice.choice(["1", "0.5", "1.375"]),
            "priority": dice.choice([1, 50]),
            "granted_credits": str(dice.randint(1, 900)),
        }
        if dice.random() < 0.5:
            body["paid_credits"] = f"{dice.randint(100, 90000) / 100}"
        limit = dice.random()
        if limit < 0.2:
            body["applies_to"] = {"fee_types": [dice.choice(["subscription", "charge", "commitment"])]}
        elif limit < 0.4:
            body["applies_to"] = {"billable_metric_codes": [dice.choice(sorted(writer.usages))]}
        if dice.random() < 0.2:
            body["expiration_at"] = _text(at + timedelta(days=dice.randint(20, 400)))
        writer.add(at, "wallet", **body)
        for _ in range(dice.choice([0, 1, 2])):
            later = _moment(dice, at + timedelta(minutes=1), end)
            kind = dice.choice(["paid_credits", "granted_credits"])
            writer.add(later, "top_up", wallet=name, **{kind: f"{dice.randint(100, 90000) / 100}"})
            if kind == "paid_credits" and dice.random() < 0.8:
                writer.add(later + timedelta(minutes=5), "pay", dice=dice.random(), types=["credit"])
        if "paid_credits" in body:
            writer.add(at + timedelta(minutes=5), "pay", dice=dice.random(), types=["credit"])


def _office(writer: Writer, start: datetime, end: datetime) -> None:
    """What the seller's people do with invoices."""
    dice = writer.dice
    billed = ["subscription"]

    def times(most: int) -> list[datetime]:
        return [_moment(dice, start + timedelta(days=30), end) for _ in range(dice.randint(0, most))]

    if "notes" in writer.on:
        for at in times(3):
            writer.add(at, "credit_note", dice=dice.random(), types=[*billed, "one_off"], recent=6)
    if "voids" in writer.on:
        for at in times(2):
            writer.add(at, "void", dice=dice.random(), types=billed, recent=4)
    if "grace" in writer.on:
        for at in times(3):
            writer.add(at, dice.choice(["finalize", "refresh"]), dice=dice.random())
    for at in times(4):
        writer.add(at, "pay", dice=dice.random(), types=billed)
    if "one_offs" in writer.on:
        currency = next(step.body["amount_currency"] for *_, step in writer.steps if step.kind == "add_on")
        for at in times(2):
            fees = [
                {
                    "add_on_code": "setup",
                    "unit_amount_cents": dice.randint(0, 5000),
                    "units": dice.choice(["1", "2.5", "3"]),
                    **_some_taxes(dice, 0.4),
                }
            ]
            writer.add(at, "one_off", external_customer_id="c0", currency=currency, fees=fees)


def _extras(writer: Writer, dice: random.Random, start: datetime, end: datetime) -> None:
    """What has dice of its own, so that the lives without it stay as they are."""
    if "regrouped" in writer.on:
        for *_, step in writer.steps:
            if step.kind == "plan":
                for charge in step.body["charges"]:
                    if charge.get("invoiceable") is False:
                        charge["regroup_paid_fees"] = "invoice"
        for _ in range(dice.randint(1, 5)):
            writer.add(_moment(dice, start, end), "pay_fees", dice=dice.random())
    if "voids_with_notes" in writer.on:
        for _ in range(dice.randint(1, 3)):
            at = _moment(dice, start + timedelta(days=60), end)
            part = dice.choice([0, 0.5, dice.random()])
            writer.add(at, "void_with_note", dice=dice.random(), types=["subscription"], recent=5, part=part)


def _thresholds(writer: Writer, dice: random.Random) -> None:
    """Progressive billing in every third life. There are no drafts then: when a draft is made anew by itself is not in
    the history, and what it bills counts."""
    if "thresholds" not in writer.on or dice.random() > 0.35:
        return
    for *_, step in writer.steps:
        if step.kind in ("organization", "customer"):
            step.body.pop("billing_configuration", None)
        elif step.kind == "events":
            step.body["bills_events"] = True  # the clock stands still until they are looked at
        elif step.kind == "plan" and dice.random() < 0.8:
            amounts = dice.sample(range(500, 90_000), dice.randint(0, 3))
            thresholds = [{"amount_cents": amount, "recurring": False} for amount in amounts]
            if not amounts or dice.random() < 0.5:
                thresholds.append({"amount_cents": dice.randint(2_000, 60_000), "recurring": True})
            step.body["usage_thresholds"] = thresholds

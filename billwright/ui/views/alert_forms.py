"""Making, changing and removing an alert of a subscription or wallet (spec 07 §9.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from billwright.billing.alerts.thresholds import MOST
from billwright.billing.kernel.money import exponent
from billwright.ui.views.alerts import OF_METRIC, ON_SUBSCRIPTION, ON_WALLET, figure, is_money, watched
from billwright.ui.views.money import decimal_text
from billwright.ui.views.subscriptions import subscription_href, subscription_name
from billwright.ui.views.support import View
from billwright.ui.views.wallets import wallet_href, wallet_name
from billwright.ui.views.words import field_errors, in_words, toast_words

Data = Mapping[str, Any]
Row = dict[str, str]
FIELDS = {"name": "name", "code": "code", "alertType": "type", "billableMetricCode": "metric", "base": "type"}
SPARE = 3
EVERY = "every"


async def new_on_subscription(view: View) -> Response:
    """``GET /{slug}/subscription/{id}/alerts/create``."""
    return await _form(view, await _of_subscription(view), None, {}, _rows([]), {})


async def new_on_wallet(view: View) -> Response:
    """``GET /{slug}/wallet/{id}/alerts/create``."""
    return await _form(view, await _of_wallet(view), None, {}, _rows([]), {})


async def edit_alert(view: View) -> Response:
    """``GET /{slug}/alert/{id}/edit``."""
    owner, alert = await _of_alert(view)
    values = {"name": alert["name"] or "", "code": alert["code"], "type": alert["alertType"]}
    written = [
        {
            "value": _written(each["value"], alert["alertType"], owner["currency"]),
            "code": each["code"] or "",
            "recurring": "yes" if each["recurring"] else "",
        }
        for each in alert["thresholds"]
    ]
    return await _form(view, owner, alert, values, _rows(written), {})


async def create_on_subscription(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/alerts/create``."""
    return await _create(view, await _of_subscription(view), "CreateSubscriptionAlert", "subscriptionId")


async def create_on_wallet(view: View) -> Response:
    """``POST /{slug}/wallet/{id}/alerts/create``."""
    return await _create(view, await _of_wallet(view), "CreateCustomerWalletAlert", "walletId")


async def change_alert(view: View) -> Response:
    """``POST /{slug}/alert/{id}/edit``."""
    owner, alert = await _of_alert(view)
    return await _save(view, owner, alert, "UpdateAlert", {"id": alert["id"]})


async def delete_alert(view: View) -> Response:
    """``POST /{slug}/alert/{id}/delete``."""
    owner, alert = await _of_alert(view)
    outcome = await view.change("DestroyAlert", id=alert["id"])
    toast = ("positive", "Alert removed") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(owner["back"], toast)


async def _create(view: View, owner: Data, operation: str, key: str) -> Response:
    kind = view.posted("type")
    sent: dict[str, Any] = {key: owner["id"], "alertType": kind}
    if kind not in owner["types"]:
        return await _again(view, owner, None, {"alertType": ["value_is_mandatory"]}, {})
    if kind in OF_METRIC:
        if view.posted("metric") not in {metric["value"] for metric in owner["metrics"]}:
            return await _again(view, owner, None, {"billableMetricCode": ["value_is_mandatory"]}, {})
        sent["billableMetricId"] = view.posted("metric")
    return await _save(view, owner, None, operation, sent)


async def _save(view: View, owner: Data, alert: Data | None, operation: str, sent: dict[str, Any]) -> Response:
    kind = alert["alertType"] if alert else sent["alertType"]
    places: dict[int, str] = {}
    thresholds: list[dict[str, Any]] = []
    at: list[int] = []
    for index, row in enumerate(_posted(view)):
        if not row["value"] and not row["code"]:
            continue
        value = _value(row["value"], kind, owner["currency"])
        if value is None:
            places[index] = in_words("value_is_not_a_number" if row["value"] else "value_is_mandatory")
            continue
        thresholds.append({"value": value, "code": row["code"] or None, "recurring": row["recurring"] == "yes"})
        at.append(index)
    if places:
        return await _again(view, owner, alert, {}, places)
    outcome = await view.change(
        operation, **sent, name=view.posted("name") or None, code=view.posted("code"), thresholds=thresholds
    )
    if outcome.ok:
        return view.redirect(owner["back"], ("positive", "Saved" if alert else "Alert created"))
    for index, row_index in enumerate(at):
        codes = outcome.places.get(f"thresholds.{index}.value")
        if codes:
            places[row_index] = " ".join(in_words(code) for code in codes)
    fields = {name: codes for name, codes in outcome.fields.items() if not (places and name == "thresholds:value")}
    return await _again(view, owner, alert, fields, places, outcome.code)


async def _again(
    view: View,
    owner: Data,
    alert: Data | None,
    fields: Mapping[str, Sequence[str]],
    places: Mapping[int, str],
    code: str | None = "value_is_invalid",
) -> Response:
    values = {name: view.posted(name) for name in ("name", "code", "type", "metric")}
    if alert:
        values["type"] = alert["alertType"]
    return await _form(view, owner, alert, values, _rows(_posted(view)), fields, places, code)


def _posted(view: View) -> list[Row]:
    """The rows as they were sent, the recurring one last."""
    found = [
        {"value": view.posted(f"value-{at}"), "code": view.posted(f"code-{at}"), "recurring": ""} for at in range(MOST)
    ]
    while found and not (found[-1]["value"] or found[-1]["code"]):
        found.pop()
    return [*found, {"value": view.posted(EVERY), "code": view.posted(f"{EVERY}-code"), "recurring": "yes"}]


def _rows(given: Sequence[Row]) -> list[Row]:
    """The fixed rows with some empty ones after them, and the recurring one last."""
    fixed = [row for row in given if not row["recurring"]]
    empty: Row = {"value": "", "code": "", "recurring": ""}
    spare = [dict(empty) for _ in range(min(SPARE, MOST - len(fixed)))]
    repeated = next((row for row in given if row["recurring"]), {**empty, "recurring": "yes"})
    return [*fixed, *spare, repeated]


def _value(text: str, kind: str, currency: str) -> str | None:
    """A value as the API takes it: money in minor units."""
    plain = decimal_text(text)
    if plain is None or not is_money(kind):
        return plain
    return format(Decimal(plain).scaleb(exponent(currency)), "f")


def _written(value: str, kind: str, currency: str) -> str:
    """A value as people write it: money in units of its currency, with the digits that it has at least."""
    if not is_money(kind):
        return value.removesuffix(".0")
    digits = exponent(currency)
    number = Decimal(value.removesuffix(".0")).scaleb(-digits)
    return format(number, "f")


async def _of_subscription(view: View) -> Data:
    item = (await view.ask("SubscriptionAlerts", id=view.path("subscription")))["subscription"]
    metrics = {charge["billableMetric"]["id"]: charge["billableMetric"]["name"] for charge in item["plan"]["charges"]}
    return {
        **_owner_subscription(view, item),
        "metrics": [{"value": key, "label": name} for key, name in sorted(metrics.items(), key=lambda pair: pair[1])],
    }


async def _of_wallet(view: View) -> Data:
    return _owner_wallet(view, (await view.ask("WalletAlerts", id=view.path("wallet")))["wallet"])


async def _of_alert(view: View) -> tuple[Data, Data]:
    alert = (await view.ask("AlertOne", id=view.path("alert")))["alert"]
    if alert["wallet"]:
        return _owner_wallet(view, alert["wallet"]), alert
    return _owner_subscription(view, alert["subscription"]), alert


def _owner_subscription(view: View, item: Data) -> dict[str, Any]:
    href = subscription_href(view, item)
    return {
        "id": item["id"],
        "name": subscription_name(item),
        "back": f"{href}/usage",
        "create": f"{href}/alerts/create",
        "currency": item["plan"]["amountCurrency"],
        "types": ON_SUBSCRIPTION,
        "metrics": [],
        "falls": False,
        "rest": f"/subscriptions/{item['externalId']}/alerts",
    }


def _owner_wallet(view: View, item: Data) -> dict[str, Any]:
    href = wallet_href(view, item["id"])
    return {
        "id": item["id"],
        "name": wallet_name(item),
        "back": href,
        "create": f"{href}/alerts/create",
        "currency": item["currency"],
        "types": ON_WALLET,
        "metrics": [],
        "falls": True,
        "rest": f"/customers/{item['customer']['externalId']}/wallets/{item['code']}/alerts",
    }


async def _form(
    view: View,
    owner: Data,
    alert: Data | None,
    values: Mapping[str, str],
    rows: Sequence[Row],
    fields: Mapping[str, Sequence[str]],
    places: Mapping[int, str] | None = None,
    code: str | None = None,
) -> Response:
    errors, places = field_errors(fields), places or {}
    sent = _posted(view) if places else []
    by_row = {_place(rows, sent, at): text for at, text in places.items()}
    types = {key: label for key, label in owner["types"].items() if owner["metrics"] or key not in OF_METRIC}
    kind = values.get("type") or next(iter(types))
    href = f"{view.base}/alert/{alert['id']}" if alert else None
    content = {
        "title": "Edit alert" if alert else "New alert",
        "url": view.url,
        "heading": (alert["name"] or alert["code"]) if alert else "New alert",
        "owner": {"name": owner["name"], "currency": owner["currency"], "falls": owner["falls"]},
        "back": owner["back"],
        "action": f"{href}/edit" if href else owner["create"],
        "delete": f"{href}/delete" if href else None,
        "watches": watched(alert) if alert else None,
        "now": figure(alert["previousValue"], kind, owner["currency"]) if alert and alert["lastProcessedAt"] else None,
        "types": [{"value": key, "label": label} for key, label in types.items()],
        "metrics": owner["metrics"],
        "of_metric": " ".join(OF_METRIC),
        "values": {name: values.get(name, "") for name in ("name", "code", "metric")} | {"type": kind},
        "rows": [
            {**row, "error": by_row.get(at), "field": EVERY if row["recurring"] else f"value-{at}"}
            for at, row in enumerate(rows)
        ],
        "money": is_money(kind) if alert else None,
        "errors": {
            **{form: " ".join(errors[name] for name in FIELDS if FIELDS[name] == form and name in errors) or None
               for form in FIELDS.values()},
            "thresholds": " ".join(errors[key] for key in ("thresholds", "thresholds:value") if key in errors) or None,
        },
        "error": next(
            (text for name, text in errors.items() if name not in FIELDS and not name.startswith("thresholds")), None
        )
        or (in_words(code) if code and not errors and not places else None),
        "api": view.api(
            "AlertOne" if alert else ("WalletAlerts" if owner["falls"] else "SubscriptionAlerts"),
            "PUT" if alert else "POST",
            owner["rest"] + (f"/{alert['code']}" if alert else ""),
            {"alert": {"name": "Spend", "thresholds": [{"value": "10000"}, {"value": "5000", "recurring": True}]}},
        ),
    }  # fmt: skip
    return await view.page("alerts/form.html", "customers" if owner["falls"] else "subscriptions", content,
                           status_code=422 if code else 200)  # fmt: skip


def _place(rows: Sequence[Row], sent: Sequence[Row], at: int) -> int:
    """Where the row sent at ``at`` stands among those shown: the recurring one moves behind the empty ones."""
    return len(rows) - 1 if sent[at]["recurring"] else at

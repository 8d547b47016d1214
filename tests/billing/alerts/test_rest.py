"""Alerts over REST: shapes, mistakes, batches, and the webhook's object (spec 07 §9.4)."""

from __future__ import annotations

from typing import Any

from tests.billing.alerts.steps import SUBSCRIPTION, alert, body
from tests.billing.notifications.test_payloads import Wired
from tests.billing.progressive.steps import sell
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox

CURRENT, UNITS, BALANCE = "current_usage_amount", "billable_metric_current_usage_units", "wallet_balance_amount"
WALLET = "customers/c1/wallets/main/alerts"
MANDATORY, INVALID = ["value_is_mandatory"], ["value_is_invalid"]


async def sell_with_wallet(sandbox: Sandbox) -> None:
    await sell(sandbox)
    wallet = {"external_customer_id": "c1", "code": "main", "rate_amount": "1", "currency": "EUR"}
    await sandbox.call("POST", "wallets", {"wallet": {**wallet, "granted_credits": "100"}})


def sent(*thresholds: Any, **changes: Any) -> dict[str, Any]:
    return {"alert_type": CURRENT, "code": "other", "thresholds": list(thresholds), **changes}


ONE = {"value": "10"}
MISTAKES: list[tuple[str, dict[str, Any], dict[str, list[str]]]] = [
    (WALLET, sent(ONE, code=" ", alert_type=BALANCE), {"code": MANDATORY}),
    (SUBSCRIPTION, sent(ONE, code="spend", alert_type="lifetime_usage_amount"), {"code": ["value_already_exist"]}),
    (SUBSCRIPTION, sent(ONE), {"base": ["alert_already_exists"]}),
    (SUBSCRIPTION, sent(ONE, alert_type=UNITS, billable_metric_code="calls"), {"base": ["alert_already_exists"]}),
    (SUBSCRIPTION, sent(ONE, alert_type=None), {"alert_type": MANDATORY}),
    (SUBSCRIPTION, sent(ONE, alert_type=BALANCE), {"alert_type": ["invalid_type"]}),
    (WALLET, sent(ONE), {"alert_type": ["invalid_type"]}),
    (SUBSCRIPTION, sent(ONE, alert_type=UNITS), {"billable_metric_code": MANDATORY}),
    (WALLET, sent(ONE, alert_type=BALANCE, billable_metric_code="calls"), {"billable_metric_code": INVALID}),
    (WALLET, sent(alert_type=BALANCE), {"thresholds": MANDATORY}),
    (WALLET, {"alert_type": BALANCE, "code": "x"}, {"thresholds": MANDATORY}),
    (WALLET, sent(*({"value": n} for n in range(21)), alert_type=BALANCE), {"thresholds": ["too_many_thresholds"]}),
    (
        WALLET,
        sent({"value": 1, "recurring": True}, {"value": 2, "recurring": True}, alert_type=BALANCE),
        {"thresholds": ["too_many_thresholds"]},
    ),
    (WALLET, sent({"value": 1}, {"value": "1.00"}, alert_type=BALANCE), {"thresholds": ["duplicate_threshold_values"]}),
    (WALLET, sent({"code": "x"}, alert_type=BALANCE), {"thresholds:value": MANDATORY}),
    (WALLET, sent({"value": "much"}, alert_type=BALANCE), {"thresholds:value": INVALID}),
    (WALLET, sent({"value": "1e40"}, alert_type=BALANCE), {"thresholds:value": INVALID}),
    (
        WALLET,
        sent({"value": 0, "recurring": True}, alert_type=BALANCE),
        {"thresholds:value": ["recurring_value_is_negative"]},
    ),
    (WALLET, sent("ten", alert_type=BALANCE), {"thresholds": INVALID}),
]


async def test_07_9_4_mistakes(sandbox: Sandbox) -> None:
    await sell_with_wallet(sandbox)
    await alert(sandbox, "spend", CURRENT, 500)
    await alert(sandbox, "units", UNITS, 500, billable_metric_code="calls")
    for path, given, expected in MISTAKES:
        answer = await sandbox.rest.request("POST", path, {"alert": given})
        assert answer.status_code == 422, (given, answer.text)
        assert answer.json()["error_details"] == expected, given
    assert (await sandbox.call("GET", SUBSCRIPTION))["meta"]["total_count"] == 2
    assert (await sandbox.call("GET", WALLET))["meta"]["total_count"] == 0


MISSING: list[tuple[str, str, Any, str | None]] = [
    ("POST", "subscriptions/none/alerts", {"alert": sent(ONE)}, "subscription_not_found"),
    ("GET", "subscriptions/none/alerts", None, "subscription_not_found"),
    ("DELETE", "subscriptions/none/alerts", None, "subscription_not_found"),
    ("GET", f"{SUBSCRIPTION}/none", None, "alert_not_found"),
    ("PUT", f"{SUBSCRIPTION}/none", {"alert": {"name": "x"}}, "alert_not_found"),
    ("DELETE", f"{WALLET}/none", None, "alert_not_found"),
    ("GET", "customers/none/wallets/main/alerts", None, "customer_not_found"),
    ("GET", "customers/c1/wallets/none/alerts", None, "wallet_not_found"),
    (
        "POST",
        SUBSCRIPTION,
        {"alert": sent(ONE, alert_type=UNITS, billable_metric_code="x")},
        "billable_metric_not_found",
    ),
    ("POST", SUBSCRIPTION, {"alert": {}}, None),
    ("POST", SUBSCRIPTION, {"threshold": 1}, None),
]


async def test_what_does_not_exist(sandbox: Sandbox) -> None:
    await sell_with_wallet(sandbox)
    for method, path, given, code in MISSING:
        answer = await sandbox.rest.request(method, path, given)
        assert (answer.status_code, answer.json().get("code")) == ((404 if code else 400), code), (method, path)


async def test_the_life_of_alerts(sandbox: Sandbox) -> None:
    await sell_with_wallet(sandbox)
    several = [
        body("spend", CURRENT, "500.5", every=100, name=" Spend "),
        body("units", UNITS, 7, billable_metric_code="calls"),
    ]
    made = (await sandbox.call("POST", SUBSCRIPTION, {"alerts": several}))["alerts"]
    assert [item["code"] for item in made] == ["spend", "units"]
    assert (made[0]["name"], made[0]["thresholds"]) == (
        "Spend",
        [{"code": None, "value": "500.5", "recurring": False}, {"code": None, "value": "100.0", "recurring": True}],
    )
    assert problems("AlertObject", made[1]) == [".billable_metric.expression: None is not string"]
    assert made[1]["billable_metric"]["code"] == "calls"
    [low] = (await sandbox.call("POST", WALLET, {"alerts": [body("spend", BALANCE, 5)]}))["alerts"]
    assert problems("WalletAlertObject", low) == []
    listed = await sandbox.call("GET", SUBSCRIPTION, params={"per_page": 1})
    assert [item["code"] for item in listed["alerts"]] == ["units"]
    assert listed["meta"]["total_count"] == 2
    renamed = await sandbox.call("PUT", f"{SUBSCRIPTION}/units", {"alert": {"code": "a/b.c", "alert_type": BALANCE}})
    assert (renamed["alert"]["code"], renamed["alert"]["alert_type"]) == ("a/b.c", UNITS)
    taken = await sandbox.rest.request("PUT", f"{SUBSCRIPTION}/a%2Fb.c", {"alert": {"code": "spend"}})
    assert taken.json()["error_details"] == {"code": ["value_already_exist"]}
    gone = (await sandbox.call("DELETE", f"{SUBSCRIPTION}/a%2Fb.c"))["alert"]
    assert gone["lago_id"] == made[1]["lago_id"]
    await alert(sandbox, "a/b.c", UNITS, 7, billable_metric_code="calls")
    assert await sandbox.call("DELETE", SUBSCRIPTION) is None
    assert (await sandbox.call("GET", SUBSCRIPTION))["alerts"] == []
    assert [item["code"] for item in (await sandbox.call("GET", WALLET))["alerts"]] == ["spend"]
    assert await sandbox.call("DELETE", WALLET) is None
    assert (await sandbox.call("GET", WALLET))["alerts"] == []


async def test_a_batch_is_made_whole_or_not_at_all(sandbox: Sandbox) -> None:
    await sell(sandbox)
    good, twice, bad = body("a", CURRENT, 5), body("a", "lifetime_usage_amount", 5), body("b", "nothing", 5)
    answer = await sandbox.rest.request("POST", SUBSCRIPTION, {"alerts": [good, twice, bad, 7]})
    assert answer.json()["error_details"] == {
        "1": {"code": ["value_already_exist"]},
        "2": {"alert_type": ["invalid_type"]},
        "3": {"alert_type": MANDATORY, "code": MANDATORY, "thresholds": MANDATORY},
    }
    answer = await sandbox.rest.request("POST", SUBSCRIPTION, {"alerts": []})
    assert (answer.status_code, answer.json()["error_details"]) == (422, {"alerts": ["no_alerts"]})
    assert (await sandbox.call("GET", SUBSCRIPTION))["alerts"] == []


async def test_06_16_7_alert_triggered(wired: Wired) -> None:
    sandbox = wired.sandbox
    await sell_with_wallet(sandbox)
    now = "2024-02-01T00:00:00Z"
    made = await alert(sandbox, "units", UNITS, "1.5", billable_metric_code="calls", name="Calls")
    low = await alert(sandbox, "low", "wallet_credits_ongoing_balance", 99.99, path=WALLET)
    await sandbox.advance(now)
    await sandbox.send((now.replace("Z", "+00:00"), "2"))
    arrived = {item["alert_code"]: item for name, item in await wired.news(at=now) if name == "alert.triggered"}
    units = arrived["units"]
    assert problems("TriggeredAlertObject", units) == []
    subscription = (await sandbox.call("GET", "subscriptions/s1"))["subscription"]
    crossed = [{"code": None, "value": "1.5", "recurring": False}]
    expected = {
        "lago_alert_id": made["lago_id"],
        "lago_subscription_id": subscription["lago_id"],
        "external_subscription_id": "s1",
        "external_customer_id": "c1",
        "billable_metric_code": "calls",
        "alert_name": "Calls",
        "previous_value": 0,
        "current_value": 2,
        "triggered_at": now,
        "crossed_thresholds": crossed,
    }
    assert {name: units[name] for name in expected} == expected
    ids = ("lago_alert_id", "lago_wallet_id", "wallet_code", "external_customer_id", "external_subscription_id")
    assert [arrived["low"][name] for name in ids] == [low["lago_id"], low["lago_wallet_id"], "main", "c1", None]
    assert (arrived["low"]["previous_value"], arrived["low"]["current_value"]) == (100, 99.98)

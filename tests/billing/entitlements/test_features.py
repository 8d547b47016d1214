"""Features, privileges, and what plans and subscriptions make of them, over REST (spec 07 §9.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.notifications.conftest import receiver
from tests.billing.notifications.test_payloads import Wired, wired
from tests.server.rest.client import validation
from tests.support.sandbox import Sandbox

__all__ = ["receiver", "wired"]

SEATS: dict[str, Any] = {
    "code": "seats",
    "name": "Seats",
    "description": "Who may sign in",
    "privileges": [
        {"code": "max", "name": "Maximum", "value_type": "integer"},
        {"code": "sso", "value_type": "boolean"},
        {"code": "method", "value_type": "select", "config": {"select_options": ["password", "okta"]}},
        {"code": "note"},
    ],
}
SHOWN = [
    {"code": "max", "name": "Maximum", "value_type": "integer", "config": {}},
    {"code": "sso", "name": None, "value_type": "boolean", "config": {}},
    {"code": "method", "name": None, "value_type": "select", "config": {"select_options": ["password", "okta"]}},
    {"code": "note", "name": None, "value_type": "string", "config": {}},
]


async def feature(sandbox: Sandbox, **changes: Any) -> Any:
    return (await sandbox.call("POST", "features", {"feature": {**SEATS, **changes}}))["feature"]


async def bare(sandbox: Sandbox, *codes: str) -> None:
    for code in codes:
        await sandbox.call("POST", "features", {"feature": {"code": code}})


async def refused(sandbox: Sandbox, method: str, path: str, body: Any = None) -> Any:
    answer = await sandbox.rest.request(method, path, body)
    assert answer.status_code >= 400, answer.text
    return answer.json()


async def granted(sandbox: Sandbox, method: str, path: str, entitlements: Any = None) -> Any:
    """The answered set: feature -> privilege -> value."""
    body = None if entitlements is None else {"entitlements": entitlements}
    return plain((await sandbox.call(method, path, body))["entitlements"])


def plain(entitlements: list[Any]) -> dict[str, Any]:
    return {item["code"]: {one["code"]: one["value"] for one in item["privileges"]} for item in entitlements}


async def test_a_feature_on_the_wire(sandbox: Sandbox) -> None:
    made = await feature(sandbox, code="  seats ")
    assert made == {**SEATS, "privileges": SHOWN, "created_at": "2024-01-15T10:00:00Z"}
    await bare(sandbox, "api%2Fv1", "api_v2")
    assert (await sandbox.call("GET", "features/seats"))["feature"] == made
    assert (await sandbox.call("GET", "features/api%252Fv1"))["feature"]["code"] == "api%2Fv1"
    pages = [await sandbox.call("GET", f"features?per_page=2&page={page}") for page in (1, 2)]
    assert sorted(item["code"] for page in pages for item in page["features"]) == ["api%2Fv1", "api_v2", "seats"]
    assert [page["meta"]["total_count"] for page in pages] == [3, 3]
    assert [item["code"] for item in (await sandbox.call("GET", "features?search_term=api_"))["features"]] == ["api_v2"]
    assert (await refused(sandbox, "GET", "features/none"))["code"] == "feature_not_found"


REFUSED: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"code": " "}, {"code": "value_is_mandatory"}),
    ({"code": "x" * 256}, {"code": "value_is_too_long"}),
    ({"name": "x" * 256}, {"name": "value_is_too_long"}),
    ({"description": "x" * 601}, {"description": "value_is_too_long"}),
    ({"privileges": {}}, {"privileges": "value_is_invalid"}),
    ({"privileges": ["max"]}, {"privileges": "value_is_invalid"}),
    ({"privileges": [{"code": "a"}, {"code": "a"}]}, {"privilege.code": "value_is_duplicated"}),
    ({"privileges": [{"name": "A"}]}, {"privilege.code": "value_is_mandatory"}),
    ({"privileges": [{"code": " "}]}, {"privilege.code": "value_is_mandatory"}),
    ({"privileges": [{"code": "a", "value_type": "date"}]}, {"privilege.value_type": "value_is_invalid"}),
    ({"privileges": [{"code": "a", "value_type": []}]}, {"privilege.value_type": "value_is_invalid"}),
    ({"privileges": [{"code": "a", "value_type": "select"}]}, {"privilege.config": "invalid_format"}),
    (
        {"privileges": [{"code": "a", "value_type": "select", "config": {"select_options": []}}]},
        {"privilege.config": "invalid_format"},
    ),
    (
        {"privileges": [{"code": "a", "value_type": "select", "config": {"select_options": [1]}}]},
        {"privilege.config": "invalid_format"},
    ),
    ({"privileges": [{"code": "a", "config": {"select_options": ["x"]}}]}, {"privilege.config": "invalid_format"}),
    ({"privileges": [{"code": "a", "config": []}]}, {"privilege.config": "invalid_format"}),
]


async def test_07_9_3_errors_of_features(sandbox: Sandbox) -> None:
    for changes, codes in REFUSED:
        answer = await refused(sandbox, "POST", "features", {"feature": {**SEATS, **changes}})
        assert answer == validation(**codes), changes
    assert (await refused(sandbox, "GET", "features/seats"))["code"] == "feature_not_found"


async def test_07_9_3_codes_are_unique_among_live_features(sandbox: Sandbox) -> None:
    await feature(sandbox)
    assert await refused(sandbox, "POST", "features", {"feature": SEATS}) == validation(code="value_already_exist")
    gone = (await sandbox.call("DELETE", "features/seats"))["feature"]
    assert gone["privileges"] == SHOWN
    assert (await feature(sandbox, privileges=[]))["privileges"] == []


async def test_07_9_3_an_update_merges(sandbox: Sandbox) -> None:
    await feature(sandbox)
    changes = {
        "name": None,
        "privileges": [
            {
                "code": "method",
                "name": "Method",
                "value_type": "integer",
                "config": {"select_options": ["okta", "saml"]},
            },
            {"code": "guests", "value_type": "boolean"},
            {"code": "max", "config": {}},
        ],
    }
    changed = (await sandbox.call("PUT", "features/seats", {"feature": changes}))["feature"]
    assert (changed["name"], changed["description"]) == (None, SEATS["description"])
    options = {"select_options": ["password", "okta", "saml"]}
    assert changed["privileges"] == [
        *SHOWN[:2],
        {"code": "method", "name": "Method", "value_type": "select", "config": options},
        SHOWN[3],
        {"code": "guests", "name": None, "value_type": "boolean", "config": {}},
    ]
    wrong = {"feature": {"privileges": [{"code": "max", "config": options}]}}
    assert await refused(sandbox, "PUT", "features/seats", wrong) == validation(
        **{"privilege.config": "invalid_format"}
    )
    assert (await refused(sandbox, "PUT", "features/none", wrong))["code"] == "feature_not_found"


async def test_07_9_3_a_plan_s_set_is_replaced_and_merged(sandbox: Sandbox) -> None:
    await feature(sandbox)
    await bare(sandbox, "api", "support")
    await sandbox.plan("p")
    path = "plans/p/entitlements"
    first = await sandbox.call("POST", path, {"entitlements": {"support": {}, "seats": {"max": "10", "sso": "true"}}})
    assert first["entitlements"] == [
        {"code": "support", "name": None, "description": None, "privileges": []},
        {
            **{name: SEATS[name] for name in ("code", "name", "description")},
            "privileges": [{**SHOWN[0], "value": 10}, {**SHOWN[1], "value": True}],
        },
    ]
    assert await sandbox.call("GET", path) == first
    merged = await granted(sandbox, "PATCH", path, {"seats": {"method": "okta", "max": 20}, "api": {}})
    assert list(merged.items()) == [
        ("support", {}),
        ("seats", {"max": 20, "sso": True, "method": "okta"}),
        ("api", {}),
    ]
    replaced = await granted(sandbox, "POST", path, {"api": {}, "seats": {"sso": False}})
    assert list(replaced.items()) == [("seats", {"sso": False}), ("api", {})], "what stays keeps its place"
    shown = (await sandbox.call("GET", "plans/p"))["plan"]["entitlements"]
    assert plain([item["entitlement"] for item in shown]) == replaced
    assert await granted(sandbox, "POST", path, {}) == {}


async def test_07_9_3_errors_of_entitlements(sandbox: Sandbox) -> None:
    await feature(sandbox)
    await sandbox.plan("p")
    path = "plans/p/entitlements"

    async def code(entitlements: Any, at: str = path) -> str:
        return (await refused(sandbox, "POST", at, {"entitlements": entitlements}))["code"]

    assert await code({"seats": {}}, "plans/none/entitlements") == "plan_not_found"
    assert await code({"none": {}}) == "feature_not_found"
    assert await code({"seats": {"none": 1}}) == "privilege_not_found"
    wrong = {"entitlements": {"seats": {"max": "ten", "method": "saml", "note": "fine"}}}
    assert await refused(sandbox, "POST", path, wrong) == validation(
        max_privilege_value="value_is_invalid", method_privilege_value="value_not_in_select_options"
    )
    for malformed in ([], "seats", {"seats": 1}, {"seats": None}):
        answer = await refused(sandbox, "PATCH", path, {"entitlements": malformed})
        assert answer == validation(entitlements="value_is_invalid"), malformed
    assert (await refused(sandbox, "POST", path, {}))["status"] == 400
    assert await granted(sandbox, "GET", path) == {}, "all or nothing"


async def test_07_9_3_single_entitlements_of_a_plan(sandbox: Sandbox) -> None:
    await feature(sandbox)
    await sandbox.plan("p")
    path = "plans/p/entitlements"
    await granted(sandbox, "POST", path, {"seats": {"max": 5, "sso": True}})
    whole = (await sandbox.call("GET", f"{path}/seats"))["entitlement"]
    assert plain([whole]) == {"seats": {"max": 5, "sso": True}}
    left = (await sandbox.call("DELETE", f"{path}/seats/privileges/sso"))["entitlement"]
    assert plain([left]) == {"seats": {"max": 5}}
    assert (await refused(sandbox, "DELETE", f"{path}/seats/privileges/sso"))["code"] == "privilege_not_found"
    assert (await sandbox.call("DELETE", f"{path}/seats"))["entitlement"] == left
    for method, place in (("GET", f"{path}/seats"), ("DELETE", f"{path}/seats"), ("DELETE", f"{path}/none")):
        assert (await refused(sandbox, method, place))["code"] == "entitlement_not_found"
    assert (await refused(sandbox, "GET", "plans/none/entitlements/seats"))["code"] == "plan_not_found"


async def test_07_9_3_removing_a_privilege_and_a_feature(sandbox: Sandbox) -> None:
    """Values go everywhere; the override that has lost its last value follows the plan again."""
    await feature(sandbox)
    await bare(sandbox, "api")
    await sandbox.plan("p")
    await sandbox.customer("c1")
    await sandbox.subscribe("s1", "p")
    await granted(sandbox, "POST", "plans/p/entitlements", {"seats": {"max": 5, "sso": True}, "api": {}})
    await granted(sandbox, "PATCH", "subscriptions/s1/entitlements", {"seats": {"max": 50}})
    await sandbox.call("DELETE", "subscriptions/s1/entitlements/api")
    shown = (await sandbox.call("DELETE", "features/seats/privileges/max"))["feature"]
    assert [item["code"] for item in shown["privileges"]] == ["sso", "method", "note"]
    assert (await refused(sandbox, "DELETE", "features/seats/privileges/max"))["code"] == "privilege_not_found"
    assert await granted(sandbox, "GET", "plans/p/entitlements") == {"seats": {"sso": True}, "api": {}}
    assert await granted(sandbox, "GET", "subscriptions/s1/entitlements") == {"seats": {"sso": True}}
    await sandbox.call("DELETE", "plans/p/entitlements/seats")
    assert await granted(sandbox, "GET", "subscriptions/s1/entitlements") == {}
    await sandbox.call("DELETE", "features/api")
    assert await granted(sandbox, "GET", "plans/p/entitlements") == {}
    await bare(sandbox, "api")
    assert await granted(sandbox, "GET", "plans/p/entitlements") == {}, "another feature of the same code"


async def test_07_9_3_the_effective_set_of_a_subscription(sandbox: Sandbox) -> None:
    await feature(sandbox)
    await bare(sandbox, "api", "support")
    await sandbox.plan("p")
    await sandbox.customer("c1")
    await sandbox.subscribe("s1", "p")
    await sandbox.subscribe("s2", "p")
    path = "subscriptions/s1/entitlements"
    await granted(sandbox, "POST", "plans/p/entitlements", {"seats": {"max": 10, "sso": True}, "api": {}})
    changed = await sandbox.call(
        "PATCH", path, {"entitlements": {"seats": {"max": 50, "sso": "true", "note": "as agreed"}, "support": {}}}
    )
    assert changed["entitlements"] == [
        {
            **{name: SEATS[name] for name in ("code", "name", "description")},
            "privileges": [
                {**SHOWN[0], "value": 50, "plan_value": 10, "override_value": 50},
                {**SHOWN[1], "value": True, "plan_value": True, "override_value": None},
                {**SHOWN[3], "value": "as agreed", "plan_value": None, "override_value": "as agreed"},
            ],
            "overrides": {"max": 50, "note": "as agreed"},
        },
        {"code": "api", "name": None, "description": None, "privileges": [], "overrides": {}},
        {"code": "support", "name": None, "description": None, "privileges": [], "overrides": {}},
    ]
    assert await sandbox.call("GET", path) == changed
    assert await granted(sandbox, "GET", "subscriptions/s2/entitlements") == {
        "seats": {"max": 10, "sso": True},
        "api": {},
    }

    back = await sandbox.call("PATCH", path, {"entitlements": {"seats": {"max": 10}}})
    assert back["entitlements"][0]["overrides"] == {"note": "as agreed"}, "equal to the plan's: no override"
    await granted(sandbox, "PATCH", "plans/p/entitlements", {"seats": {"max": 11}})
    assert (await granted(sandbox, "GET", path))["seats"]["max"] == 11, "what is not overridden follows the plan"


async def test_07_9_3_removals_of_a_subscription(sandbox: Sandbox) -> None:
    await feature(sandbox)
    await bare(sandbox, "api")
    await sandbox.plan("p")
    await sandbox.customer("c1")
    await sandbox.subscribe("s1", "p")
    path = "subscriptions/s1/entitlements"
    await granted(sandbox, "POST", "plans/p/entitlements", {"seats": {"max": 10, "sso": True}})
    await granted(sandbox, "PATCH", path, {"api": {}, "seats": {"max": 50}})

    left = (await sandbox.call("DELETE", f"{path}/seats/privileges/max"))["entitlement"]
    assert (plain([left]), left["overrides"]) == ({"seats": {"sso": True}}, {})
    assert (await refused(sandbox, "DELETE", f"{path}/seats/privileges/max"))["code"] == "privilege_not_found"
    gone = (await sandbox.call("DELETE", f"{path}/seats"))["entitlement"]
    assert gone == left, "as it was"
    assert await granted(sandbox, "GET", path) == {"api": {}}
    assert (await refused(sandbox, "DELETE", f"{path}/seats"))["code"] == "entitlement_not_found"
    assert (await refused(sandbox, "DELETE", f"{path}/seats/privileges/sso"))["code"] == "entitlement_not_found"
    restored = await granted(sandbox, "PATCH", path, {"seats": {"sso": False}})
    assert restored == {"seats": {"max": 10, "sso": False}, "api": {}}
    await sandbox.call("DELETE", f"{path}/api")
    assert await granted(sandbox, "GET", path) == {"seats": {"max": 10, "sso": False}}
    await granted(sandbox, "PATCH", "plans/p/entitlements", {"api": {}})
    assert "api" in await granted(sandbox, "GET", path), "it was the subscription's own: no removal is left behind"


async def test_07_9_3_prices_of_its_own_read_the_parent_s_set(sandbox: Sandbox) -> None:
    await feature(sandbox)
    await sandbox.plan("p")
    await sandbox.customer("c1")
    await sandbox.subscribe("s1", "p", plan_overrides={"amount_cents": 100})
    await granted(sandbox, "POST", "plans/p/entitlements", {"seats": {"max": 10}})
    assert await granted(sandbox, "GET", "subscriptions/s1/entitlements") == {"seats": {"max": 10}}
    plan = (await sandbox.call("GET", "subscriptions/s1"))["subscription"]["plan"]
    assert plan["parent_id"]
    assert plain([item["entitlement"] for item in plan["entitlements"]]) == {"seats": {"max": 10}}


@pytest.mark.parametrize("scheduled", [False, True])
async def test_07_9_3_a_change_of_plan_carries_nothing_over(sandbox: Sandbox, scheduled: bool) -> None:
    """Also where a scheduled subscription gets the other plan in place (spec 03 §6.3)."""
    await feature(sandbox)
    await bare(sandbox, "api")
    for code, amount in (("p", 1000), ("q", 2000)):
        await sandbox.plan(code, amount)
        await granted(sandbox, "POST", f"plans/{code}/entitlements", {"seats": {"max": amount}, "api": {}})
    await sandbox.customer("c1")
    await sandbox.subscribe("s1", "p", **({"subscription_at": "2024-02-01T00:00:00Z"} if scheduled else {}))
    path = f"subscriptions/s1/entitlements?subscription_status={'pending' if scheduled else 'active'}"
    await granted(sandbox, "PATCH", path, {"seats": {"max": 7}})
    await sandbox.call("DELETE", path.replace("?", "/api?"))
    assert await granted(sandbox, "GET", path) == {"seats": {"max": 7}}
    await sandbox.subscribe("s1", "q", **({"subscription_at": "2024-02-01T00:00:00Z"} if scheduled else {}))
    assert await granted(sandbox, "GET", path) == {"seats": {"max": 2000}, "api": {}}
    if not scheduled:
        ended = "subscriptions/s1/entitlements?subscription_status=terminated"
        assert await granted(sandbox, "GET", ended) == {"seats": {"max": 7}}
    none = await refused(sandbox, "GET", "subscriptions/s1/entitlements?subscription_status=canceled")
    assert none["code"] == "subscription_not_found"


async def test_07_2_4_permissions_of_keys(sandbox: Sandbox) -> None:
    """Features have a permission of their own; what is below plans and subscriptions needs theirs."""
    await feature(sandbox)
    await sandbox.plan("p")
    for path, resource in (
        ("features/none", "feature"),
        ("plans/none/entitlements", "plan"),
        ("subscriptions/none/entitlements", "subscription"),
    ):
        others = {name: ["read", "write"] for name in ("feature", "plan", "subscription") if name != resource}
        client = await sandbox.rest.with_key(permissions=others)
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, f"read_action_not_allowed_for_{resource}")


async def test_webhooks(wired: Wired) -> None:
    sandbox = wired.sandbox
    await feature(sandbox)
    assert await wired.new("feature.created") == await wired.get("features/seats")
    await sandbox.plan("p")
    await sandbox.plan("q")
    await sandbox.customer("c1")
    await sandbox.subscribe("s1", "p")
    await granted(sandbox, "POST", "plans/p/entitlements", {"seats": {"max": 1}})
    assert await wired.new("plan.updated") == await wired.get("plans/p")

    await sandbox.call("PUT", "features/seats", {"feature": {"name": "Places"}})
    news = dict(await wired.news())
    assert news == {"feature.updated": await wired.get("features/seats"), "plan.updated": await wired.get("plans/p")}
    assert news["plan.updated"]["entitlements"][0]["entitlement"]["name"] == "Places"
    await granted(sandbox, "PATCH", "subscriptions/s1/entitlements", {"seats": {"max": 2}})
    assert (await wired.new("subscription.updated"))["external_id"] == "s1"
    await sandbox.call("DELETE", "subscriptions/s1/entitlements/seats")
    assert (await wired.new("subscription.updated"))["external_id"] == "s1"
    await sandbox.call("DELETE", "features/seats/privileges/note")
    assert [name for name, _ in await wired.news()] == ["feature.updated", "plan.updated"]
    answer = await sandbox.call("DELETE", "features/seats")
    news = dict(await wired.news())
    assert news["feature.deleted"] == answer["feature"]
    assert news["plan.updated"]["entitlements"] == []

"""``/subscriptions`` on the wire (spec 03 §6, §9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.rest.client import validation
from tests.server.rest.contract import problems, unknown_keys
from tests.support.sandbox import Sandbox

NOT_FOUND = {"status": 404, "error": "Not Found", "code": "subscription_not_found"}


async def refused(sandbox: Sandbox, **attributes: Any) -> tuple[int, Any]:
    body = {"external_customer_id": "c1", "plan_code": "p", "external_id": "s1", **attributes}
    answer = await sandbox.rest.post("subscriptions", {"subscription": body})
    return answer.status_code, answer.json()


async def test_03_6_1_fields(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p", 3100, pay_in_advance=True)
    shown = await sandbox.subscribe("s.1", "p", name="Main", purchase_order_number="PO-1")
    assert problems("SubscriptionExtended", {"subscription": shown}) == []
    assert unknown_keys("SubscriptionObjectExtended", shown) == {"progressive_billing_disabled"}
    customer = await sandbox.call("GET", "customers/c1")
    assert shown.pop("plan")["code"] == "p"
    assert shown.pop("lago_id")
    assert shown == {
        "external_id": "s.1",
        "lago_customer_id": customer["customer"]["lago_id"],
        "external_customer_id": "c1",
        "billing_entity_code": "hooli",
        "name": "Main",
        "plan_code": "p",
        "plan_amount_cents": 3100,
        "plan_amount_currency": plan.amount_currency,
        "status": "active",
        "billing_time": "calendar",
        "subscription_at": "2024-01-15T10:00:00Z",
        "started_at": "2024-01-15T10:00:00.000Z",
        "ending_at": None,
        "trial_ended_at": None,
        "terminated_at": None,
        "canceled_at": None,
        "activated_at": "2024-01-15T10:00:00Z",
        "created_at": "2024-01-15T10:00:00Z",
        "previous_plan_code": None,
        "next_plan_code": None,
        "downgrade_plan_date": None,
        "current_billing_period_started_at": "2024-01-15T10:00:00Z",
        "current_billing_period_ending_at": "2024-01-31T23:59:59Z",
        "on_termination_credit_note": None,
        "on_termination_invoice": "generate",
        "consolidate_invoice": True,
        "progressive_billing_disabled": False,
        "purchase_order_number": "PO-1",
        "cancellation_reason": None,
        "activation_rules": [],
        "payment_method": {"payment_method_id": None, "payment_method_type": "provider"},
        "applied_invoice_custom_sections": [],
        "applicable_usage_thresholds": [],
    }


@pytest.mark.parametrize(
    ("attributes", "details"),
    [
        ({"external_id": None}, {"external_id": "value_is_mandatory"}),
        ({"external_id": " "}, {"external_id": "value_is_mandatory"}),
        ({"external_id": "x" * 256}, {"external_id": "value_is_too_long"}),
        ({"external_customer_id": None}, {"external_customer_id": "value_is_mandatory"}),
        ({"subscription_at": "soon"}, {"subscription_at": "invalid_date"}),
        ({"ending_at": "soon"}, {"ending_at": "invalid_date"}),
        ({"ending_at": "2024-01-15T23:00:00Z"}, {"ending_at": "invalid_date"}),
        ({"ending_at": "2024-02-01", "subscription_at": "2024-02-01"}, {"ending_at": "invalid_date"}),
        ({"billing_time": "lunar"}, {"billing_time": "value_is_invalid"}),
        ({"plan_overrides": 1}, {"plan_overrides": "value_is_invalid"}),
        ({"plan_overrides": {"amount_cents": -1}}, {"amount_cents": "value_is_out_of_range"}),
        ({"plan_overrides": {"amount_currency": "XXQ"}}, {"amount_currency": "value_is_invalid"}),
        ({"plan_overrides": {"trial_period": -1}}, {"trial_period": "value_is_out_of_range"}),
        ({"usage_thresholds": [{"amount_cents": 0}]}, {"amount_cents": "value_is_out_of_range"}),
        ({"plan_overrides": {"usage_thresholds": [{}]}}, {"usage_thresholds": "missing_amount_cents"}),
        (
            {"usage_thresholds": [{"amount_cents": 1}], "plan_overrides": {"usage_thresholds": []}},
            {"usage_thresholds": "incompatible_params", "plan_overrides": "incompatible_params"},
        ),
        (
            {"external_id": None, "billing_time": "x"},
            {"external_id": "value_is_mandatory", "billing_time": "value_is_invalid"},
        ),
    ],
)
async def test_03_6_3_refusals(sandbox: Sandbox, attributes: dict[str, Any], details: dict[str, str]) -> None:
    await sandbox.plan()
    assert await refused(sandbox, **attributes) == (422, validation(**details))
    assert (await sandbox.call("GET", "customers"))["meta"]["total_count"] == 0


async def test_03_6_3_an_unknown_plan(sandbox: Sandbox) -> None:
    assert await refused(sandbox) == (404, {"status": 404, "error": "Not Found", "code": "plan_not_found"})
    assert await refused(sandbox, plan_code=None) == (
        404,
        {"status": 404, "error": "Not Found", "code": "plan_not_found"},
    )


async def test_a_missing_root(sandbox: Sandbox) -> None:
    assert (await sandbox.rest.post("subscriptions", {"external_id": "s1"})).status_code == 400


async def test_03_6_3_an_unknown_customer_is_created_bare(sandbox: Sandbox) -> None:
    await sandbox.plan(currency="USD")
    await sandbox.subscribe("s1", "p", "new one")
    customer = (await sandbox.call("GET", "customers/new%20one"))["customer"]
    assert (customer["name"], customer["currency"], customer["sequential_id"]) == (None, "USD", 1)


async def test_03_1_2_one_currency(sandbox: Sandbox) -> None:
    await sandbox.plan("p", currency="EUR")
    await sandbox.plan("q", currency="USD")
    await sandbox.subscribe("s1", "p")
    assert await refused(sandbox, plan_code="q", external_id="s2") == (
        422,
        validation(currency="currencies_does_not_match"),
    )


async def test_03_6_3_posting_the_same_plan_again_changes_nothing(sandbox: Sandbox) -> None:
    await sandbox.plan(pay_in_advance=True)
    first = await sandbox.subscribe("s1", name="A")
    again = await sandbox.subscribe("s1", name="B", subscription_at="2024-03-01T00:00:00Z")
    assert (again["lago_id"], again["name"], again["subscription_at"]) == (
        first["lago_id"],
        "A",
        first["subscription_at"],
    )
    assert len(await sandbox.invoices()) == 1


async def test_03_6_3_an_external_id_belongs_to_one_customer(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe("s1", customer="c1")
    assert await refused(sandbox, external_customer_id="c2") == (422, validation(external_id="value_already_exist"))
    await sandbox.terminate("s1")
    assert (await sandbox.subscribe("s1", customer="c2"))["external_customer_id"] == "c2"


async def test_03_6_3_a_scheduled_one_takes_another_plan_in_place(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100)
    await sandbox.plan("q", 100)
    first = await sandbox.subscribe("s1", "p", subscription_at="2024-02-10T00:00:00Z")
    assert (first["status"], first["started_at"]) == ("pending", None)
    assert first["current_billing_period_started_at"] is None
    changed = await sandbox.subscribe("s1", "q", name="N", subscription_at="2024-05-01T00:00:00Z")
    assert (changed["lago_id"], changed["plan_code"], changed["name"]) == (first["lago_id"], "q", "N")
    assert changed["subscription_at"] == "2024-02-10T00:00:00Z"
    assert (await sandbox.call("GET", "subscriptions?status[]=pending"))["meta"]["total_count"] == 1


async def test_03_9_show_by_status(sandbox: Sandbox) -> None:
    await sandbox.plan()
    first = await sandbox.subscribe()
    await sandbox.terminate()
    await sandbox.advance("2024-01-20T00:00:00Z")
    second = await sandbox.subscribe()
    await sandbox.terminate()
    third = await sandbox.subscribe()
    assert (await sandbox.call("GET", "subscriptions/s1"))["subscription"]["lago_id"] == third["lago_id"]
    shown = await sandbox.call("GET", "subscriptions/s1?status=terminated")
    assert problems("SubscriptionExtended", shown) == []
    assert shown["subscription"]["lago_id"] == second["lago_id"] != first["lago_id"]
    for path in ("subscriptions/s1?status=pending", "subscriptions/nope", "subscriptions/s1?status=bogus"):
        answer = await sandbox.rest.get(path)
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


LISTS: tuple[tuple[str, list[str]], ...] = (
    ("", ["new", "old"]),
    ("status[]=terminated", ["gone"]),
    ("status[]=active&status[]=pending", ["later", "new", "old"]),
    ("status[]=active&status[]=bogus", ["later", "new", "gone", "old", "dropped"]),
    ("status[]=incomplete", []),
    ("status=canceled", ["dropped"]),
    ("plan_code=q", ["new"]),
    ("external_customer_id=c2", ["new"]),
    ("external_customer_id=nobody", []),
    ("external_id=old", ["old"]),
    ("currency=eur", ["new", "old"]),
    ("currency=USD", []),
    ("overridden=true", []),
    ("overridden=false", ["new", "old"]),
    ("billing_entity_codes[]=hooli", ["new", "old"]),
)


async def test_03_9_list(sandbox: Sandbox) -> None:
    await sandbox.plan("p")
    await sandbox.plan("q")
    await sandbox.subscribe("old", subscription_at="2024-01-02T00:00:00Z")
    await sandbox.subscribe("gone", subscription_at="2024-01-03T00:00:00Z")
    await sandbox.terminate("gone")
    await sandbox.subscribe("new", "q", "c2", subscription_at="2024-01-04T00:00:00Z")
    await sandbox.subscribe("later", subscription_at="2024-03-01T00:00:00Z")
    await sandbox.subscribe("dropped", subscription_at="2024-04-01T00:00:00Z")
    await sandbox.terminate("dropped", status="pending")
    for query, found in LISTS:
        body = await sandbox.call("GET", f"subscriptions?{query}")
        assert problems("SubscriptionsPaginated", body) == []
        ids = [item["external_id"] for item in body["subscriptions"]]
        assert sorted(ids) == sorted(found), query
        starts = [item["subscription_at"] for item in body["subscriptions"]]
        assert starts == sorted(starts, reverse=True)


async def test_03_9_list_of_a_customer(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe("s1", customer="c1")
    await sandbox.subscribe("s2", customer="c2")
    body = await sandbox.call("GET", "customers/c2/subscriptions")
    assert [item["external_id"] for item in body["subscriptions"]] == ["s2"]
    answer = await sandbox.rest.get("customers/c3/subscriptions")
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
    answer = await sandbox.rest.get("subscriptions?billing_entity_codes[]=x")
    assert (answer.status_code, answer.json()["code"]) == (404, "billing_entity_not_found")


async def edit(sandbox: Sandbox, path: str = "s1", **attributes: Any) -> Any:
    return (await sandbox.call("PUT", f"subscriptions/{path}", {"subscription": attributes}))["subscription"]


async def test_03_6_10_edit(sandbox: Sandbox) -> None:
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    shown = await edit(
        sandbox,
        name="New",
        ending_at="2024-06-15T00:00:00Z",
        on_termination_invoice="skip",
        on_termination_credit_note="refund",
        consolidate_invoice=False,
    )
    assert problems("SubscriptionExtended", {"subscription": shown}) == []
    assert (shown["name"], shown["ending_at"], shown["on_termination_invoice"]) == (
        "New",
        "2024-06-15T00:00:00Z",
        "skip",
    )
    assert (shown["on_termination_credit_note"], shown["consolidate_invoice"]) == ("refund", False)
    assert shown["plan"]["code"] == "p"
    assert (await edit(sandbox, name="Newer"))["ending_at"] == "2024-06-15T00:00:00Z"
    cleared = await edit(sandbox, ending_at=None, name=None, subscription_at="2025-01-01T00:00:00Z")
    assert (cleared["ending_at"], cleared["name"]) == (None, None)
    assert cleared["subscription_at"] == "2024-01-15T10:00:00Z"


async def test_03_6_10_credit_note_option_only_in_advance(sandbox: Sandbox) -> None:
    await sandbox.plan(pay_in_advance=False)
    await sandbox.subscribe()
    assert (await edit(sandbox, on_termination_credit_note="refund"))["on_termination_credit_note"] is None


@pytest.mark.parametrize(
    ("attributes", "details"),
    [
        ({"ending_at": "x"}, {"ending_at": "invalid_date"}),
        ({"ending_at": "2024-01-15T12:00:00Z"}, {"ending_at": "invalid_date"}),
        ({"subscription_at": "x"}, {"subscription_at": "invalid_date"}),
        ({"on_termination_invoice": "x"}, {"on_termination_invoice": "invalid_value"}),
        ({"on_termination_credit_note": "x"}, {"on_termination_credit_note": "invalid_value"}),
        ({"plan_overrides": []}, {"plan_overrides": "value_is_invalid"}),
        ({"plan_overrides": {"name": " "}}, {"name": "value_is_mandatory"}),
        ({"plan_overrides": {"amount_currency": "USD"}}, {"currency": "currencies_does_not_match"}),
        ({"usage_thresholds": [1]}, {"usage_thresholds": "value_is_invalid"}),
    ],
)
async def test_03_6_10_refusals(sandbox: Sandbox, attributes: dict[str, Any], details: dict[str, str]) -> None:
    await sandbox.plan()
    before = await sandbox.subscribe()
    answer = await sandbox.rest.put("subscriptions/s1", {"subscription": {"name": "x", **attributes}})
    assert (answer.status_code, answer.json()) == (422, validation(**details))
    assert (await sandbox.call("GET", "subscriptions/s1"))["subscription"]["name"] == before["name"]


async def test_03_6_10_which_one_is_edited(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe("only", subscription_at="2024-03-01T00:00:00Z")
    assert (await edit(sandbox, "only", name="one of any status"))["status"] == "pending"
    await sandbox.subscribe()
    await sandbox.terminate()
    await sandbox.subscribe(subscription_at="2024-02-20T00:00:00Z")
    answer = await sandbox.rest.put("subscriptions/s1", {"subscription": {"name": "x"}})
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    body = {"status": "pending", "subscription": {"name": "by body"}}
    assert (await sandbox.call("PUT", "subscriptions/s1", body))["subscription"]["name"] == "by body"
    shown = await edit(sandbox, "s1?status=pending", name="by query")
    assert (shown["name"], shown["status"]) == ("by query", "pending")


async def test_03_6_10_a_scheduled_start_moves(sandbox: Sandbox) -> None:
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-03-01T00:00:00Z")
    later = await edit(sandbox, subscription_at="2024-04-01T00:00:00Z")
    assert (later["status"], later["subscription_at"]) == ("pending", "2024-04-01T00:00:00Z")
    assert (await sandbox.call("GET", "test_clock"))["test_clock"]["next_due_at"] == "2024-04-01T00:00:00Z"
    today = await edit(sandbox, subscription_at="2024-01-15T18:00:00Z")
    assert (today["status"], today["started_at"]) == ("active", "2024-01-15T18:00:00.000Z")
    assert await sandbox.amounts() == [("2024-01-15", 1700)]


async def test_03_6_10_a_start_does_not_move_past_the_ending(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe(subscription_at="2024-02-01T00:00:00Z", ending_at="2024-02-20T00:00:00Z")
    answer = await sandbox.rest.put("subscriptions/s1", {"subscription": {"subscription_at": "2024-03-05T00:00:00Z"}})
    assert (answer.status_code, answer.json()) == (422, validation(ending_at="invalid_date"))
    moved = await edit(sandbox, subscription_at="2024-03-05T00:00:00Z", ending_at="2024-03-20T00:00:00Z")
    assert (moved["subscription_at"], moved["ending_at"]) == ("2024-03-05T00:00:00Z", "2024-03-20T00:00:00Z")


async def test_03_6_10_an_ignored_start_does_not_judge_the_ending(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe()
    shown = await edit(sandbox, subscription_at="2030-01-01T00:00:00Z", ending_at="2024-03-20T00:00:00Z")
    assert (shown["subscription_at"], shown["ending_at"]) == ("2024-01-15T10:00:00Z", "2024-03-20T00:00:00Z")


async def test_03_6_6_an_ending_on_the_local_day_of_the_start(sandbox: Sandbox) -> None:
    """The next UTC date may be the same local day, whose start lies before ``started_at``: nothing ends before it."""
    await sandbox.customer(timezone="America/Los_Angeles")
    await sandbox.plan("p", 3100)
    await sandbox.subscribe(ending_at="2024-01-16T01:00:00Z")
    assert (await sandbox.call("GET", "test_clock"))["test_clock"]["next_due_at"] == "2024-01-15T10:00:00Z"
    await sandbox.advance("2024-01-15T11:00:00Z")
    ended = (await sandbox.call("GET", "subscriptions/s1", params={"status": "terminated"}))["subscription"]
    assert (ended["started_at"], ended["terminated_at"]) == ("2024-01-15T10:00:00.000Z", "2024-01-15T10:00:00Z")
    assert await sandbox.amounts() == [("2024-01-15", 100)]


@pytest.mark.parametrize("status", ["terminated", "canceled", "incomplete", "banana"])
async def test_03_6_7_a_status_that_cannot_end_ends_nothing(sandbox: Sandbox, status: str) -> None:
    await sandbox.plan()
    await sandbox.subscribe()
    answer = await sandbox.rest.delete("subscriptions/s1", params={"status": status})
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert (await sandbox.call("GET", "subscriptions/s1"))["subscription"]["status"] == "active"


async def test_03_6_7_terminate(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100)
    await sandbox.subscribe()
    shown = await sandbox.terminate()
    assert problems("SubscriptionExtended", {"subscription": shown}) == []
    assert (shown["status"], shown["terminated_at"]) == ("terminated", "2024-01-15T10:00:00Z")
    assert (shown["on_termination_credit_note"], shown["on_termination_invoice"]) == (None, "generate")
    assert (shown["current_billing_period_started_at"], shown["plan"]["code"]) == (None, "p")
    assert await sandbox.amounts() == [("2024-01-15", 100)]
    answer = await sandbox.rest.delete("subscriptions/s1")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


async def test_03_6_7_options(sandbox: Sandbox) -> None:
    await sandbox.plan("p", pay_in_advance=True)
    await sandbox.subscribe()
    for name in ("on_termination_credit_note", "on_termination_invoice"):
        answer = await sandbox.rest.delete("subscriptions/s1", params={name: "maybe"})
        assert (answer.status_code, answer.json()) == (422, validation(**{name: "invalid_value"}))
    assert (await sandbox.call("GET", "subscriptions/s1"))["subscription"]["status"] == "active"
    shown = await sandbox.terminate(on_termination_credit_note="skip", on_termination_invoice="skip")
    assert (shown["on_termination_credit_note"], shown["on_termination_invoice"]) == ("skip", "skip")
    assert len(await sandbox.invoices()) == 1


async def test_03_6_7_options_stored_earlier_apply(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe()
    await edit(sandbox, on_termination_invoice="skip")
    assert (await sandbox.terminate())["on_termination_invoice"] == "skip"
    assert await sandbox.invoices() == []


async def test_03_6_7_pending_ones_need_the_parameter(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe(subscription_at="2024-03-01T00:00:00Z")
    assert (await sandbox.rest.delete("subscriptions/s1")).status_code == 404
    shown = await sandbox.terminate(status="pending")
    assert (shown["status"], shown["canceled_at"], shown["terminated_at"]) == (
        "canceled",
        "2024-01-15T10:00:00Z",
        None,
    )
    assert (await sandbox.call("GET", "test_clock"))["test_clock"]["next_due_at"] is None


async def test_another_organization_sees_nothing(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe()
    other = await sandbox.rest.another()
    assert (await other.get("subscriptions")).json()["subscriptions"] == []
    assert (await other.get("subscriptions/s1")).status_code == 404
    assert (await other.delete("subscriptions/s1")).status_code == 404
    assert (await other.put("subscriptions/s1", {"subscription": {"name": "x"}})).status_code == 404
    assert (await sandbox.call("GET", "subscriptions/s1"))["subscription"]["status"] == "active"


async def test_permissions(sandbox: Sandbox) -> None:
    reader = await sandbox.rest.with_key({"subscription": ["read"]})
    assert (await reader.get("subscriptions")).status_code == 200
    answer = await reader.delete("subscriptions/s1")
    assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_subscription")

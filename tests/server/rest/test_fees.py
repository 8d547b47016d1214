"""``/fees`` on the wire (spec 02 §11)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from billwright.billing.invoicing import fee_queries
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox


@pytest.fixture
async def billed(sandbox: Sandbox) -> Sandbox:
    """January in arrears: subscription 1700 and 10 calls at 0.5 in Paris, with 20 % VAT; a second plan in USD."""
    await sandbox.tax("vat", "20")
    plan = await sandbox.plan("p", 3100)
    await sandbox.charge(plan, "calls", properties={"amount": "0.5"}, invoice_display_name="Phone calls")
    await sandbox.plan("u", 100, currency="USD")
    await sandbox.customer("c1", timezone="Europe/Paris")
    await sandbox.subscribe("s1", "p", "c1")
    await sandbox.subscribe("s2", "u", "c2")
    await sandbox.send(("2024-01-20T00:00:00Z", 7), ("2024-01-21T00:00:00Z", 3))
    await sandbox.advance("2024-02-01T00:00:00Z")
    return sandbox


async def fees(sandbox: Sandbox, query: str = "") -> list[Any]:
    body = await sandbox.call("GET", f"fees?{query}")
    assert problems("FeesPaginated", body) == []
    return body["fees"]


async def test_02_11_1_a_charge_fee(billed: Sandbox) -> None:
    [fee] = await fees(billed, "fee_type=charge")
    [invoice] = (await billed.call("GET", "invoices?external_customer_id=c1"))["invoices"]
    assert (await billed.call("GET", f"fees/{fee['lago_id']}"))["fee"] == fee
    [tax] = fee.pop("applied_taxes")
    assert (tax["tax_code"], tax["amount_cents"], tax["lago_fee_id"]) == ("vat", 100, fee["lago_id"])
    item = fee.pop("item")
    assert item.pop("lago_item_id")
    assert item == {
        "type": "charge",
        "code": "calls",
        "name": "Calls",
        "description": None,
        "invoice_display_name": "Phone calls",
        "filters": None,
        "filter_invoice_display_name": None,
        "item_type": "BillableMetric",
        "grouped_by": {},
    }
    ids = ("lago_id", "lago_charge_id", "lago_subscription_id", "lago_customer_id")
    assert all(fee.pop(name) for name in ids)
    assert fee == {
        "lago_charge_filter_id": None,
        "lago_fixed_charge_id": None,
        "lago_invoice_id": invoice["lago_id"],
        "lago_true_up_fee_id": None,
        "lago_true_up_parent_fee_id": None,
        "lago_original_fee_id": None,
        "external_customer_id": "c1",
        "external_subscription_id": "s1",
        "amount_cents": 500,
        "precise_amount": "5.0",
        "precise_total_amount": "6.0",
        "amount_currency": "EUR",
        "taxes_amount_cents": 100,
        "taxes_precise_amount": "1.0",
        "taxes_rate": 20,
        "total_amount_cents": 600,
        "total_amount_currency": "EUR",
        "units": "10.0",
        "total_aggregated_units": "10.0",
        "precise_unit_amount": "0.5",
        "precise_coupons_amount_cents": "0.0",
        "sub_total_excluding_taxes_amount_cents": 500,
        "sub_total_excluding_taxes_precise_amount_cents": "500.0",
        "events_count": 2,
        "pay_in_advance": False,
        "invoiceable": True,
        "self_billed": False,
        "from_date": "2024-01-15T00:00:00+00:00",
        "to_date": "2024-01-31T23:59:59+00:00",
        "payment_status": "pending",
        "created_at": invoice["created_at"],
        "succeeded_at": None,
        "failed_at": None,
        "refunded_at": None,
        "description": None,
        "amount_details": {},
        "pricing_unit_details": None,
        "presentation_breakdowns": [],
    }


async def test_02_11_1_a_subscription_fee(billed: Sandbox) -> None:
    [fee] = await fees(billed, "fee_type=subscription&external_customer_id=c1")
    assert (fee["units"], fee["events_count"], fee["total_aggregated_units"]) == ("1.0", None, None)
    assert (fee["amount_cents"], fee["amount_details"]) == (1700, {"plan_amount_cents": 3100})
    assert (fee["item"]["type"], fee["item"]["item_type"], fee["item"]["code"]) == ("subscription", "Subscription", "p")
    assert fee["item"]["lago_item_id"] == fee["lago_subscription_id"]
    assert (fee["from_date"], fee["to_date"]) == ("2024-01-15T00:00:00+00:00", "2024-01-31T23:59:59+00:00")


FILTERS: tuple[tuple[str, list[tuple[str, str]]], ...] = (
    ("", [("s1", "subscription"), ("s1", "charge"), ("s2", "subscription")]),
    ("external_customer_id=c2", [("s2", "subscription")]),
    ("external_customer_id=nobody", []),
    ("external_subscription_id=s2", [("s2", "subscription")]),
    ("currency=usd", [("s2", "subscription")]),
    ("fee_type=add_on", []),
    ("billable_metric_code=calls", [("s1", "charge")]),
    ("billable_metric_code=p", []),
    ("payment_status=succeeded", []),
    ("payment_status=pending&currency=USD", [("s2", "subscription")]),
    ("event_transaction_id=x", []),
    ("created_at_from=2024-02-01T00:00:00Z&currency=USD", [("s2", "subscription")]),
    ("created_at_to=2024-01-15T00:00:00Z", []),
    ("succeeded_at_from=2020-01-01", []),
    ("failed_at_to=2030-01-01", []),
    ("refunded_at_from=2020-01-01", []),
)


async def test_02_11_2_filters(billed: Sandbox) -> None:
    for query, found in FILTERS:
        listed = await fees(billed, query)
        assert sorted((fee["external_subscription_id"], fee["item"]["type"]) for fee in listed) == sorted(found), query
        assert [fee["created_at"] for fee in listed] == sorted(fee["created_at"] for fee in listed)


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("fee_type=fixed", {"fee_type": "value_is_invalid"}),
        ("payment_status=paid", {"payment_status": "value_is_invalid"}),
        ("created_at_from=x", {"created_at_from": "invalid_date"}),
        ("refunded_at_to=x", {"refunded_at_to": "invalid_date"}),
    ],
)
async def test_02_11_2_bad_filters(sandbox: Sandbox, query: str, details: dict[str, str]) -> None:
    answer = await sandbox.rest.get(f"fees?{query}")
    assert (answer.status_code, answer.json()) == (422, validation(**details))


async def test_02_11_2_pages(billed: Sandbox) -> None:
    seen = [(await fees(billed, f"per_page=1&page={page}"))[0]["lago_id"] for page in (1, 2, 3)]
    assert seen == [fee["lago_id"] for fee in await fees(billed)]


async def test_unknown_and_foreign_fees(billed: Sandbox) -> None:
    known = (await fees(billed))[0]["lago_id"]
    other = await billed.rest.another()
    assert (await other.get("fees")).json()["fees"] == []
    for client, lago_id in ((billed.rest, uuid4()), (billed.rest, "nonsense"), (other, known)):
        answer = await client.get(f"fees/{lago_id}")
        assert (answer.status_code, answer.json()) == (
            404,
            {"status": 404, "error": "Not Found", "code": "fee_not_found"},
        )


async def test_permissions(sandbox: Sandbox) -> None:
    answer = await (await sandbox.rest.with_key({"invoice": ["read"]})).get("fees")
    assert (answer.status_code, answer.json()["code"]) == (403, "read_action_not_allowed_for_fee")


async def test_02_9_a_true_up_and_its_parent_name_each_other(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, "calls", min_amount_cents=3100, properties={"amount": "1"})
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00Z", 7))
    await sandbox.advance("2024-02-01T00:00:00Z")
    parent, extra = await fees(sandbox, "fee_type=charge")
    assert (parent["amount_cents"], extra["amount_cents"]) == (700, 2400)
    assert (parent["lago_true_up_fee_id"], parent["lago_true_up_parent_fee_id"]) == (extra["lago_id"], None)
    assert (extra["lago_true_up_fee_id"], extra["lago_true_up_parent_fee_id"]) == (None, parent["lago_id"])
    assert (extra["units"], extra["precise_unit_amount"]) == ("1.0", "24.0")


@pytest.mark.parametrize("few", [500, 0])
async def test_fees_of_invisible_invoices_do_not_show(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Whether they are few, and left out by their ids, or many."""
    monkeypatch.setattr(fee_queries, "FEW", few)
    await sandbox.customer("c1", finalize_zero_amount_invoice="skip")
    await sandbox.plan("p", 0)
    await sandbox.subscribe()
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert (await sandbox.invoices(), await fees(sandbox)) == ([], [])
    await sandbox.plan("paid", 100)
    await sandbox.subscribe("second", "paid")
    await sandbox.advance("2024-03-01T00:00:00Z")
    assert sorted(fee["amount_cents"] for fee in await fees(sandbox)) == [0, 100], "those of February"

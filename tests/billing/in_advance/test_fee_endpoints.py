"""Standalone fees over REST: payment status, deletion, filters (spec 02 §11)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from billwright.billing.notifications.payloads import build_payload
from tests.billing.in_advance.shop import Shop
from tests.server.rest.client import validation
from tests.server.rest.contract import problems

NOT_ALLOWED = {"status": 405, "error": "Method Not Allowed", "code": "invoiced_fee"}
STAMPS = ("succeeded_at", "failed_at", "refunded_at")


@pytest.fixture
async def standalone(shop: Shop) -> Shop:
    """Two standalone fees of 3.00 and 4.00 with 20 % VAT."""
    await shop.tax()
    await shop.sell("sum_agg", charge_options={"invoiceable": False}, amount="1")
    await shop.bill_events({"v": 3, "_id": "tx-3"}, {"v": 4, "_id": "tx-4"})
    return shop


async def test_02_11_2_each_status_sets_its_instant_and_clears_the_others(standalone: Shop) -> None:
    fee = (await standalone.fees())[0]
    assert [fee[name] for name in STAMPS] == [None] * 3
    await standalone.company.to("2024-06-03T10:00")
    for verb, status in (("PUT", "succeeded"), ("PATCH", "refunded"), ("PUT", "failed"), ("PUT", "pending")):
        answer = await standalone.company.rest.request(
            verb, f"fees/{fee['lago_id']}", {"fee": {"payment_status": status}}
        )
        assert answer.status_code == 200, answer.text
        changed = answer.json()["fee"]
        assert problems("Fee", answer.json()) == []
        assert changed["payment_status"] == status
        stamped = {name: changed[name] for name in STAMPS if changed[name] is not None}
        assert stamped == ({} if status == "pending" else {f"{status}_at": "2024-06-03T10:00:00Z"})
        assert [tax["amount_cents"] for tax in changed["applied_taxes"]] == [60]
    assert (await standalone.fees())[0] == changed


@pytest.mark.parametrize("value", ["paid", None, ""])
async def test_02_11_2_bad_status(standalone: Shop, value: Any) -> None:
    fee = (await standalone.fees())[0]
    answer = await standalone.company.rest.put(f"fees/{fee['lago_id']}", {"fee": {"payment_status": value}})
    assert (answer.status_code, answer.json()) == (422, validation(payment_status="value_is_invalid"))


async def test_02_11_2_bodies_without_root_or_status(standalone: Shop) -> None:
    fee = (await standalone.fees())[0]
    assert (await standalone.company.rest.put(f"fees/{fee['lago_id']}", {})).status_code == 400
    answer = await standalone.company.rest.put(f"fees/{fee['lago_id']}", {"fee": {"units": "9"}})
    assert (answer.status_code, answer.json()["fee"]) == (200, fee)


async def test_02_11_2_deleting_answers_the_fee_without_its_taxes(standalone: Shop) -> None:
    first, second = await standalone.fees()
    answer = await standalone.company.rest.delete(f"fees/{first['lago_id']}")
    first.pop("applied_taxes")
    assert (answer.status_code, answer.json()["fee"]) == (200, first)
    assert await standalone.fees() == [second]
    for verb in ("GET", "DELETE"):
        gone = await standalone.company.rest.request(verb, f"fees/{first['lago_id']}")
        assert (gone.status_code, gone.json()["code"]) == (404, "fee_not_found")


async def test_02_11_2_fees_on_invoices_are_left_alone(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.bill_events({"v": 3})
    [fee] = await shop.fees()
    for answer in (
        await shop.company.rest.put(f"fees/{fee['lago_id']}", {"fee": {"payment_status": "succeeded"}}),
        await shop.company.rest.put(f"fees/{fee['lago_id']}", {"fee": {"payment_status": "paid"}}),
        await shop.company.rest.delete(f"fees/{fee['lago_id']}"),
    ):
        assert (answer.status_code, answer.json()) == (405, NOT_ALLOWED)
    assert await shop.fees() == [fee]


async def test_unknown_and_foreign_fees(standalone: Shop) -> None:
    fee = (await standalone.fees())[0]
    other = await standalone.company.rest.another()
    rest = standalone.company.rest
    for client, lago_id in ((rest, uuid4()), (rest, "nonsense"), (other, fee["lago_id"])):
        for answer in (
            await client.put(f"fees/{lago_id}", {"fee": {"payment_status": "failed"}}),
            await client.delete(f"fees/{lago_id}"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "fee_not_found")
    assert (await standalone.fees())[0] == fee


async def test_writing_needs_its_permission(standalone: Shop) -> None:
    fee = (await standalone.fees())[0]
    reader = await standalone.company.rest.with_key({"fee": ["read"]})
    for answer in (
        await reader.put(f"fees/{fee['lago_id']}", {"fee": {"payment_status": "failed"}}),
        await reader.delete(f"fees/{fee['lago_id']}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_fee")


async def test_02_11_2_filters_find_standalone_fees(standalone: Shop) -> None:
    first, second = await standalone.fees()
    await standalone.company.to("2024-06-03")
    await standalone.pay(first["lago_id"])
    found = {
        "payment_status=succeeded": [first],
        "payment_status=pending": [second],
        "event_transaction_id=tx-4": [second],
        "succeeded_at_from=2024-06-03&succeeded_at_to=2024-06-03T00:00:00Z": [first],
        "succeeded_at_from=2024-06-04": [],
        "external_subscription_id=s1": [first, second],
        "external_customer_id=c1": [first, second],
        "external_customer_id=c2": [],
        "billable_metric_code=m&currency=usd": [first, second],
    }
    for query, fees in found.items():
        answer = await standalone.company.rest.get(f"fees?{query}")
        assert [fee["lago_id"] for fee in answer.json()["fees"]] == [fee["lago_id"] for fee in fees], query


async def test_02_11_1_the_payload_of_fee_created_has_no_taxes(standalone: Shop) -> None:
    """The webhook's object is the fee, without ``applied_taxes``."""
    fee = (await standalone.fees())[0]
    async with standalone.company.context() as ctx:
        built = await build_payload(ctx, "fee.created", "fee", UUID(fee["lago_id"]))
    assert built is not None
    sent = msgspec.json.decode(built)
    fee.pop("applied_taxes")
    assert (sent["webhook_type"], sent["object_type"], sent["fee"]) == ("fee.created", "fee", fee)

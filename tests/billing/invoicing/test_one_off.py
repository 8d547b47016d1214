"""One-off invoices (spec 04 §14)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.kernel.db import Database
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox, sandbox_on

NOW = "2024-01-15T10:00:00Z"


async def add_on(sandbox: Sandbox, code: str = "setup", amount_cents: int = 1000, **more: Any) -> Any:
    body = {"name": code.title(), "code": code, "amount_cents": amount_cents, "amount_currency": "EUR", **more}
    return (await sandbox.call("POST", "add_ons", {"add_on": body}))["add_on"]


async def ask(sandbox: Sandbox, *fees: Any, customer: str = "c1", **more: Any) -> tuple[int, Any]:
    body = {"external_customer_id": customer, "fees": list(fees), **more}
    answer = await sandbox.rest.post("invoices", {"invoice": body})
    return answer.status_code, answer.json()


async def sell(sandbox: Sandbox, *fees: Any, **more: Any) -> Any:
    status, body = await ask(sandbox, *fees, **more)
    assert status == 200, body
    assert problems("Invoice", body) == []
    return body["invoice"]


async def test_04_14_issued_at_once(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR", net_payment_term=30, billing_configuration={"invoice_grace_period": 9})
    await sandbox.tax("vat", "20")
    made = await add_on(sandbox, description="Onboarding", invoice_display_name="Set-up fee")
    invoice = await sell(sandbox, {"add_on_code": "setup"}, {"add_on_code": "setup", "units": "3"})
    expected = {
        "invoice_type": "one_off",
        "status": "finalized",
        "payment_status": "pending",
        "currency": "EUR",
        "issuing_date": "2024-01-15",
        "payment_due_date": "2024-02-14",
        "sequential_id": 1,
        "fees_amount_cents": 4000,
        "taxes_amount_cents": 800,
        "total_amount_cents": 4800,
        "total_due_amount_cents": 4800,
        "billing_periods": [],
        "subscriptions": [],
        "credits": [],
    }
    assert {key: invoice[key] for key in expected} == expected
    fee, again = invoice["fees"]
    expected = {
        "lago_invoice_id": invoice["lago_id"],
        "lago_subscription_id": None,
        "external_subscription_id": None,
        "lago_charge_id": None,
        "amount_cents": 1000,
        "precise_amount": "10.0",
        "precise_unit_amount": "10.0",
        "units": "1.0",
        "total_aggregated_units": None,
        "events_count": None,
        "taxes_amount_cents": 200,
        "description": "Onboarding",
        "from_date": "2024-01-15T00:00:00+00:00",
        "to_date": "2024-01-15T23:59:59+00:00",
        "pay_in_advance": False,
        "invoiceable": True,
        "amount_details": {},
        "payment_status": "pending",
    }
    assert {key: fee[key] for key in expected} == expected
    assert fee["item"] == {
        "type": "add_on",
        "item_type": "AddOn",
        "lago_item_id": made["lago_id"],
        "code": "setup",
        "name": "Setup",
        "description": "Onboarding",
        "invoice_display_name": "Set-up fee",
        "filters": None,
        "filter_invoice_display_name": None,
        "grouped_by": {},
    }
    assert (again["units"], again["amount_cents"]) == ("3.0", 3000)
    assert (await sandbox.invoice(invoice["lago_id"])) == invoice


async def test_04_14_units_times_price_is_rounded_once(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    for units in ("2.5", 2.5):
        [fee] = (await sell(sandbox, {"add_on_code": "setup", "units": units, "unit_amount_cents": 333}))["fees"]
        assert (fee["units"], fee["amount_cents"], fee["precise_amount"]) == ("2.5", 833, "8.325")
        assert fee["precise_unit_amount"] == "3.33"


async def test_04_14_everything_of_the_add_on_can_be_overridden(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox, description="plain")
    [fee] = (
        await sell(
            sandbox,
            {
                "add_on_code": "setup",
                "unit_amount_cents": 0,
                "units": None,
                "tax_codes": None,
                "description": "of May",
                "invoice_display_name": "Special",
                "from_datetime": "2024-05-01T23:30:00-05:00",
                "to_datetime": "2024-05-31",
            },
        )
    )["fees"]
    assert (fee["amount_cents"], fee["units"], fee["description"]) == (0, "1.0", "of May")
    assert (fee["item"]["invoice_display_name"], fee["item"]["name"]) == ("Special", "Setup")
    assert (fee["from_date"], fee["to_date"]) == ("2024-05-02T00:00:00+00:00", "2024-05-31T23:59:59+00:00")


async def test_04_14_nothing_to_pay_is_paid(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    invoice = await sell(sandbox, {"add_on_code": "setup", "unit_amount_cents": 0})
    assert (invoice["status"], invoice["payment_status"]) == ("finalized", "succeeded")
    assert invoice["fees"][0]["payment_status"] == "succeeded"


async def test_04_14_empty_and_skipped_is_closed(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR", finalize_zero_amount_invoice="skip")
    await add_on(sandbox)
    status, body = await ask(sandbox, {"add_on_code": "setup", "unit_amount_cents": 0})
    invoice = body["invoice"]
    assert (status, invoice["status"], invoice["sequential_id"], invoice["web_url"]) == (200, "closed", None, None)
    assert (await sandbox.rest.get(f"invoices/{invoice['lago_id']}")).status_code == 404
    assert (await sell(sandbox, {"add_on_code": "setup"}))["sequential_id"] == 1


async def test_04_14_the_issuing_date_is_local(database: Database) -> None:
    async with sandbox_on(database, clock=datetime(2022, 11, 25, 1, tzinfo=UTC)) as sandbox:
        await sandbox.customer("c1", currency="USD", timezone="America/Los_Angeles")
        await add_on(sandbox)
        invoice = await sell(sandbox, {"add_on_code": "setup"})
        assert (invoice["issuing_date"], invoice["payment_due_date"]) == ("2022-11-24", "2022-11-24")
        assert invoice["fees"][0]["from_date"] == "2022-11-25T00:00:00+00:00"


async def test_04_14_currency(sandbox: Sandbox) -> None:
    await sandbox.customer("bare")
    await sandbox.customer("euro", currency="EUR")
    await add_on(sandbox)
    fee = {"add_on_code": "setup"}
    assert await ask(sandbox, fee, customer="bare") == (422, validation(currency="value_is_mandatory"))
    assert await ask(sandbox, fee, customer="euro", currency="EURO") == (422, validation(currency="value_is_invalid"))
    for who, sent, billed, kept in (
        ("euro", "usd", "USD", "EUR"),
        ("euro", None, "EUR", "EUR"),
        ("bare", "JPY", "JPY", "JPY"),
        ("bare", None, "JPY", "JPY"),
    ):
        invoice = await sell(sandbox, fee, customer=who, currency=sent)
        assert (invoice["currency"], invoice["customer"]["currency"]) == (billed, kept)
        assert invoice["total_amount_cents"] == 1000


@pytest.mark.parametrize(
    ("requested", "found"),
    [
        (["eco", "nope", "eco"], ["eco"]),
        ([], ["own"]),
        (["nope"], ["own"]),
        (None, ["own"]),
    ],
)
async def test_04_14_taxes_of_a_fee(sandbox: Sandbox, requested: Any, found: list[str]) -> None:
    for code, rate in (("own", "20"), ("eco", "5"), ("hers", "7")):
        await sandbox.tax(code, rate, applied_to_organization=False)
    await sandbox.tax("default", "1")
    await sandbox.customer("c1", currency="EUR", tax_codes=["hers"])
    await sandbox.customer("c2", currency="EUR")
    await add_on(sandbox, tax_codes=["own"])
    await add_on(sandbox, "plain")
    invoice = await sell(sandbox, {"add_on_code": "setup", "tax_codes": requested})
    assert [tax["tax_code"] for tax in invoice["applied_taxes"]] == found
    for customer, code in (("c1", "hers"), ("c2", "default")):
        invoice = await sell(sandbox, {"add_on_code": "plain", "tax_codes": []}, customer=customer)
        assert [tax["tax_code"] for tax in invoice["applied_taxes"]] == [code]


async def test_04_3_2_b_the_invoices_tax_is_not_the_sum_of_the_fees(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "10")
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox, amount_cents=33)
    invoice = await sell(sandbox, *[{"add_on_code": "setup"}] * 3)
    assert [fee["taxes_amount_cents"] for fee in invoice["fees"]] == [3, 3, 3]
    assert (invoice["taxes_amount_cents"], invoice["total_amount_cents"]) == (10, 109)


async def test_04_3_2_c_nor_the_sum_of_its_applied_taxes(sandbox: Sandbox) -> None:
    await sandbox.tax("a", "5")
    await sandbox.tax("b", "5")
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox, amount_cents=50)
    invoice = await sell(sandbox, {"add_on_code": "setup"})
    assert [tax["amount_cents"] for tax in invoice["applied_taxes"]] == [3, 3]
    assert (invoice["taxes_amount_cents"], invoice["total_amount_cents"]) == (5, 55)


async def test_04_3_2_d_uneven_taxes(sandbox: Sandbox) -> None:
    await sandbox.tax("tax1", "10", applied_to_organization=False)
    await sandbox.tax("tax2", "12", applied_to_organization=False)
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    invoice = await sell(
        sandbox,
        {"add_on_code": "setup", "tax_codes": ["tax1"]},
        {"add_on_code": "setup", "unit_amount_cents": 2000, "tax_codes": ["tax1", "tax2"]},
    )
    assert [(tax["tax_code"], tax["amount_cents"]) for tax in invoice["applied_taxes"]] == [
        ("tax1", 300),
        ("tax2", 240),
    ]
    assert invoice["taxes_amount_cents"] == 540
    async with sandbox.context() as ctx:
        assert await ctx.session.scalar(text("select taxes_rate from invoices")) == 18


async def test_04_14_all_or_nothing(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    known, unknown = {"add_on_code": "setup"}, {"add_on_code": "nope"}
    for fees, customer, code in (
        ([known], "nobody", "customer_not_found"),
        ([], "nobody", "customer_not_found"),
        ([], "c1", "fees_not_found"),
        ([known, unknown], "c1", "add_on_not_found"),
        ([known, {"units": 1}], "c1", "add_on_not_found"),
    ):
        status, body = await ask(sandbox, *fees, customer=customer)
        assert (status, body["code"]) == (404, code)
    answer = await sandbox.rest.post("invoices", {"invoice": {"external_customer_id": "c1"}})
    assert (answer.status_code, answer.json()["code"]) == (404, "fees_not_found")
    assert await sandbox.invoices() == []
    assert (await sell(sandbox, known))["sequential_id"] == 1


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-05-02T00:00:00Z", "2024-05-01T00:00:00Z"),
        ("2024-05-02", None),
        (None, "2024-05-02"),
        ("yesterday", "2024-05-02"),
    ],
)
async def test_04_14_boundaries(sandbox: Sandbox, start: str | None, end: str | None) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    fee = {"add_on_code": "setup", "from_datetime": start, "to_datetime": end}
    assert await ask(sandbox, fee) == (422, validation(boundaries="values_are_invalid"))


@pytest.mark.parametrize(
    "fee",
    [
        {"units": "-1"},
        {"units": "1e40"},
        {"units": "1e-40"},
        {"unit_amount_cents": -1},
        {"unit_amount_cents": 2**62},
        {"unit_amount_cents": 10**16, "units": 10**5},
    ],
)
async def test_04_14_amounts_that_no_invoice_can_hold(sandbox: Sandbox, fee: Any) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    status, body = await ask(sandbox, {"add_on_code": "setup", **fee})
    assert (status, list(body["error_details"].values())) == (422, [["value_is_out_of_range"]])


async def test_04_14_more_lines_than_an_invoice_may_have(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    fee = {"add_on_code": "setup", "tax_codes": [f"nope-{number}" for number in range(100)]}
    assert await ask(sandbox, *[fee] * 2001) == (422, validation(fees="value_is_too_long"))
    many = [{"add_on_code": "setup", "tax_codes": [f"{line}-{number}" for number in range(100)]} for line in range(500)]
    assert (await sell(sandbox, *many))["total_amount_cents"] == 500_000


async def test_04_14_a_deleted_add_on_leaves_its_invoices(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    invoice = await sell(sandbox, {"add_on_code": "setup"})
    await sandbox.call("DELETE", "add_ons/setup")
    assert await sandbox.invoice(invoice["lago_id"]) == invoice
    status, body = await ask(sandbox, {"add_on_code": "setup"})
    assert (status, body["code"]) == (404, "add_on_not_found")


async def test_04_14_skip_psp(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    for skip in (None, True, False):
        await sell(sandbox, {"add_on_code": "setup"}, skip_psp=skip)
    async with sandbox.context() as ctx:
        rows = await ctx.session.scalars(text("select skip_automatic_payment from invoices order by sequential_id"))
        assert list(rows) == [False, True, False]


async def test_04_14_an_unknown_billing_entity(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await add_on(sandbox)
    status, body = await ask(sandbox, {"add_on_code": "setup"}, billing_entity_code="nope")
    assert (status, body["code"]) == (404, "billing_entity_not_found")
    await sell(sandbox, {"add_on_code": "setup"}, billing_entity_code="hooli")

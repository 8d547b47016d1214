"""Previews of invoices (spec 04 §15). What a preview shows is what is billed afterwards, to the cent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.kernel.db import Database
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox, sandbox_on

MONEY = (
    "fees_amount_cents",
    "coupons_amount_cents",
    "progressive_billing_credit_amount_cents",
    "sub_total_excluding_taxes_amount_cents",
    "taxes_amount_cents",
    "sub_total_including_taxes_amount_cents",
    "credit_notes_amount_cents",
    "prepaid_credit_amount_cents",
    "total_amount_cents",
)
SAME = (*MONEY, "currency", "invoice_type", "payment_status", "net_payment_term", "issuing_date", "payment_due_date")


async def ask(sandbox: Sandbox, **body: Any) -> tuple[int, Any]:
    answer = await sandbox.rest.post("invoices/preview", body)
    return answer.status_code, answer.json()


async def preview(sandbox: Sandbox, **body: Any) -> Any:
    """The previewed invoice; asking for it has changed nothing."""
    before = await books(sandbox)
    status, answer = await ask(sandbox, **body)
    assert status == 200, answer
    assert await books(sandbox) == before
    invoice = answer["invoice"]
    assert {at.rpartition(": ")[0] for at in problems("Invoice", _with_ids(invoice))} == set()
    return invoice


def _with_ids(invoice: Any) -> Any:
    """Ids of what is not stored are null (00 rule 32); everything else is of the contract's types."""
    nil = "00000000-0000-0000-0000-000000000000"

    def filled(item: Any) -> Any:
        return {name: nil if name.startswith("lago_") and value is None else value for name, value in item.items()}

    fees = [{**filled(fee), "applied_taxes": [filled(tax) for tax in fee["applied_taxes"]]} for fee in invoice["fees"]]
    return {
        "invoice": {
            **invoice,
            "fees": fees,
            "applied_taxes": [filled(tax) for tax in invoice["applied_taxes"]],
            "credits": [filled(credit) for credit in invoice["credits"]],
        }
    }


async def books(sandbox: Sandbox) -> dict[str, Any]:
    """Everything that a preview could have changed."""
    counted = "customers subscriptions invoices fees credits coupons applied_coupons credit_notes wallets jobs".split()
    async with sandbox.context() as ctx:
        found = {name: await ctx.session.scalar(text(f"select count(*) from {name}")) for name in counted}
        for name in ("customers", "subscriptions", "applied_coupons", "wallets", "organizations"):
            rows = await ctx.session.scalars(text(f"select row_to_json(t)::text from {name} t order by id"))
            found[f"rows of {name}"] = list(rows)
    return found


def compared(invoice: Any) -> dict[str, Any]:
    fees = [
        (fee["item"]["type"], fee["item"]["code"], fee["units"], fee["amount_cents"], fee["taxes_amount_cents"])
        for fee in invoice["fees"]
    ]
    windows = [
        {name: value for name, value in period.items() if not name.endswith("subscription_id")}
        for period in invoice["billing_periods"]
    ]
    credits = [
        (credit["item"]["type"], credit["item"]["code"], credit["amount_cents"]) for credit in invoice["credits"]
    ]
    return {**{name: invoice[name] for name in SAME}, "fees": fees, "windows": windows, "credits": credits}


async def latest(sandbox: Sandbox, **query: Any) -> Any:
    return await sandbox.invoice((await sandbox.invoices(**query))[-1]["lago_id"])


@pytest.mark.parametrize("pay_in_advance", [True, False])
@pytest.mark.parametrize("billing_time", ["calendar", "anniversary"])
async def test_04_15_a_proposal_is_the_first_invoice(sandbox: Sandbox, pay_in_advance: bool, billing_time: str) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1", net_payment_term=10)
    await sandbox.plan("p", 3100, pay_in_advance=pay_in_advance)
    shown = await preview(sandbox, customer={"external_id": "c1"}, plan_code="p", billing_time=billing_time)
    await sandbox.subscribe(billing_time=billing_time)
    await sandbox.advance("2024-02-15T10:00:00Z")
    billed = await sandbox.invoice((await sandbox.invoices())[0]["lago_id"])
    assert compared(shown) == compared(billed)
    assert shown["fees_amount_cents"] == (1700 if billing_time == "calendar" else 3100)


async def test_04_15_what_a_preview_looks_like(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.plan("p", 3100, pay_in_advance=True)
    shown = await preview(sandbox, plan_code="p", customer={"name": "Gavin", "currency": "EUR", "country": "fr"})
    prefix = sandbox.rest.organization.document_number_prefix
    expected = {
        "number": f"{prefix}-DRAFT",
        "sequential_id": None,
        "status": "draft",
        "payment_status": "pending",
        "payment_overdue": False,
        "net_payment_term": 0,
        "issuing_date": "2024-01-15",
        "payment_due_date": "2024-01-15",
        "fees_amount_cents": 1700,
        "taxes_amount_cents": 340,
        "total_amount_cents": 2040,
        "total_due_amount_cents": 2040,
        "file_url": None,
        "web_url": None,
        "created_at": "2024-01-15T10:00:00Z",
        "updated_at": "2024-01-15T10:00:00Z",
        "credits": [],
        "metadata": [],
        "error_details": [],
    }
    assert {name: shown[name] for name in expected} == expected
    assert (shown["customer"]["name"], shown["customer"]["country"]) == ("Gavin", "FR")
    [fee] = shown["fees"]
    for name in ("lago_id", "lago_invoice_id", "lago_subscription_id", "lago_customer_id"):
        assert fee[name] is None
    assert (fee["applied_taxes"][0]["lago_id"], fee["applied_taxes"][0]["tax_code"]) == (None, "vat")
    assert (shown["applied_taxes"][0]["lago_id"], shown["applied_taxes"][0]["amount_cents"]) == (None, 340)
    [subscription], [period] = shown["subscriptions"], shown["billing_periods"]
    assert (subscription["status"], subscription["plan_code"]) == ("active", "p")
    for made_up in (shown["lago_id"], shown["customer"]["lago_id"], subscription["lago_id"]):
        assert isinstance(made_up, str)
    assert period["lago_subscription_id"] == subscription["lago_id"]


async def test_04_15_a_proposal_has_no_usage(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p", 3100)
    flat = {"graduated_ranges": [{"from_value": 0, "to_value": None, "per_unit_amount": "1", "flat_amount": "50"}]}
    await sandbox.charge(plan, model="graduated", properties=flat)
    shown = await preview(sandbox, customer={}, plan_code="p")
    assert [fee["item"]["type"] for fee in shown["fees"]] == ["subscription"]
    assert (shown["fees_amount_cents"], shown["issuing_date"]) == (1700, "2024-02-01")


@pytest.mark.parametrize(
    ("subscription_at", "issued", "amount"),
    [
        ("2024-03-11T09:00:00Z", "2024-03-11", 2100),
        ("2024-01-02", "2024-01-02", 3000),
        (None, "2024-01-15", 1700),
    ],
)
async def test_04_15_a_proposal_starts_when_asked(
    sandbox: Sandbox, subscription_at: str | None, issued: str, amount: int
) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    shown = await preview(sandbox, customer={}, plan_code="p", subscription_at=subscription_at)
    assert (shown["issuing_date"], shown["fees_amount_cents"]) == (issued, amount)


async def test_04_15_a_proposal_with_a_trial_is_billed_when_it_ends(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 3100, pay_in_advance=True, trial=5)
    shown = await preview(sandbox, customer={"external_id": "c1"}, plan_code="p")
    await sandbox.subscribe()
    await sandbox.advance("2024-01-21T00:00:00Z")
    assert compared(shown) == compared(await latest(sandbox))
    assert shown["issuing_date"] == "2024-01-20"


async def test_04_15_the_customers_attributes_are_overridden_in_memory(database: Database) -> None:
    async with sandbox_on(database, clock=datetime(2024, 1, 31, 23, tzinfo=UTC)) as sandbox:
        await sandbox.plan("p", 3100, pay_in_advance=True)
        await sandbox.customer("c1", name="Old", city="Paris")
        customer = {"external_id": "c1", "timezone": "Asia/Tokyo", "name": "New", "shipping_address": {"city": "Kyoto"}}
        shown = await preview(sandbox, customer=customer, plan_code="p")
        assert (shown["issuing_date"], shown["fees_amount_cents"]) == ("2024-02-01", 3100)
        who = shown["customer"]
        assert (who["name"], who["city"], who["shipping_address"]["city"]) == ("New", "Paris", "Kyoto")
        assert who["applicable_timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(("zone", "issued"), [("Europe/Paris", "2024-02-04"), ("America/Los_Angeles", "2024-02-03")])
async def test_04_15_dates_are_those_after_the_grace_period(sandbox: Sandbox, zone: str, issued: str) -> None:
    await sandbox.customer("c1", timezone=zone, net_payment_term=30, billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("p", 3100)
    await sandbox.subscribe(subscription_at="2023-12-01T12:00:00Z")
    shown = await preview(sandbox, customer={"external_id": "c1"}, subscriptions={"external_ids": ["s1"]})
    assert shown["issuing_date"] == issued
    await sandbox.advance("2024-02-04T00:20:00Z")
    billed = await latest(sandbox)
    assert (billed["status"], compared(billed)) == ("finalized", compared(shown))


async def _coupon(sandbox: Sandbox, code: str, **attributes: Any) -> None:
    body = {
        "name": code.title(),
        "code": code,
        "coupon_type": "percentage",
        "percentage_rate": "10",
        "frequency": "once",
        "expiration": "no_expiration",
        **attributes,
    }
    await sandbox.call("POST", "coupons", {"coupon": body})


async def test_04_15_the_customers_own_coupons_win(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1")
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await _coupon(sandbox, "ten")
    await _coupon(sandbox, "half", percentage_rate="50")
    body = {"applied_coupon": {"external_customer_id": "c1", "coupon_code": "ten"}}
    await sandbox.call("POST", "applied_coupons", body)
    shown = await preview(sandbox, customer={"external_id": "c1"}, plan_code="p", coupons=[{"code": "half"}])
    assert [(item["item"]["code"], item["amount_cents"]) for item in shown["credits"]] == [("ten", 170)]
    assert (shown["coupons_amount_cents"], shown["taxes_amount_cents"], shown["total_amount_cents"]) == (170, 306, 1836)
    await sandbox.subscribe()
    assert compared(await latest(sandbox)) == compared(shown)


@pytest.mark.parametrize(
    ("coupon", "amount"),
    [
        ({"code": "half"}, 850),
        ({"code": "inline", "coupon_type": "percentage", "percentage_rate": "12.5"}, 213),
        ({"code": "inline", "coupon_type": "fixed_amount", "amount_cents": 500, "amount_currency": "EUR"}, 500),
        ({"code": "inline", "coupon_type": "fixed_amount", "amount_cents": 500, "amount_currency": "USD"}, 0),
        ({"code": "inline", "coupon_type": "fixed_amount", "amount_cents": 9999, "amount_currency": "EUR"}, 1700),
        ({"code": "x", "coupon_type": "percentage", "percentage_rate": 5, "frequency_duration": 3, "name": None}, 85),
    ],
)
@pytest.mark.parametrize("stored", [True, False])
async def test_04_15_coupons_sent(sandbox: Sandbox, coupon: Any, amount: int, stored: bool) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await _coupon(sandbox, "half", percentage_rate="50")
    if stored:
        await sandbox.customer("c1")
    customer = {"external_id": "c1"} if stored else {"name": "New"}
    shown = await preview(sandbox, customer=customer, plan_code="p", coupons=[coupon])
    assert (shown["coupons_amount_cents"], shown["total_amount_cents"]) == (amount, 1700 - amount)
    assert [item["item"]["code"] for item in shown["credits"]] == ([coupon["code"]] if amount else [])


async def test_04_15_unknown_coupons(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    status, body = await ask(sandbox, customer={}, plan_code="p", coupons=[{"code": "nope"}])
    assert (status, body["code"]) == (404, "coupon_not_found")
    bad = {"code": "bad", "coupon_type": "percentage", "percentage_rate": -5}
    status, body = await ask(sandbox, customer={}, plan_code="p", coupons=[bad])
    assert (status, list(body["error_details"])) == (422, ["percentage_rate"])
    assert await ask(sandbox, customer={}, plan_code="p", coupons=["ten"]) == (
        422,
        validation(coupons="value_is_invalid"),
    )


async def running(sandbox: Sandbox, *, pay_in_advance: bool = False) -> None:
    """A subscription with a charge, started on 15 January; the clock stands at the 20th."""
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1")
    plan = await sandbox.plan("p", 3100, pay_in_advance=pay_in_advance)
    await sandbox.charge(plan)
    await sandbox.subscribe()
    await sandbox.advance("2024-01-20T00:00:00Z")
    await sandbox.send(("2024-01-18T00:00:00+00:00", 7))


PERSON = {"external_id": "c1"}
ONE = {"external_ids": ["s1"]}


@pytest.mark.parametrize("pay_in_advance", [True, False])
async def test_04_15_a_projection_is_the_next_invoice(sandbox: Sandbox, pay_in_advance: bool) -> None:
    await running(sandbox, pay_in_advance=pay_in_advance)
    shown = await preview(sandbox, customer=PERSON, subscriptions=ONE)
    assert shown["fees_amount_cents"] == 700 + (3100 if pay_in_advance else 1700)
    [subscription] = shown["subscriptions"]
    listed = (await sandbox.call("GET", "subscriptions/s1"))["subscription"]
    assert subscription["lago_id"] == listed["lago_id"]
    assert {fee["lago_subscription_id"] for fee in shown["fees"]} == {listed["lago_id"]}
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert compared(await latest(sandbox)) == compared(shown)


@pytest.mark.parametrize(
    ("grace", "expires", "used"),
    [
        (0, "2024-01-31T20:00:00Z", False),
        (0, "2024-02-01T20:00:00Z", True),
        (3, "2024-02-02T20:00:00Z", False),
        (3, "2024-02-04T20:00:00Z", True),
    ],
)
async def test_04_15_wallets_that_expire_before_the_invoice_do_not_pay_it(
    sandbox: Sandbox, grace: int, expires: str, used: bool
) -> None:
    """Nor before its draft is finalized."""
    await running(sandbox)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": grace})
    wallet = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", "granted_credits": "5"}
    await sandbox.call("POST", "wallets", {"wallet": {**wallet, "expiration_at": expires}})
    await sandbox.advance("2024-01-21T00:00:00Z")
    shown = await preview(sandbox, customer=PERSON, subscriptions=ONE)
    assert shown["prepaid_credit_amount_cents"] == (500 if used else 0)
    await sandbox.advance("2024-02-05T00:00:00Z")
    billed = await latest(sandbox)
    assert (billed["status"], compared(billed)) == ("finalized", compared(shown))


async def test_04_15_custom_aggregations_remember_nothing(sandbox: Sandbox) -> None:
    await running(sandbox)
    async with sandbox.context() as ctx:
        before = await ctx.session.scalar(text("select count(*) from custom_aggregation_states"))
    await preview(sandbox, customer=PERSON, subscriptions=ONE)
    async with sandbox.context() as ctx:
        assert await ctx.session.scalar(text("select count(*) from custom_aggregation_states")) == before


@pytest.mark.parametrize("pay_in_advance", [True, False])
@pytest.mark.parametrize("at", ["2024-01-25T12:00:00Z", "2024-01-20T00:00:00Z", "2024-03-10T00:00:00Z"])
async def test_04_15_a_termination(sandbox: Sandbox, pay_in_advance: bool, at: str) -> None:
    await running(sandbox, pay_in_advance=pay_in_advance)
    shown = await preview(sandbox, customer=PERSON, subscriptions={**ONE, "terminated_at": at})
    assert shown["billing_periods"][0]["invoicing_reason"] == "subscription_terminating"
    await sandbox.advance(at)
    await sandbox.terminate()
    assert compared(await latest(sandbox, payment_overdue="false")) == compared(shown)


@pytest.mark.parametrize("pay_in_advance", [True, False])
async def test_04_15_an_upgrade_is_billed_at_once(sandbox: Sandbox, pay_in_advance: bool) -> None:
    await running(sandbox, pay_in_advance=pay_in_advance)
    await sandbox.plan("big", 6200, pay_in_advance=pay_in_advance)
    shown = await preview(sandbox, customer=PERSON, subscriptions={**ONE, "plan_code": "big"})
    await sandbox.subscribe(plan="big")
    assert compared(await latest(sandbox)) == compared(shown)
    assert len(shown["subscriptions"]) == (2 if pay_in_advance else 1)


@pytest.mark.parametrize("pay_in_advance", [True, False])
async def test_04_15_a_downgrade_is_billed_when_the_period_ends(sandbox: Sandbox, pay_in_advance: bool) -> None:
    await running(sandbox, pay_in_advance=pay_in_advance)
    await sandbox.plan("small", 1000, pay_in_advance=pay_in_advance)
    shown = await preview(sandbox, customer=PERSON, subscriptions={**ONE, "plan_code": "small"})
    await sandbox.subscribe(plan="small")
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert compared(await latest(sandbox)) == compared(shown)
    assert shown["issuing_date"] == "2024-02-01"


async def test_04_15_a_scheduled_ending_comes_first(sandbox: Sandbox) -> None:
    await running(sandbox)
    body = {"subscription": {"ending_at": "2024-01-28T15:00:00Z"}}
    await sandbox.call("PUT", "subscriptions/s1", body)
    shown = await preview(sandbox, customer=PERSON, subscriptions=ONE)
    await sandbox.advance("2024-02-02T00:00:00Z")
    assert compared(await latest(sandbox)) == compared(shown)
    assert shown["issuing_date"] == "2024-01-28"


@pytest.mark.parametrize(("pay_in_advance", "issued"), [(True, "2024-03-11"), (False, "2024-04-01")])
async def test_04_15_a_pending_subscription_as_if_started(sandbox: Sandbox, pay_in_advance: bool, issued: str) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 3100, pay_in_advance=pay_in_advance)
    await sandbox.subscribe(subscription_at="2024-03-11T09:00:00Z")
    shown = await preview(sandbox, customer=PERSON, subscriptions=ONE)
    assert (shown["fees_amount_cents"], shown["issuing_date"]) == (2100, issued)
    await sandbox.advance("2024-04-01T00:00:00Z")
    first = await sandbox.invoice((await sandbox.invoices())[0]["lago_id"])
    assert compared(first) == compared(shown)


async def test_04_15_several_subscriptions_on_one_invoice(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 3100)
    await sandbox.plan("q", 6200, pay_in_advance=True)
    await sandbox.subscribe("s1", "p")
    await sandbox.subscribe("s2", "q")
    both = {"external_ids": ["s1", "s2", "nope"]}
    shown = await preview(sandbox, customer=PERSON, subscriptions=both)
    assert [item["external_id"] for item in shown["subscriptions"]] == ["s1", "s2"]
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert compared(await latest(sandbox)) == compared(shown)
    for more, code in (
        ({"terminated_at": "2024-02-02"}, "only_one_subscription_allowed_for_termination"),
        ({"plan_code": "p"}, "only_one_subscription_allowed_for_plan_change"),
    ):
        answer = await ask(sandbox, customer=PERSON, subscriptions={**both, **more})
        assert answer == (422, validation(subscriptions=code))


async def test_04_15_subscriptions_that_do_not_go_together(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 3100)
    await sandbox.plan("weekly", 900, interval="weekly")
    await sandbox.subscribe("s1", "p")
    await sandbox.subscribe("s2", "weekly")
    both = {"external_ids": ["s1", "s2"]}
    assert await ask(sandbox, customer=PERSON, subscriptions=both) == (
        422,
        validation(base="billing_periods_does_not_match"),
    )
    async with sandbox.context() as ctx:
        await ctx.session.execute(text("update plans set amount_currency = 'USD' where code = 'weekly'"))
        await ctx.session.execute(text("update organizations set catalog_revision = catalog_revision + 1"))
    assert await ask(sandbox, customer=PERSON, subscriptions=both) == (
        422,
        validation(base="subscription_currencies_does_not_match"),
    )


@pytest.mark.parametrize(
    ("more", "details"),
    [
        ({"terminated_at": "soon"}, {"terminated_at": "invalid_timestamp"}),
        ({"terminated_at": "2024-01-19T23:59:59Z"}, {"terminated_at": "cannot_be_in_past"}),
        ({"terminated_at": "9998-01-01"}, {"terminated_at": "invalid_timestamp"}),
        ({"plan_code": "p"}, {"base": "new_plan_should_be_different_from_existing_plan"}),
        ({"plan_code": "usd"}, {"currency": "currencies_does_not_match"}),
    ],
)
async def test_04_15_refusals(sandbox: Sandbox, more: Any, details: dict[str, str]) -> None:
    await running(sandbox)
    await sandbox.plan("usd", 100, currency="USD")
    answer = await ask(sandbox, customer=PERSON, subscriptions={**ONE, **more})
    assert answer == (422, validation(**details))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"customer": {"external_id": "nobody"}, "plan_code": "p"}, "customer_not_found"),
        ({"customer": {"external_id": "nobody"}, "subscriptions": ONE}, "customer_not_found"),
        ({"customer": PERSON, "plan_code": "nope"}, "plan_not_found"),
        ({"customer": PERSON}, "plan_not_found"),
        ({"customer": PERSON, "subscriptions": {"external_ids": ["nope"]}}, "subscription_not_found"),
        ({"customer": PERSON, "subscriptions": {}}, "subscription_not_found"),
        ({"customer": PERSON, "subscriptions": {**ONE, "plan_code": "nope"}}, "plan_not_found"),
        ({"customer": PERSON, "plan_code": "p", "billing_entity_code": "nope"}, "billing_entity_not_found"),
    ],
)
async def test_04_15_unknown_things(sandbox: Sandbox, body: Any, code: str) -> None:
    await running(sandbox)
    status, answer = await ask(sandbox, **body)
    assert (status, answer["code"]) == (404, code)


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"customer": {"name": "New"}, "subscriptions": ONE}, {"customer": "must_be_persisted"}),
        ({"customer": {"timezone": "Mars/Olympus"}, "plan_code": "p"}, {"customer": "invalid_timezone"}),
        ({"plan_code": "p", "billing_time": "sometimes"}, {"billing_time": "value_is_invalid"}),
        ({"plan_code": "p", "subscription_at": "soon"}, {"subscription_at": "invalid_date"}),
        ({"plan_code": "p", "subscription_at": "0001-01-01"}, {"subscription_at": "invalid_date"}),
        ({"customer": PERSON, "subscriptions": {"external_ids": "s1"}}, {"external_ids": "value_is_invalid"}),
        ({"customer": PERSON, "subscriptions": {"external_ids": ["s"] * 1001}}, {"external_ids": "value_is_too_long"}),
        ({"plan_code": "p", "coupons": [{"code": "x"}] * 101}, {"coupons": "value_is_too_long"}),
    ],
)
async def test_04_15_bad_values(sandbox: Sandbox, body: Any, details: dict[str, str]) -> None:
    await running(sandbox)
    assert await ask(sandbox, **body) == (422, validation(**details))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"coupons": {"code": "x"}}, "coupons_must_be_an_array"),
        ({"coupons": "x", "customer": {"external_id": "nobody"}}, "coupons_must_be_an_array"),
        ({"subscriptions": ["s1"]}, "subscriptions_must_be_an_object"),
    ],
)
async def test_07_1_4_wrong_shapes(sandbox: Sandbox, body: Any, error: str) -> None:
    assert await ask(sandbox, **body) == (400, {"status": 400, "error": error})


async def test_00_33_nulls_count_as_absent(sandbox: Sandbox) -> None:
    await running(sandbox)
    nulls = {"plan_code": None, "billing_time": None, "subscription_at": None, "coupons": None}
    customer = {**PERSON, "name": None, "timezone": None, "shipping_address": {"city": None}}
    subscriptions = {**ONE, "plan_code": None, "terminated_at": None}
    shown = await preview(sandbox, customer=customer, subscriptions=subscriptions, **nulls)
    assert compared(shown) == compared(await preview(sandbox, customer=PERSON, subscriptions=ONE))


async def test_of_other_organizations(sandbox: Sandbox) -> None:
    await running(sandbox)
    other = await sandbox.rest.another()
    answer = await other.post("invoices/preview", {"customer": PERSON, "subscriptions": ONE})
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
    answer = await other.post("invoices/preview", {"customer": {}, "plan_code": "p"})
    assert (answer.status_code, answer.json()["code"]) == (404, "plan_not_found")


async def test_previews_at_once_and_beside_billing(sandbox: Sandbox) -> None:
    await running(sandbox)
    asked = [ask(sandbox, customer=PERSON, subscriptions=ONE) for _ in range(4)]
    asked += [ask(sandbox, customer={"name": str(number)}, plan_code="p") for number in range(4)]
    *answers, _ = await asyncio.gather(*asked, sandbox.advance("2024-02-01T00:00:00Z"))
    assert [status for status, _ in answers] == [200] * 8
    assert [item["fees_amount_cents"] for item in await sandbox.invoices()] == [2400]


async def test_04_15_numbering_per_organization_is_left_alone(sandbox: Sandbox) -> None:
    await sandbox.call("PUT", "organizations", {"organization": {"document_numbering": "per_organization"}})
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await preview(sandbox, customer={}, plan_code="p")
    await sandbox.subscribe()
    assert (await latest(sandbox))["number"].endswith("-202401-001")

"""The official Python client on subscriptions: plan changes, overrides, charges and filters of one subscription."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from lago_python_client.client import Client
from lago_python_client.models import Charge, Plan, Subscription
from lago_python_client.models.charge import ChargeFilter, ChargeFilters, ChargeOverrides, Charges, ChargesOverrides
from lago_python_client.models.plan import PlanOverrides

from tests.billing.subscriptions.lives import metric
from tests.support.sandbox import Sandbox
from tests.support.serving import ask, official_client


@pytest.fixture
async def lago(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with official_client(sandbox.rest) as client:
        yield client


async def _plans(sandbox: Sandbox, lago: Client) -> Any:
    calls = await metric(sandbox, filters=[{"key": "region", "values": ["eu", "us"]}])
    europe = ChargeFilter(values={"region": ["eu"]}, properties={"amount": "5"})
    charge = Charge(
        billable_metric_id=calls,
        charge_model="standard",
        properties={"amount": "10"},
        filters=ChargeFilters(__root__=[europe]),
    )
    for code, price in (("basic", 1000), ("pro", 3000)):
        plan = Plan(
            name=code,
            code=code,
            interval="monthly",
            amount_cents=price,
            amount_currency="EUR",
            pay_in_advance=True,
            charges=Charges(__root__=[charge]),
        )
        made = await ask(lago.plans.create, plan)
    return made


async def test_plan_changes(sandbox: Sandbox, lago: Client) -> None:
    await _plans(sandbox, lago)
    first = await ask(
        lago.subscriptions.create, Subscription(external_customer_id="c1", plan_code="basic", external_id="s.1")
    )
    assert (first.status, first.plan_code, first.plan_amount_cents) == ("active", "basic", "1000")
    better = await ask(
        lago.subscriptions.create, Subscription(external_customer_id="c1", plan_code="pro", external_id="s.1")
    )
    assert (better.previous_plan_code, better.next_plan_code, better.status) == ("basic", None, "active")
    cheaper = await ask(
        lago.subscriptions.create, Subscription(external_customer_id="c1", plan_code="basic", external_id="s.1")
    )
    assert (cheaper.lago_id, cheaper.next_plan_code, cheaper.downgrade_plan_date) == (
        better.lago_id,
        "basic",
        "2024-02-01",
    )
    pending = await ask(lago.subscriptions.find, "s.1", {"status": "pending"})
    assert (pending.status, pending.previous_plan_code) == ("pending", "pro")
    gone = await ask(lago.subscriptions.destroy, "s.1", {"status": "pending"})
    assert gone.status == "canceled"
    ended = await ask(lago.subscriptions.destroy, "s.1", {"on_termination_credit_note": "skip"})
    assert (ended.status, ended.on_termination_credit_note) == ("terminated", "skip")


async def test_overrides(sandbox: Sandbox, lago: Client) -> None:
    plan = await _plans(sandbox, lago)
    charge_id = plan.charges.__root__[0].lago_id
    overrides = PlanOverrides(
        amount_cents=2500,
        name="Agreed",
        charges=ChargesOverrides(__root__=[ChargeOverrides(id=charge_id, properties={"amount": "7"})]),
    )
    made = await ask(
        lago.subscriptions.create,
        Subscription(external_customer_id="c1", plan_code="pro", external_id="s.1", plan_overrides=overrides),
    )
    assert (made.plan_code, made.plan_amount_cents) == ("pro", "2500")
    changed = await ask(lago.subscriptions.update, Subscription(plan_overrides=PlanOverrides(amount_cents=2400)), "s.1")
    assert (changed.lago_id, changed.plan_amount_cents) == (made.lago_id, "2400")
    charge = await ask(lago.subscription_charges.find, "s.1", "calls")  # find_all of this client sends no API key
    assert (charge.properties["amount"], charge.billable_metric_code) == ("7", "calls")
    again = await ask(lago.subscription_charges.update, "s.1", "calls", Charge(properties={"amount": "6"}))
    assert (again.lago_id, again.properties) == (charge.lago_id, {"amount": "6"})
    assert (await ask(lago.subscription_charges.find, "s.1", "calls")).properties == {"amount": "6"}


async def test_filters_of_a_subscription(sandbox: Sandbox, lago: Client) -> None:
    await _plans(sandbox, lago)
    await ask(lago.subscriptions.create, Subscription(external_customer_id="c1", plan_code="pro", external_id="s.1"))
    [europe] = (await ask(lago.subscriptions.find_all_charge_filters, "s.1", "calls"))["filters"]
    usa = ChargeFilter(values={"region": ["us"]}, properties={"amount": "4"}, invoice_display_name="USA")
    made = await ask(lago.subscriptions.create_charge_filter, "s.1", "calls", usa)
    assert (made.values, made.properties, made.invoice_display_name) == ({"region": ["us"]}, {"amount": "4"}, "USA")
    found = await ask(lago.subscriptions.find_charge_filter, "s.1", "calls", made.lago_id)
    assert found.lago_id == made.lago_id
    changed = await ask(
        lago.subscriptions.update_charge_filter,
        "s.1",
        "calls",
        europe.lago_id,
        ChargeFilter(properties={"amount": "3"}),
    )
    assert (changed.properties, changed.values) == ({"amount": "3"}, {"region": ["eu"]})
    gone = await ask(lago.subscriptions.destroy_charge_filter, "s.1", "calls", changed.lago_id)
    assert gone.lago_id == changed.lago_id
    left = await ask(lago.subscriptions.find_all_charge_filters, "s.1", "calls")
    assert [item.lago_id for item in left["filters"]] == [made.lago_id]

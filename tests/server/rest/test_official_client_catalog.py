"""The official Python client on metrics, plans, charges and charge filters."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import BillableMetric, Charge, Charges, Plan, Subscription
from lago_python_client.models.billable_metric import (
    BillableMetricEvaluateExpression,
    BillableMetricEvaluateExpressionEvent,
    BillableMetricFilter,
    BillableMetricFilters,
)
from lago_python_client.models.charge import ChargeFilter, ChargeFilters
from lago_python_client.models.minimum_commitment import MinimumCommitment, MinimumCommitmentOverrides
from lago_python_client.models.plan import PlanOverrides

from tests.server.rest.client import RestClient
from tests.support.serving import ask, official_client


@pytest.fixture
async def lago(rest: RestClient) -> AsyncIterator[Client]:
    async with official_client(rest) as client:
        yield client


def _metric(code: str = "storage") -> BillableMetric:
    return BillableMetric(
        name="Storage",
        code=code,
        aggregation_type="sum_agg",
        field_name="gb",
        recurring=False,
        filters=BillableMetricFilters(__root__=[BillableMetricFilter(key="region", values=["us", "eu"])]),
    )


async def test_billable_metrics(lago: Client) -> None:
    created = await ask(lago.billable_metrics.create, _metric())
    assert (created.code, created.filters.__root__[0].values) == ("storage", ["eu", "us"])
    changed = await ask(
        lago.billable_metrics.update,
        BillableMetric(name="Disk", rounding_function="ceil", rounding_precision=2),
        "storage",
    )
    assert (changed.name, changed.rounding_function, changed.rounding_precision) == ("Disk", "ceil", 2)
    assert (await ask(lago.billable_metrics.find, "storage")).lago_id == created.lago_id
    listed = await ask(lago.billable_metrics.find_all, {"per_page": 2, "page": 1})
    assert ([item.code for item in listed["billable_metrics"]], listed["meta"]["total_count"]) == (["storage"], 1)
    assert (await ask(lago.billable_metrics.destroy, "storage")).lago_id == created.lago_id
    with pytest.raises(LagoApiError) as gone:
        await ask(lago.billable_metrics.find, "storage")
    assert gone.value.response["code"] == "billable_metric_not_found"


async def test_evaluate_expression_sends_no_body_at_all(lago: Client) -> None:
    sample = BillableMetricEvaluateExpressionEvent(code="c", properties={"a": 1})
    with pytest.raises(LagoApiError) as refused:
        await ask(
            lago.billable_metrics.evaluate_expression, BillableMetricEvaluateExpression(expression="1", event=sample)
        )
    assert refused.value.status_code == 422
    assert refused.value.response["error_details"] == {"expression": ["value_is_mandatory"]}


async def test_plans_charges_and_filters(lago: Client) -> None:
    metric = await ask(lago.billable_metrics.create, _metric())
    charge = Charge(
        billable_metric_id=metric.lago_id,
        charge_model="standard",
        properties={"amount": "0.1"},
        filters=ChargeFilters(
            __root__=[
                ChargeFilter(values={"region": ["eu"]}, properties={"amount": "0.2"}, invoice_display_name="Europe")
            ]
        ),
    )
    plan = Plan(
        name="Startup",
        code="startup",
        interval="yearly",
        amount_cents=1000,
        amount_currency="EUR",
        pay_in_advance=False,
        bill_charges_monthly=True,
        trial_period=2.5,
        charges=Charges(__root__=[charge]),
        metadata={"a": "b"},
    )
    created = await ask(lago.plans.create, plan)
    assert (created.code, created.bill_charges_monthly, created.trial_period) == ("startup", True, 2.5)
    assert (created.minimum_commitment, created.usage_thresholds.__root__, created.metadata) == (None, [], {"a": "b"})
    (shown,) = created.charges.__root__
    assert (shown.code, shown.properties, shown.filters.__root__[0].values) == (
        "storage",
        {"amount": "0.1"},
        {"region": ["eu"]},
    )
    changed = await ask(
        lago.plans.update,
        Plan(
            amount_cents=2000,
            charges=Charges(__root__=[Charge(id=shown.lago_id, charge_model="standard", properties={"amount": "3"})]),
        ),
        "startup",
    )
    assert (changed.amount_cents, changed.charges.__root__[0].lago_id) == (2000, shown.lago_id)
    listed = await ask(lago.plans.find_all, {"per_page": 5})
    assert [(item.code, len(item.charges.__root__)) for item in listed["plans"]] == [("startup", 1)]

    more = await ask(
        lago.plan_charges.create,
        "startup",
        Charge(billable_metric_id=metric.lago_id, code="extra", charge_model="package",
               properties={"amount": "1", "package_size": 5, "free_units": 0}),
    )  # fmt: skip
    assert (more.code, more.properties["package_size"]) == ("extra", 5)
    with pytest.raises(LagoApiError) as anonymous:  # version 1.55 forgets the API key here
        await ask(lago.plan_charges.find_all, "startup")
    assert anonymous.value.status_code == 401
    renamed = await ask(
        lago.plan_charges.update, "startup", "extra", Charge(charge_model="standard", properties={"amount": "4"})
    )
    assert (renamed.charge_model, renamed.properties) == ("standard", {"amount": "4"})
    assert (await ask(lago.plan_charges.find, "startup", "extra")).lago_id == more.lago_id

    own = await ask(
        lago.plans.create_charge_filter,
        "startup",
        "extra",
        ChargeFilter(values={"region": ["us"]}, properties={"amount": "9"}),
    )
    assert (await ask(lago.plans.find_charge_filter, "startup", "extra", own.lago_id)).values == {"region": ["us"]}
    priced = await ask(
        lago.plans.update_charge_filter, "startup", "extra", own.lago_id, ChargeFilter(properties={"amount": "8"})
    )
    assert priced.properties == {"amount": "8"}
    assert len((await ask(lago.plans.find_all_charge_filters, "startup", "extra"))["filters"]) == 1
    assert (await ask(lago.plans.destroy_charge_filter, "startup", "extra", own.lago_id)).lago_id == own.lago_id
    assert (await ask(lago.plan_charges.destroy, "startup", "extra")).lago_id == more.lago_id

    assert await ask(lago.plans.replace_metadata, "startup", {"x": "y"}) == {"x": "y"}
    assert await ask(lago.plans.merge_metadata, "startup", {"z": None}) == {"x": "y", "z": None}
    assert await ask(lago.plans.delete_metadata_key, "startup", "x") == {"z": None}
    assert await ask(lago.plans.delete_all_metadata, "startup") is None
    assert (await ask(lago.plans.destroy, "startup")).lago_id == created.lago_id


async def test_02_12_minimum_commitments(lago: Client, rest: RestClient) -> None:
    await rest.post("taxes", {"tax": {"name": "VAT", "code": "vat", "rate": "20"}})
    floor = MinimumCommitment(amount_cents=50_000, invoice_display_name="Floor", tax_codes=["vat"])
    plan = Plan(
        name="Startup",
        code="startup",
        interval="monthly",
        amount_cents=100,
        amount_currency="EUR",
        pay_in_advance=False,
        minimum_commitment=floor,
    )
    made = (await ask(lago.plans.create, plan)).minimum_commitment
    assert (made.amount_cents, made.invoice_display_name, made.interval) == (50_000, "Floor", "monthly")
    assert [tax.code for tax in made.taxes.__root__] == ["vat"]
    changed = await ask(lago.plans.update, Plan(minimum_commitment=MinimumCommitment(amount_cents=7)), "startup")
    assert (changed.minimum_commitment.amount_cents, changed.minimum_commitment.lago_id) == (7, made.lago_id)
    subscription = Subscription(
        external_customer_id="c",
        plan_code="startup",
        external_id="s",
        plan_overrides=PlanOverrides(minimum_commitment=MinimumCommitmentOverrides(amount_cents=9)),
    )
    await ask(lago.subscriptions.create, subscription)
    shown = (await rest.get("subscriptions/s")).json()["subscription"]["plan"]["minimum_commitment"]
    assert (shown["amount_cents"], shown["invoice_display_name"]) == (9, "Floor")

"""Charges and their filters (spec 02 §2, §3, §4.1; spec 01 §4.1, §4.5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from billwright.billing.catalog import charge_edits
from billwright.billing.catalog.models import ChargeFilter
from billwright.billing.catalog.queries import ChargeView
from billwright.billing.catalog.schemas import ChargeFilterInput, ChargeInput, charge_object
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from tests.billing.catalog.shop import Shop, charge, codes

REGIONS = [{"key": "region", "values": ["eu", "us"]}, {"key": "tier", "values": ["gold"]}]
ALL = ["__ALL_FILTER_VALUES__"]


async def add(shop: Shop, entry: dict[str, Any], plan: str = "startup") -> ChargeView:
    async with shop.context() as ctx:
        return await charge_edits.create_charge(ctx, plan, ChargeInput.parse(entry))


async def change(shop: Shop, code: str, /, **attributes: Any) -> ChargeView:
    async with shop.context() as ctx:
        return await charge_edits.update_charge(ctx, "startup", code, ChargeInput.parse(attributes))


def priced(values: Any, amount: str = "2", **attributes: Any) -> dict[str, Any]:
    return {"values": values, "properties": {"amount": amount}, **attributes}


async def test_02_2_1_defaults(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan()
    made = await add(shop, {"billable_metric_id": str(metric.metric.id), "charge_model": "standard"})
    row = made.charge
    assert (row.code, row.pay_in_advance, row.invoiceable, row.regroup_paid_fees, row.prorated) == (
        "storage", False, True, None, False,
    )  # fmt: skip
    assert (row.min_amount_cents, row.properties, row.invoice_display_name) == (0, {"amount": "0"}, None)


async def test_02_2_1_default_codes_take_the_highest_suffix_plus_one(shop: Shop) -> None:
    metric = await shop.metric(code="a.b")
    await shop.plan(charge(metric), charge(metric, code="a.b_7"), charge(metric), charge(metric, code="axb_9"))
    made = [view.charge.code for view in (await shop.show_plan()).charges]
    assert made == ["a.b", "a.b_7", "a.b_8", "axb_9"]
    assert (await add(shop, charge(metric))).charge.code == "a.b_9"
    with pytest.raises(ValidationFailed) as failure:
        await add(shop, charge(metric, code="axb_9"))
    assert codes(failure) == {"code": ["value_already_exist"]}


async def test_codes_of_deleted_charges_are_free_again(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan(charge(metric))
    async with shop.context() as ctx:
        await charge_edits.delete_charge(ctx, "startup", "storage")
    assert (await add(shop, charge(metric))).charge.code == "storage"


async def test_concurrent_charges_take_turns_on_the_plan(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan()
    made = await asyncio.gather(*(add(shop, charge(metric)) for _ in range(4)))
    assert sorted(view.charge.code for view in made) == ["storage", "storage_2", "storage_3", "storage_4"]


async def test_a_charge_never_lands_on_a_metric_that_is_being_deleted(shop: Shop) -> None:
    """Creation and deletion at once: either the charge goes with the metric, or it is told that there is none."""
    from billwright.billing.catalog.metric_deletion import delete_metric

    for number in range(5):
        metric = await shop.metric(code=f"m{number}")
        await shop.plan(code=f"p{number}")

        async def delete(code: str = f"m{number}") -> None:
            async with shop.context() as ctx:
                await delete_metric(ctx, code)

        outcome = await asyncio.gather(add(shop, charge(metric), f"p{number}"), delete(), return_exceptions=True)
        assert outcome[1] is None
        assert isinstance(outcome[0], ChargeView) or str(outcome[0]) == "billable_metric_not_found"
        assert (await shop.show_plan(f"p{number}")).charges == ()


@pytest.mark.parametrize(
    ("kind", "attributes", "details"),
    [
        ("sum_agg", {"charge_model": None}, {"charge_model": ["value_is_mandatory"]}),
        ("sum_agg", {"charge_model": "flat"}, {"charge_model": ["value_is_invalid"]}),
        ("sum_agg", {"invoiceable": False}, {"invoiceable": ["must_be_true_unless_pay_in_advance"]}),
        (
            "sum_agg",
            {"regroup_paid_fees": "invoice"},
            {"regroup_paid_fees": ["only_compatible_with_pay_in_advance_and_non_invoiceable"]},
        ),
        (
            "sum_agg",
            {"regroup_paid_fees": "invoice", "pay_in_advance": True},
            {"regroup_paid_fees": ["only_compatible_with_pay_in_advance_and_non_invoiceable"]},
        ),
        (
            "sum_agg",
            {"pay_in_advance": True, "charge_model": "volume", "properties": {}},
            {"pay_in_advance": ["invalid_aggregation_type_or_charge_model"]},
        ),
        ("max_agg", {"pay_in_advance": True}, {"pay_in_advance": ["invalid_aggregation_type_or_charge_model"]}),
        (
            "sum_agg",
            {"pay_in_advance": True, "min_amount_cents": 1},
            {"min_amount_cents": ["not_compatible_with_pay_in_advance"]},
        ),
        ("sum_agg", {"min_amount_cents": -1}, {"min_amount_cents": ["value_is_out_of_range"]}),
        (
            "count_agg",
            {"charge_model": "dynamic", "properties": {}},
            {"charge_model": ["invalid_aggregation_type_or_charge_model"]},
        ),
        (
            "sum_agg",
            {"charge_model": "custom", "properties": {}},
            {"charge_model": ["invalid_aggregation_type_or_charge_model"]},
        ),
        ("sum_agg", {"prorated": True}, {"prorated": ["invalid_billable_metric_or_charge_model"]}),
        ("sum_agg", {"properties": {"amount": "-1"}}, {"properties": ["invalid_amount"]}),
        ("sum_agg", {"properties": "cheap"}, {"properties": ["invalid_type"]}),
        (
            "sum_agg",
            {"charge_model": "graduated", "properties": {"amount": "1"}},
            {"properties": ["missing_graduated_ranges"]},
        ),
        ("latest_agg", {"charge_model": "percentage", "properties": {"rate": "1"}}, {"properties": ["invalid_value"]}),
        ("sum_agg", {"properties": {"amount": "1", "grouped_by": "x"}}, {"properties": ["invalid_type"]}),
        ("sum_agg", {"filters": "x"}, {"filters": ["value_is_invalid"]}),
        ("sum_agg", {"filters": ["x"]}, {"filters": ["value_is_invalid"]}),
        ("sum_agg", {"code": "c" * 256}, {"code": ["value_is_too_long"]}),
    ],
)
async def test_02_2_2_refused_alone_and_inside_a_plan(
    shop: Shop, kind: str, attributes: dict[str, Any], details: dict[str, list[str]]
) -> None:
    metric = await shop.metric(aggregation_type=kind)
    await shop.plan()
    entry = charge(metric, **attributes)
    for attempt in (add(shop, entry), shop.plan(entry, code="new"), shop.change_plan("startup", charges=[entry])):
        with pytest.raises(ValidationFailed) as failure:
            await attempt
        assert codes(failure) == details
    assert (await shop.show_plan()).charges == ()


async def test_mistakes_of_a_plan_and_of_all_its_charges_come_together(shop: Shop) -> None:
    metric = await shop.metric()
    bad = charge(metric, properties={"amount": "x"}, filters=[priced({"planet": ["mars"]})])
    with pytest.raises(ValidationFailed) as failure:
        await shop.plan(bad, charge(metric, charge_model="x"), interval="x")
    assert codes(failure) == {
        "interval": ["value_is_invalid"],
        "properties": ["invalid_amount"],
        "billable_metric_filter": ["relation_must_exist"],
        "values": ["value_is_invalid"],
        "charge_model": ["value_is_invalid"],
    }


async def test_unknown_references(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan()
    with pytest.raises(NotFound, match=r"^billable_metric_not_found"):
        await add(shop, {"billable_metric_id": str(shop.organization.id), "charge_model": "standard"})
    with pytest.raises(NotFound, match="tax_not_found"):
        await add(shop, charge(metric, tax_codes=["nope"]))
    with pytest.raises(NotFound, match="plan_not_found"):
        await add(shop, charge(metric), "nope")
    with pytest.raises(NotFound, match="charge_not_found"):
        await change(shop, "nope", properties={"amount": "1"})


async def test_02_2_4_unattached_everything_but_the_metric_changes(shop: Shop) -> None:
    metric, other = await shop.metric(), await shop.metric(code="calls")
    await shop.plan(charge(metric, min_amount_cents=5, invoice_display_name="Disk"))
    changed = await change(
        shop,
        "storage",
        billable_metric_id=str(other.metric.id),
        code="disk",
        charge_model="package",
        pay_in_advance=True,
        invoiceable=False,
        regroup_paid_fees="invoice",
        properties={"amount": "5", "package_size": 10, "free_units": 1},
    )
    row = changed.charge
    assert changed.metric.code == "storage"
    assert (row.code, row.charge_model, row.pay_in_advance, row.invoiceable, row.regroup_paid_fees) == (
        "disk", "package", True, False, "invoice",
    )  # fmt: skip
    assert (row.min_amount_cents, row.invoice_display_name) == (0, "Disk")


async def test_02_2_4_absent_properties_mean_the_default_price(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan(charge(metric, min_amount_cents=5))
    reset = (await change(shop, "storage", charge_model="volume")).charge
    assert reset.properties == {
        "volume_ranges": [{"from_value": 0, "to_value": None, "flat_amount": "0", "per_unit_amount": "0"}]
    }
    assert reset.min_amount_cents == 0
    assert (await change(shop, "storage", charge_model="standard", properties={})).charge.properties == {"amount": "0"}


async def test_02_2_4_attached_only_price_name_filters_and_taxes(shop: Shop) -> None:
    metric = await shop.metric(filters=REGIONS)
    await shop.plan(charge(metric, min_amount_cents=5))
    async with shop.context() as ctx:
        ctx.organization.invoice_grace_period = 3
    await shop.change_plan("startup", pay_in_advance=True)
    await shop.subscribe()
    changed = await change(
        shop,
        "storage",
        code="x",
        charge_model="package",
        pay_in_advance=True,
        min_amount_cents=9,
        invoice_display_name="Disk",
        properties={"amount": "7"},
        filters=[priced({"region": ["eu"]})],
    )
    row = changed.charge
    assert (row.code, row.charge_model, row.pay_in_advance, row.min_amount_cents) == ("storage", "standard", False, 5)
    assert (row.properties, row.invoice_display_name) == ({"amount": "7"}, "Disk")
    assert [item.values for item in changed.filters] == [{"region": ["eu"]}]
    assert await shop.rows(select(Invoice.ready_to_be_refreshed)) == [True]
    assert (await add(shop, charge(metric, code="more", min_amount_cents=3))).charge.min_amount_cents == 3


async def test_02_2_4_deleting_takes_the_filters_along(shop: Shop) -> None:
    metric = await shop.metric(filters=REGIONS)
    await shop.plan(charge(metric, filters=[priced({"region": ["eu"]})]))
    async with shop.context() as ctx:
        gone = await charge_edits.delete_charge(ctx, "startup", "storage")
    assert len(gone.filters) == 1
    assert (await shop.show_plan()).charges == ()
    assert [row.deleted_at is not None for row in await shop.all_of(ChargeFilter)] == [True]


async def test_a_new_model_needs_fitting_filters(shop: Shop) -> None:
    metric = await shop.metric(filters=REGIONS)
    await shop.plan(charge(metric, filters=[priced({"region": ["eu"]})]))
    package = {"amount": "1", "package_size": 5, "free_units": 0}
    with pytest.raises(ValidationFailed) as failure:
        await change(shop, "storage", charge_model="package", properties=package)
    assert codes(failure) == {"properties": ["invalid_package_size", "invalid_free_units"]}
    filters = [{"values": {"region": ["eu"]}, "properties": package}]
    changed = await change(shop, "storage", charge_model="package", properties=package, filters=filters)
    assert [item.properties for item in changed.filters] == [package]


@pytest.mark.parametrize(
    ("entry", "details"),
    [
        (priced({}), {"values": ["value_is_mandatory"]}),
        (priced(None), {"values": ["value_is_mandatory"]}),
        (priced({"region": []}), {"values": ["value_is_mandatory"]}),
        (priced({"region": ["mars"]}), {"values": ["value_is_invalid"]}),
        (priced({"region": [*ALL, "eu"]}), {"values": ["value_is_invalid"]}),
        (
            priced({"planet": ["eu"]}),
            {"billable_metric_filter": ["relation_must_exist"], "values": ["value_is_invalid"]},
        ),
        (priced({"region": ["eu"]}, ""), {"properties": ["invalid_amount"]}),
        ({"values": {"region": ["eu"]}}, {"properties": ["invalid_amount"]}),
        ({"values": {"region": ["eu"]}, "properties": {}}, {"properties": ["invalid_amount"]}),
    ],
)
async def test_01_4_1_refused_filters(shop: Shop, entry: dict[str, Any], details: dict[str, list[str]]) -> None:
    metric = await shop.metric(filters=REGIONS)
    await shop.plan(charge(metric, filters=[priced({"region": ["us"]})]))

    async def alone() -> None:
        async with shop.context() as ctx:
            inp = ChargeFilterInput.parse(entry)
            await charge_edits.create_charge_filter(ctx, "startup", "storage", inp)

    for attempt in (alone(), change(shop, "storage", properties={"amount": "1"}, filters=[entry])):
        with pytest.raises(ValidationFailed) as failure:
            await attempt
        assert codes(failure) == details
    assert [item.values for item in (await shop.only_charge()).filters] == [{"region": ["us"]}]


async def test_02_4_1_replacing_filters(shop: Shop) -> None:
    """Same values map = the same filter, in the order last sent; absent key = untouched, ``[]`` = none."""
    metric = await shop.metric(filters=REGIONS)
    first = [
        priced({"tier": ["gold"], "region": ["us", "eu"]}, "1"),
        priced({"region": ALL}, "2", invoice_display_name="All"),
    ]
    await shop.plan(charge(metric, filters=first))
    before = (await shop.only_charge()).filters
    assert [list(item.values) for item in before] == [["tier", "region"], ["region"]]
    second = [
        priced({"region": ["us"]}, "4"),
        priced({"region": ALL}, "5"),
        priced({"region": ["eu", "us"], "tier": ["gold"]}, "6"),
    ]
    after = (await change(shop, "storage", properties={"amount": "1"}, filters=second)).filters
    assert [item.properties["amount"] for item in after] == ["4", "5", "6"]
    assert [after[2].id, after[1].id] == [item.id for item in before]
    assert list(after[2].values.items()) == [("region", ["eu", "us"]), ("tier", ["gold"])]
    assert after[1].invoice_display_name is None
    assert len((await change(shop, "storage", properties={"amount": "1"})).filters) == 3
    assert (await change(shop, "storage", properties={"amount": "1"}, filters=[])).filters == ()


async def test_single_filters(shop: Shop) -> None:
    metric = await shop.metric(filters=REGIONS)
    await shop.plan(charge(metric, filters=[priced({"region": ["us"]})]))
    revision = await shop.revision()

    async with shop.context() as ctx:
        inp = ChargeFilterInput.parse(priced({"region": ALL}, "3", invoice_display_name="Any"))
        _, made = await charge_edits.create_charge_filter(ctx, "startup", "storage", inp)
    assert [item.id for item in (await shop.only_charge()).filters][1] == made.id
    async with shop.context() as ctx:
        inp = ChargeFilterInput.parse({"invoice_display_name": None, "values": {"region": ["eu"]}})
        await charge_edits.update_charge_filter(ctx, "startup", "storage", str(made.id), inp)
    changed = (await shop.only_charge()).filters[1]
    assert (changed.values, changed.properties, changed.invoice_display_name) == (
        {"region": ["eu"]},
        {"amount": "3"},
        None,
    )
    async with shop.context() as ctx:
        await charge_edits.delete_charge_filter(ctx, "startup", "storage", str(made.id))
    assert len((await shop.only_charge()).filters) == 1
    assert await shop.revision() == revision + 3
    for identifier in (str(made.id), "nonsense"):
        with pytest.raises(NotFound, match="charge_filter_not_found"):
            async with shop.context() as ctx:
                await charge_edits.delete_charge_filter(ctx, "startup", "storage", identifier)


async def test_01_4_5_group_keys_have_two_names_out(shop: Shop) -> None:
    metric = await shop.metric(filters=REGIONS)
    grouped = {"values": {"region": ["eu"]}, "properties": {"amount": "1", "pricing_group_keys": ["host"]}}
    await shop.plan(
        charge(
            metric, properties={"amount": "1", "grouped_by": ["a", ""], "pricing_group_keys": None}, filters=[grouped]
        ),
        charge(metric, properties={"amount": "1", "grouped_by": ["a"], "pricing_group_keys": ["b", "", "c"]}),
        charge(metric, properties={"amount": "1", "grouped_by": []}),
    )
    shown = [charge_object(view) for view in (await shop.show_plan()).charges]
    assert shown[0]["properties"] == {"amount": "1", "grouped_by": ["a"], "pricing_group_keys": ["a"]}
    assert shown[0]["filters"][0]["properties"] == {
        "amount": "1",
        "grouped_by": ["host"],
        "pricing_group_keys": ["host"],
    }
    assert shown[1]["properties"] == {"amount": "1", "grouped_by": ["b", "c"], "pricing_group_keys": ["b", "c"]}
    assert shown[2]["properties"] == {"amount": "1"}

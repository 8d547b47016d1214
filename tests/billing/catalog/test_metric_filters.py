"""Filters of metrics and their effects on charge filters (spec 01 §1.4), definitions of the event store."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.catalog.definitions import definition_of
from billwright.billing.kernel.errors import ValidationFailed
from tests.billing.catalog.shop import Shop, charge, codes

ALL = ["__ALL_FILTER_VALUES__"]


@pytest.mark.parametrize(
    ("filters", "details"),
    [
        ([{"key": " ", "values": ["a"]}], {"key": ["value_is_mandatory"]}),
        ([{"values": ["a"]}], {"key": ["value_is_mandatory"]}),
        ([{"key": "region", "values": []}], {"values": ["value_is_mandatory"]}),
        ([{"key": "region"}], {"values": ["value_is_mandatory"]}),
        ([{"key": "region", "values": [""]}], {"values": ["value_is_mandatory"]}),
        ([{"key": "region", "values": [["eu"]]}], {"values": ["value_is_invalid"]}),
        ([{"key": "region", "values": [True]}], {"values": ["value_is_invalid"]}),
        ([{"key": "region", "values": ALL}], {"values": ["value_is_invalid"]}),
        ([{"key": "a", "values": ["1"]}, {"key": "b", "values": []}], {"values": ["value_is_mandatory"]}),
        ("region", {"filters": ["value_is_invalid"]}),
        (["region"], {"filters": ["value_is_invalid"]}),
    ],
)
async def test_01_1_4_refused_and_nothing_saved(shop: Shop, filters: Any, details: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationFailed) as failure:
        await shop.metric(filters=filters)
    assert codes(failure) == details
    await shop.metric(filters=[{"key": "tier", "values": ["gold"]}])
    with pytest.raises(ValidationFailed):
        await shop.change_metric("storage", name="Changed", filters=filters)
    kept = await shop.change_metric("storage")
    assert (kept.metric.name, kept.filter_values) == ("Storage", {"tier": ["gold"]})


async def test_01_1_4_values_are_texts_once_and_the_later_key_wins(shop: Shop) -> None:
    metric = await shop.metric(
        filters=[
            {"key": "size", "values": ["s"]},
            {"key": "Size", "values": ["S"]},
            {"key": "size", "values": [512, "512", Decimal("1.50"), "m", "m"]},
        ]
    )
    assert metric.filter_values == {"Size": ["S"], "size": ["512", "1.50", "m"]}


async def test_01_1_4_update_replaces_the_set(shop: Shop) -> None:
    await shop.metric(filters=[{"key": "region", "values": ["eu"]}, {"key": "tier", "values": ["gold"]}])
    assert (await shop.change_metric("storage", name="Same")).filter_values == {"region": ["eu"], "tier": ["gold"]}
    replaced = await shop.change_metric("storage", filters=[{"key": "tier", "values": ["silver"]}])
    assert replaced.filter_values == {"tier": ["silver"]}
    assert (await shop.change_metric("storage", filters=[])).filter_values == {}
    await shop.change_metric("storage", filters=[{"key": "tier", "values": ["gold"]}])
    assert (await shop.change_metric("storage", filters=None)).filter_values == {}


def _filters(*values: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [{"values": each, "properties": {"amount": "1"}} for each in values]


async def _values(shop: Shop, plan: str = "startup") -> list[dict[str, list[str]]]:
    return [item.values for item in (await shop.only_charge(plan)).filters]


async def test_01_ex_1(shop: Shop) -> None:
    metric = await shop.metric(
        filters=[{"key": "region", "values": ["usa", "europe"]}, {"key": "tier", "values": ["gold"]}]
    )
    a, b, c = (
        {"region": ["usa"]},
        {"region": ["usa", "europe"], "tier": ["gold"]},
        {"region": ["usa"], "tier": ["gold"]},
    )
    await shop.plan(charge(metric, filters=_filters(a, b, c)))
    await shop.plan(charge(metric, filters=_filters(c)), code="other")
    await shop.change_metric(
        "storage",
        filters=[{"key": "region", "values": ["USA", "europe", "africa"]}, {"key": "tier", "values": ["gold"]}],
    )
    assert await _values(shop) == [{"region": ["europe"], "tier": ["gold"]}, {"tier": ["gold"]}]
    assert await _values(shop, "other") == [{"tier": ["gold"]}]


async def test_01_1_4_all_values_survive_a_change_of_values_but_not_of_the_key(shop: Shop) -> None:
    metric = await shop.metric(
        filters=[{"key": "region", "values": ["usa"]}, {"key": "tier", "values": ["gold", "silver"]}]
    )
    await shop.plan(charge(metric, filters=_filters({"region": ALL}, {"region": ALL, "tier": ["silver"]})))
    await shop.change_metric(
        "storage", filters=[{"key": "region", "values": ["mars"]}, {"key": "tier", "values": ["silver"]}]
    )
    assert await _values(shop) == [{"region": ALL}, {"region": ALL, "tier": ["silver"]}]
    await shop.change_metric("storage", filters=[{"key": "tier", "values": ["silver"]}])
    assert await _values(shop) == [{"tier": ["silver"]}]


async def test_dims_are_filter_keys_and_group_keys_of_live_charges_and_filters(shop: Shop) -> None:
    metric = await shop.metric(filters=[{"key": "region", "values": ["eu"]}])
    filters = [{"values": {"region": ["eu"]}, "properties": {"amount": "1", "pricing_group_keys": ["host"]}}]
    await shop.plan(charge(metric, properties={"amount": "1", "grouped_by": ["team"]}, filters=filters))

    async def dims() -> set[str]:
        async with shop.context() as ctx:
            found = await definition_of(ctx.session, ctx.organization_id, "storage")
        assert found is not None
        assert (found.metric_id, found.aggregation, found.field) == (metric.metric.id, "sum_agg", "gb")
        return set(found.dims_keys)

    assert await dims() == {"region", "host", "team"}
    await shop.change_metric("storage", filters=[])
    assert await dims() == {"team"}
    await shop.change_plan("startup", charges=[])
    assert await dims() == set()


async def test_the_event_store_follows_the_catalogue(shop: Shop) -> None:
    async def defined() -> list[tuple[str, list[str]]]:
        async with shop.context() as ctx:
            connection = await ctx.session.connection()
            rows = await connection.exec_driver_sql("select code, dims_keys from rollup_defs order by code")
            return [(row[0], list(row[1])) for row in rows]

    await shop.metric(filters=[{"key": "region", "values": ["eu"]}])
    assert await shop.run_jobs() == ["metering.define"]
    assert await defined() == [("storage", ["region"])]
    await shop.change_metric("storage", code="disk")
    await shop.run_jobs()
    assert await defined() == [("disk", ["region"])]

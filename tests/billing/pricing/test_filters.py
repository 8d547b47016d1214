"""Charge filters, buckets, groups and the text form of properties (spec 02 §4, 01 §2.4, §4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.kernel.errors import Problems
from billwright.billing.pricing.filters import (
    Buckets,
    ChargeFilter,
    after_metric_change,
    filter_display_name,
    ordered_buckets,
    same_values,
    validate_filter_values,
)
from billwright.billing.pricing.groups import group_of, grouped_by, null_group
from billwright.billing.pricing.text_form import numeric_value, text_form

ALL = ["__ALL_FILTER_VALUES__"]
START = datetime(2024, 1, 1, tzinfo=UTC)


def buckets(metric: dict[str, list[str]], *filters: dict[str, list[str]]) -> Buckets:
    """Filters in creation order; filter ``i`` (from 1) has the id ``UUID(int=i)``."""
    rows = [
        ChargeFilter(UUID(int=index), values, START + timedelta(seconds=index))
        for index, values in enumerate(filters, 1)
    ]
    return ordered_buckets(reversed(rows), metric)


def number(bucket: UUID | None) -> int | None:
    return None if bucket is None else bucket.int


METRIC = {"steps": ["25", "50", "75", "100"], "size": ["512", "1024"], "model": ["l1", "l2", "l3", "l4"]}
EX3 = buckets(
    METRIC,
    {"steps": ["25"], "size": ["512"], "model": ["l2"]},
    {"steps": ["25"], "size": ["512"]},
    {"steps": ALL, "size": ALL},
    {"size": ALL},
    {"size": ["512"]},
)


def test_order_01_ex_3() -> None:
    assert [bucket.filter_id.int for bucket in EX3.ordered] == [1, 2, 3, 5, 4]


@pytest.mark.parametrize(
    ("properties", "bucket"),
    [
        ({"steps": 25, "size": 512, "model": "l2"}, 1),
        ({"steps": "25", "size": "512", "model": "l3"}, 2),
        ({"steps": 50, "size": 1024}, 3),
        ({"steps": 999, "size": 512}, 5),
        ({"size": 512}, 5),
        ({"size": 1024}, 4),
        ({"size": 9}, None),
        ({"steps": 25}, None),
        ({"size": Decimal("512.0")}, None),
        ({"size": None}, None),
        ({}, None),
    ],
)
def test_buckets_01_ex_3(properties: dict[str, Any], bucket: int | None) -> None:
    assert number(EX3.bucket_of(properties)) == bucket


def test_crossing_filters_01_ex_4() -> None:
    crossing = buckets(
        {"region": ["eu", "us"], "tier": ["gold", "silver", "bronze"]}, {"region": ["eu"]}, {"tier": ["gold", "silver"]}
    )
    assert number(crossing.bucket_of({"region": "eu", "tier": "gold"})) == 1
    assert number(crossing.bucket_of({"tier": "gold"})) == 2
    assert crossing.bucket_of({"region": "us", "tier": "bronze"}) is None


def test_precedence_02_4_1() -> None:
    """``[us]`` beats ``[us, eu]`` beats ALL; of identical filters the oldest takes everything."""
    metric = {"region": ["us", "eu", "africa"], "provider": ["aws"]}
    ranked = buckets(metric, {"region": ALL}, {"region": ["us", "eu"]}, {"region": ["us"]}, {"region": ["us"]})
    assert [bucket.filter_id.int for bucket in ranked.ordered] == [3, 4, 2, 1]
    example = buckets(metric, {"region": ["africa"], "provider": ["aws"]}, {"region": ALL})
    found = [
        number(example.bucket_of(properties))
        for properties in (
            {"region": "africa", "provider": "aws"},
            {"region": "africa", "provider": "gcp"},
            {"region": "mars", "provider": "aws"},
            {"provider": "aws"},
        )
    ]
    assert found == [1, 2, None, None]


def test_all_values_follow_the_metric() -> None:
    assert buckets({"region": ["mars"]}, {"region": ALL}).bucket_of({"region": "mars"}) is not None
    assert buckets({}, {"region": ALL}).bucket_of({"region": "mars"}) is None
    assert buckets({}).bucket_of({"region": "mars"}) is None


VALUES = st.sampled_from(["a", "b", "c", "d"])
FILTER = st.dictionaries(
    st.sampled_from(["x", "y", "z"]), st.one_of(st.just(ALL), st.lists(VALUES, min_size=1, unique=True)), min_size=1
)


@given(st.lists(FILTER, max_size=6), st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES), st.randoms())
def test_exactly_one_bucket_whatever_the_order_of_filters(
    filters: list[dict[str, list[str]]], event: dict[str, str], random: Any
) -> None:
    metric = {key: ["a", "b", "c"] for key in "xyz"}
    rows = [ChargeFilter(UUID(int=i), values, START) for i, values in enumerate(filters, 1)]
    chosen = ordered_buckets(rows, metric).bucket_of(event)
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert ordered_buckets(shuffled, metric).bucket_of(event) == chosen

    def matches(values: dict[str, list[str]]) -> bool:
        return all(event.get(key) in (metric[key] if listed == ALL else listed) for key, listed in values.items())

    matching = [row for row in rows if matches(dict(row.values))]  # pyright: ignore
    assert (chosen is None) == (not matching)
    if chosen is not None:
        winner = next(row for row in matching if row.id == chosen)
        assert len(winner.values) == max(len(row.values) for row in matching)


def validated(raw: Any) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    problems = Problems()
    return validate_filter_values(raw, METRIC, problems), problems.details


def test_validation_01_4_1() -> None:
    assert validated({"size": ["1024", "512", "512"], "steps": ALL}) == (
        {"size": ["1024", "512"], "steps": ALL},
        {},
    )
    assert validated({"size": [512]}) == ({"size": ["512"]}, {})
    mandatory, invalid = {"values": ["value_is_mandatory"]}, {"values": ["value_is_invalid"]}
    assert validated({})[1] == validated(None)[1] == validated({"size": []})[1] == mandatory
    for raw in (
        {"size": ["9"]},
        {"size": [*ALL, "512"]},
        {"size": "512"},
        {"size": [None]},
        {"size": [True]},
        ["size"],
    ):
        assert validated(raw)[1] == invalid, raw
    assert validated({"colour": ["red"]})[1] == {
        "billable_metric_filter": ["relation_must_exist"],
        "values": ["value_is_invalid"],
    }


def test_metric_change_01_ex_1() -> None:
    metric = {"region": ["USA", "europe", "africa"], "tier": ["gold"]}
    assert after_metric_change({"region": ["usa"]}, metric) == {}
    assert after_metric_change({"region": ["usa", "europe"], "tier": ["gold"]}, metric) == {
        "region": ["europe"],
        "tier": ["gold"],
    }
    assert after_metric_change({"region": ["usa"], "tier": ["gold"]}, metric) == {"tier": ["gold"]}
    assert after_metric_change({"region": ALL}, metric) == {"region": ALL}
    assert after_metric_change({"region": ALL}, {"tier": ["gold"]}) == {}


def test_names_and_equality() -> None:
    values = {"region": ["us", "eu"], "provider": ALL}
    assert filter_display_name(values) == "us, eu, provider"
    assert filter_display_name(values, "West") == "West"
    assert filter_display_name(values, "") == "us, eu, provider"
    assert same_values(values, {"provider": ALL, "region": ["eu", "us"]})
    assert not same_values(values, {"region": ["us", "eu"]})
    assert not same_values(values, {"region": ["us"], "provider": ALL})


def test_groups_01_4_5() -> None:
    assert group_of({"region": "eu", "tier": 2}, ["region", "tier"]) == ("eu", "2")
    assert group_of({"region": ""}, ["region"]) == group_of({"region": None}, ["region"]) == group_of({}, ["region"])
    assert grouped_by(["region"], group_of({}, ["region"])) == {"region": None}
    assert grouped_by((), ()) == {}
    assert null_group(["a", "b"]) == (None, None)
    assert group_of({"flag": False}, ["flag"]) == ("false",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("eu", "eu"),
        ("", ""),
        (25, "25"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1.50"), "1.50"),
        (Decimal("2.0"), "2.0"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0"), "0"),
        (1e22, "10000000000000000000000"),
        (True, "true"),
        (False, "false"),
        (None, None),
        ([1, "é", None, True], '[1, "é", null, true]'),
        ({"bb": 1, "a": {"c": Decimal("1.0")}}, '{"a": {"c": 1.0}, "bb": 1}'),
        ([], "[]"),
        ({}, "{}"),
        (['\n"\\\x01'], '["\\n\\"\\\\\\u0001"]'),
    ],
)
def test_text_form_01_2_4(value: Any, text: str | None) -> None:
    assert text_form(value) == text


@pytest.mark.parametrize("value", [12, Decimal("12.5"), -3, Decimal("1E+3"), "12", "12.50", "-0.5", "007"])
def test_numeric_01_2_4(value: Any) -> None:
    assert numeric_value(value) == Decimal(value)


@pytest.mark.parametrize(
    "value", ["", " 12", "+5", ".5", "5.", "1e3", "1,000", "12 GB", "NaN", "12\n", "١٢", True, None, [1], {}]
)
def test_not_numeric_01_2_4(value: Any) -> None:
    assert numeric_value(value) is None


def test_text_form_refuses_what_is_not_json() -> None:
    with pytest.raises(TypeError):
        text_form(START)

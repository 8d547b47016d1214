"""Raw paths, query strings and bodies by themselves (spec 07 §1.1, §1.2)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.kernel.errors import BadRequest, ValidationFailed
from billwright.server.rest.body import parse_json, without_nulls
from billwright.server.rest.envelope import encode
from billwright.server.rest.query import Query
from billwright.server.rest.routing import Router, Template

ROUTES = [
    ("GET", "/events"),
    ("POST", "/events/batch"),
    ("GET", "/events/{transaction_id}"),
    ("GET", "/billable_metrics/{code:path}"),
    ("POST", "/billable_metrics/evaluate_expression"),
    ("GET", "/plans/{code}"),
    ("GET", "/plans/{code}/charges"),
    ("GET", "/plans/{code}/charges/{charge_code}/filters/{filter_id}"),
    ("GET", "/customers/{external_customer_id}/wallets/{code}"),
]


@pytest.fixture(scope="module")
def router() -> Router[str]:
    made: Router[str] = Router()
    for method, path in ROUTES:
        made.add(method, Template.parse(path), path)
    return made


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/events", ("/events", {})),
        ("GET", "/events/", ("/events", {})),
        ("POST", "/events/batch", ("/events/batch", {})),
        ("GET", "/events/batch", ("/events/{transaction_id}", {"transaction_id": "batch"})),
        ("DELETE", "/events/batch", None),
        ("GET", "/plans/pro.v2", ("/plans/{code}", {"code": "pro.v2"})),
        ("GET", "/plans/a%2Fb", ("/plans/{code}", {"code": "a/b"})),
        ("GET", "/plans/a%2Fcharges", ("/plans/{code}", {"code": "a/charges"})),
        ("GET", "/plans/a/b", None),
        ("GET", "/plans/a%252Fb", ("/plans/{code}", {"code": "a%2Fb"})),
        ("GET", "/plans/a+b", ("/plans/{code}", {"code": "a+b"})),
        ("GET", "/plans/a%20b", ("/plans/{code}", {"code": "a b"})),
        ("GET", "/plans/x@y:z", ("/plans/{code}", {"code": "x@y:z"})),
        ("GET", "/plans/charges/charges", ("/plans/{code}/charges", {"code": "charges"})),
        ("GET", "/plans//charges", None),
        ("GET", "/billable_metrics/a/b/c", ("/billable_metrics/{code:path}", {"code": "a/b/c"})),
        ("GET", "/billable_metrics/a%2Fb/c", ("/billable_metrics/{code:path}", {"code": "a/b/c"})),
        ("GET", "/billable_metrics/evaluate_expression",
         ("/billable_metrics/{code:path}", {"code": "evaluate_expression"})),
        ("GET", "/billable_metrics", None),
        ("GET", "/customers/%00/wallets/w", ("/customers/{external_customer_id}/wallets/{code}", None)),
        ("GET", "/customers/%C3%28/wallets/w", ("/customers/{external_customer_id}/wallets/{code}", None)),
        ("GET", "/", None),
        ("GET", "", None),
    ],
)  # fmt: skip
def test_routes(router: Router[str], method: str, path: str, expected: object) -> None:
    assert router.find(method, path) == expected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
def test_any_encoded_text_comes_back(router: Router[str], value: str) -> None:
    path = f"/customers/{quote(value, safe='')}/wallets/{quote(value, safe='')}"
    found = router.find("GET", path)
    assert found is not None
    assert found[1] == {"external_customer_id": value, "code": value}


def test_a_place_is_taken_once(router: Router[str]) -> None:
    with pytest.raises(ValueError, match="twice"):
        router.add("GET", Template.parse("/plans/{other}"), "x")
    with pytest.raises(ValueError, match="last"):
        Template.parse("/a/{b:path}/c")


def test_arrays_objects_and_booleans() -> None:
    query = Query(
        b"status[]=draft&status[]=finalized&type=a&type=b&one=x&metadata[color]=red&metadata[size]=&yes=TRUE&no=0"
        b"&odd=2&empty=&enc%5B%5D=1"
    )
    assert query.texts("status") == ["draft", "finalized"]
    assert query.texts("type") == ["a", "b"]
    assert query.texts("one") == ["x"]
    assert query.texts("enc") == ["1"]
    assert query.texts("empty") is None
    assert query.text("type") == "b"
    assert query.text("empty") is None
    assert query.mapping("metadata") == {"color": "red", "size": ""}
    assert (query.boolean("yes"), query.boolean("no"), query.boolean("odd"), query.boolean("none")) == (
        True,
        False,
        None,
        None,
    )


def test_dates_and_numbers() -> None:
    query = Query(b"a=2024-01-31&b=2024-01-31T10:00:00%2B02:00&c=2024-01-31T10:00:00+02:00&bad=31/01/2024&n=12&x=1.5")
    assert query.date("a") == date(2024, 1, 31)
    assert query.instant("a") == datetime(2024, 1, 31, tzinfo=UTC)
    assert query.instant("b") == query.instant("c") == datetime(2024, 1, 31, 8, tzinfo=UTC)
    assert query.date("none") is None
    assert query.integer("n") == 12
    for read in (query.date, query.instant):
        with pytest.raises(ValidationFailed) as refused:
            read("bad")
        assert refused.value.details == {"bad": ["invalid_date"]}
    with pytest.raises(ValidationFailed):
        query.integer("x")
    assert Query(b"id=nonsense").id("id") == UUID(int=0)
    with pytest.raises(ValidationFailed):
        Query(b"code=a%00b").text("code")


@given(st.binary(max_size=200))
def test_no_query_string_breaks_the_reader(raw: bytes) -> None:
    query = Query(raw)
    assert query.page().per_page >= 1


@given(st.binary(max_size=100) | st.text(alphabet='{}[]",:0123456789eE.+-truefalsn\\u ', max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except BadRequest:
        return
    assert value is None or isinstance(value, dict | list | str | int | Decimal | bool)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_numbers_and_text_survive_exactly(value: Any) -> None:
    assert parse_json(encode([value])) == [value]


def test_numbers_are_never_floats() -> None:
    assert parse_json(b'{"a":0.1,"b":1e3,"c":12345678901234567890123}') == {
        "a": Decimal("0.1"),
        "b": Decimal(1000),
        "c": 12345678901234567890123,
    }
    assert json.loads(encode({"a": Decimal("0.10")})) == {"a": 0.1}


def test_nulls() -> None:
    value = {"a": None, "b": {"c": None, "d": 1}, "e": [{"f": None}]}
    assert without_nulls(value) == {"b": {"c": None, "d": 1}, "e": [{"f": None}]}
    assert without_nulls(value, deep=True) == {"b": {"d": 1}, "e": [{}]}

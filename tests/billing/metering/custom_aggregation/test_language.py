"""The restricted Python of spec 01 §9.1-9.2: contract, meaning of its constructs, and Ex 18."""

from __future__ import annotations

import ast
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.metering import custom_aggregation
from billwright.billing.metering.custom_aggregation import (
    INITIAL,
    AggregationError,
    State,
    custom_properties,
    fold,
    opening_state,
    trace,
    unit_amount,
    validate,
)

from .programs import (
    EX_18,
    EX_18_EVENTS,
    EX_18_PROPERTIES,
    aggregator,
    computing,
    event,
    remembering,
    run,
    units,
)

D = Decimal


# --- Ex 18 -----------------------------------------------------------------------------------------------------------


def test_example_18_state_after_each_event() -> None:
    states = trace(EX_18, EX_18_PROPERTIES, INITIAL, EX_18_EVENTS)
    assert [(state.total_units, state.amount) for state in states] == [(4, 0), (14, D("1.20")), (30, D("5.40"))]
    assert all(state.memo == "null" for state in states)
    assert unit_amount(states[-1]) == D("0.18")
    assert states[-1].total_units * 2 == 60


def test_example_18_next_period_of_a_recurring_metric() -> None:
    closing = fold(EX_18, EX_18_PROPERTIES, INITIAL, EX_18_EVENTS)
    after = fold(EX_18, EX_18_PROPERTIES, opening_state(closing, recurring=True), [event({"gb": 2, "zone": "eu"})])
    assert (after.total_units, after.amount) == (32, D("5.80"))
    assert opening_state(closing, recurring=False) == INITIAL
    assert opening_state(None, recurring=True) == INITIAL


def test_properties_may_be_json_text() -> None:
    assert custom_properties('{"price": 0.10, "n": 3}') == {"price": D("0.10"), "n": 3}
    assert isinstance(custom_properties('{"price": 0.10}')["price"], Decimal)
    for unparsable in ("", "{", "nonsense", "NaN", "[" * 100_000):
        assert custom_properties(unparsable) == {}
    assert custom_properties(None) == {}
    assert custom_properties({"a": 1}) == {"a": 1}


# --- contract of 9.1 -------------------------------------------------------------------------------------------------


def test_units_are_replaced_and_amounts_added() -> None:
    source = aggregator('return {"total_units": 7, "amount": 0.1}')
    assert fold(source, {}, INITIAL, [event()] * 3) == State(D(7), D("0.3"), "null")


def test_memo_is_replaced_only_when_returned() -> None:
    source = aggregator(
        """
if event["properties"].get("forget"):
    return {"total_units": 0, "amount": 0, "memo": None}
if event["properties"].get("keep"):
    return {"total_units": 0, "amount": 0}
return {"total_units": 0, "amount": 0, "memo": [state["memo"], 1.50, "1.50"]}
"""
    )
    states = trace(source, {}, INITIAL, [event(), event({"keep": True}), event(), event({"forget": True})])
    assert [state.memo for state in states] == [
        '[null,1.50,"1.50"]',
        '[null,1.50,"1.50"]',
        '[[null,1.50,"1.50"],1.50,"1.50"]',
        "null",
    ]


def test_what_the_code_sees() -> None:
    source = aggregator(
        """
if event["code"] == "storage" and event["timestamp"] == 1700000000.25 and event["properties"] == {"x": [1, None]}:
    if state == {"total_units": 1.5, "amount": 2, "memo": {"k": 3}} and properties == {"p": "q"}:
        return {"total_units": 1, "amount": 0}
return {"total_units": 0, "amount": 0}
"""
    )
    seen = event({"x": [1, None]})._replace(timestamp=D("1700000000.25"))
    assert fold(source, {"p": "q"}, State(D("1.5"), D(2), '{"k":3}'), [seen]).total_units == 1


def test_changes_in_place_do_not_survive_the_event() -> None:
    source = aggregator(
        """
properties["n"] = properties["n"] + 1
event["properties"]["l"] += [2]
state["memo"].append(1)
return {"total_units": properties["n"] + len(event["properties"]["l"]), "amount": len(state["memo"])}
"""
    )
    given = event({"l": [1]})
    states = trace(source, {"n": 1}, State(memo="[0]"), [given, given, given])
    assert [(state.total_units, state.amount, state.memo) for state in states] == [
        (4, 2, "[0]"),
        (4, 4, "[0]"),
        (4, 6, "[0]"),
    ]
    assert given.properties == {"l": [1]}


def test_states_survive_storage_exactly() -> None:
    state = State(D("-0.000001"), D("123456789012345678901234567890.123456789"), '{"a":1.50}')
    assert State.load(state.dump()) == state
    assert State(D("-0"), D("1E+2")).dump() == {"total_units": "0", "amount": "100", "memo": "null"}


@pytest.mark.parametrize(
    "returned",
    [
        "None",
        "1",
        "[]",
        "{}",
        '{"total_units": 1}',
        '{"amount": 1}',
        '{"total_units": "1", "amount": 0}',
        '{"total_units": True, "amount": 0}',
        '{"total_units": None, "amount": 0}',
        '{"total_units": 1, "amount": [0]}',
        '{"total_units": 1, "amount": 0, "total_unit": 2}',
    ],
)
def test_wrong_result_shapes_fail(returned: str) -> None:
    with pytest.raises(AggregationError, match="aggregate"):
        run(aggregator(f"return {returned}"))


def test_no_return_fails_and_nothing_partial_comes_out() -> None:
    with pytest.raises(AggregationError, match=r"aggregate\(\) returns a dict, not None"):
        run(aggregator("pass"))
    with pytest.raises(AggregationError) as failure:
        fold(computing('1 / event["properties"]["d"]'), {}, INITIAL, [event({"d": 1}), event({"d": 0}), event()])
    assert (failure.value.event_index, failure.value.line, failure.value.message) == (1, 3, "Division by zero")
    assert str(failure.value) == "line 3: Division by zero"


# --- meaning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0.1 + 0.2", "0.3"),
        ("1_000.50 + .5 + 1. + 1e-3", "1002.001"),
        ("12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"),
        ("1 / 3", "0." + "3" * 50),
        ("2 / 3 * 3", "2." + "0" * 49),
        ("-7 // 2", "-4"),
        ("-7 % 2", "1"),
        ("7 % -2", "-1"),
        ("7.5 // 2", "3"),
        ("+3 - -4", "7"),
        ("not 0 and 5 or 6", "5"),
        ("0 or '' or [] or None or 3", "3"),
        ("1 if True == 1 else 2", "2"),
        ("1 if 1 < 2 <= 2 != 3 else 2", "1"),
        ("1 if 1 < 2 > 2 else 2", "2"),
        ("1 if 'b' in 'abc' and 'k' in {'k': 1} and 2 in [1, 2.0] and 3 not in [] else 0", "1"),
        ("1 if [1, {'a': (2,)}] == [1.0, {'a': [2]}] else 0", "1"),
        ("1 if None is None and (1 > 2) is False and 0 is not None else 0", "1"),
        ("[10, 20, 30][-1] + (4, 5)[1.0]", "35"),
        ("len('abc') + len([1]) + len({'a': 1, 'b': 2})", "6"),
        ("sum([0.1, 0.2]) + sum([])", "0.3"),
        ("sum(range(5)) + sum(range(1, 4)) + sum(range(10, 0, -5))", "31"),
        ("min(3, 1, 2) + max([3, 1, 2])", "4"),
        ("abs(-2.5)", "2.5"),
        ("sorted([3, 1, 2])[0] * 100 + len(sorted(['b', 'a']))", "102"),
        ("enumerate(['a', 'b'])[1][0]", "1"),
        ("round(2.5) + round(-2.5) + round(2.675, 2) + round(14.2355, -1)", "12.68"),
        ("ceil(123.451, 1) + floor(-3.5) + ceil(-3.5, 0.9)", "116.5"),
        ("round(1.5, 1000000) + floor(5, -1000000)", "1.5"),
        ("decimal('1e3') + decimal('-0.50') + decimal(2)", "1001.5"),
        ("{'a': 1}.get('a') + {'a': 1}.get('b', 5)", "6"),
        ("len({'a': 1}.keys()) + {'a': 7}.values()[0] + {'a': 9}.items()[0][1]", "17"),
        ("len(' a b '.split()) + len('a,,b'.split(','))", "5"),
        ("1 if ' Ab '.strip().lower() + 'x'.upper() == 'abX' and 'xxay'.strip('xy') == 'a' else 0", "1"),
        ("1 if 'abc'.startswith('ab') and 'abc'.endswith('c') and 'a' < 'b' else 0", "1"),
    ],
)
def test_expressions(expression: str, expected: str) -> None:
    assert units(expression) == D(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a = b = [1]\na += [2]\nreturn {'total_units': len(b), 'amount': 0}", 2),
        ("a = [1]\nb = a\na = a + [2]\nreturn {'total_units': len(b), 'amount': 0}", 1),
        ("a, (b, c) = 1, [2, 3]\na, b = b, a\nreturn {'total_units': a * 100 + b * 10 + c, 'amount': 0}", 213),
        ("d = {'l': [1, 2]}\nd['l'][0] += 5\nd['n'] = d['l'][0]\nreturn {'total_units': d['n'], 'amount': 0}", 6),
        (
            "n = 0\nfor i in range(10):\n  if i == 2:\n    continue\n  if i == 5:\n    break\n  n += i\n"
            "return {'total_units': n, 'amount': 0}",
            8,
        ),
        ("for i in [1, 2]:\n  for j in [3, 4]:\n    if j == 4:\n      return {'total_units': i * j, 'amount': 0}", 4),
        ("n = 0\nfor k, v in {'a': 1, 'b': 2}.items():\n  n += v\nreturn {'total_units': n, 'amount': 0}", 3),
        ("x = 5\nx -= 1\nx *= 3\nx /= 2\nx //= 4\nx %= 2\nreturn {'total_units': x, 'amount': 0}", 1),
        ("s = 'a'\ns += 'b'\n'a doc string'\npass\nreturn {'total_units': len(s), 'amount': 0}", 2),
        (
            "x = 3\nif x == 1:\n  y = 1\nelif x == 3:\n  y = 3\nelse:\n  y = 0\nreturn {'total_units': y, 'amount': 0}",
            3,
        ),
    ],
)
def test_statements(body: str, expected: int) -> None:
    assert run(aggregator(body)).total_units == expected


def test_own_functions_and_recursion() -> None:
    before = "'''Docs.'''\ndef fact(n):\n    return 1 if n <= 1 else n * fact(n - 1)\ndef nothing():\n    return\n"
    assert validate(computing("fact(10)", before)) == []
    assert run(computing("fact(16) + (1 if nothing() is None else 0)", before)).total_units == 20922789888001
    with pytest.raises(AggregationError, match="Too many calls inside one another"):
        run(computing("fact(17)", before))


def test_a_long_chain_of_elif_is_flat() -> None:
    body = "if x == 0:\n  y = 0\n" + "".join(f"elif x == {n}:\n  y = {n}\n" for n in range(1, 400))
    assert run(aggregator("x = 399\n" + body + "return {'total_units': y, 'amount': 0}")).total_units == 399


def test_windows_line_ends_and_wide_characters_do_not_shift_literals() -> None:
    source = computing("len('äöü€😀') + 0.25").replace("\n", "\r\n")
    assert run("\ufeff" + source).total_units == D("5.25")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 / 0", "Division by zero"),
        ("1 // 0", "Division by zero"),
        ("1 % 0", "Division by zero"),
        ("True + 1", "Cannot add a boolean and a decimal"),
        ("'a' + 1", "Cannot add a string and a decimal"),
        ("'a' * 3", "Expected a decimal, got a string"),
        ("[0] * 3", "Expected a decimal, got a list"),
        ("-'a'", "Expected a decimal"),
        ("decimal(None)", "decimal\\(\\) of None"),
        ("decimal(True)", "decimal\\(\\) of a boolean"),
        ("decimal('12 GB')", "no number"),
        ("decimal('')", "no number"),
        ("decimal('NaN')", "no number"),
        ("decimal('inf')", "no number"),
        ("decimal('1_000')", "no number"),
        ("decimal('٣')", "no number"),
        ("decimal('1e41')", "Number out of range"),
        ("decimal('1e999999999')", "Number out of range"),
        ("1e40 + 1", "Number out of range"),
        ("-1e40 - 1", "Number out of range"),
        ("1e30 * 1e30", "Number out of range"),
        ("1 / 1e-50", "Number out of range"),
        ("1e40 // 1e-90", "Number out of range"),
        ("ceil(5, -50)", "Number out of range"),
        ("1 < 'a'", "Cannot compare"),
        ("[1] < [2]", "Cannot compare"),
        ("None < 1", "Cannot compare"),
        ("[1][1]", "Index out of range"),
        ("[1][0.5]", "Expected a whole number"),
        ("[1]['a']", "as an index"),
        ("{'a': 1}['b']", "Key 'b' not found"),
        ("{'a': 1}[1]", "Dict keys are strings"),
        ("{1: 1}", "Dict keys are strings"),
        ("None[0]", "Cannot subscript None"),
        ("1 in 5", "Cannot look into a decimal"),
        ("1 in 'a'", "Expected a string"),
        ("len(5)", "has no length"),
        ("sum(['a'])", "Expected a decimal"),
        ("sorted([1, 'a'])", "sorted\\(\\) takes"),
        ("sorted([[1], [2]])", "sorted\\(\\) takes"),
        ("min([])", "at least one item"),
        ("range(1.5)", "Expected a whole number"),
        ("range(1, 2, 0)", "step is zero"),
        ("'a'.append(1)", "Expected a list, got a string"),
        ("[1].get('a')", "Expected a dict, got a list"),
        ("(1).upper()", "Expected a string"),
        ("'a'.split('')", "split\\(\\) by nothing"),
    ],
)
def test_runtime_errors(expression: str, message: str) -> None:
    with pytest.raises(AggregationError, match=message) as failure:
        units(expression)
    assert failure.value.line == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if False:\n  x = 1\nreturn x", "x has no value yet"),
        ("for c in 'abc':\n  pass", "Cannot loop over a string"),
        ("for c in {'a': 1}:\n  pass", "Cannot loop over a dict"),
        ("a, b = 1", "Cannot unpack a decimal"),
        ("a, b = [1, 2, 3]", "Cannot unpack 3 items into 2 names"),
        ("x = 'abc'\nx[0] = 'b'", "Cannot assign into a string"),
        ("x = [1]\nx[1] = 2", "Index out of range"),
    ],
)
def test_statement_errors(body: str, message: str) -> None:
    with pytest.raises(AggregationError, match=message):
        run(aggregator(body))


def test_numbers_of_events_that_cannot_be_held_only_fail_the_code_that_uses_them() -> None:
    huge: dict[str, Any] = {"x": D("1E+999999"), "y": 10**4000, "z": D("1E-999999")}
    assert units("1", given=huge) == 1
    assert units("1 if event['properties']['x'] > 5 else 0", given=huge) == 1
    for expression in ("['x'] + 1", "['y'] + 1", "['x'] // 1", "['x'] % 7"):
        with pytest.raises(AggregationError):
            units("event['properties']" + expression, given=huge)
    for call in ("decimal", "abs", "range", "round", "ceil", "-", "+", ""):
        with pytest.raises(AggregationError):
            units(f"{call}(event['properties']['x'])", given=huge)
    with pytest.raises(AggregationError):
        units("[1][event['properties']['x']]", given=huge)
    assert units("event['properties']['z'] + 1", given=huge) == 1


def test_memo_limits() -> None:
    assert len(run(remembering("['" + "x" * 16_000 + "']")).memo) == 16_004
    with pytest.raises(AggregationError, match="Value too large"):
        run(remembering("'" + "x" * 16_384 + "'"))
    with pytest.raises(AggregationError, match="nested too deeply"):
        run(aggregator("a = []\na.append(a)\nreturn {'total_units': 0, 'amount': 0, 'memo': a}"))
    doubling = "a = ['x']\nfor i in range(31):\n  a = [a, a]\nreturn {'total_units': 0, 'amount': 0, 'memo': a}"
    with pytest.raises(AggregationError, match="Value too large"):
        run(aggregator(doubling))


# --- properties ------------------------------------------------------------------------------------------------------

_integers = st.integers(min_value=-50, max_value=50).map(lambda n: f"({n})")
_arithmetic = st.recursive(
    _integers,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(lambda parts: f"({' '.join(parts)})")
        | st.tuples(inner, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), inner, inner, inner).map(
            lambda p: f"({p[3]} if {p[0]} {p[1]} {p[2]} else {p[4]})"
        )
        | st.tuples(st.sampled_from(["-", "abs", "min", "max"]), inner, inner).map(
            lambda p: f"({p[0]}({p[1]}{', ' + p[2] if p[0] in ('min', 'max') else ''}))"
        )
    ),
    max_leaves=10,
)


@given(_arithmetic)
def test_whole_number_arithmetic_is_pythons(expression: str) -> None:
    try:
        expected = eval(expression, {"__builtins__": {"abs": abs, "min": min, "max": max}})
    except ZeroDivisionError:
        with pytest.raises(AggregationError, match="Division by zero"):
            units(expression)
        return
    assert units(expression) == expected


@given(
    st.lists(
        st.tuples(st.decimals(min_value=0, max_value=1000, places=3), st.sampled_from(["eu", "us", "asia"])), max_size=8
    ),
    st.integers(min_value=0, max_value=8),
)
def test_folding_in_parts_equals_folding_at_once(usage: list[tuple[Decimal, str]], cut: int) -> None:
    events = [event({"gb": gb, "zone": zone}) for gb, zone in usage]
    whole = fold(EX_18, EX_18_PROPERTIES, INITIAL, events)
    first = fold(EX_18, EX_18_PROPERTIES, INITIAL, events[:cut])
    assert fold(EX_18, EX_18_PROPERTIES, State.load(first.dump()), events[cut:]) == whole
    assert whole.total_units == sum((gb for gb, _ in usage), D(0))


def test_the_language_imports_only_itself_and_the_standard_library() -> None:
    folder = Path(custom_aggregation.__file__).parent
    files = [*(folder / "language").glob("*.py"), folder / "worker.py"]
    assert len(files) >= 8
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            assert all(name.split(".")[0] in sys.stdlib_module_names for name in names), (file.name, names)

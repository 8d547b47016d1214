"""SQL expressions: Ex 2 of spec 01 §3.4 in full, the grammar of §3.1, values of §3.2, limits, and an oracle."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.metering.expressions import (
    MAX_LENGTH,
    ExpressionError,
    ExpressionEvent,
    ExpressionSyntaxError,
    json_text,
    numeric_property,
    parse,
    property_text,
)

EX_2 = ExpressionEvent(
    "vm",
    datetime.fromtimestamp(1700000000, UTC).replace(microsecond=900_000),
    {
        "a": 10,
        "b": "4",
        "c": Decimal("2.675"),
        "s": "eu",
        "ended_at": 1700009000,
        "id": "007",
        "flag": True,
        "neg": "-3.5",
    },
)


def evaluate(text: str, properties: dict[str, Any] | None = None) -> str:
    event = EX_2 if properties is None else EX_2._replace(properties=properties)
    return parse(text).evaluate_to_wire(event)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", "7.0"),
        ("(1 + 2) * 3", "9.0"),
        ("-2 * 3 - -4", "-2.0"),
        ("10 - 2 - 3", "5.0"),
        ("event.properties.a / event.properties.b", "2.5"),
        ("event.timestamp", "1700000000.0"),
        ("CEIL((event.properties.ended_at - event.timestamp) / 3600)", "3.0"),
        ("ROUND(event.properties.c, 2)", "2.68"),
        ("ROUND(-2.5)", "-3.0"),
        ("ROUND(14.2355, -1)", "10.0"),
        ("FLOOR(event.properties.neg)", "-4.0"),
        ("CEIL(event.properties.neg)", "-3.0"),
        ("ceil(123.451, 1)", "123.5"),
        ("LEAST(event.properties.a, 10.5, 12)", "10.0"),
        ("CONCAT(event.properties.s, '-', event.properties.id)", "eu-007"),
        ("CONCAT(event.code, '_', 1.50)", "vm_1.50"),
        ("event.properties.flag", "true"),
        ("concat ('x')", "x"),
        ("2 * -3", "-6.0"),
    ],
)
def test_example_2_results(text: str, expected: str) -> None:
    assert evaluate(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event.properties.missing + 1", "Variable: missing not found"),
        ("event.properties.s * 2", "Expected a decimal"),
        ("1 / 0", "Division by zero"),
    ],
)
def test_example_2_errors(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as failure:
        evaluate(text)
    assert failure.value.message == message


@pytest.mark.parametrize(
    "text",
    [
        "1 +",
        "--1",
        "1.1.1",
        ".5",
        "5.",
        "1e3",
        "event.properties.a.b",
        "event.properties._x",
        "event.properties.my-prop + 'x'",
        "round(1,2,3)",
        "CONCAT()",
        "RoUnd(1)",
        '"x"',
        "event.Code",
        "SUM(1)",
        "1 > 0",
        "1 % 2",
        "\n",
        "1 +\n2",
        "",
        # further readings of the grammar
        "   ",
        "1\t+ 1",
        "1\u00a0+ 1",
        "٣",
        "event. code",
        "event.properties",
        "event.properties.",
        "event.properties.1a",
        "event.properties.é",
        "event.timestamps",
        "properties.a",
        "1 2",
        "(1",
        "1)",
        "()",
        "- - 1",
        "+1",
        "1 * / 2",
        "'open",
        "'it''s'",
        "round",
        "round()",
        "round(1,)",
        "concat(,1)",
        "Concat",
        "1 == 1",
        "event.properties.a['x']",
        "__import__('os')",
    ],
)
def test_what_does_not_parse(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        parse(text)


def test_syntax_errors_tell_where() -> None:
    for text, position in (("1 + % 2", 4), ("1 +", 3), ("1 2", 2)):
        with pytest.raises(ExpressionSyntaxError) as failure:
            parse(text)
        assert failure.value.position == position


@pytest.mark.parametrize("name", ["round", "ceil", "floor", "least", "greatest", "concat"])
def test_each_function_has_exactly_three_spellings(name: str) -> None:
    for spelling in (name, name.upper(), name.capitalize()):
        assert parse(f"{spelling}(1)").evaluate_to_wire(EX_2) in ("1.0", "1")
    for spelling in (name[0] + name[1:].upper(), name[:-1] + name[-1].upper(), name.upper()[:-1] + name[-1]):
        with pytest.raises(ExpressionSyntaxError):
            parse(f"{spelling}(1)")


def test_blanks_between_tokens() -> None:
    assert evaluate("  (  1+  - 2 )*round ( 2.25 , 1 )  ") == "-2.3"
    assert evaluate("1+2*3") == "7.0"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+5", "5.0"),
        ("1e3", "1000.0"),
        ("1.5E-3", "0.0015"),
        ("-0.50", "-0.5"),
        ("12 GB", "12 GB"),
        (" 12", " 12"),
        ("5.", "5."),
        (".5", ".5"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("1_000", "1_000"),
        ("٣", "٣"),
        ("1\n", "1\n"),
        ("", ""),
        (None, ""),
        (False, "false"),
        (Decimal("1E+3"), "1000.0"),
        (0.1, "0.1"),
        ([1, "x", None], '[1, "x", null]'),
        ({"bb": 1, "a": {"c": Decimal("1.50")}}, '{"a": {"c": 1.50}, "bb": 1}'),
    ],
)
def test_property_values(value: Any, expected: str) -> None:
    assert evaluate("event.properties.x", {"x": value}) == expected


def test_code_and_literals_are_text_even_when_they_look_like_numbers() -> None:
    event = EX_2._replace(code="12")
    assert parse("event.code").evaluate_to_wire(event) == "12"
    for text in ("event.code + 1", "'4' * 2", "concat('1', '2') + 1", "round(event.code)", "least(1, '0')"):
        with pytest.raises(ExpressionError, match="Expected a decimal"):
            parse(text).evaluate(event)


def test_concat_prints_numbers_in_plain_notation_with_their_scale() -> None:
    properties = {"n": Decimal("1.50"), "big": Decimal("1E+3"), "t": "1e3", "none": None, "yes": True, "l": [1]}
    text = "concat(event.properties.n, '|', event.properties.big, '|', event.properties.t, '|', event.properties.none)"
    assert evaluate(text, properties) == "1.50|1000|1e3|"
    assert evaluate("concat(event.properties.yes, event.properties.l, 1.50 * 2, 0 * -1)", properties) == "true[1]3.000"
    assert evaluate("concat(round(1.5, 3), ' ', event.timestamp)") == "1.5 1700000000"
    with pytest.raises(ExpressionError, match="Variable: gone not found"):
        evaluate("concat('x', event.properties.gone)")


def test_the_fraction_of_the_timestamp_is_dropped() -> None:
    late = EX_2._replace(timestamp=datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    assert parse("event.timestamp").evaluate_to_wire(late) == "253402300799.0"
    early = EX_2._replace(timestamp=datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC))
    assert parse("event.timestamp").evaluate_to_wire(early) == "-1.0"


def test_division_keeps_at_least_40_digits() -> None:
    assert evaluate("1 / 3") == "0." + "3" * 60
    assert evaluate("2 / 3").startswith("0." + "6" * 59)


def test_places_of_rounding_are_truncated_and_may_be_absurd() -> None:
    assert evaluate("ROUND(2.675, 1.99)") == "2.7"
    assert evaluate("ROUND(2.675, -0.9)") == "3.0"
    properties = {"huge": Decimal("1E+90")}
    assert evaluate("ROUND(2.5, 1000000000)") == "2.5"
    assert evaluate("ROUND(2.5, event.properties.huge)", properties) == "2.5"
    assert evaluate("ROUND(2.5, -event.properties.huge)", properties) == "0.0"
    with pytest.raises(ExpressionError, match="Number out of range"):
        evaluate("CEIL(2.5, -event.properties.huge)", properties)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.properties.x", "1e101"),
        ("event.properties.x + 1", "1e999999999"),
        ("event.properties.x + 1", "1e-999999999"),
        ("event.properties.x + 1", "1e99999999999999999999999999"),
        ("event.properties.x + 1", "9" * 101),
        ("event.properties.x + 1", "9" * 100_000),
        ("event.properties.x + 1", 10**4000),
        ("event.properties.x + 1", Decimal("1E+999999")),
        ("event.properties.x + 1", Decimal("NaN")),
        ("event.properties.x + 1", float("inf")),
        ("concat(event.properties.x)", [Decimal("1E+999999999")]),
        ("event.properties.x * event.properties.x", "1e60"),
        ("ceil(event.properties.x, -99)", "9" * 100),
    ],
)
def test_numbers_are_bounded(text: str, value: Any) -> None:
    started = time.perf_counter()
    with pytest.raises(ExpressionError, match="Number out of range"):
        evaluate(text, {"x": value})
    assert time.perf_counter() - started < 0.5


def test_zeros_of_any_exponent_are_zero() -> None:
    for text in ("0e999999999", "0e-999999999", "-0.00"):
        assert evaluate("event.properties.x + 1", {"x": text}) == "1.0"
        assert evaluate("event.properties.x", {"x": text}) == "0.0"


def test_text_is_bounded() -> None:
    with pytest.raises(ExpressionError, match="Text too long"):
        evaluate("concat(" + ", ".join(["event.properties.x"] * 50) + ")", {"x": "y" * 5000})
    nested: Any = 1
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(ExpressionError, match="Text too long"):
        evaluate("event.properties.x", {"x": nested})


def test_length_and_nesting_are_bounded() -> None:
    assert parse("+".join(["1"] * (MAX_LENGTH // 2))).evaluate_to_wire(EX_2) == "2000.0"
    assert parse("(" * 1900 + "1" + ")" * 1900).evaluate_to_wire(EX_2) == "1.0"
    for text in ("1" * 101, "round(" * 65 + "1" + ")" * 65, "-(" * 65 + "1" + ")" * 65, "1+" * 2000 + "1"):
        with pytest.raises(ExpressionSyntaxError):
            parse(text)


def test_property_names() -> None:
    text = "concat(event.properties.a, 'event.properties.no', round(event.properties.b + -event.properties.a))"
    assert parse(text).property_names == {"a", "b"}


@pytest.mark.parametrize("value", [12, Decimal("12.5"), -3, Decimal("1E+3"), "12", "12.50", "-0.5", "007"])
def test_numeric_properties_of_section_2_4(value: Any) -> None:
    assert numeric_property(value) == Decimal(value)


@pytest.mark.parametrize(
    "value", ["", " 12", "+5", ".5", "5.", "1e3", "1,000", "12 GB", "NaN", True, None, [1], "12\n", "٣"]
)
def test_not_numeric_properties_of_section_2_4(value: Any) -> None:
    assert numeric_property(value) is None


def test_text_forms_of_section_2_4() -> None:
    assert property_text(Decimal("1E+3")) == "1000"
    assert property_text(Decimal("1.50")) == "1.50"
    assert property_text(" as it is ") == " as it is "
    assert (property_text(True), property_text(False), property_text(None)) == ("true", "false", None)
    assert json_text({"é": ['"'], "a": None}) == '{"a": null, "é": ["\\""]}'


# --- evaluation equals a Fraction oracle -----------------------------------------------------------------------------

_numbers = st.decimals(min_value=0, max_value=10**6, places=3).map(lambda n: (f"{n:f}", Fraction(n)))

Case = tuple[str, Fraction, Fraction]
"""Expression, exact value, and the magnitude that rounded quotients inside it may be scaled to."""


def _quotient(parts: tuple[tuple[str, Fraction], tuple[str, Fraction]]) -> Case:
    (dividend_text, dividend), (divisor_text, divisor) = parts
    exact = dividend / (divisor or 1)
    return f"{dividend_text} / {divisor_text if divisor else 1}", exact, max(Fraction(1), exact)


def _combine(children: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    def binary(parts: tuple[Case, str, Case]) -> Case:
        (left_text, left, left_size), symbol, (right_text, right, right_size) = parts
        text = f"({left_text}) {symbol} ({right_text})"
        if symbol == "*":
            return text, left * right, left_size * right_size
        return text, left + right if symbol == "+" else left - right, left_size + right_size

    return st.tuples(children, st.sampled_from("+-*"), children).map(binary) | children.map(
        lambda part: (f"-({part[0]})", -part[1], part[2])
    )


_leaves = _numbers.map(lambda n: (*n, max(Fraction(1), n[1]))) | st.tuples(_numbers, _numbers).map(_quotient)


@given(st.recursive(_leaves, _combine, max_leaves=6))
def test_arithmetic_equals_exact_fractions(case: Case) -> None:
    text, exact, size = case
    result = parse(text).evaluate(EX_2)
    assert isinstance(result, Decimal)
    if "/" in text:
        assert abs(Fraction(result) - exact) <= size / 10**55
    else:
        assert Fraction(result) == exact


@given(st.lists(_numbers, min_size=1, max_size=8), st.lists(st.sampled_from("+-*"), min_size=7, max_size=7))
def test_precedence_equals_pythons(operands: list[tuple[str, Fraction]], symbols: list[str]) -> None:
    pairs = list(zip(symbols, operands[1:], strict=False))
    text = operands[0][0] + "".join(f" {symbol} {number}" for symbol, (number, _) in pairs)
    sums, product, sign = Fraction(0), operands[0][1], 1
    for symbol, (_, number) in pairs:
        if symbol == "*":
            product *= number
        else:
            sums, product, sign = sums + sign * product, number, 1 if symbol == "+" else -1
    result = parse(text).evaluate(EX_2)
    assert isinstance(result, Decimal)
    assert Fraction(result) == sums + sign * product


@given(st.text(alphabet="event.properties_a.codtimstamp()+-*/,'12.5 roundCONCATleast\n", max_size=60))
def test_parsing_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionSyntaxError:
        return
    try:
        expression.evaluate(EX_2)
    except ExpressionError:
        return


@given(
    st.sampled_from(["event.properties.x + 1", "concat(event.properties.x, '-')", "round(event.properties.x, 2)"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_evaluation_raises_nothing_but_its_own_error(text: str, value: Any) -> None:
    try:
        result = evaluate(text, {"x": value})
    except ExpressionError:
        return
    assert isinstance(result, str)

"""First wall (spec 01 §9.2): refused sources, escape attempts, budgets, and fuzzed sources."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billwright.billing.metering.custom_aggregation import INITIAL, AggregationError, fold, validate

from .programs import aggregator, computing, event, run

OK = "return {'total_units': 0, 'amount': 0}"


def refused(source: str) -> list[str]:
    problems = validate(source)
    assert all(problem.line >= 0 and problem.message for problem in problems)
    return [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os", "import is not allowed"),
        ("e.__class__", "The attribute __class__ is not allowed"),
        ("while True: pass", "while is not allowed"),
        ("(lambda: 1)()", "can be called"),
        ("2**9999", "** is not allowed"),
    ],
)
def test_the_refused_sources_of_example_18(code: str, message: str) -> None:
    for source in (code, aggregator(f"e = event\n{code}\n{OK}")):
        problems = refused(source)
        assert problems
    assert any(message in problem for problem in refused(aggregator(f"e = event\n{code}\n{OK}")))


@pytest.mark.parametrize(
    "source", ["", "   \n", "# nothing", "x = 1", "def other(a, b, c):\n    return 1", "def", "\x00"]
)
def test_sources_without_the_function(source: str) -> None:
    assert refused(source)


@pytest.mark.parametrize(
    "statement",
    [
        "from os import path",
        "class A: pass",
        "def inner(): pass",
        "async def inner(): pass",
        "x = lambda: 1",
        "x = [i for i in range(3)]",
        "x = [j for i in range(3) for j in range(i)]",
        "x = {i: i for i in range(3)}",
        "x = {i for i in range(3)}",
        "x = sum(i for i in range(3))",
        "x = {1, 2}",
        "try:\n  pass\nexcept: pass",
        "with event: pass",
        "yield 1",
        "x = yield 1",
        "await event",
        "global x",
        "nonlocal x",
        "del event",
        "raise 1",
        "assert 1",
        "match event:\n  case 1: pass",
        "while 1: break",
        "for i in [1]: pass\nelse: pass",
        "x: decimal = 1",
        "x = 1 ** 2",
        "x = 1 @ 2",
        "x = 1 << 2",
        "x = 1 >> 2",
        "x = 1 | 2",
        "x = 1 & 2",
        "x = 1 ^ 2",
        "x = ~1",
        "x = 1\nx **= 2",
        "x = 1\nx <<= 2",
        "x = (y := 1)",
        "x = [1, 2][0:1]",
        "x = [1, 2][:]",
        "x = {}[1, 2:3]",
        "x = f'{event}'",
        "x = b'bytes'",
        "x = 1j",
        "x = ...",
        "x = 0x10",
        "x = 0b1",
        "x = 0o7",
        "x = 1e41",
        "x = 1e999999999",
        "x = 1e-200",
        "x = " + "9" * 42,
        "x = " + "9" * 5000,
        "x = [*[1, 2]]",
        "x = {**event}",
        "x = max(*[1, 2])",
        "x = sorted([1], reverse=True)",
        "x = sorted([1], **event)",
        "a, *b = [1, 2]",
        "[a, b] = [1, 2]",
        "event.code = 1",
        "x = event.code",
        "x = event.get",
        "x = event.__class__",
        "x = event.get.__self__",
        "x = ''.format(event)",
        "x = ''.format_map(event)",
        "x = ''.join(['a'])",
        "x = '%s' .__mod__(event)",
        "x = ''.encode()",
        "x = [].sort()",
        "x = [].extend([])",
        "x = {}.update({})",
        "x = {}.pop('a')",
        "x = {}.__class__.__bases__[0].__subclasses__()",
        "x = ().__class__.__mro__",
        "x = eval('1')",
        "x = exec('1')",
        "x = compile('1', '', 'eval')",
        "x = __import__('os')",
        "x = open('/etc/passwd')",
        "x = getattr(event, 'x')",
        "x = type(event)",
        "x = globals()",
        "x = locals()",
        "x = vars()",
        "x = str(1)",
        "x = int('1')",
        "x = float('1')",
        "x = print(1)",
        "x = input()",
        "x = map(abs, [1])",
        "x = zip([1], [2])",
        "x = __builtins__",
        "x = __name__",
        "_x = 1",
        "x = _y",
        "＿x = 1",
        "x = abs",
        "x = aggregate",
        "x = [abs][0](1)",
        "x = (abs)(1)(2)",
        "x = event(1)",
        "abs = 1",
        "aggregate = 1",
        "for sum in [1]: pass",
        "x = unknown",
        "x = abs()",
        "x = abs(1, 2)",
        "x = range(1, 2, 3, 4)",
        "x = aggregate(1)",
        "x = {}.get()",
        "x = 'a'.split('a', 1)",
        "x = [1] is [1]",
        "x = event is event",
        "break",
        "continue",
        "if 1:\n  break",
        "x = " + "(" * 60 + "1" + ")" * 60 + "+ 1" * 60,
        "x = " + "-" * 60 + "1",
        "x = " + "[" * 60 + "]" * 60,
        "x = " + "max(1, " * 60 + "1" + ")" * 60,
        "x = " + "[" * 5000 + "]" * 5000,
        "x = " + "1 + " * 9000 + "1",
        "x = '" + "a" * 70_000 + "'",
    ],
)
def test_refused_at_save(statement: str) -> None:
    assert refused(aggregator(f"{statement}\n{OK}"))


@pytest.mark.parametrize(
    "definition",
    [
        "def aggregate(event, state): pass",
        "def aggregate(event, state, properties, more): pass",
        "def aggregate(event, state, properties=1): pass",
        "def aggregate(event, state, *properties): pass",
        "def aggregate(event, state, **properties): pass",
        "def aggregate(event, state, *, properties): pass",
        "def aggregate(event, state, /, properties): pass",
        "def aggregate(event, state, properties: decimal): pass",
        "def aggregate(event, state, properties) -> decimal: pass",
        "@abs\ndef aggregate(event, state, properties): pass",
        "def aggregate(event, state, state): pass",
        "def aggregate(event, state, _p): pass",
        "def aggregate(event, state, min): pass",
        "async def aggregate(event, state, properties): pass",
        "def aggregate(event, state, properties): pass\ndef aggregate(event, state, properties): pass",
        "def aggregate(event, state, properties): pass\ndef _hidden(): pass",
        "def aggregate(event, state, properties): pass\ndef max(a): pass",
        "def aggregate(event, state, properties): pass\nx = 1",
        "def aggregate(event, state, properties): pass\n'text after'",
        "def aggregate(event, state, properties): pass\naggregate(1, 2, 3)",
        "if 1:\n  def aggregate(event, state, properties): pass",
    ],
)
def test_refused_definitions(definition: str) -> None:
    assert refused(definition)


def test_every_problem_is_reported_with_its_line_and_the_list_is_bounded() -> None:
    problems = validate(aggregator("import os\nx = 2 ** 3\nreturn y"))
    assert [(problem.line, problem.message) for problem in problems] == [
        (3, "import is not allowed"),
        (4, "** is not allowed"),
        (5, "The name y is not defined"),
    ]
    assert len(validate(aggregator("\n".join(f"import a{n}" for n in range(500))))) == 20


# --- budgets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("for a in range(10000):\n  for b in range(10000):\n    pass", "Too many steps"),
        ("l = [1]\nfor a in l:\n  l.append(a)", "Too many (steps|items)"),
        ("l = [0]\nfor a in range(100):\n  l = l + l", "Too many items"),
        ("l = [0]\nfor a in range(100):\n  l += l", "Too many items"),
        ("s = 'ab'\nfor a in range(100):\n  s = s + s", "String too long"),
        ("s = 'ab'\nfor a in range(100):\n  s += s", "String too long"),
        ("s = '\u0390'\nfor a in range(15):\n  s += s\ns = s.upper()", "String too long"),
        ("n = 2\nfor a in range(100):\n  n = n * n", "Number out of range"),
        ("n = 2\nfor a in range(1000):\n  n = n / 1e30", None),
        ("x = range(10001)", "Too many items"),
        ("x = range(-1e12, 1e12)", "Too many items"),
        ("x = range(1e13)", "Number out of range"),
        ("d = {}\nk = ''\nfor a in range(10000):\n  k = k + 'x'\n  d[k] = a", "Too many steps"),
        ("l = ('a,' + 'a,' + 'a,').split(',')\nfor i in range(12):\n  l += l", "Too many items"),
        ("s = ','\nfor i in range(15):\n  s += s\nx = s.split(',')", "Too many items"),
        ("l = range(10000)\nfor i in range(100):\n  x = 99999 in l", "Too many steps"),
        ("l = range(10000)\nfor i in range(100):\n  x = sorted(l)", "Too many steps"),
        ("l = range(10000)\nfor i in range(100):\n  x = sum(l)", "Too many steps"),
        ("l = range(10000)\nfor i in range(100):\n  x = min(l)", "Too many steps"),
        ("l = range(10000)\nfor i in range(100):\n  x = l == range(10000)", "Too many steps"),
        ("l = range(10000)\nfor i in range(100):\n  x = enumerate(l)", "Too many steps"),
        ("s = 'a'\nfor i in range(16):\n  s += s\nfor i in range(500):\n  x = s == s", "Too many steps"),
        ("s = 'a'\nfor i in range(16):\n  s += s\nfor i in range(500):\n  x = s < s", "Too many steps"),
        ("s = 'a'\nfor i in range(16):\n  s += s\nfor i in range(500):\n  x = s.lower()", "Too many steps"),
        ("s = 'a'\nfor i in range(16):\n  s += s\nfor i in range(500):\n  x = s.strip()", "Too many steps"),
        ("s = 'a'\nfor i in range(16):\n  s += s\nfor i in range(500):\n  x = 'b' in s", "Too many steps"),
        ("s = 'a'\nfor i in range(16):\n  s += s\nfor i in range(500):\n  x = s.startswith(s)", "Too many steps"),
        (
            "l = ['s']\nfor i in range(31):\n  l = [l, l]\nm = ['s']\nfor i in range(31):\n  m = [m, m]\nx = l == m",
            "steps",
        ),
        ("l = []\nl.append(l)\nm = []\nm.append(m)\nx = l == m", "nested too deeply"),
        ("l = []\nfor i in range(40):\n  l = [l]\nm = []\nfor i in range(40):\n  m = [m]\nx = l == m", "nested too"),
    ],
)
def test_budgets_hold(body: str, message: str | None) -> None:
    started = time.process_time()
    source = aggregator(f"{body}\n{OK}")
    assert validate(source) == []
    if message is None:
        run(source)
    else:
        with pytest.raises(AggregationError, match=message):
            run(source)
    assert time.process_time() - started < 2


def test_recursion_is_bounded_even_through_the_deepest_syntax() -> None:
    endless = "def f(n):\n    return f(n + 1)\n"
    with pytest.raises(AggregationError, match="Too many calls"):
        run(computing("f(0)", endless))
    mutual = "def f(n):\n    return g(n)\ndef g(n):\n    return f(n)\n"
    with pytest.raises(AggregationError, match="Too many calls"):
        run(computing("f(0)", mutual))
    with pytest.raises(AggregationError, match="Too many calls"):
        run(aggregator("return aggregate(event, state, properties)"))
    deep = "def f(n):\n    return " + "-(" * 40 + "f(n)" + ")" * 40 + "\n"
    with pytest.raises(AggregationError, match=r"Too many calls|Nested too deeply"):
        run(computing("f(0)", deep))
    branching = "def f(n):\n    return n if n > 14 else f(n + 1) + f(n + 1)\n"
    with pytest.raises(AggregationError, match="Too many steps"):
        run(computing("f(0)", branching))


def test_the_budget_is_per_event() -> None:
    source = aggregator(f"for a in range(9000):\n  x = a\n{OK}")
    assert fold(source, {}, INITIAL, [event()] * 12) == INITIAL


# --- fuzz ------------------------------------------------------------------------------------------------------------

_TAME_ATOMS = "event state properties x y 0 1 2.5 1e39 1e-99 3 'a' '12' '' None True [] {} () [1,'b'] {'a':1}".split()
_WILD_ATOMS = [*_TAME_ATOMS, "aggregate", "helper", "decimal", "sum", "__class__", "os", "b''", "1j", "z", "0x1"]
_TAME_OPERATORS = [*"+ - * / // % and or == != < <= in".split(), "not in", "is None or", "if x else"]
_WILD_OPERATORS = [*_TAME_OPERATORS, "**", "@", "|", "<<", "is", "is not"]
_CALLS = {
    **dict.fromkeys("decimal abs sum len range sorted enumerate round ceil floor helper min max".split(), 1),
    **dict.fromkeys(("min", "max", "range", "round", "floor"), 2),
}
_METHODS = {
    **dict.fromkeys("keys values items lower upper split strip".split(), 0),
    **dict.fromkeys("get append startswith endswith".split(), 1),
}


def _expressions(inner: st.SearchStrategy[str], wild: bool) -> st.SearchStrategy[str]:
    operators = st.sampled_from(_WILD_OPERATORS if wild else _TAME_OPERATORS)
    signs = ["-", "+", "not ", "~", "await ", "*"] if wild else ["-", "+", "not "]
    tame = [
        st.tuples(inner, operators, inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(st.sampled_from(signs), inner).map(lambda p: f"({p[0]}{p[1]})"),
        st.tuples(st.sampled_from(sorted(_CALLS.items())), inner, inner).map(
            lambda p: f"{p[0][0]}({', '.join(p[1 : p[0][1] + 1])})"
        ),
        st.tuples(inner, st.sampled_from(sorted(_METHODS.items())), inner).map(
            lambda p: f"({p[0]}).{p[1][0]}({p[2] if p[1][1] else ''})"
        ),
        st.tuples(inner, inner).map(lambda p: f"({p[0]})[{p[1]}]"),
        st.lists(inner, max_size=3).map(lambda p: f"[{', '.join(p)}]"),
        st.lists(inner, max_size=2).map(lambda p: "{" + ", ".join(f"'k{k}': {v}" for k, v in enumerate(p)) + "}"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
    ]
    if wild:
        tame.append(inner.map(lambda p: f"[{p} for x in [1]]"))
        tame.append(inner.map(lambda p: f"(lambda: {p})()"))
        tame.append(inner.map(lambda p: f"({p}).__class__"))
        tame.append(inner.map(lambda p: f"''.format({p})"))
    return st.one_of(tame)


def _expression(wild: bool) -> st.SearchStrategy[str]:
    atoms = st.sampled_from(_WILD_ATOMS if wild else _TAME_ATOMS)
    return st.recursive(atoms, lambda inner: _expressions(inner, wild), max_leaves=8)


def _program(wild: bool) -> st.SearchStrategy[str]:
    expression = _expression(wild)
    targets = ["x", "y", "x, y", "y[0]", "event['a']", "state['memo']", *(["state.x", "[x, y]"] if wild else [])]
    grown = ["x", "y", "properties['l']"]
    symbols = ["+=", "*=", "//=", "-=", "/=", *(["**=", "|="] if wild else [])]
    simple = st.one_of(
        st.tuples(st.sampled_from(targets), expression).map(" = ".join),
        st.tuples(st.sampled_from(grown), st.sampled_from(symbols), expression).map(" ".join),
        expression,
        expression.map(lambda p: f"return {p}"),
        expression.map(lambda p: f"return {{'total_units': 1, 'amount': 0, 'memo': {p}}}"),
        st.sampled_from(["pass", "return", *(["break", "continue"] if wild else [])]),
    )

    def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        block = st.lists(inner, min_size=1, max_size=3).map("\n".join).map(_indent)
        kinds = [
            st.tuples(expression, block, block).map(lambda p: f"if {p[0]}:\n{p[1]}\nelse:\n{p[2]}"),
            st.tuples(st.sampled_from(["x", "x, y", "y[0]"]), expression, block).map(
                lambda p: f"for {p[0]} in {p[1]}:\n{p[2]}\n  if x == y:\n    break"
            ),
            st.tuples(inner, inner).map("\n".join),
        ]
        if wild:
            kinds.append(block.map(lambda p: f"while x:\n{p}"))
            kinds.append(block.map(lambda p: f"try:\n{p}\nexcept x:\n{p}"))
        return st.one_of(kinds)

    return st.recursive(simple, compound, max_leaves=6)


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.split("\n"))


def _fuzzed(body: str, helper: str) -> str:
    before = "def helper(x):\n  y = 1\n  state = event = properties = {}\n" + _indent(helper) + "\n"
    return aggregator("x = 1\ny = [2, 'a']\n" + body + f"\n{OK}", before)


def _survives(source: str) -> None:
    try:
        state = run(source, {"l": [1, 2]}, {"a": "b", "n": 12})
    except AggregationError:
        return
    assert state.total_units.is_finite()
    assert state.amount.is_finite()


FUZZ = settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)


@FUZZ
@given(_program(wild=True), _program(wild=True))
def test_wild_programs_are_refused_or_fail_properly(body: str, helper: str) -> None:
    source = _fuzzed(body, helper)
    if not validate(source):
        _survives(source)


@FUZZ
@given(_program(wild=False), _program(wild=False))
def test_programs_of_allowed_constructs_are_accepted_and_fail_properly(body: str, helper: str) -> None:
    source = _fuzzed(body, helper)
    assert validate(source) == []
    _survives(source)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_random_text_is_refused(text: str) -> None:
    assert validate(text)
    assert isinstance(validate(aggregator(text)), list)


@FUZZ
@given(_expression(wild=False))
def test_single_expressions_never_raise_anything_else(expression: str) -> None:
    _survives(_fuzzed(f"return {{'total_units': {expression}, 'amount': 0}}", "pass"))

"""From checked syntax to closures: one Python function per node, called with the frame of the running function.

A frame is a list: the event's budget, the value being returned, then the local variables. Costs are settled when
compiling: a statement costs as many steps as its expressions have nodes, which bounds its work because
expressions cannot loop; own functions, loops and built-ins pay for themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import DecimalException
from typing import Any

from . import operations
from .errors import AggregationError
from .library import BUILTINS, METHODS
from .limits import MAX_CALL_DEPTH
from .syntax import ENTRY_POINT, Module, assigned_names, branches, check
from .values import OUT_OF_RANGE, Budget, Value, type_name

Frame = list[Any]
Evaluate = Callable[[Frame], Any]
Execute = Callable[[Frame], "int | None"]
Store = Callable[[Frame, Value], None]

BUDGET, RESULT, LOCALS = 0, 1, 2
BREAK, CONTINUE, RETURN = 1, 2, 3


class _Unbound:
    """Marks a local variable that has no value yet."""


_UNBOUND = _Unbound()

_OPERATORS: dict[type[ast.operator], operations.Operator] = {
    ast.Add: operations.add,
    ast.Sub: operations.subtract,
    ast.Mult: operations.multiply,
    ast.Div: operations.divide,
    ast.FloorDiv: operations.floor_divide,
    ast.Mod: operations.modulo,
}

_COMPARISONS: dict[type[ast.cmpop], Callable[[Budget, Value, Value], bool]] = {
    ast.Eq: operations.equal,
    ast.NotEq: lambda budget, left, right: not operations.equal(budget, left, right),
    ast.Lt: operations.less,
    ast.Gt: lambda budget, left, right: operations.less(budget, right, left),
    ast.LtE: lambda budget, left, right: not operations.less(budget, right, left),
    ast.GtE: lambda budget, left, right: not operations.less(budget, left, right),
    ast.In: operations.contains,
    ast.NotIn: lambda budget, left, right: not operations.contains(budget, left, right),
    ast.Is: lambda budget, left, right: left is right,
    ast.IsNot: lambda budget, left, right: left is not right,
}


class Program:
    """A compiled source."""

    def __init__(self, module: Module) -> None:
        bodies: dict[str, _Body] = {name: _Body() for name in module.functions}
        for name, function in module.functions.items():
            _FunctionCompiler(module, bodies).compile(function, bodies[name])
        self._entry = bodies[ENTRY_POINT]

    def call(self, budget: Budget, *arguments: Value) -> Value:
        """Run ``aggregate``; raises ``AggregationError``, whatever goes wrong."""
        try:
            return self._entry.call(budget, arguments)
        except RecursionError:
            raise AggregationError("Nested too deeply") from None


def compile_source(source: str) -> Program:
    """Check and compile; raises ``InvalidSource``."""
    return Program(check(source))


class _Body:
    """An own function, callable before it is compiled so that functions may refer to each other."""

    __slots__ = ("execute", "size")
    execute: Execute
    size: int

    def call(self, budget: Budget, arguments: tuple[Value, ...] | list[Value]) -> Value:
        frame: Frame = [budget, None, *arguments]
        frame.extend([_UNBOUND] * (self.size - len(arguments)))
        self.execute(frame)
        return frame[RESULT]


class _FunctionCompiler:
    def __init__(self, module: Module, bodies: dict[str, _Body]) -> None:
        self.module = module
        self.bodies = bodies
        self.slots: dict[str, int] = {}

    def compile(self, function: ast.FunctionDef, body: _Body) -> None:
        names = [argument.arg for argument in function.args.args]
        names += sorted(assigned_names(function) - set(names))
        self.slots = {name: LOCALS + position for position, name in enumerate(names)}
        body.size = len(names)
        body.execute = self.block(function.body)

    # --- statements --------------------------------------------------------------------------------------------------

    def block(self, statements: list[ast.stmt]) -> Execute:
        compiled = [(_cost(node), node.lineno, self.statement(node)) for node in statements]

        def run(frame: Frame) -> int | None:
            budget: Budget = frame[BUDGET]
            for cost, line, execute in compiled:
                try:
                    budget.steps -= cost
                    if budget.steps < 0:
                        raise AggregationError("Too many steps")
                    signal = execute(frame)
                except AggregationError as failure:
                    if failure.line is None:
                        failure.line = line
                    raise
                except DecimalException:
                    raise AggregationError(OUT_OF_RANGE, line) from None
                if signal is not None:
                    return signal
            return None

        return run

    def statement(self, node: ast.stmt) -> Execute:
        if isinstance(node, ast.Assign):
            return self.assignment(node)
        if isinstance(node, ast.AugAssign):
            return self.augmented(node)
        if isinstance(node, ast.If):
            return self.condition(node)
        if isinstance(node, ast.For):
            return self.loop(node)
        if isinstance(node, ast.Return):
            return self.returning(node)
        if isinstance(node, ast.Expr):
            evaluate = self.expression(node.value)

            def run(frame: Frame) -> None:
                evaluate(frame)

            return run
        if isinstance(node, ast.Pass):
            return lambda frame: None
        signal = BREAK if isinstance(node, ast.Break) else CONTINUE
        return lambda frame: signal

    def assignment(self, node: ast.Assign) -> Execute:
        evaluate = self.expression(node.value)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            slot = self.slots[node.targets[0].id]

            def assign(frame: Frame) -> None:
                frame[slot] = evaluate(frame)

            return assign
        stores = [self.store(target) for target in node.targets]

        def run(frame: Frame) -> None:
            value = evaluate(frame)
            for store in stores:
                store(frame, value)

        return run

    def store(self, target: ast.expr) -> Store:
        if isinstance(target, ast.Name):
            slot = self.slots[target.id]

            def bind(frame: Frame, value: Value) -> None:
                frame[slot] = value

            return bind
        if isinstance(target, ast.Subscript):
            container, key = self.expression(target.value), self.expression(target.slice)

            def put(frame: Frame, value: Value) -> None:
                frame[BUDGET].mutated = True
                operations.set_item(container(frame), key(frame), value)

            return put
        assert isinstance(target, ast.Tuple)
        stores = [self.store(element) for element in target.elts]

        def unpack(frame: Frame, value: Value) -> None:
            if not isinstance(value, list):
                raise AggregationError(f"Cannot unpack {type_name(value)}")
            if len(value) != len(stores):
                raise AggregationError(f"Cannot unpack {len(value)} items into {len(stores)} names")
            for store, item in zip(stores, list(value), strict=True):
                store(frame, item)

        return unpack

    def augmented(self, node: ast.AugAssign) -> Execute:
        evaluate = self.expression(node.value)
        operate = operations.extend if isinstance(node.op, ast.Add) else _OPERATORS[type(node.op)]
        if isinstance(node.target, ast.Name):
            load, slot = self.load(node.target.id), self.slots[node.target.id]

            def run(frame: Frame) -> None:
                frame[slot] = operate(frame[BUDGET], load(frame), evaluate(frame))

            return run
        assert isinstance(node.target, ast.Subscript)
        container, key = self.expression(node.target.value), self.expression(node.target.slice)

        def run_item(frame: Frame) -> None:
            frame[BUDGET].mutated = True
            holder, index = container(frame), key(frame)
            value = operate(frame[BUDGET], operations.get_item(holder, index), evaluate(frame))
            operations.set_item(holder, index, value)

        return run_item

    def condition(self, node: ast.If) -> Execute:
        cases = [
            (self.expression(test) if test is not None else _true, self.block(body)) for test, body in branches(node)
        ]

        def run(frame: Frame) -> int | None:
            for test, body in cases:
                if test(frame):
                    return body(frame)
            return None

        return run

    def loop(self, node: ast.For) -> Execute:
        evaluate, body, store = self.expression(node.iter), self.block(node.body), self.store(node.target)
        cost = 1 + _expression_cost(node.target)

        def run(frame: Frame) -> int | None:
            items: Value = evaluate(frame)
            if not isinstance(items, list):
                raise AggregationError(f"Cannot loop over {type_name(items)}")
            budget: Budget = frame[BUDGET]
            for item in items:
                budget.spend(cost)
                store(frame, item)
                signal = body(frame)
                if signal is not None and signal != CONTINUE:
                    return None if signal == BREAK else signal
            return None

        return run

    def returning(self, node: ast.Return) -> Execute:
        evaluate: Evaluate = _none if node.value is None else self.expression(node.value)

        def run(frame: Frame) -> int:
            frame[RESULT] = evaluate(frame)
            return RETURN

        return run

    # --- expressions -------------------------------------------------------------------------------------------------

    def expression(self, node: ast.expr) -> Evaluate:
        if isinstance(node, ast.Constant):
            number = self.module.numbers.get(node)
            constant: Value = number if number is not None else node.value  # pyright: ignore[reportAssignmentType]
            return lambda frame: constant
        if isinstance(node, ast.Name):
            return self.load(node.id)
        if isinstance(node, ast.BinOp):
            operate, left, right = _OPERATORS[type(node.op)], self.expression(node.left), self.expression(node.right)
            return lambda frame: operate(frame[BUDGET], left(frame), right(frame))
        if isinstance(node, ast.UnaryOp):
            return self.unary(node)
        if isinstance(node, ast.BoolOp):
            return self.boolean(node)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.IfExp):
            test, body, other = self.expression(node.test), self.expression(node.body), self.expression(node.orelse)
            return lambda frame: body(frame) if test(frame) else other(frame)
        if isinstance(node, ast.List | ast.Tuple):
            elements = [self.expression(element) for element in node.elts]
            return lambda frame: [element(frame) for element in elements]
        if isinstance(node, ast.Dict):
            return self.display(node)
        if isinstance(node, ast.Subscript):
            container, key = self.expression(node.value), self.expression(node.slice)
            return lambda frame: operations.get_item(container(frame), key(frame))
        assert isinstance(node, ast.Call)
        return self.call(node)

    def load(self, name: str) -> Evaluate:
        slot = self.slots[name]

        def run(frame: Frame) -> Value:
            value = frame[slot]
            if value is _UNBOUND:
                raise AggregationError(f"{name} has no value yet")
            return value

        return run

    def unary(self, node: ast.UnaryOp) -> Evaluate:
        operand = self.expression(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda frame: not operand(frame)
        operate = operations.negate if isinstance(node.op, ast.USub) else operations.affirm
        return lambda frame: operate(operand(frame))

    def boolean(self, node: ast.BoolOp) -> Evaluate:
        *earlier, last = [self.expression(value) for value in node.values]
        stops_on = isinstance(node.op, ast.Or)

        def run(frame: Frame) -> Value:
            for evaluate in earlier:
                value: Value = evaluate(frame)
                if bool(value) is stops_on:
                    return value
            return last(frame)

        return run

    def comparison(self, node: ast.Compare) -> Evaluate:
        first = self.expression(node.left)
        rest = [
            (_COMPARISONS[type(operator)], self.expression(right))
            for operator, right in zip(node.ops, node.comparators, strict=True)
        ]
        if len(rest) == 1:
            compare, second = rest[0]
            return lambda frame: compare(frame[BUDGET], first(frame), second(frame))

        def run(frame: Frame) -> bool:
            left: Value = first(frame)
            for compare, evaluate in rest:
                right: Value = evaluate(frame)
                if not compare(frame[BUDGET], left, right):
                    return False
                left = right
            return True

        return run

    def display(self, node: ast.Dict) -> Evaluate:
        members = [
            (self.expression(key), self.expression(value))
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        ]

        def run(frame: Frame) -> Value:
            result: dict[str, Value] = {}
            for key, value in members:
                operations.set_item(result, key(frame), value(frame))
            return result

        return run

    def call(self, node: ast.Call) -> Evaluate:
        arguments = [self.expression(argument) for argument in node.args]
        if isinstance(node.func, ast.Attribute):
            method = METHODS[node.func.attr].call
            arguments = [self.expression(node.func.value), *arguments]
            return lambda frame: method(frame[BUDGET], [argument(frame) for argument in arguments])
        assert isinstance(node.func, ast.Name)
        if node.func.id in BUILTINS:
            implementation = BUILTINS[node.func.id].call
            return lambda frame: implementation(frame[BUDGET], [argument(frame) for argument in arguments])
        body = self.bodies[node.func.id]

        def run(frame: Frame) -> Value:
            budget: Budget = frame[BUDGET]
            values = [argument(frame) for argument in arguments]
            if budget.depth >= MAX_CALL_DEPTH:
                raise AggregationError("Too many calls inside one another")
            budget.depth += 1
            result = body.call(budget, values)
            budget.depth -= 1
            return result

        return run


def _true(frame: Frame) -> bool:
    return True


def _none(frame: Frame) -> None:
    return None


def _cost(node: ast.stmt) -> int:
    """Steps of a statement itself: its expressions, not the blocks inside it."""
    if isinstance(node, ast.If):
        return 1 + sum(_expression_cost(test) for test, _ in branches(node) if test is not None)
    if isinstance(node, ast.For):
        return 1 + _expression_cost(node.iter)
    return _expression_cost(node)


def _expression_cost(node: ast.AST) -> int:
    return sum(1 for part in ast.walk(node) if isinstance(part, ast.expr | ast.stmt))

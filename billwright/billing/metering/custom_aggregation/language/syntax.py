"""Save-time check: Python's own parser, then an allow-list of its syntax nodes (spec 01 §9.2, first wall).

What is not listed here does not exist in the language. The checker also settles names: a name is a variable of
its function, an own function or a built-in, and never two of them.
"""

from __future__ import annotations

import ast
from decimal import Decimal

from .errors import InvalidSource, Problem
from .library import BUILTINS, METHODS
from .limits import MAX_NUMBER, MAX_PROBLEMS, MAX_SOURCE, MAX_SYNTAX_DEPTH, SMALLEST_EXPONENT
from .values import parse_number

ENTRY_POINT = "aggregate"
ENTRY_PARAMETERS = 3

_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot)

_NAMES = {
    "Import": "import",
    "ImportFrom": "import",
    "ClassDef": "class",
    "AsyncFunctionDef": "async",
    "AsyncFor": "async",
    "AsyncWith": "async",
    "Await": "await",
    "FunctionDef": "a function inside a function",
    "Lambda": "lambda",
    "While": "while",
    "ListComp": "a comprehension",
    "SetComp": "a comprehension",
    "DictComp": "a comprehension",
    "GeneratorExp": "a comprehension",
    "TryStar": "try",
    "YieldFrom": "yield",
    "Pow": "**",
    "JoinedStr": "an f-string",
    "NamedExpr": ":=",
    "AnnAssign": "an annotation",
    "Delete": "del",
    "Set": "a set",
    "Starred": "a star argument",
    "MatMult": "@",
    "Slice": "a slice",
}


class Module:
    """A checked source: its functions by name and the exact value of every number literal by node."""

    def __init__(self, functions: dict[str, ast.FunctionDef], numbers: dict[ast.Constant, Decimal]) -> None:
        self.functions = functions
        self.numbers = numbers


def check(source: str) -> Module:
    """Parse and check ``source``; raises ``InvalidSource`` with every problem found (at most 20)."""
    if len(source) > MAX_SOURCE:
        raise InvalidSource([Problem(0, f"The source is longer than {MAX_SOURCE} characters")])
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        tree = ast.parse(text)
    except SyntaxError as failure:
        raise InvalidSource([Problem(failure.lineno or 0, f"Syntax error: {failure.msg}")]) from None
    except (ValueError, RecursionError, MemoryError):
        raise InvalidSource([Problem(0, "The source cannot be read as Python")]) from None
    checker = _Checker(text)
    checker.module(tree)
    if checker.problems:
        raise InvalidSource(sorted(checker.problems)[:MAX_PROBLEMS])
    return Module(checker.functions, checker.numbers)


class _Checker:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.problems: list[Problem] = []
        self.functions: dict[str, ast.FunctionDef] = {}
        self.numbers: dict[ast.Constant, Decimal] = {}
        self.variables: set[str] = set()

    def refuse(self, node: ast.AST, message: str) -> None:
        problem = Problem(getattr(node, "lineno", 0), message)
        if problem not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)

    def forbid(self, node: ast.AST, place: ast.AST | None = None) -> None:
        kind = type(node).__name__
        self.refuse(place or node, f"{_NAMES.get(kind, kind.lower())} is not allowed")

    # --- module and functions ----------------------------------------------------------------------------------------

    def module(self, tree: ast.Module) -> None:
        definitions: list[ast.FunctionDef] = []
        for position, statement in enumerate(tree.body):
            if isinstance(statement, ast.FunctionDef):
                definitions.append(statement)
                if statement.name in self.functions:
                    self.refuse(statement, f"{statement.name} is defined twice")
                self.functions[statement.name] = statement
            elif position or not _is_docstring(statement):
                if type(statement).__name__ in _NAMES:
                    self.forbid(statement)
                else:
                    self.refuse(statement, "Only function definitions are allowed outside functions")
        for definition in definitions:
            self.function(definition)
        entry = self.functions.get(ENTRY_POINT)
        if entry is None:
            self.refuse(tree, "The function aggregate(event, state, properties) is missing")
        elif len(entry.args.args) != ENTRY_PARAMETERS:
            self.refuse(entry, "aggregate takes exactly three parameters: event, state, properties")

    def function(self, node: ast.FunctionDef) -> None:
        arguments = node.args
        plain = not (
            node.decorator_list
            or node.returns
            or getattr(node, "type_params", None)
            or arguments.posonlyargs
            or arguments.kwonlyargs
            or arguments.vararg
            or arguments.kwarg
            or arguments.defaults
            or any(argument.annotation for argument in arguments.args)
        )
        if not plain:
            self.refuse(node, "Functions take plain positional parameters only, without decorators or annotations")
        if node.name in BUILTINS or node.name.startswith("_"):
            self.refuse(node, f"{node.name} cannot be the name of a function")
        names = [argument.arg for argument in arguments.args]
        if len(set(names)) != len(names):
            self.refuse(node, "Two parameters have the same name")
        self.variables = set(names) | assigned_names(node)
        for name in self.variables:
            if name in BUILTINS or name in self.functions or name.startswith("_"):
                self.refuse(node, f"{name} cannot be the name of a variable")
        self.block(node.body, 1, in_loop=False)

    # --- statements --------------------------------------------------------------------------------------------------

    def block(self, statements: list[ast.stmt], depth: int, *, in_loop: bool) -> None:
        for statement in statements:
            self.statement(statement, depth, in_loop=in_loop)

    def statement(self, node: ast.stmt, depth: int, *, in_loop: bool) -> None:
        if depth > MAX_SYNTAX_DEPTH:
            self.refuse(node, "Nested too deeply")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self.target(target, depth + 1)
            self.expression(node.value, depth + 1)
        elif isinstance(node, ast.AugAssign):
            if isinstance(node.target, ast.Name | ast.Subscript):
                self.target(node.target, depth + 1)
            else:
                self.forbid(node.target)
            self.operator(node, node.op)
            self.expression(node.value, depth + 1)
        elif isinstance(node, ast.If):
            for test, body in branches(node):
                if test is not None:
                    self.expression(test, depth + 1)
                self.block(body, depth + 1, in_loop=in_loop)
        elif isinstance(node, ast.For):
            self.target(node.target, depth + 1)
            self.expression(node.iter, depth + 1)
            self.block(node.body, depth + 1, in_loop=True)
            if node.orelse:
                self.refuse(node, "else after for is not allowed")
        elif isinstance(node, ast.Return):
            if node.value is not None:
                self.expression(node.value, depth + 1)
        elif isinstance(node, ast.Expr):
            self.expression(node.value, depth + 1)
        elif isinstance(node, ast.Break | ast.Continue):
            if not in_loop:
                self.refuse(node, f"{type(node).__name__.lower()} outside a loop")
        elif not isinstance(node, ast.Pass):
            self.forbid(node)

    def target(self, node: ast.expr, depth: int) -> None:
        if isinstance(node, ast.Tuple):
            if depth > MAX_SYNTAX_DEPTH:
                self.refuse(node, "Nested too deeply")
                return
            for element in node.elts:
                self.target(element, depth + 1)
        elif isinstance(node, ast.Subscript):
            self.expression(node, depth)
        elif not isinstance(node, ast.Name):
            self.refuse(node, "Only names, subscripts and tuples of them can be assigned to")

    # --- expressions -------------------------------------------------------------------------------------------------

    def operator(self, place: ast.AST, operator: ast.AST) -> None:
        if not isinstance(operator, _BINARY):
            self.forbid(operator, place)

    def expression(self, node: ast.expr, depth: int) -> None:
        if depth > MAX_SYNTAX_DEPTH:
            self.refuse(node, "Nested too deeply")
            return
        children: list[ast.expr] = []
        if isinstance(node, ast.Constant):
            self.constant(node)
        elif isinstance(node, ast.Name):
            self.name(node)
        elif isinstance(node, ast.BinOp):
            self.operator(node, node.op)
            children = [node.left, node.right]
        elif isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Invert):
                self.refuse(node, "~ is not allowed")
            children = [node.operand]
        elif isinstance(node, ast.BoolOp):
            children = node.values
        elif isinstance(node, ast.Compare):
            self.comparison(node)
            children = [node.left, *node.comparators]
        elif isinstance(node, ast.IfExp):
            children = [node.test, node.body, node.orelse]
        elif isinstance(node, ast.List | ast.Tuple):
            children = node.elts
        elif isinstance(node, ast.Dict):
            if None in node.keys:
                self.refuse(node, "** is not allowed")
            children = [*(key for key in node.keys if key is not None), *node.values]
        elif isinstance(node, ast.Subscript):
            children = [node.value, node.slice]
        elif isinstance(node, ast.Call):
            self.call(node, depth)
        elif isinstance(node, ast.Attribute):
            self.refuse(node, f"The attribute {node.attr} is not allowed")
        else:
            self.forbid(node)
        for child in children:
            self.expression(child, depth + 1)

    def constant(self, node: ast.Constant) -> None:
        value = node.value
        if value is None or isinstance(value, bool | str):
            return
        if isinstance(value, int | float) and node.end_col_offset is not None:
            line = self.lines[node.lineno - 1].encode("utf-8")
            number = literal_number(line[node.col_offset : node.end_col_offset].decode("utf-8", "replace"))
            if number is not None and float(number) == value:
                self.numbers[node] = number
                return
            self.refuse(node, "Numbers are written in decimal digits and stay within 10^40")
            return
        self.refuse(node, f"A {type(value).__name__} constant is not allowed")

    def name(self, node: ast.Name) -> None:
        if node.id in self.variables and not node.id.startswith("_"):
            return
        if node.id in BUILTINS or node.id in self.functions:
            self.refuse(node, f"{node.id} can only be called")
        else:
            self.refuse(node, f"The name {node.id} is not defined")

    def comparison(self, node: ast.Compare) -> None:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if not isinstance(operator, _COMPARISONS):
                self.forbid(operator, node)
            if isinstance(operator, ast.Is | ast.IsNot) and not (
                isinstance(right, ast.Constant) and (right.value is None or isinstance(right.value, bool))
            ):
                self.refuse(node, "is compares with None, True or False only")

    def call(self, node: ast.Call, depth: int) -> None:
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            self.refuse(node, "Calls take plain positional arguments only")
        count = len(node.args)
        called = node.func
        if isinstance(called, ast.Attribute):
            method = METHODS.get(called.attr)
            if method is None:
                self.refuse(node, f"The attribute {called.attr} is not allowed")
            elif not method.minimum <= count <= method.maximum:
                self.refuse(node, f"{called.attr} does not take {count} arguments")
            self.expression(called.value, depth + 1)
        elif isinstance(called, ast.Name):
            own = self.functions.get(called.id)
            builtin = BUILTINS.get(called.id)
            if own is not None:
                fits = count == len(own.args.args)
            elif builtin is not None:
                fits = builtin.minimum <= count <= builtin.maximum
            else:
                self.refuse(node, f"The function {called.id} does not exist")
                fits = True
            if not fits:
                self.refuse(node, f"{called.id} does not take {count} arguments")
        else:
            self.refuse(node, "Only functions and methods can be called, by their names")
            if not isinstance(called, ast.Lambda):
                self.expression(called, depth + 1)
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                self.expression(argument, depth + 1)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def branches(node: ast.If) -> list[tuple[ast.expr | None, list[ast.stmt]]]:
    """``if``/``elif``/``else`` as a flat list of tests and bodies; the test of ``else`` is ``None``."""
    found: list[tuple[ast.expr | None, list[ast.stmt]]] = []
    while True:
        found.append((node.test, node.body))
        if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
            break
        node = node.orelse[0]
    if node.orelse:
        found.append((None, node.orelse))
    return found


def assigned_names(function: ast.FunctionDef) -> set[str]:
    """Names that ``function`` stores into (parameters not included)."""
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}


def literal_number(text: str) -> Decimal | None:
    """The exact decimal of a Python number literal: decimal digits, ``1_000``, ``1.``, ``.5``, ``1e-3``."""
    plain = text.replace("_", "").lower()
    mantissa, mark, exponent = plain.partition("e")
    if mantissa.startswith("."):
        mantissa = "0" + mantissa
    if mantissa.endswith("."):
        mantissa += "0"
    number = parse_number(mantissa + mark + exponent)
    if number is None or number > MAX_NUMBER:
        return None
    if number and number.adjusted() < SMALLEST_EXPONENT:
        return None
    return number if number else Decimal(0)

"""A reader of explanations that shares nothing with the code that writes them: Python's own parser, exact fractions."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any


def _round(value: Fraction, places: Fraction = Fraction(0)) -> Fraction:
    scale = Fraction(10) ** int(places)
    scaled = abs(value) * scale
    whole = floor(scaled + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole) / scale


def _ceil(value: Fraction, places: Fraction = Fraction(0)) -> Fraction:
    scale = Fraction(10) ** int(places)
    return Fraction(ceil(value * scale)) / scale


def _floor(value: Fraction, places: Fraction = Fraction(0)) -> Fraction:
    scale = Fraction(10) ** int(places)
    return Fraction(floor(value * scale)) / scale


FUNCTIONS: dict[str, Any] = {"min": min, "max": max, "round": _round, "ceil": _ceil, "floor": _floor}


def calculate(formula: str, inputs: Mapping[str, Any]) -> Fraction:
    def value(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=int() | float()):
                return Fraction(ast.get_source_segment(formula, node) or "")
            case ast.Name(id=name):
                return Fraction(Decimal(inputs[name]))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return value(left) - value(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return value(left) * value(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return value(left) / value(right)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return FUNCTIONS[name](*(value(argument) for argument in arguments))
            case _:
                raise AssertionError(ast.dump(node))

    return value(ast.parse(formula, mode="eval").body)


def check(explanation: Mapping[str, Any]) -> None:
    """Every formula applied to its inputs gives its result."""
    for step in explanation["steps"]:
        assert calculate(step["formula"], step["inputs"]) == Fraction(Decimal(step["result"])), step


def steps(explanation: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [step for step in explanation["steps"] if step["kind"] == kind]

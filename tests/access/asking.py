"""Operations written down by a machine: a value for each required argument, a few telling fields of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)

Leaf = tuple[str, ...]
"""Where an id stands in the arguments: ``("input", "charges", "billableMetricId")``."""
_SAMPLES: dict[str, Any] = {
    "String": "x",
    "Int": 1,
    "Float": 1.0,
    "Boolean": True,
    "BigInt": "1",
    "Decimal": "1",
    "JSON": {},
    "JsonObject": {},
    "ISO8601Date": "2024-03-01",
    "ISO8601DateTime": "2024-03-01T00:00:00Z",
}
_TELLING = ("id", "code", "name", "externalId", "number", "email", "key", "invoices", "customers", "subscriptions")


@dataclass(frozen=True)
class Asked:
    """A root field of the schema."""

    kind: str
    name: str
    field: GraphQLField

    @property
    def returns(self) -> str:
        return _selection(self.field.type, 4)

    def request(self, identify: Callable[[Leaf], str], *leaves: Leaf) -> dict[str, Any]:
        """The body of ``POST /graphql``: required arguments, and those at ``leaves`` even if they are not."""
        variables: dict[str, Any] = {}
        for name, argument in self.field.args.items():
            if _wanted(argument, (name,), leaves):
                variables[name] = _value(argument.type, (name,), leaves, identify)
        declared = ", ".join(f"${name}: {self.field.args[name].type}" for name in variables)
        given = ", ".join(f"{name}: ${name}" for name in variables)
        head = f"{self.kind}({declared})" if variables else self.kind
        call = f"{self.name}({given})" if variables else self.name
        return {"query": f"{head} {{ {call} {self.returns} }}", "variables": variables}

    def ids(self) -> Iterator[Leaf]:
        """Every place of an id in the arguments."""
        for name, argument in self.field.args.items():
            yield from _ids(argument.type, (name,))


def root_fields(schema: GraphQLSchema) -> list[Asked]:
    """Queries and mutations."""
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    return [
        Asked(kind, name, field)
        for kind, root in (("query", schema.query_type), ("mutation", schema.mutation_type))
        for name, field in root.fields.items()
    ]


def _ids(kind: Any, at: Leaf) -> Iterator[Leaf]:
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from _ids(field.type, (*at, name))
    elif named.name == "ID" or at[-1] == "lagoId":
        yield at


def _wanted(part: Any, at: Leaf, leaves: tuple[Leaf, ...]) -> bool:
    return isinstance(part.type, GraphQLNonNull) or any(leaf[: len(at)] == at for leaf in leaves)


def _value(kind: Any, at: Leaf, leaves: tuple[Leaf, ...], identify: Callable[[Leaf], str]) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return _value(kind.of_type, at, leaves, identify)
    if isinstance(kind, GraphQLList):
        return [_value(kind.of_type, at, leaves, identify)]
    if isinstance(kind, GraphQLInputObjectType):
        made: dict[str, Any] = {}
        for name, field in kind.fields.items():
            deeper = (*at, name)
            if _wanted(field, deeper, leaves):
                made[name] = _value(field.type, deeper, leaves, identify)
        return made
    if kind.name == "ID" or at[-1] == "lagoId":
        return identify(at)
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return _SAMPLES[kind.name]


def _selection(kind: Any, depth: int) -> str:
    """What tells whose object it is, some levels down."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    assert isinstance(named, GraphQLObjectType)
    chosen = ["__typename"]
    for name, field in named.fields.items():
        inner = get_named_type(field.type)
        if any(isinstance(argument.type, GraphQLNonNull) for argument in field.args.values()):
            continue
        if is_leaf_type(inner) and name in _TELLING:
            chosen.append(name)
        elif not is_leaf_type(inner) and depth and (name in _TELLING or name == "collection"):
            chosen.append(f"{name} {_selection(inner, depth - 2)}" if depth > 1 else "")
    return "{ " + " ".join(chosen) + " }"

"""Named operations from ``.graphql`` files: what the pages run, and what may be called over HTTP by SHA-256 id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse, print_ast, validate, visit
from graphql.language import FragmentSpreadNode, Visitor

from billwright.graphql.limits import refusal
from billwright.graphql.schema import schema

FOLDER = Path(__file__).parent.parent / "ui" / "operations"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with the fragments that it needs. ``id`` is the SHA-256 of its text."""

    name: str
    text: str

    @property
    def id(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        self.names.append(node.name.value)


def load_operations(folder: Path = FOLDER) -> Mapping[str, Operation]:
    """Every operation of the folder's files by name, fragments shared between files.

    Raises ``ValueError`` for a name used twice, an operation without name and a fragment that is nowhere. Whether the
    schema takes them is asked by ``problems_of``, in the tests, and with each one's first use.
    """
    operations: dict[str, OperationDefinitionNode] = {}
    fragments: dict[str, FragmentDefinitionNode] = {}
    for file in sorted(folder.glob("*.graphql")):
        for node in parse(file.read_text(encoding="utf-8")).definitions:
            if not isinstance(node, OperationDefinitionNode | FragmentDefinitionNode) or node.name is None:
                raise ValueError(f"{file.name}: every definition is a named operation or a fragment")
            name = node.name.value
            if name in (operations if isinstance(node, OperationDefinitionNode) else fragments):
                raise ValueError(f"{file.name}: {name} is defined twice")
            if isinstance(node, OperationDefinitionNode):
                operations[name] = node
            else:
                fragments[name] = node
    return {name: _complete(name, node, fragments) for name, node in operations.items()}


def _complete(name: str, node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Operation:
    needed: list[str] = []
    pending: list[OperationDefinitionNode | FragmentDefinitionNode] = [node]
    while pending:
        spreads = _Spreads()
        visit(pending.pop(), spreads)
        for spread in spreads.names:
            if spread not in fragments:
                raise ValueError(f"{name}: no fragment {spread}")
            if spread not in needed:
                needed.append(spread)
                pending.append(fragments[spread])
    text = "\n\n".join(print_ast(part) for part in (node, *(fragments[item] for item in sorted(needed))))
    return Operation(name, text)


def problems_of(operation: Operation) -> list[str]:
    """Why the schema or its limits refuse an operation; nothing for one that they take."""
    document = parse(operation.text)
    problems = [error.message for error in validate(schema()._schema, document)]
    too_much = refusal(document)
    return [*problems, too_much] if too_much else problems


@cache
def operations() -> Mapping[str, Operation]:
    """The operations of this installation by name."""
    return load_operations()


@cache
def operations_by_id() -> Mapping[str, Operation]:
    """The same by SHA-256 id."""
    return {operation.id: operation for operation in operations().values()}

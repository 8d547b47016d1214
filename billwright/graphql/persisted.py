"""Named operations from ``.graphql`` files: what the pages run, and what may be called over HTTP by SHA-256 id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse, print_ast, validate, visit
from graphql.language import FragmentSpreadNode, Visitor

from billwright.graphql import limits
from billwright.graphql.schema import schema

FOLDER = Path(__file__).parent.parent / "ui" / "operations"
SDL = Path(__file__).parent / "schema.graphql"
_VALIDATED = "validated.sha256"


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
    schema takes them is asked by ``check_operations``.
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
    too_much = limits.refusal(document)
    return [*problems, too_much] if too_much else problems


def fingerprint(folder: Path = FOLDER) -> str:
    """Of all that decides whether the operations are taken: their files, the schema's, and the limits."""
    found = hashlib.sha256(SDL.read_bytes())
    for file in sorted(folder.glob("*.graphql")):
        found.update(file.read_bytes())
    found.update(
        repr(sorted((name, value) for name, value in vars(limits).items() if name.startswith("MAX_"))).encode()
    )
    return found.hexdigest()


def check_operations(folder: Path = FOLDER) -> None:
    """Validate the operations against the schema, as every server does when it starts (spec 07 §6.3).

    That takes a second; of files for which it was done when they were written, ``validated.sha256`` holds the
    fingerprint, and they are not validated again. Raises ``ValueError`` naming what the schema does not take.
    """
    validated = folder / _VALIDATED
    if validated.exists() and validated.read_text().strip() == fingerprint(folder):
        return
    found = {name: problems for name, each in load_operations(folder).items() if (problems := problems_of(each))}
    if found:
        raise ValueError(f"operations that the schema does not take: {found}")


@cache
def operations() -> Mapping[str, Operation]:
    """The operations of this installation by name."""
    return load_operations()


@cache
def operations_by_id() -> Mapping[str, Operation]:
    """The same by SHA-256 id."""
    return {operation.id: operation for operation in operations().values()}


if __name__ == "__main__":  # after a change of an operation or of the schema
    (FOLDER / _VALIDATED).unlink(missing_ok=True)
    check_operations()
    (FOLDER / _VALIDATED).write_text(fingerprint() + "\n")

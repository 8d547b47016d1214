"""How much one operation may ask for (spec 07 §6.3). Counted on the document, before anything is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)
from graphql.validation import ValidationContext, ValidationRule
from graphql.validation.validate import ValidationAbortedError

MAX_CHARACTERS = 15_000
MAX_TOKENS = 5_000
MAX_DEPTH = 15
MAX_COMPLEXITY = 350
MAX_ALIASES = 30
MAX_ROOT_FIELDS = 15
MAX_MUTATIONS = 5


@dataclass(frozen=True, slots=True)
class Weight:
    """What a selection asks for after fragments are expanded."""

    fields: int = 0
    depth: int = 0
    aliases: int = 0
    roots: int = 0


class _Weigher:
    """Weighs selections; a fragment is weighed once, however often it is spread, so that nesting costs nothing."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Weight] = {}
        self._open: set[str] = set()

    def weigh(self, selection: SelectionSetNode | None) -> Weight:
        fields = depth = aliases = roots = 0
        for node in selection.selections if selection else ():
            if isinstance(node, FieldNode):
                inner = Weight() if node.name.value in ("__schema", "__type") else self.weigh(node.selection_set)
                part = Weight(inner.fields + 1, inner.depth + 1, inner.aliases + (node.alias is not None), 1)
            elif isinstance(node, FragmentSpreadNode):
                part = self._fragment(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                part = self.weigh(node.selection_set)
            else:
                continue
            fields += part.fields
            depth = max(depth, part.depth)
            aliases += part.aliases
            roots += part.roots
        return Weight(fields, depth, aliases, roots)

    def _fragment(self, name: str) -> Weight:
        if name in self._known:
            return self._known[name]
        node = self._fragments.get(name)
        if node is None or name in self._open:
            return Weight()
        self._open.add(name)
        self._known[name] = self.weigh(node.selection_set)
        self._open.discard(name)
        return self._known[name]


def refusal(document: DocumentNode) -> str | None:
    """Why the document is too much, in words; ``None`` if it is not."""
    weigher = _Weigher(document)
    for node in document.definitions:
        if not isinstance(node, OperationDefinitionNode):
            continue
        weight = weigher.weigh(node.selection_set)
        for name, value, limit in (
            ("depth", weight.depth, MAX_DEPTH),
            ("complexity", weight.fields, MAX_COMPLEXITY),
            ("aliases", weight.aliases, MAX_ALIASES),
            ("root fields", weight.roots, MAX_ROOT_FIELDS),
        ):
            if value > limit:
                return f"Query has {name} of {value}, which exceeds the maximum of {limit}"
        if node.operation is OperationType.MUTATION and weight.roots > MAX_MUTATIONS:
            return f"Query has {weight.roots} mutations, which exceeds the maximum of {MAX_MUTATIONS}"
    return None


class WithinLimits(ValidationRule):
    """Refuses documents beyond the limits with ``query_too_complex``, before anything else looks at their fields: some
    rules compare each field with every other one."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        text = refusal(node)
        if text is not None:
            raise ValidationAbortedError(text, extensions={"status": 400, "code": "query_too_complex"})

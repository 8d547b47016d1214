"""What keeps the schema's callers working: nothing released goes away, names follow the rules (spec 07 §6.1, §6.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    find_breaking_changes,
    get_named_type,
)

from billwright.graphql.schema import schema

RELEASES = sorted((Path(__file__).parent / "releases").glob("*.graphql"))
"""The schema's text as it was released; the next release adds its own. None of them ever changes."""
NO_INPUTS = {"CustomerMetadataFilter"}
"""An argument of a query, named as in the reference."""
NO_PAGES = {"DraftInvoiceTaxes"}
"""A ``collection`` of everything that was sent, without pages."""
SHARED_INPUTS = {
    "googleLoginUser", "googleProve", "googleAcceptInvite", "oktaLogin", "oktaAcceptInvite",
    "previewSubscription", "previewSubscriptionUpdate", "previewSubscriptionTermination",
    "createInvoicesDataExport", "createCreditNotesDataExport",
}  # fmt: skip
"""A preview takes what the change takes, answers of identity providers are alike, exports are the reference's."""


def _types() -> Iterator[GraphQLNamedType]:
    return (kind for name, kind in schema()._schema.type_map.items() if not name.startswith("__"))


@pytest.mark.parametrize("released", RELEASES, ids=lambda path: path.stem)
def test_nothing_that_was_released_breaks(released: Path) -> None:
    """Removals, other types, new mandatory arguments: callers of that release go on unchanged."""
    changes = find_breaking_changes(build_schema(released.read_text()), schema()._schema)
    assert [change.description for change in changes] == []


def test_a_breaking_change_would_be_seen() -> None:
    """The guard can bark."""
    text = RELEASES[-1].read_text()
    field = "  currentVersion: CurrentVersion!"
    assert text.count(field) == 1
    changes = find_breaking_changes(
        build_schema(text), build_schema(text.replace(field, field.replace("currentVersion", "another")))
    )
    assert [change.description for change in changes] == ["Field Query.currentVersion was removed."]


def test_types_fields_and_enums_are_named_as_the_rules_say() -> None:
    wrong: list[str] = []
    for kind in _types():
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", kind.name):
            wrong.append(kind.name)
        if isinstance(kind, GraphQLEnumType):
            wrong += [] if kind.name.endswith("Enum") else [kind.name]
            wrong += [f"{kind.name}.{value}" for value in kind.values if not re.fullmatch(r"[a-z][a-z0-9_]*", value)]
        if isinstance(kind, GraphQLInputObjectType) and not kind.name.endswith("Input") and kind.name not in NO_INPUTS:
            wrong.append(kind.name)
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
            wrong += [f"{kind.name}.{name}" for name in kind.fields if not re.fullmatch(r"[a-z][A-Za-z0-9]*", name)]
    assert wrong == []


def test_lists_are_collections_with_metadata() -> None:
    wrong: list[str] = []
    for kind in _types():
        if isinstance(kind, GraphQLObjectType) and "collection" in kind.fields and kind.name not in NO_PAGES:
            item = get_named_type(kind.fields["collection"].type)
            wrong += [] if kind.name == f"{item.name}Collection" else [kind.name]
            described = get_named_type(kind.fields["metadata"].type)
            assert isinstance(described, GraphQLObjectType)
            if not {"currentPage", "totalPages", "totalCount", "limitValue"} <= described.fields.keys():
                wrong.append(f"{kind.name}.metadata")
    query = schema()._schema.query_type
    assert query is not None
    for name, field in query.fields.items():
        returned = get_named_type(field.type)
        paged = returned.name.endswith("Collection")
        if paged != ({"page", "limit"} <= field.args.keys()):
            wrong.append(f"{name} has {'no ' if paged else ''}page and limit")
    assert wrong == []


def test_mutations_take_one_input_of_their_own() -> None:
    mutation = schema()._schema.mutation_type
    assert mutation is not None
    wrong: list[str] = []
    for name, field in mutation.fields.items():
        assert list(field.args) == ["input"], name
        given = get_named_type(field.args["input"].type)
        assert isinstance(given, GraphQLInputObjectType), name
        if "clientMutationId" not in given.fields:
            wrong.append(f"{name} takes no clientMutationId")
        if name not in SHARED_INPUTS and given.name.lower() != f"{name}Input".lower():
            wrong.append(f"{name} takes {given.name}")
    assert wrong == []
    assert mutation.fields.keys() >= SHARED_INPUTS

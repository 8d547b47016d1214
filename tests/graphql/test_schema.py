"""The schema as a whole: what every field needs, what is described, what is committed (spec 07 §6.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType

from billwright.billing.access.permissions import PERMISSIONS
from billwright.graphql.permissions import (
    FieldPermission,
    HasPermission,
    IsMember,
    IsPortalCustomer,
    IsPublic,
    IsSignedIn,
)
from billwright.graphql.schema import Mutation, Query, schema

SNAPSHOT = Path(__file__).parents[2] / "billwright" / "graphql" / "schema.graphql"
ROOT_FIELDS = [
    pytest.param(field, id=f"{root.__name__}.{field.python_name}")
    for root in (Query, Mutation)
    for field in root.__strawberry_definition__.fields
]


@pytest.mark.parametrize("field", ROOT_FIELDS)
def test_every_root_field_names_exactly_one_permission(field: Any) -> None:
    classes = field.permission_classes
    assert len(classes) == 1
    [permission] = classes
    assert issubclass(permission, FieldPermission)
    if permission not in (IsPublic, IsMember, IsSignedIn, IsPortalCustomer):
        assert permission.names
        assert set(permission.names) <= set(PERMISSIONS)


def test_unknown_permissions_are_refused_at_import() -> None:
    with pytest.raises(ValueError, match="customers:fly"):
        HasPermission("customers:fly")


def test_everything_is_described() -> None:
    missing: list[str] = []
    for name, kind in schema()._schema.type_map.items():
        if name.startswith("__") or name in ("Query", "Mutation", "String", "Boolean", "Int", "ID", "Float"):
            continue
        if not kind.description:
            missing.append(name)
    for name, kind in schema()._schema.type_map.items():
        if name.startswith("__") or isinstance(kind, GraphQLEnumType):
            continue
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
            for field_name, field in kind.fields.items():
                if not field.description:
                    missing.append(f"{name}.{field_name}")
                for argument, definition in getattr(field, "args", {}).items():
                    if not definition.description:
                        missing.append(f"{name}.{field_name}({argument})")
    assert missing == []


def test_amounts_are_big_integers() -> None:
    """Spec 07 §10, trap 20."""
    for name, kind in schema()._schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field_name, field in kind.fields.items():
                if field_name.endswith("AmountCents") or field_name == "amountCents":
                    assert str(field.type).rstrip("!") == "BigInt", f"{name}.{field_name}"


def test_the_committed_schema_is_this_one() -> None:
    """Write it anew with ``python -m billwright.graphql.schema > billwright/graphql/schema.graphql``, and then the
    fingerprint of the operations with ``python -m billwright.graphql.persisted``."""
    assert SNAPSHOT.read_text() == schema().as_str() + "\n"

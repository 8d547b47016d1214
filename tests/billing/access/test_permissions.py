"""Roles and scopes (spec 07 §2.3, §2.4, §3.3)."""

from __future__ import annotations

import pytest

from billwright.billing.access.permissions import (
    API_RESOURCES,
    PERMISSIONS,
    all_api_permissions,
    camel_case,
    check_api_permissions,
    check_roles,
    permissions_of,
    require_api_permission,
    require_permission,
)
from billwright.billing.kernel.errors import Forbidden, ValidationFailed
from tests.access.matrix import ROLES


def test_admin_has_everything() -> None:
    assert permissions_of(["admin"]) == PERMISSIONS.keys()


def test_matrix() -> None:
    """Spec 07 §3.3, cell by cell; ``tests/access`` holds every door against the same table."""
    assert PERMISSIONS == ROLES
    assert len(PERMISSIONS) == 96
    for role in ("admin", "manager", "finance"):
        assert permissions_of([role]) == {name for name, roles in ROLES.items() if role in roles}


def test_several_roles_are_a_union() -> None:
    both = permissions_of(["manager", "finance", "unknown"])
    assert both == permissions_of(["manager"]) | permissions_of(["finance"])
    assert "customers:delete" in both
    assert "analytics:view" in both
    assert "plans:create" not in both


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("customers:create", "customersCreate"),
        ("developers:keys:manage", "developersKeysManage"),
        ("organization:taxes:view", "organizationTaxesView"),
        ("wallets:top_up", "walletsTopUp"),
    ],
)
def test_graphql_names(name: str, shown: str) -> None:
    assert camel_case(name) == shown


def test_required_permissions_are_alternatives() -> None:
    require_permission(frozenset({"plans:view"}), "plans:create", "plans:view")
    with pytest.raises(Forbidden) as refused:
        require_permission(frozenset({"plans:view"}), "plans:create", "plans:update")
    assert refused.value.required_permissions == ["plans:create", "plans:update"]


def test_roles() -> None:
    assert check_roles(["finance", "admin", "admin"]) == ["admin", "finance"]
    for wrong in ([], None, ["boss"], "admin", [["admin"]]):
        with pytest.raises(ValidationFailed) as refused:
            check_roles(wrong)
        assert refused.value.details == {"roles": ["invalid_role"]}


def test_scopes_of_a_full_key() -> None:
    full = all_api_permissions()
    assert set(full) == set(API_RESOURCES)
    assert (full["tax"], full["analytic"], full["customer_usage"]) == (["read", "write"], ["read"], ["read"])
    assert check_api_permissions(full) == full


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "value_is_mandatory"),
        (None, "value_is_mandatory"),
        ({"nothing": ["read"]}, "forbidden_keys"),
        ({"plan": ["delete"]}, "forbidden_values"),
        ({"plan": "read"}, "forbidden_values"),
        ([1], "forbidden_keys"),
    ],
)
def test_permission_maps(given: object, code: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_api_permissions(given)
    assert refused.value.details == {"permissions": [code]}


def test_absent_and_empty_resources_give_no_access() -> None:
    granted = check_api_permissions({"plan": [], "tax": ["write", "read"]})
    assert granted == {"plan": [], "tax": ["read", "write"]}
    require_api_permission(granted, "tax", "read")
    for resource in ("plan", "customer"):
        with pytest.raises(Forbidden) as refused:
            require_api_permission(granted, resource, "read")
        assert refused.value.code == f"read_action_not_allowed_for_{resource}"

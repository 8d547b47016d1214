"""The one table of permissions: what members may do by role, and what API keys may reach (spec 07 §2.4, §3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from billwright.billing.kernel.errors import Forbidden, ValidationFailed
from billwright.billing.kernel.inputs import as_list, as_mapping

ROLES: Final = ("admin", "manager", "finance")
ROLE_NAMES: Final = {"admin": "Admin", "manager": "Account manager", "finance": "Finance & analyst"}

_MATRIX: Final = """
addons: view AMF, create A, update A, delete A
analytics: view AF
audit_logs: view A
authentication_methods: view A, update A
billable_metrics: view A, create A, update A, delete A
billing_entities: view AMF, create AF, update AF, delete AF
charges: create A, update A, delete A
coupons: view AMF, create A, update A, delete A, attach AM, detach AM
credit_notes: view AMF, create AMF, update AMF, void AMF, export AMF, send AMF
customers: view AMF, create AM, update AM, delete AM
developers: manage A, keys:manage A
dunning_campaigns: view AMF, create AF, update AF, delete AF
features: view A, create A, update A, delete A
invoices: view AMF, send AMF, create AMF, update AMF, void AMF, export AMF, delete A
invoice_custom_sections: view AF, create AF, update AF, delete AF
organization: view AF, update AF
organization:invoices: view AF, update AF
organization:taxes: view A, update A
organization:emails: view A, update A
organization:integrations: view AF, create AF, update AF, delete AF
organization:members: view A, create A, update A, delete A
payments: view AMF, create AMF
payment_methods: view A, create A, update A, delete A
payment_receipts: view AMF, send AMF
plans: view AMF, create A, update A, delete A
roles: view A, create A, update A, delete A
security_logs: view A
subscriptions: view AMF, create AM, update AM
wallets: create AM, update AM, top_up AM, terminate AM
"""


def _read_matrix() -> dict[str, frozenset[str]]:
    initials = {role[0].upper(): role for role in ROLES}
    table: dict[str, frozenset[str]] = {}
    for line in _MATRIX.strip().splitlines():
        resource, _, actions = line.partition(": ")
        for entry in actions.split(", "):
            action, _, roles = entry.rpartition(" ")
            table[f"{resource}:{action}"] = frozenset(initials[initial] for initial in roles)
    return table


PERMISSIONS: Final[Mapping[str, frozenset[str]]] = _read_matrix()
"""Full name ``<resource>:<action>`` -> roles that have it. Admin has every permission."""

_BY_ROLE: Final = {role: frozenset(name for name, roles in PERMISSIONS.items() if role in roles) for role in ROLES}


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """Union of the permissions of ``roles``; unknown roles grant nothing."""
    granted: frozenset[str] = frozenset()
    for role in roles:
        granted |= _BY_ROLE.get(role, frozenset())
    return granted


def camel_case(permission: str) -> str:
    """GraphQL name of a permission: ``developers:keys:manage`` -> ``developersKeysManage`` (spec 07 §3.3)."""
    first, *rest = permission.replace(":", "_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def check_roles(roles: Any) -> list[str]:
    """``roles`` as a list without repetitions; ``roles: invalid_role`` when empty or unknown."""
    given = as_list(roles)
    if not given or any(role not in ROLES for role in given):
        raise ValidationFailed(roles="invalid_role")
    return [role for role in ROLES if role in given]


READ, WRITE = "read", "write"

_READ_ONLY = frozenset({"activity_log", "analytic", "api_log", "customer_usage", "webhook_jwt_public_key"})

API_RESOURCES: Final = tuple(
    """activity_log add_on alert analytic api_log applied_coupon billable_metric billing_entity coupon credit_note
    customer customer_usage event feature fee invoice invoice_custom_section lifetime_usage organization payment
    payment_method payment_receipt payment_request plan subscription tax wallet wallet_transaction webhook_endpoint
    webhook_jwt_public_key""".split()
)
"""Keys of an API key's permission map (spec 07 §2.4)."""


def all_api_permissions() -> dict[str, list[str]]:
    """The map of a key that may do everything: every resource with the modes it knows."""
    return {resource: [READ] if resource in _READ_ONLY else [READ, WRITE] for resource in API_RESOURCES}


def check_api_permissions(given: Any) -> dict[str, list[str]]:
    """A validated permission map (spec 07 §2.3): ``value_is_mandatory``, ``forbidden_keys``, ``forbidden_values``."""
    if not given:
        raise ValidationFailed(permissions="value_is_mandatory")
    resources = as_mapping(given)
    if resources is None or any(key not in API_RESOURCES for key in resources):
        raise ValidationFailed(permissions="forbidden_keys")
    checked: dict[str, list[str]] = {}
    for resource, value in resources.items():
        modes = as_list(value)
        if modes is None or any(mode not in (READ, WRITE) for mode in modes):
            raise ValidationFailed(permissions="forbidden_values")
        checked[resource] = [mode for mode in (READ, WRITE) if mode in modes]
    return checked


def require_api_permission(granted: Mapping[str, list[str]], resource: str, mode: str) -> None:
    """403 ``<mode>_action_not_allowed_for_<resource>`` unless the key's map allows ``mode`` on ``resource``."""
    if mode not in granted.get(resource, ()):
        raise Forbidden(f"{mode}_action_not_allowed_for_{resource}")


def require_permission(granted: Iterable[str], *alternatives: str) -> None:
    """403 ``forbidden`` unless one of ``alternatives`` (full names of ``PERMISSIONS``) is granted."""
    held = granted if isinstance(granted, frozenset | set) else frozenset(granted)
    if not any(name in held for name in alternatives):
        raise Forbidden("forbidden", alternatives)

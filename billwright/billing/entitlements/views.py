"""Features and entitlements as they are shown, and their wire forms. Knows no plan and no subscription."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from billwright.billing.entitlements.effective import Chosen
from billwright.billing.entitlements.models import Feature, Privilege
from billwright.billing.entitlements.schemas import (
    FeatureOut,
    PlanEntitlementOut,
    PlanPrivilegeOut,
    PrivilegeOut,
    SubscriptionEntitlementOut,
    SubscriptionPrivilegeOut,
)
from billwright.billing.entitlements.values import Value, typed
from billwright.billing.kernel.clock import iso

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A feature with its privileges, oldest first."""

    feature: Feature
    privileges: tuple[Privilege, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted(Generic[V]):
    """A feature with the privileges that have a value, in the feature's order."""

    feature: Feature
    values: tuple[tuple[Privilege, V], ...]


PlanGrant = Granted[str]
"""Granted by a plan; values are canonical text."""
OwnGrant = Granted[Chosen[str]]
"""Granted to a subscription."""


def privilege_object(privilege: Privilege) -> PrivilegeOut:
    """The wire form of a privilege."""
    return {
        "code": privilege.code,
        "name": privilege.name,
        "value_type": privilege.value_type,
        "config": privilege.config,
    }


def feature_object(view: FeatureView) -> FeatureOut:
    """The wire form of a feature."""
    return {
        "code": view.feature.code,
        "name": view.feature.name,
        "description": view.feature.description,
        "privileges": [privilege_object(item) for item in view.privileges],
        "created_at": iso(view.feature.created_at) or "",
    }


def plan_entitlement_object(granted: PlanGrant) -> PlanEntitlementOut:
    """The wire form of a plan's entitlement."""
    feature = granted.feature
    return {
        "code": feature.code,
        "name": feature.name,
        "description": feature.description,
        "privileges": [
            PlanPrivilegeOut(**privilege_object(item), value=typed(item.value_type, text))
            for item, text in granted.values
        ],
    }


def subscription_entitlement_object(granted: OwnGrant) -> SubscriptionEntitlementOut:
    """The wire form of a subscription's entitlement."""
    feature = granted.feature
    privileges = [_of_subscription(item, chosen) for item, chosen in granted.values]
    overrides: dict[str, Value] = {}
    for shown in privileges:
        if shown["override_value"] is not None:
            overrides[shown["code"]] = shown["override_value"]
    return {
        "code": feature.code,
        "name": feature.name,
        "description": feature.description,
        "privileges": privileges,
        "overrides": overrides,
    }


def _of_subscription(privilege: Privilege, chosen: Chosen[str]) -> SubscriptionPrivilegeOut:
    def shown(text: str | None) -> Value | None:
        return None if text is None else typed(privilege.value_type, text)

    return SubscriptionPrivilegeOut(
        **privilege_object(privilege),
        value=typed(privilege.value_type, chosen.value),
        plan_value=shown(chosen.plan_value),
        override_value=shown(chosen.override_value),
    )

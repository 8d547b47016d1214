"""Inputs and wire outputs of features and entitlements (spec 07 §9.3)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import TypedDict

from billwright.billing.entitlements.values import Value
from billwright.billing.kernel.inputs import Input, Text, refuse
from billwright.billing.kernel.outputs import Instant


def _trimmed(value: str) -> str:
    if not value.strip():
        raise refuse("value_is_mandatory")
    return value.strip()


def _null_is_missing(value: Any) -> Any:
    if value is None:
        raise refuse("value_is_mandatory")
    return value


Code = Annotated[Text, AfterValidator(_trimmed), Field(max_length=255)]
Name = Annotated[Text, Field(max_length=255)]


class FeatureInput(Input):
    """A feature as it is sent, ``privileges`` unread (see ``privileges``)."""

    name: Name | None = None
    description: Annotated[Text, Field(max_length=600)] | None = None
    privileges: list[Any] | None = None


class FeatureCreate(FeatureInput):
    """A new feature."""

    code: Annotated[Code, BeforeValidator(_null_is_missing)]


class FeatureUpdate(FeatureInput):
    """Changes of a feature; absent attributes stay, privileges are merged."""


class PrivilegeInput(Input):
    """A privilege as it is sent."""

    code: Annotated[Code, BeforeValidator(_null_is_missing)]
    name: Name | None = None
    value_type: Any = None
    config: Any = None


class EntitlementsInput(Input):
    """``{feature code: {privilege code: value}}``, unread."""

    entitlements: Any = None


class PrivilegeOut(TypedDict):
    """A privilege of the contract. ``config`` is empty or ``{"select_options": [...]}``."""

    code: str
    name: str | None
    value_type: str
    config: dict[str, Any]


class FeatureOut(TypedDict):
    """The ``feature`` object of the contract."""

    code: str
    name: str | None
    description: str | None
    privileges: list[PrivilegeOut]
    created_at: Instant


class PlanPrivilegeOut(PrivilegeOut):
    """A privilege with the plan's value, typed by ``value_type``."""

    value: Value


class PlanEntitlementOut(TypedDict):
    """A feature that a plan grants, with the privileges that have a value."""

    code: str
    name: str | None
    description: str | None
    privileges: list[PlanPrivilegeOut]


class SubscriptionPrivilegeOut(PlanPrivilegeOut):
    """The value that counts; null in the other two where the plan, or the subscription, has none."""

    plan_value: Value | None
    override_value: Value | None


class SubscriptionEntitlementOut(TypedDict):
    """A feature of a subscription's effective set; ``overrides``: privilege code -> the subscription's own value."""

    code: str
    name: str | None
    description: str | None
    privileges: list[SubscriptionPrivilegeOut]
    overrides: dict[str, Value]


class WrappedEntitlementOut(TypedDict):
    """An entitlement inside a plan."""

    entitlement: PlanEntitlementOut

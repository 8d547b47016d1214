"""What a subscription is entitled to: pure set arithmetic over its plan's grants and its own (spec 07 §9.3)."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, TypeVar

F = TypeVar("F")
P = TypeVar("P")
V = TypeVar("V")

Grants = Mapping[F, Mapping[P, V]]
"""Feature -> privilege -> value, in order of granting; an empty inner mapping is a grant without values."""


@dataclass(frozen=True, slots=True)
class Chosen(Generic[V]):
    """One privilege's value with where it comes from; at least one of the two is there."""

    plan_value: V | None
    override_value: V | None

    @property
    def value(self) -> V:
        """The one that counts: the subscription's before the plan's."""
        found = self.plan_value if self.override_value is None else self.override_value
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class Removals(Generic[F, P]):
    """Whole features, and single privileges, that a subscription goes without."""

    features: AbstractSet[F]
    privileges: AbstractSet[P]


def effective(plan: Grants[F, P, V], own: Grants[F, P, V], removed: Removals[F, P]) -> dict[F, dict[P, Chosen[V]]]:
    """The plan's grants less the removals, the subscription's values in place, then what only the subscription has.

    What a subscription grants itself is never removed: whoever removes drops it, and sending it restores.
    """
    found: dict[F, dict[P, Chosen[V]]] = {}
    for feature, values in plan.items():
        given = own.get(feature)
        gone = feature in removed.features
        if gone and given is None:
            continue
        kept = {name: value for name, value in values.items() if not gone and name not in removed.privileges}
        found[feature] = {name: Chosen(value, None) for name, value in kept.items()}
        for name, value in (given or {}).items():
            found[feature][name] = Chosen(kept.get(name), value)
    for feature, values in own.items():
        if feature not in plan:
            found[feature] = {name: Chosen(None, value) for name, value in values.items()}
    return found


@dataclass(frozen=True, slots=True)
class Own(Generic[F, P, V]):
    """Everything that one subscription keeps for itself."""

    grants: Grants[F, P, V]
    removed: Removals[F, P]


def with_feature(plan: Grants[F, P, V], own: Own[F, P, V], feature: F, sent: Mapping[P, V]) -> Own[F, P, V]:
    """``own`` after ``feature`` was sent with these values.

    A value equal to the plan's drops the override; a removed feature or privilege that is sent is restored. What is
    then no different from the plan is not kept, so that it follows the plan.
    """
    granted = plan.get(feature)
    values = {**own.grants.get(feature, {}), **sent}
    values = {name: value for name, value in values.items() if granted is None or granted.get(name) != value}
    grants = {name: value for name, value in own.grants.items() if name != feature or values or granted is None}
    if values or granted is None:
        grants[feature] = values
    return Own(grants, Removals(own.removed.features - {feature}, own.removed.privileges - set(sent)))


def without_feature(plan: Grants[F, P, V], own: Own[F, P, V], feature: F, privileges: AbstractSet[P]) -> Own[F, P, V]:
    """``own`` after ``feature``, all of whose privileges are ``privileges``, was removed."""
    grants = {name: values for name, values in own.grants.items() if name != feature}
    features = own.removed.features | {feature} if feature in plan else own.removed.features - {feature}
    return Own(grants, Removals(features, own.removed.privileges - privileges))


def without_privilege(plan: Grants[F, P, V], own: Own[F, P, V], feature: F, privilege: P) -> Own[F, P, V]:
    """``own`` after one privilege was removed; the feature stays, if need be without values."""
    granted = plan.get(feature)
    grants = dict(own.grants)
    if feature in grants:
        values = {name: value for name, value in grants[feature].items() if name != privilege}
        if values or granted is None:
            grants[feature] = values
        else:
            del grants[feature]
    privileges = own.removed.privileges - {privilege}
    if granted is not None and privilege in granted:
        privileges = privileges | {privilege}
    return Own(grants, Removals(own.removed.features, privileges))

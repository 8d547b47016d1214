"""Use cases of features: the only writers (spec 07 §9.3). Nothing is billed by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.entitlements.models import (
    LIVE,
    Entitlement,
    EntitlementRemoval,
    EntitlementValue,
    Feature,
    Privilege,
)
from billwright.billing.entitlements.queries import feature_views, find_feature
from billwright.billing.entitlements.schemas import FeatureCreate, FeatureUpdate, PrivilegeInput
from billwright.billing.entitlements.values import SELECT_OPTIONS, VALUE_TYPES
from billwright.billing.entitlements.views import FeatureView
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.inputs import as_list, as_mapping
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.models import Subscription


async def create_feature(ctx: Context, inp: FeatureCreate) -> FeatureView:
    """A new feature with its privileges, all or nothing.

    Raises ``ValidationFailed``: ``code: value_already_exist`` and the codes of ``_read_privileges``.
    """
    sent = _read_privileges(inp.privileges or (), {})
    now = ctx.now()
    made = await ctx.session.scalar(
        insert(Feature)
        .values(
            id=new_id(),
            organization_id=ctx.organization_id,
            created_at=now,
            updated_at=now,
            code=inp.code,
            name=inp.name,
            description=inp.description,
        )
        .on_conflict_do_nothing(index_elements=["organization_id", "code"], index_where=LIVE)
        .returning(col(Feature.id))
    )
    if made is None:
        raise ValidationFailed(code="value_already_exist")
    feature = await ctx.session.get_one(Feature, made)
    await _merge(ctx, feature, {}, sent)
    await emit(ctx, "feature.created", "feature", feature.id)
    return await _view(ctx, feature)


async def update_feature(ctx: Context, code: str, inp: FeatureUpdate) -> FeatureView:
    """Change what was sent; privileges are merged: known ones change their name and gain options, others are made.

    Raises ``NotFound("feature")`` and ``ValidationFailed`` (codes of ``_read_privileges``).
    """
    feature = await find_feature(ctx, code, lock=True)
    known = {item.code: item for item in (await _view(ctx, feature)).privileges}
    sent = _read_privileges(inp.privileges or (), known)
    for name, value in inp.given_values("name", "description").items():
        setattr(feature, name, value)
    feature.updated_at = ctx.now()
    await _merge(ctx, feature, known, sent)
    await _announce(ctx, feature, "feature.updated")
    return await _view(ctx, feature)


async def delete_privilege(ctx: Context, code: str, privilege_code: str) -> FeatureView:
    """Remove a privilege with its values everywhere. Raises ``NotFound`` (``feature``, ``privilege``)."""
    feature = await find_feature(ctx, code, lock=True)
    gone = next((item for item in (await _view(ctx, feature)).privileges if item.code == privilege_code), None)
    if gone is None:
        raise NotFound("privilege")
    session = ctx.session
    await session.execute(delete(EntitlementRemoval).where(col(EntitlementRemoval.privilege_id) == gone.id))
    touched = await session.scalars(
        delete(EntitlementValue)
        .where(col(EntitlementValue.privilege_id) == gone.id)
        .returning(col(EntitlementValue.entitlement_id))
    )
    await _drop_empty_overrides(ctx, touched.all())
    await session.delete(gone)
    feature.updated_at = ctx.now()
    await session.flush()
    await _announce(ctx, feature, "feature.updated")
    return await _view(ctx, feature)


async def delete_feature(ctx: Context, code: str) -> FeatureView:
    """Hide the feature, free its code and end every grant of it. Raises ``NotFound("feature")``."""
    feature = await find_feature(ctx, code, lock=True)
    granting = await _granting_plans(ctx, feature)
    session = ctx.session
    ids = select(col(Entitlement.id)).where(col(Entitlement.feature_id) == feature.id)
    await session.execute(delete(EntitlementRemoval).where(col(EntitlementRemoval.feature_id) == feature.id))
    await session.execute(delete(EntitlementValue).where(col(EntitlementValue.entitlement_id).in_(ids)))
    await session.execute(delete(Entitlement).where(col(Entitlement.feature_id) == feature.id))
    feature.deleted_at = feature.updated_at = ctx.now()
    await session.flush()
    await emit(ctx, "feature.deleted", "feature", feature.id)
    for plan_id in granting:
        await emit(ctx, "plan.updated", "plan", plan_id)
    return await _view(ctx, feature)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A privilege as it was sent, checked. ``options``: those of a ``select``, without repetitions."""

    code: str
    value_type: str
    options: list[str]
    names: dict[str, Any]


def _read_privileges(raw: Sequence[Any], known: Mapping[str, Privilege]) -> list[_Sent]:
    """The privileges sent; ``known`` ones by code keep their type.

    Raises ``ValidationFailed``: ``privileges: value_is_invalid``, ``privilege.code: value_is_mandatory |
    value_is_duplicated | value_is_too_long``, ``privilege.name: value_is_too_long``, ``privilege.value_type:
    value_is_invalid``, ``privilege.config: invalid_format``.
    """
    problems = Problems()
    found: list[_Sent] = []
    for index, item in enumerate(raw):
        with problems.inside("privileges", index):
            if as_mapping(item) is None:
                problems.add("privileges", "value_is_invalid")
                continue
            try:
                inp = PrivilegeInput.parse(item)
            except ValidationFailed as failure:
                for name, codes in failure.details.items():
                    for code in codes:
                        problems.add(f"privilege.{name}", code, at=name)
                continue
            if any(other.code == inp.code for other in found):
                problems.add("privilege.code", "value_is_duplicated", at="code")
            existing = known.get(inp.code)
            value_type = existing.value_type if existing else "string" if inp.value_type is None else inp.value_type
            if value_type not in VALUE_TYPES:
                problems.add("privilege.value_type", "value_is_invalid", at="value_type")
                continue
            options = _read_options(value_type, inp.config, needed=existing is None)
            if options is None:
                problems.add("privilege.config", "invalid_format", at="config")
                continue
            found.append(_Sent(inp.code, value_type, options, inp.given_values("name")))
    problems.raise_if_any()
    return found


def _read_options(value_type: str, config: Any, *, needed: bool) -> list[str] | None:
    """The options of a ``select``; ``None`` for a configuration that the type cannot have."""
    if not config:
        empty = config is None or config == {}
        return [] if empty and not (needed and value_type == "select") else None
    sent = as_mapping(config)
    if value_type != "select" or sent is None:
        return None
    options = as_list(sent.get(SELECT_OPTIONS))
    if not options or not all(isinstance(option, str) and "\x00" not in option for option in options):
        return None
    return list(dict.fromkeys(options))


async def _merge(ctx: Context, feature: Feature, known: Mapping[str, Privilege], sent: Sequence[_Sent]) -> None:
    now = ctx.now()
    for item in sent:
        privilege = known.get(item.code)
        if privilege is None:
            privilege = Privilege(
                id=new_id(),
                created_at=now,
                updated_at=now,
                feature_id=feature.id,
                code=item.code,
                value_type=item.value_type,
            )
            ctx.session.add(privilege)
        for name, value in item.names.items():
            setattr(privilege, name, value)
        if item.options:
            before = privilege.config.get(SELECT_OPTIONS, [])
            privilege.config = {SELECT_OPTIONS: list(dict.fromkeys([*before, *item.options]))}
        privilege.updated_at = now
    await ctx.session.flush()


async def _view(ctx: Context, feature: Feature) -> FeatureView:
    return (await feature_views(ctx, [feature]))[0]


async def _announce(ctx: Context, feature: Feature, event_type: str) -> None:
    """The feature has changed, and with it the plans that grant it."""
    await ctx.session.flush()
    await emit(ctx, event_type, "feature", feature.id)
    for plan_id in await _granting_plans(ctx, feature):
        await emit(ctx, "plan.updated", "plan", plan_id)


async def _granting_plans(ctx: Context, feature: Feature) -> list[Any]:
    rows = await ctx.session.scalars(
        select(col(Plan.id))
        .join(Entitlement, col(Entitlement.plan_id) == col(Plan.id))
        .where(col(Entitlement.feature_id) == feature.id, col(Plan.deleted_at).is_(None))
        .order_by(col(Plan.created_at), col(Plan.id))
    )
    return list(rows.all())


async def _drop_empty_overrides(ctx: Context, touched: Sequence[Any]) -> None:
    """Overrides that have lost their last value say nothing any more where the plan grants the feature itself."""
    of_plan = aliased(Entitlement)
    granted = (
        select(col(of_plan.id))
        .join(Plan, func.coalesce(col(Plan.parent_id), col(Plan.id)) == col(of_plan.plan_id))
        .join(Subscription, col(Subscription.plan_id) == col(Plan.id))
        .where(
            col(Subscription.id) == col(Entitlement.subscription_id),
            col(of_plan.feature_id) == col(Entitlement.feature_id),
        )
        .correlate(Entitlement)
    )
    await ctx.session.execute(
        delete(Entitlement)
        .where(
            col(Entitlement.id).in_(touched),
            col(Entitlement.subscription_id).is_not(None),
            ~exists().where(col(EntitlementValue.entitlement_id) == col(Entitlement.id)),
            granted.exists(),
        )
        .execution_options(synchronize_session=False)
    )

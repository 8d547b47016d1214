"""Reading what is sent for a plan or subscription, and writing the difference it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.entitlements.models import Entitlement, EntitlementValue
from billwright.billing.entitlements.queries import features_by_codes
from billwright.billing.entitlements.values import SELECT_OPTIONS, BadValue, as_text
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.inputs import as_mapping

Sets = Mapping[UUID, Mapping[UUID, str]]


async def read_sent(ctx: Context, raw: Any) -> dict[UUID, dict[UUID, str]]:
    """``{feature code: {privilege code: value}}`` as ids and canonical texts, in the order sent.

    Raises ``NotFound`` (``feature``, ``privilege``) and ``ValidationFailed`` (``entitlements: value_is_invalid``;
    ``<privilege code>_privilege_value``: ``value_is_invalid``, ``value_not_in_select_options``).
    """
    sent = as_mapping(raw)
    if sent is None or any(as_mapping(values) is None for values in sent.values()):
        raise ValidationFailed(entitlements="value_is_invalid")
    views = await features_by_codes(ctx, sent)
    if any(code not in {item.code for item in views[name].privileges} for name in sent for code in sent[name]):
        raise NotFound("privilege")
    problems = Problems()
    found: dict[UUID, dict[UUID, str]] = {}
    for name, values in sent.items():
        view = views[name]
        read = found.setdefault(view.feature.id, {})
        known = {item.code: item for item in view.privileges}
        for code, value in values.items():
            privilege = known[code]
            try:
                read[privilege.id] = as_text(privilege.value_type, privilege.config.get(SELECT_OPTIONS, []), value)
            except BadValue as bad:
                problems.add(f"{code}_privilege_value", bad.code, at=f"entitlements.{name}.{code}")
    problems.raise_if_any()
    return found


async def store(
    ctx: Context, before: Sets, after: Sets, *, plan_id: UUID | None = None, subscription_id: UUID | None = None
) -> None:
    """Turn the holder's stored grants ``before`` into ``after``; what stays keeps its place in the order of granting.

    The caller holds the holder's row locked.
    """
    holder = Entitlement.plan_id if plan_id is not None else Entitlement.subscription_id
    rows = await ctx.session.execute(
        select(col(Entitlement.feature_id), col(Entitlement.id)).where(col(holder) == (plan_id or subscription_id))
    )
    ids: dict[UUID, UUID] = {row[0]: row[1] for row in rows}
    gone = [ids[feature] for feature in before if feature not in after]
    if gone:
        await ctx.session.execute(delete(EntitlementValue).where(col(EntitlementValue.entitlement_id).in_(gone)))
        await ctx.session.execute(delete(Entitlement).where(col(Entitlement.id).in_(gone)))
    now = ctx.now()
    granted = {feature: new_id() for feature in after if feature not in ids}
    if granted:
        same = {
            "created_at": now,
            "updated_at": now,
            "organization_id": ctx.organization_id,
            "plan_id": plan_id,
            "subscription_id": subscription_id,
        }
        await ctx.session.execute(
            insert(Entitlement), [{"id": made, "feature_id": feature, **same} for feature, made in granted.items()]
        )
    await _store_values(ctx, {**ids, **granted}, before, after)


async def _store_values(ctx: Context, ids: Mapping[UUID, UUID], before: Sets, after: Sets) -> None:
    pairs = [
        (ids[feature], privilege)
        for feature, values in before.items()
        if feature in after
        for privilege in values
        if privilege not in after[feature]
    ]
    if pairs:
        names = tuple_(col(EntitlementValue.entitlement_id), col(EntitlementValue.privilege_id))
        await ctx.session.execute(delete(EntitlementValue).where(names.in_(pairs)))
    changed = [
        {"entitlement_id": ids[feature], "privilege_id": privilege, "value": value}
        for feature, values in after.items()
        for privilege, value in values.items()
        if before.get(feature, {}).get(privilege) != value
    ]
    if changed:
        statement = insert(EntitlementValue).values(changed)
        await ctx.session.execute(
            statement.on_conflict_do_update(
                index_elements=["entitlement_id", "privilege_id"], set_={"value": statement.excluded.value}
            )
        )

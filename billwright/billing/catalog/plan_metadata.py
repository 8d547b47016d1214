"""Metadata of plans: text -> text or null (spec 03 §2.1; limits as of credit notes and wallets, spec 05 C7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.catalog.queries import find_plan
from billwright.billing.kernel.errors import NotFound, Problems
from billwright.billing.notifications.service import emit

MAX_KEYS = 50
MAX_KEY = 100
MAX_VALUE = 255
Metadata = dict[str, str | None]


def validated_metadata(raw: Any, problems: Problems) -> Metadata | None:
    """The stored form; null stays null. Codes under ``metadata``: ``invalid_type``, ``too_many_keys``,
    ``key_too_long``, ``value_too_long``, ``nested_structure_not_allowed``."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        problems.add("metadata", "invalid_type")
        return None
    entries = cast("Mapping[str, Any]", raw)
    if len(entries) > MAX_KEYS:
        problems.add("metadata", "too_many_keys")
    result: Metadata = {}
    for name, value in entries.items():
        if len(name) > MAX_KEY:
            problems.add("metadata", "key_too_long")
        if isinstance(value, Mapping | list):
            problems.add("metadata", "nested_structure_not_allowed")
        elif value is not None and not isinstance(value, str):
            problems.add("metadata", "invalid_type")
        elif value is not None and len(value) > MAX_VALUE:
            problems.add("metadata", "value_too_long")
        else:
            result[name] = value
    return result


async def replace_plan_metadata(ctx: Context, plan_code: str, raw: Any) -> Metadata | None:
    """Make ``raw`` the plan's metadata; null clears. Raises ``NotFound("plan")``, ``ValidationFailed``."""
    plan = await find_plan(ctx, plan_code, lock=True)
    return await _store(ctx, plan, raw)


async def merge_plan_metadata(ctx: Context, plan_code: str, raw: Any) -> Metadata | None:
    """Set the keys of ``raw`` and keep the others. Raises as ``replace_plan_metadata``."""
    plan = await find_plan(ctx, plan_code, lock=True)
    if raw is None:
        return plan.custom_metadata
    if isinstance(raw, Mapping):
        raw = {**(plan.custom_metadata or {}), **cast("Mapping[str, Any]", raw)}
    return await _store(ctx, plan, raw)


async def delete_plan_metadata_key(ctx: Context, plan_code: str, key: str) -> Metadata | None:
    """Remove one key. Raises ``NotFound`` (``plan``; ``metadata`` when the key is not there)."""
    plan = await find_plan(ctx, plan_code, lock=True)
    known = plan.custom_metadata or {}
    if key not in known:
        raise NotFound("metadata")
    return await _store(ctx, plan, {name: value for name, value in known.items() if name != key})


async def _store(ctx: Context, plan: Plan, raw: Any) -> Metadata | None:
    problems = Problems()
    metadata = validated_metadata(raw, problems)
    problems.raise_if_any()
    plan.custom_metadata = metadata
    plan.updated_at = ctx.now()
    await emit(ctx, "plan.updated", "plan", plan.id)
    return metadata

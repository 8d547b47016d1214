"""From the changes noted in a transaction to their rows, in one insert right before its commit (spec 07 §9.1).

Objects after the change are built on the transaction's own session, once per kind. Objects before it are what is
committed at this moment: the transaction holds its rows locked, so nobody has changed them since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from billwright.billing.activity_logs import settings_subjects as settings_subjects  # registers its subjects
from billwright.billing.activity_logs.models import ActivityLog
from billwright.billing.activity_logs.service import Activity
from billwright.billing.activity_logs.subjects import Subject, builder_of
from billwright.billing.kernel.db import Session, database_of
from billwright.billing.kernel.statements import insert_many

_Key = tuple[UUID, str, UUID]
"""Organization, object type, object."""
_BEGINNINGS = frozenset(
    "created started drafted one_off_created paid_credit_added generated ready_to_finalize recorded sent".split()
)
"""What an activity type ends with whose object is new, or is not changed: it has no changes."""
_DELETED = "deleted"
_UNTOLD = frozenset({"updated_at"})
"""Attributes that every change touches."""


async def write_activities(session: Session, noted: Sequence[Activity]) -> None:
    """Write one row per change; the same change of the same object twice is one."""
    chosen = list({(item.activity_type, _key(item)): item for item in noted if builder_of(item.object_type)}.values())
    if not chosen:
        return
    gone = [item for item in chosen if _kind(item) == _DELETED]
    changed = [item for item in chosen if _kind(item) not in _BEGINNINGS and _kind(item) != _DELETED]
    before = await _before(session, [*gone, *changed])
    after = await _subjects([item for item in chosen if _kind(item) != _DELETED or _key(item) not in before])
    rows: list[dict[str, Any]] = []
    for item in chosen:
        old, new = before.get(_key(item)), after.get(_key(item))
        subject = old if _kind(item) == _DELETED and old is not None else new
        if subject is not None:
            changes = differences(old.shown, subject.shown) if old is not None and subject is not old else {}
            rows.append(_row(item, subject, changes))
    if rows:
        await insert_many(session, ActivityLog, rows)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """``{attribute: [old, new]}`` of the attributes that differ; an absent one counts as null."""
    names = [name for name in dict.fromkeys([*before, *after]) if name not in _UNTOLD]
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def _kind(item: Activity) -> str:
    return item.activity_type.rpartition(".")[2]


def _key(item: Activity) -> _Key:
    return item.ctx.organization_id, item.object_type, item.object_id


async def _before(session: Session, items: Sequence[Activity]) -> dict[_Key, Subject]:
    database = database_of(session)
    if not items or database is None:
        return {}
    async with database.beside() as committed:
        return await _subjects([replace(item, ctx=replace(item.ctx, session=committed), fresh=None) for item in items])


async def _subjects(items: Sequence[Activity]) -> dict[_Key, Subject]:
    kinds: dict[tuple[UUID, str], list[Activity]] = {}
    for item in items:
        kinds.setdefault((item.ctx.organization_id, item.object_type), []).append(item)
    found: dict[_Key, Subject] = {}
    for (organization_id, object_type), alike in kinds.items():
        builder = builder_of(object_type)
        assert builder is not None
        ids = list(dict.fromkeys(item.object_id for item in alike))
        fresh = {item.object_id: item.fresh for item in alike if item.fresh is not None}
        built = await builder(alike[0].ctx, ids, fresh)
        found |= {(organization_id, object_type, object_id): subject for object_id, subject in built.items()}
    return found


def _row(item: Activity, subject: Subject, changes: dict[str, list[Any]]) -> dict[str, Any]:
    actor = item.ctx.actor
    return {
        "id": item.id,
        "organization_id": item.ctx.organization_id,
        "logged_at": item.logged_at,
        "activity_type": item.activity_type,
        "activity_source": item.source,
        "user_email": actor.email if item.source == "front" else None,
        "api_key_id": actor.id if item.source == "api" else None,
        "resource_type": subject.resource_type,
        "resource_id": subject.resource_id,
        "external_customer_id": subject.external_customer_id,
        "external_subscription_id": subject.external_subscription_id,
        "activity_object": subject.shown,
        "activity_object_changes": changes,
    }

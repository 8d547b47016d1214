"""Credit notes inside webhooks (spec 06 §16.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.presenting import credit_note_detail
from billwright.billing.notifications.payloads import payload_of

_NESTED = ("items", "applied_taxes")


@payload_of("credit_note")
async def credit_note_payload(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    """The REST object; items and taxes only where the note was created."""
    note = await ctx.session.scalar(
        select(CreditNote).where(
            col(CreditNote.id) == object_id, col(CreditNote.organization_id) == ctx.organization_id
        )
    )
    if note is None:
        return None
    shown = await credit_note_detail(ctx, note)
    if event_type == "credit_note.created":
        return shown
    return {name: value for name, value in shown.items() if name not in _NESTED}

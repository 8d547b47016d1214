"""Where the PDF of an invoice or a credit note is kept (spec 04 §18)."""

from __future__ import annotations

import secrets
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import StoredFile

PDF = "application/pdf"


async def store_pdf(ctx: Context, number: str, content: bytes) -> UUID:
    """Keeps ``content`` as ``<number>.pdf`` below an address that cannot be guessed; returns the file's id."""
    stored = StoredFile(
        id=new_id(),
        organization_id=ctx.organization_id,
        filename=f"{number}.pdf",
        content_type=PDF,
        content=content,
        token=secrets.token_urlsafe(32),
        created_at=ctx.now(),
    )
    ctx.session.add(stored)
    await ctx.session.flush()
    return stored.id

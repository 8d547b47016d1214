"""The public link of a finished file: unguessable, no login, 7 days of system time (spec 04 §23)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.exports.models import DataExport, DataExportPart
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database, Session
from billwright.billing.kernel.encryption import SecretBox


def download_url(api_url: str, token: str, filename: str) -> str:
    """The address that is e-mailed."""
    return f"{api_url}/files/exports/{token}/{quote(filename, safe='')}"


def own_url(box: SecretBox, api_url: str, export: DataExport) -> str | None:
    """The link for the requester's own list; ``None`` before the file is ready and after the link has ended."""
    if export.sealed_token is None or export.expires_at is None or export.expires_at <= system_now():
        return None
    return download_url(api_url, box.open(export.sealed_token), export.filename)


async def open_link(session: Session, token: str, filename: str) -> DataExport | None:
    """The finished export behind a link; ``None`` for a wrong or ended one."""
    digest = hashlib.sha256(token.encode()).digest()
    export = await session.scalar(select(DataExport).where(col(DataExport.digest) == digest))
    if export is None or export.filename != filename or export.expires_at is None:
        return None
    return export if export.expires_at > system_now() else None


async def parts(database: Database, export_id: UUID) -> AsyncIterator[bytes]:
    """The file's bytes, one part at a time."""
    position = 0
    while True:
        async with database.reading() as session:
            content = await session.scalar(
                select(col(DataExportPart.content)).where(
                    col(DataExportPart.export_id) == export_id, col(DataExportPart.position) == position
                )
            )
        if content is None:
            return
        yield content
        position += 1

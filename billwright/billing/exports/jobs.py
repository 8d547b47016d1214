"""The job that makes a file: one statement read by a cursor, written in parts, so that memory stays small whatever the
list's length (spec 04 §23).

The statement is one snapshot: what changes meanwhile neither doubles nor loses a row. Each part is a transaction of its
own with the progress. A run that is interrupted begins anew.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Membership, Organization, User
from billwright.billing.background.jobs import JobCall, RetryLater, job
from billwright.billing.exports.cells import csv_lines
from billwright.billing.exports.links import download_url
from billwright.billing.exports.models import DataExport, DataExportPart
from billwright.billing.exports.service import ATTEMPTS, BUILD_EXPORT, LINK_LIFETIME, file_of
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.ids import new_id
from billwright.billing.mailing.service import queue_email

ROWS_AT_ONCE = 1000
PART_CHARACTERS = 512 * 1024
_NAMES = {
    "invoices": "invoices",
    "invoice_fees": "invoice fees",
    "credit_notes": "credit notes",
    "credit_note_items": "credit note items",
}


class _Overtaken(Exception):
    """Another run has the export now."""


@job(BUILD_EXPORT)
async def build_export(call: JobCall) -> None:
    """Make the file of ``export_id`` unless it is there, and send its link to who asked for it."""
    export_id = UUID(call.arguments["export_id"])
    run_id = await _begin(call, export_id)
    if run_id is None:
        return
    try:
        await _write(call, export_id, run_id)
    except _Overtaken:
        return
    except RetryLater:
        raise
    except Exception:
        if call.attempt >= ATTEMPTS:
            await _fail(call, export_id, run_id)
        raise


async def _begin(call: JobCall, export_id: UUID) -> UUID | None:
    async with call.runtime.database.transaction() as session:
        export = await session.get(DataExport, export_id, with_for_update=True)
        if export is None or export.status in ("completed", "failed"):
            return None
        export.status, export.run_id = "processing", new_id()
        export.rows_done, export.rows_total, export.size_bytes = 0, None, 0
        export.updated_at = system_now()
        await session.execute(delete(DataExportPart).where(col(DataExportPart.export_id) == export_id))
        return export.run_id


async def _write(call: JobCall, export_id: UUID, run_id: UUID) -> None:
    runtime = call.runtime
    async with runtime.database.reading() as session:
        export = await session.get_one(DataExport, export_id)
        organization = await session.get_one(Organization, call.organization_id)
        file = file_of(Context(session, organization, api_url=runtime.api_url), export)
        total = await session.scalar(select(func.count()).select_from(file.statement.order_by(None).subquery()))
        position, done, text = 0, 0, csv_lines([file.columns])
        await _progress(call, export_id, run_id, total or 0, 0, None, b"")
        result = await session.stream(file.statement.execution_options(yield_per=ROWS_AT_ONCE))
        async for rows in result.partitions():
            text += csv_lines(file.cells(row) for row in rows)
            done += len(rows)
            if len(text) >= PART_CHARACTERS:
                if runtime.stopping.is_set():
                    raise RetryLater(timedelta(0))
                await _progress(call, export_id, run_id, total or 0, done, position, text.encode())
                position, text = position + 1, ""
    await _finish(call, export_id, run_id, done, position, text.encode())


async def _progress(
    call: JobCall, export_id: UUID, run_id: UUID, total: int, done: int, position: int | None, content: bytes
) -> None:
    """Store a part and how far the file is. Raises ``_Overtaken`` when another run has begun."""
    async with call.runtime.database.transaction() as session:
        await _add_part(session, export_id, run_id, done, position, content)
        await session.execute(
            update(DataExport).where(col(DataExport.id) == export_id).values(rows_total=max(total, done))
        )


async def _add_part(
    session: Session, export_id: UUID, run_id: UUID, done: int, position: int | None, content: bytes
) -> DataExport:
    export = await session.get_one(DataExport, export_id, with_for_update=True)
    if export.run_id != run_id or export.status != "processing":
        raise _Overtaken
    export.rows_done = done
    export.size_bytes += len(content)
    export.updated_at = system_now()
    if position is not None:
        session.add(DataExportPart(export_id=export_id, position=position, content=content))
    await session.flush()
    return export


async def _finish(call: JobCall, export_id: UUID, run_id: UUID, done: int, position: int, content: bytes) -> None:
    """The last part, the link, and the e-mail with it, in one transaction."""
    runtime = call.runtime
    async with runtime.database.transaction() as session:
        export = await _add_part(session, export_id, run_id, done, position, content)
        now = system_now()
        token = secrets.token_urlsafe(32)
        export.status, export.rows_total = "completed", done
        export.completed_at, export.expires_at = now, now + LINK_LIFETIME
        export.digest, export.sealed_token = hashlib.sha256(token.encode()).digest(), runtime.box.seal(token)
        organization = await session.get_one(Organization, export.organization_id)
        recipient = await _address(session, export)
        count = "1 row" if done == 1 else f"{done:,} rows"
        await queue_email(
            session,
            "data_export",
            subject=f"Your export of {_NAMES[export.resource_type]} is ready",
            text=f"The file {export.filename} with {count} of {organization.name} is ready.\n\n"
            f"Download it here: {{link}}\n\nThe link works for {LINK_LIFETIME.days} days, without logging in. "
            "Keep it to yourself.\n",
            to=[recipient] if recipient else [],
            organization_id=export.organization_id,
            link=(runtime.box, download_url(runtime.api_url, token, export.filename)),
        )


async def _address(session: Session, export: DataExport) -> str | None:
    """Where the link goes: nowhere once the requester has left the organization."""
    return await session.scalar(
        select(col(User.email))
        .join(Membership, col(Membership.user_id) == col(User.id))
        .where(
            col(User.id) == export.user_id,
            col(Membership.organization_id) == export.organization_id,
            col(Membership.status) == "active",
        )
    )


async def _fail(call: JobCall, export_id: UUID, run_id: UUID) -> None:
    async with call.runtime.database.transaction() as session:
        export = await session.get_one(DataExport, export_id, with_for_update=True)
        if export.run_id == run_id:
            export.status, export.updated_at = "failed", system_now()
            await session.execute(delete(DataExportPart).where(col(DataExportPart.export_id) == export_id))

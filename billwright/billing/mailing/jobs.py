"""The job that sends one e-mail. It may run twice: what is sent carries a ``Message-ID`` that stays the same."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime, formataddr, parseaddr
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.activity_logs.service import record
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.models import StoredFile
from billwright.billing.mailing.letters import LOGO
from billwright.billing.mailing.models import Email
from billwright.billing.mailing.sender import MailRefused, MailUnreachable
from billwright.billing.mailing.service import SEND_EMAIL, full_text

UNREACHABLE_ATTEMPTS = 6
log = structlog.get_logger(__name__)


@job(SEND_EMAIL)
async def send_email(call: JobCall) -> None:
    """Send it, or keep it where no mail server is configured. Six attempts without a connection end it as failed."""
    runtime = call.runtime
    email_id = UUID(call.arguments["email_id"])
    async with runtime.database.reading() as session:
        row = (
            await session.execute(
                select(Email, Organization, StoredFile)
                .outerjoin(Organization, col(Organization.id) == col(Email.organization_id))
                .outerjoin(StoredFile, col(StoredFile.id) == col(Email.attachment_id))
                .where(col(Email.id) == email_id)
            )
        ).first()
    if row is None or row[0].status != "queued":
        return
    email, organization = row[0], row[1]
    attached: Any = row[2]
    if runtime.mail is None:
        log.info("email kept", email_id=str(email_id), kind=email.kind)
        await _finish(call, email_id, "kept")
        return
    message = _message(email, full_text(email, runtime.box), runtime.mail.address, organization)
    if attached is not None:
        kind, _, subtype = attached.content_type.partition("/")
        name = email.attachment_name or attached.filename
        message.add_attachment(attached.content, maintype=kind, subtype=subtype, filename=name)
    try:
        await runtime.mail.send(message, [*email.recipients, *email.copy_recipients, *email.blind_recipients])
    except MailRefused as refused:
        await _finish(call, email_id, "failed", str(refused))
    except MailUnreachable as failure:
        if call.attempt < UNREACHABLE_ATTEMPTS:
            raise
        await _finish(call, email_id, "failed", str(failure))
    else:
        await _finish(call, email_id, "sent")


def _message(email: Email, text: str, sender: str, organization: Organization | None) -> EmailMessage:
    name, address = parseaddr(sender)
    message = EmailMessage()
    message["From"] = formataddr((organization.name if organization else name or "Billwright", address))
    if email.recipients:
        message["To"] = ", ".join(email.recipients)
    else:
        message["To"] = "undisclosed-recipients:;"
    if email.copy_recipients:
        message["Cc"] = ", ".join(email.copy_recipients)
    if organization is not None and organization.email:
        message["Reply-To"] = formataddr((organization.name, organization.email))
    message["Subject"] = email.subject
    message["Date"] = format_datetime(email.created_at)
    message["Message-ID"] = f"<{email.id}@{address.partition('@')[2] or 'billwright'}>"
    message.set_content(text)
    if email.html is not None:
        message.add_alternative(email.html, subtype="html")
        if LOGO in email.html and organization is not None and organization.logo and organization.logo_content_type:
            kind, _, subtype = organization.logo_content_type.partition("/")
            parts: Any = message.get_payload()
            parts[1].add_related(organization.logo, kind, subtype, cid=f"<{LOGO.partition(':')[2]}>")
    return message


async def _finish(call: JobCall, email_id: UUID, status: str, error: str | None = None) -> None:
    async with call.runtime.database.transaction() as session:
        email = await session.get_one(Email, email_id, with_for_update=True)
        now = system_now()
        email.status, email.error, email.updated_at = status, error, now
        email.sent_at = now if status == "sent" else None
        if status == "sent" and email.document_id is not None and email.organization_id is not None:
            ctx = Context(session, await session.get_one(Organization, email.organization_id))
            record(ctx, "email.sent", email.kind.partition(".")[0], email.document_id)

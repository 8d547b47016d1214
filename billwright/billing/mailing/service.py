"""Writing e-mails into the outbox, in the transaction that causes them (spec 04 §22, 07 §2.2, §3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.mailing.models import Email

SEND_EMAIL = "send_email"
BUSY_ATTEMPTS = 25
LINK = "{link}"


async def queue_email(
    session: Session,
    kind: str,
    *,
    subject: str,
    text: str,
    to: Sequence[str] = (),
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    organization_id: UUID | None = None,
    user_id: UUID | None = None,
    link: tuple[SecretBox, str] | None = None,
    html: str | None = None,
    attachment: tuple[UUID, str] | None = None,
    document_id: UUID | None = None,
    once: str | None = None,
) -> Email | None:
    """A message that is sent after commit; ``None`` when nobody is to get it.

    ``link`` is a secret address with the box that seals it; it replaces ``{link}`` in ``text`` when the message leaves.
    ``attachment``: id of a stored file, and its name in the message. ``once`` is unique: see ``Email``.
    """
    if not to and not bcc:
        return None
    now = system_now()
    email = Email(
        id=new_id(),
        organization_id=organization_id,
        user_id=user_id,
        kind=kind,
        recipients=list(to),
        copy_recipients=list(cc),
        blind_recipients=list(bcc),
        subject=" ".join(subject.split()),
        text=text,
        html=html,
        attachment_id=attachment[0] if attachment else None,
        attachment_name=attachment[1] if attachment else None,
        document_id=document_id,
        once=once,
        sealed_link=link[0].seal(link[1]) if link else None,
        created_at=now,
        updated_at=now,
    )
    session.add(email)
    await session.flush()
    await enqueue(
        session,
        organization_id,
        SEND_EMAIL,
        {"email_id": str(email.id)},
        unique_key=f"{SEND_EMAIL}:{email.id}",
        max_attempts=BUSY_ATTEMPTS,
    )
    return email


def full_text(email: Email, box: SecretBox) -> str:
    """The message with its secret link."""
    if email.sealed_link is None:
        return email.text
    return email.text.replace(LINK, box.open(email.sealed_link))

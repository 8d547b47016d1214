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
    bcc: Sequence[str] = (),
    organization_id: UUID | None = None,
    user_id: UUID | None = None,
    link: tuple[SecretBox, str] | None = None,
) -> Email | None:
    """A message that is sent after commit; ``None`` when nobody is to get it.

    ``link`` is a secret address with the box that seals it; it replaces ``{link}`` in ``text`` when the message leaves.
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
        blind_recipients=list(bcc),
        subject=" ".join(subject.split()),
        text=text,
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

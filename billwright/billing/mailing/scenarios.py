"""Which documents are mailed to customers by themselves, and asking for it in the transaction that issues them
(spec 04 §22)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue

INVOICE, CREDIT_NOTE = "invoice.finalized", "credit_note.created"
JOBS = {INVOICE: "invoice.email", CREDIT_NOTE: "credit_note.email"}
_ARGUMENT = {INVOICE: "invoice_id", CREDIT_NOTE: "credit_note_id"}
_DELAY = {INVOICE: timedelta(0), CREDIT_NOTE: timedelta(seconds=5)}
"""A credit note's follows a few seconds after it."""
ATTEMPTS = 6


def is_on(organization: Organization, scenario: str) -> bool:
    """Whether the organization has switched the scenario on; all are off by default."""
    return scenario in organization.email_settings


async def announce(ctx: Context, scenario: str, document_id: UUID) -> None:
    """Have the document mailed after commit, if its scenario is on."""
    if is_on(ctx.organization, scenario):
        await enqueue(
            ctx.session,
            ctx.organization_id,
            JOBS[scenario],
            {_ARGUMENT[scenario]: str(document_id), "once": f"{scenario}:{document_id}"},
            unique_key=f"{JOBS[scenario]}:{document_id}",
            run_at=system_now() + _DELAY[scenario],
            max_attempts=ATTEMPTS,
        )


async def ask_again(
    ctx: Context, scenario: str, document_id: UUID, to: Sequence[str], cc: Sequence[str], bcc: Sequence[str]
) -> None:
    """Have the document mailed once more, by hand; an empty ``to`` stands for the customer's addresses."""
    await enqueue(
        ctx.session,
        ctx.organization_id,
        JOBS[scenario],
        {
            _ARGUMENT[scenario]: str(document_id),
            "once": f"resend:{new_id()}",
            "to": list(to),
            "cc": list(cc),
            "bcc": list(bcc),
        },
        max_attempts=ATTEMPTS,
    )

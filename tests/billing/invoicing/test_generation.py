"""Retrying invoices whose computation failed (spec 03 §8.4 point 6, 04 §2.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from billwright.billing.invoicing import billing, drafts
from billwright.billing.invoicing.generation import failed_generations, retry_forgotten, retry_generation
from billwright.billing.invoicing.models import Invoice, InvoiceError
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.errors import NotAllowed
from billwright.billing.kernel.pagination import PageRequest
from tests.support.sandbox import Sandbox


async def _broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("no figures today")


async def failed_twice(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """The id of a start invoice that stays ``generating`` with a noted error; computing works again afterwards."""
    await sandbox.plan("p", 3100, pay_in_advance=True)
    with monkeypatch.context() as patch:
        patch.setattr(billing, "compute", _broken)
        patch.setattr(drafts, "compute", _broken)
        await sandbox.subscribe()
        await sandbox.rest.put("test_clock", {"test_clock": {"now": "2024-01-15T11:00:00Z"}})
    async with sandbox.context() as ctx:
        [invoice] = (await ctx.session.scalars(select(Invoice))).all()
        assert len((await ctx.session.scalars(select(InvoiceError))).all()) == 1
        return invoice.id


async def test_04_2_2_the_operator_retries(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    invoice_id = await failed_twice(sandbox, monkeypatch)
    answer = await sandbox.rest.post(f"invoices/{invoice_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (404, "invoice_not_found")
    async with sandbox.context() as ctx:
        assert [item.id for item in (await failed_generations(ctx, PageRequest())).items] == [invoice_id]
        await retry_generation(ctx, invoice_id)
        await retry_generation(ctx, invoice_id)
        assert (await failed_generations(ctx, PageRequest())).total_count == 0
    await sandbox.advance("2024-01-16T00:00:00Z")
    shown = await sandbox.invoice(str(invoice_id))
    assert (shown["status"], shown["issuing_date"], shown["fees_amount_cents"]) == ("finalized", "2024-01-15", 1700)
    assert shown["error_details"] == []
    async with sandbox.context() as ctx:
        with pytest.raises(NotAllowed, match="invalid_status"):
            await retry_generation(ctx, invoice_id)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("", 1),
        ("update invoices set created_at = created_at + interval '2 hours'", 0),
        ("update invoices set live = false", 0),
        ("update invoice_subscriptions set invoicing_reason = 'in_advance_charge'", 0),
        ("update invoices set status = 'closed'", 0),
        ("insert into invoice_errors (id, created_at, updated_at, invoice_id, error_code, details)"
         " select id, created_at, updated_at, id, 'invoice_generation_error', '{}' from invoices", 0),
    ],
)  # fmt: skip
async def test_04_2_2_forgotten_ones_are_found(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, change: str, found: int
) -> None:
    """A day-old one without a note is tried again; sandboxes, noted ones and those of single events are not."""
    await failed_twice(sandbox, monkeypatch)
    async with sandbox.context() as ctx:
        await ctx.session.execute(text("delete from invoice_errors"))
        await ctx.session.execute(
            text("update invoices set live = true, created_at = :then"),
            {"then": system_now() - timedelta(hours=25)},
        )
        if change:
            await ctx.session.execute(text(change))
    assert await retry_forgotten(sandbox.rest.database) == found
    await sandbox.advance("2024-01-16T00:00:00Z")
    assert len(await sandbox.invoices()) == found

"""auditFindings, feeExplanation and usageExplanation over GraphQL (spec 09 §2, §3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from tests.billing.explaining.calculator import check
from tests.graphql.support import World
from tests.ui.support import company

STEPS = "steps { kind label inputs formula result unit part } matches amountCents recomputedAmountCents feeId notes"


async def test_explanations(world: World) -> None:
    known = await company(world, 1)
    async with world.runtime.database.reading() as session:
        fee = await session.scalar(text("select id from fees where fee_type = 'subscription' order by id limit 1"))
        charge = await session.scalar(text("select id from charges order by id limit 1"))
    told = (await world.data(f'{{ feeExplanation(id: "{fee}") {{ {STEPS} }} }}'))["feeExplanation"]
    check(told)
    assert (told["matches"], told["feeId"]) == (True, str(fee))
    assert told["amountCents"] == told["recomputedAmountCents"]
    arguments = f'subscriptionId: "{known["subscription"]}", chargeId: "{charge}"'
    told = (await world.data(f"{{ usageExplanation({arguments}) {{ {STEPS} }} }}"))["usageExplanation"]
    check(told)
    assert (told["matches"], told["feeId"]) == (True, None)


async def test_findings(world: World) -> None:
    query = "query($resolved: Boolean) { auditFindings(resolved: $resolved) { collection { code objectType objectId"
    query += " expected found resolvedAt } metadata { totalCount } } openAuditFindingsCount }"
    insert = """insert into audit_findings (id, organization_id, code, object_type, object_id, expected, found,
      first_seen_at, last_seen_at, resolved_at) values (gen_random_uuid(), :org, :code, 'invoice', '1', '1', '2', now(),
      now(), case when :done then now() end)"""
    async with world.runtime.database.transaction() as session:
        for code, done in (("invoice_totals", False), ("invoice_fees", True)):
            await session.execute(text(insert), {"org": world.organization.id, "code": code, "done": done})
        await session.execute(text(insert), {"org": None, "code": "outbox_stuck", "done": False})

    async def codes(resolved: bool | None) -> Any:
        found = await world.data(query, resolved=resolved)
        assert found["openAuditFindingsCount"] == 1
        return sorted(item["code"] for item in found["auditFindings"]["collection"])

    assert await codes(None) == ["invoice_fees", "invoice_totals"]
    assert await codes(False) == ["invoice_totals"]
    assert await codes(True) == ["invoice_fees"]


async def test_findings_of_one_check_and_since_an_instant(world: World) -> None:
    """Spec 07 §6.2: auditFindings takes page, limit, code and since."""
    insert = """insert into audit_findings (id, organization_id, code, object_type, object_id, expected, found,
      first_seen_at, last_seen_at) values (gen_random_uuid(), :org, :code, 'invoice', '1', '1', '2',
      '2026-01-01', :seen)"""
    async with world.runtime.database.transaction() as session:
        for code, day in (("invoice_totals", 3), ("invoice_fees", 5)):
            seen = datetime(2026, 1, day, tzinfo=UTC)
            await session.execute(text(insert), {"org": world.organization.id, "code": code, "seen": seen})

    async def codes(arguments: str) -> list[str]:
        found = await world.data(f"{{ auditFindings({arguments}) {{ collection {{ code }} }} }}")
        return [item["code"] for item in found["auditFindings"]["collection"]]

    assert await codes("limit: 5") == ["invoice_fees", "invoice_totals"]
    assert await codes('code: "invoice_totals"') == ["invoice_totals"]
    assert await codes('since: "2026-01-05T00:00:00Z"') == ["invoice_fees"]
    assert await codes('code: "invoice_totals", since: "2026-01-04"') == []

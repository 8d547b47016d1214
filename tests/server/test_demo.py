"""The demo organization: billed by the live code, paid but for one invoice, usable at once by key and login."""

from __future__ import annotations

from sqlalchemy import text

from billwright.billing.access.api_keys import find_active
from billwright.billing.kernel.db import Database
from billwright.server.demo import create_demo
from tests.graphql.support import settings_for


async def test_the_demo_has_two_closed_months_and_is_made_twice_side_by_side(
    database: Database, database_url: str, redis_url: str
) -> None:
    settings = settings_for(database_url, redis_url)
    first = await create_demo(settings)
    second = await create_demo(settings)
    assert first["login_email"] != second["login_email"]
    async with database.transaction() as session:
        rows = (
            await session.execute(
                text("""
                    select status, payment_status, payment_overdue, total_amount_cents > 0, file_id is not null
                    from invoices where organization_id = :org order by issuing_date, number
                """),
                {"org": first["organization_id"]},
            )
        ).all()
        found = await find_active(session, first["api_key"])
        failed = await session.scalar(text("select count(*) from jobs where status = 'failed'"))
    assert failed == 0
    assert found is not None
    assert str(found[1].id) == first["organization_id"]
    assert len(rows) >= 6
    assert {row[0] for row in rows} == {"finalized"}
    assert [row[1] for row in rows] == ["succeeded"] * (len(rows) - 1) + ["pending"]
    assert all(row[3] and row[4] for row in rows)

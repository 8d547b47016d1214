"""``/test_clock`` (spec 09 §1)."""

from __future__ import annotations

from typing import Any

import pytest

from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.kernel.clock import system_now
from tests.server.rest.client import RestClient, validation
from tests.support.sandbox import Sandbox


async def put(sandbox: Sandbox, now: Any, **more: Any) -> Any:
    return await sandbox.rest.put("test_clock", {"test_clock": {"now": now}}, **more)


async def test_09_1_worked_example(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe("s1", "p")
    assert await sandbox.amounts() == [("2024-01-15", 1700)]
    clock = await sandbox.advance("2024-04-01T02:00:00Z")
    assert clock == {
        "lago_organization_id": str(sandbox.organization_id),
        "now": "2024-04-01T02:00:00Z",
        "status": "ready",
        "target": None,
        "next_due_at": "2024-05-01T00:00:00Z",
    }
    assert await sandbox.amounts() == [
        ("2024-01-15", 1700),
        ("2024-02-01", 3100),
        ("2024-03-01", 3100),
        ("2024-04-01", 3100),
    ]
    assert (await sandbox.call("GET", "test_clock"))["test_clock"] == clock


async def test_the_answer_comes_after_the_jobs(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert [bool(item["file_url"]) for item in await sandbox.invoices()] == [True, True]
    assert await due_jobs(sandbox.rest.database, organization_id=sandbox.organization_id) == []


async def test_a_new_clock_is_ready_with_nothing_due(sandbox: Sandbox) -> None:
    assert (await sandbox.call("GET", "test_clock"))["test_clock"] == {
        "lago_organization_id": str(sandbox.organization_id),
        "now": "2024-01-15T10:00:00Z",
        "status": "ready",
        "target": None,
        "next_due_at": None,
    }


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (None, "value_is_mandatory"),
        ("", "value_is_mandatory"),
        ("soon", "invalid_date"),
        (1706745600, "invalid_date"),
        (["2024-02-01"], "invalid_date"),
    ],
)
async def test_bad_instants(sandbox: Sandbox, now: Any, code: str) -> None:
    answer = await put(sandbox, now)
    assert (answer.status_code, answer.json()) == (422, validation(now=code))


async def test_a_missing_instant(sandbox: Sandbox) -> None:
    answer = await sandbox.rest.put("test_clock", {"test_clock": {"other": 1}})
    assert (answer.status_code, answer.json()) == (422, validation(now="value_is_mandatory"))
    assert (await sandbox.rest.put("test_clock", {"test_clock": {}})).status_code == 400


async def test_a_date_alone_is_midnight_and_offsets_count(sandbox: Sandbox) -> None:
    assert (await sandbox.advance("2024-02-01"))["now"] == "2024-02-01T00:00:00Z"
    assert (await sandbox.advance("2024-02-01T02:00:00+01:00"))["now"] == "2024-02-01T01:00:00Z"


async def test_backwards_only_while_nothing_exists(sandbox: Sandbox) -> None:
    assert (await sandbox.advance("2023-01-01T00:00:00Z"))["now"] == "2023-01-01T00:00:00Z"
    await sandbox.plan()
    await sandbox.subscribe()
    assert (await sandbox.advance("2023-01-01T00:00:00Z"))["now"] == "2023-01-01T00:00:00Z"
    answer = await put(sandbox, "2022-12-31T23:59:59Z")
    assert (answer.status_code, answer.json()) == (422, validation(now="value_is_out_of_range"))


async def test_live_organizations_have_no_clock(sandbox: Sandbox, rest: RestClient) -> None:
    forbidden = {"status": 403, "error": "Forbidden", "code": "not_a_sandbox"}
    answer = await rest.get("test_clock")
    assert (answer.status_code, answer.json()) == (403, forbidden)
    answer = await rest.put("test_clock", {"test_clock": {"now": "nonsense"}})
    assert (answer.status_code, answer.json()) == (403, forbidden)


async def test_permissions(sandbox: Sandbox) -> None:
    reader = await sandbox.rest.with_key({"organization": ["read"]})
    assert (await reader.get("test_clock")).status_code == 200
    answer = await reader.put("test_clock", {"test_clock": {"now": "2024-02-01"}})
    assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_organization")


async def test_only_one_advance_at_a_time(sandbox: Sandbox) -> None:
    async with sandbox.context() as ctx:
        organization = await ctx.session.get_one(Organization, ctx.organization_id)
        organization.clock_target = ctx.now()
        organization.clock_lease_until = system_now().replace(year=system_now().year + 1)
    answer = await put(sandbox, "2024-02-01")
    assert (answer.status_code, answer.json()) == (
        405,
        {"status": 405, "error": "Method Not Allowed", "code": "clock_is_advancing"},
    )


async def test_respond_async_answers_202_and_a_worker_walks(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    answer = await put(sandbox, "2024-03-01T00:00:00Z", headers={"Prefer": "respond-async"})
    clock = answer.json()["test_clock"]
    assert (answer.status_code, clock["status"], clock["target"]) == (202, "advancing", "2024-03-01T00:00:00Z")
    assert (await put(sandbox, "2024-03-01T00:00:00Z")).status_code == 405
    jobs = await due_jobs(sandbox.rest.database)
    assert "succeeded" in [await run_job(sandbox.runtime, job) for job in jobs]
    clock = (await sandbox.call("GET", "test_clock"))["test_clock"]
    assert (clock["status"], clock["now"], clock["target"]) == ("ready", "2024-03-01T00:00:00Z", None)
    assert [amount for _, amount in await sandbox.amounts()] == [1700, 3100, 3100]


async def test_an_empty_year_visits_nothing(sandbox: Sandbox) -> None:
    clock = await sandbox.advance("2034-01-01T00:00:00Z")
    assert (clock["now"], clock["next_due_at"]) == ("2034-01-01T00:00:00Z", None)


async def test_one_step_is_ten_years_at_most(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, interval="yearly")
    await sandbox.subscribe()
    answer = await put(sandbox, "9999-12-31T23:59:59Z")
    assert (answer.status_code, answer.json()) == (422, validation(now="value_is_out_of_range"))
    assert (await sandbox.call("GET", "test_clock"))["test_clock"]["status"] == "ready"
    await sandbox.advance("2034-01-15T10:00:00Z")

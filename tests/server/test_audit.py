"""``billwright audit`` on the real command line (spec 09 §3): exit codes, JSON, one organization, since a day."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from uuid import UUID

import pytest
from sqlalchemy import text

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.customers.schemas import CustomerInput
from billwright.billing.customers.service import upsert_customer
from billwright.billing.kernel.db import Database
from tests.server.test_cli import environment, run

__all__ = ["environment"]


@pytest.fixture
async def organizations(environment: dict[str, str]) -> list[str]:
    """A clean one and one whose customer lost three invoices."""
    made = [
        json.loads(run("org", "create", name, "--json", **environment).stdout)["organization_id"]
        for name in ("Clean", "Lossy")
    ]
    database = Database(environment["DATABASE_URL"], pool_size=1)
    async with database.transaction() as session:
        ctx = Context(session, await session.get_one(Organization, UUID(made[1])))
        await upsert_customer(ctx, CustomerInput.parse({"external_id": "c1"}))
        await session.execute(text("update customers set invoice_sequence = 3"))
    await database.close()
    return made


async def test_findings_are_printed_and_the_exit_code_is_1(
    environment: dict[str, str], organizations: list[str]
) -> None:
    clean, lossy = organizations
    found = run("audit", **environment)
    assert found.returncode == 1
    assert "number_gap: customer" in found.stdout
    assert "expected every number up to 3, found numbers missing: 1-3; first seen" in found.stdout
    assert found.stdout.endswith("1 finding\n")
    assert found.stderr == "", "no progress bar where there is no terminal"
    fine = run("audit", "--org", clean, **environment)
    assert (fine.returncode, fine.stdout) == (0, "The books are in order: no findings\n")
    told = run("audit", "--org", lossy, "--json", "--since", "2024-01-01", **environment)
    assert told.returncode == 1
    document = json.loads(told.stdout)
    [finding] = document["findings"]
    assert document["count"] == 1
    assert finding["code"] == "number_gap"
    assert finding["organization_id"] == lossy
    assert finding["customer_id"] == finding["object_id"]
    assert finding["first_seen"].endswith("Z")
    assert json.loads(run("audit", "--org", clean, "--json", **environment).stdout) == {"findings": [], "count": 0}


async def test_a_terminal_shows_how_far_it_is(environment: dict[str, str], organizations: list[str]) -> None:
    """On standard error, so that findings can be piped."""
    screen, child = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "billwright.server.cli", "audit", stdout=asyncio.subprocess.PIPE, stderr=child,
        env={**os.environ, **environment, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(child)
    (output, _), shown = await asyncio.gather(process.communicate(), asyncio.to_thread(_read, screen))
    os.close(screen)
    assert b"number_gap" in output
    assert "number_gap" not in shown
    assert "/" in shown
    assert process.returncode == 1


def _read(screen: int) -> str:
    """What a terminal shows until nobody writes to it any more."""
    parts: list[bytes] = []
    with contextlib.suppress(OSError):
        while part := os.read(screen, 4096):
            parts.append(part)
    return b"".join(parts).decode(errors="replace")


def test_wrong_usage(environment: dict[str, str]) -> None:
    for arguments, code, words in (
        (["--org", "x"], 2, "is not an id"),
        (["--since", "yesterday"], 2, "is not an instant"),
        (["--org", "018d3b7e-0000-7000-8000-000000000000"], 1, "there is no such organization"),
    ):
        answer = run("audit", *arguments, **environment)
        assert answer.returncode == code
        assert words in answer.stderr
        assert "Traceback" not in answer.stderr

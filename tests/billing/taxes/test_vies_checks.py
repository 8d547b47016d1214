"""The background check of VAT numbers: webhooks, retries, concurrency (spec 05 A7)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billwright.billing.background.jobs import JobCall
from billwright.billing.kernel.clock import system_now
from billwright.billing.taxes.eu_waiting import next_attempt
from billwright.billing.taxes.vat_checks import Outcome, Valid
from billwright.billing.taxes.vies_job import check_customer, queue_due_checks
from tests.billing.taxes.conftest import VALID, Seller

BUYER = {"country": "IT", "tax_identification_number": "IT12345678901"}


async def test_webhook_of_a_valid_number(managed: Seller) -> None:
    await managed.listen()
    managed.vies.know("EL094259216", name="ΑΕ", address="ΑΘΗΝΑ")
    await managed.box.customer(country="GR", tax_identification_number="el 094259216")
    await managed.jobs()
    [shown] = await managed.announced()
    assert shown["external_id"] == "c1"
    assert shown["vies_check"] == {
        "valid": True,
        "valid_format": True,
        "country_code": "GR",
        "vat_number": "094259216",
        "request_date": "2025-01-15",
        "name": "ΑΕ",
        "address": "ΑΘΗΝΑ",
    }
    assert [tax["code"] for tax in shown["taxes"]] == ["lago_eu_reverse_charge"]


@pytest.mark.parametrize(("number", "well_formed"), [("IT12345678901", True), ("IT123", False), ("GB123", False)])
async def test_webhook_of_an_invalid_number(managed: Seller, number: str, well_formed: bool) -> None:
    await managed.listen()
    await managed.box.customer(country="IT", tax_identification_number=number)
    await managed.jobs()
    [shown] = await managed.announced()
    assert shown["vies_check"] == {"valid": False, "valid_format": well_formed}


async def test_no_webhook_without_a_check(managed: Seller) -> None:
    await managed.listen()
    await managed.box.customer(country="IT")
    await managed.box.customer("c2", country="ES", zipcode="35001", tax_identification_number="ESA12345678")
    await managed.jobs()
    assert await managed.announced() == []


async def test_an_outage_is_noted_announced_and_tried_again(managed: Seller) -> None:
    await managed.listen()
    managed.vies.know("IT12345678901")
    managed.vies.fail("MS_UNAVAILABLE", status=500)
    managed.vies.fail("GLOBAL_MAX_CONCURRENT_REQ")
    await managed.box.customer(country="IT")
    await managed.box.customer(**BUYER)
    begin = system_now()
    await managed.jobs()
    [check] = await managed.checks()
    assert (check["attempts_count"], check["last_error_type"]) == (1, "member_state_unavailable")
    assert check["last_error_message"] == "VIES answered MS_UNAVAILABLE"
    assert begin <= check["last_attempt_at"] <= system_now()
    assert check["next_attempt_at"] - check["last_attempt_at"] == timedelta(minutes=5)
    assert await managed.taxes() == ["it_standard"], "an outage changes nothing"
    [shown] = await managed.announced()
    assert shown["vies_check"] == {"valid": False, "valid_format": True, "error": "VIES answered MS_UNAVAILABLE"}
    await managed.pass_time()
    [check] = await managed.checks()
    assert (check["attempts_count"], check["last_error_type"]) == (2, "rate_limit")
    await managed.pass_time()
    assert (await managed.checks(), await managed.taxes()) == ([], ["reverse_charge"])
    assert [item["vies_check"].get("error") for item in await managed.announced()] == [
        "VIES answered MS_UNAVAILABLE",
        "VIES answered GLOBAL_MAX_CONCURRENT_REQ",
        None,
    ]


def test_waiting_times() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    waits = [(next_attempt(failures, now) - now).total_seconds() / 60 for failures in range(1, 9)]
    assert waits == [5, 5, 10, 20, 40, 60, 60, 60]
    assert next_attempt(10_000, now) == now + timedelta(hours=1)


async def test_attempts_follow_system_time_and_do_not_hold_a_sandbox(managed: Seller) -> None:
    """Spec 00 rule 25: the clock goes on for months, VIES is not asked again before its time."""
    managed.vies.fail("TIMEOUT", times=100)
    await managed.box.customer(**BUYER)
    await managed.box.advance("2026-06-01T00:00:00Z")
    assert len(managed.vies.calls) == 1
    await queue_due_checks(managed.box.runtime)
    await managed.box.advance("2026-07-01T00:00:00Z")
    assert len(managed.vies.calls) == 1


async def test_a_changed_number_resets_the_check(managed: Seller) -> None:
    managed.vies.fail("TIMEOUT")
    await managed.box.customer(**BUYER)
    await managed.jobs()
    [before] = await managed.checks()
    assert before["attempts_count"] == 1
    await managed.box.customer(tax_identification_number="IT10987654321")
    [after] = await managed.checks()
    assert (after["attempts_count"], after["last_error_type"], after["last_attempt_at"]) == (0, None, None)
    assert after["revision"] != before["revision"]
    await managed.jobs()
    assert managed.vies.calls == [("IT", "12345678901"), ("IT", "10987654321")]


async def test_one_job_for_each_state_of_the_customer(managed: Seller) -> None:
    await managed.box.customer(**BUYER)
    await queue_due_checks(managed.box.runtime)
    await queue_due_checks(managed.box.runtime)
    assert len(await managed.rows("select 1 from jobs where name = 'customer.vies_check'")) == 1
    await managed.jobs()
    assert len(managed.vies.calls) == 1
    assert await queue_due_checks(managed.box.runtime) == 0


class Meanwhile:
    """A VIES that answers after something else has happened, and refuses to be asked inside a transaction."""

    def __init__(self, seller: Seller, outcome: Outcome, act: Any) -> None:
        self._seller, self.outcome, self._act = seller, outcome, act
        self.asked: list[str] = []

    async def check(self, vat_number: str) -> Outcome:
        self.asked.append(vat_number)
        open_ones = await self._seller.rows(
            "select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'"
        )
        assert open_ones == [], "VIES is never asked inside a transaction"
        act, self._act = self._act, None
        if act is not None:
            await act()
        return self.outcome


def _use(seller: Seller, checker: Any) -> None:
    object.__setattr__(seller.box.runtime, "vat_checker", checker)


async def test_an_answer_about_earlier_data_is_not_used(managed: Seller) -> None:
    async def change() -> None:
        await managed.box.customer(tax_identification_number=VALID)

    checker = Meanwhile(managed, Valid("IT", "12345678901", "2026-01-15"), change)
    _use(managed, checker)
    await managed.listen()
    await managed.box.customer(**BUYER)
    await managed.run_one("customer.vies_check")
    assert checker.asked == ["IT12345678901"]
    assert (await managed.taxes(), len(await managed.checks())) == ([], 1)
    checker.outcome = Valid("FR", "40303265045", "2026-01-15")
    await managed.jobs()
    assert checker.asked == ["IT12345678901", VALID]
    assert await managed.taxes() == ["fr_standard"]
    assert [item["vies_check"]["country_code"] for item in await managed.announced()] == ["FR"]


async def test_a_number_removed_meanwhile(managed: Seller) -> None:
    async def change() -> None:
        await managed.box.customer(tax_identification_number=None)

    _use(managed, Meanwhile(managed, Valid("IT", "12345678901", "2026-01-15"), change))
    await managed.box.customer(**BUYER)
    await managed.jobs()
    assert (await managed.taxes(), await managed.checks()) == (["it_standard"], [])


async def test_two_runs_of_the_job_decide_once(managed: Seller) -> None:
    """A lease that expires lets a second process ask: only one of the answers counts."""
    await managed.listen()
    managed.vies.know("IT12345678901")
    managed.vies.delay = 0.1
    await managed.box.customer(**BUYER)
    [row] = await managed.rows("select id, arguments from jobs where name = 'customer.vies_check'")
    call = JobCall(managed.box.runtime, row["id"], managed.box.organization_id, row["arguments"], 1)
    await asyncio.gather(check_customer(call), check_customer(call))
    await managed.jobs()
    assert len(managed.vies.calls) >= 2
    assert len(await managed.announced()) == 1
    assert await managed.taxes() == ["reverse_charge"]


async def test_disabling_forgets_the_checks(managed: Seller) -> None:
    await managed.box.customer(**BUYER)
    await managed.manage(eu_tax_management=False)
    assert await managed.checks() == []
    await managed.jobs()
    assert (managed.vies.calls, await managed.taxes()) == ([], [])


async def test_a_seller_that_left_the_eu_meanwhile(managed: Seller) -> None:
    await managed.box.customer(**BUYER)
    await managed.box.call("PUT", "organizations", {"organization": {"country": "US"}})
    await managed.jobs()
    assert (managed.vies.calls, await managed.checks(), await managed.taxes()) == ([], [], [])


async def test_without_a_client_checks_wait(managed: Seller) -> None:
    _use(managed, None)
    await managed.box.customer(**BUYER)
    await managed.jobs()
    [check] = await managed.checks()
    assert (check["attempts_count"], check["last_error_type"]) == (1, "service_unavailable")


async def test_checks_of_other_organizations_are_not_touched(managed: Seller) -> None:
    other = await managed.box.rest.another(kind="sandbox")
    assert (
        await other.put("billing_entities/pied_piper", {"country": "DE", "eu_tax_management": True})
    ).status_code == 200
    answer = await other.post("customers", {"customer": {"external_id": "c1", **BUYER}})
    assert answer.status_code == 200
    await managed.manage(eu_tax_management=False)
    assert len(await managed.checks()) == 1

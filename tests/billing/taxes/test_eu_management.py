"""Switching EU tax management, and the automatic taxes (spec 05 A5)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.access.entity_schemas import BillingEntityUpdate
from billwright.billing.invoicing.settings_changes import change_settings
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.scheduling.engine import tick
from billwright.billing.taxes.eu_management import refresh_all_rates
from tests.billing.taxes.conftest import Seller
from tests.support.sandbox import sandbox_on


async def rates(seller: Seller, *codes: str) -> dict[str, Decimal]:
    rows = await seller.rows("select code, rate from taxes where deleted_at is null and code like 'lago_eu%'")
    found = {row["code"].removeprefix("lago_eu_"): row["rate"] for row in rows}
    return {code: found[code] for code in codes} if codes else found


async def test_enabling_makes_47_taxes_and_attaches_none(seller: Seller) -> None:
    await seller.box.customer()
    shown = await seller.manage()
    assert (shown["eu_tax_management"], shown["taxes"]) == (True, [])
    assert len(await rates(seller)) == 47
    assert await seller.taxes() == []
    rows = await seller.rows("select distinct auto_generated, description, applied_to_organization from taxes")
    assert [(row["auto_generated"], row["applied_to_organization"]) for row in rows] == [(True, False)]
    assert "automatically" in rows[0]["description"]


async def test_the_country_of_the_same_request_counts(seller: Seller) -> None:
    await seller.box.call("PUT", "organizations", {"organization": {"country": "US"}})
    refused = await seller.box.rest.put("billing_entities/hooli", {"eu_tax_management": True})
    assert refused.json()["error_details"] == {"eu_tax_management": ["billing_entity_must_be_in_eu"]}
    assert await rates(seller) == {}
    assert (await seller.manage(country="DE"))["country"] == "DE"


async def test_the_organizations_code_of_the_refusal(seller: Seller) -> None:
    async with seller.box.context() as ctx:
        with pytest.raises(ValidationFailed) as refused:
            await change_settings(ctx, BillingEntityUpdate.parse({"eu_tax_management": True}))
        await ctx.session.rollback()
    assert refused.value.details == {"eu_tax_management": ["org_must_be_in_eu"]}


async def test_enabling_again_keeps_ids_and_resets_names_and_rates(managed: Seller) -> None:
    before = {tax["code"]: tax for tax in (await managed.box.call("GET", "taxes?per_page=100"))["taxes"]}
    change = {"name": "My VAT", "rate": "1"}
    await managed.box.call("PUT", "taxes/lago_eu_fr_standard", {"tax": change})
    await managed.box.call("DELETE", "taxes/lago_eu_de_standard")
    await managed.manage()
    after = {tax["code"]: tax for tax in (await managed.box.call("GET", "taxes?per_page=100"))["taxes"]}
    assert len(after) == 47
    french = after["lago_eu_fr_standard"]
    assert (french["lago_id"], french["name"], french["rate"]) == (
        before["lago_eu_fr_standard"]["lago_id"],
        "FR Standard",
        20,
    )
    assert after["lago_eu_de_standard"]["lago_id"] != before["lago_eu_de_standard"]["lago_id"]


async def test_a_tax_of_that_code_made_by_hand_is_taken_over(seller: Seller) -> None:
    made = (
        await seller.box.call("POST", "taxes", {"tax": {"name": "Mine", "code": "lago_eu_fr_standard", "rate": "3"}})
    )["tax"]
    await seller.manage()
    shown = (await seller.box.call("GET", "taxes/lago_eu_fr_standard"))["tax"]
    assert (shown["lago_id"], shown["name"], shown["rate"]) == (made["lago_id"], "FR Standard", 20)


async def test_disabling_keeps_taxes_and_assignments(managed: Seller) -> None:
    await managed.box.customer(country="IT")
    assert (await managed.manage(eu_tax_management=False))["eu_tax_management"] is False
    assert len(await rates(managed)) == 47
    assert await managed.taxes() == ["it_standard"]
    await managed.box.customer(country="DE")
    assert await managed.taxes() == ["it_standard"]


async def test_a_sandbox_changes_its_rates_on_the_day(database: Any) -> None:
    """Spec 05 A5, 03 §8.1 rank 0: at 00:00 UTC of the day, before what is billed at that instant, unannounced."""
    async with sandbox_on(database, clock=datetime(2024, 8, 1, tzinfo=UTC)) as box:
        seller = Seller(box, None)  # type: ignore[arg-type]
        await seller.manage(country="FI")
        await box.plan("p", 10000)
        await box.customer()
        await box.subscribe()
        clock = await box.advance("2024-08-31T23:59:59Z")
        assert clock["next_due_at"] == "2024-09-01T00:00:00Z"
        assert await rates(seller, "fi_standard", "sk_standard") == {"fi_standard": 24, "sk_standard": 20}
        await box.advance("2024-09-01T00:00:00Z")
        [invoice] = await box.invoices()
        assert (invoice["fees_amount_cents"], invoice["taxes_amount_cents"]) == (10000, 2550)
        clock = await box.advance("2024-12-15T00:00:00Z")
        assert clock["next_due_at"] == "2025-01-01T00:00:00Z"
        await box.advance("2025-12-31T00:00:00Z")
        found = await rates(seller, "sk_standard", "ee_standard", "ro_standard")
        assert found == {"sk_standard": 23, "ee_standard": 24, "ro_standard": 21}
        assert (await seller.rows("select eu_rates_due_at from organizations"))[0]["eu_rates_due_at"] is None


async def test_changes_of_rates_are_not_announced(database: Any) -> None:
    async with sandbox_on(database, clock=datetime(2024, 8, 1, tzinfo=UTC)) as box:
        await Seller(box, None).manage()  # type: ignore[arg-type]
        shown = (await box.call("GET", "test_clock"))["test_clock"]
        assert shown["next_due_at"] is None


async def test_a_changed_rate_reaches_drafts(database: Any) -> None:
    async with sandbox_on(database, clock=datetime(2024, 8, 1, tzinfo=UTC)) as box:
        seller = Seller(box, None)  # type: ignore[arg-type]
        await seller.manage(country="FI", billing_configuration={"invoice_grace_period": 40})
        await box.plan("p", 10000, pay_in_advance=True)
        await box.customer()
        await box.subscribe()
        await box.advance("2024-08-02T00:00:00Z")
        [draft] = await box.invoices()
        assert (draft["status"], draft["taxes_amount_cents"]) == ("draft", 2400)
        await box.advance("2024-09-01T00:00:00Z")
        draft = await box.invoice(draft["lago_id"])
        assert (draft["status"], draft["taxes_amount_cents"]) == ("draft", 2550)


async def test_the_live_tick_changes_rates_that_are_due(managed: Seller) -> None:
    other = await managed.box.rest.another()
    assert (
        await other.put("billing_entities/pied_piper", {"country": "FR", "eu_tax_management": True})
    ).status_code == 200
    await managed.run(
        "update taxes set rate = 1 where code = 'lago_eu_fr_standard' and organization_id = :id",
        id=other.organization.id,
    )
    query = "select rate from taxes where code = 'lago_eu_fr_standard' and organization_id = :id"
    await tick(managed.box.runtime)
    assert (await managed.rows(query, id=other.organization.id))[0]["rate"] == 1
    await managed.run(
        "update organizations set eu_rates_due_at = :now where id = :id", now=system_now(), id=other.organization.id
    )
    await tick(managed.box.runtime)
    assert (await managed.rows(query, id=other.organization.id))[0]["rate"] == 20


async def test_a_new_version_corrects_every_managed_organization(managed: Seller) -> None:
    await managed.run("update taxes set rate = 1 where code = 'lago_eu_it_standard'")
    revision = (await managed.rows("select catalog_revision from organizations"))[0]["catalog_revision"]
    assert await refresh_all_rates(managed.box.runtime) == 1
    assert await rates(managed, "it_standard") == {"it_standard": Decimal(22)}
    await refresh_all_rates(managed.box.runtime)
    after = (await managed.rows("select catalog_revision from organizations"))[0]["catalog_revision"]
    assert after == revision + 1, "nothing is written where all rates are right"
    await managed.manage(eu_tax_management=False)
    await managed.run("update taxes set rate = 1 where code = 'lago_eu_it_standard'")
    assert await refresh_all_rates(managed.box.runtime) == 0

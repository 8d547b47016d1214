"""Plans: attributes, editing, duplicating (spec 03 §2.1, §2.2, §2.4)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, select

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.catalog import plans
from billwright.billing.catalog.queries import PlanFilters, PlanView, list_plans
from billwright.billing.catalog.schemas import PlanInput
from billwright.billing.catalog.snapshot import plan_snapshots
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.pagination import PageRequest
from billwright.billing.taxes.schemas import TaxCreate
from billwright.billing.taxes.service import create_tax
from tests.billing.catalog.shop import PLAN, Shop, charge, codes


async def taxes(shop: Shop, *names: str) -> None:
    for name in names:
        async with shop.context() as ctx:
            await create_tax(ctx, TaxCreate.parse({"name": name, "code": name, "rate": "20"}))


async def _create(shop: Shop, body: dict[str, Any]) -> PlanView:
    async with shop.context() as ctx:
        return await plans.create_plan(ctx, PlanInput.parse(body))


@pytest.mark.parametrize(
    ("attributes", "details"),
    [
        ({"name": None}, {"name": ["value_is_mandatory"]}),
        ({"code": " "}, {"code": ["value_is_mandatory"]}),
        ({"code": "c" * 256}, {"code": ["value_is_too_long"]}),
        ({"interval": None}, {"interval": ["value_is_invalid"]}),
        ({"interval": "daily"}, {"interval": ["value_is_invalid"]}),
        ({"amount_cents": None}, {"amount_cents": ["value_is_mandatory"]}),
        ({"amount_cents": -1}, {"amount_cents": ["value_is_out_of_range"]}),
        ({"amount_cents": 2**63}, {"amount_cents": ["value_is_out_of_range"]}),
        ({"amount_cents": "1.5"}, {"amount_cents": ["value_is_invalid"]}),
        ({"amount_currency": None}, {"amount_currency": ["value_is_invalid"]}),
        ({"amount_currency": "XYZ"}, {"amount_currency": ["value_is_invalid"]}),
        ({"pay_in_advance": None}, {"pay_in_advance": ["value_is_invalid"]}),
        ({"pay_in_advance": "maybe"}, {"pay_in_advance": ["value_is_invalid"]}),
        ({"trial_period": -1}, {"trial_period": ["value_is_out_of_range"]}),
        ({"trial_period": "1e300"}, {"trial_period": ["value_is_out_of_range"]}),
        ({"metadata": ["a"]}, {"metadata": ["invalid_type"]}),
        ({"metadata": {"a": 1}}, {"metadata": ["invalid_type"]}),
        ({"metadata": {"a": {}}}, {"metadata": ["nested_structure_not_allowed"]}),
        ({"metadata": {"k" * 101: "v", "k": "v" * 256}}, {"metadata": ["key_too_long", "value_too_long"]}),
        ({"metadata": {str(n): "v" for n in range(51)}}, {"metadata": ["too_many_keys"]}),
        ({"minimum_commitment": "10"}, {"minimum_commitment": ["value_is_invalid"]}),
        ({"minimum_commitment": {"amount_cents": 0}}, {"amount_cents": ["value_is_out_of_range"]}),
        ({"minimum_commitment": {"amount_cents": -1}}, {"amount_cents": ["value_is_out_of_range"]}),
        ({"minimum_commitment": {"amount_cents": 2**63}}, {"amount_cents": ["value_is_out_of_range"]}),
        ({"minimum_commitment": {"amount_cents": "a"}}, {"amount_cents": ["value_is_invalid"]}),
        ({"minimum_commitment": {"invoice_display_name": "x"}}, {"amount_cents": ["value_is_mandatory"]}),
        ({"usage_thresholds": [{"threshold_display_name": "x"}]}, {"usage_thresholds": ["missing_amount_cents"]}),
        ({"usage_thresholds": [{"amount_cents": 0}]}, {"amount_cents": ["value_is_out_of_range"]}),
        ({"usage_thresholds": [{"amount_cents": "a"}]}, {"amount_cents": ["value_is_invalid"]}),
        ({"usage_thresholds": [{"amount_cents": 5}, {"amount_cents": 5}]}, {"usage_thresholds": ["duplicated_values"]}),
        (
            {"usage_thresholds": [{"amount_cents": 5, "recurring": True}, {"amount_cents": 6, "recurring": True}]},
            {"usage_thresholds": ["multiple_recurring_thresholds"]},
        ),
        ({"usage_thresholds": 5}, {"usage_thresholds": ["value_is_invalid"]}),
        ({"charges": ["x"]}, {"charges": ["value_is_invalid"]}),
        ({"charges": {"a": 1}}, {"charges": ["value_is_invalid"]}),
        ({"name": "", "interval": "x"}, {"name": ["value_is_mandatory"], "interval": ["value_is_invalid"]}),
    ],
)
async def test_03_2_1_refused(shop: Shop, attributes: dict[str, Any], details: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationFailed) as failure:
        await _create(shop, {**PLAN, **attributes})
    assert codes(failure) == details
    assert await shop.revision() == 0


async def test_03_2_1_stored_forms(shop: Shop) -> None:
    made = await shop.plan(
        amount_cents="3100", amount_currency="eur", trial_period="2.5", metadata={"a": None, "b": "c"},
        invoice_display_name="", minimum_commitment={}, usage_thresholds=[], fixed_charges=[{"units": 1}],
    )  # fmt: skip
    assert (made.plan.amount_cents, made.plan.amount_currency) == (3100, "EUR")
    assert made.plan.trial_period == Decimal("2.5")
    assert made.plan.custom_metadata == {"a": None, "b": "c"}
    assert made.plan.invoice_display_name is None


@pytest.mark.parametrize("interval", ["weekly", "monthly", "quarterly", "semiannual", "yearly"])
async def test_03_2_1_monthly_charges_only_on_long_intervals(shop: Shop, interval: str) -> None:
    long = interval in ("semiannual", "yearly")
    sent = (await shop.plan(interval=interval, bill_charges_monthly=True)).plan
    assert (sent.bill_charges_monthly, sent.bill_fixed_charges_monthly) == ((True, False) if long else (None, None))
    absent = (await shop.plan(interval=interval, code="absent")).plan
    assert absent.bill_charges_monthly is (False if long else None)


async def test_03_2_2_monthly_flag_follows_the_interval(shop: Shop) -> None:
    await shop.plan(interval="yearly", bill_charges_monthly=True)
    assert (await shop.change_plan("startup", name="Same")).plan.bill_charges_monthly is True
    assert (await shop.change_plan("startup", interval="semiannual")).plan.bill_charges_monthly is False
    assert (await shop.change_plan("startup", bill_charges_monthly=True)).plan.bill_charges_monthly is True
    assert (await shop.change_plan("startup", interval="monthly")).plan.bill_charges_monthly is None


async def test_codes_are_unique_per_organization_under_concurrency(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.plan() for _ in range(4)), return_exceptions=True)
    losers = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [str(loser) for loser in losers] == [str({"code": ["value_already_exist"]})] * 3
    await shop.plan(code="other")
    with pytest.raises(ValidationFailed) as failure:
        await shop.change_plan("other", code="startup")
    assert codes(failure) == {"code": ["value_already_exist"]}
    await (await Shop.open(shop.runtime, "Other")).plan()


async def test_unknown_references_leave_nothing_behind(shop: Shop) -> None:
    metric = await shop.metric()
    await taxes(shop, "vat")
    revision = await shop.revision()
    stranger = await (await Shop.open(shop.runtime, "Other")).metric()
    for entry in (charge(stranger), {**charge(metric), "billable_metric_id": "x"}, {"charge_model": "standard"}):
        with pytest.raises(NotFound, match="billable_metrics_not_found"):
            await shop.plan(charge(metric), entry)
    for body in ({"tax_codes": ["vat", "nope"]}, {"charges": [charge(metric, tax_codes=["nope"])]}):
        with pytest.raises(NotFound, match="tax_not_found"):
            async with shop.context() as ctx:
                await plans.create_plan(ctx, PlanInput.parse({"name": "P", "code": "p", **body}))
    assert await shop.revision() == revision
    with pytest.raises(NotFound, match="plan_not_found"):
        await shop.show_plan()


async def test_taxes_of_plans_are_replaced(shop: Shop) -> None:
    await taxes(shop, "vat", "eco")
    assert [tax.code for tax in (await shop.plan(tax_codes=["eco", "vat", "eco"])).taxes] == ["vat", "eco"]
    assert len((await shop.change_plan("startup", name="Same")).taxes) == 2
    assert [tax.code for tax in (await shop.change_plan("startup", tax_codes=["eco"])).taxes] == ["eco"]
    assert (await shop.change_plan("startup", tax_codes=[])).taxes == ()


async def test_03_2_2_attached_plans_ignore_what_may_not_change(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan(charge(metric))
    await shop.subscribe()
    changed = await shop.change_plan(
        "startup",
        name="Pro",
        invoice_display_name="Pro plan",
        description="d",
        amount_cents=5000,
        metadata={"a": "b"},
        code="pro",
        interval="never",
        amount_currency="USD",
        pay_in_advance=True,
        trial_period=10,
        bill_charges_monthly=True,
    )
    plan = changed.plan
    assert (plan.name, plan.invoice_display_name, plan.description, plan.amount_cents) == ("Pro", "Pro plan", "d", 5000)
    assert plan.custom_metadata == {"a": "b"}
    assert (plan.code, plan.interval, plan.amount_currency, plan.pay_in_advance, plan.trial_period) == (
        "startup", "monthly", "EUR", False, None,
    )  # fmt: skip
    assert plan.bill_charges_monthly is None
    assert len(changed.charges) == 1


async def test_03_2_2_an_ended_subscription_still_attaches(shop: Shop) -> None:
    await shop.plan()
    assert (await shop.change_plan("startup", interval="weekly")).plan.interval == "weekly"
    await shop.subscribe(subscription_at="2024-02-01T00:00:00Z")
    async with shop.context() as ctx:
        await ctx.session.connection()
        await (await ctx.session.connection()).exec_driver_sql("update subscriptions set status = 'canceled'")
    assert (await shop.change_plan("startup", interval="monthly")).plan.interval == "weekly"


async def test_03_2_2_nulls(shop: Shop) -> None:
    await shop.plan(description="d", trial_period=3, metadata={"a": "b"})
    plan = (await shop.change_plan("startup", description=None, trial_period=None, metadata=None)).plan
    assert (plan.description, plan.trial_period, plan.custom_metadata) == (None, None, None)
    with pytest.raises(ValidationFailed) as failure:
        await shop.change_plan("startup", name=None, amount_cents=None)
    assert codes(failure) == {"name": ["value_is_mandatory"], "amount_cents": ["value_is_mandatory"]}


async def test_03_2_2_charges_are_the_full_list(shop: Shop) -> None:
    storage, calls = await shop.metric(), await shop.metric(code="calls")
    first, second = (await shop.plan(charge(storage), charge(calls))).charges
    changed = await shop.change_plan(
        "startup",
        charges=[
            {
                "id": str(second.charge.id),
                "charge_model": "package",
                "properties": {"amount": "5", "package_size": 10, "free_units": 0},
            },
            charge(storage, properties={"amount": "3"}),
            {"id": str(shop.organization.id), **charge(calls)},
        ],
    )
    ids = {view.charge.id for view in changed.charges}
    assert first.charge.id not in ids
    assert second.charge.id in ids
    assert sorted((view.charge.code, view.charge.charge_model) for view in changed.charges) == [
        ("calls", "package"),
        ("calls_2", "standard"),
        ("storage", "standard"),
    ]
    assert len((await shop.change_plan("startup", name="Same")).charges) == 3
    assert (await shop.change_plan("startup", charges=[])).charges == ()
    one = (await shop.change_plan("startup", charges=[charge(storage)])).charges[0]
    with pytest.raises(ValidationFailed) as failure:
        await shop.change_plan("startup", charges=[{"id": str(one.charge.id), **charge(storage)}] * 2)
    assert codes(failure) == {"charges": ["value_is_duplicated"]}


async def test_03_2_2_attached_plans_may_gain_and_lose_charges_and_reprice_them(shop: Shop) -> None:
    storage, calls = await shop.metric(), await shop.metric(code="calls")
    await taxes(shop, "vat")
    (kept,) = (await shop.plan(charge(storage))).charges
    await shop.subscribe()
    changed = await shop.change_plan(
        "startup",
        charges=[
            {
                "id": str(kept.charge.id),
                "code": "renamed",
                "charge_model": "package",
                "pay_in_advance": True,
                "invoiceable": False,
                "prorated": True,
                "min_amount_cents": 100,
                "invoice_display_name": "Disk",
                "properties": {"amount": "9"},
                "tax_codes": ["vat"],
            },
            charge(calls, min_amount_cents=7),
        ],
    )
    repriced, added = changed.charges
    row = repriced.charge
    assert (row.code, row.charge_model, row.pay_in_advance, row.invoiceable, row.prorated, row.min_amount_cents) == (
        "storage", "standard", False, True, False, 0,
    )  # fmt: skip
    assert (row.properties, row.invoice_display_name) == ({"amount": "9"}, "Disk")
    assert [tax.code for tax in repriced.taxes] == ["vat"]
    assert (added.charge.code, added.charge.min_amount_cents) == ("calls", 7)
    assert len((await shop.change_plan("startup", charges=[{"id": str(added.charge.id)}])).charges) == 1


async def test_codes_may_be_swapped_and_taken_over_in_one_update(shop: Shop) -> None:
    storage = await shop.metric()
    one, two, three = (await shop.plan(charge(storage), charge(storage), charge(storage))).charges
    assert [view.charge.code for view in (one, two, three)] == ["storage", "storage_2", "storage_3"]
    changed = await shop.change_plan(
        "startup",
        charges=[
            {"id": str(one.charge.id), "code": "storage_2"},
            {"id": str(two.charge.id), "code": "storage"},
            charge(storage, code="storage_3"),
        ],
    )
    by_id = {view.charge.id: view.charge.code for view in changed.charges}
    assert (by_id[one.charge.id], by_id[two.charge.id], three.charge.id in by_id) == ("storage_2", "storage", False)
    with pytest.raises(ValidationFailed) as failure:
        await shop.change_plan("startup", charges=[charge(storage, code="a"), charge(storage, code="a")])
    assert codes(failure) == {"code": ["value_already_exist"]}


async def test_03_2_2_drafts_are_flagged(shop: Shop) -> None:
    await shop.plan(pay_in_advance=True)
    await shop.plan(code="other", pay_in_advance=True)
    async with shop.context() as ctx:
        ctx.organization.invoice_grace_period = 3
    await shop.subscribe("s1")
    await shop.subscribe("s2", "other")
    await shop.change_plan("startup", amount_cents=1)
    drafts = await shop.rows(select(Invoice.ready_to_be_refreshed).order_by(Invoice.created_at, Invoice.id))
    assert drafts == [True, False]


async def test_a_new_price_is_billed_although_the_old_one_is_cached(shop: Shop) -> None:
    """The revision makes caches of plans forget; a rolled back change leaves no trace in them."""
    await shop.plan(pay_in_advance=True)
    await shop.subscribe("s1", subscription_at="2024-01-01T00:00:00Z", billing_time="anniversary")
    async with shop.runtime.database.reading() as session:
        ctx = Context(session, await session.get_one(Organization, shop.organization.id))
        changed = await plans.update_plan(ctx, "startup", PlanInput.parse({"amount_cents": 1}))
        seen = await plan_snapshots(session, ctx.organization.catalog_revision, [changed.plan.id])
        assert seen[changed.plan.id].amount_cents == 1
    await shop.change_plan("startup", amount_cents=6200)
    await shop.subscribe("s2", billing_time="anniversary")
    (invoice,) = await shop.all_of(Invoice)
    assert invoice.fees_amount_cents == 6200


async def test_03_2_4_duplicate_is_an_ordinary_creation(shop: Shop) -> None:
    metric = await shop.metric(filters=[{"key": "region", "values": ["eu"]}])
    await taxes(shop, "vat")
    priced = {"values": {"region": ["eu"]}, "properties": {"amount": "2"}, "invoice_display_name": "Europe"}
    source = await shop.plan(
        charge(metric, filters=[priced], tax_codes=["vat"], invoice_display_name="Disk"),
        tax_codes=["vat"],
        trial_period="1.5",
        metadata={"a": "b"},
        minimum_commitment={"amount_cents": 7, "invoice_display_name": "Floor", "tax_codes": ["vat"]},
    )
    async with shop.context() as ctx:
        form = await plans.duplicate_input(ctx, "startup")
    assert (form.name, form.code, form.amount_cents) == (None, None, 3100)
    async with shop.context() as ctx:
        copy = await plans.create_plan(ctx, form.model_copy(update={"name": "Copy", "code": "copy"}))
    assert copy.plan.parent_id is None
    assert (copy.plan.trial_period, copy.plan.custom_metadata) == (Decimal("1.5"), {"a": "b"})
    assert [tax.code for tax in copy.taxes] == ["vat"]
    floor = copy.commitment
    assert floor is not None
    assert (floor.commitment.amount_cents, floor.commitment.invoice_display_name) == (7, "Floor")
    assert [tax.code for tax in floor.taxes] == ["vat"]
    (mine,), (theirs,) = copy.charges, source.charges
    assert mine.charge.id != theirs.charge.id
    assert (mine.charge.invoice_display_name, [tax.code for tax in mine.taxes]) == ("Disk", ["vat"])
    assert [(item.values, item.properties, item.invoice_display_name) for item in mine.filters] == [
        ({"region": ["eu"]}, {"amount": "2"}, "Europe")
    ]


async def test_list_is_newest_first_without_overrides_in_a_constant_number_of_queries(shop: Shop) -> None:
    metric = await shop.metric(filters=[{"key": "region", "values": ["eu"]}])
    priced = {"values": {"region": ["eu"]}, "properties": {"amount": "2"}}
    for number in range(12):
        await shop.plan(*[charge(metric, filters=[priced])] * 3, code=f"p{number}", name=f"Plan {number}")
    async with shop.context() as ctx:
        await (await ctx.session.connection()).exec_driver_sql(
            "update plans set parent_id = (select id from plans where code = 'p0') where code = 'p1'"
        )

    async def load(per_page: int) -> tuple[int, list[str]]:
        statements: list[str] = []

        def count(*arguments: Any) -> None:
            statements.append(arguments[2])

        engine = shop.runtime.database.engine.sync_engine
        async with shop.context() as ctx:
            event.listen(engine, "before_cursor_execute", count)
            try:
                page = await list_plans(ctx, PlanFilters(), PageRequest(1, per_page))
            finally:
                event.remove(engine, "before_cursor_execute", count)
        assert all(len(view.charges) == 3 and len(view.charges[0].filters) == 1 for view in page.items)
        assert page.total_count == 11
        return len(statements), [view.plan.code for view in page.items]

    few, many = await load(1), await load(100)
    assert few[0] == many[0] == 10
    assert sorted(many[1]) == sorted(f"p{number}" for number in range(12) if number != 1)
    async with shop.context() as ctx:
        found = await list_plans(ctx, PlanFilters(search="PLAN 1"), PageRequest())
    assert [view.plan.code for view in found.items] == ["p10", "p11"]

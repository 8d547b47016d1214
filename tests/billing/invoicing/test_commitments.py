"""True-ups to minimum commitments on invoices (spec 02 §12)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from billwright.billing.documents.invoice_document import FeeKind
from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.db import Database
from tests.billing.subscriptions.lives import edit, life
from tests.support.sandbox import Sandbox

ARREARS: dict[str, Any] = {"invoice_display_name": "arrears"}
METERED: dict[str, Any] = {"invoice_display_name": "metered", "pay_in_advance": True}
RECURRING: dict[str, Any] = {"invoice_display_name": "recurring", "pay_in_advance": True}
MILLION = {"amount_cents": 1_000_000}


async def sell(
    sandbox: Sandbox, *charges: dict[str, Any], code: str = "p", commitment: Any = MILLION, **plan: Any
) -> Any:
    """A plan of 10,000 a month with charges of 1 cent a unit, each on a metric of its display name."""
    bodies: list[dict[str, Any]] = []
    for charge in charges:
        name = charge["invoice_display_name"]
        body: dict[str, Any] = {"name": name, "code": name, "aggregation_type": "sum_agg", "field_name": "n"}
        body["recurring"] = name == "recurring"
        metric = (await sandbox.call("POST", "billable_metrics", {"billable_metric": body}))["billable_metric"]
        priced = {"charge_model": "standard", "properties": {"amount": "0.01"}}
        bodies.append({"billable_metric_id": metric["lago_id"], **priced, **charge})
    attributes: dict[str, Any] = {
        "name": code.title(),
        "code": code,
        "interval": "monthly",
        "amount_cents": 10_000,
        "amount_currency": "EUR",
        "pay_in_advance": False,
        "charges": bodies,
        "minimum_commitment": commitment,
        **plan,
    }
    return (await sandbox.call("POST", "plans", {"plan": attributes}))["plan"]


async def use(sandbox: Sandbox, code: str, units: int, when: str) -> None:
    timestamp = str(int(datetime.fromisoformat(when).timestamp()))
    event = {"transaction_id": str(uuid4()), "external_subscription_id": "s1", "code": code, "timestamp": timestamp}
    await sandbox.call("POST", "events", {"event": {**event, "properties": {"n": units}}})


async def commitments(sandbox: Sandbox) -> list[tuple[str, int, str, str]]:
    """(issuing date, cents, first day, last day) of the commitment fees, in order of billing."""
    found: list[tuple[str, int, str, str]] = []
    for item in await sandbox.invoices():
        for fee in (await sandbox.invoice(item["lago_id"]))["fees"]:
            if fee["item"]["type"] == "commitment":
                found.append((item["issuing_date"], fee["amount_cents"], fee["from_date"][:10], fee["to_date"][:10]))
    return found


async def test_02_12_arrears_monthly_full_month_no_usage(database: Database) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox)
        await sandbox.subscribe()
        await sandbox.advance("2024-06-01T01:00:00Z")
        assert await commitments(sandbox) == [("2024-06-01", 990_000, "2024-05-01", "2024-05-31")]
        assert await sandbox.amounts() == [("2024-06-01", 1_000_000)]
        [fee] = [
            fee
            for fee in (await sandbox.invoice((await sandbox.invoices())[0]["lago_id"]))["fees"]
            if fee["item"]["type"] == "commitment"
        ]
        assert (fee["units"], fee["precise_unit_amount"], fee["events_count"]) == ("1.0", "9900.0", None)
        assert (fee["pay_in_advance"], fee["invoiceable"], fee["total_aggregated_units"]) == (False, True, None)
        assert fee["amount_details"] == {}
        item = fee["item"]
        assert (item["item_type"], item["code"], item["name"]) == ("Subscription", "p", "P")
        assert item["lago_item_id"] == fee["lago_subscription_id"]
        assert item["invoice_display_name"] == "Minimum commitment"
        listed = (await sandbox.call("GET", "fees", params={"fee_type": "commitment"}))["fees"]
        assert [entry["lago_id"] for entry in listed] == [fee["lago_id"]]


async def test_02_12_advance_monthly_for_february_and_for_march(database: Database) -> None:
    """Due 2/29 of a million; then only the renewal of 1 March, which pays for March, beside the fee."""
    async with life(database, "2024-02-28T00:00Z") as sandbox:
        await sell(sandbox, ARREARS, METERED, RECURRING, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.advance("2024-02-29T12:00:00Z")
        for code, units in (("arrears", 2500), ("metered", 3000), ("recurring", 1500)):
            await use(sandbox, code, units, "2024-02-29T11:00:00Z")
        await sandbox.advance("2024-03-01T01:00:00Z")
        assert await commitments(sandbox) == [("2024-03-01", 61_276, "2024-02-28", "2024-02-29")]
        await sandbox.advance("2024-04-01T01:00:00Z")
        assert (await commitments(sandbox))[1:] == [("2024-04-01", 988_500, "2024-03-01", "2024-03-31")]


async def test_02_12_standalone_fees_count(database: Database) -> None:
    """As the example before, with fees that are on no invoice."""
    alone = {"invoiceable": False}
    async with life(database, "2024-02-28T00:00Z") as sandbox:
        await sell(sandbox, ARREARS, {**METERED, **alone}, {**RECURRING, **alone}, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.advance("2024-02-29T12:00:00Z")
        for code, units in (("arrears", 2500), ("metered", 3000), ("recurring", 1500)):
            await use(sandbox, code, units, "2024-02-29T11:00:00Z")
        await sandbox.advance("2024-04-01T01:00:00Z")
        assert [cents for _, cents, _, _ in await commitments(sandbox)] == [61_276, 988_500]


async def test_02_12_arrears_yearly_charges_monthly(database: Database) -> None:
    async with life(database, "2024-03-05T10:00Z") as sandbox:
        await sell(sandbox, ARREARS, METERED, interval="yearly", bill_charges_monthly=True)
        await sandbox.subscribe()
        await sandbox.advance("2024-04-10T00:00:00Z")
        await use(sandbox, "metered", 8700, "2024-04-09T00:00:00Z")
        await use(sandbox, "arrears", 100, "2024-04-09T00:00:00Z")
        await sandbox.advance("2024-12-31T00:00:00Z")
        assert await commitments(sandbox) == []
        await sandbox.advance("2025-01-01T01:00:00Z")
        assert await commitments(sandbox) == [("2025-01-01", 808_086, "2024-03-05", "2024-12-31")]


async def test_02_12_advance_yearly_charges_monthly(database: Database) -> None:
    """With the first invoice of the next year, for the year before; its months' usage counts once."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await sell(sandbox, ARREARS, interval="yearly", bill_charges_monthly=True, pay_in_advance=True)
        await sandbox.subscribe()
        for month in ("02", "12"):
            await sandbox.advance(f"2024-{month}-20T00:00:00Z")
            await use(sandbox, "arrears", 100, f"2024-{month}-19T00:00:00Z")
        await sandbox.advance("2025-02-01T01:00:00Z")
        assert await commitments(sandbox) == [("2025-01-01", 989_800, "2024-01-01", "2024-12-31")]


async def test_02_12_terminated(database: Database) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, ARREARS, commitment={"amount_cents": 50_000})
        await sandbox.subscribe(subscription_at="2024-06-01T00:00:00Z")
        await sandbox.advance("2024-06-15T10:00:00Z")
        await use(sandbox, "arrears", 3000, "2024-06-14T00:00:00Z")
        await sandbox.terminate()
        assert await commitments(sandbox) == [("2024-06-15", 17_000, "2024-06-01", "2024-06-15")]


async def test_02_12_arrears_downgrade_bills_all_of_may(database: Database) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox)
        await sell(sandbox, code="small", commitment=None, amount_cents=100)
        await sandbox.subscribe()
        await sandbox.advance("2024-05-20T00:00:00Z")
        await sandbox.subscribe(plan="small")
        await sandbox.advance("2024-06-01T00:15:00Z")
        assert await commitments(sandbox) == [("2024-06-01", 990_000, "2024-05-01", "2024-05-31")]


async def test_02_12_advance_downgrade_reconciles_the_ended_interval(database: Database) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, pay_in_advance=True)
        await sell(sandbox, code="small", commitment={"amount_cents": 31_000}, amount_cents=100, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.subscribe(plan="small")
        await sandbox.advance("2024-07-01T01:00:00Z")
        assert await commitments(sandbox) == [
            ("2024-06-01", 990_000, "2024-05-01", "2024-05-31"),
            ("2024-07-01", 30_900, "2024-06-01", "2024-06-30"),
        ]


@pytest.mark.parametrize(("in_advance", "missing"), [(False, 322_581 - 2_903), (True, 322_581 - 10_000)])
async def test_02_12_upgrade_keeps_its_day(database: Database, in_advance: bool, missing: int) -> None:
    """10/31 although the fee in arrears has 9/31; in advance the whole fee counts, credited or not."""
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, pay_in_advance=in_advance)
        await sell(sandbox, code="big", commitment=None, amount_cents=20_000, pay_in_advance=in_advance)
        await sandbox.subscribe()
        await sandbox.advance("2024-05-10T10:00:00Z")
        await sandbox.subscribe(plan="big")
        assert await commitments(sandbox) == [("2024-05-10", missing, "2024-05-01", "2024-05-10")]


async def test_02_12_advance_terminated(database: Database) -> None:
    """The month before with the periodic invoice, the running one with the last; the fee counts uncredited."""
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, ARREARS, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.advance("2024-06-15T10:00:00Z")
        await use(sandbox, "arrears", 3000, "2024-06-14T00:00:00Z")
        await sandbox.terminate()
        assert await commitments(sandbox) == [
            ("2024-06-01", 990_000, "2024-05-01", "2024-05-31"),
            ("2024-06-15", 500_000 - 13_000, "2024-06-01", "2024-06-15"),
        ]


@pytest.mark.parametrize("in_advance", [False, True])
async def test_02_12_ended_on_an_unbilled_billing_day(database: Database, in_advance: bool) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, pay_in_advance=in_advance)
        await sandbox.subscribe(ending_at="2024-06-01T00:00:00Z")
        await sandbox.advance("2024-06-20T00:00:00Z")
        assert await commitments(sandbox) == [("2024-06-01", 990_000, "2024-05-01", "2024-05-31")]


async def test_02_12_backdated_start_in_advance_is_not_reconciled(database: Database) -> None:
    async with life(database, "2024-05-10T00:00Z") as sandbox:
        await sell(sandbox, pay_in_advance=True)
        await sandbox.subscribe(subscription_at="2024-05-01T00:00:00Z")
        await sandbox.advance("2024-07-01T01:00:00Z")
        assert await commitments(sandbox) == [("2024-07-01", 990_000, "2024-06-01", "2024-06-30")]


@pytest.mark.parametrize(
    ("in_advance", "expected"),
    [
        (False, [("2024-06-01", 1_000_000), ("2024-07-01", 1_000_000 - 6_667)]),
        (True, [("2024-07-01", 1_000_000 - 6_667)]),
    ],
)
async def test_02_12_trial_days_count(database: Database, in_advance: bool, expected: list[tuple[str, int]]) -> None:
    """A trial of 41 days to 11 June waives the fee only; in advance the first interval had no start invoice."""
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, ARREARS, pay_in_advance=in_advance, trial_period=41)
        await sandbox.subscribe()
        await sandbox.advance("2024-07-01T01:00:00Z")
        assert [(day, cents) for day, cents, _, _ in await commitments(sandbox)] == expected


async def test_02_12_minimums_of_charges_count(database: Database) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, {**ARREARS, "min_amount_cents": 700_000})
        await sandbox.subscribe()
        await sandbox.advance("2024-06-01T01:00:00Z")
        assert [cents for _, cents, _, _ in await commitments(sandbox)] == [290_000]


async def test_02_12_reached(database: Database) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, commitment={"amount_cents": 10_000})
        await sandbox.subscribe()
        await sandbox.advance("2024-06-01T01:00:00Z")
        assert await commitments(sandbox) == []


async def test_02_12_fees_of_voided_invoices_do_not_count(database: Database) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox, pay_in_advance=True)
        await sandbox.subscribe()
        [first] = await sandbox.invoices()
        await sandbox.call("POST", f"invoices/{first['lago_id']}/void")
        await sandbox.advance("2024-06-01T01:00:00Z")
        assert [cents for _, cents, _, _ in await commitments(sandbox)] == [1_000_000]


async def test_02_12_another_time_zone_in_between(database: Database) -> None:
    """The fee of May, billed by the days of Auckland, is the fee of the May of Los Angeles too."""
    async with life(database, "2024-04-15T12:00Z", zone="Pacific/Auckland") as sandbox:
        await sell(sandbox, pay_in_advance=True)
        await sandbox.subscribe()
        await sandbox.advance("2024-05-20T00:00:00Z")
        await sandbox.customer("c1", timezone="America/Los_Angeles")
        await sandbox.advance("2024-06-02T00:00:00Z")
        assert [cents for _, cents, _, _ in await commitments(sandbox)] == [500_000 - 5_000, 990_000]


async def test_02_12_drafts_follow(database: Database) -> None:
    """Usage that comes late, another amount, none any more: the draft has it, and issues what it shows."""
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 5})
        await sell(sandbox, ARREARS)
        await sandbox.subscribe()
        await sandbox.advance("2024-06-01T01:00:00Z")
        [draft] = await sandbox.invoices()

        async def shown() -> list[int]:
            await sandbox.call("PUT", f"invoices/{draft['lago_id']}/refresh")
            return [cents for _, cents, _, _ in await commitments(sandbox)]

        assert await shown() == [990_000]
        await use(sandbox, "arrears", 40_000, "2024-05-20T00:00:00Z")
        assert await shown() == [950_000]
        await sandbox.call("PUT", "plans/p", {"plan": {"minimum_commitment": {"amount_cents": 60_000}}})
        await sandbox.advance("2024-06-01T02:00:00Z")
        assert [cents for _, cents, _, _ in await commitments(sandbox)] == [10_000]
        await sandbox.call("PUT", "plans/p", {"plan": {"minimum_commitment": {}}})
        assert await shown() == []
        await sandbox.call("PUT", "plans/p", {"plan": {"minimum_commitment": {"amount_cents": 70_000}}})
        await sandbox.advance("2024-06-07T00:00:00Z")
        assert [item["status"] for item in await sandbox.invoices()] == ["finalized"]
        assert [cents for _, cents, _, _ in await commitments(sandbox)] == [20_000]


async def test_02_12_one_subscription_has_prices_of_its_own(database: Database) -> None:
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sell(sandbox)
        await sandbox.subscribe("copied", plan_overrides={"amount_cents": 20_000})
        await sandbox.subscribe("own", plan_overrides={"minimum_commitment": {"amount_cents": 11_000}})
        await sandbox.subscribe("without", plan_overrides={"minimum_commitment": {}})
        await sandbox.subscribe("changed")
        await edit(sandbox, "changed", plan_overrides={"minimum_commitment": {"amount_cents": 12_000}})
        await edit(sandbox, "changed", plan_overrides={"minimum_commitment": {"invoice_display_name": "Floor"}})
        await sandbox.advance("2024-06-01T01:00:00Z")
        assert sorted(cents for _, cents, _, _ in await commitments(sandbox)) == [1_000, 2_000, 980_000]


@pytest.mark.parametrize(
    ("own", "plan", "customer", "applied"),
    [("a", "b", "c", "a"), (None, "b", "c", "b"), (None, None, "c", "c"), (None, None, None, "d")],
)
async def test_02_7_taxes_of_the_first_level(
    database: Database, own: str | None, plan: str | None, customer: str | None, applied: str
) -> None:
    def codes(code: str | None) -> list[str]:
        return [code] if code else []

    async with life(database, "2024-05-01T00:00Z") as sandbox:
        for number, code in enumerate("abcd", 1):
            await sandbox.tax(code, str(10 * number), applied_to_organization=code == "d")
        await sandbox.customer("c1", tax_codes=codes(customer))
        await sell(sandbox, commitment={**MILLION, "tax_codes": codes(own)}, tax_codes=codes(plan))
        await sandbox.subscribe()
        await sandbox.advance("2024-06-01T01:00:00Z")
        [invoice] = await sandbox.invoices()
        [fee] = [
            fee for fee in (await sandbox.invoice(invoice["lago_id"]))["fees"] if fee["item"]["type"] == "commitment"
        ]
        assert [tax["tax_code"] for tax in fee["applied_taxes"]] == [applied]
        assert fee["taxes_amount_cents"] == 99_000 * (1 + "abcd".index(applied))


@pytest.mark.parametrize(
    ("commitment", "locale", "label"),
    [
        (MILLION, "en", "Minimum commitment"),
        (MILLION, "de", None),
        ({**MILLION, "invoice_display_name": "Grundumsatz"}, "en", "Grundumsatz"),
    ],
)
async def test_04_19_4_printed(database: Database, commitment: Any, locale: str, label: str | None) -> None:
    """The line's name is in the document's language unless the commitment has one."""
    async with life(database, "2024-05-01T00:00Z") as sandbox:
        await sandbox.customer("c1", billing_configuration={"document_locale": locale})
        await sell(sandbox, commitment=commitment)
        await sandbox.subscribe()
        await sandbox.advance("2024-06-01T01:00:00Z")
        [item] = await sandbox.invoices()
        async with sandbox.context() as ctx:
            document = await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(item["lago_id"])))
        [section] = document.subscriptions
        [line] = [fee for fee in section.fees if fee.kind is FeeKind.COMMITMENT]
        assert (line.amount_cents, line.units, str(line.from_date)) == (990_000, 1, "2024-05-01")
        if label is None:
            assert line.item_name
            assert line.item_name != "Minimum commitment"
        else:
            assert line.item_name == label

"""From the rows of an issued invoice to its PDF (spec 04 §18, §19)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from billwright.billing.documents.invoice_document import (
    AppliedTax,
    FeeKind,
    FeeTax,
    FilterLabel,
    InvoiceDocument,
    UnitChange,
)
from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from tests.support.sandbox import Sandbox


async def document(sandbox: Sandbox, lago_id: str) -> InvoiceDocument:
    async with sandbox.context() as ctx:
        return await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(lago_id)))


async def only(sandbox: Sandbox) -> Any:
    [invoice] = await sandbox.invoices()
    return invoice


async def test_04_19_2_header(sandbox: Sandbox) -> None:
    await sandbox.call(
        "PUT",
        "organizations",
        {
            "organization": {
                "legal_name": "Hooli Inc.",
                "legal_number": "RCS 1",
                "email": "billing@hooli.test",
                "address_line1": "1 Road",
                "zipcode": "75002",
                "city": "Paris",
                "country": "FR",
                "net_payment_term": 15,
                "billing_configuration": {"document_locale": "fr", "invoice_footer": "Merci"},
            }
        },
    )
    await sandbox.customer(
        "c1",
        name="Acme",
        firstname="Jane",
        lastname="Doe",
        email="a@acme.test,b@acme.test",
        country="US",
        metadata=[
            {"key": "PO", "value": "42", "display_in_invoice": True},
            {"key": "hidden", "value": "1"},
        ],
    )
    await sandbox.tax("vat", "20")
    await sandbox.plan("p", 3100, pay_in_advance=True, name="Premium")
    await sandbox.subscribe(name="Main")
    shown = await only(sandbox)
    made = await document(sandbox, shown["lago_id"])
    assert (made.number, made.issuing_date, made.payment_due_date) == (
        shown["number"],
        date(2024, 1, 15),
        date(2024, 1, 30),
    )
    assert (made.currency, made.locale, made.footer, made.net_payment_term) == ("EUR", "fr", "Merci", 15)
    assert (made.seller.name, made.seller.legal_name, made.seller.emails) == (
        "Hooli",
        "Hooli Inc.",
        ("billing@hooli.test",),
    )
    assert (made.seller.address.line1, made.seller.address.country) == ("1 Road", "FR")
    assert (made.customer.name, made.customer.emails) == ("Acme - Jane Doe", ("a@acme.test", "b@acme.test"))
    assert made.metadata == (("PO", "42"),)
    assert made.applied_taxes == (
        AppliedTax(code="vat", name="VAT", rate=Decimal(20), base_amount_cents=1700, amount_cents=340),
    )
    assert (made.totals.total_amount_cents, made.totals.prepaid_credit_amount_cents) == (2040, None)
    [section] = made.subscriptions
    assert (section.name, section.plan_name, section.plan_interval) == ("Main", "Premium", "monthly")
    [fee] = section.fees
    assert (fee.kind, fee.amount_cents, fee.from_date, fee.to_date, fee.taxes) == (
        FeeKind.SUBSCRIPTION,
        1700,
        date(2024, 1, 15),
        date(2024, 1, 31),
        (FeeTax(name="VAT", rate=Decimal(20)),),
    )


async def test_04_19_2_parties_are_those_of_the_issue(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", name="Before")
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    await sandbox.customer("c1", name="After")
    made = await document(sandbox, (await only(sandbox))["lago_id"])
    assert made.customer.name == "Before"


async def test_a_customer_without_a_name_is_called_by_its_id(sandbox: Sandbox) -> None:
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe(customer="cust-7")
    assert (await document(sandbox, (await only(sandbox))["lago_id"])).customer.name == "cust-7"


async def test_02_9_a_true_up_hangs_on_its_parent(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, "calls", min_amount_cents=3100)
    await sandbox.subscribe()
    await sandbox.send(("2024-01-20T00:00:00Z", 7))
    await sandbox.advance("2024-02-01T00:00:00Z")
    [section] = (await document(sandbox, (await only(sandbox))["lago_id"])).subscriptions
    lines = [fee for fee in section.fees if fee.kind is FeeKind.CHARGE]
    assert len(lines) == 1
    true_up = lines[0].true_up
    assert true_up is not None
    assert (lines[0].amount_cents, true_up.amount_cents) == (700, 1000)
    assert (true_up.minimum_amount_cents, true_up.prorated) == (3100, True)


async def test_04_19_4_groups_in_the_order_of_their_keys(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, "calls", properties={"amount": "1", "pricing_group_keys": ["zone", "app"]})
    await sandbox.subscribe()
    await sandbox.send(("2024-01-20T00:00:00Z", 1), zone="eu", app="web")
    await sandbox.send(("2024-01-20T00:00:00Z", 2), app="ios")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [section] = (await document(sandbox, (await only(sandbox))["lago_id"])).subscriptions
    assert {fee.units: fee.group_values for fee in section.fees if fee.kind is FeeKind.CHARGE} == {
        Decimal(1): ("eu", "web"),
        Decimal(2): ("ios",),
    }


async def test_04_19_4_the_changes_of_a_recurring_charge(sandbox: Sandbox) -> None:
    """Sum: carried 4 from January, +2 and -1 in February (29 days)."""
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, "seats", recurring=True, prorated=True, properties={"amount": "10"})
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(
        ("2024-01-20T00:00:00Z", 4),
        ("2024-02-10T08:00:00Z", 1),
        ("2024-02-10T23:59:59Z", 1),
        ("2024-02-22T00:00:00Z", -1),
        ("2024-03-01T00:00:00Z", 100),
        code="seats",
    )
    await sandbox.advance("2024-03-01T00:00:00Z")
    invoice = (await sandbox.invoices())[-1]
    [section] = (await document(sandbox, invoice["lago_id"])).subscriptions
    [seats] = [fee for fee in section.fees if fee.kind is FeeKind.CHARGE]
    assert seats.recurring is not None
    assert (seats.recurring.metric_name, seats.recurring.prorated) == ("Seats", True)
    assert seats.recurring.changes == (
        UnitChange(day=date(2024, 2, 1), units=Decimal(4), days_used=29, days_total=29),
        UnitChange(day=date(2024, 2, 10), units=Decimal(2), days_used=20, days_total=29),
        UnitChange(day=date(2024, 2, 22), units=Decimal(-1), days_used=8, days_total=29),
    )
    billed = sum(change.units * change.days_used for change in seats.recurring.changes)
    fee = (await sandbox.invoice(invoice["lago_id"]))["fees"][-1]
    assert round(billed * 1000 / 29) == fee["amount_cents"]


async def test_04_19_4_the_changes_of_a_unique_count(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, "users", aggregation="unique_count_agg", recurring=True, prorated=True)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00Z", "u1"), ("2024-02-11T00:00:00Z", "u2"), code="users")
    await sandbox.send(("2024-02-09T00:00:00Z", "u1"), code="users", operation_type="remove")
    await sandbox.advance("2024-03-01T00:00:00Z")
    invoice = (await sandbox.invoices())[-1]
    [section] = (await document(sandbox, invoice["lago_id"])).subscriptions
    [users] = [fee for fee in section.fees if fee.kind is FeeKind.CHARGE]
    assert users.recurring is not None
    assert [(change.day.day, change.units, change.days_used) for change in users.recurring.changes] == [
        (1, 1, 29),
        (9, -1, 20),
        (11, 1, 19),
    ]
    fee = (await sandbox.invoice(invoice["lago_id"]))["fees"][-1]
    assert fee["precise_amount"].startswith(str(Decimal(28) / 29)[:6])


async def test_04_18_a_document_is_made_once(sandbox: Sandbox) -> None:
    await sandbox.plan(pay_in_advance=True)
    await sandbox.subscribe()
    await sandbox.advance("2024-01-15T11:00:00Z")
    shown = await only(sandbox)
    await sandbox.call("POST", f"invoices/{shown['lago_id']}/download")
    await sandbox.customer("c1", billing_configuration={"document_locale": "de"})
    await sandbox.advance("2024-01-15T12:00:00Z")
    assert (await only(sandbox))["file_url"] == shown["file_url"]


async def test_a_filter_shows_its_own_name_or_its_values() -> None:
    from billwright.billing.invoicing.documents import filter_label

    values = {"region": ["eu", "us"], "tier": ["__ALL_FILTER_VALUES__"]}
    derived = {"filters": values, "filter_invoice_display_name": "eu, us, tier"}
    own = {"filters": values, "filter_invoice_display_name": "Western"}
    stored = {"region": ("eu", "us"), "tier": ("__ALL_FILTER_VALUES__",)}
    assert filter_label(derived) == FilterLabel(display_name=None, values=stored)
    assert filter_label(own) == FilterLabel(display_name="Western", values=stored)
    assert filter_label({"filters": None}) is None


async def test_04_19_3_a_one_off_invoice(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1", currency="EUR", timezone="America/Los_Angeles")
    for code, name, shown in (("setup", "Setup", "Set-up fee"), ("day", "Consulting day", None)):
        body = {"name": name, "code": code, "amount_cents": 33300, "amount_currency": "EUR"}
        await sandbox.call("POST", "add_ons", {"add_on": {**body, "invoice_display_name": shown}})
    fees = [
        {"add_on_code": "setup", "description": "On site\nin Lyon"},
        {"add_on_code": "day", "units": "2.5", "from_datetime": "2024-01-01", "to_datetime": "2024-01-12T23:30:00Z"},
        {"add_on_code": "day", "invoice_display_name": "A day", "tax_codes": []},
    ]
    body = {"invoice": {"external_customer_id": "c1", "fees": fees}}
    invoice = (await sandbox.call("POST", "invoices", body))["invoice"]
    made = await document(sandbox, invoice["lago_id"])
    assert made.invoice_type == "one_off"
    assert made.subscriptions == ()
    assert [(line.name, line.units, line.amount_cents, line.description) for line in made.add_ons] == [
        ("Set-up fee", 1, 33300, "On site\nin Lyon"),
        ("Consulting day", Decimal("2.5"), 83250, None),
        ("A day", 1, 33300, None),
    ]
    assert (made.add_ons[1].from_date, made.add_ons[1].to_date) == (date(2024, 1, 1), date(2024, 1, 12))
    assert (made.add_ons[0].from_date, made.add_ons[0].precise_unit_amount) == (date(2024, 1, 15), 333)
    assert made.add_ons[0].taxes == (FeeTax(name="VAT", rate=Decimal(20)),)
    assert made.totals.total_amount_cents == 179820

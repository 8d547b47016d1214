"""The official Python client, unmodified, on the running product from sign-up to paid invoice: every answer is parsed.

A sandbox with a three-day grace period, 20 % tax, and a monthly plan of 49.00 in arrears with two charges:
0.10 per token, and seats at 10.00 for the first five, 8.00 beyond. The expected figures are computed by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import (
    AddOn,
    BatchEvent,
    BillableMetric,
    Charge,
    Charges,
    Customer,
    CustomerBillingConfiguration,
    Event,
    Invoice,
    InvoiceMetadata,
    InvoiceMetadataList,
    Organization,
    OrganizationBillingConfiguration,
    Plan,
    Subscription,
    Tax,
)
from lago_python_client.models.invoice import InvoiceFee, InvoiceFeesList, OneOffInvoice

from tests.live.server import LiveServer

pytestmark = pytest.mark.live

START = datetime(2024, 1, 1, 9, tzinfo=UTC)


class Company:
    """The client and what it cannot do itself: the sandbox's clock."""

    def __init__(self, server: LiveServer, api_key: str) -> None:
        self.lago = Client(api_key=api_key, api_url=server.url)
        self.http = httpx.Client(
            base_url=f"{server.url}/api/v1", headers={"Authorization": f"Bearer {api_key}"}, timeout=120
        )

    def advance(self, now: str) -> None:
        answer = self.http.put("/test_clock", json={"test_clock": {"now": now}})
        assert answer.status_code == 200, answer.text
        assert (
            answer.json()["test_clock"]["now"] == now.replace("Z", ".000Z") or answer.json()["test_clock"]["now"] == now
        )

    def event(self, transaction_id: str, code: str, when: str, **properties: Any) -> Event:
        moment = datetime.fromisoformat(when).timestamp()
        timestamp: int | str = int(moment) if moment.is_integer() else str(moment)
        return Event(
            transaction_id=transaction_id,
            external_subscription_id="hooli-1",
            code=code,
            timestamp=timestamp,
            properties=properties,
        )


@pytest.fixture
async def company(server: LiveServer) -> Company:
    return Company(server, await server.organization("Hooli", clock=START))


def refused(call: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
    with pytest.raises(LagoApiError) as failure:
        call(*arguments)
    return failure.value.status_code, failure.value.response


def set_up(lago: Client) -> None:
    """Organization, tax, metrics, plan, customer, subscription."""
    changed = lago.organizations.update(
        Organization(
            default_currency="EUR",
            legal_name="Hooli SARL",
            country="FR",
            billing_configuration=OrganizationBillingConfiguration(invoice_grace_period=3),
        )
    )
    assert (changed.legal_name, changed.billing_configuration.invoice_grace_period) == ("Hooli SARL", 3)

    tax = lago.taxes.create(Tax(name="VAT", code="vat", rate=20.0, applied_to_organization=True))
    assert (tax.rate, tax.applied_to_organization) == (20.0, True)
    assert lago.taxes.find("vat").lago_id == tax.lago_id

    tokens = lago.billable_metrics.create(
        BillableMetric(name="Tokens", code="tokens", aggregation_type="sum_agg", field_name="n", recurring=False)
    )
    seats = lago.billable_metrics.create(
        BillableMetric(
            name="Seats", code="seats", aggregation_type="unique_count_agg", field_name="user", recurring=False
        )
    )
    listed = lago.billable_metrics.find_all({"per_page": 1})
    assert (len(listed["billable_metrics"]), listed["meta"]["total_pages"]) == (1, 2)

    graduated = [
        {"from_value": 0, "to_value": 5, "per_unit_amount": "10", "flat_amount": "0"},
        {"from_value": 6, "to_value": None, "per_unit_amount": "8", "flat_amount": "0"},
    ]
    plan = lago.plans.create(
        Plan(
            name="Team",
            code="team",
            interval="monthly",
            amount_cents=4900,
            amount_currency="EUR",
            pay_in_advance=False,
            charges=Charges(
                __root__=[
                    Charge(
                        billable_metric_id=tokens.lago_id,
                        charge_model="standard",
                        invoiceable=True,
                        properties={"amount": "0.10"},
                    ),
                    Charge(
                        billable_metric_id=seats.lago_id,
                        charge_model="graduated",
                        invoiceable=True,
                        properties={"graduated_ranges": graduated},
                    ),
                ]
            ),
        )
    )
    assert [charge.charge_model for charge in plan.charges.__root__] == ["standard", "graduated"]
    assert lago.plans.find("team").lago_id == plan.lago_id

    customer = lago.customers.create(
        Customer(
            external_id="hooli",
            name="Hooli Inc",
            currency="EUR",
            email="billing@example.com",
            billing_configuration=CustomerBillingConfiguration(document_locale="en"),
        )
    )
    assert lago.customers.find("hooli").lago_id == customer.lago_id
    subscription = lago.subscriptions.create(
        Subscription(external_customer_id="hooli", plan_code="team", external_id="hooli-1", billing_time="calendar")
    )
    assert (subscription.status, subscription.plan_code) == ("active", "team")
    assert lago.subscriptions.find("hooli-1").lago_id == subscription.lago_id
    assert [each.external_id for each in lago.subscriptions.find_all({"plan_code": "team"})["subscriptions"]] == [
        "hooli-1"
    ]


def send_events(company: Company) -> None:
    """30 + 100 tokens; seven seats, one of them removed again."""
    lago = company.lago
    stored = lago.events.create(company.event("single-1", "tokens", "2024-01-10T12:00:00.250+00:00", n=30))
    assert (stored.transaction_id, stored.timestamp) == ("single-1", "2024-01-10T12:00:00.250Z")
    lago.events.batch_create(
        BatchEvent(events=[company.event(f"b-{i}", "tokens", "2024-01-11T00:00:00+00:00", n=1) for i in range(100)])
    )
    lago.events.batch_create(
        BatchEvent(
            events=[
                company.event(f"u-{i}", "seats", "2024-01-12T00:00:00+00:00", user=f"u{i}", operation_type="add")
                for i in range(7)
            ]
        )
    )
    lago.events.create(company.event("u-x", "seats", "2024-01-13T00:00:00+00:00", user="u6", operation_type="remove"))
    assert refused(lago.events.create, company.event("single-1", "tokens", "2024-01-20T00:00:00+00:00", n=1)) == (
        422,
        {
            "status": 422,
            "error": "Unprocessable Entity",
            "code": "validation_errors",
            "error_details": {"transaction_id": ["value_already_exist"]},
        },
    )
    doubled = BatchEvent(
        events=[company.event(name, "tokens", "2024-01-11T00:00:00+00:00", n=1) for name in ("c", "b-7")]
    )
    status, body = refused(lago.events.batch_create, doubled)
    assert (status, body["error_details"]) == (422, {"1": {"transaction_id": ["value_already_exist"]}})
    assert refused(lago.events.find, "c")[0] == 404
    found = lago.events.find("b-42")
    assert (found.lago_subscription_id, found.properties) == (lago.subscriptions.find("hooli-1").lago_id, {"n": 1})


def check_usage(usage: Any, tokens: tuple[str, int], seats: tuple[str, int], amount: int, taxes: int) -> None:
    by_code = {charge.billable_metric.code: charge for charge in usage.charges_usage}
    assert (by_code["tokens"].units, by_code["tokens"].amount_cents) == tokens
    assert (by_code["seats"].units, by_code["seats"].amount_cents) == seats
    assert (usage.amount_cents, usage.taxes_amount_cents, usage.total_amount_cents) == (amount, taxes, amount + taxes)


def test_a_month_of_business(company: Company) -> None:
    lago = company.lago
    set_up(lago)
    send_events(company)

    # 130 tokens = 13.00; six seats = 5 x 10.00 + 8.00 = 58.00; 20 % of 71.00 = 14.20
    usage = lago.customers.current_usage("hooli", "hooli-1")
    check_usage(usage, ("130.0", 1300), ("6.0", 5800), 7100, 1420)
    assert (usage.from_datetime, usage.currency) == ("2024-01-01T09:00:00Z", "EUR")
    assert lago.customers.current_usage("hooli", "hooli-1", apply_taxes="false").taxes_amount_cents == 0
    assert lago.customers.past_usage("hooli", "hooli-1")["usage_periods"] == []

    company.advance("2024-02-01T08:00:00Z")
    [draft] = lago.invoices.find_all({"external_customer_id": "hooli"})["invoices"]
    # 49.00 + 13.00 + 58.00 = 120.00, tax 24.00
    assert (draft.status, draft.fees_amount_cents, draft.total_amount_cents) == ("draft", 12000, 14400)
    assert lago.customers.current_usage("hooli", "hooli-1").amount_cents == 0
    [period] = lago.customers.past_usage("hooli", "hooli-1")["usage_periods"]
    check_usage(period, ("130.0", 1300), ("6.0", 5800), 12000, 2400)

    # a late event of January reaches the draft when it is refreshed: 20 more tokens = 2.00
    lago.events.create(company.event("late", "tokens", "2024-01-31T23:59:59+00:00", n=20))
    refreshed = lago.invoices.refresh(draft.lago_id)
    assert (refreshed.status, refreshed.fees_amount_cents, refreshed.total_amount_cents) == ("draft", 12200, 14640)
    final = lago.invoices.finalize(draft.lago_id)
    assert (final.lago_id, final.status, final.payment_status) == (draft.lago_id, "finalized", "pending")
    assert (final.taxes_amount_cents, final.total_amount_cents, final.total_due_amount_cents) == (2440, 14640, 14640)
    assert final.issuing_date == "2024-02-01"

    found = lago.invoices.find(draft.lago_id)
    assert found.number == final.number
    fees = {fee.item.code if fee.item.type == "charge" else fee.item.type: fee for fee in found.fees.__root__}
    assert {name: (fee.amount_cents, fee.taxes_amount_cents) for name, fee in fees.items()} == {
        "subscription": (4900, 980),
        "tokens": (1500, 300),
        "seats": (5800, 1160),
    }
    listed = lago.fees.find_all({"external_subscription_id": "hooli-1", "fee_type": "charge"})["fees"]
    assert {fee.lago_id for fee in listed} == {fees["tokens"].lago_id, fees["seats"].lago_id}
    assert lago.fees.find(fees["seats"].lago_id).units == "6.0"

    [period] = lago.customers.past_usage("hooli", "hooli-1")["usage_periods"]
    check_usage(period, ("150.0", 1500), ("6.0", 5800), 12200, 2440)  # amounts of the whole invoice (spec 01 §10.5)
    assert period.lago_invoice_id == final.lago_id

    check_document(company, final.lago_id, final.number)
    metadata = InvoiceMetadataList(__root__=[InvoiceMetadata(key="deal", value="42")])
    paid = lago.invoices.update(Invoice(payment_status="succeeded", metadata=metadata), final.lago_id)
    assert (paid.payment_status, paid.metadata.__root__[0].value) == ("succeeded", "42")


def check_document(company: Company, invoice_id: str, number: str) -> None:
    """The PDF is made in the background at the latest when it is asked for."""
    company.lago.invoices.download(invoice_id)
    company.advance("2024-02-01T08:00:01Z")
    shown = company.lago.invoices.download(invoice_id)
    deadline = time.monotonic() + 30
    while shown is None and time.monotonic() < deadline:
        time.sleep(0.2)
        shown = company.lago.invoices.download(invoice_id)
    assert shown is not None
    document = httpx.get(shown.file_url, timeout=30)
    assert document.status_code == 200
    assert document.content.startswith(b"%PDF-")
    assert shown.file_url.endswith(f"/{number}.pdf")


def test_one_off_sales_and_the_end_of_a_subscription(company: Company) -> None:
    lago = company.lago
    set_up(lago)
    lago.add_ons.create(AddOn(name="Setup", code="setup", amount_cents=30000, amount_currency="EUR"))
    fees = InvoiceFeesList(__root__=[InvoiceFee(add_on_code="setup", units=1.5)])
    sold = lago.invoices.create(OneOffInvoice(external_customer_id="hooli", currency="EUR", fees=fees))
    assert (sold.invoice_type, sold.fees_amount_cents, sold.total_amount_cents) == ("one_off", 45000, 54000)
    assert lago.invoices.void(sold.lago_id).status == "voided"

    lago.events.create(company.event("t", "tokens", "2024-01-01T10:00:00+00:00", n=5))
    company.advance("2024-01-10T12:00:00Z")
    ended = lago.subscriptions.destroy("hooli-1")
    assert (ended.status, ended.terminated_at) == ("terminated", "2024-01-10T12:00:00Z")
    [last] = lago.invoices.find_all({"invoice_type[]": "subscription"})["invoices"]
    # ten of 31 days of 49.00 = 15.81, and 5 tokens = 0.50
    assert (last.fees_amount_cents, last.taxes_amount_cents) == (1581 + 50, 326)
    assert lago.customers.find_all({"search_term": "hool"})["meta"]["total_count"] == 1
    assert lago.customers.destroy("hooli").external_id == "hooli"
    assert refused(lago.customers.find, "hooli")[0] == 404


def test_a_stranger_is_refused(company: Company) -> None:
    stranger = Client(api_key="00000000-0000-0000-0000-000000000000", api_url=company.lago.api_url)
    assert refused(stranger.plans.find_all)[0] == 401

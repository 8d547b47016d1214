"""Usage, analytics, invoices, payments and attributes of a customer, each under a tab (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views.analytics import PERIODS, months_until, revenue_of
from billwright.ui.views.choices import country_names
from billwright.ui.views.customers import PROVIDERS, present, tab_page
from billwright.ui.views.invoices import shown_row
from billwright.ui.views.payments import payment_row
from billwright.ui.views.support import View, load_frame
from billwright.ui.views.usage import shown_usage

Data = Mapping[str, Any]
_TYPES = {"company": "Company", "individual": "Individual"}


async def usage(view: View) -> Response:
    """``GET /{slug}/customer/{id}/usage``: the running period of every active subscription."""
    customer = (await view.ask("CustomerUsage", id=view.path("customer")))["customer"]
    now = present(view, await load_frame(view))
    held: list[Data] = customer["subscriptions"] or []
    content = {
        "usage": [found for item in held if (found := shown_usage(item, view.base, now)) is not None],
        "subscribed": bool(held),
    }
    path = f"/customers/{customer['externalId']}/current_usage?external_subscription_id="
    api = view.api("CustomerUsage", "GET", path + (held[0]["externalId"] if held else "your-subscription"))
    parts = {"usage": "customers/usage_list.html"}
    return await tab_page(view, "usage", "customers/usage_list.html", content, api=api, parts=parts)


async def analytics(view: View) -> Response:
    """``GET /{slug}/customer/{id}/analytics?period=``: gross revenue by month, a chart for each currency."""
    customer = (await view.ask("CustomerIdentity", id=view.path("customer")))["customer"]
    rows = (await view.ask("CustomerRevenue", customer=customer["externalId"], months=12))["grossRevenues"]
    chosen = next((each for each in PERIODS if each[0] == view.query("period")), PERIODS[0])
    months = months_until(formatting.instant(present(view, await load_frame(view))), chosen[2])
    used = {row["currency"] for row in rows if int(row["amountCents"])} or {customer["currency"]} - {None}
    content = {
        "periods": [
            {
                "label": label,
                "href": formatting.url_with(view.url, period=key),
                "current": key == chosen[0],
                "count": None,
            }
            for key, label, _ in PERIODS
        ],
        "revenues": [
            {"currency": code, **revenue_of([row for row in rows if row["currency"] == code], months, code)}
            for code in sorted(used, key=lambda each: (each != customer["currency"], each))
        ],
    }
    path = f"/analytics/gross_revenue?external_customer_id={customer['externalId']}"
    api = view.api("CustomerRevenue", "GET", path)
    return await tab_page(view, "analytics", "customers/tabs/analytics.html", content, api=api)


async def invoices(view: View) -> Response:
    """``GET /{slug}/customer/{id}/invoices``: drafts first in their own table."""
    found = await view.ask(
        "CustomerInvoices", id=view.path("customer"), searchTerm=view.search or None, **view.paging()
    )
    customer = found["customer"]
    drafts, listed = customer["drafts"] or {"collection": []}, customer["invoices"]
    content = {
        "search": view.query("search"),
        "searched": bool(view.search),
        "drafts": [shown_row(view, item) for item in drafts["collection"]],
        "invoices": [shown_row(view, item) for item in listed["collection"]] if listed else [],
        "page": view.pager(listed["metadata"]) if listed else None,
    }
    api = view.api("CustomerInvoices", "GET", f"/customers/{customer['externalId']}/invoices")
    parts = {"results": "customers/invoice_results.html"}
    return await tab_page(view, "invoices", "customers/tabs/invoices.html", content, api=api, parts=parts)


async def payments(view: View) -> Response:
    """``GET /{slug}/customer/{id}/payments``: newest first, and the invoices that a payment can be recorded for."""
    customer = (await view.ask("CustomerIdentity", id=view.path("customer")))["customer"]
    external_id = customer["externalId"]
    found = (await view.ask("PaymentList", externalCustomerId=external_id, **view.paging()))["payments"]
    due: list[Data] = []
    if view.may("payments:create") and view.may("invoices:view"):
        due = (await view.ask("CustomerDue", id=customer["id"]))["invoices"]["collection"]
    content = {
        "payments": [payment_row(view, item) for item in found["collection"]],
        "page": view.pager(found["metadata"]),
        "due": [
            {
                "id": item["id"],
                "number": item["number"],
                "href": f"{view.base}/invoice/{item['id']}#record-payment",
                "due": formatting.money_with_currency(item["totalDueAmountCents"], item["currency"]),
            }
            for item in due
        ],
    }
    api = view.api("PaymentList", "GET", f"/payments?external_customer_id={external_id}")
    return await tab_page(view, "payments", "customers/tabs/payments.html", content, api=api)


async def information(view: View) -> Response:
    """``GET /{slug}/customer/{id}/information``: every attribute."""
    item = (await view.ask("CustomerInformation", id=view.path("customer")))["customer"]
    content = {
        "groups": [
            {"title": "Identity", "facts": _identity(item)},
            {"title": "Billing", "facts": _billing(item)},
            {"title": "Billing address", "facts": _address(item)},
            {"title": "Shipping address", "facts": _address(item["shippingAddress"])},
            {"title": "Elsewhere", "facts": _elsewhere(item)},
        ],
        "metadata": item["metadata"],
        "dates": {"created": item["createdAt"], "updated": item["updatedAt"]},
    }
    api = view.api("CustomerInformation", "GET", f"/customers/{item['externalId']}")
    return await tab_page(view, "information", "customers/tabs/information.html", content, api=api)


def _facts(*pairs: tuple[str, str | None, bool]) -> list[dict[str, Any]]:
    return [{"label": label, "value": value, "copy": copy} for label, value, copy in pairs]


def _identity(item: Data) -> list[dict[str, Any]]:
    return _facts(
        ("Name", item["name"], False),
        ("First name", item["firstname"], False),
        ("Last name", item["lastname"], False),
        ("Type", _TYPES.get(item["customerType"] or ""), False),
        ("External id", item["externalId"], True),
        ("Billwright id", item["id"], True),
        ("Short code", item["slug"], True),
        ("E-mail", (item["email"] or "").replace(",", ", ") or None, False),
        ("Phone", item["phone"], False),
        ("Web site", item["url"], False),
        ("Logo", item["logoUrl"], False),
    )


def _billing(item: Data) -> list[dict[str, Any]]:
    return _facts(
        ("Currency", item["currency"], False),
        ("Time zone", item["timezone"] or f"{item['applicableTimezone']}, from organization", False),
        ("Legal name", item["legalName"], False),
        ("Legal number", item["legalNumber"], True),
        ("Tax id", item["taxIdentificationNumber"], True),
    )


def _address(item: Data) -> list[dict[str, Any]]:
    country = item["country"]
    return _facts(
        ("Street", item["addressLine1"], False),
        ("Second line", item["addressLine2"], False),
        ("Postal code", item["zipcode"], False),
        ("City", item["city"], False),
        ("State", item["state"], False),
        ("Country", country_names().get(country, country) if country else None, False),
    )


def _elsewhere(item: Data) -> list[dict[str, Any]]:
    provider = item["providerCustomer"] or {"providerCustomerId": None}
    return _facts(
        ("Payments by", PROVIDERS.get(item["paymentProvider"] or ""), False),
        ("Connection", item["paymentProviderCode"], True),
        ("Id there", provider["providerCustomerId"], True),
        ("Salesforce id", item["externalSalesforceId"], True),
    )

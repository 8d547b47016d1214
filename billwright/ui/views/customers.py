"""Customers: list, page with its tabs, form (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from starlette.responses import Response

from billwright.billing.kernel.clock import iso_ms, system_now
from billwright.billing.kernel.money import CURRENCIES
from billwright.ui.views.invoices import shown_row
from billwright.ui.views.support import Refused, View, load_frame
from billwright.ui.views.usage import INTERVALS, shown_usage
from billwright.ui.views.words import field_errors, in_words


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a customer's page: ``/customer/{id}/{key}``, shown to holders of one of ``needs``.

    ``count`` names the field of the GraphQL fragment ``CustomerHead`` whose number stands beside the label;
    ``only_with_some`` hides the tab while that number is 0.
    """

    key: str
    label: str
    needs: tuple[str, ...] = ("customers:view",)
    count: str | None = None
    only_with_some: bool = False


TABS: tuple[Tab, ...] = (
    Tab("overview", "Overview"),
    Tab("subscriptions", "Subscriptions", ("subscriptions:view",), count="subscriptionsCount"),
    Tab("invoices", "Invoices", ("invoices:view",), count="invoicesCount"),
    Tab("wallets", "Wallets", count="activeWalletsCount"),
)
"""The strip, in order. A view of its own answers each address (``PAGES``) with ``tab_page``."""

FIELDS = {"name": "name", "externalId": "external_id", "currency": "currency", "timezone": "timezone", "email": "email"}
PROVIDERS = {"stripe": "Stripe", "gocardless": "GoCardless", "adyen": "Adyen"}


def present(view: View, frame: Mapping[str, Any]) -> str:
    """The organization's now: the sandbox clock, else system time."""
    clock = frame["organization"]["clock"]
    return clock["now"] if clock else (iso_ms(system_now()) or "")


def shown_name(customer: Mapping[str, Any]) -> str:
    """The display name, else the external id."""
    return customer["displayName"] or customer["externalId"]


def customer_href(view: View, customer: Mapping[str, Any]) -> str:
    return f"{view.base}/customer/{customer['id']}"


async def customer_list(view: View) -> Response:
    """``GET /{slug}/customers``."""
    currencies = [value.upper() for value in view.query_all("currency")]
    countries = [value.upper() for value in view.query_all("country")]
    kind = view.query("type") if view.query("type") in ("company", "individual") else None
    data = await view.ask(
        "CustomerList",
        **view.paging(),
        searchTerm=view.search or None,
        currencies=currencies or None,
        countries=countries or None,
        customerType=kind,
    )
    found = data["customers"]
    active = [
        *(
            {"key": "currency", "label": "Currency", "value": value, "shown": value.upper()}
            for value in view.query_all("currency")
        ),
        *(
            {"key": "country", "label": "Country", "value": value, "shown": value.upper()}
            for value in view.query_all("country")
        ),
        *([{"key": "type", "label": "Type", "value": kind, "shown": kind.capitalize()}] if kind else []),
    ]
    content = {
        "title": "Customers",
        "url": view.url,
        "can": {
            "create": view.may("customers:create"), "edit": view.may("customers:update"), "export": False,
        },
        "search": view.query("search"),
        "filters": [
            {"key": "currency", "label": "Currency", "type": "text",
             "options": [{"value": code, "label": code} for code in _common_currencies(currencies)]},
            {"key": "country", "label": "Country", "type": "text", "options": None},
            {"key": "type", "label": "Type", "type": "text",
             "options": [{"value": "company", "label": "Company"}, {"value": "individual", "label": "Individual"}]},
        ],
        "active_filters": active,
        "customers": [_row(view, item) for item in found["collection"]],
        "page": view.pager(found["metadata"]),
        "api": view.api(
            "CustomerList", "POST", "/customers",
            {"customer": {"external_id": "acme-001", "name": "Acme Corporation", "currency": "USD"}},
        ),
    }  # fmt: skip
    return await view.page("customers/list.html", "customers", content)


def _common_currencies(chosen: list[str]) -> list[str]:
    return list(dict.fromkeys(["USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", *chosen]))


def _row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    currency = item["currency"]
    return {
        "id": item["id"],
        "href": customer_href(view, item),
        "name": shown_name(item),
        "external_id": item["externalId"],
        "email": item["email"],
        "country": item["country"],
        "currency": currency,
        "active_subscriptions": item["activeSubscriptionsCount"],
        "overdue": _balances(item["overdueBalances"], currency),
        "gross": _balances(item["grossRevenues"], currency),
        "provider": PROVIDERS.get(item["paymentProvider"] or ""),
        "created_at": item["createdAt"],
    }


def _balances(balances: list[Mapping[str, Any]] | None, currency: str | None) -> list[dict[str, Any]]:
    """What is not zero, in every currency; the customer's own first."""
    shown = [(int(balance["amountCents"]), balance["currency"]) for balance in balances or []]
    ordered = sorted(shown, key=lambda balance: (balance[1] != currency, balance[1]))
    return [{"amount_cents": cents, "currency": code} for cents, code in ordered if cents]


async def tab_page(
    view: View,
    tab: str,
    template: str,
    content: Mapping[str, Any],
    *,
    api: list[dict[str, str]],
    parts: Mapping[str, str] | None = None,
    **answer: Any,
) -> Response:
    """A customer's page with ``tab`` open: head, strip, and below them ``template``, which sees ``content``.

    ``template`` is included inside ``<div id="tab">``; the tab's dialogs belong into it. ``parts`` names templates that
    answer htmx alone, by the element that it swaps. ``answer`` goes to ``View.page``. Raises ``Refused`` for an unknown
    customer.
    """
    customer = (await view.ask("CustomerFrame", id=view.path("customer")))["customer"]
    href = customer_href(view, customer)
    full: dict[str, Any] = {
        "title": shown_name(customer),
        "url": view.url,
        "tab": tab,
        "tab_template": template,
        "parts": parts,
        "customer": _head(customer, href),
        "can": {
            "edit": view.may("customers:update"),
            "subscribe": view.may("subscriptions:create"),
            "wallets": view.may("wallets:create"),
            "coupons": False, "invoice": False, "request_payment": False, "portal": False, "delete": False,
        },
        "figures": _figures(customer),
        "tabs": _tabs(view, customer, href, tab),
        "api": api,
        **content,
    }  # fmt: skip
    return await view.page("customers/page.html", "customers", full, **answer)


USAGE_PART = {"usage": "customers/usage_list.html"}


async def overview(view: View) -> Response:
    """``GET /{slug}/customer/{id}[/overview]``."""
    from billwright.ui.views.wallets import overview_wallet  # it shows its tab with this module

    customer = (await view.ask("CustomerOverview", id=view.path("customer")))["customer"]
    now = present(view, await load_frame(view))
    usage = [
        shown for item in customer["subscriptions"] or [] if (shown := shown_usage(item, view.base, now)) is not None
    ]
    content = {"usage": usage, "coupons": [], "wallet": await overview_wallet(view), "revenue": None}
    api = view.api("CustomerOverview", "GET", f"/customers/{customer['externalId']}")
    return await tab_page(view, "overview", "customers/tabs/overview.html", content, api=api, parts=USAGE_PART)


async def subscriptions(view: View) -> Response:
    """``GET /{slug}/customer/{id}/subscriptions``."""
    customer = (await view.ask("CustomerSubscriptions", id=view.path("customer")))["customer"]
    content = {"subscriptions": [_subscription(view, item) for item in customer["subscriptions"] or []]}
    api = view.api("CustomerSubscriptions", "GET", f"/customers/{customer['externalId']}/subscriptions")
    return await tab_page(view, "subscriptions", "customers/tabs/subscriptions.html", content, api=api)


async def invoices(view: View) -> Response:
    """``GET /{slug}/customer/{id}/invoices``."""
    customer = (await view.ask("CustomerInvoices", id=view.path("customer"), **view.paging()))["customer"]
    drafts, listed = customer["drafts"] or {"collection": []}, customer["invoices"]
    content = {
        "drafts": [shown_row(view, item) for item in drafts["collection"]],
        "invoices": [shown_row(view, item) for item in listed["collection"]] if listed else [],
        "page": view.pager(listed["metadata"]) if listed else None,
    }
    api = view.api("CustomerInvoices", "GET", f"/customers/{customer['externalId']}/invoices")
    return await tab_page(view, "invoices", "customers/tabs/invoices.html", content, api=api)


def _head(customer: Mapping[str, Any], href: str) -> dict[str, Any]:
    facts: list[tuple[str, str | None]] = [
        ("Legal name", customer["legalName"]),
        ("Tax ID", customer["taxIdentificationNumber"]),
        ("Country", customer["country"]),
        ("Currency", customer["currency"]),
        ("Time zone", customer["timezone"] or f"{customer['applicableTimezone']}, from organization"),
        ("Payments by", PROVIDERS.get(customer["paymentProvider"] or "", "No provider")),
        ("Payment term", _days(customer["applicableNetPaymentTerm"], inherited=customer["netPaymentTerm"] is None)),
        (
            "Grace period",
            _days(customer["applicableInvoiceGracePeriod"], inherited=customer["invoiceGracePeriod"] is None),
        ),
        ("Taxes", ", ".join(f"{tax['name']} {float(tax['rate']):g}%" for tax in customer["taxes"]) or None),
    ]
    return {
        "id": customer["id"],
        "href": href,
        "name": shown_name(customer),
        "external_id": customer["externalId"],
        "type": customer["customerType"],
        "email": customer["email"],
        "timezone": customer["applicableTimezone"],
        "currency": customer["currency"],
        "created_at": customer["createdAt"],
        "facts": [{"label": label, "value": value} for label, value in facts if value],
        "metadata": [{"label": item["key"], "value": item["value"]} for item in customer["metadata"]],
        "overdue_cents": sum(int(item["amountCents"]) for item in customer["overdueBalances"] or []),
    }


def _days(count: int, *, inherited: bool) -> str:
    return f"{count} day{'' if count == 1 else 's'}{', from organization' if inherited else ''}"


def _figures(customer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The strip above the tabs: the same on each of them."""
    figures: list[dict[str, Any]] = []
    for label, key, tone in (("Gross revenue", "grossRevenues", None), ("Overdue", "overdueBalances", "negative")):
        for balance in customer[key] or []:
            count = balance["invoicesCount"]
            figures.append(
                {
                    "label": label,
                    "amount_cents": int(balance["amountCents"]),
                    "currency": balance["currency"],
                    "note": f"{count} invoice{'' if count == 1 else 's'}",
                    "tone": tone,
                }
            )
    count = customer["activeSubscriptionsCount"]
    figures.append(
        {"label": "Active subscriptions", "currency": None, "text": f"{count:,}", "note": None, "tone": None}
    )
    return figures


def _tabs(view: View, customer: Mapping[str, Any], href: str, current: str) -> list[dict[str, Any]]:
    return [
        {
            "label": tab.label,
            "href": f"{href}/{tab.key}",
            "current": tab.key == current,
            **({"count": customer[tab.count]} if tab.count else {}),
        }
        for tab in TABS
        if view.permissions.intersection(tab.needs)
        and (tab.key == current or not (tab.only_with_some and tab.count and not customer[tab.count]))
    ]


def _subscription(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    plan = item["plan"]
    change = item["nextPlanCode"] and item["downgradePlanDate"]
    return {
        "id": item["id"],
        "href": f"{view.base}/subscription/{item['id']}",
        "name": item["name"] or item["externalId"],
        "plan": plan["name"],
        "status": item["status"],
        "overridden": plan["isOverridden"],
        "interval": INTERVALS[plan["interval"]],
        "started_at": item["startedAt"],
        "ending_at": item["terminatedAt"] or item["endingAt"],
        "amount_cents": int(plan["amountCents"]),
        "currency": plan["amountCurrency"],
        "next_plan": {"name": item["nextPlanCode"], "at": f"{item['downgradePlanDate']}T00:00:00Z"} if change else None,
    }


# --- form ----------------------------------------------------------------------------------------------------------


async def new_customer(view: View) -> Response:
    """``GET /{slug}/create/customer``."""
    if not view.may("customers:create"):
        raise Refused(403, "forbidden")
    return await _form(view, None, dict.fromkeys(FIELDS.values(), ""), {})


async def create_customer(view: View) -> Response:
    """``POST /{slug}/create/customer``."""
    values = {name: view.posted(name) for name in FIELDS.values()}
    outcome = await view.change("CreateCustomer", **_input(values))
    if not outcome.ok:
        return await _form(view, None, values, outcome.fields, code=outcome.code)
    made = outcome.data["createCustomer"]
    return view.redirect(customer_href(view, made), ("positive", f"{shown_name(made)} created"))


async def edit_customer(view: View) -> Response:
    """``GET /{slug}/customer/{id}/edit``."""
    if not view.may("customers:update"):
        raise Refused(403, "forbidden")
    customer = (await view.ask("CustomerForm", id=view.path("customer")))["customer"]
    return await _form(view, customer, {form: customer[name] or "" for name, form in FIELDS.items()}, {})


async def update_customer(view: View) -> Response:
    """``POST /{slug}/customer/{id}/edit``."""
    customer = (await view.ask("CustomerForm", id=view.path("customer")))["customer"]
    values = {**{name: view.posted(name) for name in FIELDS.values()}, "external_id": customer["externalId"]}
    sent = _input(values)
    sent.pop("externalId")
    if not customer["canEditAttributes"]:
        sent.pop("currency")
        values["currency"] = customer["currency"] or ""
    outcome = await view.change("UpdateCustomer", id=customer["id"], **sent)
    if not outcome.ok:
        return await _form(view, customer, values, outcome.fields, code=outcome.code)
    return view.redirect(customer_href(view, customer), ("positive", "Saved"))


def _input(values: Mapping[str, str]) -> dict[str, Any]:
    """Form values as the mutation's input: empty ones are null."""
    found: dict[str, Any] = {name: values[form] or None for name, form in FIELDS.items()}
    return {**found, "externalId": values["external_id"]}


async def _form(
    view: View,
    customer: Mapping[str, Any] | None,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    code: str | None = None,
) -> Response:
    organization = (await load_frame(view))["organization"]
    known = set(FIELDS)
    errors = field_errors(fields)
    base_error = next((text for name, text in errors.items() if name not in known), None)
    content = {
        "title": f"Edit {shown_name(customer)}" if customer else "New customer",
        "url": view.url,
        "heading": f"Edit {shown_name(customer)}" if customer else "New customer",
        "action": view.request.url.path,
        "back": customer_href(view, customer) if customer else f"{view.base}/customers",
        "values": values,
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": base_error or (in_words(code) if code and not errors else None),
        "is_new": customer is None,
        "currency_locked": customer is not None and not customer["canEditAttributes"],
        "currencies": [{"value": "", "label": "Set by the first plan"}]
        + [{"value": code, "label": code} for code in sorted(CURRENCIES)],
        "timezones": _timezones(organization["timezone"]),
        "submit": "Save" if customer else "Create customer",
    }
    return await view.page("customers/form.html", "customers", content, status_code=422 if errors or code else 200)


def _timezones(inherited: str) -> list[dict[str, str]]:
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    return [{"value": "", "label": f"The organization's: {inherited}"}, *({"value": z, "label": z} for z in zones)]

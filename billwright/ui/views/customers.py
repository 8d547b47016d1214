"""The page of a customer: its head, the strip of its tabs, and what stands under the first of them (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.clock import iso_ms, system_now
from billwright.billing.wallets.service import MAX_ACTIVE
from billwright.ui.views.invoices import shown_row
from billwright.ui.views.support import View, load_frame
from billwright.ui.views.usage import INTERVALS, shown_usage


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
    Tab("credit-notes", "Credit notes", ("credit_notes:view",), count="creditNotesCount", only_with_some=True),
    Tab("wallets", "Wallets", count="activeWalletsCount"),
)
"""The strip, in order. A view of its own answers each address (``PAGES``) with ``tab_page``."""

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
        "htmx_parts": parts,
        "customer": _head(customer, href),
        "can": {
            "edit": view.may("customers:update"),
            "subscribe": view.may("subscriptions:create"),
            "wallets": view.may("wallets:create"),
            "wallets_full": customer["activeWalletsCount"] >= MAX_ACTIVE,
            "delete": view.may("customers:delete"),
            "coupons": False, "invoice": view.may("invoices:create"), "request_payment": False, "portal": True,
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
        "consequences": _consequences(customer),
    }


def _consequences(customer: Mapping[str, Any]) -> list[str]:
    """What deleting the customer does, in figures (spec 03 §1.5)."""
    parts = (
        ("activeSubscriptionsCount", "{} active subscription ends now and is billed.",
         "{} active subscriptions end now and are billed."),
        ("pendingSubscriptionsCount", "{} subscription that has not started is canceled.",
         "{} subscriptions that have not started are canceled."),
        ("draftInvoicesCount", "{} draft invoice is finalized in five minutes.",
         "{} draft invoices are finalized in five minutes."),
        ("activeCouponsCount", "{} coupon ends.", "{} coupons end."),
        ("activeWalletsCount", "{} wallet ends, and its credits are lost.",
         "{} wallets end, and their credits are lost."),
    )  # fmt: skip
    counted = [(customer[key], one, several) for key, one, several in parts]
    return [(one if count == 1 else several).format(f"{count:,}") for count, one, several in counted if count]


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

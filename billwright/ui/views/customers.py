"""The page of a customer: its head and the strip of its tabs (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.clock import iso_ms, system_now
from billwright.billing.wallets.service import MAX_ACTIVE
from billwright.ui import formatting
from billwright.ui.views.choices import country_names
from billwright.ui.views.support import View
from billwright.ui.views.support import load_frame as load_frame


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
    Tab("usage", "Usage"),
    Tab("coupons", "Coupons", ("coupons:view",), count="activeCouponsCount"),
    Tab("invoices", "Invoices", ("invoices:view",), count="invoicesCount"),
    Tab("payments", "Payments", ("payments:view",)),
    Tab("credit-notes", "Credit notes", ("credit_notes:view",), count="creditNotesCount", only_with_some=True),
    Tab("wallets", "Wallets", count="activeWalletsCount"),
    Tab("analytics", "Analytics", ("analytics:view",)),
    Tab("information", "Information"),
    Tab("settings", "Settings"),
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
            "coupons": view.may("coupons:attach"),
            "invoice": view.may("invoices:create"), "request_payment": False, "portal": True,
        },
        "figures": _figures(customer),
        "tabs": _tabs(view, customer, href, tab),
        "api": api,
        **content,
    }  # fmt: skip
    return await view.page("customers/page.html", "customers", full, **answer)


def _head(customer: Mapping[str, Any], href: str) -> dict[str, Any]:
    facts: list[tuple[str, str | None]] = [
        ("Legal name", customer["legalName"]),
        ("Tax ID", customer["taxIdentificationNumber"]),
        ("Country", country_names().get(customer["country"] or "", customer["country"])),
        ("Currency", customer["currency"]),
        ("Time zone", customer["timezone"] or f"{customer['applicableTimezone']}, from organization"),
        ("Payments by", PROVIDERS.get(customer["paymentProvider"] or "", "No provider")),
        ("Payment term", _days(customer["applicableNetPaymentTerm"], inherited=customer["netPaymentTerm"] is None)),
        (
            "Grace period",
            _days(customer["applicableInvoiceGracePeriod"], inherited=customer["invoiceGracePeriod"] is None),
        ),
        ("Taxes", formatting.tax_names(customer["taxes"]) or None),
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

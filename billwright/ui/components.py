"""What templates call besides their own markup: the component macros, status words and shapes, dates, navigation.

``ui.<macro>`` reaches every macro of ``templates/components/*.html`` without imports, so that a block rendered alone
sees the same components as the whole page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from billwright.ui import formatting

FILES = ("controls", "values", "lists", "filters", "panels", "usage")


ALIKE = ("icon", "caret")
"""Macros with few different calls, some hundred of them on a page of a list: each is written once."""


class Macros:
    """All component macros by name; an unknown name is an ``AttributeError`` (and so an error of the template)."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._found: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Callable[..., Markup]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._found:
            for file in FILES:
                macro = getattr(self._env.get_template(f"components/{file}.html").module, name, None)
                if callable(macro):
                    self._found[name] = cache(macro) if name in ALIKE else macro
                    break
            else:
                raise AttributeError(f"no component named {name}")
        return self._found[name]


# --- statuses --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """How a status is shown: a word, a shape of the icon sprite, and a tone that only repeats what those two say."""

    word: str
    shape: str
    tone: str = "muted"


STATUSES: Mapping[str, Mapping[str, Status]] = {
    "invoice": {
        "draft": Status("Draft", "circle-dashed"),
        "finalized": Status("Finalized", "circle-check", "positive"),
        "voided": Status("Voided", "circle-minus"),
        "failed": Status("Failed", "triangle-alert", "warning"),
        "pending": Status("Pending", "clock"),
        "generating": Status("Generating", "loader-circle"),
    },
    "payment": {
        "pending": Status("Pending", "clock"),
        "partially_paid": Status("Partly paid", "contrast", "info"),
        "failed": Status("Failed", "triangle-alert", "warning"),
        "succeeded": Status("Succeeded", "circle-check", "positive"),
        "overdue": Status("Overdue", "triangle-alert", "negative"),
        "disputed": Status("Dispute lost", "flag", "negative"),
        "none": Status("n/a", "circle-dashed"),
    },
    "subscription": {
        "active": Status("Active", "circle-check", "positive"),
        "pending": Status("Pending", "clock"),
        "canceled": Status("Canceled", "circle-x"),
        "terminated": Status("Terminated", "circle-minus"),
    },
    "wallet": {
        "active": Status("Active", "circle-check", "positive"),
        "terminated": Status("Terminated", "circle-minus"),
    },
    "wallet_transaction": {
        "pending": Status("Pending", "clock"),
        "settled": Status("Settled", "circle-check", "positive"),
        "failed": Status("Failed", "triangle-alert", "negative"),
    },
    "coupon": {
        "active": Status("Active", "circle-check", "positive"),
        "terminated": Status("Terminated", "circle-minus"),
    },
    "credit": {
        "available": Status("Available", "circle-check", "positive"),
        "consumed": Status("Consumed", "circle-dot"),
        "voided": Status("Voided", "circle-minus"),
    },
    "refund": {
        "pending": Status("Refund pending", "clock"),
        "succeeded": Status("Refunded", "circle-check", "positive"),
        "failed": Status("Refund failed", "triangle-alert", "warning"),
    },
    "delivery": {
        "pending": Status("Waiting", "clock"),
        "retrying": Status("Retrying", "refresh-cw", "warning"),
        "succeeded": Status("Delivered", "circle-check", "positive"),
        "failed": Status("Failed", "triangle-alert", "negative"),
    },
    "email": {
        "queued": Status("Waiting", "clock"),
        "sent": Status("Sent", "circle-check", "positive"),
        "kept": Status("Kept", "mail"),
        "failed": Status("Failed", "triangle-alert", "negative"),
    },
    "export": {
        "pending": Status("Waiting", "clock"),
        "processing": Status("Being made", "loader-circle", "info"),
        "completed": Status("Ready", "circle-check", "positive"),
        "expired": Status("Deleted", "circle-minus"),
        "failed": Status("Failed", "triangle-alert", "negative"),
    },
    "audit": {
        "open": Status("Open", "triangle-alert", "negative"),
        "resolved": Status("Resolved", "circle-check", "positive"),
    },
    "job": {
        "queued": Status("Queued", "clock"),
        "running": Status("Running", "loader-circle", "info"),
        "succeeded": Status("Succeeded", "circle-check", "positive"),
        "retrying": Status("Retrying", "refresh-cw", "warning"),
        "failed": Status("Failed", "triangle-alert", "negative"),
    },
}


def status_of(kind: str, code: str) -> Status:
    """The look of a status; an unknown code is shown by its own name rather than hidden."""
    return STATUSES[kind].get(code) or Status(code.replace("_", " ").capitalize(), "circle")


# --- values with markup ----------------------------------------------------------------------------------------


@pass_context
def when(
    context: Context, value: str, customer_zone: str | None = None, precise: bool = False, local: bool = False
) -> Markup:
    """An instant in the organization's zone, dotted underline, with the tooltip of zones (spec 07 §7.1).

    ``local``: shown in the customer's zone, as the days of a billing period are: they begin and end there.
    """
    zone: str = context["frame"]["organization"]["timezone"]
    shown_in = customer_zone if local and customer_zone else zone
    text = formatting.local_time(value, shown_in) if precise else formatting.local_date(value, shown_in)
    lines = formatting.zone_lines(value, zone, customer_zone)
    return context.environment.globals["ui"].time(formatting.instant(value).isoformat(), text, lines)


@pass_context
def frame_time(context: Context, frame: Mapping[str, Any], customer_zone: str | None) -> Callable[[str], Markup]:
    """A function that shows instants in the frame's zone, for macros, which do not see the page's context."""
    zone: str = frame["organization"]["timezone"]
    ui = context.environment.globals["ui"]

    def shown(value: str) -> Markup:
        lines = formatting.zone_lines(value, zone, customer_zone)
        return ui.time(formatting.instant(value).isoformat(), formatting.local_time(value, zone), lines)

    return shown


def day(value: str | None) -> Markup:
    """A plain date (issuing, due): no conversion, so no tooltip; a dash for none."""
    if value is None:
        return Markup('<span class="faint">—</span>')
    return Markup('<time datetime="{}">{}</time>').format(value, formatting.plain_date(value))


def amount(amount_cents: int | str, currency: str, *, shown: bool = False, sign: bool = False) -> Markup:
    """Money in tabular figures: the currency on hover, or written (``shown``) where the column head does not say it.

    ``sign`` writes ``+`` before positive amounts, for rows of a sum that must visibly add up.
    """
    full = formatting.money_with_currency(amount_cents, currency)
    text = full if shown else formatting.money(amount_cents, currency)
    plus = "+" if sign and int(amount_cents) > 0 else ""
    return Markup('<data class="money" value="{}" title="{} {}">{}{}</data>').format(
        amount_cents, formatting.money(amount_cents, currency), currency, plus, text
    )


# --- navigation ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the left navigation; ``needs`` are alternatives: one of these permissions shows it."""

    key: str
    label: str
    path: str
    icon: str
    needs: tuple[str, ...]


NAVIGATION: tuple[tuple[str, tuple[NavItem, ...]], ...] = (
    ("Reports", (NavItem("analytics", "Analytics", "analytics", "chart-line", ("analytics:view",)),)),
    (
        "Configuration",
        (
            NavItem("metrics", "Billable metrics", "billable-metrics", "ruler", ("billable_metrics:view",)),
            NavItem("plans", "Plans", "plans", "layers", ("plans:view",)),
            NavItem("features", "Features", "features", "list-checks", ("features:view",)),
            NavItem("add_ons", "Add-ons", "add-ons", "package", ("addons:view",)),
            NavItem("coupons", "Coupons", "coupons", "ticket-percent", ("coupons:view",)),
        ),
    ),
    (
        "Billing & operations",
        (
            NavItem("customers", "Customers", "customers", "users", ("customers:view",)),
            NavItem("subscriptions", "Subscriptions", "subscriptions", "repeat", ("subscriptions:view",)),
            NavItem("invoices", "Invoices", "invoices", "file-text", ("invoices:view",)),
            NavItem("payments", "Payments", "payments", "credit-card", ("payments:view",)),
            NavItem("credit_notes", "Credit notes", "credit-notes", "receipt-text", ("credit_notes:view",)),
        ),
    ),
    (
        "",
        (
            NavItem(
                "developers", "Developers", "developers", "terminal", ("developers:manage", "developers:keys:manage")
            ),
            NavItem("settings", "Settings", "settings", "settings", ("organization:view",)),
        ),
    ),
)


def navigation(slug: str, permissions: Iterable[str]) -> list[dict[str, Any]]:
    """The navigation that a holder of ``permissions`` sees: no empty groups (spec 07 §7.1)."""
    held = set(permissions)
    groups: list[dict[str, Any]] = []
    for title, items in NAVIGATION:
        shown = [
            {"key": item.key, "label": item.label, "href": f"/{slug}/{item.path}", "icon": item.icon}
            for item in items
            if held.intersection(item.needs)
        ]
        if shown:
            groups.append({"title": title, "items": shown})
    return groups

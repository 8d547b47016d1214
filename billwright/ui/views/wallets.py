"""Wallets: the customer's tab, the page of one with its ledger, and ending it (spec 07 §7.7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from billwright.billing.wallets.service import MAX_ACTIVE
from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.filters import Filter, read_filters
from billwright.ui.views.alerts import shown_alerts
from billwright.ui.views.customers import customer_href, present, shown_name, tab_page
from billwright.ui.views.support import View, load_frame
from billwright.ui.views.words import toast_words

Data = Mapping[str, Any]
KINDS = {"purchased": "Purchased", "granted": "Granted", "invoiced": "Used", "voided": "Voided"}
SOURCES = {"manual": "By hand", "interval": "Interval rule", "threshold": "Threshold rule"}
STATUS = Filter(
    "status",
    "Status",
    "choice",
    tuple((each, status_of("wallet_transaction", each).word) for each in ("pending", "settled", "failed")),
    quick=True,
)
FEE_TYPES = {"charge": "Usage", "subscription": "Subscription fees", "commitment": "Commitments"}
EVERY = {"weekly": "week", "monthly": "month", "quarterly": "quarter", "semiannual": "half-year", "yearly": "year"}
_PACE_DAYS = 30


def wallet_href(view: View, wallet: str) -> str:
    return f"{view.base}/wallet/{wallet}"


def wallet_name(item: Data) -> str:
    return item["name"] or item["code"]


def credits_text(value: str | Decimal) -> str:
    """``1 credit``, ``12.5 credits``."""
    text = formatting.units(value)
    return f"{text} credit{'' if text == '1' else 's'}"


def rate_text(item: Data) -> str:
    return f"1 credit = {formatting.unit_price(item['rateAmount'], item['currency'])}"


def shown_wallet(view: View, item: Data) -> dict[str, Any]:
    """A wallet with its balances, as lists and its own page show it."""
    return {
        "id": item["id"],
        "href": wallet_href(view, item["id"]),
        "name": wallet_name(item),
        "code": item["code"],
        "status": item["status"],
        "priority": item["priority"],
        "currency": item["currency"],
        "rate": rate_text(item),
        "balance_cents": int(item["balanceCents"]),
        "credits": credits_text(item["creditsBalance"]),
        "ongoing_cents": int(item["ongoingBalanceCents"]),
        "ongoing_credits": credits_text(item["creditsOngoingBalance"]),
        "expires_at": item["expirationAt"],
        "ended_at": item["terminatedAt"],
    }


async def wallet_tab(view: View) -> Response:
    """``GET /{slug}/customer/{id}/wallets``: active ones in the order in which they pay, then those that have ended."""
    customer = (await view.ask("WalletOwner", id=view.path("customer")))["customer"]
    data = await view.ask("CustomerWallets", id=customer["id"], **view.paging())
    active = sorted(data["active"]["collection"], key=lambda item: (item["priority"], item["createdAt"]))
    href = customer_href(view, customer)
    content = {
        "wallets": [shown_wallet(view, item) for item in active],
        "ended": [shown_wallet(view, item) for item in data["ended"]["collection"]],
        "page": view.pager(data["ended"]["metadata"]),
        "create_href": f"{href}/wallet/create" if view.may("wallets:create") else None,
        "full": len(active) >= MAX_ACTIVE,
        "most": MAX_ACTIVE,
        "zone": customer["applicableTimezone"],
    }
    wallet = {"external_customer_id": customer["externalId"], "name": "Prepaid", "rate_amount": "1",
              "currency": customer["currency"] or "EUR", "granted_credits": "100"}  # fmt: skip
    api = view.api("CustomerWallets", "POST", "/wallets", {"wallet": wallet})
    return await tab_page(view, "wallets", "wallets/tab.html", content, api=api)


async def overview_wallet(view: View) -> dict[str, Any] | None:
    """The wallet that pays first, for the customer's overview; ``None`` without an active one."""
    found = (await view.ask("ActiveWallets", id=view.path("customer")))["wallets"]["collection"]
    if not found:
        return None
    item = min(found, key=lambda each: (each["priority"], each["createdAt"]))
    more = len(found) - 1
    return {
        "name": wallet_name(item) + (f" and {more} more" if more else ""),
        "href": wallet_href(view, item["id"]),
        "balance_cents": int(item["balanceCents"]),
        "ongoing_cents": int(item["ongoingBalanceCents"]),
        "currency": item["currency"],
        "credits": item["creditsBalance"],
        "rate": item["rateAmount"],
        "note": _lasting(item, present(view, await load_frame(view))),
    }


async def wallet_page(view: View) -> Response:
    """``GET /{slug}/wallet/{id}``."""
    kind = view.query("kind") if view.query("kind") in KINDS else None
    filters = read_filters(view.url, (STATUS,))
    status = filters.one("status")
    item = (await view.ask("WalletOne", id=view.path("wallet")))["wallet"]
    data = await view.ask("WalletLedger", id=item["id"], **view.paging(), status=status, kind=kind)
    listed = data["walletTransactions"]
    now = present(view, await load_frame(view))
    customer, active = item["customer"], item["status"] == "active"
    base = wallet_href(view, item["id"])
    content = {
        "title": wallet_name(item),
        "url": view.url,
        "wallet": shown_wallet(view, item) | {"as_of": item["lastBalanceSyncAt"]},
        "customer": {
            "name": shown_name(customer),
            "href": f"{customer_href(view, customer)}/wallets",
            "zone": customer["applicableTimezone"],
        },
        "figures": _figures(item, now),
        "usage": _usage(item) if active else None,
        "rule": rule_facts(item, customer["applicableTimezone"]),
        "facts": _facts(item),
        "quick": [
            {"label": label, "href": formatting.url_with(base, kind=key, status=status), "current": kind == key,
             "count": None}
            for key, label in ((None, "All"), *KINDS.items())
        ],
        "filters": filters.bar,
        "filtered": bool(kind or filters),
        "lines": [_line(view, line, item["currency"]) for line in listed["collection"]],
        "page": view.pager(listed["metadata"]),
        "can": {
            "top_up": active and view.may("wallets:top_up"),
            "void": active and view.may("wallets:top_up") and int(item["balanceCents"]) > 0,
            "edit": active and view.may("wallets:update"),
            "terminate": active and view.may("wallets:terminate"),
        },
        "losses": _losses(item, data["waiting"]),
        "alerts": shown_alerts(
            view, item["alerts"], item["currency"], href=base,
            rest=f"/customers/{customer['externalId']}/wallets/{item['code']}/alerts",
            editable=active and view.may("wallets:update"),
        ),
        "api": view.api("WalletLedger", "GET", f"/wallets/{item['id']}/wallet_transactions"),
    }  # fmt: skip
    return await view.page("wallets/page.html", "customers", content)


def _figures(item: Data, now: str) -> list[dict[str, Any]]:
    def money(cents: str) -> str:
        return formatting.money_with_currency(cents, item["currency"])

    return [
        {"label": "Balance", "value": money(item["balanceCents"]), "note": credits_text(item["creditsBalance"])},
        {
            "label": "Ongoing balance",
            "value": money(item["ongoingBalanceCents"]),
            "note": credits_text(item["creditsOngoingBalance"]),
            "tone": "negative" if int(item["ongoingBalanceCents"]) < 0 else None,
        },
        {"label": "Consumed in all", "value": money(item["consumedAmountCents"]),
         "note": credits_text(item["consumedCredits"])},
        {"label": "Used by invoices, 30 days", "value": money(item["recentlyConsumedAmountCents"]),
         "note": _lasting(item, now)},
    ]  # fmt: skip


def _lasting(item: Data, now: str) -> str:
    """How long what is left lasts at the pace of the last 30 days, or of the wallet's life if that is shorter."""
    used, left = int(item["recentlyConsumedAmountCents"]), int(item["ongoingBalanceCents"])
    if item["status"] != "active" or not used:
        return "No invoice took of it"
    if left <= 0:
        return "Nothing is left"
    age = formatting.instant(now) - formatting.instant(item["createdAt"])
    days = left * max(1, min(_PACE_DAYS, age.days)) // used
    if days > 999:
        return "Lasts for years at this pace"
    return f"Lasts about {days} day{'' if days == 1 else 's'} at this pace"


def _usage(item: Data) -> dict[str, Any] | None:
    """What running usage will take of the balance; nothing while there is neither."""
    used, held = int(item["ongoingUsageBalanceCents"]), int(item["balanceCents"])
    if not used:
        return None
    percent = float(formatting.share(used, held)) if held else 100.0
    return {
        "percent": percent,
        "tone": "over" if used >= held else "accent",
        "used": formatting.money_with_currency(used, item["currency"]),
        "held": formatting.money_with_currency(held, item["currency"]),
        "label": f"{percent:g}% of the balance",
    }


def rule_facts(item: Data, zone: str) -> list[dict[str, str]]:
    """The top-up rule in words; nothing without one."""
    rules: list[Data] = item["recurringTransactionRules"]
    if not rules:
        return []
    rule = rules[0]
    if rule["trigger"] == "interval":
        start = formatting.local_date(rule["startedAt"] or item["createdAt"], zone)
        when = f"Every {EVERY[rule['interval']]}, counted from {start}"
    else:
        when = f"When the ongoing balance is at {credits_text(rule['thresholdCredits'])} or below"
    facts = [("When", when), ("Does", _does(rule))]
    if rule["expirationAt"]:
        facts.append(("Until", formatting.local_time(rule["expirationAt"], zone)))
    if rule["invoiceRequiresSuccessfulPayment"]:
        facts.append(("Invoice", "Once it is paid"))
    if rule["transactionName"]:
        facts.append(("Named", rule["transactionName"]))
    return [{"label": label, "value": value} for label, value in facts]


def _does(rule: Data) -> str:
    if rule["method"] == "target":
        way = "granted" if rule["grantsTargetTopUp"] else "bought"
        return f"Tops up to {credits_text(rule['targetOngoingBalance'])}; what is missing is {way}"
    parts = [
        f"{verb} {credits_text(rule[key])}"
        for verb, key in (("buys", "paidCredits"), ("grants", "grantedCredits"))
        if Decimal(rule[key])
    ]
    return (" and ".join(parts) or "nothing").capitalize()


def _facts(item: Data) -> list[dict[str, str]]:
    def money(cents: str) -> str:
        return formatting.money_with_currency(cents, item["currency"])

    scope = item["appliesTo"]
    pays: list[str] = [FEE_TYPES[each] for each in scope["feeTypes"]]
    pays += [metric["name"] for metric in scope["billableMetrics"]]
    least, most = item["paidTopUpMinAmountCents"], item["paidTopUpMaxAmountCents"]
    facts = [
        ("Worth", rate_text(item)),
        ("Pays", ", ".join(pays) or "Everything"),
        ("Priority", f"{item['priority']} of 50"),
        ("Invoices", "Once a purchase is paid" if item["invoiceRequiresSuccessfulPayment"] else "At once"),
    ]
    if least is not None:
        facts.append(("Least purchase", money(least)))
    if most is not None:
        facts.append(("Greatest purchase", money(most)))
    return [{"label": label, "value": value} for label, value in facts]


def _line(view: View, line: Data, currency: str) -> dict[str, Any]:
    sign = 1 if line["transactionType"] == "inbound" else -1
    by_itself = line["transactionStatus"] == "invoiced"
    invoice = line["invoice"]
    moved: datetime | str = line["settledAt"] or line["failedAt"] or line["createdAt"]
    return {
        "kind": KINDS[line["transactionStatus"]],
        "name": line["name"],
        "source": None if by_itself else SOURCES[line["source"]],
        "status": line["status"],
        "credits": ("+" if sign > 0 else formatting.MINUS) + formatting.units(line["creditAmount"]),
        "amount_cents": sign * int(line["amountCents"]),
        "currency": currency,
        "at": moved,
        "invoice": {"number": invoice["number"] or "Invoice", "href": f"{view.base}/invoice/{invoice['id']}"}
        if invoice
        else None,
        "hidden_invoice": line["transactionStatus"] == "purchased" and line["status"] != "settled" and not invoice,
    }


def _losses(item: Data, waiting: Data) -> list[str]:
    """What ending the wallet does, in figures."""
    left = formatting.money_with_currency(item["balanceCents"], item["currency"])
    words = (
        [f"{credits_text(item['creditsBalance'])} worth {left} are lost. Nothing is paid back."]
        if int(item["balanceCents"])
        else ["It is empty, so no credits are lost."]
    )
    count = waiting["metadata"]["totalCount"]
    if count:
        total = formatting.money_with_currency(
            sum(int(each["amountCents"]) for each in waiting["collection"]), item["currency"]
        )
        bought = f"{count} purchase{' is' if count == 1 else 's are'}"
        words.append(f"{bought} not paid yet, {total}: paid later, the wallet still pays no invoice.")
    if item["recurringTransactionRules"]:
        words.append("Its top-up rule ends with it.")
    return words


async def terminate(view: View) -> Response:
    """``POST /{slug}/wallet/{id}/terminate``."""
    outcome = await view.change("TerminateCustomerWallet", id=view.path("wallet"))
    toast = ("positive", "Wallet ended") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(wallet_href(view, view.path("wallet")), toast)

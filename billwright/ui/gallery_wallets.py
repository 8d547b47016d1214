"""Samples of the pages of wallets for the gallery. Development only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.ui.filters import read_filters
from billwright.ui.gallery_access import AT, Errors
from billwright.ui.gallery_alerts import section
from billwright.ui.gallery_customers import customer_page
from billwright.ui.gallery_samples import BASE, CLOCK, calls, frame, page, uid
from billwright.ui.views.wallet_forms import NAMES
from billwright.ui.views.wallet_rules import rule_values
from billwright.ui.views.wallets import STATUS

Data = dict[str, Any]
HREF = f"{BASE}/wallet/1"
ZONE = "Asia/Tokyo"
QUERY = 'query Wallet {\n  wallet(id: "…") {\n    creditsBalance\n  }\n}'
PRICES = [{"label": "The customer pays", "value": "$5.17", "note": "10.34 credits, rounded to whole coins"},
          {"label": "Granted for nothing", "value": "$2.00", "note": ""},
          {"label": "Balance once it is paid", "value": "$4,301.85", "note": ""}]  # fmt: skip


def wallet(name: str = "Prepaid", status: str = "active", cents: int = 429_468, **more: Any) -> Data:
    return {"id": uid(1), "href": HREF, "name": name, "code": name.lower(), "status": status, "priority": 50, "currency": "USD",
            "rate": "1 credit = $0.50", "balance_cents": cents, "credits": f"{cents / 50:,.2f} credits", "ongoing_cents": cents - 348_218,
            "ongoing_credits": f"{(cents - 348_218) / 50:,.2f} credits", "expires_at": None, "ended_at": None, **more}  # fmt: skip


def tab(url: str, *, empty: bool = False) -> Data:
    whole = customer_page(url, "wallets")
    return {
        **whole, "tab_template": "wallets/tab.html", "zone": ZONE, "full": False, "most": 6, "page": page(1, url),
        "create_href": f"{BASE}/customer/1/wallet/create",
        "wallets": [] if empty else [wallet("Promotion", cents=360_000, priority=1, expires_at="2024-12-31T15:00:00Z"), wallet()],
        "ended": [] if empty else [wallet("Trial", "terminated", 350_000, ended_at=AT)],
    }  # fmt: skip


def line(kind: str, credits: str, cents: int, status: str = "settled", **more: Any) -> Data:
    return {"kind": kind, "name": None, "source": "By hand", "status": status, "credits": credits, "amount_cents": cents,
            "currency": "USD", "at": AT, "invoice": None, "hidden_invoice": False, **more}  # fmt: skip


def wallet_page(url: str, *, ended: bool = False) -> Data:
    invoice = {"number": "ACM-001-042", "href": f"{BASE}/invoice/1"}
    return {
        "title": "Prepaid", "frame": frame("customers", CLOCK), "wallet": {**wallet(status="terminated" if ended else "active", ended_at=AT if ended else None), "as_of": AT},
        "customer": {"name": "Acme Corporation", "href": f"{BASE}/customer/1/wallets", "zone": ZONE},
        "figures": [{"label": "Balance", "value": "$4,294.68", "note": "8,589.36 credits"},
                    {"label": "Ongoing balance", "value": "$812.50", "note": "1,625 credits", "tone": None},
                    {"label": "Consumed in all", "value": "$12,041.00", "note": "24,082 credits"},
                    {"label": "Used by invoices, 30 days", "value": "$2,731.20", "note": "Lasts about 9 days at this pace"}],
        "usage": None if ended else {"percent": 81.1, "tone": "accent", "used": "$3,482.18", "held": "$4,294.68", "label": "81.1% of the balance"},
        "rule": [] if ended else [{"label": "When", "value": "When the ongoing balance is at 500 credits or below"},
                                  {"label": "Does", "value": "Buys 2,000 credits and grants 100 credits"}],
        "facts": [{"label": "Worth", "value": "1 credit = $0.50"}, {"label": "Pays", "value": "Usage"}, {"label": "Priority", "value": "50 of 50"}],
        "quick": [{"label": label, "href": "#", "current": not at, "count": None} for at, label in enumerate(("All", "Purchased", "Granted", "Used", "Voided"))],
        "filters": read_filters(url, (STATUS,)).bar, "filtered": False, "page": page(5, url),
        "lines": [] if ended else [
            line("Purchased", "+2,000", 100_000, "pending", source="Threshold rule", hidden_invoice=True), line("Used", "−5,462.4", -273_120, source=None, invoice=invoice),
            line("Voided", "−14.28444", -714), line("Granted", "+100", 5_000, name="Welcome"), line("Purchased", "+40", 2_000, "failed", invoice=invoice)],
        "can": dict.fromkeys(("top_up", "void", "edit", "terminate"), not ended),
        "losses": ["8,589.36 credits worth $4,294.68 are lost. Nothing is paid back.", "1 purchase is not paid yet, $1,000.00: paid later, the wallet still pays no invoice."],
        "alerts": section(is_wallet=True, empty=ended, ended=ended), "api": calls("GET", "/wallets/1/wallet_transactions", QUERY),
    }  # fmt: skip


def form(*, is_new: bool = True) -> Data:
    values = {
        **dict.fromkeys(NAMES, ""),
        **rule_values(None, ZONE),
        "rate": "0.5",
        "currency": "USD",
        "priority": "50",
        "rule": "threshold",
        "method": "target",
    }
    return {
        "title": "New wallet", "heading": "New wallet" if is_new else "Edit Prepaid", "frame": frame("customers", CLOCK), "action": "#", "back": f"{BASE}/customer/1/wallets",
        "back_to": "Acme Corporation", "submit": "Create wallet", "is_new": is_new, "customer": "Acme Corporation",
        "rate": None if is_new else "1 credit = $0.50", "zone": ZONE, "values": values, "currencies": [{"value": "USD", "label": "USD"}],
        "intervals": [{"value": "monthly", "label": "Every month"}], "fee_types": [{"value": "charge", "label": "Usage", "on": True}],
        "metrics": [{"id": uid(6), "name": "Search requests", "code": "search_requests", "on": False}],
        "errors": Errors(), "error": None, "prices": PRICES,
    }  # fmt: skip


def credits(*, void: bool = False) -> Data:
    heading = "Void credits of Prepaid" if void else "Top up Prepaid"
    return {
        "title": heading, "heading": heading, "frame": frame("customers", CLOCK), "action": "#", "back": HREF, "void": void, "customer": "Acme Corporation",
        "wallet": {"name": "Prepaid", "rate": "1 credit = $0.50", "balance": "$4,294.68", "credits": "8,589.36 credits", "all": "8589.36",
                   "limits": "at least $1.00", "price_href": f"{HREF}/price"},
        "values": {"paid": "10.333", "granted": "4", "voided": "", "label": "", "requires": "", "beyond": ""},
        "prices": [] if void else PRICES, "errors": Errors(), "error": None,
    }  # fmt: skip


WALLET_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/acme/customer/1/wallets": ("Customer, wallets", "customers/page.html", tab),
    "/acme/customer/2/wallets": ("Customer, no wallets", "customers/page.html", lambda url: tab(url, empty=True)),
    "/acme/wallet/1": ("Wallet", "wallets/page.html", wallet_page),
    "/acme/wallet/2": ("Wallet, ended", "wallets/page.html", lambda url: wallet_page(url, ended=True)),
    "/acme/customer/1/wallet/create": ("New wallet", "wallets/form.html", lambda url: form()),
    "/acme/wallet/1/edit": ("Edit a wallet", "wallets/form.html", lambda url: form(is_new=False)),
    "/acme/wallet/1/top-up": ("Top up", "wallets/credits.html", lambda url: credits()),
    "/acme/wallet/1/void": ("Void credits", "wallets/credits.html", lambda url: credits(void=True)),
}
"""Address -> (label, template, context of an address), as in ``gallery.PAGES``."""

"""Samples of the customer portal for the gallery, in two of its languages. Development only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.ui.gallery_samples import uid
from billwright.ui.portal.information import ADDRESS, PERSON, shown_information
from billwright.ui.portal.words import Words, languages, words_of

Data = dict[str, Any]
TOKEN = "sample"  # noqa: S105 - of a form that leads nowhere


def _page(title: str, language: str = "en", **more: Any) -> Data:
    w = words_of(language, "Europe/Paris")
    portal = {
        "base": "/customer-portal/1",
        "organization": "Northwind Cloud",
        "customer": "Lumière Studio",
        "logo": None,
        "framed": False,
    }
    return {"w": w, "language": language, "portal": portal, "title": title, **more}


def _wallet(w: Words, number: int, name: str, cents: int) -> Data:
    return {"id": uid(number), "href": f"/customer-portal/1/wallet/{number}", "name": name, "balance": w.money(cents, "EUR"),
            "credits": w.counted("credits", str(cents / 200)), "used": w.money(16000, "EUR"),
            "used_credits": w.counted("credits", "80"), "expires": w.date("2026-12-31") if number == 1 else None}  # fmt: skip


def _plan(w: Words) -> Data:
    return {"id": uid(1), "href": "/customer-portal/1/usage/1", "name": "Scale", "amount": w.money(49900, "EUR"),
            "interval": w.t("per_monthly"), "renews": w.t("renews_on", date=w.date("2026-12-01"))}  # fmt: skip


def home(language: str = "en", *, failed: bool = False, empty: bool = False) -> Data:
    data = _page(words_of(language).t("heading"), language)
    w: Words = data["w"]
    user = {**dict.fromkeys([*PERSON, *ADDRESS, "legalNumber"]), "customerType": "company", "name": "Lumière Studio",
            "email": "billing@lumiere.example", "addressLine1": "4 rue de la Paix", "zipcode": "75002", "city": "Paris", "country": "FR",
            "shippingAddress": dict.fromkeys(ADDRESS)}  # fmt: skip
    pager = {"text": w.t("of_total", first=1, last=8, total=11), "previous": None, "next": "#"}
    invoices = [
        {"id": uid(at), "number": f"NOR-0042-{9 - at:03}", "date": w.date(f"2026-{11 - at:02}-01"), "kind": w.t(f"kind_{kind}"),
         "amount": w.money(58211, "EUR"), "due": w.money(due, "EUR"), "status": status, "pdf": "#", "pay": "#" if due else None}
        for at, (kind, due, status) in enumerate((("subscription", 58211, "to_pay"), ("progressive_billing", 58211, "overdue"), ("credit", 0, "paid"), ("one_off", 0, "disputed")))
    ]  # fmt: skip
    return {
        **data, "toast": None if failed or empty else w.t("saved"),
        "wallets": {"ok": False} if failed else {"ok": True, "any": not empty, "items": [] if empty else [_wallet(w, 1, "Main", 83460), _wallet(w, 2, "Marketing", 1200)], "pager": None},
        "plans": {"ok": False} if failed else {"ok": True, "any": not empty, "items": [] if empty else [_plan(w)], "pager": None},
        "information": {"ok": False} if failed else {"ok": True, "facts": shown_information(w, user)},
        "invoices": {"ok": False} if failed else {"ok": True, "search": "", "items": [] if empty else invoices, "pager": None if empty else pager,
                     "invoiced": w.money(941055, "EUR"), "overdue": w.money(58211, "EUR"), "is_overdue": True},
    }  # fmt: skip


def usage(*, used: bool = True, active: bool = True) -> Data:
    data = _page("Scale")
    w: Words = data["w"]
    group = {"name": "region: eu", "units": "812", "amount": w.money(8120, "EUR"), "groups": []}
    charge = {"id": uid(1), "name": "API calls", "units": w.number("1204.5"), "amount": w.money(12045, "EUR"), "percent": 62.0,
              "label": w.t("share_of_period", percent="62"), "parts": [{**group, "groups": [group]}]}  # fmt: skip
    return {
        **data, "plan": _plan(w), "active": active,
        "lifetime": {"since": w.t("lifetime_usage", date=w.date("2025-01-01")), "total": w.money(235000, "EUR"), "last": w.money(200000, "EUR"),
                     "next": w.money(300000, "EUR"), "percent": 35.0, "label": w.t("percent_consumed", percent="35")} if active and used else None,
        "usage": {"period": "Nov 01, 2026 – Nov 30, 2026", "as_of": w.t("as_of", moment=w.moment("2026-11-21T12:00:00Z")), "total": w.money(19427, "EUR"),
                  "charges": [charge, {**charge, "id": uid(2), "name": "Storage", "parts": []}] if used else []} if active else None,
    }  # fmt: skip


def wallet(*, review: bool = False, refused: bool = False, active: bool = True) -> Data:
    w = words_of("en")
    title = w.t("top_up_of", name="Main")
    shown = {"name": "Main", "active": active, "balance": w.money(83460, "EUR"), "credits": w.counted("credits", "417.3"),
             "credit_price": w.t("price_of_credit", price=w.unit_price("2", "EUR"))}  # fmt: skip
    error = w.t("error_wallet") if not active else w.t("least", amount=w.money(1000, "EUR")) if refused else None
    return _page(title, action="#", form_token=TOKEN, wallet=shown, limits=[w.t("least", amount=w.money(1000, "EUR"))],
                 credits="120", typed="120", price=w.money(24000, "EUR"), bought=w.counted("credits", "120"), review=review, error=error)  # fmt: skip


def information(*, refused: bool = False) -> Data:
    w = words_of("en")
    names = (*PERSON, *ADDRESS, *(f"shipping_{name}" for name in ADDRESS), "customerType", "documentLocale")
    options = [{"value": "", "label": w.t("no_choice")}, {"value": "FR", "label": "France"}]
    errors = dict.fromkeys([*PERSON, *ADDRESS, "documentLocale", "customerType"])
    values = {**dict.fromkeys(names, ""), "name": "Lumière Studio", "country": "FR", "same": "1"}
    return _page(w.t("information"), action="#", form_token=TOKEN, values=values, countries=options, kinds=options,
                 errors={**errors, "email": w.t("error_email")} if refused else errors, error=w.t("error_other") if refused else None,
                 languages=[{"value": code, "label": name} for code, name in languages()])  # fmt: skip


def plain(status: int) -> Data:
    w = words_of("en")
    if status == 401:
        return {
            "w": w,
            "language": "en",
            "title": w.t("link_invalid"),
            "heading": w.t("link_invalid"),
            "text": w.t("link_invalid_hint"),
            "back": None,
            "request_id": None,
        }
    return {
        "w": w,
        "language": "en",
        "title": w.t("failed"),
        "heading": w.t("failed"),
        "text": w.t("failed_hint"),
        "back": "#",
        "request_id": uid(1),
    }


def notice() -> Data:
    w = words_of("en")
    return _page(w.t("error_payment"), text=w.t("error_payment_hint"))


PORTAL_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/customer-portal/1": ("Portal", "portal/home.html", lambda url: {**home(), "url": url}),
    "/customer-portal/2": ("Portal, in French", "portal/home.html", lambda url: {**home("fr"), "url": url}),
    "/customer-portal/3": (
        "Portal, sections failed",
        "portal/home.html",
        lambda url: {**home(failed=True), "url": url},
    ),
    "/customer-portal/4": ("Portal, nothing yet", "portal/home.html", lambda url: {**home(empty=True), "url": url}),
    "/customer-portal/1/usage/1": ("Portal, usage", "portal/usage.html", lambda url: usage()),
    "/customer-portal/1/usage/2": ("Portal, no usage", "portal/usage.html", lambda url: usage(used=False)),
    "/customer-portal/1/usage/3": ("Portal, plan not active", "portal/usage.html", lambda url: usage(active=False)),
    "/customer-portal/1/wallet/1": ("Portal, top up", "portal/wallet.html", lambda url: wallet()),
    "/customer-portal/1/wallet/2": ("Portal, top up confirmed", "portal/wallet.html", lambda url: wallet(review=True)),
    "/customer-portal/1/wallet/3": ("Portal, top up refused", "portal/wallet.html", lambda url: wallet(refused=True)),
    "/customer-portal/1/wallet/4": ("Portal, wallet ended", "portal/wallet.html", lambda url: wallet(active=False)),
    "/customer-portal/1/customer-edit-information": (
        "Portal, information",
        "portal/information.html",
        lambda url: information(),
    ),
    "/customer-portal/2/customer-edit-information": (
        "Portal, information refused",
        "portal/information.html",
        lambda url: information(refused=True),
    ),
    "/customer-portal/1/invoice/1/pay": ("Portal, no payment page", "portal/notice.html", lambda url: notice()),
    "/customer-portal/nonsense": ("Portal, invalid link", "portal/plain.html", lambda url: plain(401)),
    "/customer-portal/failed": ("Portal, failed", "portal/plain.html", lambda url: plain(500)),
}
"""Address -> (label, template, context of an address)."""

"""The home page: wallets, plans, information, invoices; each section loads and fails on its own (spec 07 §5.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from starlette.responses import Response

from billwright.billing.kernel.errors import Unauthorized
from billwright.billing.wallets.amounts import read_credits
from billwright.ui import formatting
from billwright.ui.portal.information import shown_information
from billwright.ui.portal.visit import DONE, Visit
from billwright.ui.portal.words import ONE, Words
from billwright.ui.views.support import Refused

log = structlog.get_logger(__name__)
WALLETS, PLANS, INVOICES = 3, 20, 8
Section = dict[str, Any]


async def home(visit: Visit) -> Response:
    """``GET /customer-portal/{token}``: the page, or the one section that htmx asks for."""
    asked = visit.request.headers.get("hx-target", "") if visit.is_htmx else ""
    sections: dict[str, Section] = {}
    for name, load in SECTIONS.items():
        if asked not in SECTIONS or asked == name:
            sections[name] = await _guarded(visit, name, load)
    done = visit.query("done")
    toast = None
    if done in DONE:
        toast = _said(visit, done)
    content = {"title": visit.words.t("heading"), "toast": toast, **sections}
    return visit.show("home", content)


async def missing(visit: Visit) -> Response:
    """Nothing lives below a link at that address; a slash alone leads home."""
    if not visit.path("rest"):
        return visit.home()
    raise Refused(404, "not_found")


def _said(visit: Visit, done: str) -> str:
    """What was done; a number of credits from the address only where it can be one."""
    credits = read_credits(visit.query("credits")) if done in ONE else None
    return visit.words.t(done, count="").strip() if credits is None else visit.words.counted(done, credits)


async def _guarded(visit: Visit, name: str, load: Callable[[Visit], Awaitable[Section]]) -> Section:
    """A section, or that it could not be loaded: the others then read on a session of their own."""
    try:
        return {"ok": True, **await load(visit)}
    except Unauthorized:
        raise
    except Exception as failure:
        if isinstance(failure, Refused) and failure.status == 401:
            raise
        log.error("portal_section_failed", section=name, exc_info=failure)
        await visit.context.close()
        return {"ok": False}


async def _wallets(visit: Visit) -> Section:
    data = (await visit.ask("PortalWallets", page=visit.page_number("wallets"), limit=WALLETS))["customerPortalWallets"]
    return {
        "items": [_wallet(visit, item) for item in data["collection"]],
        "pager": _pager(visit, data["metadata"], "wallets"),
        "any": data["metadata"]["totalCount"] > 0,
    }


def _wallet(visit: Visit, item: Mapping[str, Any]) -> dict[str, Any]:
    words, currency = visit.words, item["currency"]
    return {
        "id": item["id"],
        "href": f"{visit.base}/wallet/{item['id']}",
        "name": item["name"] or words.t("wallet"),
        "balance": words.money(item["ongoingBalanceCents"], currency),
        "credits": words.counted("credits", item["creditsOngoingBalance"]),
        "used": words.money(item["consumedAmountCents"], currency),
        "used_credits": words.counted("credits", item["consumedCredits"]),
        "expires": words.day(item["expirationAt"]) if item["expirationAt"] else None,
    }


async def _plans(visit: Visit) -> Section:
    data = (await visit.ask("PortalPlans", page=visit.page_number("plans"), limit=PLANS))["customerPortalSubscriptions"]
    return {
        "items": [shown_plan(visit, item) for item in data["collection"]],
        "pager": _pager(visit, data["metadata"], "plans"),
        "any": data["metadata"]["totalCount"] > 0,
    }


def shown_plan(visit: Visit, item: Mapping[str, Any]) -> dict[str, Any]:
    """A plan block: name, price, renewal, and where its usage is."""
    words, plan = visit.words, item["plan"]
    return {
        "id": item["id"],
        "href": f"{visit.base}/usage/{item['id']}",
        "name": item["name"] or plan["invoiceDisplayName"] or plan["name"],
        "amount": words.money(plan["amountCents"], plan["amountCurrency"]),
        "interval": words.t(f"per_{plan['interval']}"),
        "renews": _renewal(words, item["renewalDate"], item["endingAt"]),
    }


def _renewal(words: Words, renewal: str | None, ending: str | None) -> str | None:
    """When a plan renews, or that it ends before; nothing for one that is not active."""
    if renewal and ending and words.local_date(ending).isoformat() <= renewal:
        return words.t("ends_on", date=words.day(ending))
    return words.t("renews_on", date=words.date(renewal)) if renewal else None


async def _information(visit: Visit) -> Section:
    data = await visit.ask("PortalInformation")
    return {"facts": shown_information(visit.words, data["customerPortalUser"])}


async def _invoices(visit: Visit) -> Section:
    search = visit.query("search")
    data = await visit.ask("PortalInvoices", page=visit.page_number("page"), limit=INVOICES, searchTerm=search or None)
    user, found = data["customerPortalUser"], data["customerPortalInvoices"]
    currency = user["currency"]
    return {
        "search": search,
        "items": [_invoice(visit, item, may_pay=user["hasPaymentProvider"]) for item in found["collection"]],
        "pager": _pager(visit, found["metadata"], "page"),
        "invoiced": _total(visit, data["customerPortalInvoiceCollections"], currency),
        "overdue": _total(visit, data["customerPortalOverdueBalances"], currency),
        "is_overdue": any(int(row["amountCents"]) > 0 for row in data["customerPortalOverdueBalances"]),
    }


def _total(visit: Visit, rows: list[Mapping[str, Any]], currency: str | None) -> str | None:
    """The sum over all months; nothing for a customer that has no currency yet."""
    return visit.words.money(sum(int(row["amountCents"]) for row in rows), currency) if currency else None


def _invoice(visit: Visit, item: Mapping[str, Any], *, may_pay: bool) -> dict[str, Any]:
    words, currency = visit.words, item["currency"]
    status = _status(item)
    due = 0 if status == "paid" else int(item["totalDueAmountCents"])
    return {
        "id": item["id"],
        "number": item["number"],
        "date": words.date(item["issuingDate"]),
        "kind": words.t(f"kind_{item['invoiceType']}"),
        "amount": words.money(item["totalAmountCents"], currency),
        "due": words.money(due, currency),
        "status": status,
        "pdf": f"{visit.base}/invoice/{item['id']}.pdf",
        "pay": f"{visit.base}/invoice/{item['id']}/pay" if may_pay and due > 0 else None,
    }


def _status(item: Mapping[str, Any]) -> str:
    """Overdue, paid, disputed, to pay: the first that fits (spec 07 §5.3)."""
    if item["paymentOverdue"]:
        return "overdue"
    if item["paymentStatus"] == "succeeded":
        return "paid"
    return "disputed" if item["paymentDisputeLost"] else "to_pay"


def _pager(visit: Visit, metadata: Mapping[str, int], key: str) -> dict[str, Any] | None:
    """Neighbouring pages; nothing when there is one page."""
    if metadata["totalPages"] < 2:
        return None
    page, size, total = metadata["currentPage"], metadata["limitValue"], metadata["totalCount"]
    first = min((page - 1) * size + 1, total)
    url = formatting.url_with(visit.url, done=None, credits=None)
    return {
        "text": visit.words.t("of_total", first=first, last=min(page * size, total), total=total),
        "previous": formatting.url_with(url, **{key: page - 1 if page > 2 else None}) if page > 1 else None,
        "next": formatting.url_with(url, **{key: page + 1}) if page < metadata["totalPages"] else None,
    }


SECTIONS: Mapping[str, Callable[[Visit], Awaitable[Section]]] = {
    "wallets": _wallets,
    "plans": _plans,
    "information": _information,
    "invoices": _invoices,
}
"""In the order of the page; the names are ids of elements and blocks of the template."""

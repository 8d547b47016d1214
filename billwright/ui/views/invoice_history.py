"""What happened to an invoice, as its page tells it (spec 07 §7.8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from billwright.ui import formatting
from billwright.ui.views.payments import is_marked

Data = Mapping[str, Any]
_AT_ONCE = timedelta(minutes=1)


def _event(icon: str, title: str, at: str | None, state: str = "done", note: str | None = None) -> dict[str, Any]:
    return {"icon": icon, "title": title, "at": at, "note": note, "state": state}


def events(invoice: Data) -> list[dict[str, Any]]:
    """What happened to it, oldest first, and what comes next."""
    status, finalized = invoice["status"], invoice["finalizedAt"]
    at_once = finalized and abs(formatting.instant(finalized) - formatting.instant(invoice["createdAt"])) < _AT_ONCE
    found = [_event("circle-check", "Issued" if at_once else "Drafted", invoice["createdAt"])]
    if status == "draft":
        if invoice["finalizationDueAt"]:
            found.append(_event("clock", "Finalizes by itself", invoice["finalizationDueAt"], "next"))
        return found
    if finalized and not at_once:
        found.append(_event("circle-check", "Finalized", finalized))
    if status in ("failed", "pending", "generating"):
        failed = status == "failed"
        title = "Could not be issued" if failed else "Being issued"
        return [*found, _event("triangle-alert" if failed else "clock", title, None, "failed" if failed else "now")]
    return [*found, *sorted([*_happened(invoice), *_now(invoice)], key=_instant)]


def _instant(event: Data) -> datetime:
    """Its place among the others: a missed due date is over at its end, what has no date or is to come stands last."""
    if event["at"]:
        return formatting.instant(event["at"])
    if event.get("day"):
        return formatting.instant(f"{event['day']}T23:59:59Z")
    return datetime.max.replace(tzinfo=UTC)


def _happened(invoice: Data) -> list[dict[str, Any]]:
    """Payments, credit notes and the end of a dispute, each with its instant."""
    currency = invoice["currency"]
    found = [
        _event("credit-card", _amount("Paid", payment["amountCents"], currency), payment["createdAt"])
        for payment in invoice["payments"] or []
        if payment["payablePaymentStatus"] == "succeeded"
    ]
    found += [
        _event("receipt-text", _amount("Credit note over", note["totalAmountCents"], currency), note["createdAt"])
        for note in invoice["creditNotes"] or []
    ]
    if invoice["paymentDisputeLostAt"]:
        found.append(_event("flag", "Dispute lost", invoice["paymentDisputeLostAt"], "failed"))
    return found


def _amount(words: str, cents: str, currency: str) -> str:
    return f"{words} {formatting.money_with_currency(cents, currency)}"


def _now(invoice: Data) -> list[dict[str, Any]]:
    """Where it stands."""
    if invoice["status"] == "voided":
        return [_event("circle-minus", "Voided", invoice["voidedAt"], "now")]
    if invoice["paymentStatus"] == "succeeded":
        paid_at = max((payment["createdAt"] for payment in invoice["payments"] or []), default=None)
        return [_event("circle-check", "Marked as paid" if is_marked(invoice) else "Paid", paid_at, "now")]
    if int(invoice["totalDueAmountCents"]) > 0:
        late = invoice["paymentOverdue"]
        day = formatting.plain_date(invoice["paymentDueDate"])
        if late:
            return [{**_event("triangle-alert", "Was due", None, "failed", day), "day": invoice["paymentDueDate"]}]
        return [_event("circle", "Due", None, "next", day)]
    return []

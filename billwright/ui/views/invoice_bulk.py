"""What is done with many invoices at once: finalize all drafts, try all failed ones again, collect all unpaid ones
(spec 07 §7.8, 04 §8.2, §11, §13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui.views.support import View
from billwright.ui.views.words import toast_words


def bulk(view: View, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The dialogs of the list's menu, where there is something to do and the role may."""

    def invoices(count: int) -> str:
        return f"{count:,} invoice{'' if count == 1 else 's'}"

    offered = (
        ("finalize", "invoices:update", counts["draft"], "Finalize all drafts", "circle-check", "Finalize all",
         f"{invoices(counts['draft'])} are computed once more and issued, in the background. This cannot be undone."),
        ("retry", "invoices:update", counts["failed"], "Try all failed ones again", "refresh-cw", "Try again",
         f"The taxes of {invoices(counts['failed'])} are determined again; those that are known then are issued."),
        ("collect", "invoices:send", counts["outstanding"], "Resend all for collection", "send", "Resend",
         f"{invoices(counts['outstanding'])} with a pending or failed payment go to their payment provider once more. "
         "Those with a lost dispute are left out."),
    )  # fmt: skip
    return [
        {"key": key, "label": label, "icon": icon, "button": button, "text": text}
        for key, permission, count, label, icon, button, text in offered
        if count and view.may(permission)
    ]


async def finalize_all(view: View) -> Response:
    """``POST /{slug}/invoices/finalize``."""
    return await _all(view, "FinalizeAllInvoices", "finalizeAllInvoices", "are being finalized")


async def retry_all(view: View) -> Response:
    """``POST /{slug}/invoices/retry``."""
    return await _all(view, "RetryAllInvoices", "retryAllInvoices", "are tried again")


async def collect_all(view: View) -> Response:
    """``POST /{slug}/invoices/collect``."""
    return await _all(view, "RetryAllInvoicePayments", "retryAllInvoicePayments", "were sent for collection")


async def _all(view: View, operation: str, field: str, words: str) -> Response:
    outcome = await view.change(operation, clientMutationId=None)
    if not outcome.ok:
        return view.redirect(f"{view.base}/invoices", ("negative", toast_words(outcome.code, outcome.fields)))
    count = len(outcome.data[field])
    done = f"{count:,} invoice{'' if count == 1 else 's'} {words}" if count else "There was nothing to do"
    return view.redirect(f"{view.base}/invoices", ("positive" if count else "info", done))

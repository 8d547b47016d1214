"""One payment with what it pays (spec 07 §7.8)."""

from __future__ import annotations

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views.customers import customer_href, shown_name
from billwright.ui.views.invoices import shown_row
from billwright.ui.views.payments import method
from billwright.ui.views.support import View


async def payment_page(view: View) -> Response:
    """``GET /{slug}/payment/{id}``."""
    found = (await view.ask("PaymentPage", id=view.path("payment")))["payment"]
    customer = found["customer"]
    shown = formatting.money_with_currency(found["amountCents"], found["amountCurrency"])
    content = {
        "title": f"Payment of {shown}",
        "url": view.url,
        "payment": {
            "id": found["id"],
            "status": found["payablePaymentStatus"],
            "shown": shown,
            "method": method(found),
            "reference": found["reference"],
            "at": found["createdAt"],
        },
        "customer": {
            "name": shown_name(customer),
            "href": customer_href(view, customer),
            "timezone": customer["applicableTimezone"],
        },
        "invoices": [shown_row(view, item) for item in found["invoices"]],
        "api": view.api("PaymentPage", "GET", f"/payments/{found['id']}"),
    }
    return await view.page("payments/page.html", "payments", content)

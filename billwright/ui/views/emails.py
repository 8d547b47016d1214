"""The outbox under Developers: e-mails that were sent, and those that are kept without a mail server."""

from __future__ import annotations

from starlette.responses import Response

from billwright.ui.views.developers import tabs
from billwright.ui.views.support import View


async def outbox(view: View) -> Response:
    """``GET /{slug}/developers/emails``."""
    found = (await view.ask("EmailList", **view.paging()))["emails"]
    content = {
        "title": "E-mails",
        "url": view.url,
        "tabs": tabs(view, "emails"),
        "kept": not view.settings.smtp_host,
        "emails": [
            {
                "id": item["id"],
                "subject": item["subject"],
                "to": ", ".join([*item["recipients"], *item["copyRecipients"], *item["blindRecipients"]]),
                "status": item["status"],
                "error": item["error"],
                "at": item["createdAt"],
                "text": item["text"],
                "attachment": item["attachmentName"],
            }
            for item in found["collection"]
        ],
        "page": view.pager(found["metadata"]),
    }
    return await view.page("developers/emails.html", "developers", content)

"""The way from a customer's page to its portal (spec 07 §5.1): a new link each time."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from billwright.ui.views.support import Refused, View


async def open_portal(view: View) -> Response:
    """``GET /{slug}/customer/{customer}/portal``: on to the portal as the customer sees it."""
    outcome = await view.change("CustomerPortalUrl", id=view.path("customer"))
    if not outcome.ok:
        raise Refused(500, outcome.code)
    response = RedirectResponse(outcome.data["generateCustomerPortalUrl"]["url"], status_code=303)
    response.headers["Cache-Control"] = "no-store"
    return response

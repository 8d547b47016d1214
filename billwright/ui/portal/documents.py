"""Documents of invoices, the way to pay one, and the supplier's logo (spec 07 §5.3)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlmodel import col
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billwright.billing.access.models import Organization
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.models import StoredFile
from billwright.server.files import file_answer
from billwright.server.settings import Settings
from billwright.ui.portal.door import guarded
from billwright.ui.portal.visit import Visit, refused


async def download(visit: Visit) -> Response:
    """``GET /customer-portal/{token}/invoice/{invoice}.pdf``: on to an address of the PDF, made if need be."""
    outcome = await visit.change("PortalDownload", id=visit.path("invoice"))
    return RedirectResponse(outcome.data["downloadCustomerPortalInvoice"]["fileUrl"], status_code=303)


async def pay(visit: Visit) -> Response:
    """``GET /customer-portal/{token}/invoice/{invoice}/pay``: on to the payment page, or why there is none."""
    outcome = await visit.change("PortalPay", invoiceId=visit.path("invoice"))
    if outcome.ok:
        return RedirectResponse(outcome.data["generateCustomerPortalPaymentUrl"]["paymentUrl"], status_code=303)
    words = visit.words
    content = {"title": words.t("error_payment"), "text": words.t("error_payment_hint")}
    return visit.show("notice", content, status_code=422)


async def show_document(request: Request) -> Response:
    """``GET /customer-portal/documents/{token}``: a file by its address of ten minutes, to be saved."""
    settings: Settings = request.app.state.settings
    file_id = settings.portal_links.read_file(str(request.path_params["token"]))
    stored = await _first(request, select(StoredFile).where(col(StoredFile.id) == file_id)) if file_id else None
    if stored is None:
        return refused(request, settings)
    response = file_answer(request, stored, saved=True)
    response.headers["Cache-Control"] = "no-store"
    return response


async def show_logo(request: Request) -> Response:
    """``GET /customer-portal/logos/{organization}``: the logo that is printed on every document."""
    settings: Settings = request.app.state.settings
    organization_id = parse_id(str(request.path_params["organization"]))
    statement = select(Organization).where(col(Organization.id) == organization_id)
    found = await _first(request, statement) if organization_id else None
    if found is None or found.logo is None:
        return guarded(Response(status_code=404), settings)
    headers = {
        "Cache-Control": "public, max-age=86400",
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(found.logo, media_type=found.logo_content_type, headers=headers)


async def _first(request: Request, statement: Any) -> Any:
    database: Database = request.app.state.database
    async with database.reading() as session:
        return (await session.scalars(statement)).first()

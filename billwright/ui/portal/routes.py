"""Addresses of the portal (spec 07 §5.1, §7.2). They name no organization: the link does."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from billwright.ui.portal import documents, home, information, usage, wallet
from billwright.ui.portal.visit import portal_page

BELOW = "/customer-portal/{token}"
PORTAL_PAGES = (
    ("GET", "", home.home),
    ("GET", "/usage/{subscription}", usage.show_usage),
    ("GET", "/wallet/{wallet}", wallet.show_wallet),
    ("POST", "/wallet/{wallet}", wallet.buy),
    ("GET", "/customer-edit-information", information.information_form),
    ("POST", "/customer-edit-information", information.save_information),
    ("GET", "/invoice/{invoice}.pdf", documents.download),
    ("GET", "/invoice/{invoice}/pay", documents.pay),
    ("GET", "/{rest:path}", home.missing),
)
"""Method, path below the link, handler."""


def portal_routes() -> list[BaseRoute]:
    """The routes of the portal; the last one catches what nobody else below a link answers."""
    return [
        Route("/customer-portal/documents/{token}", documents.show_document, methods=["GET"]),
        Route("/customer-portal/logos/{organization}", documents.show_logo, methods=["GET"]),
        *(Route(BELOW + path, portal_page(handler), methods=[method]) for method, path, handler in PORTAL_PAGES),
    ]

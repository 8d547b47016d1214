"""Every template with sample data, under the product's own CSP and without a database. Development only.

Run ``python -m billwright.ui.gallery --port 8800`` and open ``/``.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billwright.ui import components
from billwright.ui import gallery_objects as objects
from billwright.ui import gallery_samples as samples
from billwright.ui.gallery_access import ACCESS_PAGES
from billwright.ui.gallery_alerts import ALERT_PAGES
from billwright.ui.gallery_customers import CUSTOMER_PAGES, next_invoices
from billwright.ui.gallery_documents import DOCUMENT_PAGES
from billwright.ui.gallery_entitlements import ENTITLEMENT_PAGES
from billwright.ui.gallery_invoices import INVOICE_PAGES
from billwright.ui.gallery_plans import PLAN_PAGES
from billwright.ui.gallery_portal import PORTAL_PAGES
from billwright.ui.gallery_sandboxes import SANDBOX_PAGES
from billwright.ui.gallery_subscriptions import SUBSCRIPTION_PAGES
from billwright.ui.gallery_wallets import WALLET_PAGES
from billwright.ui.rendering import CONTENT_SECURITY_POLICY, STATIC, render

Context = dict[str, Any]
REQUEST_ID = "018e4b1c-7a2f-7c77-9d1e-3f5a6b7c8d90"


def error(status: int, code: str) -> Context:
    return {
        "title": str(status),
        "frame": samples.frame(None),
        "status": status,
        "request_id": REQUEST_ID,
        "code": code,
        "back": {"label": "To customers", "href": f"{samples.BASE}/customers"},
    }


def login(failed: bool) -> Context:
    return {
        "title": "Log in",
        "csrf_token": "sample",
        "next": "/acme/invoices",
        "email": "jana@northwind.example" if failed else "",
        "error": "The e-mail or the password is wrong." if failed else None,
        "methods": {"google": True, "okta": True, "password": True},
        "sign_up": True,
        "can_reset": True,
    }


PAGES: dict[str, tuple[str, str, Callable[[str], Context]]] = {
    "/components": (
        "Components",
        "gallery/components.html",
        lambda url: {"title": "Components", "frame": samples.frame(None), "statuses": components.STATUSES,
                     "chart": samples.revenue()},
    ),
    "/login": ("Log in", "login.html", lambda url: login(False)),
    "/login/failed": ("Log in, refused", "login.html", lambda url: login(True)),
    "/acme/invoices": ("Invoices", "invoices/list.html", samples.invoice_list),
    "/acme/invoices/empty": ("Invoices, none", "invoices/list.html", lambda url: samples.invoice_list(url, empty=True)),
    "/acme/invoice/1": ("Invoice", "invoices/page.html", lambda url: samples.invoice_page()),
    "/acme/invoice/draft": ("Invoice, draft", "invoices/page.html", lambda url: samples.invoice_page(draft=True)),
    "/acme/plans": ("Plans", "catalogue/plans.html", samples.plans),
    "/acme/plans/empty": ("Plans, none", "catalogue/plans.html", lambda url: samples.plans(url, empty=True)),
    "/acme/billable-metrics": ("Billable metrics", "catalogue/metrics.html", samples.metrics),
    "/acme/billable-metric/1": ("Billable metric", "catalogue/metric.html", lambda url: objects.metric_page()),
    "/acme/developers/jobs": ("Jobs", "developers/jobs.html", samples.jobs),
    "/acme/developers/audit": ("Audit", "developers/audit.html", samples.audit),
    "/acme/developers/api": ("API", "developers/api.html", lambda url: samples.api_docs()),
    "/acme/error/403": ("Error 403", "errors/403.html", lambda url: error(403, "forbidden")),
    "/acme/error/404": ("Error 404", "errors/404.html", lambda url: error(404, "customer_not_found")),
    "/error/outside": (
        "Error outside",
        "errors/outside.html",
        lambda url: {"title": "Nothing here", "heading": "Nothing lives at this address", "text": "Check the address.",
                     "status": 404, "log_out": None, "onward": ("To your home page", "/")},
    ),
    "/error/locked": (
        "Locked out",
        "errors/outside.html",
        lambda url: {"title": "Locked", "heading": "You cannot open this organization", "text": "Log in another way.",
                     "status": 403, "log_out": {"csrf_token": "f" * 64, "next": "/acme/invoices"},
                     "onward": ("To your home page", "/")},
    ),
    "/acme/error/500": ("Error 500", "errors/500.html", lambda url: error(500, "internal_error")),
    **ACCESS_PAGES,
    **PLAN_PAGES,
    **ENTITLEMENT_PAGES,
    **INVOICE_PAGES,
    **PORTAL_PAGES,
    **CUSTOMER_PAGES,
    **DOCUMENT_PAGES,
    **SUBSCRIPTION_PAGES,
    **SANDBOX_PAGES,
    **ALERT_PAGES,
    **WALLET_PAGES,
}  # fmt: skip
"""Address -> (label, template, context of an address)."""


def _page(path: str) -> Route:
    _, template, context = PAGES[path]

    async def show(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return render(request, template, context(request.url.path + query))

    return Route(path, show)


async def index(request: Request) -> Response:
    listed = [{"path": path, "label": label} for path, (label, _, _) in PAGES.items()]
    return render(
        request, "gallery/index.html", {"title": "Gallery", "frame": samples.frame(None), "url": "/", "pages": listed}
    )


async def search(request: Request) -> Response:
    found = samples.SEARCH if "acme".startswith(request.query_params.get("term", "").lower()[:4]) else []
    return render(request, "search_results.html", {"groups": found, "frame": samples.frame(None)})


async def explain(request: Request) -> Response:
    return render(request, "invoices/explain.html", samples.EXPLANATION)


async def clock(request: Request) -> Response:
    state = samples.ADVANCING if request.method == "POST" else samples.CLOCK
    toast = None if request.method == "POST" else ("positive", "The clock stands at Mar 15, 2024, 10:00")
    return render(request, "clock.html", {"frame": samples.frame(None, state)}, toast=toast)


async def invoice_action(request: Request) -> Response:
    await asyncio.sleep(0.5)
    draft = request.path_params["action"] == "refresh"
    words = "Refreshed" if draft else "Invoice finalized"
    return render(request, "invoices/page.html", samples.invoice_page(draft), "invoice", toast=("positive", words))


async def broken(request: Request) -> Response:
    return render(request, "errors/500.html", error(500, "internal_error"), status_code=500)


class Headers:
    """The security headers that the server sends with every page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"x-request-id", REQUEST_ID.encode()),
                ]
            await send(message)

        await self.app(scope, receive, with_headers)


def create_app() -> Starlette:
    """The gallery as an ASGI application."""
    return Starlette(
        routes=[
            Route("/", index),
            Route("/acme/search", search),
            Route("/acme/fee/{fee}/explain", explain),
            Route("/acme/clock", clock, methods=["GET", "POST"]),
            Route("/acme/customer/1/next-invoices", next_invoices),
            Route("/acme/invoice/{invoice}/{action:str}", invoice_action, methods=["POST"]),
            Route("/acme/broken", broken),
            *map(_page, PAGES),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Headers)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Show every page of the back office with sample data")
    parser.add_argument("--port", type=int, default=8800)
    uvicorn.run(create_app(), host="127.0.0.1", port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()

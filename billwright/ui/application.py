"""The back office: its pages at the root of the server, below ``/{organization slug}`` (spec 07 §7)."""

from __future__ import annotations

from typing import Any

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from billwright.billing.access.naming import RESERVED_SLUGS
from billwright.server.middleware import error_answer
from billwright.ui.portal.routes import portal_routes
from billwright.ui.rendering import STATIC
from billwright.ui.views import (
    access,
    activity_logs,
    add_ons,
    alert_forms,
    analytics,
    api_logs,
    audit,
    catalogue,
    clock,
    coupons,
    credit_note_forms,
    credit_notes,
    customer_coupons,
    customer_form,
    customer_list,
    customer_overview,
    customer_settings,
    customer_tabs,
    developers,
    email_settings,
    emails,
    entitlements,
    events,
    explanations,
    exports,
    features,
    fee_forms,
    invoice_actions,
    invoice_bulk,
    invoice_page,
    invoice_voiding,
    invoices,
    keys,
    members,
    metric_forms,
    okta,
    one_off,
    payment_page,
    payments,
    plan_forms,
    portal_links,
    public,
    resending,
    sandboxes,
    search,
    settings,
    single_sign_on,
    subscription_forms,
    subscriptions,
    taxes,
    wallet_credits,
    wallet_forms,
    wallets,
    webhooks,
)
from billwright.ui.views.support import MEMBER, Refused, View, guarded, outside, page

_YEAR = "public, max-age=31536000, immutable"


class _Slug(StringConvertor):
    """The form of an organization's slug (spec 07 §3.1); names of routes are no slugs."""

    regex = rf"(?!(?:{'|'.join(sorted(RESERVED_SLUGS))})(?:/|$))[a-z0-9][a-z0-9-]{{1,38}}[a-z0-9]"


register_url_convertor("slug", _Slug())


class Assets(StaticFiles):
    """Files whose address carries a fingerprint may be kept for ever, the others are asked for again each day."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        scope: Scope = args[2] if len(args) > 2 else kwargs["scope"]
        fingerprinted = scope.get("query_string", b"").startswith(b"v=")
        response.headers["Cache-Control"] = _YEAR if fingerprinted else "public, max-age=86400"
        return response


def routes() -> list[BaseRoute]:
    """The routes of this door. The last ones catch what nobody else answers."""
    below = "/{slug:slug}"
    return [
        Mount("/static", GZipMiddleware(Assets(directory=STATIC), minimum_size=1024), name="static"),
        Route("/", access.home, methods=["GET"]),
        Route("/docs/graphql", access.graphql_explorer, methods=["GET"]),
        Route("/login", access.show_login, methods=["GET"]),
        Route("/login", access.log_in, methods=["POST"]),
        Route("/sso/google", single_sign_on.google, methods=["GET"]),
        Route("/auth/google/callback", single_sign_on.google_callback, methods=["GET"]),
        Route("/login/okta", single_sign_on.show_okta, methods=["GET"]),
        Route("/login/okta", single_sign_on.okta, methods=["POST"]),
        Route("/auth/okta/callback", single_sign_on.okta_callback, methods=["GET"]),
        Route("/sign-up/google", single_sign_on.show_register, methods=["GET"]),
        Route("/sign-up/google", single_sign_on.register, methods=["POST"]),
        Route("/sign-up", public.show_sign_up, methods=["GET"]),
        Route("/sign-up", public.sign_up, methods=["POST"]),
        Route("/forgot-password", public.show_forgot, methods=["GET"]),
        Route("/forgot-password", public.forgot, methods=["POST"]),
        Route("/reset-password/{token}", public.show_reset, methods=["GET"]),
        Route("/reset-password/{token}", public.reset, methods=["POST"]),
        Route("/invitation/{token}", public.show_invitation, methods=["GET"]),
        Route("/invitation/{token}", public.accept, methods=["POST"]),
        Route("/logout", access.log_out, methods=["POST"]),
        *portal_routes(),
        Route(below, page(access.organization_home, MEMBER), methods=["GET"]),
        *(
            Route(
                below + path,
                page(handler, *needs, part_of=PARTS.get(path) if method == "GET" else None),
                methods=[method],
            )
            for method, path, handler, needs in PAGES
        ),
        Route(below + "/{rest:path}", page(_missing, MEMBER), methods=["GET"]),
        Route("/{rest:path}", _outside, methods=["GET"]),
    ]


async def _developers(view: View) -> Response:
    return RedirectResponse(developers.tabs(view, "")[0]["href"], status_code=303)


async def _missing(view: View) -> Response:
    """Nothing lives below this organization at that address."""
    raise Refused(404, "resource_not_found")


async def _outside(request: Request) -> Response:
    """An address of nobody: a page for people, the API's envelope for programs."""
    if "text/html" not in request.headers.get("accept", ""):
        return guarded(error_answer(404))
    words = "Check the address, or start from your home page."
    return outside(request, 404, "Nothing lives at this address", words)


PAGES = (
    ("GET", "/analytics", analytics.dashboard, ("analytics:view",)),
    ("GET", "/customers", customer_list.customer_list, ("customers:view",)),
    ("GET", "/create/customer", customer_form.new_customer, ("customers:create",)),
    ("POST", "/create/customer", customer_form.create_customer, ("customers:create",)),
    ("GET", "/customer/{customer}", customer_overview.overview, ("customers:view",)),
    ("GET", "/customer/{customer}/edit", customer_form.edit_customer, ("customers:update",)),
    ("POST", "/customer/{customer}/edit", customer_form.update_customer, ("customers:update",)),
    ("POST", "/customer/{customer}/delete", customer_form.delete_customer, ("customers:delete",)),
    ("GET", "/customer/{customer}/assign-plan", subscription_forms.assign_form, ("subscriptions:create",)),
    ("POST", "/customer/{customer}/assign-plan", subscription_forms.assign, ("subscriptions:create",)),
    ("POST", "/customer/{customer}/assign-plan/preview", subscription_forms.assign_preview, ("subscriptions:create",)),
    ("GET", "/customer/{customer}/overview", customer_overview.overview, ("customers:view",)),
    ("GET", "/customer/{customer}/portal", portal_links.open_portal, ("customers:view",)),
    ("GET", "/customer/{customer}/next-invoices", customer_overview.next_invoices, ("invoices:view",)),
    ("GET", "/customer/{customer}/subscriptions", customer_overview.old_subscriptions, ("subscriptions:view",)),
    ("GET", "/customer/{customer}/usage", customer_tabs.usage, ("customers:view",)),
    ("GET", "/customer/{customer}/coupons", customer_coupons.coupon_tab, ("coupons:view",)),
    ("POST", "/customer/{customer}/coupons", customer_coupons.apply, ("coupons:attach",)),
    ("POST", "/customer/{customer}/coupons/{applied}/remove", customer_coupons.remove, ("coupons:detach",)),
    ("GET", "/customer/{customer}/invoices", customer_tabs.invoices, ("invoices:view",)),
    ("GET", "/customer/{customer}/payments", customer_tabs.payments, ("payments:view",)),
    ("GET", "/customer/{customer}/analytics", customer_tabs.analytics, ("analytics:view",)),
    ("GET", "/customer/{customer}/information", customer_tabs.information, ("customers:view",)),
    ("GET", "/customer/{customer}/settings", customer_settings.settings_tab, ("customers:view",)),
    ("POST", "/customer/{customer}/settings", customer_settings.save, ("customers:update",)),
    ("POST", "/customer/{customer}/settings/remove", customer_settings.remove, ("customers:update",)),
    ("GET", "/customer/{customer}/credit-notes", credit_notes.customer_tab, ("credit_notes:view",)),
    ("GET", "/customer/{customer}/one-off", one_off.form, ("invoices:create",)),
    ("POST", "/customer/{customer}/one-off", one_off.create, ("invoices:create",)),
    ("POST", "/customer/{customer}/one-off/lines", one_off.change_lines, ("invoices:create",)),
    ("POST", "/customer/{customer}/one-off/estimate", one_off.estimate, ("invoices:create",)),
    ("GET", "/customer/{customer}/wallets", wallets.wallet_tab, ("customers:view",)),
    ("GET", "/customer/{customer}/wallet/create", wallet_forms.new_wallet, ("wallets:create",)),
    ("POST", "/customer/{customer}/wallet/create", wallet_forms.create, ("wallets:create",)),
    ("GET", "/wallet-price", wallet_credits.price_of_new, ("wallets:create",)),
    ("GET", "/wallet/{wallet}", wallets.wallet_page, ("customers:view",)),
    ("GET", "/wallet/{wallet}/edit", wallet_forms.edit_wallet, ("wallets:update",)),
    ("POST", "/wallet/{wallet}/edit", wallet_forms.change, ("wallets:update",)),
    ("GET", "/wallet/{wallet}/top-up", wallet_credits.top_up_form, ("wallets:top_up",)),
    ("POST", "/wallet/{wallet}/top-up", wallet_credits.top_up, ("wallets:top_up",)),
    ("GET", "/wallet/{wallet}/void", wallet_credits.void_form, ("wallets:top_up",)),
    ("POST", "/wallet/{wallet}/void", wallet_credits.void, ("wallets:top_up",)),
    ("GET", "/wallet/{wallet}/price", wallet_credits.price, ("wallets:top_up",)),
    ("POST", "/wallet/{wallet}/terminate", wallets.terminate, ("wallets:terminate",)),
    ("GET", "/subscriptions", subscriptions.subscription_list, ("subscriptions:view",)),
    ("GET", "/subscription/{subscription}/charge/{charge}/explain", explanations.explain_usage, ("customers:view",)),
    ("GET", "/subscription/{subscription}", subscriptions.subscription_page, ("subscriptions:view",)),
    ("GET", "/subscription/{subscription}/usage", subscriptions.usage_page, ("subscriptions:view",)),
    ("GET", "/subscription/{subscription}/alerts/create", alert_forms.new_on_subscription, ("subscriptions:update",)),
    ("POST", "/subscription/{subscription}/alerts/create", alert_forms.create_on_subscription,
     ("subscriptions:update",)),
    ("GET", "/wallet/{wallet}/alerts/create", alert_forms.new_on_wallet, ("wallets:update",)),
    ("POST", "/wallet/{wallet}/alerts/create", alert_forms.create_on_wallet, ("wallets:update",)),
    ("GET", "/alert/{alert}/edit", alert_forms.edit_alert, ("subscriptions:update", "wallets:update")),
    ("POST", "/alert/{alert}/edit", alert_forms.change_alert, ("subscriptions:update", "wallets:update")),
    ("POST", "/alert/{alert}/delete", alert_forms.delete_alert, ("subscriptions:update", "wallets:update")),
    ("GET", "/subscription/{subscription}/edit", subscription_forms.edit_form, ("subscriptions:update",)),
    ("POST", "/subscription/{subscription}/edit", subscription_forms.edit, ("subscriptions:update",)),
    ("POST", "/subscription/{subscription}/edit/preview", subscription_forms.edit_preview, ("subscriptions:update",)),
    ("GET", "/subscription/{subscription}/change-plan", subscription_forms.change_form, ("subscriptions:create",)),
    ("POST", "/subscription/{subscription}/change-plan", subscription_forms.change, ("subscriptions:create",)),
    ("POST", "/subscription/{subscription}/change-plan/preview", subscription_forms.change_preview,
     ("subscriptions:create",)),
    ("GET", "/subscription/{subscription}/terminate", subscriptions.terminate_form, ("subscriptions:update",)),
    ("POST", "/subscription/{subscription}/terminate", subscriptions.terminate, ("subscriptions:update",)),
    ("GET", "/fee/{fee}/explain", explanations.explain_fee, ("invoices:view",)),
    ("GET", "/invoices", invoices.invoice_list, ("invoices:view",)),
    ("POST", "/invoices/export", invoices.export, ("invoices:export",)),
    ("GET", "/exports", exports.export_list, ("invoices:export", "credit_notes:export")),
    ("GET", "/invoices/{invoice}", invoices.old_address, ("invoices:view",)),
    ("GET", "/invoice/{invoice}.pdf", invoices.download, ("invoices:view",)),
    ("GET", "/invoice/{invoice}", invoice_page.show_invoice, ("invoices:view",)),
    ("POST", "/invoice/{invoice}/refresh", invoices.refresh, ("invoices:update",)),
    ("POST", "/invoice/{invoice}/finalize", invoices.finalize, ("invoices:update",)),
    ("GET", "/invoice/{invoice}/fees/{fee}", fee_forms.fee_form, ("invoices:update",)),
    ("POST", "/invoice/{invoice}/fees/{fee}", fee_forms.set_fee, ("invoices:update",)),
    ("POST", "/invoice/{invoice}/fees/{fee}/preview", fee_forms.preview, ("invoices:update",)),
    ("POST", "/invoice/{invoice}/fees/{fee}/reset", fee_forms.reset_fee, ("invoices:update",)),
    ("POST", "/invoice/{invoice}/payment-status", invoice_actions.set_status, ("invoices:update",)),
    ("GET", "/invoice/{invoice}/void", invoice_voiding.void_form, ("invoices:void",)),
    ("POST", "/invoice/{invoice}/void", invoice_voiding.void, ("invoices:void",)),
    ("POST", "/invoice/{invoice}/dispute", invoice_actions.lose_dispute, ("invoices:update",)),
    ("POST", "/invoices/finalize", invoice_bulk.finalize_all, ("invoices:update",)),
    ("POST", "/invoices/retry", invoice_bulk.retry_all, ("invoices:update",)),
    ("POST", "/invoices/collect", invoice_bulk.collect_all, ("invoices:send",)),
    ("POST", "/invoice/{invoice}/retry", invoice_actions.retry, ("invoices:update",)),
    ("POST", "/invoice/{invoice}/collect", invoice_actions.collect, ("invoices:send",)),
    ("POST", "/invoice/{invoice}/payment-link", invoice_actions.link, ("invoices:update",)),
    ("POST", "/invoice/{invoice}/delete", invoice_actions.delete, ("invoices:delete",)),
    ("GET", "/invoice/{invoice}/metadata", invoice_actions.metadata_form, ("invoices:update",)),
    ("POST", "/invoice/{invoice}/metadata", invoice_actions.set_metadata, ("invoices:update",)),
    ("GET", "/invoice/{invoice}/payments", invoice_page.show_invoice, ("payments:view",)),
    ("GET", "/invoice/{invoice}/credit-notes", invoice_page.show_invoice, ("credit_notes:view",)),
    ("GET", "/invoice/{invoice}/credit-notes/create", credit_note_forms.note_form, ("credit_notes:create",)),
    ("POST", "/invoice/{invoice}/credit-notes/create", credit_note_forms.create, ("credit_notes:create",)),
    ("POST", "/invoice/{invoice}/credit-notes/estimate", credit_note_forms.estimate, ("credit_notes:create",)),
    ("GET", "/invoice/{invoice}/send", resending.invoice_form, ("invoices:send",)),
    ("POST", "/invoice/{invoice}/send", resending.send_invoice, ("invoices:send",)),
    ("GET", "/credit-note/{credit_note}/send", resending.note_form, ("credit_notes:send",)),
    ("POST", "/credit-note/{credit_note}/send", resending.send_note, ("credit_notes:send",)),
    ("GET", "/credit-notes", credit_notes.note_list, ("credit_notes:view",)),
    ("POST", "/credit-notes/export", credit_notes.export, ("credit_notes:export",)),
    ("GET", "/credit-note/{credit_note}.pdf", credit_notes.download, ("credit_notes:view",)),
    ("GET", "/credit-note/{credit_note}", credit_notes.note_page, ("credit_notes:view",)),
    ("POST", "/credit-note/{credit_note}/void", credit_notes.void, ("credit_notes:void",)),
    ("POST", "/credit-note/{credit_note}/refund", credit_notes.report_refund, ("credit_notes:update",)),
    ("GET", "/credit-note/{credit_note}/metadata", credit_notes.metadata_form, ("credit_notes:update",)),
    ("POST", "/credit-note/{credit_note}/metadata", credit_notes.set_metadata, ("credit_notes:update",)),
    ("GET", "/payments", payments.payment_list, ("payments:view",)),
    ("GET", "/payment/{payment}", payment_page.payment_page, ("payments:view",)),
    ("GET", "/invoice/{invoice}/payments/create", payments.payment_form, ("payments:create",)),
    ("POST", "/invoice/{invoice}/payments", payments.record_payment, ("payments:create",)),
    ("GET", "/plans", catalogue.plan_list, ("plans:view",)),
    ("GET", "/create/plan", plan_forms.new_plan, ("plans:create",)),
    ("POST", "/create/plan", plan_forms.create, ("plans:create",)),
    ("GET", "/plan/{plan}", catalogue.plan_page, ("plans:view",)),
    ("GET", "/plan/{plan}/edit", plan_forms.edit_plan, ("plans:update",)),
    ("POST", "/plan/{plan}/edit", plan_forms.change, ("plans:update",)),
    ("POST", "/plan/{plan}/delete", plan_forms.delete, ("plans:delete",)),
    ("GET", "/plan/{plan}/subscriptions", catalogue.plan_subscriptions, ("subscriptions:view",)),
    ("GET", "/plan/{plan}/entitlements", entitlements.plan_form, ("plans:update",)),
    ("POST", "/plan/{plan}/entitlements", entitlements.save_plan, ("plans:update",)),
    ("GET", "/features", features.feature_list, ("features:view",)),
    ("GET", "/create/feature", features.new_feature, ("features:create",)),
    ("POST", "/create/feature", features.create, ("features:create",)),
    ("GET", "/feature/{feature}", features.feature_page, ("features:view",)),
    ("GET", "/feature/{feature}/edit", features.edit_feature, ("features:update",)),
    ("POST", "/feature/{feature}/edit", features.change, ("features:update",)),
    ("POST", "/feature/{feature}/privilege/remove", features.remove_privilege, ("features:update",)),
    ("POST", "/feature/{feature}/delete", features.delete, ("features:delete",)),
    ("GET", "/subscription/{subscription}/entitlements", subscriptions.entitlements_page, ("subscriptions:view",)),
    ("GET", "/subscription/{subscription}/entitlements/edit", entitlements.own_form, ("subscriptions:update",)),
    ("POST", "/subscription/{subscription}/entitlements/edit", entitlements.save_own, ("subscriptions:update",)),
    ("POST", "/subscription/{subscription}/entitlements/remove", entitlements.remove, ("subscriptions:update",)),
    ("POST", "/subscription/{subscription}/entitlements/restore", entitlements.restore, ("subscriptions:update",)),
    ("GET", "/billable-metrics", catalogue.metric_list, ("billable_metrics:view",)),
    ("GET", "/create/billable-metric", metric_forms.new_metric, ("billable_metrics:create",)),
    ("POST", "/create/billable-metric", metric_forms.create, ("billable_metrics:create",)),
    ("GET", "/billable-metric/{metric}", catalogue.metric_page, ("billable_metrics:view",)),
    ("GET", "/billable-metric/{metric}/edit", metric_forms.edit_metric, ("billable_metrics:update",)),
    ("POST", "/billable-metric/{metric}/edit", metric_forms.change, ("billable_metrics:update",)),
    ("POST", "/billable-metric/{metric}/delete", metric_forms.delete, ("billable_metrics:delete",)),
    ("GET", "/add-ons", add_ons.add_on_list, ("addons:view",)),
    ("GET", "/create/add-on", add_ons.new_add_on, ("addons:create",)),
    ("POST", "/create/add-on", add_ons.create, ("addons:create",)),
    ("GET", "/add-on/{add_on}", add_ons.add_on_page, ("addons:view",)),
    ("GET", "/add-on/{add_on}/edit", add_ons.edit_add_on, ("addons:update",)),
    ("POST", "/add-on/{add_on}/edit", add_ons.change, ("addons:update",)),
    ("POST", "/add-on/{add_on}/delete", add_ons.delete, ("addons:delete",)),
    ("GET", "/coupons", coupons.coupon_list, ("coupons:view",)),
    ("GET", "/create/coupon", coupons.new_coupon, ("coupons:create",)),
    ("POST", "/create/coupon", coupons.create, ("coupons:create",)),
    ("GET", "/coupon/{coupon}", coupons.coupon_page, ("coupons:view",)),
    ("GET", "/coupon/{coupon}/edit", coupons.edit_coupon, ("coupons:update",)),
    ("POST", "/coupon/{coupon}/edit", coupons.change, ("coupons:update",)),
    ("POST", "/coupon/{coupon}/terminate", coupons.end, ("coupons:update",)),
    ("POST", "/coupon/{coupon}/delete", coupons.delete, ("coupons:delete",)),
    ("POST", "/coupon/{coupon}/applied/{applied}/remove", coupons.detach, ("coupons:detach",)),
    ("GET", "/developers", _developers, ("developers:manage", "developers:keys:manage")),
    ("GET", "/developers/keys", keys.key_list, ("developers:keys:manage",)),
    ("POST", "/developers/keys", keys.create, ("developers:keys:manage",)),
    ("GET", "/developers/keys/new", keys.new_key, ("developers:keys:manage",)),
    ("GET", "/developers/keys/{key}", keys.edit_key, ("developers:keys:manage",)),
    ("POST", "/developers/keys/{key}", keys.change, ("developers:keys:manage",)),
    ("POST", "/developers/keys/{key}/rotate", keys.rotate, ("developers:keys:manage",)),
    ("POST", "/developers/keys/{key}/delete", keys.delete, ("developers:keys:manage",)),
    ("GET", "/developers/webhooks", webhooks.endpoint_list, ("developers:manage",)),
    ("POST", "/developers/webhooks", webhooks.create, ("developers:manage",)),
    ("GET", "/developers/webhooks/new", webhooks.new_endpoint, ("developers:manage",)),
    ("GET", "/developers/webhooks/{endpoint}", webhooks.log, ("developers:manage",)),
    ("GET", "/developers/webhooks/{endpoint}/edit", webhooks.edit_endpoint, ("developers:manage",)),
    ("POST", "/developers/webhooks/{endpoint}/edit", webhooks.change, ("developers:manage",)),
    ("POST", "/developers/webhooks/{endpoint}/delete", webhooks.delete, ("developers:manage",)),
    ("GET", "/developers/webhooks/{endpoint}/log/{delivery}", webhooks.delivery, ("developers:manage",)),
    ("POST", "/developers/webhooks/{endpoint}/log/{delivery}/retry", webhooks.retry, ("developers:manage",)),
    ("GET", "/developers/events", events.event_list, ("developers:manage",)),
    ("GET", "/developers/api-logs", api_logs.log_list, ("developers:manage",)),
    ("GET", "/developers/activity-logs", activity_logs.log_list, ("audit_logs:view",)),
    ("GET", "/developers/emails", emails.outbox, ("developers:manage",)),
    ("GET", "/developers/jobs", developers.job_list, ("developers:manage",)),
    ("POST", "/developers/jobs/{job}/retry", developers.retry, ("developers:manage",)),
    ("GET", "/developers/audit", audit.audit_findings, ("developers:manage",)),
    ("GET", "/developers/api", developers.api_page, ("developers:manage",)),
    ("GET", "/developers/graphql", developers.graphql_page, ("developers:manage",)),
    ("GET", "/settings", settings.home, settings.ANY),
    ("GET", "/settings/general", settings.general, ("organization:view",)),
    ("POST", "/settings/general", settings.save_general, ("organization:update",)),
    ("POST", "/settings/logo", settings.save_logo, ("organization:update",)),
    ("GET", "/settings/invoices", settings.invoices, ("organization:invoices:view",)),
    ("POST", "/settings/invoices", settings.save_invoices, ("organization:invoices:update",)),
    ("GET", "/settings/emails", email_settings.emails, ("organization:emails:view",)),
    ("GET", "/settings/emails/preview", email_settings.preview, ("organization:emails:view",)),
    ("POST", "/settings/emails", settings.save_emails, ("organization:emails:update",)),
    ("GET", "/settings/authentication", settings.authentication, ("authentication_methods:view",)),
    ("POST", "/settings/authentication", settings.save_authentication, ("authentication_methods:update",)),
    ("GET", "/settings/authentication/okta", okta.form, ("authentication_methods:view",)),
    ("POST", "/settings/authentication/okta", okta.save, ("authentication_methods:update",)),
    ("POST", "/settings/authentication/okta/delete", okta.delete, ("authentication_methods:update",)),
    ("GET", "/settings/taxes", taxes.tax_list, ("organization:taxes:view",)),
    ("POST", "/settings/taxes", taxes.create, ("organization:taxes:update",)),
    ("GET", "/settings/taxes/new", taxes.new_tax, ("organization:taxes:update",)),
    ("POST", "/settings/taxes/eu", taxes.switch_eu, ("organization:taxes:update",)),
    ("GET", "/settings/taxes/{tax}", taxes.edit_tax, ("organization:taxes:update",)),
    ("POST", "/settings/taxes/{tax}", taxes.change, ("organization:taxes:update",)),
    ("POST", "/settings/taxes/{tax}/delete", taxes.delete, ("organization:taxes:update",)),
    ("GET", "/settings/members", members.members, ("organization:members:view",)),
    ("POST", "/settings/members/invite", members.invite, ("organization:members:create",)),
    ("POST", "/settings/members/{member}", members.change_member, ("organization:members:update",)),
    ("POST", "/settings/members/{member}/revoke", members.remove_member, ("organization:members:delete",)),
    ("POST", "/settings/invites/{invite}", members.change_invite, ("organization:members:update",)),
    ("POST", "/settings/invites/{invite}/revoke", members.withdraw_invite, ("organization:members:delete",)),
    ("GET", "/settings/sandboxes", sandboxes.sandbox_list, (MEMBER,)),
    ("POST", "/settings/sandboxes", sandboxes.create, (MEMBER,)),
    ("GET", "/settings/sandboxes/new", sandboxes.new_sandbox, (MEMBER,)),
    ("GET", "/settings/sandboxes/reset", sandboxes.reset_form, ("developers:manage",)),
    ("POST", "/settings/sandboxes/reset", sandboxes.reset, ("developers:manage",)),
    ("GET", "/settings/sandboxes/delete", sandboxes.delete_form, ("developers:manage",)),
    ("POST", "/settings/sandboxes/delete", sandboxes.delete, ("developers:manage",)),
    ("GET", "/clock", clock.show_clock, (MEMBER,)),
    ("POST", "/clock", clock.advance, ("developers:manage",)),
    ("GET", "/search", search.search, (MEMBER,)),
)  # fmt: skip
"""Method, path below the organization, handler, and the permissions of which one opens it (spec 07 §3.3)."""

PARTS = {
    "/clock": "",
    "/search": "",
    "/wallet-price": "/customers",
    "/wallet/{wallet}/price": "/wallet/{wallet}/top-up",
    "/customer/{customer}/next-invoices": "/customer/{customer}",
    "/fee/{fee}/explain": "/invoices",
    "/subscription/{subscription}/charge/{charge}/explain": "/subscription/{subscription}/usage",
    "/invoice/{invoice}/fees/{fee}": "/invoice/{invoice}",
    "/invoice/{invoice}/metadata": "/invoice/{invoice}#metadata",
    "/invoice/{invoice}/payments/create": "/invoice/{invoice}#record-payment",
    "/invoice/{invoice}/send": "/invoice/{invoice}#send",
    "/credit-note/{credit_note}/metadata": "/credit-note/{credit_note}#metadata",
    "/credit-note/{credit_note}/send": "/credit-note/{credit_note}#send",
}
"""Of ``PAGES``: addresses that answer with a part of a page, and that page with the dialog in which the part stands."""

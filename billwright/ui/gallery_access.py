"""Samples of the pages of access, settings, developers, discounts and analytics for the gallery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.billing.access.permissions import API_RESOURCES, all_api_permissions
from billwright.ui import formatting
from billwright.ui.filters import read_filters
from billwright.ui.gallery_samples import API, BASE, CHANGES, DEVELOPER_TABS, calls, frame, page, revenue, uid
from billwright.ui.views.activity_changes import change_lines
from billwright.ui.views.activity_logs import FILTERS as ACTIVITY_FILTERS
from billwright.ui.views.aggregator_trials import SAMPLES, SOURCE
from billwright.ui.views.api_logs import FILTERS as API_LOG_FILTERS
from billwright.ui.views.api_logs import tone
from billwright.ui.views.metric_facts import AGGREGATIONS
from billwright.ui.views.metric_forms import EXAMPLES
from billwright.ui.views.payments import FILTERS as PAYMENT_FILTERS
from billwright.ui.views.public import ROLES
from billwright.ui.views.webhooks import FILTERS as WEBHOOK_FILTERS

Data = dict[str, Any]
TOKEN = "f" * 64
AT = "2024-01-15T23:30:00Z"
_CURRENCIES = [{"value": code, "label": code} for code in ("EUR", "USD")]


class Errors(dict[str, Any]):
    """No field has an error."""

    def __missing__(self, key: str) -> None:
        return None


def settings_page(current: str, title: str, **more: Any) -> Data:
    tabs = [
        {"label": label, "href": f"{BASE}/settings/{label.lower()}", "current": label == current}
        for label in ("General", "Invoices", "E-mails", "Taxes", "Members", "Authentication", "Sandboxes")
    ]
    return {"title": title, "frame": frame("settings"), "tabs": tabs, "errors": Errors(), "error": None,
            "may_change": True, **more}  # fmt: skip


def _public(title: str, **more: Any) -> Data:
    return {
        "title": title,
        "csrf_token": TOKEN,
        "errors": Errors(),
        "error": None,
        "email": "ann@acme.example",
        **more,
    }


def _form(title: str, active: str, back: str, **more: Any) -> Data:
    return {"title": title, "heading": title, "frame": frame(active), "action": "#", "back": back, "submit": "Save",
            "is_new": True, "errors": Errors(), "error": None, **more}  # fmt: skip


def sign_up() -> Data:
    return {**_public("Create an organization", organization="", google=True), "error": "This address has an account."}


def invitation() -> Data:
    return _public("Join Acme", organization="Acme", roles="Account manager", methods=["email_password", "okta"],
                   google=True, token=uid(1), logged_in=False, action="#")  # fmt: skip


def general() -> Data:
    names = (
        "name slug timezone legal_name legal_number tax_identification_number email address_line1 address_line2 zipcode"
    )
    values = {**dict.fromkeys([*names.split(), "city", "state", "country"], ""), "name": "Acme", "slug": "acme",
              "timezone": "Europe/Paris", "country": "FR"}  # fmt: skip
    zones = [{"value": "Europe/Paris", "label": "Europe/Paris (UTC+01:00)"}]
    countries = [{"value": "FR", "label": "France"}]
    logo = {"url": "/static/favicon.svg", "error": "The image is larger than 800 KB."}
    return settings_page("General", "General", values=values, timezones=zones, countries=countries, logo=logo)


def invoices() -> Data:
    values = {"currency": "EUR", "locale": "fr", "term": "30", "grace_period": "3", "empty_invoices": "yes",
              "numbering": "per_customer", "prefix": "ACM-1", "footer": "Merci"}  # fmt: skip
    return settings_page(
        "Invoices", "Invoices", values=values, currencies=_CURRENCIES, locales=[{"value": "fr", "label": "French"}],
        numbering=[{"value": "per_customer", "label": "Each customer has numbers of its own"}],
        yes_no=[{"value": "yes", "label": "Issue them"}], preview="ACM-1-001-001",
    )  # fmt: skip


def choices(*, asks: bool = False) -> Data:
    rows = [{"value": "email_password", "label": "E-mail and password", "hint": "Members log in by it.", "on": True},
            {"value": "google_oauth", "label": "Google", "hint": "Members log in by it.", "on": False}]  # fmt: skip
    further = {"label": "Okta", "href": f"{BASE}/settings/authentication/okta", "state": "not connected"}
    return settings_page("Authentication", "Authentication", intro="How members may log in.", choices=rows, action="#",
                     further=further, confirm={"names": "Passwords", "several": False, "chosen": ["google_oauth"],
                                               "nobody_left": True} if asks else None)  # fmt: skip


def members(url: str) -> Data:
    people = [
        ("admin@acme.example", ["admin"], True),
        ("a.long.address.of.somebody@department.acme.example", ["finance"], False),
    ]
    return settings_page(
        "Members", "Members", search="", filtered=False, page=page(2, url), roles=ROLES,
        quick=[{"label": "All", "href": "#", "current": True, "count": None}],
        members=[{"id": uid(at), "email": email, "roles": roles, "shown": ", ".join(ROLES[role] for role in roles),
                  "since": AT, "me": me, "last_admin": me} for at, (email, roles, me) in enumerate(people)],
        invites=[{"id": uid(9), "email": "guest@acme.example", "roles": ["manager"], "shown": "Account manager",
                  "since": AT, "link": "https://app.example/invitation/x"}],
        can={"invite": True, "edit": True, "remove": True}, invited={"email": "", "roles": ["manager"]},
    )  # fmt: skip


def okta() -> Data:
    values = {"domain": "acme.example", "organization_name": "acme", "host": "", "client_id": "x", "default_role": ""}
    masked = "••••••••…xyz"
    return settings_page("Authentication", "Okta", values=values, secret=masked, roles=[{"value": "", "label": "None"}],
                     callback="https://app.example/auth/okta/callback")  # fmt: skip


def taxes(url: str) -> Data:
    rows = [
        ("VAT 20 %", "vat_20", "20%", True, False),
        ("EU reverse charge", "lago_eu_reverse_charge", "0%", False, True),
    ]
    return settings_page(
        "Taxes", "Taxes", search="", page=page(2, url), can={"change": True}, eu=True,
        taxes=[{"id": uid(at), "href": "#", "name": name, "code": code, "rate": rate, "default": default,
                "automatic": automatic, "used": 3, "customers": 1}
               for at, (name, code, rate, default, automatic) in enumerate(rows)],
    )  # fmt: skip


def tax_form() -> Data:
    values = {"name": "VAT", "code": "vat", "rate": "20", "description": "", "default": "yes"}
    return {**_form("VAT", "settings", f"{BASE}/settings/taxes", values=values, customers=2), "is_new": False}


def keys() -> Data:
    rows = [("Unnamed", "Everything", None), ("CI", "Reads 3 resources", AT)]
    return {
        "title": "API keys", "frame": frame("developers"), "tabs": DEVELOPER_TABS,
        "keys": [{"id": uid(at), "name": name, "value": "••••••••9f2", "scope": scope, "created_at": AT,
                  "last_used_at": ends, "expires_at": ends, "deletable": bool(ends)}
                 for at, (name, scope, ends) in enumerate(rows)],
        "overlaps": [{"value": "now", "label": "Immediately"}, {"value": "24h", "label": "In 24 hours"}],
        "shown": {"name": "CI", "value": uid(3)}, "organization": {"id": uid(2), "masked": "••••••••d02"},
    }  # fmt: skip


def key_form() -> Data:
    known = all_api_permissions()
    resources = [
        {"name": name.replace("_", " ").capitalize(), "key": name,
         "modes": [{"mode": mode, "known": mode in known[name], "on": mode == "read"} for mode in ("read", "write")]}
        for name in API_RESOURCES
    ]  # fmt: skip
    return _form(
        "New API key",
        "developers",
        f"{BASE}/developers/keys",
        name="",
        resources=resources,
        key={"value": "••••••••9f2", "last_used_at": AT},
    )


def webhooks(url: str) -> Data:
    return {
        "title": "Webhooks", "frame": frame("developers"), "tabs": DEVELOPER_TABS, "search": "", "filtered": False, "full": False,
        "page": page(1, url), "hmac": {"value": uid(4), "masked": "••••••••d04"},
        "endpoints": [{"id": uid(1), "href": f"{BASE}/developers/webhooks/1", "name": "Books", "types": "All types",
                       "url": "https://hooks.example.com/a/long/path/that/does/not/fit/anywhere", "signature": "jwt",
                       "created_at": AT}],
    }  # fmt: skip


def webhook_form() -> Data:
    return _form("New webhook", "developers", f"{BASE}/developers/webhooks",
                 values={"url": "", "name": "", "signature": "jwt"}, all=True, hmac={"value": uid(4), "masked": "••••••••d04"},
                 groups=[{"name": "Invoice", "types": [{"name": "invoice.created", "on": True}]}])  # fmt: skip


def webhook(url: str) -> Data:
    rows = [("invoice.created", "succeeded", 200, 0), ("customer.updated", "failed", None, 3)]
    return {
        "title": "Books", "frame": frame("developers"), "search": "", "filtered": False, "page": page(2, url), "waiting": False,
        "filters": read_filters(f"{BASE}/developers/webhooks/1?answer=5xx", WEBHOOK_FILTERS).bar,
        "endpoint": {"id": uid(1), "href": f"{BASE}/developers/webhooks/1", "name": "Books", "url": "https://hooks.example.com/in",
                     "types": "All types", "signature": "hmac"},
        "quick": [{"label": "All", "href": "#", "current": True, "count": None}],
        "deliveries": [{"id": uid(at), "href": "#", "type": kind, "object": f"invoice {uid(7)}", "status": status,
                        "answer": answer, "retries": retries, "at": AT}
                       for at, (kind, status, answer, retries) in enumerate(rows)],
    }  # fmt: skip


def delivery() -> Data:
    return {
        "title": "invoice.created", "frame": frame("developers"), "back": f"{BASE}/developers/webhooks/1", "retry": "#",
        "delivery": {"id": uid(2), "type": "invoice.created", "status": "failed", "retries": 3, "answer": 503,
                     "endpoint": "https://hooks.example.com/in", "payload": '{\n  "webhook_type": "invoice.created"\n}',
                     "response": "busy", "created_at": AT, "updated_at": AT, "next_at": None},
    }  # fmt: skip


def api_logs(url: str, *, empty: bool = False) -> Data:
    rows = [("POST", "/customers", 200), ("PUT", "/plans/a_plan_with_a_long_code_of_somebody/charges/calls", 422),
            ("DELETE", "/subscriptions/sub_1", 404), ("POST", "/invoices", 500)]  # fmt: skip
    return {
        "title": "API logs", "frame": frame("developers"), "tabs": DEVELOPER_TABS, "search": "",
        "path": f"{BASE}/developers/api-logs", "filters": read_filters(url, API_LOG_FILTERS).bar, "filtered": False,
        "page": page(4, url), "sample": formatting.curl("POST", f"{API}/taxes", {"tax": {"code": "vat"}}),
        "logs": [] if empty else [
            {"href": f"{BASE}/developers/api-log", "method": method, "path": path, "status": status,
             "tone": tone(status), "client": "Lago Python v1.55", "at": AT} for method, path, status in rows],
        "api": calls("GET", "/api_logs", "query ApiLogs {\n  apiLogs { collection { id } }\n}"),
    }  # fmt: skip


def api_log() -> Data:
    sent = {"subscription": {"plan_code": "scale", "secret_key": "[FILTERED]"}}
    answer = {"status": 422, "error": "Unprocessable Entity", "code": "validation_errors"}
    return {
        "title": "POST /api/v1/subscriptions", "frame": frame("developers"), "back": f"{BASE}/developers/api-logs",
        "log": {"request_id": uid(5), "api_key_id": uid(6), "method": "POST", "path": "/api/v1/subscriptions",
                "origin": "https://api.example", "status": 422, "tone": "warning", "client": "Lago Python v1.55",
                "version": "v1", "at": AT, "request": {"text": formatting.json_text(sent), "cut": False},
                "response": {"text": formatting.json_text(answer), "cut": True}},
        "api": calls("GET", "/api_logs/1", "query ApiLog {\n  apiLog { id }\n}"),
    }  # fmt: skip


def activity_logs(url: str, *, empty: bool = False) -> Data:
    rows = [("Plan updated", "Scale with a long name that somebody gave it", "anna@acme.example"),
            ("Invoice created", "ACM-2041-001-007", "Billwright"), ("API key created", "Backend", "API key ••••••••3f1")]  # fmt: skip
    return {
        "title": "Activity logs", "frame": frame("developers"), "tabs": DEVELOPER_TABS, "search": "",
        "path": f"{BASE}/developers/activity-logs", "filters": read_filters(url, ACTIVITY_FILTERS).bar,
        "filtered": False, "page": page(3, url), "sample": formatting.curl("GET", f"{API}/activity_logs"),
        "logs": [] if empty else [
            {"href": f"{BASE}/developers/activity-log", "what": what, "object": name, "by": by, "at": AT}
            for what, name, by in rows],
        "api": calls("GET", "/activity_logs", "query ActivityLogs {\n  activityLogs { collection { activityId } }\n}"),
    }  # fmt: skip


def activity_log() -> Data:
    charge = {"code": "calls", "charge_model": "standard", "properties": {"amount": "0.05"}}
    changes = {"amount_cents": [4900, 5900], "description": [None, "For growing teams"],
               "charges": [[charge], [{**charge, "properties": {"amount": "0.04"}}, {"code": "seats", "prorated": True}]]}  # fmt: skip
    return {
        "title": "Plan updated", "frame": frame("developers"), "back": f"{BASE}/developers/activity-logs",
        "log": {"id": uid(7), "type": "plan.updated", "what": "Plan updated", "name": "Scale", "by": "anna@acme.example",
                "source": "Back office", "api_key_id": None, "kind": "Plan", "resource_id": uid(8),
                "href": f"{BASE}/plan/1", "more": f"{BASE}/developers/activity-logs", "customer": None,
                "subscription": None, "at": AT, "before": False, "changes": change_lines(changes),
                "object": formatting.json_text({"code": "scale", "amount_cents": 5900})},
        "api": calls("GET", "/activity_logs/1", "query ActivityLog {\n  activityLog { activityId }\n}"),
    }  # fmt: skip


def emails(url: str) -> Data:
    return {
        "title": "E-mails", "frame": frame("developers"), "tabs": DEVELOPER_TABS, "kept": True, "page": page(1, url),
        "emails": [{"id": uid(1), "subject": "Acme: API key created", "to": "admin@acme.example", "status": "kept",
                    "error": None, "at": AT, "attachment": "invoice-ACM-1.pdf", "text": "A new API key was created.\n"}],
    }  # fmt: skip


def payments(url: str) -> Data:
    return {
        "title": "Payments", "frame": frame("payments"), "search": "", "filters": read_filters(url, PAYMENT_FILTERS).bar,
        "filtered": False, "page": page(1, url),
        "payments": [{"id": uid(1), "status": "succeeded", "invoices": [{"number": "ACM-001-003", "href": "#"}],
                      "customer": {"name": "Acme Corporation", "href": "#"}, "reference": "Bank transfer 42",
                      "method": "Recorded by hand", "href": f"{BASE}/payment/1", "amount_cents": 12_000, "currency": "USD", "at": AT}],
        "api": calls("GET", "/payments", "query Payments {\n  payments { collection { id } }\n}"),
    }  # fmt: skip


def coupons(url: str) -> Data:
    return {
        "title": "Coupons", "frame": frame("coupons"), "search": "", "filtered": False, "can": CHANGES, "page": page(1, url),
        "quick": [{"label": "All", "href": "#", "current": True, "count": None}],
        "coupons": [{"id": uid(1), "href": f"{BASE}/coupon/1", "name": "Welcome", "code": "welcome", "status": "active",
                     "caption": "10% off during 3 invoices", "customers": 12, "until": None}],
        "api": calls("POST", "/coupons", "query Coupons {\n  coupons { collection { id code } }\n}", {"coupon": {}}),
    }  # fmt: skip


def coupon(url: str) -> Data:
    return {
        "title": "Welcome", "frame": frame("coupons"), "page": page(1, url),
        "coupon": {"id": uid(1), "href": f"{BASE}/coupon/1", "name": "Welcome", "code": "welcome", "description": "For the fair",
                   "status": "active", "caption": "10% off during 3 invoices", "in_force": 3, "until": AT, "created_at": AT, "ended_at": None,
                   "reusable": True, "limits": [{"href": "#", "name": "Scale"}]},
        "applied": [{"id": uid(2), "status": "active", "customer": "Acme Corporation", "href": "#", "left": "2 invoices",
                     "caption": "10% off during 3 invoices", "at": AT}],
        "can": {"edit": True, "end": True, "delete": True, "detach": True},
        "api": calls("GET", "/coupons/welcome", "query Coupon {\n  coupon(id: 1) { code }\n}"),
    }  # fmt: skip


def coupon_form() -> Data:
    names = "name code description type amount currency rate frequency duration until reusable plans metrics"
    values = {**dict.fromkeys(names.split(), ""), "type": "percentage", "frequency": "recurring", "currency": "EUR"}
    return _form("New coupon", "coupons", f"{BASE}/coupons", locked=False, facts=[], values=values, currencies=_CURRENCIES,
                 plans=[{"id": uid(1), "name": "Scale", "code": "scale", "on": True}], metrics=[])  # fmt: skip


def add_ons(url: str) -> Data:
    return {
        "title": "Add-ons", "frame": frame("add_ons"), "search": "", "can": CHANGES, "page": page(1, url),
        "add_ons": [{"id": uid(1), "href": f"{BASE}/add-on/1", "name": "Setup", "code": "setup", "amount_cents": 50000,
                     "currency": "USD", "customers": 4, "created_at": AT}],
        "api": calls("POST", "/add_ons", "query AddOns {\n  addOns { collection { id code } }\n}", {"add_on": {}}),
    }  # fmt: skip


def add_on() -> Data:
    return {
        "title": "Setup", "frame": frame("add_ons"), "can": {"edit": True, "delete": True},
        "add_on": {"id": uid(1), "href": f"{BASE}/add-on/1", "name": "Setup", "code": "setup", "description": "Once",
                   "facts": [{"label": "Price", "value": "$500.00"}]},
        "sample": formatting.curl("POST", API + "/invoices", {"invoice": {}}),
        "api": calls("GET", "/add_ons/setup", "query AddOn {\n  addOn(id: 1) { code }\n}"),
    }  # fmt: skip


def add_on_form() -> Data:
    values = {**dict.fromkeys("name code description display_name amount taxes".split(), ""), "currency": "EUR"}
    return _form("New add-on", "add_ons", f"{BASE}/add-ons", values=values, currencies=_CURRENCIES,
                 taxes=[{"code": "vat", "name": "VAT", "rate": "20", "on": True}])  # fmt: skip


def metric_form(*, custom: bool = False, locked: bool = False) -> Data:
    names = "name code description aggregation type field expression rounding precision interval source filters"
    kind = "custom_agg" if custom else "sum_agg"
    values = {**dict.fromkeys(names.split(), ""), "aggregation": kind, "type": "metered", "source": SOURCE}
    step = {"event": '{"gb": 4}', "units": "4", "amount": "0.4", "memo": None}
    return _form("New billable metric", "metrics", f"{BASE}/billable-metrics", fresh=True, added=False, locked=locked, plans=2, values=values,
                 aggregations=[{"value": key, "label": label} for key, label in AGGREGATIONS.items()],
                 roundings=[{"value": "", "label": "Not at all"}], facts=[{"label": "Aggregation", "value": "Custom"}],
                 filters=[("region", "eu, us"), ("", "")],
                 examples=EXAMPLES, tried=True, lost=[], trial={"payload": "{}", "value": "2", "error": None},
                 code_trial={**SAMPLES, "steps": [step, {**step, "memo": "[1]"}], "tried": True, "error": None,
                             "problems": [{"line": 3, "message": "Import is not allowed"}]})  # fmt: skip


def dashboard() -> Data:
    def figure(total: int) -> Data:
        return {"total_cents": total, "note": "across 12 invoices", "chart": revenue(), "empty": False, "href": "#"}

    return {
        "title": "Analytics", "frame": frame("analytics"), "currency": "USD",
        "currencies": [{"label": "USD", "href": "#", "current": True, "default": True}],
        "periods": [{"label": "12 months", "href": "#", "current": True}, {"label": "3 months", "href": "#", "current": False}],
        "revenue": figure(7_340_000), "overdue": {**figure(0), "empty": True}, "recurring": figure(941_055),
        "daily": figure(12_345),
        "usage": {"total_cents": 900, "empty": False, "parts": [
            {"label": "search_requests", "amount_cents": 600, "percent": 66.7, "shown": "search_requests: $6.00"},
            {"label": "Others", "amount_cents": 300, "percent": 33.3, "shown": "Others: $3.00"}]},
        "collections": {**figure(1_200), "parts": [
            {"label": "Paid", "amount_cents": 5_000, "count": 4, "href": "#"},
            {"label": "Pending", "amount_cents": 1_200, "count": 1, "href": "#"}]},
    }  # fmt: skip


ACCESS_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/sign-up": ("Sign up", "public/sign_up.html", lambda url: sign_up()),
    "/sign-up/google": ("Sign up by Google", "public/google.html", lambda url: _public("Create", organization="")),
    "/forgot-password": ("Forgot password", "public/forgot.html", lambda url: _public("Forgot", done=False)),
    "/reset-password": ("New password", "public/reset.html", lambda url: _public("New password", action="#")),
    "/invitation": ("Invitation", "public/invitation.html", lambda url: invitation()),
    "/login/okta": ("Okta", "public/okta.html", lambda url: {**_public("Okta"), "token": "", "next": ""}),
    "/acme/analytics": ("Analytics", "analytics/dashboard.html", lambda url: dashboard()),
    "/acme/create/billable-metric": ("New metric", "catalogue/metric_form.html", lambda url: metric_form()),
    "/acme/create/billable-metric/custom": (
        "New metric, code",
        "catalogue/metric_form.html",
        lambda url: metric_form(custom=True),
    ),
    "/acme/billable-metric/1/edit": (
        "Edit a metric in use",
        "catalogue/metric_form.html",
        lambda url: metric_form(custom=True, locked=True),
    ),
    "/acme/coupons": ("Coupons", "discounts/coupons.html", coupons),
    "/acme/coupon/1": ("Coupon", "discounts/coupon.html", coupon),
    "/acme/create/coupon": ("New coupon", "discounts/coupon_form.html", lambda url: coupon_form()),
    "/acme/add-ons": ("Add-ons", "discounts/add_ons.html", add_ons),
    "/acme/add-on/1": ("Add-on", "discounts/add_on.html", lambda url: add_on()),
    "/acme/create/add-on": ("New add-on", "discounts/add_on_form.html", lambda url: add_on_form()),
    "/acme/payments": ("Payments", "payments/list.html", payments),
    "/acme/settings/general": ("Settings", "settings/general.html", lambda url: general()),
    "/acme/settings/invoices": ("Settings, invoices", "settings/invoices.html", lambda url: invoices()),
    "/acme/settings/authentication": ("Settings, log in", "settings/choices.html", lambda url: choices()),
    "/acme/settings/authentication/disable": (
        "Settings, log in, disabling",
        "settings/choices.html",
        lambda url: choices(asks=True),
    ),
    "/acme/settings/members": ("Members", "settings/members.html", members),
    "/acme/settings/authentication/okta": ("Okta connection", "settings/okta.html", lambda url: okta()),
    "/acme/settings/taxes": ("Taxes", "settings/taxes.html", taxes),
    "/acme/settings/taxes/1": ("Tax", "settings/tax_form.html", lambda url: tax_form()),
    "/acme/developers/keys": ("API keys", "developers/keys.html", lambda url: keys()),
    "/acme/developers/keys/new": ("New API key", "developers/key_form.html", lambda url: key_form()),
    "/acme/developers/webhooks": ("Webhooks", "developers/webhooks.html", webhooks),
    "/acme/developers/webhooks/new": ("New webhook", "developers/webhook_form.html", lambda url: webhook_form()),
    "/acme/developers/webhooks/1": ("Webhook", "developers/webhook.html", webhook),
    "/acme/developers/webhooks/1/log": ("Delivery", "developers/delivery.html", lambda url: delivery()),
    "/acme/developers/api-logs": ("API logs", "developers/api_logs.html", api_logs),
    "/acme/developers/api-logs/empty": (
        "API logs, none",
        "developers/api_logs.html",
        lambda url: api_logs(url, empty=True),
    ),
    "/acme/developers/api-log": ("API log", "developers/api_log.html", lambda url: api_log()),
    "/acme/developers/activity-logs": ("Activity logs", "developers/activity_logs.html", activity_logs),
    "/acme/developers/activity-logs/empty": (
        "Activity logs, none",
        "developers/activity_logs.html",
        lambda url: activity_logs(url, empty=True),
    ),
    "/acme/developers/activity-log": ("Activity log", "developers/activity_log.html", lambda url: activity_log()),
    "/acme/developers/emails": ("E-mails", "developers/emails.html", emails),
}
"""Address -> (label, template, context of an address), as in ``gallery.PAGES``."""

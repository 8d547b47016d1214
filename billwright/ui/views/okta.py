"""The Okta connection under Settings, Authentication (spec 07 §4.2, §7.10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui.views.public import ROLES
from billwright.ui.views.settings import tabs
from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words, toast_words

FIELDS = {
    "domain": "domain",
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "organizationName": "organization_name",
    "host": "host",
    "defaultRole": "default_role",
}


async def form(view: View) -> Response:
    """``GET /{slug}/settings/authentication/okta``."""
    found = (await view.ask("OktaIntegration"))["oktaIntegration"]
    values = {name: (found or {}).get(sent) or "" for sent, name in FIELDS.items()}
    return await _form(view, found, {**values, "client_secret": ""}, {})


async def save(view: View) -> Response:
    """``POST /{slug}/settings/authentication/okta``."""
    found = (await view.ask("OktaIntegration"))["oktaIntegration"]
    values = {name: view.posted(name) for name in FIELDS.values()}
    sent: dict[str, Any] = {key: values[name] or None for key, name in FIELDS.items()}
    for key in ("domain", "clientId", "organizationName", "clientSecret"):
        sent[key] = sent[key] or ""
    if found and not sent["clientSecret"]:
        del sent["clientSecret"]
    outcome = await view.change("UpdateOktaIntegration" if found else "CreateOktaIntegration", **sent)
    if not outcome.ok:
        return await _form(view, found, values, outcome.fields, outcome.code)
    words = "Saved" if found else "Okta is connected: members may log in with it"
    return view.redirect(f"{view.base}/settings/authentication", ("positive", words))


async def delete(view: View) -> Response:
    """``POST /{slug}/settings/authentication/okta/delete``."""
    outcome = await view.change("DestroyOktaIntegration")
    toast = (
        ("positive", "The connection is gone")
        if outcome.ok
        else ("negative", toast_words(outcome.code, outcome.fields))
    )
    return view.redirect(f"{view.base}/settings/authentication", toast)


async def _form(
    view: View,
    found: Mapping[str, Any] | None,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    code: str | None = None,
) -> Response:
    errors = field_errors(fields)
    content = {
        "title": "Okta · Settings",
        "url": view.url,
        "tabs": tabs(view, "authentication"),
        "values": values,
        "secret": found["clientSecret"] if found else None,
        "callback": f"{view.settings.app_url}/auth/okta/callback",
        "roles": [{"value": "", "label": "None: an admin gives it"}]
        + [{"value": code, "label": label} for code, label in ROLES.items()],
        "errors": {name: errors.get(sent) for sent, name in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in FIELDS), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("settings/okta.html", "settings", content, status_code=422 if code else 200)

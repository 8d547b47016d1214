"""Sandboxes under Settings: the person's own, making one, resetting and deleting one (spec 07 §7.10, 09 §1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui.views.settings import tabs
from billwright.ui.views.support import Refused, View, load_frame
from billwright.ui.views.when import local_instant
from billwright.ui.views.words import field_errors, in_words

Data = Mapping[str, Any]
ADMIN = "admin"
FIELDS = {
    "name": "name",
    "clock": "clock",
    "copyCatalogueFromOrganizationId": "source",
    "confirmName": "confirm",
}
ZONE = "UTC"
"""Of the clock that is typed: a new organization is in UTC."""


async def _memberships(view: View) -> list[Data]:
    found: list[Data] = (await view.ask("SandboxList"))["currentUser"]["memberships"]
    return found


async def sandbox_list(view: View) -> Response:
    """``GET /{slug}/settings/sandboxes``."""
    mine = [item for item in await _memberships(view) if item["organization"]["kind"] == "sandbox"]
    content = {
        "title": "Sandboxes · Settings",
        "url": view.url,
        "tabs": tabs(view, "sandboxes"),
        "sandboxes": [
            {
                "id": item["organization"]["id"],
                "name": item["organization"]["name"],
                "slug": item["organization"]["slug"],
                "href": f"/{item['organization']['slug']}",
                "now": item["organization"]["clockNow"],
                "here": item["organization"]["slug"] == view.slug,
                "open": item["accessibleByCurrentSession"],
                "admin": ADMIN in item["roles"] and item["accessibleByCurrentSession"],
            }
            for item in mine
        ],
        "api": view.api("CreateSandboxOrganization", "GET", "/test_clock"),
    }
    return await view.page("settings/sandboxes.html", "settings", content)


async def new_sandbox(view: View) -> Response:
    """``GET /{slug}/settings/sandboxes/new``."""
    return await _form(view, {"name": "", "clock": "", "source": view.query("source")}, {})


async def create(view: View) -> Response:
    """``POST /{slug}/settings/sandboxes``: make it, and open it."""
    values = {name: view.posted(name) for name in ("name", "clock", "source")}
    clock = local_instant(values["clock"], ZONE) if values["clock"] else None
    if values["clock"] and clock is None:
        return await _form(view, values, {"clock": ["invalid_date"]}, "invalid_date")
    outcome = await view.change(
        "CreateSandboxOrganization",
        name=values["name"],
        clock=clock,
        copyCatalogueFromOrganizationId=values["source"] or None,
    )
    if not outcome.ok:
        return await _form(view, values, outcome.fields, outcome.code)
    made = outcome.data["createSandboxOrganization"]
    words = f"{made['name']} is ready. You are its admin."
    return view.redirect(f"/{made['slug']}/settings/sandboxes", ("positive", words))


async def _form(
    view: View, values: Mapping[str, str], fields: Mapping[str, list[str]], code: str | None = None
) -> Response:
    errors = field_errors(fields)
    sources = [
        {"value": item["organization"]["id"], "label": f"The catalogue of {item['organization']['name']}"}
        for item in await _memberships(view)
        if ADMIN in item["roles"] and item["accessibleByCurrentSession"]
    ]
    content = {
        "title": "New sandbox",
        "url": view.url,
        "action": f"{view.base}/settings/sandboxes",
        "back": f"{view.base}/settings/sandboxes",
        "values": values,
        "sources": [{"value": "", "label": "Empty"}, *sources],
        "errors": {form: errors.get(name) for name, form in FIELDS.items()},
        "error": next((text for name, text in errors.items() if name not in FIELDS), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("settings/sandbox_form.html", "settings", content, status_code=422 if code else 200)


# --- resetting and deleting, from inside the sandbox ----------------------------------------------------------------


async def reset_form(view: View) -> Response:
    """``GET /{slug}/settings/sandboxes/reset``."""
    return await _ending(view, {"confirm": "", "clock": ""}, {})


async def delete_form(view: View) -> Response:
    """``GET /{slug}/settings/sandboxes/delete``."""
    return await _ending(view, {"confirm": "", "clock": ""}, {}, delete=True)


async def reset(view: View) -> Response:
    """``POST /{slug}/settings/sandboxes/reset``."""
    values = {name: view.posted(name) for name in ("confirm", "clock")}
    clock = local_instant(values["clock"], ZONE) if values["clock"] else None
    if values["clock"] and clock is None:
        return await _ending(view, values, {"clock": ["invalid_date"]}, "invalid_date")
    outcome = await view.change("ResetSandboxOrganization", confirmName=values["confirm"], clock=clock)
    if not outcome.ok:
        return await _ending(view, values, outcome.fields, outcome.code)
    name = outcome.data["resetSandboxOrganization"]["name"]
    return view.redirect(f"{view.base}/settings/sandboxes", ("positive", f"{name} is empty again"))


async def delete(view: View) -> Response:
    """``POST /{slug}/settings/sandboxes/delete``."""
    values = {"confirm": view.posted("confirm"), "clock": ""}
    outcome = await view.change("DestroySandboxOrganization", confirmName=values["confirm"])
    if not outcome.ok:
        return await _ending(view, values, outcome.fields, outcome.code, delete=True)
    return view.redirect("/", ("positive", "Sandbox deleted"))


async def _ending(
    view: View,
    values: Mapping[str, str],
    fields: Mapping[str, list[str]],
    code: str | None = None,
    *,
    delete: bool = False,
) -> Response:
    organization = (await load_frame(view))["organization"]
    if organization["kind"] != "sandbox":
        raise Refused(404, "not_a_sandbox")
    found = (await view.ask("SandboxContents"))["sandboxContents"]
    errors = field_errors(fields)
    heading = f"Delete {organization['name']}?" if delete else f"Reset {organization['name']}?"
    content = {
        "title": heading,
        "heading": heading,
        "url": view.url,
        "action": view.request.url.path,
        "back": f"{view.base}/settings/sandboxes",
        "delete": delete,
        "name": organization["name"],
        "figures": [
            {"label": label, "value": f"{found[key]:,}"}
            for label, key in (
                ("Customers", "customersCount"),
                ("Subscriptions", "subscriptionsCount"),
                ("Invoices", "invoicesCount"),
            )
        ],
        "values": values,
        "errors": {"confirm": errors.get("confirmName"), "clock": errors.get("clock")},
        "error": in_words(code) if code and not errors else None,
    }
    return await view.page("settings/sandbox_end.html", "settings", content, status_code=422 if code else 200)

"""API keys under Developers (spec 07 §2, §7.9): a value is shown once, in the answer that makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from billwright.billing.access.permissions import API_RESOURCES, all_api_permissions
from billwright.billing.kernel.clock import iso_ms, system_now
from billwright.ui import shown_once
from billwright.ui.views.developers import tabs
from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words, toast_words

OVERLAPS = (
    ("now", "Immediately", timedelta(0)),
    ("1h", "In 1 hour", timedelta(hours=1)),
    ("24h", "In 24 hours", timedelta(hours=24)),
    ("48h", "In 48 hours", timedelta(hours=48)),
    ("7d", "In 7 days", timedelta(days=7)),
)
"""When the old key stops working after a rotation."""
_ALL = all_api_permissions()
_RESOURCE_NAMES = {
    "add_on": "Add-on",
    "analytic": "Analytics",
    "api_log": "API log",
    "webhook_jwt_public_key": "Public key of webhooks",
}
"""Resources whose key does not read well."""


async def key_list(view: View) -> Response:
    """``GET /{slug}/developers/keys``; ``made`` names the key that was just made: its value is shown, once."""
    return await _keys(view)


async def _just_made(view: View, keys: Sequence[Mapping[str, Any]]) -> dict[str, str] | None:
    """Name and value of the new key that the address names, unless they were seen already."""
    made = next((key for key in keys if key["id"] == view.query("made")), None)
    value = await shown_once.take(view, made["id"]) if made and view.request.method == "GET" else None
    return {"name": made["name"], "value": value} if made and value else None


async def _off_to_the_list(view: View, made: Mapping[str, Any]) -> Response:
    """To the list, which shows the value; here and now if nothing keeps it until then."""
    if await shown_once.keep(view, made["id"], made["value"]):
        return view.redirect(f"{view.base}/developers/keys?made={made['id']}")
    return await _keys(view, made)


async def _keys(view: View, shown: Mapping[str, Any] | None = None) -> Response:
    data = await view.ask("ApiKeyList")
    keys = data["apiKeys"]["collection"]
    lasting = sum(key["expiresAt"] is None for key in keys)
    shown = shown or await _just_made(view, keys)
    content = {
        "title": "API keys",
        "url": f"{view.base}/developers/keys",
        "tabs": tabs(view, "keys"),
        "keys": [
            {
                "id": key["id"],
                "name": key["name"] or "Unnamed",
                "value": key["value"],
                "scope": _scope(key["permissions"]),
                "created_at": key["createdAt"],
                "last_used_at": key["lastUsedAt"],
                "expires_at": key["expiresAt"],
                "deletable": lasting - (key["expiresAt"] is None) > 0,
            }
            for key in keys
        ],
        "organization": {"id": data["organization"]["id"], "masked": masked(data["organization"]["id"])},
        "overlaps": [{"value": value, "label": label} for value, label, _ in OVERLAPS],
        "shown": shown,
    }
    response = await view.page("developers/keys.html", "developers", content)
    if shown:
        response.headers["Cache-Control"] = "no-store"
    return response


def masked(value: str) -> str:
    """All but the last three characters hidden, as keys are shown."""
    return f"{'•' * 8}{value[-3:]}"


def _scope(permissions: Mapping[str, list[str]]) -> str:
    """What a key may do, in a few words."""
    granted = {name: modes for name, modes in permissions.items() if modes}
    if all(set(granted.get(name, ())) >= set(modes) for name, modes in _ALL.items()):
        return "Everything"
    if granted and all(modes == ["read"] for modes in granted.values()):
        return "Reads everything" if set(granted) >= set(_ALL) else f"Reads {_count(granted)}"
    return f"{_count(granted)}" if granted else "Nothing"


def _count(granted: Mapping[str, Any]) -> str:
    return f"{len(granted)} resource{'' if len(granted) == 1 else 's'}"


async def new_key(view: View) -> Response:
    """``GET /{slug}/developers/keys/new``."""
    return await _form(view, None, "", _ALL, {})


async def edit_key(view: View) -> Response:
    """``GET /{slug}/developers/keys/{id}``."""
    key = (await view.ask("ApiKeyPage", id=view.path("key")))["apiKey"]
    return await _form(view, key, key["name"] or "", key["permissions"], {})


async def create(view: View) -> Response:
    """``POST /{slug}/developers/keys``: off to the list, with the value to be copied. A reload makes no second key."""
    permissions = _posted_permissions(view)
    outcome = await view.change("CreateApiKey", name=view.posted("name") or None, permissions=permissions)
    if not outcome.ok:
        return await _form(view, None, view.posted("name"), permissions, outcome.fields, outcome.code)
    return await _off_to_the_list(view, outcome.data["createApiKey"])


async def change(view: View) -> Response:
    """``POST /{slug}/developers/keys/{id}``."""
    key = (await view.ask("ApiKeyPage", id=view.path("key")))["apiKey"]
    permissions = _posted_permissions(view)
    outcome = await view.change("UpdateApiKey", id=key["id"], name=view.posted("name") or None, permissions=permissions)
    if not outcome.ok:
        return await _form(view, key, view.posted("name"), permissions, outcome.fields, outcome.code)
    return view.redirect(f"{view.base}/developers/keys", ("positive", "Saved"))


async def rotate(view: View) -> Response:
    """``POST /{slug}/developers/keys/{id}/rotate``: off to the list, with the new value to be copied."""
    wait = next((delta for value, _, delta in OVERLAPS if value == view.posted("overlap")), timedelta(0))
    until = {"expiresAt": iso_ms(system_now() + wait)} if wait else {}
    outcome = await view.change("RotateApiKey", id=view.path("key"), **until)
    if not outcome.ok:
        return view.redirect(f"{view.base}/developers/keys", ("negative", toast_words(outcome.code, outcome.fields)))
    return await _off_to_the_list(view, outcome.data["rotateApiKey"])


async def delete(view: View) -> Response:
    """``POST /{slug}/developers/keys/{id}/delete``."""
    outcome = await view.change("DestroyApiKey", id=view.path("key"))
    toast = ("positive", "Key deleted") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(f"{view.base}/developers/keys", toast)


def _posted_permissions(view: View) -> dict[str, list[str]]:
    sent = {str(value) for value in view.form.getlist("permission")}
    found = {name: [mode for mode in modes if f"{name}:{mode}" in sent] for name, modes in _ALL.items()}
    return {name: modes for name, modes in found.items() if modes}


async def _form(
    view: View,
    key: Mapping[str, Any] | None,
    name: str,
    permissions: Mapping[str, list[str]],
    fields: Mapping[str, list[str]],
    code: str | None = None,
) -> Response:
    errors = field_errors(fields)
    content = {
        "title": "Edit API key" if key else "New API key",
        "url": view.url,
        "heading": (key["name"] or "Unnamed key") if key else "New API key",
        "action": f"{view.base}/developers/keys" + (f"/{key['id']}" if key else ""),
        "back": f"{view.base}/developers/keys",
        "submit": "Save" if key else "Create key",
        "name": name,
        "key": {"value": key["value"], "last_used_at": key["lastUsedAt"]} if key else None,
        "resources": [
            {
                "name": _RESOURCE_NAMES.get(resource, resource.replace("_", " ").capitalize()),
                "key": resource,
                "modes": [
                    {"mode": mode, "known": mode in _ALL[resource], "on": mode in permissions.get(resource, ())}
                    for mode in ("read", "write")
                ],
            }
            for resource in API_RESOURCES
        ],
        "errors": {"name": errors.get("name"), "permissions": errors.get("permissions")},
        "error": next((text for field, text in errors.items() if field not in ("name", "permissions")), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("developers/key_form.html", "developers", content, status_code=422 if code else 200)

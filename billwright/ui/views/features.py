"""Features: list, page, form, removing privileges, deleting (spec 07 §9.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words, toast_words

Data = Mapping[str, Any]
TYPES = {"string": "Text", "integer": "Whole number", "boolean": "Yes or no", "select": "One of a list"}
_OF_PRIVILEGES = ("code", "name", "value_type", "config")


def feature_href(view: View, feature: str) -> str:
    return f"{view.base}/feature/{feature}"


def feature_name(item: Data) -> str:
    """Its name, else its code; of privileges too."""
    return item["name"] or item["code"]


async def feature_list(view: View) -> Response:
    """``GET /{slug}/features``."""
    found = (await view.ask("FeatureList", **view.paging(), searchTerm=view.search or None))["features"]
    content = {
        "title": "Features",
        "url": view.url,
        "search": view.query("search"),
        "features": [
            {
                "id": item["id"],
                "href": feature_href(view, item["id"]),
                "name": feature_name(item),
                "code": item["code"],
                "privileges": len(item["privileges"]),
                "plans": item["plansCount"],
                "created_at": item["createdAt"],
            }
            for item in found["collection"]
        ],
        "page": view.pager(found["metadata"]),
        "can": view.may_change("features"),
        "api": view.api("FeatureList", "POST", "/features", {"feature": {
            "code": "seats", "name": "Seats", "privileges": [{"code": "max", "value_type": "integer"}]}}),
    }  # fmt: skip
    return await view.page("entitlements/features.html", "features", content)


async def feature_page(view: View) -> Response:
    """``GET /{slug}/feature/{id}``: its privileges, and how to ask for what a subscription has of it."""
    item = (await view.ask("FeaturePage", id=view.path("feature")))["feature"]
    content = {
        "title": feature_name(item),
        "url": view.url,
        "feature": {
            "href": feature_href(view, item["id"]),
            "name": feature_name(item),
            "code": item["code"],
            "description": item["description"],
            "plans": item["plansCount"],
            "subscriptions": item["subscriptionsCount"],
            "facts": [
                {"label": "Plans", "value": f"{item['plansCount']:,}"},
                {"label": "Subscriptions with values of their own", "value": f"{item['subscriptionsCount']:,}"},
            ],
        },
        "privileges": [
            {
                "code": each["code"],
                "name": feature_name(each),
                "type": TYPES[each["valueType"]],
                "options": ", ".join(each["selectOptions"]),
            }
            for each in item["privileges"]
        ],
        "can": {"edit": view.may("features:update"), "delete": view.may("features:delete")},
        "api": view.api("FeaturePage", "GET", f"/features/{item['code']}"),
    }
    return await view.page("entitlements/feature.html", "features", content)


async def new_feature(view: View) -> Response:
    """``GET /{slug}/create/feature``."""
    return await _form(view, None, {"name": "", "code": "", "description": ""}, [], {})


async def edit_feature(view: View) -> Response:
    """``GET /{slug}/feature/{id}/edit``."""
    item = (await view.ask("FeaturePage", id=view.path("feature")))["feature"]
    values = {name: item[name] or "" for name in ("name", "code", "description")}
    return await _form(view, item, values, _known(item), {})


async def create(view: View) -> Response:
    """``POST /{slug}/create/feature``."""
    return await _save(view, None)


async def change(view: View) -> Response:
    """``POST /{slug}/feature/{id}/edit``."""
    return await _save(view, (await view.ask("FeaturePage", id=view.path("feature")))["feature"])


async def delete(view: View) -> Response:
    """``POST /{slug}/feature/{id}/delete``."""
    outcome = await view.change("DestroyFeature", id=view.path("feature"))
    if not outcome.ok:
        words = toast_words(outcome.code, outcome.fields)
        return view.redirect(feature_href(view, view.path("feature")), ("negative", words))
    return view.redirect(f"{view.base}/features", ("positive", "Feature deleted"))


async def remove_privilege(view: View) -> Response:
    """``POST /{slug}/feature/{id}/privilege/remove``."""
    outcome = await view.change("DestroyPrivilege", featureId=view.path("feature"), code=view.posted("code"))
    href = feature_href(view, view.path("feature"))
    if not outcome.ok:
        return view.redirect(href, ("negative", toast_words(outcome.code, outcome.fields)))
    return view.redirect(href, ("positive", "Privilege removed"))


def _known(item: Data) -> list[dict[str, Any]]:
    return [
        {
            "code": each["code"],
            "name": each["name"] or "",
            "type": each["valueType"],
            "options": ", ".join(each["selectOptions"]),
            "known": True,
        }
        for each in item["privileges"]
    ]


def _rows(view: View, item: Data | None) -> list[dict[str, Any]]:
    """The privileges that were written; rows without code and name are left out. Known ones keep their type."""
    types = {each["code"]: each["valueType"] for each in item["privileges"]} if item else {}
    columns = [
        [str(value).strip() for value in view.form.getlist(f"privilege_{name}")]
        for name in ("code", "name", "type", "options")
    ]
    return [
        {"code": code, "name": name, "type": types.get(code, kind), "options": options, "known": code in types}
        for code, name, kind, options in zip(*columns, strict=False)
        if code or name
    ]


def _new_options(row: Data, item: Data | None) -> list[str]:
    """The options written; of a known privilege those that were added behind its own, which may hold commas."""
    if row["type"] != "select":
        return []
    known = next((each for each in _known(item) if each["code"] == row["code"]), None) if item else None
    text = row["options"].removeprefix(known["options"]) if known else row["options"]
    return [part.strip() for part in text.split(",") if part.strip()]


async def _save(view: View, item: Data | None) -> Response:
    values = {name: view.posted(name) for name in ("name", "code", "description")}
    rows = _rows(view, item)
    if view.posted("do") == "add-privilege":
        return await _form(view, item, values, rows, {}, more=True)
    sent: dict[str, Any] = {
        "name": values["name"] or None,
        "description": values["description"] or None,
        "privileges": [
            {
                "code": row["code"],
                "name": row["name"] or None,
                "valueType": row["type"] if row["type"] in TYPES else "string",
                "selectOptions": _new_options(row, item),
            }
            for row in rows
        ],
    }
    if item is None:
        outcome = await view.change("CreateFeature", code=values["code"], **sent)
    else:
        outcome = await view.change("UpdateFeature", id=item["id"], **sent)
    if not outcome.ok:
        return await _form(view, item, values, rows, outcome.places, outcome.code)
    made = outcome.data["createFeature" if item is None else "updateFeature"]
    said = f"{feature_name(made)} created" if item is None else "Saved"
    return view.redirect(feature_href(view, made["id"]), ("positive", said))


async def _form(
    view: View,
    item: Data | None,
    values: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    places: Mapping[str, list[str]],
    code: str | None = None,
    *,
    more: bool = False,
) -> Response:
    errors = field_errors(places)
    empty: Data = {"code": "", "name": "", "type": "string", "options": "", "known": False}

    def error_of(at: int) -> str | None:
        return next((errors[key] for name in _OF_PRIVILEGES if (key := f"privileges.{at}.{name}") in errors), None)

    written = [*rows, *([empty] if more or not rows else [])]
    shown = [{**row, "error": error_of(at)} for at, row in enumerate(written)]
    fields = ("name", "code", "description")
    told = any(row["error"] for row in shown) or any(name in errors for name in fields)
    title = f"Edit {feature_name(item)}" if item else "New feature"
    content = {
        "title": title,
        "heading": title,
        "url": view.url,
        "action": view.request.url.path,
        "back": feature_href(view, item["id"]) if item else f"{view.base}/features",
        "submit": "Save" if item else "Create feature",
        "is_new": item is None,
        "added": more,
        "values": values,
        "privileges": shown,
        "types": [{"value": name, "label": label} for name, label in TYPES.items()],
        "errors": {name: errors.get(name) for name in fields},
        "error": None if told else next(iter(errors.values()), None) or (in_words(code) if code else None),
    }
    return await view.page("entitlements/feature_form.html", "features", content, status_code=422 if code else 200)

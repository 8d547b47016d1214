"""What plans and subscriptions are entitled to: shown, and chosen in one form (spec 07 §9.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from billwright.ui.views.features import feature_href, feature_name
from billwright.ui.views.support import Outcome, Refused, View
from billwright.ui.views.words import field_errors, in_words, toast_words

Data = Mapping[str, Any]
Chosen = dict[str, dict[str, str]]
"""Feature code -> privilege code -> value as text."""


def value_words(privilege: Data, value: str) -> str:
    """A value for people."""
    if privilege["valueType"] == "boolean":
        return "Yes" if value == "true" else "No"
    return f"{int(value):,}" if privilege["valueType"] == "integer" else value


def shown_grants(view: View, grants: Sequence[Data]) -> list[dict[str, Any]]:
    """What a plan grants, or a subscription has: features with their values. Own values show the plan's beside them."""
    return [
        {
            "code": grant["feature"]["code"],
            "name": feature_name(grant["feature"]),
            "description": grant["feature"]["description"],
            "href": feature_href(view, grant["feature"]["id"]) if view.may("features:view") else None,
            "own": not grant.get("grantedByPlan", True),
            "rows": [
                {
                    "code": item["privilege"]["code"],
                    "label": feature_name(item["privilege"]),
                    "value": value_words(item["privilege"], item["value"]),
                    "raw": item["value"],
                    "own": item.get("overrideValue") is not None,
                    "plan": value_words(item["privilege"], item["planValue"]) if item.get("planValue") else None,
                    "plan_raw": item.get("planValue"),
                }
                for item in grant["privileges"]
            ],
        }
        for grant in grants
    ]


def _values(grants: Sequence[Data], key: str = "value") -> Chosen:
    return {
        grant["feature"]["code"]: {
            item["privilege"]["code"]: item[key] for item in grant["privileges"] if item[key] is not None
        }
        for grant in grants
    }


# --- plans -----------------------------------------------------------------------------------------------------------


async def plan_form(view: View) -> Response:
    """``GET /{slug}/plan/{id}/entitlements``."""
    data = await _of_plan(view)
    return await _plan_form(view, data, _values(data["plan"]["entitlements"]))


async def save_plan(view: View) -> Response:
    """``POST /{slug}/plan/{id}/entitlements``: everything that the plan grants from now on."""
    data = await _of_plan(view)
    chosen = _posted(view, data["features"]["collection"])
    outcome = await view.change(
        "ReplacePlanEntitlements", planId=data["plan"]["id"], entitlements=_as_input(_without_blanks(chosen))
    )
    if not outcome.ok:
        return await _plan_form(view, data, chosen, outcome)
    return view.redirect(f"{view.base}/plan/{data['plan']['id']}", ("positive", "Entitlements saved"))


async def _of_plan(view: View) -> Data:
    data = await view.ask("PlanEntitlements", id=view.path("plan"))
    if data["plan"]["isOverridden"] or data["plan"]["pendingDeletion"]:
        raise Refused(404, "plan_not_found")
    return data


async def _plan_form(view: View, data: Data, chosen: Chosen, outcome: Outcome | None = None) -> Response:
    plan = data["plan"]
    count = plan["activeSubscriptionsCount"]
    note = (
        f"{count:,} active subscription{' has' if count == 1 else 's have'} it at once, except for values of their own."
    )
    content = {
        "title": f"Entitlements of {plan['name']}",
        "back": f"{view.base}/plan/{plan['id']}",
        "back_label": plan["name"],
        "note": note if count else None,
    }
    return await _form(view, "plans", content, data["features"]["collection"], chosen, {}, outcome)


# --- subscriptions ---------------------------------------------------------------------------------------------------


async def own_form(view: View) -> Response:
    """``GET /{slug}/subscription/{id}/entitlements/edit``."""
    data = await view.ask("SubscriptionEntitlementsForm", id=view.path("subscription"))
    return await _subscription_form(view, data, _values(data["subscription"]["entitlements"]))


async def save_own(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/entitlements/edit``: what differs from what it has is changed, at once."""
    data = await view.ask("SubscriptionEntitlementsForm", id=view.path("subscription"))
    subscription = data["subscription"]
    before, posted = _values(subscription["entitlements"]), _posted(view, data["features"]["collection"])
    chosen = _without_blanks(posted)
    given = {
        feature: {code: value for code, value in values.items() if before.get(feature, {}).get(code) != value}
        for feature, values in chosen.items()
    }
    removed: list[dict[str, str]] = []
    for feature, values in before.items():
        if feature not in chosen:
            removed.append({"featureCode": feature})
        else:
            removed += [
                {"featureCode": feature, "privilegeCode": code} for code in values if code not in chosen[feature]
            ]
    outcome = await view.change(
        "OverrideSubscriptionEntitlements",
        subscriptionId=subscription["id"],
        entitlements=_as_input({name: values for name, values in given.items() if values or name not in before}),
        removed=removed,
    )
    if not outcome.ok:
        return await _subscription_form(view, data, posted, outcome)
    return view.redirect(_tab(view), ("positive", "Entitlements saved"))


async def remove(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/entitlements/remove``: a feature that it goes without from now on."""
    outcome = await view.change(
        "RemoveSubscriptionEntitlement", subscriptionId=view.path("subscription"), featureCode=view.posted("feature")
    )
    return _answered(view, outcome, "Feature removed")


async def restore(view: View) -> Response:
    """``POST /{slug}/subscription/{id}/entitlements/restore``: what the plan grants, a feature or one value of it."""
    code, value = view.posted("privilege"), view.posted("value")
    privileges = [{"code": code, "value": value}] if code else []
    outcome = await view.change(
        "OverrideSubscriptionEntitlements",
        subscriptionId=view.path("subscription"),
        entitlements=[{"featureCode": view.posted("feature"), "privileges": privileges}],
    )
    return _answered(view, outcome, "As the plan has it")


def _answered(view: View, outcome: Outcome, done: str) -> Response:
    if not outcome.ok:
        return view.redirect(_tab(view), ("negative", toast_words(outcome.code, outcome.fields)))
    return view.redirect(_tab(view), ("positive", done))


def _tab(view: View) -> str:
    return f"{view.base}/subscription/{view.path('subscription')}/entitlements"


async def _subscription_form(view: View, data: Data, chosen: Chosen, outcome: Outcome | None = None) -> Response:
    subscription = data["subscription"]
    plan = _values(subscription["entitlements"], "planValue")
    for feature, values in _values(subscription["removedEntitlements"]).items():
        plan[feature] = {**plan.get(feature, {}), **values}
    name = subscription["name"] or subscription["externalId"]
    content = {
        "title": f"Entitlements of {name}",
        "back": _tab(view),
        "back_label": name,
        "note": f"Of this subscription only. A value equal to that of {subscription['plan']['name']} follows the plan.",
    }
    return await _form(view, "subscriptions", content, data["features"]["collection"], chosen, plan, outcome)


# --- the form --------------------------------------------------------------------------------------------------------


def _field(feature: Data, at: int) -> str:
    return f"value-{feature['id']}-{at}"


def _posted(view: View, features: Sequence[Data]) -> Chosen:
    """The features that are ticked, with what stands in their fields."""
    ticked = {str(value) for value in view.form.getlist("feature")}
    return {
        feature["code"]: {
            item["code"]: view.posted(_field(feature, at)) for at, item in enumerate(feature["privileges"])
        }
        for feature in features
        if feature["id"] in ticked
    }


def _without_blanks(chosen: Chosen) -> Chosen:
    return {feature: {code: value for code, value in values.items() if value} for feature, values in chosen.items()}


def _as_input(chosen: Chosen) -> list[dict[str, Any]]:
    return [
        {"featureCode": feature, "privileges": [{"code": code, "value": value} for code, value in values.items()]}
        for feature, values in chosen.items()
    ]


async def _form(
    view: View,
    active: str,
    content: Mapping[str, Any],
    features: Sequence[Data],
    chosen: Chosen,
    plan: Chosen,
    outcome: Outcome | None,
) -> Response:
    errors = field_errors(outcome.places) if outcome else {}
    told: set[str] = set()

    def shown(feature: Data, at: int, privilege: Data) -> dict[str, Any]:
        place = f"entitlements.{feature['code']}.{privilege['code']}"
        told.add(place)
        options = [("true", "Yes"), ("false", "No")] if privilege["valueType"] == "boolean" else []
        options += [(option, option) for option in privilege["selectOptions"]]
        of_plan = plan.get(feature["code"], {}).get(privilege["code"])
        return {
            "name": _field(feature, at),
            "label": feature_name(privilege),
            "value": chosen.get(feature["code"], {}).get(privilege["code"], ""),
            "options": [{"value": "", "label": "—"}, *({"value": value, "label": label} for value, label in options)]
            if options
            else [],
            "whole": privilege["valueType"] == "integer",
            "hint": f"Plan: {value_words(privilege, of_plan)}" if of_plan is not None else None,
            "error": errors.get(place),
        }

    parts = [
        {
            "id": feature["id"],
            "name": feature_name(feature),
            "code": feature["code"],
            "description": feature["description"],
            "on": feature["code"] in chosen,
            "fields": [shown(feature, at, item) for at, item in enumerate(feature["privileges"])],
        }
        for feature in features
    ]
    other = next((text for place, text in errors.items() if place not in told), None)
    failed = outcome is not None
    full = {
        **content,
        "url": view.url,
        "action": view.request.url.path,
        "features": parts,
        "can": {"create": view.may("features:create")},
        "error": other or (in_words(outcome.code) if outcome and outcome.code and not errors else None),
    }
    return await view.page("entitlements/form.html", active, full, status_code=422 if failed else 200)

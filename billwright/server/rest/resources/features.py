"""``/features`` and their privileges (spec 07 §9.3)."""

from __future__ import annotations

from billwright.billing.entitlements import queries, service
from billwright.billing.entitlements.schemas import FeatureCreate, FeatureOut, FeatureUpdate
from billwright.billing.entitlements.views import feature_object
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one, presented
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, Parameter, operation


async def create_feature(call: Call, inp: FeatureCreate) -> FeatureOut:
    return feature_object(await service.create_feature(call.context, inp))


async def find_all_features(call: Call) -> Page[FeatureOut]:
    page = await queries.list_features(call.context, call.page, search=call.query.text("search_term"))
    return presented(page, feature_object)


async def find_feature(call: Call, code: str) -> FeatureOut:
    found = await queries.find_feature(call.context, code)
    return feature_object((await queries.feature_views(call.context, [found]))[0])


async def update_feature(call: Call, code: str, inp: FeatureUpdate) -> FeatureOut:
    return feature_object(await service.update_feature(call.context, code, inp))


async def destroy_feature(call: Call, code: str) -> FeatureOut:
    return feature_object(await service.delete_feature(call.context, code))


async def destroy_feature_privilege(call: Call, code: str, privilege_code: str) -> FeatureOut:
    return feature_object(await service.delete_privilege(call.context, code, privilege_code))


async def _exists(call: Call, code: str) -> None:
    await queries.find_feature(call.context, code)


_ONE = one("feature", FeatureOut)

OPERATIONS = [
    operation(
        "POST",
        "/features",
        permission="feature:write",
        body=FeatureCreate,
        root="feature",
        answer=_ONE,
        summary="Create a feature with its privileges",
        description="A capability that plans grant. A privilege is a value that a grant carries: `string`, `integer`, "
        "`boolean`, or `select` with its options. Nothing is billed by it.",
        example={
            "code": "seats",
            "name": "Seats",
            "description": "Who may sign in",
            "privileges": [
                {"code": "max", "name": "Maximum", "value_type": "integer"},
                {
                    "code": "sign_in",
                    "value_type": "select",
                    "config": {"select_options": ["password", "google", "okta"]},
                },
            ],
        },
    )(create_feature),
    operation(
        "GET",
        "/features",
        permission="feature:read",
        answer=many("features", FeatureOut),
        summary="List features, newest first",
        parameters=(*PAGES, Parameter("search_term", "Part of the name or code.")),
    )(find_all_features),
    operation("GET", "/features/{code}", permission="feature:read", answer=_ONE, summary="Show a feature")(
        find_feature
    ),
    operation(
        "PUT",
        "/features/{code}",
        permission="feature:write",
        body=FeatureUpdate,
        root="feature",
        answer=_ONE,
        exists=_exists,
        summary="Change a feature",
        description="Privileges are merged: a known code changes its name and gains options, another one is added, "
        "those that are not sent stay.",
        example={"name": "Seats", "privileges": [{"code": "guests", "value_type": "boolean"}]},
    )(update_feature),
    operation(
        "DELETE",
        "/features/{code}",
        permission="feature:write",
        answer=_ONE,
        summary="Delete a feature",
        description="With everything that plans and subscriptions grant of it; its code is free again.",
    )(destroy_feature),
    operation(
        "DELETE",
        "/features/{code}/privileges/{privilege_code}",
        permission="feature:write",
        answer=_ONE,
        summary="Remove a privilege of a feature",
        description="With its values on every plan and subscription.",
    )(destroy_feature_privilege),
]

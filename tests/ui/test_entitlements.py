"""Features, and what plans and subscriptions are entitled to, in the back office (spec 07 §9.3)."""

from __future__ import annotations

import re
from typing import Any

from tests.graphql.support import World, make_customers, make_plan
from tests.ui.support import BASE, Visitor, field, ids, visitor, words

FEATURE: dict[str, Any] = {
    "name": "Sign in",
    "code": "sign_in",
    "privilege_code": ["max", "method", "sso"],
    "privilege_name": ["Maximum", "", ""],
    "privilege_type": ["integer", "select", "boolean"],
    "privilege_options": ["", "password, okta", ""],
}


async def made(admin: Visitor, **changes: Any) -> str:
    """The address of a new feature."""
    answer = await admin.submit(f"{BASE}/create/feature", **{**FEATURE, **changes})
    assert answer.status_code == 303, words(answer.text)
    return answer.headers["location"]


def values(form: str) -> dict[str, str]:
    """Label -> name of the field with that label."""
    return {words(label): name for name, label in re.findall(r'<label for="field-(value-[^"]+)">(.*?)</label>', form)}


async def test_a_feature_from_form_to_deletion(world: World) -> None:
    async with visitor(world) as admin:
        assert "No features yet" in await admin.page(f"{BASE}/features")
        more = await admin.submit(f"{BASE}/create/feature", **FEATURE, do="add-privilege")
        assert more.text.count('name="privilege_code"') == 4
        options = ["", "", ""]
        refused = await admin.submit(f"{BASE}/create/feature", **{**FEATURE, "privilege_options": options})
        assert refused.status_code == 422
        assert "at least one option" in words(refused.text)
        href = await made(admin)
        page = words(await admin.page(href))
        assert "Maximum" in page
        assert "One of a list password, okta" in page
        taken = await admin.submit(f"{BASE}/create/feature", **FEATURE)
        assert "taken" in words(taken.text)
        changed = {**FEATURE, "name": "Signing in", "privilege_options": ["", "password, okta, saml", ""]}
        await admin.submit(f"{href}/edit", **changed)
        page = words(await admin.page(href))
        assert "Signing in" in page
        assert "password, okta, saml" in page
        await admin.submit(f"{href}/privilege/remove", code="sso")
        assert "sso" not in words(await admin.page(href))
        assert "Signing in" in words(await admin.page(f"{BASE}/features"))
        await admin.submit(f"{href}/delete")
        assert "No features yet" in await admin.page(f"{BASE}/features")


async def test_what_a_plan_grants(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 1)
    async with visitor(world) as admin:
        feature = (await made(admin)).rpartition("/")[2]
        form = await admin.page(f"{BASE}/plan/{plan.id}/entitlements")
        assert "1 active subscription has it at once" in words(form)
        names = {label.removesuffix(" optional"): name for label, name in values(form).items()}
        chosen = {"feature": feature, names["Maximum"]: "ten", names["method"]: "okta"}
        refused = await admin.submit(f"{BASE}/plan/{plan.id}/entitlements", **chosen)
        assert refused.status_code == 422
        assert "This is not a valid value" in words(refused.text)
        assert field(refused.text, names["Maximum"]) == "ten"
        saved = await admin.submit(f"{BASE}/plan/{plan.id}/entitlements", **{**chosen, names["Maximum"]: "1000"})
        assert saved.status_code == 303
        page = words(await admin.page(f"{BASE}/plan/{plan.id}"))
        assert "Sign in sign_in Maximum 1,000 method okta" in page
        await admin.submit(f"{BASE}/plan/{plan.id}/entitlements")
        assert "None. Your product can ask" in words(await admin.page(f"{BASE}/plan/{plan.id}"))


async def test_what_a_subscription_has_and_goes_without(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 1)
    tab = f"{BASE}/subscription/{(await ids(world))['subscription']}/entitlements"
    async with visitor(world) as admin, visitor(world, "manager") as manager, visitor(world, "finance") as finance:
        feature = (await made(admin)).rpartition("/")[2]
        assert "Entitled to nothing" in await manager.page(tab)
        form = await admin.page(f"{BASE}/plan/{plan.id}/entitlements")
        names = {label.removesuffix(" optional"): name for label, name in values(form).items()}
        granted = {"feature": feature, names["Maximum"]: "10", names["sso"]: "true"}
        await admin.submit(f"{BASE}/plan/{plan.id}/entitlements", **granted)

        form = await manager.page(f"{tab}/edit")
        assert field(form, names["Maximum"]) == "10"
        assert "Plan: 10" in words(form)
        own = {"feature": feature, names["Maximum"]: "50", names["method"]: "okta"}
        await manager.submit(f"{tab}/edit", **own)
        page = words(await manager.page(tab))
        assert "Maximum Own plan: 10 → 50" in page
        assert "Sign in: sso plan: Yes" in page, "an emptied field is a value that it goes without"
        assert "Use the plan's" not in await finance.page(tab)
        assert (await finance.get(f"{tab}/edit")).status_code == 403
        await manager.submit(f"{tab}/restore", feature="sign_in", privilege="max", value="10")
        assert "plan: 10 → 50" not in words(await manager.page(tab))
        await manager.submit(f"{tab}/remove", feature="sign_in")
        assert "Removed What the plan grants and this subscription goes without Sign in" in words(
            await manager.page(tab)
        )
        await manager.submit(f"{tab}/restore", feature="sign_in")
        assert "Maximum 10 sso Yes" in words(await manager.page(tab))
        bad = await manager.submit(f"{tab}/edit", **{**own, names["Maximum"]: "many"})
        assert (bad.status_code, "not a valid value" in words(bad.text)) == (422, True)
        gone = await manager.submit(f"{tab}/remove", feature="none")
        assert gone.status_code == 404

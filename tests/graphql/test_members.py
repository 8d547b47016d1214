"""Sign-up, invitations, members, API keys, settings and the outbox (spec 07 §2, §3)."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.access.invites import create_invite, find_invite, update_invite
from billwright.billing.access.members import list_members, update_member
from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.registration import register_all
from billwright.billing.kernel.errors import Forbidden, NotFound
from billwright.billing.kernel.pagination import PageRequest
from tests.graphql.support import PASSWORD, World

SIGN_UP = (
    "mutation($input: RegisterUserInput!){ registerUser(input:$input){ token user{ email } organization{ id slug } } }"
)
INVITE = "mutation($input: CreateInviteInput!){ createInvite(input:$input){ id email roles status url token } }"
ACCEPT = (
    "mutation($input: AcceptInviteInput!){ acceptInvite(input:$input){ token user{ email memberships{ roles } } } }"
)
MEMBERS = """query($with: MembershipRoleEnum){ memberships(role:$with){
  collection{ id roles user{ email } } metadata{ totalCount adminCount managerCount financeCount } } }"""
INVITATION = "query($t:String!){ invite(token:$t){ email organizationName roles authenticationMethods } }"
UPDATE_MEMBER = "mutation($input: UpdateMembershipInput!){ updateMembership(input:$input){ id roles } }"
UPDATE_INVITE = "mutation($input: UpdateInviteInput!){ updateInvite(input:$input){ id roles } }"
REVOKE_INVITE = "mutation($input: RevokeInviteInput!){ revokeInvite(input:$input){ status } }"
REVOKE_MEMBER = "mutation($input: RevokeMembershipInput!){ revokeMembership(input:$input){ id } }"
KEYS = "{ apiKeys{ collection{ id name value permissions expiresAt } metadata{ totalCount } } }"
CREATE_KEY = "mutation($input: CreateApiKeyInput!){ createApiKey(input:$input){ id name value permissions } }"
ROTATE_KEY = "mutation($input: RotateApiKeyInput!){ rotateApiKey(input:$input){ id name value permissions expiresAt } }"
DESTROY_KEY = "mutation($input: DestroyApiKeyInput!){ destroyApiKey(input:$input){ id } }"
EMAILS = "{ emails{ collection{ id kind status recipients blindRecipients subject text } } }"
FORGOT = "mutation($input: CreatePasswordResetInput!){ createPasswordReset(input:$input){ id } }"
RESET = "mutation($input: ResetPasswordInput!){ resetPassword(input:$input){ token user{ email } } }"
METHODS = "mutation($input: UpdateOrganizationInput!){ updateOrganization(input:$input){ id } }"
UPDATE = """mutation($input: UpdateOrganizationInput!){ updateOrganization(input:$input){
  name slug netPaymentTerm authenticationMethods billingConfiguration{ documentLocale } } }"""


def code(error: dict[str, Any]) -> Any:
    extensions = error["extensions"]
    return extensions.get("details") or extensions["code"]


async def members(world: World, role: str | None = None) -> dict[str, dict[str, Any]]:
    found = (await world.data(MEMBERS, **({"with": role} if role else {})))["memberships"]["collection"]
    return {item["user"]["email"]: item for item in found}


async def run_jobs(world: World) -> None:
    register_all()
    for job_id in await due_jobs(world.runtime.database):
        await run_job(world.runtime, job_id)


async def test_sign_up_opens_an_organization(world: World) -> None:
    given = {"email": " New@Hooli.Test ", "password": PASSWORD, "organizationName": "Hooli"}
    made = (await world.data(SIGN_UP, None, input=given))["registerUser"]
    assert made["user"]["email"] == "new@hooli.test"
    assert made["organization"]["slug"] == "hooli"
    async with world.client(None, authorization=f"Bearer {made['token']}") as client:
        client.headers["x-lago-organization"] = made["organization"]["id"]
        answer = await client.post("/graphql", json={"query": "{ organization{ name } customers{ collection{ id } } }"})
    assert answer.json()["data"] == {"organization": {"name": "Hooli"}, "customers": {"collection": []}}
    assert code(await world.error(SIGN_UP, None, input=given)) == {"email": ["user_already_exists"]}
    weak = {**given, "email": "b@hooli.test", "password": "password"}
    assert code(await world.error(SIGN_UP, None, input=weak)) == {"password": ["value_is_invalid"]}


async def test_sign_up_can_be_turned_off(world: World) -> None:
    closed = world.settings.model_copy(update={"signup_enabled": False})
    world.app.state.settings = closed
    given = {"email": "x@hooli.test", "password": PASSWORD, "organizationName": "Hooli"}
    error = await world.error(SIGN_UP, None, input=given)
    assert (error["extensions"]["status"], error["extensions"]["code"]) == (405, "signup_disabled")


async def test_an_invited_stranger_joins_with_a_new_password(world: World) -> None:
    made = (await world.data(INVITE, input={"email": "Ann@acme.example", "roles": ["manager"]}))["createInvite"]
    assert made["email"] == "ann@acme.example"
    assert made["status"] == "pending"
    assert re.fullmatch(r"[0-9a-f]{40}", made["token"])
    assert made["url"].endswith(f"/invitation/{made['token']}")
    shown = await world.data(INVITATION,
                             None, t=made["token"])  # fmt: skip
    assert shown["invite"]["organizationName"] == "Acme Search"
    assert shown["invite"]["roles"] == ["manager"]
    joined = await world.data(ACCEPT, None, input={"token": made["token"], "password": PASSWORD, "email": "x@y.z"})
    assert joined["acceptInvite"]["user"] == {"email": "ann@acme.example", "memberships": [{"roles": ["manager"]}]}
    assert (await members(world))["ann@acme.example"]["roles"] == ["manager"]
    again = await world.error(ACCEPT, None, input={"token": made["token"], "password": PASSWORD})
    assert code(again) == {"invite": ["not_found"]}


async def test_a_link_alone_does_not_open_a_known_account(world: World) -> None:
    """Spec 07 §3.4: the person's present password, or a session of theirs."""
    made = (await world.data(INVITE, input={"email": "stranger@acme.example", "roles": ["finance"]}))["createInvite"]
    taken = {"token": made["token"], "password": "Another-pass-9"}
    assert code(await world.error(ACCEPT, None, input=taken)) == {"base": ["incorrect_login_or_password"]}
    assert code(await world.error(ACCEPT, "manager", input=taken)) == {"base": ["incorrect_login_or_password"]}
    joined = await world.data(ACCEPT, "stranger", input={"token": made["token"], "password": "-"})
    assert sorted(m["roles"][0] for m in joined["acceptInvite"]["user"]["memberships"]) == ["admin", "finance"]


async def test_who_joins_by_a_session_goes_on_in_its_way(world: World) -> None:
    """A session by Google does not become one by password, which other organizations may ask for (spec 07 §3.6)."""
    made = (await world.data(INVITE, input={"email": "stranger@acme.example", "roles": ["finance"]}))["createInvite"]
    shown = "query($t:String!){ invite(token:$t){ joinsWithoutPassword } }"
    assert (await world.data(shown, None, t=made["token"]))["invite"] == {"joinsWithoutPassword": False}
    assert (await world.data(shown, "manager", t=made["token"]))["invite"] == {"joinsWithoutPassword": False}
    assert (await world.data(shown, "stranger", t=made["token"]))["invite"] == {"joinsWithoutPassword": True}
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text("update user_sessions s set login_method = 'google_oauth' from users u"
                 " where u.id = s.user_id and u.email like 'stranger@%'")
        )  # fmt: skip
    joined = await world.data(ACCEPT, "stranger", input={"token": made["token"], "password": "-"})
    world.tokens["joined"] = joined["acceptInvite"]["token"]
    await world.data("{ customers{ metadata{ totalCount } } }", "joined")
    await world.data(METHODS, input={"authenticationMethods": ["email_password"]})
    refused = await world.error("{ customers{ metadata{ totalCount } } }", "joined")
    assert code(refused) == "login_method_not_authorized"


async def test_what_invitations_refuse(world: World) -> None:
    given = {"email": "ann@acme.example", "roles": ["manager"]}
    made = (await world.data(INVITE, input=given))["createInvite"]
    assert code(await world.error(INVITE, input=given)) == {"invite": ["invite_already_exists"]}
    member = await world.error(INVITE, input={"email": "Manager@acme.example", "roles": ["admin"]})
    assert code(member) == {"email": ["email_already_used"]}
    assert code(await world.error(INVITE, input={"email": "nobody", "roles": ["admin"]})) == {
        "email": ["invalid_email_format"]
    }
    assert code(await world.error(INVITE, input={"email": "b@acme.example", "roles": []})) == {
        "roles": ["invalid_role"]
    }
    for role in ("manager", "finance"):
        assert code(await world.error(INVITE, role, input=given)) == "forbidden"
    await world.data("mutation($i: RevokeInviteInput!){ revokeInvite(input:$i){ status } }", i={"id": made["id"]})
    gone = await world.error(ACCEPT, None, input={"token": made["token"], "password": PASSWORD})
    assert code(gone) == {"invite": ["not_found"]}
    changed = await world.error(
        "mutation($i: UpdateInviteInput!){ updateInvite(input:$i){ id } }", i={"id": made["id"], "roles": ["admin"]}
    )
    assert code(changed) == "cannot_update_revoked_invite"
    assert (await world.data("{ invites{ metadata{ totalCount } } }"))["invites"]["metadata"]["totalCount"] == 0


async def test_a_used_invitation_stays_as_it_is(world: World) -> None:
    """Spec 07 §3.4: accepted and revoked are final."""
    made = (await world.data(INVITE, input={"email": "ann@acme.example", "roles": ["manager"]}))["createInvite"]
    changed = {"id": made["id"], "roles": ["finance"]}
    await world.data(UPDATE_INVITE, input=changed)
    unknown = await world.error(UPDATE_INVITE, input={**changed, "id": str(world.organization.id)})
    assert code(unknown) == {"invite": ["not_found"]}
    assert code(await world.error(UPDATE_INVITE, input={**changed, "roles": []})) == {"roles": ["invalid_role"]}
    joined = await world.data(ACCEPT, None, input={"token": made["token"], "password": PASSWORD})
    assert joined["acceptInvite"]["user"]["memberships"] == [{"roles": ["finance"]}]
    refused = await world.error(UPDATE_INVITE, input=changed)
    assert (refused["extensions"]["status"], code(refused)) == (403, "cannot_update_accepted_invite")
    assert code(await world.error(REVOKE_INVITE, input={"id": made["id"]})) == {"invite": ["not_found"]}
    member = (await members(world))["ann@acme.example"]["id"]
    await world.data(REVOKE_MEMBER, input={"id": member})
    again = (await world.data(INVITE, input={"email": "ann@acme.example", "roles": ["manager"]}))["createInvite"]
    await world.data(ACCEPT, None, input={"token": again["token"], "password": PASSWORD})
    assert (await members(world))["ann@acme.example"]["id"] != member, "a new membership"
    assert code(await world.error(UPDATE_MEMBER, input={"id": member, "roles": ["admin"]})) == {
        "membership": ["not_found"]
    }
    assert code(await world.error(UPDATE_MEMBER, input={"id": again["id"], "roles": []})) == {
        "membership": ["not_found"]
    }


async def test_an_invitation_is_accepted_as_it_is_then(world: World) -> None:
    """Whoever takes the roles back at the moment of joining has taken them back."""
    made = (await world.data(INVITE, input={"email": "ann@acme.example", "roles": ["admin"]}))["createInvite"]
    async with world.runtime.database.transaction() as session:
        assert (await find_invite(session, made["token"])).invite.roles == ["admin"]
        await world.data(UPDATE_INVITE, input={"id": made["id"], "roles": ["finance"]})
        await world.data(METHODS, input={"authenticationMethods": ["email_password"]})
        found = await find_invite(session, made["token"], lock=True)
        assert found.invite.roles == ["finance"]
        assert found.organization.authentication_methods == ["email_password"]


async def test_only_admins_make_admins(world: World) -> None:
    """Spec 07 §3.4. Today only admins may change members at all: the rule holds for whoever else may one day."""
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        invite = await create_invite(ctx, world.runtime.box, "ann@acme.example", ["finance"], granted_by=["manager"])
        everyone = {item.user.email: item.membership.id for item in (await list_members(ctx, PageRequest())).items}
        attempts = (
            create_invite(ctx, world.runtime.box, "bob@acme.example", ["admin"], granted_by=["manager"]),
            update_invite(ctx, invite.id, ["finance", "admin"], granted_by=["manager"]),
            update_member(ctx, everyone["finance@acme.example"], ["admin"], granted_by=["manager"]),
        )
        for attempt in attempts:
            with pytest.raises(Forbidden, match="cannot_grant_admin"):
                await attempt
        for roles in ([], ["king"], "admin", None):
            with pytest.raises(NotFound, match="role"):
                await update_member(ctx, everyone["finance@acme.example"], roles, granted_by=["admin"])
        kept = await update_member(ctx, everyone["admin@acme.example"], ["admin", "finance"], granted_by=["manager"])
        assert kept.membership.roles == ["admin", "finance"], "who is admin already is not made one"


async def test_invitations_by_password_need_the_method(world: World) -> None:
    made = (await world.data(INVITE, input={"email": "ann@acme.example", "roles": ["manager"]}))["createInvite"]
    await world.data(METHODS, input={"authenticationMethods": ["google_oauth"]})
    refused = await world.error(ACCEPT, None, input={"token": made["token"], "password": PASSWORD})
    assert code(refused) == {"emailPassword": ["login_method_not_authorized"]}


async def test_the_last_admin_stays(world: World) -> None:
    everyone = await members(world)
    admin = everyone["admin@acme.example"]["id"]
    demoted = await world.error(UPDATE_MEMBER, input={"id": admin, "roles": ["manager"]})
    assert (demoted["extensions"]["status"], code(demoted)) == (405, "last_admin")
    assert code(await world.error(REVOKE_MEMBER, input={"id": admin})) == "cannot_revoke_own_membership"
    other = everyone["manager@acme.example"]["id"]
    await world.data(UPDATE_MEMBER, input={"id": other, "roles": ["manager", "admin"]})
    assert set(await members(world, "admin")) == {"admin@acme.example", "manager@acme.example"}
    await world.data(REVOKE_MEMBER, "manager", input={"id": admin})
    refused = await world.error("{ memberships{ metadata{ totalCount } } }")
    assert code(refused) == "not_organization_member"


async def test_two_admins_who_demote_each_other_leave_one(world: World) -> None:
    everyone = await members(world)
    ids = {name: everyone[f"{name}@acme.example"]["id"] for name in ("admin", "manager")}
    await world.data(UPDATE_MEMBER, input={"id": ids["manager"], "roles": ["admin"]})
    await asyncio.gather(
        world.ask(UPDATE_MEMBER, "admin", input={"id": ids["manager"], "roles": ["finance"]}),
        world.ask(UPDATE_MEMBER, "manager", input={"id": ids["admin"], "roles": ["finance"]}),
    )
    async with world.runtime.database.reading() as session:
        left = await session.scalar(
            text("select count(*) from memberships where organization_id = :o and roles ? 'admin'"),
            {"o": world.organization.id},
        )
    assert left == 1


async def test_keys_are_shown_once(world: World) -> None:
    made = (await world.data(CREATE_KEY, input={"name": "CI", "permissions": {"event": ["write"]}}))["createApiKey"]
    assert len(made["value"]) == 36
    assert made["permissions"] == {"event": ["write"]}
    listed = (await world.data(KEYS))["apiKeys"]["collection"]
    assert [key["name"] for key in listed] == [None, "CI"]
    assert listed[1]["value"] == "•" * 8 + made["value"][-3:]
    rotated = (await world.data(ROTATE_KEY, input={"id": made["id"]}))["rotateApiKey"]
    assert rotated["name"] == "CI"
    assert rotated["permissions"] == {"event": ["write"]}
    assert rotated["expiresAt"] is None
    assert [key["id"] for key in (await world.data(KEYS))["apiKeys"]["collection"]] == [listed[0]["id"], rotated["id"]]
    await world.data(DESTROY_KEY, input={"id": rotated["id"]})
    last = await world.error(DESTROY_KEY, input={"id": listed[0]["id"]})
    assert code(last) == {"base": ["last_non_expiring_api_key"]}
    for role in ("manager", "finance"):
        assert code(await world.error(KEYS, role)) == "forbidden"
    async with world.client("stranger", world.other.id) as client:
        answer = await client.post("/graphql", json={"query": DESTROY_KEY, "variables": {"input": {"id": made["id"]}}})
    assert code(answer.json()["errors"][0]) == {"apiKey": ["not_found"]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"permissions": {}}, "value_is_mandatory"),
        ({"permissions": None}, "value_is_mandatory"),
        ({"permissions": {"nothing": ["read"]}}, "forbidden_keys"),
        ({"permissions": {"plan": ["own"]}}, "forbidden_values"),
        ({"permissions": {"plan": "read"}}, "forbidden_values"),
    ],
)
async def test_permission_maps_of_keys(world: World, given: dict[str, Any], expected: str) -> None:
    assert code(await world.error(CREATE_KEY, input=given)) == {"permissions": [expected]}
    key = (await world.data(KEYS))["apiKeys"]["collection"][0]
    changed = await world.error(
        "mutation($input: UpdateApiKeyInput!){ updateApiKey(input:$input){ id } }", input={"id": key["id"], **given}
    )
    assert code(changed) == {"permissions": [expected]}
    assert (await world.data(KEYS))["apiKeys"]["collection"] == [key]


async def test_admins_are_told_about_keys_and_methods(world: World) -> None:
    made = (await world.data(CREATE_KEY, input={"name": "CI"}))["createApiKey"]
    await world.data(UPDATE, input={"authenticationMethods": ["email_password"]})
    await run_jobs(world)
    methods, key = (await world.data(EMAILS))["emails"]["collection"]
    assert key["kind"] == "api_key.created"
    assert key["status"] == "kept"
    assert key["blindRecipients"] == ["admin@acme.example"]
    assert key["recipients"] == []
    assert "Acme Search" in key["subject"]
    assert made["value"] not in key["text"]
    assert made["value"][-3:] not in key["text"]
    assert methods["kind"] == "authentication_methods.updated"
    assert "No longer allowed: Google" in methods["text"]
    assert "By: admin@acme.example" in methods["text"]


async def test_admins_are_told_of_each_change_of_a_key_without_any_part_of_it(world: World) -> None:
    """Spec 07 §2.2: as blind copies to all active admins, with the organization's name and what happened, in English
    whatever the language of documents."""
    manager = (await members(world))["manager@acme.example"]["id"]
    await world.data(UPDATE_MEMBER, input={"id": manager, "roles": ["manager", "admin"]})
    await world.data(UPDATE, input={"billingConfiguration": {"documentLocale": "de"}})
    made = (await world.data(CREATE_KEY, input={"name": "CI"}))["createApiKey"]
    rotated = (await world.data(ROTATE_KEY, input={"id": made["id"]}))["rotateApiKey"]
    await world.data(DESTROY_KEY, input={"id": rotated["id"]})
    mails = (await world.data(EMAILS))["emails"]["collection"]
    assert {mail["kind"]: mail["subject"] for mail in mails} == {
        "api_key.created": "Acme Search: API key created",
        "api_key.rotated": "Acme Search: API key rotated",
        "api_key.deleted": "Acme Search: API key deleted",
    }
    for mail in mails:
        assert mail["recipients"] == []
        assert sorted(mail["blindRecipients"]) == ["admin@acme.example", "manager@acme.example"]
        assert "Organization: Acme Search\nKey: CI\nBy: admin@acme.example\n" in mail["text"]
        for key in (made, rotated):
            assert key["value"][-3:] not in mail["text"].replace("Acme Search", "")


async def test_ways_to_log_in_are_told_in_the_language_of_documents(world: World) -> None:
    """Spec 07 §3.6: who, organization, methods added and removed."""
    await world.data(METHODS, input={"authenticationMethods": ["google_oauth"]})
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update user_sessions set login_method = 'google_oauth'"))
    await world.data(UPDATE, input={"billingConfiguration": {"documentLocale": "de"}})
    await world.data(METHODS, input={"authenticationMethods": ["google_oauth", "email_password"]})
    german, english = (await world.data(EMAILS))["emails"]["collection"]
    assert english["text"] == (
        "Organization: Acme Search\nNo longer allowed: e-mail and password\nBy: admin@acme.example\n"
    )
    assert german["subject"] == "Acme Search: Die Anmeldewege haben sich geändert"
    assert german["text"] == "Organisation: Acme Search\nJetzt erlaubt: E-Mail und Passwort\nVon: admin@acme.example\n"


async def test_a_forgotten_password_is_reset_by_the_outbox(world: World) -> None:
    assert (await world.data(FORGOT, None, input={"email": "nobody@acme.example"}))["createPasswordReset"]["id"]
    await world.data(FORGOT, None, input={"email": "Manager@acme.example"})
    hidden = (await world.data(EMAILS))["emails"]["collection"]
    assert [item["status"] for item in hidden] == ["queued"]
    assert "/reset-password/" not in hidden[0]["text"]
    await run_jobs(world)
    (mail,) = (await world.data(EMAILS))["emails"]["collection"]
    assert mail["recipients"] == ["manager@acme.example"]
    assert mail["status"] == "kept"
    token = re.search(r"/reset-password/([0-9a-f]{40})", mail["text"])
    assert token is not None
    shown = await world.data("query($t:String!){ passwordReset(token:$t){ email } }", None, t=token[1])
    assert shown == {"passwordReset": {"email": "manager@acme.example"}}
    done = await world.data(RESET, None, input={"token": token[1], "newPassword": "Brand-new-pass-1"})
    assert done["resetPassword"]["token"]
    assert code(await world.error("{ currentUser{ email } }", "manager")) == "unauthorized", "old sessions have ended"
    again = await world.error(RESET, None, input={"token": token[1], "newPassword": "Brand-new-pass-1"})
    assert code(again) == {"passwordReset": ["not_found"]}
    assert code(await world.error(RESET, None, input={"token": "", "newPassword": "x"})) == {"token": ["missing_token"]}


async def test_an_admin_does_not_see_links_that_open_foreign_organizations(world: World) -> None:
    """Somebody who is a member here and elsewhere: their link would open what this admin may not."""
    made = (await world.data(INVITE, input={"email": "stranger@acme.example", "roles": ["finance"]}))["createInvite"]
    await world.data(ACCEPT, "stranger", input={"token": made["token"], "password": "-"})
    await world.data(FORGOT, None, input={"email": "stranger@acme.example"})
    await run_jobs(world)
    assert (await world.data(EMAILS))["emails"]["collection"] == []


async def test_settings_by_permission(world: World) -> None:
    changed = await world.data(
        UPDATE,
        input={"name": "Acme", "slug": "acme", "netPaymentTerm": 30, "billingConfiguration": {"documentLocale": "fr"}},
    )
    assert changed["updateOrganization"] == {
        "name": "Acme",
        "slug": "acme",
        "netPaymentTerm": 30,
        "authenticationMethods": ["email_password", "google_oauth"],
        "billingConfiguration": {"documentLocale": "fr"},
    }
    assert (await world.data(UPDATE, "finance", input={"netPaymentTerm": 7}))["updateOrganization"][
        "netPaymentTerm"
    ] == 7
    for role, attribute, needed in (
        ("finance", {"authenticationMethods": ["email_password"]}, "authentication_methods:update"),
        ("finance", {"emailSettings": []}, "organization:emails:update"),
        ("finance", {"euTaxManagement": True}, "organization:taxes:update"),
        ("finance", {"webhookUrl": "https://a.example"}, "developers:manage"),
        ("manager", {"legalName": "X"}, "organization:update"),
        ("manager", {"netPaymentTerm": 1}, "organization:invoices:update"),
    ):
        error = await world.error(UPDATE, role, input=attribute)
        assert error["extensions"]["requiredPermissions"] == [needed]
    for given, expected in (
        ({"authenticationMethods": []}, {"authenticationMethods": ["value_is_too_short"]}),
        ({"authenticationMethods": ["sms"]}, {"authenticationMethods": ["unsupported_value"]}),
        ({"authenticationMethods": ["okta"]}, {"authenticationMethods": ["okta_integration_missing"]}),
        ({"slug": "login"}, {"slug": ["value_is_reserved"]}),
        ({"slug": "other"}, {"slug": ["value_already_exist"]}),
        ({"name": " "}, {"name": ["value_is_mandatory"]}),
        ({"timezone": "Mars/Base"}, {"timezone": ["invalid_timezone"]}),
    ):
        assert code(await world.error(UPDATE, input=given)) == expected

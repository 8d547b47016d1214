"""Google and Okta against a real provider over HTTP: each requirement of spec 07 §4.3."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from sqlalchemy import text

from billwright.billing.access.invites import create_invite, invite_url
from billwright.billing.access.service import create_organization
from billwright.sso import http
from billwright.sso.pending import LIFETIME_SECONDS
from billwright.ui import csrf, sessions
from tests.graphql.support import PASSWORD, World
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from tests.ui.support import BASE, Visitor, field, visitor, words

OKTA = (
    "mutation($input: CreateOktaIntegrationInput!){ createOktaIntegration(input:$input){ domain clientSecret host } }"
)
INVITE = "mutation($input: CreateInviteInput!){ createInvite(input:$input){ token } }"


async def consent(location: str) -> str:
    """What the browser is sent back with, after the provider's page."""
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(location)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


async def by_google(browser: Visitor, start: str = "/sso/google") -> httpx.Response:
    begun = await browser.get(start)
    assert begun.status_code == 303, begun.text
    return await browser.get(await consent(begun.headers["location"]))


async def by_okta(browser: Visitor, email: str, **fields: str) -> httpx.Response:
    browser.token = field(await browser.page("/login/okta"), csrf.FIELD)
    begun = await browser.submit("/login/okta", email=email, **fields)
    if begun.status_code != 303:
        return begun
    return await browser.get(await consent(begun.headers["location"]))


def refused(answer: httpx.Response) -> str:
    """Why a flow ended on the log in page."""
    assert answer.status_code == 303, answer.text
    found = urlsplit(answer.headers["location"])
    assert found.path == "/login", found
    return parse_qs(found.query)["refused"][0]


async def connect(world: World, provider: IdentityProvider, domain: str = "hooli.test", **more: str) -> Any:
    given = {"domain": domain, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "organizationName": "Hooli",
             "host": provider.host, **more}  # fmt: skip
    return (await world.data(OKTA, input=given))["createOktaIntegration"]


# --- Google ---------------------------------------------------------------------------------------------------------


async def test_google_lets_a_member_in(world: World, provider: IdentityProvider) -> None:
    provider.email = "Manager@acme.example"
    async with visitor(world, None) as browser:
        assert "Continue with Google" in await browser.page("/login")
        answer = await by_google(browser, "/sso/google?next=/acme-search/invoices")
        assert answer.headers["location"] == f"{BASE}/invoices"
        assert "Invoices" in await browser.page(f"{BASE}/invoices")
    assert provider.refusals == []
    sent = provider.authorized[0]
    assert sent["code_challenge_method"] == "S256"
    assert sent["scope"] == "openid email profile"
    assert len(sent["state"]) > 40


async def test_google_knows_nobody_by_itself(world: World, provider: IdentityProvider) -> None:
    provider.email = "nobody@acme.example"
    async with visitor(world, None) as browser:
        assert refused(await by_google(browser)) == "user_does_not_exist"
        page = await browser.page("/login?refused=user_does_not_exist")
        assert "Nobody here has this address" in words(page)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"exp": "-120"},
        {"exp": None},
        {"iat": "+3600"},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
    ],
    ids=str,
)
async def test_tokens_that_prove_nothing(world: World, provider: IdentityProvider, claims: dict[str, Any]) -> None:
    """``exp`` and ``iat`` in seconds from now."""
    claims = {
        name: int(time.time()) + int(value) if name in ("exp", "iat") and value else value
        for name, value in claims.items()
    }
    provider.email, provider.claims = "admin@acme.example", claims
    async with visitor(world, None) as browser:
        assert refused(await by_google(browser)) == "invalid_google_token"
        assert sessions.COOKIE not in browser.cookies


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_only_signatures_by_the_published_key(world: World, provider: IdentityProvider, algorithm: str) -> None:
    provider.email, provider.algorithm = "admin@acme.example", algorithm
    async with visitor(world, None) as browser:
        assert refused(await by_google(browser)) == "invalid_google_token"
    provider.algorithm, provider.signing_key = "RS256", RSAKey.generate_key(2048, {"kid": "one"})
    async with visitor(world, None) as browser:
        assert refused(await by_google(browser)) == "invalid_google_token"


async def test_a_rotated_key_is_fetched(world: World, provider: IdentityProvider) -> None:
    provider.email = "admin@acme.example"
    for _ in range(2):
        async with visitor(world, None) as browser:
            assert (await by_google(browser)).headers["location"] == "/"
        provider.rotate()


async def test_an_hour_of_leeway_is_a_minute(world: World, provider: IdentityProvider) -> None:
    provider.email, provider.claims = "admin@acme.example", {"exp": int(time.time()) - 30}
    async with visitor(world, None) as browser:
        assert (await by_google(browser)).headers["location"] == "/"


async def test_a_state_works_once_and_in_its_browser(world: World, provider: IdentityProvider) -> None:
    provider.email = "admin@acme.example"
    async with visitor(world, None) as browser, visitor(world, None) as thief:
        begun = await browser.get("/sso/google")
        back = await consent(begun.headers["location"])
        assert refused(await thief.get(back)) == "state_not_found"
        assert refused(await browser.get(back)) == "state_not_found", "the other browser has used it up"
        begun = await browser.get("/sso/google")
        back = await consent(begun.headers["location"])
        assert (await browser.get(back)).headers["location"] == "/"
        assert refused(await browser.get(back)) == "state_not_found", "a replay"
        assert refused(await browser.get("/auth/google/callback?code=x&state=login.unknown")) == "state_not_found"
        assert refused(await browser.get("/auth/google/callback")) == "state_not_found"


async def test_what_is_kept_of_a_flow_and_for_how_long(world: World, provider: IdentityProvider) -> None:
    """Ten minutes at the server under the state's digest, bound by a cookie that scripts do not see; then nothing."""
    provider.email = "admin@acme.example"
    kept = world.app.state.redis
    async with visitor(world, None) as browser:
        begun = await browser.get("/sso/google")
        (cookie,) = [line for line in begun.headers.get_list("set-cookie") if line.startswith(sessions.BROWSER_COOKIE)]
        assert {"HttpOnly", "SameSite=lax", f"Max-Age={LIFETIME_SECONDS}"} <= set(cookie.split("; "))
        (name,) = await kept.keys("sso:*")
        assert LIFETIME_SECONDS == 600
        assert 590 < await kept.ttl(name) <= 600
        attempt = (await kept.get(name)).decode()
        for secret in (provider_state(begun), browser.cookies[sessions.BROWSER_COOKIE]):
            assert len(secret) >= 43
            assert secret not in name.decode() + attempt
        assert (await browser.get(await consent(begun.headers["location"]))).headers["location"] == "/"
        assert await kept.keys("sso:*") == []
        begun = await browser.get("/sso/google")
        back = await consent(begun.headers["location"])
        await kept.flushdb()
        assert refused(await browser.get(back)) == "state_not_found", "ten minutes have passed"


def provider_state(begun: httpx.Response) -> str:
    return parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]


async def test_a_state_serves_its_purpose_only(world: World, provider: IdentityProvider) -> None:
    """A sign-up's state does not log in, Google's does not open Okta's callback."""
    provider.email = "admin@acme.example"
    async with visitor(world, None) as browser:
        begun = await browser.get("/sso/google?mode=signup")
        back = (await consent(begun.headers["location"])).replace("state=signup.", "state=login.")
        assert refused(await browser.get(back)) == "state_not_found"
        begun = await browser.get("/sso/google")
        back = (await consent(begun.headers["location"])).replace("/auth/google/", "/auth/okta/")
        assert refused(await browser.get(back)) == "state_not_found"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "%2F%2Fevil.example"])
async def test_next_leads_nowhere_else(world: World, provider: IdentityProvider, path: str) -> None:
    provider.email = "admin@acme.example"
    async with visitor(world, None) as browser:
        answer = await by_google(browser, f"/sso/google?next={path}")
        assert answer.headers["location"] == "/"


@pytest.mark.parametrize(("wanted", "kept"), [("//evil.example", ""), ("/acme-search/plans", "/acme-search/plans")])
async def test_next_is_judged_over_graphql_too(
    world: World, provider: IdentityProvider, wanted: str, kept: str
) -> None:
    provider.email = "admin@acme.example"
    begin = "query($n: String) { googleAuthUrl(next: $n) { url } }"
    finish = "mutation($i: SignOnInput!) { googleLoginUser(input: $i) { next } }"
    async with world.client(None) as client:
        begun = (await client.post("/graphql", json={"query": begin, "variables": {"n": wanted}})).json()
        back = parse_qs(urlsplit(await consent(begun["data"]["googleAuthUrl"]["url"])).query)
        sent = {"i": {"code": back["code"][0], "state": back["state"][0]}}
        done = (await client.post("/graphql", json={"query": finish, "variables": sent})).json()
    assert done == {"data": {"googleLoginUser": {"next": kept}}}


async def test_the_redirect_uri_is_not_taken_from_the_request(world: World, provider: IdentityProvider) -> None:
    async with visitor(world, None) as browser:
        begun = await browser.get("/sso/google", headers={"host": "evil.example"})
    assert "evil.example" not in begun.headers["location"]


@pytest.mark.parametrize("fault", ["token:500", "token:malformed", "token:400", "token:elsewhere", "keys:500"])
async def test_a_provider_out_of_order(world: World, provider: IdentityProvider, fault: str) -> None:
    provider.email, provider.fault = "admin@acme.example", fault
    async with visitor(world, None) as browser:
        assert refused(await by_google(browser)) == "invalid_google_code"


@pytest.mark.parametrize("fault", ["token:slow", "keys:slow"])
async def test_a_call_ends_in_time(
    world: World, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Ten seconds for the whole call, however many bytes come in time."""
    assert http.SECONDS == 10
    monkeypatch.setattr(http, "SECONDS", 0.4)
    provider.email, provider.fault = "admin@acme.example", fault
    async with visitor(world, None) as browser:
        begun = time.monotonic()
        assert refused(await by_google(browser)) == "invalid_google_code"
        assert time.monotonic() - begun < 5


async def test_packed_answers_are_not_unpacked(world: World, provider: IdentityProvider) -> None:
    """A megabyte may unpack to a gigabyte."""
    provider.email, provider.fault = "admin@acme.example", "keys:packed"
    async with visitor(world, None) as browser:
        assert refused(await by_google(browser)) == "invalid_google_code"


async def test_a_wrong_client_secret(world: World, provider: IdentityProvider) -> None:
    world.app.state.settings = world.app.state.settings.model_copy(update={"google_client_secret": SecretStr("wrong")})
    async with visitor(world, None) as browser:
        assert refused(await by_google(browser)) == "invalid_google_code"
    assert "client_secret" in provider.refusals[0]


async def test_without_registration_there_is_no_button(world: World) -> None:
    async with visitor(world, None) as browser:
        assert "Continue with Google" not in await browser.page("/login")
        assert refused(await browser.get("/sso/google")) == "google_auth_missing_setup"


async def test_signing_up_by_google(world: World, provider: IdentityProvider) -> None:
    provider.email = "gavin@hooli.test"
    async with visitor(world, None) as browser, visitor(world, None) as other:
        assert refused(await other.get("/sign-up/google")) == "state_not_found"
        answer = await by_google(browser, "/sso/google?mode=signup")
        assert answer.headers["location"] == "/sign-up/google"
        form = await browser.page("/sign-up/google")
        assert "You are gavin@hooli.test." in words(form)
        browser.token = field(form, csrf.FIELD)
        empty = await browser.submit("/sign-up/google", organization=" ")
        assert empty.status_code == 422
        made = await browser.submit("/sign-up/google", organization="Hooli")
        assert made.status_code == 303
        assert "Hooli" in await browser.page("/hooli/customers")
        again = await by_google(browser, "/sso/google?mode=signup")
        browser.token = field(await browser.page(again.headers["location"]), csrf.FIELD)
        taken = await browser.submit("/sign-up/google", organization="Hooli 2")
        assert "has an account already" in words(taken.text)


async def test_an_invitation_by_google_is_for_its_address(world: World, provider: IdentityProvider) -> None:
    token = (await world.data(INVITE, input={"email": "ann@hooli.test", "roles": ["finance"]}))["createInvite"]["token"]
    async with visitor(world, None) as browser:
        assert "Join with Google" in await browser.page(f"/invitation/{token}")
        provider.email = "bob@hooli.test"
        assert refused(await by_google(browser, f"/sso/google?mode=invite&token={token}")) == "invite_email_mistmatch"
        provider.email = "ann@hooli.test"
        assert (await by_google(browser, f"/sso/google?mode=invite&token={token}")).headers["location"] == "/"
        assert await browser.page(f"{BASE}/invoices")
        assert refused(await by_google(browser, f"/sso/google?mode=invite&token={token}")) == "invite_not_found"


async def test_an_organization_that_does_not_allow_google(world: World, provider: IdentityProvider) -> None:
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update organizations set authentication_methods = '[\"email_password\"]'"))
    provider.email = "admin@acme.example"
    async with visitor(world, None) as browser:
        assert refused(await by_google(browser)) == "login_method_not_authorized"


# --- Okta -----------------------------------------------------------------------------------------------------------


async def test_okta_connects_and_lets_people_in_without_a_role(world: World, provider: IdentityProvider) -> None:
    made = await connect(world, provider)
    assert made["clientSecret"] == "•" * 8 + "…xyz"
    async with world.runtime.database.reading() as session:
        stored = await session.scalar(text("select sealed_secret from okta_connections"))
    assert CLIENT_SECRET.encode() not in stored
    provider.email = "Ann@Hooli.test"
    async with visitor(world, None) as browser:
        assert (await by_okta(browser, "ann@hooli.test")).headers["location"] == "/"
        assert provider.authorized[0]["login_hint"] == "ann@hooli.test"
        nothing = await browser.get(BASE)
        assert nothing.status_code == 403
    assert provider.refusals == []


async def test_a_default_role_opens_pages(world: World, provider: IdentityProvider) -> None:
    await connect(world, provider, defaultRole="finance")
    async with visitor(world, None) as browser:
        await by_okta(browser, "ann@hooli.test")
        assert "Invoices" in await browser.page(f"{BASE}/invoices")


async def test_an_okta_session_opens_its_organization_only(world: World, provider: IdentityProvider) -> None:
    """Somebody registers a foreign domain: their provider opens nothing else of that person (spec 07 §4.2)."""
    await connect(world, provider, domain="acme.example", defaultRole="finance")
    async with world.runtime.database.transaction() as session:
        await session.execute(text('update organizations set authentication_methods = \'["email_password", "okta"]\''))
    provider.email = "stranger@acme.example"
    async with visitor(world, None) as browser:
        assert (await by_okta(browser, "stranger@acme.example")).headers["location"] == "/"
        assert await browser.page(f"{BASE}/invoices")
        await browser.page("/other/invoices", 403)


async def test_an_okta_session_proves_nobody_to_other_organizations(world: World, provider: IdentityProvider) -> None:
    """An invitation elsewhere asks for the person's password: else the tenant's admin would trade the bound session for
    one that opens everything (spec 07 §3.4, §4.2)."""
    await connect(world, provider, domain="acme.example", defaultRole="finance")
    async with world.runtime.database.transaction() as session:
        trap = (await create_organization(session, "Trap")).organization
        invite = await create_invite(
            world.context(session, trap), world.runtime.box, "stranger@acme.example", ["finance"], granted_by=["admin"]
        )
    path = urlsplit(invite_url(world.runtime.box, "", invite)).path
    provider.email = "stranger@acme.example"
    async with visitor(world, None) as browser:
        await by_okta(browser, "stranger@acme.example")
        form = await browser.page(path)
        assert 'name="password"' in form
        browser.token = field(form, csrf.FIELD)
        assert (await browser.submit(path, password="-")).status_code == 422
        await browser.page("/trap/invoices", 404)
        await browser.page("/other/invoices", 403)
        joined = await browser.submit(path, password=PASSWORD)
        assert joined.status_code == 303, "who knows the password is who they say"
        await browser.page("/other/invoices")


@pytest.mark.parametrize(
    ("email", "userinfo", "claims"),
    [
        ("bob@hooli.test", {}, {}),
        ("ann@evil.test", {}, {}),
        ("ann@hooli.test", {"email": "root@hooli.test"}, {}),
        ("ann@hooli.test", {"email": None}, {}),
        ("ann@hooli.test", {"sub": "person-2"}, {}),
        ("ann@hooli.test", {"email_verified": False}, {}),
        ("ann@hooli.test", {}, {"email_verified": False}),
    ],
)
async def test_okta_must_name_who_began(
    world: World, provider: IdentityProvider, email: str, userinfo: dict[str, Any], claims: dict[str, Any]
) -> None:
    await connect(world, provider)
    provider.email, provider.userinfo, provider.claims = email, userinfo, claims
    async with visitor(world, None) as browser:
        assert refused(await by_okta(browser, "ann@hooli.test")) == "okta_userinfo_error"


@pytest.mark.parametrize(
    ("fault", "claims", "code"),
    [
        ("token:500", {}, "okta_request_error"),
        ("token:malformed", {}, "okta_request_error"),
        ("userinfo:500", {}, "okta_request_error"),
        ("userinfo:malformed", {}, "okta_request_error"),
        ("token:elsewhere", {}, "okta_request_error"),
        ("keys:elsewhere", {}, "okta_request_error"),
        ("userinfo:elsewhere", {}, "okta_request_error"),
        ("", {"iss": "https://evil.okta.com"}, "invalid_okta_token"),
        ("", {"nonce": "another"}, "invalid_okta_token"),
        ("", {"aud": "another"}, "invalid_okta_token"),
    ],
)
async def test_okta_faults(
    world: World, provider: IdentityProvider, fault: str, claims: dict[str, Any], code: str
) -> None:
    await connect(world, provider)
    provider.fault, provider.claims = fault, claims
    async with visitor(world, None) as browser:
        assert refused(await by_okta(browser, "ann@hooli.test")) == code


async def test_an_unknown_domain(world: World, provider: IdentityProvider) -> None:
    async with visitor(world, None) as browser:
        answer = await by_okta(browser, "ann@nowhere.test")
        assert answer.status_code == 422
        assert "connected this address" in words(answer.text)


async def test_a_removed_member_stays_out(world: World, provider: IdentityProvider) -> None:
    await connect(world, provider)
    async with visitor(world, None) as browser:
        await by_okta(browser, "ann@hooli.test")
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text("update memberships set status = 'revoked' from users u where u.id = user_id and email like 'ann@%'")
        )
    async with visitor(world, None) as browser:
        assert refused(await by_okta(browser, "ann@hooli.test")) == "not_organization_member"


async def test_an_invitation_by_okta(world: World, provider: IdentityProvider) -> None:
    await connect(world, provider)
    token = (await world.data(INVITE, input={"email": "ann@hooli.test", "roles": ["finance"]}))["createInvite"]["token"]
    async with visitor(world, None) as browser:
        assert "Join with Okta" in await browser.page(f"/invitation/{token}")
        other = await by_okta(browser, "bob@hooli.test", token=token)
        assert "The invitation is for another address." in words(other.text)
        assert (await by_okta(browser, "ann@hooli.test", token=token)).headers["location"] == "/"
        assert "Invoices" in await browser.page(f"{BASE}/invoices")


async def test_private_addresses_are_not_asked(world: World, provider: IdentityProvider) -> None:
    await connect(world, provider)
    world.app.state.settings = world.app.state.settings.model_copy(update={"sso_allow_loopback": False})
    world.app.state.graphql_services = None
    async with visitor(world, None) as browser:
        browser.token = field(await browser.page("/login/okta"), csrf.FIELD)
        begun = await browser.submit("/login/okta", email="ann@hooli.test")
        assert begun.headers["location"].startswith("https://127.0.0.1:")
        back = await consent(begun.headers["location"].replace("https://", "http://"))
        assert refused(await browser.get(back)) == "okta_request_error"
    assert not any("code" in refusal for refusal in provider.refusals)


async def test_what_connections_refuse(world: World, provider: IdentityProvider) -> None:
    given = {"domain": "hooli.test", "clientId": "x", "clientSecret": "y", "organizationName": "hooli"}
    for change, expected in (
        ({"domain": "not a domain"}, {"domain": ["value_is_invalid"]}),
        ({"host": "https://login.hooli.test"}, {"host": ["host_invalid"]}),
        ({"host": "login.hooli.test/path"}, {"host": ["host_invalid"]}),
        ({"organizationName": "a.b/c"}, {"organizationName": ["value_is_invalid"]}),
        ({"clientId": " "}, {"clientId": ["value_is_mandatory"]}),
        ({"defaultRole": "king"}, {"defaultRole": ["invalid_role"]}),
    ):
        error = await world.error(OKTA, input={**given, **change})
        assert error["extensions"]["details"] == expected
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text(
                "insert into okta_connections (id, organization_id, domain, client_id, sealed_secret, secret_hint,"
                " organization_name, created_at, updated_at) values (gen_random_uuid(), :o, 'hooli.test', 'x',"
                " 'y', 'z', 'hooli', now(), now())"
            ),
            {"o": world.other.id},
        )
    taken = await world.error(OKTA, input=given)
    assert taken["extensions"]["details"] == {"domain": ["domain_not_unique"]}
    for role in ("manager", "finance"):
        error = await world.error(OKTA, role, input=given)
        assert error["extensions"]["status"] == 403


async def test_a_connection_is_taken_away_by_its_id(world: World, provider: IdentityProvider) -> None:
    """Spec 07 §6.2: destroyIntegration, as every destroy mutation, answers the id."""
    await connect(world, provider)
    connection = (await world.data("{ oktaIntegration { id } }"))["oktaIntegration"]["id"]
    gone = "mutation($id: ID!) { destroyIntegration(input: {id: $id}) { id } }"
    for other in ("x", str(world.organization.id)):
        error = await world.error(gone, id=other)
        assert error["extensions"]["details"] == {"integration": ["not_found"]}
    assert (await world.error(gone, "finance", id=connection))["extensions"]["requiredPermissions"] == [
        "authentication_methods:update"
    ]
    assert (await world.data(gone, id=connection))["destroyIntegration"] == {"id": connection}
    left = await world.data("{ oktaIntegration { id } organization { authenticationMethods } }")
    assert left["oktaIntegration"] is None
    assert "okta" not in left["organization"]["authenticationMethods"]


async def test_the_settings_page_of_okta(world: World, provider: IdentityProvider) -> None:
    async with visitor(world) as admin:
        page = f"{BASE}/settings/authentication/okta"
        assert "http://billwright.test/auth/okta/callback" in await admin.page(page)
        bad = await admin.submit(page, domain="hooli.test", client_id="x", organization_name="hooli", client_secret="")
        assert bad.status_code == 422
        fields = {"domain": "hooli.test", "client_id": CLIENT_ID, "organization_name": "hooli", "host": provider.host}
        await admin.submit(page, **fields, client_secret=CLIENT_SECRET)
        assert "Okta is connected" in words(await admin.page(f"{BASE}/settings/authentication"))
        kept = await admin.page(page)
        assert CLIENT_SECRET not in kept
        await admin.submit(page, **fields, client_secret="", default_role="finance")
        async with visitor(world, None) as ann:
            await by_okta(ann, "ann@hooli.test")
            assert await ann.page(f"{BASE}/invoices")
        await admin.submit(f"{BASE}/settings/authentication", choice="email_password")
        await admin.submit(f"{page}/delete")
        assert "Okta is not connected" in words(await admin.page(f"{BASE}/settings/authentication"))


async def test_no_secret_in_answers_or_logs(
    world: World, provider: IdentityProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    await connect(world, provider)
    provider.fault = "token:500"
    async with visitor(world, None) as browser:
        browser.token = field(await browser.page("/login/okta"), csrf.FIELD)
        begun = await browser.submit("/login/okta", email="ann@hooli.test")
        back = await consent(begun.headers["location"])
        answer = await browser.get(back)
        provider.fault = ""
        assert (await by_okta(browser, "ann@hooli.test")).headers["location"] == "/"
    code, state = (parse_qs(urlsplit(back).query)[name][0] for name in ("code", "state"))
    said = capsys.readouterr()
    assert "/auth/okta/callback" in said.out + said.err
    for secret in (CLIENT_SECRET, code, state, *provider.issued()):
        assert secret not in said.out + said.err
        assert secret not in answer.text + answer.headers["location"]


async def test_the_form_of_okta_may_lead_to_another_site(world: World) -> None:
    """Browsers hold the redirect after a form to the page's ``form-action``; every other page keeps its forms here."""
    async with visitor(world, None) as browser:
        policy = (await browser.get("/login/okta")).headers["content-security-policy"]
        assert "form-action 'self' https:;" in policy
        assert "form-action 'self';" in (await browser.get("/login")).headers["content-security-policy"]

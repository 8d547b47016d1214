"""Passwords, sessions, throttling, resets, and who may act where (spec 07 §3.5, §3.6)."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
import redis.asyncio
from argon2 import PasswordHasher
from sqlalchemy import text

from billwright.billing.access import passwords
from billwright.billing.access.models import Membership, Organization, User
from billwright.billing.access.password_resets import is_usable, request_password_reset, reset_password
from billwright.billing.access.passwords import hash_password, is_acceptable, verify_password
from billwright.billing.access.permissions import permissions_of
from billwright.billing.access.service import add_membership, create_organization
from billwright.billing.access.sessions import (
    SignedIn,
    load_principal,
    load_session,
    log_out_everywhere,
    login,
    needs_refresh,
    open_session,
    organizations_of,
    refresh_session,
    revoke_all_sessions,
    revoke_session,
)
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.errors import Forbidden, NotFound, RateLimited, Unauthorized, ValidationFailed
from billwright.server.attempts import MemoryAttempts, RedisAttempts

EMAIL, PASSWORD, NEW = "gavin@hooli.test", "Correct-horse-7", "Battery-staple-8"
WRONG = {"base": ["incorrect_login_or_password"]}


@pytest.fixture
async def hooli(database: Database) -> Organization:
    async with database.transaction() as session:
        created = await create_organization(session, "Hooli", owner_email=EMAIL, owner_password=PASSWORD)
    return created.organization


async def _login(database: Database, email: str = EMAIL, password: str = PASSWORD, attempts: object = None):
    async with database.transaction() as session:
        return await login(session, email, password, ip="192.0.2.1", attempts=attempts or MemoryAttempts())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("password", "fine"),
    [
        (PASSWORD, True),
        ("Aa1!aaaa", True),
        ("Ää1 €aaaa", True),
        ("Aa1!aaa", False),
        ("aa1!aaaa", False),
        ("AA1!AAAA", False),
        ("Aaa!aaaa", False),
        ("Aa1aaaaa", False),
        ("Aa1 aaaa", False),
        ("Aa1!" + "a" * 124, True),
        ("Aa1!" + "a" * 125, False),
        ("Aa1!aaaa\x00", False),
        ("", False),
    ],
)
def test_password_rules(password: str, fine: bool) -> None:
    assert is_acceptable(password) is fine


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes as the product makes them: the library's own parameters, RFC 9106's second choice."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())
    monkeypatch.setattr(passwords, "_dummy", [])


@pytest.mark.usefixtures("costly")
async def test_hashes() -> None:
    stored = await hash_password(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await verify_password(stored, PASSWORD)
    assert not await verify_password(stored, PASSWORD + "x")
    assert not await verify_password(None, PASSWORD)
    assert not await verify_password(stored, PASSWORD + "\x00")
    assert not await verify_password("not a hash", PASSWORD)


async def test_login(database: Database, hooli: Organization) -> None:
    signed_in = await _login(database, " GAVIN@hooli.test ")
    assert signed_in.session.login_method == "email_password"
    left = signed_in.session.expires_at - system_now()
    assert timedelta(hours=2, minutes=59) < left <= timedelta(hours=3)


@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, "Wrong-horse-7"), ("nobody@hooli.test", PASSWORD), (EMAIL, PASSWORD + "\x00"), (EMAIL + "\x00", PASSWORD),
     (EMAIL, ""), ("", ""), (EMAIL, "x" * 100_000), ("\ud800", PASSWORD)],
)  # fmt: skip
async def test_every_failure_looks_the_same(database: Database, hooli: Organization, email: str, password: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await _login(database, email, password)
    assert refused.value.details == WRONG


@pytest.mark.usefixtures("costly")
async def test_unknown_users_take_as_long(database: Database, hooli: Organization) -> None:
    async def seconds(email: str) -> float:
        best = 9.0
        for _ in range(5):
            started = time.perf_counter()
            with pytest.raises(ValidationFailed):
                await _login(database, email, "Wrong-horse-7")
            best = min(best, time.perf_counter() - started)
        return best

    known, unknown = await seconds(EMAIL), await seconds("nobody@hooli.test")
    assert unknown > known * 0.5


async def test_without_an_active_membership_no_login(database: Database, hooli: Organization) -> None:
    async with database.transaction() as session:
        await session.execute(text("update memberships set status = 'revoked', revoked_at = now()"))
    with pytest.raises(ValidationFailed) as refused:
        await _login(database)
    assert refused.value.details == WRONG


async def test_no_organization_allows_passwords(database: Database, hooli: Organization) -> None:
    async with database.transaction() as session:
        await session.execute(text("update organizations set authentication_methods = '[\"google_oauth\"]'"))
    with pytest.raises(ValidationFailed) as refused:
        await _login(database)
    assert refused.value.details == {"email_password": ["login_method_not_authorized"]}


@pytest.fixture(params=["memory", "redis"])
async def counter(request: pytest.FixtureRequest, redis_url: str):
    if request.param == "memory":
        yield MemoryAttempts()
        return
    client = redis.asyncio.Redis.from_url(redis_url)
    yield RedisAttempts(client)
    await client.aclose()


async def test_ten_failures_lock_a_person_out(database: Database, hooli: Organization, counter: object) -> None:
    for _ in range(10):
        with pytest.raises(ValidationFailed):
            await _login(database, EMAIL, "wrong", counter)
    with pytest.raises(RateLimited):
        await _login(database, EMAIL.upper(), PASSWORD, counter)
    with pytest.raises(ValidationFailed):
        await _login(database, "other@hooli.test", "wrong", counter)


async def test_a_success_forgives_failures(database: Database, hooli: Organization, counter: object) -> None:
    for _ in range(2):
        for _ in range(9):
            with pytest.raises(ValidationFailed):
                await _login(database, EMAIL, "wrong", counter)
        await _login(database, EMAIL, PASSWORD, counter)


async def test_parallel_guesses_do_not_slip_through(database: Database, hooli: Organization, counter: object) -> None:
    guesses = [_login(database, EMAIL, "wrong", counter) for _ in range(15)]
    results = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(each, RateLimited) for each in results) == 5


async def test_windows_end(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    for each in (RedisAttempts(client), MemoryAttempts()):
        assert [await each.add("x", timedelta(seconds=1)) for _ in range(3)] == [1, 2, 3]
        await asyncio.sleep(1.1)
        assert await each.add("x", timedelta(seconds=1)) == 1
    await client.aclose()


async def test_throttling_stays_on_without_redis() -> None:
    dead = redis.asyncio.Redis.from_url("redis://127.0.0.1:1/0")
    attempts = RedisAttempts(dead)
    assert [await attempts.add("x", timedelta(minutes=1)) for _ in range(3)] == [1, 2, 3]
    await attempts.clear("x")
    assert await attempts.add("x", timedelta(minutes=1)) == 1
    await dead.aclose()


async def test_sessions_slide_and_end(database: Database, hooli: Organization) -> None:
    opened = (await _login(database)).session
    assert not needs_refresh(opened)
    async with database.transaction() as session:
        await session.execute(text("update user_sessions set expires_at = now() + interval '59 minutes'"))
    async with database.transaction() as session:
        loaded = (await load_session(session, opened.id)).session
        assert needs_refresh(loaded)
        assert await refresh_session(session, loaded) - system_now() > timedelta(hours=2, minutes=59)
    async with database.transaction() as session:
        await session.execute(text("update user_sessions set expires_at = now()"))
    async with database.reading() as session:
        with pytest.raises(Unauthorized):
            await load_session(session, opened.id)


async def test_log_out_and_log_out_everywhere(database: Database, hooli: Organization) -> None:
    first, second, third = [(await _login(database)).session for _ in range(3)]
    async with database.transaction() as session:
        await revoke_session(session, first.id)
    async with database.transaction() as session:
        await load_session(session, second.id)
        with pytest.raises(Unauthorized):
            await load_session(session, first.id)
        before = await refresh_session(session, first)
        assert before == first.expires_at
    async with database.transaction() as session:
        await revoke_all_sessions(session, second.user_id)
    async with database.reading() as session:
        for each in (second, third):
            with pytest.raises(Unauthorized):
                await load_session(session, each.id)
    assert (await _login(database)).session.session_version == 2


async def test_the_principal_is_checked_on_every_request(database: Database, hooli: Organization) -> None:
    opened = (await _login(database)).session
    async with database.transaction() as session:
        other = (await create_organization(session, "Aviato")).organization
    async with database.transaction() as session:
        by_id = await load_principal(session, opened.id, organization_id=hooli.id)
        by_slug = await load_principal(session, opened.id, slug="hooli")
        assert by_id.organization.id == by_slug.organization.id == hooli.id
        assert by_id.permissions == permissions_of(["admin"])
        context = by_id.context(session)
        assert (context.actor.kind, context.actor.id) == ("user", opened.user_id)
        for wrong in ({"organization_id": other.id}, {"slug": "nothing"}, {}):
            with pytest.raises(Forbidden, match="not_organization_member"):
                await load_principal(session, opened.id, **wrong)
    async with database.transaction() as session:
        membership = await session.get_one(Membership, by_id.membership.id)
        membership.roles = ["finance"]
    async with database.transaction() as session:
        assert (await load_principal(session, opened.id, slug="hooli")).permissions == permissions_of(["finance"])
        made = await session.get_one(Organization, hooli.id)
        made.authentication_methods = ["okta"]
        await session.flush()
        with pytest.raises(Forbidden, match="login_method_not_authorized"):
            await load_principal(session, opened.id, slug="hooli")
    async with database.transaction() as session:
        await session.execute(text("update memberships set status = 'revoked'"))
        with pytest.raises(Forbidden, match="not_organization_member"):
            await load_principal(session, opened.id, slug="hooli")


async def test_an_okta_session_opens_only_its_own_organization(database: Database, hooli: Organization) -> None:
    async with database.transaction() as session:
        aviato = (await create_organization(session, "Aviato", owner_email=EMAIL)).organization
        zeta = (await create_organization(session, "Zeta", owner_email=EMAIL)).organization
        for each in (aviato, zeta):
            each.authentication_methods = ["okta"]
        user = (await session.execute(text("select id from users"))).scalar_one()
        found = await session.get_one(User, user)
        opened = await open_session(session, found, "okta", provider_organization_id=zeta.id)
        assert (await load_principal(session, opened.id, slug="zeta")).organization.id == zeta.id
        with pytest.raises(Forbidden, match="login_method_not_authorized"):
            await load_principal(session, opened.id, slug="aviato")
        choices = await organizations_of(session, await load_session(session, opened.id))
        assert [(each.organization.name, each.accessible) for each in choices] == [
            ("Zeta", True),
            ("Aviato", False),
            ("Hooli", False),
        ]


async def test_an_okta_session_logs_out_of_its_own_okta_only(database: Database, hooli: Organization) -> None:
    """Spec 07 §4.2: whoever runs a tenant does not speak for the person elsewhere."""
    by_password = await _login(database)
    async with database.transaction() as session:
        user = await session.get_one(User, by_password.user.id)
        bound = [await open_session(session, user, "okta", provider_organization_id=hooli.id) for _ in range(2)]
        await log_out_everywhere(session, SignedIn(bound[0], user))
    async with database.transaction() as session:
        for each in bound:
            with pytest.raises(Unauthorized):
                await load_session(session, each.id)
        found = await load_session(session, by_password.session.id)
        await log_out_everywhere(session, found)
        with pytest.raises(Unauthorized):
            await load_session(session, by_password.session.id)


async def test_one_active_membership_per_organization(database: Database, hooli: Organization) -> None:
    signed_in = await _login(database)
    with pytest.raises(Exception, match="uq_memberships_active"):
        async with database.transaction() as session:
            await add_membership(session, signed_in.user.id, hooli.id, ["finance"])


async def _request(database: Database, email: str = EMAIL, attempts: object = None):
    async with database.transaction() as session:
        return await request_password_reset(session, email, ip="192.0.2.1", attempts=attempts or MemoryAttempts())  # type: ignore[arg-type]


async def test_reset(database: Database, hooli: Organization) -> None:
    before = (await _login(database)).session
    first, second = await _request(database), await _request(database, " Gavin@Hooli.TEST")
    assert first is not None
    assert second is not None
    assert len(first.token) == 40
    async with database.transaction() as session:
        assert await is_usable(session, first.token)
        done = await reset_password(session, first.token, NEW)
        assert done.session is not None
        assert (await load_session(session, done.session.id)).user.email == EMAIL
        with pytest.raises(Unauthorized):
            await load_session(session, before.id)
        for token in (first.token, second.token):
            with pytest.raises(NotFound, match="password_reset"):
                await reset_password(session, token, NEW)
    await _login(database, EMAIL, NEW)
    with pytest.raises(ValidationFailed):
        await _login(database, EMAIL, PASSWORD)


@pytest.mark.parametrize(
    ("token", "password", "details"),
    [
        ("x", "", {"new_password": ["missing_password"]}),
        ("", NEW, {"token": ["missing_token"]}),
    ],
)
async def test_reset_input(database: Database, token: str, password: str, details: dict[str, list[str]]) -> None:
    async with database.transaction() as session:
        with pytest.raises(ValidationFailed) as refused:
            await reset_password(session, token, password)
    assert refused.value.details == details


async def test_reset_tokens_expire_after_thirty_minutes(database: Database, hooli: Organization) -> None:
    requested = await _request(database)
    assert requested is not None
    async with database.transaction() as session:
        left = (await session.execute(text("select expires_at from password_resets"))).scalar_one() - system_now()
        assert timedelta(minutes=29) < left <= timedelta(minutes=30)
        await session.execute(text("update password_resets set expires_at = now()"))
    async with database.transaction() as session:
        with pytest.raises(NotFound):
            await reset_password(session, requested.token, NEW)


async def test_a_weak_new_password_leaves_the_token_usable(database: Database, hooli: Organization) -> None:
    requested = await _request(database)
    assert requested is not None
    with pytest.raises(ValidationFailed) as refused:
        async with database.transaction() as session:
            await reset_password(session, requested.token, "weak")
    assert refused.value.details == {"password": ["value_is_invalid"]}
    async with database.reading() as session:
        assert await is_usable(session, requested.token)


async def test_a_user_without_membership_gets_the_password_but_no_session(
    database: Database, hooli: Organization
) -> None:
    requested = await _request(database)
    assert requested is not None
    async with database.transaction() as session:
        await session.execute(text("update memberships set status = 'revoked'"))
    async with database.transaction() as session:
        assert (await reset_password(session, requested.token, NEW)).session is None


@pytest.mark.parametrize("methods", [["okta"], ["email_password", "okta"]])
async def test_a_password_rescues_who_had_none(database: Database, methods: list[str]) -> None:
    """Spec 07 §3.5: people of single sign-on get the mail as well; the session is subject to what is allowed."""
    async with database.transaction() as session:
        made = await create_organization(session, "Aviato", owner_email=EMAIL)
        made.organization.authentication_methods = methods
    with pytest.raises(ValidationFailed) as refused:
        await _login(database)
    assert refused.value.details == WRONG
    requested = await _request(database)
    assert requested is not None
    async with database.transaction() as session:
        done = await reset_password(session, requested.token, NEW)
    assert (done.session is not None) == ("email_password" in methods)
    if "email_password" in methods:
        assert (await _login(database, password=NEW)).session.login_method == "email_password"
    else:
        with pytest.raises(ValidationFailed) as refused:
            await _login(database, password=NEW)
        assert refused.value.details == {"email_password": ["login_method_not_authorized"]}


async def test_reset_requests_tell_nothing_and_are_limited(database: Database, hooli: Organization) -> None:
    assert await _request(database, "nobody@hooli.test") is None
    assert await _request(database, "nonsense\x00") is None
    counter = MemoryAttempts()
    for _ in range(5):
        await _request(database, EMAIL, counter)
    with pytest.raises(RateLimited):
        await _request(database, EMAIL, counter)

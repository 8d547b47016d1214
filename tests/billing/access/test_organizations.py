"""Creating organizations, their names, and API keys (spec 04 §4, 07 §2, §3.1)."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from billwright.billing.access.api_keys import (
    create_api_key,
    delete_api_key,
    digest_of,
    find_active,
    list_api_keys,
    masked,
    rotate_api_key,
    store_last_use,
)
from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.naming import billing_entity_code, check_slug, document_prefix, numbered_slug, slug_base
from billwright.billing.access.permissions import all_api_permissions
from billwright.billing.access.revision import bump_catalog
from billwright.billing.access.schemas import OrganizationUpdate
from billwright.billing.access.service import (
    create_organization,
    register_user,
    rename_slug,
    update_organization,
)
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.errors import NotAllowed, NotFound, ValidationFailed

PASSWORD = "Correct-horse-7"


async def test_a_live_organization(database: Database) -> None:
    async with database.transaction() as session:
        created = await create_organization(session, "Hooli", owner_email=" Gavin@Hooli.test ", owner_password=PASSWORD)
    made = created.organization
    assert (made.name, made.slug, made.kind, made.clock_now) == ("Hooli", "hooli", "live", None)
    assert (made.timezone, made.default_currency, made.document_numbering) == ("UTC", "USD", "per_customer")
    assert made.authentication_methods == ["email_password", "google_oauth"]
    assert created.owner is not None
    assert created.owner.email == "gavin@hooli.test"
    assert uuid.UUID(created.api_key_value).version == 4
    async with database.reading() as session:
        found = await find_active(session, created.api_key_value)
        assert found is not None
        key, organization = found
        assert organization.id == made.id
        assert (key.name, key.expires_at, key.permissions) == (None, None, all_api_permissions())
        assert key.digest == digest_of(created.api_key_value)
        assert masked(key) == "••••••••" + created.api_key_value[-3:]
        stored = (await session.execute(text("select to_jsonb(api_keys)::text from api_keys"))).scalar_one()
        assert created.api_key_value not in stored
        roles = (await session.execute(text("select roles, status from memberships"))).one()
        assert tuple(roles) == (["admin"], "active")


async def test_a_sandbox_begins_at_its_clock(database: Database) -> None:
    begin = datetime(2024, 1, 15, 10, tzinfo=UTC)
    async with database.transaction() as session:
        made = (await create_organization(session, "Sand", kind="sandbox", clock=begin)).organization
        assert (made.kind, made.clock_now, made.created_at) == ("sandbox", begin, begin)
        assert Context(session, made).now() == begin
    with pytest.raises(ValidationFailed):
        async with database.transaction() as session:
            await create_organization(session, "Live", clock=begin)


@pytest.mark.parametrize(
    ("arguments", "details"),
    [
        ({"name": " "}, {"name": ["value_is_mandatory"]}),
        ({"name": "x" * 256}, {"name": ["value_is_too_long"]}),
        ({"name": "A", "kind": "other"}, {"kind": ["value_is_invalid"]}),
        ({"name": "A", "owner_email": "nobody"}, {"email": ["invalid_email_format"]}),
        ({"name": "A", "owner_email": "a@b.test", "owner_password": "weak"}, {"password": ["value_is_invalid"]}),
    ],
)
async def test_refused(database: Database, arguments: dict[str, str], details: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        async with database.transaction() as session:
            await create_organization(session, **arguments)
    assert refused.value.details == details


async def test_registration(database: Database) -> None:
    async with database.transaction() as session:
        await register_user(session, "a@b.test", PASSWORD, "First")
    with pytest.raises(ValidationFailed) as refused:
        async with database.transaction() as session:
            await register_user(session, "A@B.test", PASSWORD, "Second")
    assert refused.value.details == {"email": ["user_already_exists"]}
    with pytest.raises(NotAllowed, match="signup_disabled"):
        async with database.transaction() as session:
            await register_user(session, "c@b.test", PASSWORD, "Third", signup_enabled=False)
    async with database.transaction() as session:
        second = await create_organization(session, "Fourth", owner_email="a@b.test")
        assert second.owner is not None
        count = (await session.execute(text("select count(*) from memberships"))).scalar_one()
        assert count == 2


async def test_one_address_registers_once_under_concurrency(database: Database) -> None:
    async def register(name: str) -> dict[str, list[str]] | None:
        try:
            async with database.transaction() as session:
                await register_user(session, "a@b.test", PASSWORD, name)
        except ValidationFailed as refused:
            return refused.details
        return None

    done = await asyncio.gather(*(register(f"Organization {number}") for number in range(4)))
    assert done.count(None) == 1
    assert done.count({"email": ["user_already_exists"]}) == 3


async def test_slugs_are_unique_under_concurrency(database: Database) -> None:
    async def make() -> str:
        async with database.transaction() as session:
            return (await create_organization(session, "Hooli")).organization.slug

    slugs = await asyncio.gather(*(make() for _ in range(5)))
    assert sorted(slugs) == ["hooli", "hooli-2", "hooli-3", "hooli-4", "hooli-5"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Hooli", "hooli"),
        ("  Käse & Söhne GmbH ", "kase-sohne-gmbh"),
        ("日本", "org"),
        ("A", "org-a"),
        ("API", "api-org"),
        ("x" * 60, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_slug_from_a_name(name: str, slug: str) -> None:
    assert slug_base(name) == slug
    assert check_slug(slug_base(name)) == slug
    assert check_slug(numbered_slug(slug, 12)).endswith("-12")


@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("ab", "value_is_invalid"),
        ("-ab", "value_is_invalid"),
        ("a_b", "value_is_invalid"),
        ("a" * 41, "value_is_invalid"),
        ("login", "value_is_reserved"),
        ("graphql", "value_is_reserved"),
    ],
)
def test_bad_slugs(slug: str, code: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_slug(slug)
    assert refused.value.details == {"slug": [code]}


async def test_a_slug_can_be_changed(database: Database) -> None:
    async with database.transaction() as session:
        await create_organization(session, "Taken")
        created = await create_organization(session, "Hooli")
        ctx = Context(session, created.organization)
        assert (await rename_slug(ctx, "Hooli-XYZ")).slug == "hooli-xyz"
        with pytest.raises(ValidationFailed) as refused:
            await rename_slug(ctx, "taken")
        assert refused.value.details == {"slug": ["value_already_exist"]}


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("Hooli", "HOO-A1B2"), ("é t c", "ETC-A1B2"), ("3M", "M-A1B2"), ("42", "42-A1B2"), ("日", "ORG-A1B2")],
)
def test_document_prefix(name: str, prefix: str) -> None:
    """Spec 04 §4."""
    assert document_prefix(name, uuid.UUID("00000000-0000-4000-8000-00000000a1b2")) == prefix
    assert len(prefix) <= 10


def test_billing_entity_code() -> None:
    made = Organization(name="Hooli & Co.", slug="x", document_number_prefix="x")  # type: ignore[call-arg]
    assert billing_entity_code(made) == "hooli_co"


async def test_an_update_says_what_changed(database: Database) -> None:
    async with database.transaction() as session:
        ctx = Context(session, (await create_organization(session, "Hooli")).organization)
        sent = {"net_payment_term": 30, "timezone": "UTC", "billing_configuration": {"invoice_grace_period": 3}}
        change = await update_organization(ctx, OrganizationUpdate.parse(sent))
        assert change.changed == {"net_payment_term": (0, 30), "invoice_grace_period": (0, 3)}
        assert (change.moves_drafts, change.moves_due_dates) == (True, False)
        change = await update_organization(ctx, OrganizationUpdate.parse({"timezone": "Asia/Tokyo"}))
        assert (change.moves_drafts, change.moves_due_dates) == (False, True)
        assert (await update_organization(ctx, OrganizationUpdate.parse({"timezone": "Asia/Tokyo"}))).changed == {}


async def test_catalog_revisions_are_never_shared(database: Database) -> None:
    async with database.transaction() as session:
        organization = (await create_organization(session, "Hooli")).organization

    async def bump() -> int:
        async with database.transaction() as session:
            ctx = Context(session, await session.get_one(Organization, organization.id))
            await bump_catalog(ctx)
            return ctx.organization.catalog_revision

    assert sorted(await asyncio.gather(*(bump() for _ in range(8)))) == list(range(1, 9))


async def test_rotation(database: Database) -> None:
    """Spec 07 §2.2: K1 rotated with "24 hours"; deleting K2 is refused meanwhile, deleting K1 is allowed."""
    async with database.transaction() as session:
        created = await create_organization(session, "Hooli")
        ctx = Context(session, created.organization)
        limited = await create_api_key(ctx, "ci", {"tax": ["read"]})
        await delete_api_key(ctx, created.api_key.id)
        rotated = await rotate_api_key(ctx, limited.key.id, expires_at=system_now() + timedelta(hours=24))
        assert (rotated.key.name, rotated.key.permissions, rotated.key.expires_at) == ("ci", {"tax": ["read"]}, None)
        assert re.fullmatch(r"[0-9a-f-]{36}", rotated.value)
        assert await find_active(session, limited.value) is not None
        with pytest.raises(ValidationFailed) as refused:
            await delete_api_key(ctx, rotated.key.id)
        assert refused.value.details == {"base": ["last_non_expiring_api_key"]}
        await delete_api_key(ctx, limited.key.id)
        assert await find_active(session, limited.value) is None
        assert [key.id for key in await list_api_keys(ctx)] == [rotated.key.id]
        past = await rotate_api_key(ctx, rotated.key.id, name="new", expires_at=system_now() - timedelta(days=1))
        assert past.key.name == "new"
        assert await find_active(session, rotated.value) is None


async def test_deleting_the_last_two_keys_at_once_leaves_one(database: Database) -> None:
    async with database.transaction() as session:
        created = await create_organization(session, "Hooli")
        second = await create_api_key(Context(session, created.organization))

    async def remove(key_id: uuid.UUID) -> bool:
        try:
            async with database.transaction() as session:
                await delete_api_key(Context(session, created.organization), key_id)
        except ValidationFailed:
            return False
        return True

    done = await asyncio.gather(remove(created.api_key.id), remove(second.key.id))
    assert sorted(done) == [False, True]


async def test_last_uses_are_stored_in_one_statement_and_never_backwards(database: Database) -> None:
    """Spec 07 §2.5."""
    now = system_now()
    async with database.transaction() as session:
        ctx = Context(session, (await create_organization(session, "Hooli")).organization)
        keys = [(await create_api_key(ctx)).key.id for _ in range(3)]
    for used in (
        {},
        {keys[0]: now, keys[1]: now},
        {keys[0]: now - timedelta(minutes=1), keys[1]: now + timedelta(minutes=1), uuid.uuid4(): now},
    ):
        async with database.transaction() as session:
            await store_last_use(session, used)
    async with database.reading() as session:
        stored = {key.id: key.last_used_at for key in await list_api_keys(Context(session, ctx.organization))}
    assert [stored[key] for key in keys] == [now, now + timedelta(minutes=1), None]


async def test_keys_of_another_organization_do_not_exist(database: Database) -> None:
    async with database.transaction() as session:
        mine = await create_organization(session, "Mine")
        other = await create_organization(session, "Other")
        ctx = Context(session, mine.organization)
        for attempt in (delete_api_key, rotate_api_key):
            with pytest.raises(NotFound, match="api_key"):
                await attempt(ctx, other.api_key.id)

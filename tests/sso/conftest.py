"""An organization, its pages, and a provider that proves who somebody is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.graphql.support import World
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider, identity_provider
from tests.ui.conftest import world as world

APP = "http://billwright.test"


@pytest.fixture
async def provider(world: World) -> AsyncIterator[IdentityProvider]:
    """Both as Google of the installation and as a host for Okta connections."""
    async with identity_provider() as running:
        running.redirect_uris = {f"{APP}/auth/google/callback", f"{APP}/auth/okta/callback"}
        world.app.state.settings = world.settings.model_copy(
            update={
                "google_client_id": CLIENT_ID,
                "google_client_secret": type(world.settings.secret_key)(CLIENT_SECRET),
                "google_discovery_url": f"{running.url}/.well-known/openid-configuration",
                "sso_allow_loopback": True,
            }
        )
        yield running

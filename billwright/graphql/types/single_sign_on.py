"""Signing in by a provider, and the Okta connection."""

from __future__ import annotations

import strawberry

from billwright.billing.access import models
from billwright.graphql.types.access import CurrentUser, OrganizationEntry
from billwright.graphql.types.common import f


@strawberry.type(description="Where the browser goes to sign in.")
class AuthorizeUrl:
    url: str = f("Address of the provider.")


@strawberry.type(description="A session opened by a provider.")
class SignOn:
    token: str = f("Bearer token of the session.")
    user: CurrentUser = f("Who signed in.")
    next: str = f("Where the person wanted to go; empty without a wish.")


@strawberry.type(description="A new organization whose admin signed up by Google.")
class GoogleRegisterUser:
    token: str = f("Bearer token of the session.")
    user: CurrentUser = f("Who signed up.")
    organization: OrganizationEntry = f("The organization.")


@strawberry.type(description="An identity that Google proved, kept for the sign-up form.")
class GoogleIdentity:
    email: str = f("E-mail address.")


@strawberry.type(description="How members sign in by Okta.")
class OktaIntegration:
    id: strawberry.ID = f("Internal id.")
    domain: str = f("Domain of the members' e-mail addresses.")
    client_id: str = f("Client id at Okta.")
    organization_name: str = f("Name of the Okta organization.")
    host: str | None = f("Host, where it is not <organization name>.okta.com.")
    default_role: str | None = f("Role of people who join by signing in; without one an admin gives it.")

    @strawberry.field(description="The client secret, masked.")
    def client_secret(self, root: strawberry.Parent[models.OktaConnection]) -> str:
        return "•" * 8 + "…" + root.secret_hint


@strawberry.type(description="A connection that is gone.")
class DestroyedIntegration:
    id: strawberry.ID = f("Internal id.")

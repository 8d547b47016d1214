"""Signing in by Google and Okta (spec 07 §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from billwright.billing.access import single_sign_on
from billwright.billing.access.okta import OktaConnection, connection_by_id, connection_for
from billwright.billing.access.service import CreatedOrganization
from billwright.billing.access.sessions import SignedIn
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.kernel.errors import NotAllowed, ValidationFailed
from billwright.billing.kernel.validators import normal_email
from billwright.server.settings import Settings
from billwright.sso.openid import CodeRefused, OpenIdClient, Provider, ProviderUnavailable, TokenInvalid
from billwright.sso.pending import MODES, Attempt, PendingSignIns, Proven

GOOGLE, OKTA = "google", "okta"
GOOGLE_CALLBACK: Final = "/auth/google/callback"
OKTA_CALLBACK: Final = "/auth/okta/callback"


def refused(code: str) -> ValidationFailed:
    """An error of the flow as a whole."""
    return ValidationFailed(base=code)


@dataclass(frozen=True, slots=True)
class Done:
    """A session, and where its person wanted to go."""

    signed_in: SignedIn
    next: str = ""


class SingleSignOn:
    """The flows of both providers. ``browser``: value of a short-lived cookie that binds a flow to its browser."""

    def __init__(self, settings: Settings, database: Database, box: SecretBox, redis: Any) -> None:
        self._settings = settings
        self._database = database
        self._box = box
        self._pending = PendingSignIns(redis)
        self._client = OpenIdClient(allow_private=settings.sso_allow_loopback)

    async def close(self) -> None:
        """Close what is open."""
        await self._client.close()

    # --- Google --------------------------------------------------------------------------------------------------

    @property
    def has_google(self) -> bool:
        """Whether this installation is registered with Google."""
        return bool(self._settings.google_client_id and self._settings.google_client_secret.get_secret_value())

    async def google_url(self, mode: str, browser: str, *, invite_token: str = "", next: str = "") -> str:
        """Where the browser goes. Raises ``google_auth_missing_setup``, ``value_is_invalid``, ``signup_disabled``."""
        if mode not in MODES:
            raise ValidationFailed(mode="value_is_invalid")
        if mode == "signup" and not self._settings.signup_enabled:
            raise NotAllowed("signup_disabled")
        provider = await self._google()
        state, attempt = await self._pending.begin(GOOGLE, mode, browser, next=next, invite_token=invite_token)
        return self._client.authorization_url(provider, state=state, nonce=attempt.nonce, verifier=attempt.verifier)

    async def google_login(self, code: str, state: str, browser: str | None) -> Done:
        """Sign a known person in."""
        attempt, email = await self._google_identity(code, state, browser, "login")
        async with self._database.transaction() as session:
            return Done(await single_sign_on.login_by_google(session, email), attempt.next)

    async def google_prove(self, code: str, state: str, browser: str | None) -> str:
        """Keep the person's e-mail for ``google_register``, for ten minutes and this browser; returns it."""
        _, email = await self._google_identity(code, state, browser, "signup")
        assert browser
        await self._pending.keep(browser, Proven(email))
        return email

    async def google_proven(self, browser: str | None) -> str | None:
        """The e-mail that Google proved for this browser."""
        found = await self._pending.proven(browser)
        return found.email if found else None

    async def google_register(self, organization_name: str, browser: str | None) -> tuple[CreatedOrganization, Done]:
        """A new organization for the person that Google proved. Raises ``invalid_google_token`` without one."""
        if not self._settings.signup_enabled:
            raise NotAllowed("signup_disabled")
        proven = await self._pending.proven(browser)
        if proven is None:
            raise refused("invalid_google_token")
        async with self._database.transaction() as session:
            created, signed_in = await single_sign_on.register_by_google(session, proven.email, organization_name)
        await self._pending.proven(browser, take=True)
        return created, Done(signed_in)

    async def google_accept(self, code: str, state: str, browser: str | None) -> Done:
        """Join by the invitation with which the flow began."""
        attempt, email = await self._google_identity(code, state, browser, "invite")
        async with self._database.transaction() as session:
            return Done(await single_sign_on.accept_by_google(session, attempt.invite_token, email))

    async def _google_identity(self, code: str, state: str, browser: str | None, mode: str) -> tuple[Attempt, str]:
        attempt = await self._pending.take(state, browser, GOOGLE)
        if attempt is None or attempt.mode != mode:
            raise refused("state_not_found")
        if not code:
            raise refused("invalid_google_code")
        provider = await self._google()
        try:
            tokens = await self._client.exchange(provider, code, attempt.verifier)
            claims = await self._client.claims(provider, tokens, attempt.nonce)
        except (CodeRefused, ProviderUnavailable):
            raise refused("invalid_google_code") from None
        except TokenInvalid:
            raise refused("invalid_google_token") from None
        email = claims.get("email")
        if claims.get("email_verified") is not True or not isinstance(email, str) or not email:
            raise refused("invalid_google_token")
        return attempt, normal_email(email)

    async def _google(self) -> Provider:
        settings = self._settings
        if not self.has_google:
            raise refused("google_auth_missing_setup")
        try:
            found = await self._client.document(settings.google_discovery_url)
        except ProviderUnavailable:
            raise refused("google_auth_unavailable") from None
        issuer = str(found.get("issuer") or "")
        if not issuer:
            raise refused("google_auth_unavailable")
        return Provider(
            name=GOOGLE,
            issuers=frozenset({issuer, issuer.removeprefix("https://")}),
            authorization_endpoint=str(found.get("authorization_endpoint", "")),
            token_endpoint=str(found.get("token_endpoint", "")),
            jwks_uri=str(found.get("jwks_uri", "")),
            userinfo_endpoint=str(found.get("userinfo_endpoint", "")),
            client_id=settings.google_client_id,
            client_secret=settings.google_client_secret.get_secret_value(),
            redirect_uri=settings.app_url + GOOGLE_CALLBACK,
        )

    # --- Okta ----------------------------------------------------------------------------------------------------

    async def okta_url(self, email: str, browser: str, *, invite_token: str = "", next: str = "") -> str:
        """Where the browser goes: the provider of the e-mail's domain.

        Raises ``domain_not_configured``, ``invite_not_found``, ``invite_email_mismatch``.
        """
        address = normal_email(email)
        async with self._database.reading() as session:
            connection = await connection_for(session, address)
            if connection is None:
                raise refused("domain_not_configured")
            if invite_token:
                await single_sign_on.check_invite(session, invite_token, address)
        mode = "invite" if invite_token else "login"
        state, attempt = await self._pending.begin(
            OKTA, mode, browser, next=next, email=address, invite_token=invite_token, connection=str(connection.id)
        )
        return self._client.authorization_url(
            self._okta(connection), state=state, nonce=attempt.nonce, verifier=attempt.verifier, login_hint=address
        )

    async def okta_login(self, code: str, state: str, browser: str | None) -> Done:
        """Sign in to the connection's organization, and to no other."""
        attempt, connection, email = await self._okta_identity(code, state, browser, "login")
        async with self._database.transaction() as session:
            return Done(await single_sign_on.login_by_okta(session, connection, email), attempt.next)

    async def okta_accept(self, code: str, state: str, browser: str | None) -> Done:
        """Join by the invitation with which the flow began."""
        attempt, connection, email = await self._okta_identity(code, state, browser, "invite")
        async with self._database.transaction() as session:
            return Done(await single_sign_on.accept_by_okta(session, connection, attempt.invite_token, email))

    async def _okta_identity(
        self, code: str, state: str, browser: str | None, mode: str
    ) -> tuple[Attempt, OktaConnection, str]:
        attempt = await self._pending.take(state, browser, OKTA)
        if attempt is None or attempt.mode != mode:
            raise refused("state_not_found")
        if not code:
            raise refused("code_not_found")
        async with self._database.reading() as session:
            connection = await connection_by_id(session, UUID(attempt.connection))
        if connection is None:
            raise refused("domain_not_configured")
        provider = self._okta(connection)
        try:
            tokens = await self._client.exchange(provider, code, attempt.verifier)
            claims = await self._client.claims(provider, tokens, attempt.nonce)
            person = await self._client.userinfo(provider, tokens)
        except (CodeRefused, ProviderUnavailable):
            raise refused("okta_request_error") from None
        except TokenInvalid:
            raise refused("invalid_okta_token") from None
        return attempt, connection, self._okta_email(attempt, connection, claims, person)

    def _okta_email(
        self, attempt: Attempt, connection: OktaConnection, claims: Mapping[str, Any], person: Mapping[str, Any]
    ) -> str:
        email = person.get("email")
        wrong = claims.get("email_verified") is False or person.get("email_verified") is False
        if not isinstance(email, str) or wrong or person.get("sub", claims.get("sub")) != claims.get("sub"):
            raise refused("okta_userinfo_error")
        address = normal_email(email)
        if address != attempt.email or address.rpartition("@")[2] != connection.domain:
            raise refused("okta_userinfo_error")
        return address

    def _okta(self, connection: OktaConnection) -> Provider:
        host = connection.effective_host
        scheme = "http" if self._settings.sso_allow_loopback and host.startswith("127.0.0.1") else "https"
        base = f"{scheme}://{host}"
        return Provider(
            name=OKTA,
            issuers=frozenset({base}),
            authorization_endpoint=f"{base}/oauth2/v1/authorize",
            token_endpoint=f"{base}/oauth2/v1/token",
            jwks_uri=f"{base}/oauth2/v1/keys",
            userinfo_endpoint=f"{base}/oauth2/v1/userinfo",
            client_id=connection.client_id,
            client_secret=self._box.open(connection.sealed_secret),
            redirect_uri=self._settings.app_url + OKTA_CALLBACK,
            scope="openid profile email",
        )

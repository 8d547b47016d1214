"""The OpenID Connect code flow with PKCE and nonce, on Authlib (spec 07 §4.3)."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

with warnings.catch_warnings():
    from authlib.common.errors import AuthlibBaseError
    from authlib.deprecate import AuthlibDeprecationWarning

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # about the HTTP library that it will change to
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from authlib.oidc.core import CodeIDToken

from billwright.sso.http import SECONDS, JudgedTransport, json_object

log = structlog.get_logger(__name__)
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_SECONDS = 60
REMEMBERED_SECONDS = 3600


class ProviderUnavailable(Exception):
    """The provider cannot be reached, or answers what cannot be used."""


class CodeRefused(Exception):
    """The provider does not exchange this code."""


class TokenInvalid(Exception):
    """An ID token that does not prove anything: signature, issuer, audience, time or nonce."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider lives, and who we are to it. ``redirect_uri`` is a fixed address of ours."""

    name: str
    issuers: frozenset[str]
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    client_id: str
    client_secret: str
    redirect_uri: str
    scope: str = "openid email profile"

    def __repr__(self) -> str:
        return f"Provider({self.name})"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was exchanged for; kept in memory only."""

    id_token: str
    access_token: str

    def __repr__(self) -> str:
        return "Tokens()"


class OpenIdClient:
    """Speaks with providers. Discovery documents and keys are remembered for an hour."""

    def __init__(self, *, allow_private: bool = False) -> None:
        self._transport = JudgedTransport(allow_private=allow_private)
        self._remembered: dict[str, tuple[float, Mapping[str, Any]]] = {}

    async def document(self, url: str, *, fresh: bool = False) -> Mapping[str, Any]:
        """A JSON object from the provider, remembered. Raises ``ProviderUnavailable``."""
        known = self._remembered.get(url)
        if known is not None and not fresh and known[0] > time.monotonic():
            return known[1]
        found = await self._get(url)
        if len(self._remembered) > 1000:
            self._remembered.clear()
        self._remembered[url] = (time.monotonic() + REMEMBERED_SECONDS, found)
        return found

    def authorization_url(self, provider: Provider, *, state: str, nonce: str, verifier: str, **further: str) -> str:
        """Where the browser goes: code flow, PKCE with S256, nonce."""
        client = self._client(provider)
        url, _ = client.create_authorization_url(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            provider.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier, **further
        )
        return str(url)  # pyright: ignore[reportUnknownArgumentType]

    async def exchange(self, provider: Provider, code: str, verifier: str) -> Tokens:
        """The tokens for a code. Raises ``CodeRefused`` or ``ProviderUnavailable``."""
        client = self._client(provider)
        try:
            found: Any = await client.fetch_token(  # pyright: ignore[reportUnknownMemberType]
                provider.token_endpoint, code=code, code_verifier=verifier, grant_type="authorization_code"
            )
        except AuthlibBaseError as refused:
            log.info("code_refused", provider=provider.name, error=refused.error)
            raise CodeRefused from None
        except httpx.HTTPStatusError as failure:
            raise ProviderUnavailable(f"status {failure.response.status_code}") from None
        except (httpx.HTTPError, ValueError) as failure:
            raise ProviderUnavailable(type(failure).__name__) from None
        id_token, access_token = found.get("id_token"), found.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise ProviderUnavailable("no tokens in the answer")
        return Tokens(id_token, access_token)

    async def claims(self, provider: Provider, tokens: Tokens, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that was issued by this provider, for us, now, for this request.

        Keys are fetched anew once for an unknown ``kid``. Raises ``TokenInvalid`` or ``ProviderUnavailable``.
        """
        try:
            verified = await self._verified(provider, tokens.id_token)
            claims = CodeIDToken(
                verified.claims,
                verified.header,
                options={
                    "iss": {"essential": True, "values": sorted(provider.issuers)},
                    "aud": {"essential": True, "value": provider.client_id},
                    "exp": {"essential": True},
                    "iat": {"essential": True},
                    "nonce": {"essential": True, "value": nonce},
                },
                params={"nonce": nonce, "client_id": provider.client_id, "access_token": tokens.access_token},
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as failure:
            log.info("token_refused", provider=provider.name, error=type(failure).__name__)
            raise TokenInvalid from None
        return dict(claims)

    async def _verified(self, provider: Provider, token: str) -> jwt.Token:
        document = await self.document(provider.jwks_uri)
        try:
            return self._decoded(document, token)
        except (JoseError, ValueError):
            document = await self.document(provider.jwks_uri, fresh=True)
            return self._decoded(document, token)

    def _decoded(self, document: Mapping[str, Any], token: str) -> jwt.Token:
        keys = KeySet.import_key_set({"keys": document["keys"]})
        return jwt.decode(token, keys, algorithms=list(ALGORITHMS))

    async def userinfo(self, provider: Provider, tokens: Tokens) -> Mapping[str, Any]:
        """What the provider says of the person. Raises ``ProviderUnavailable``."""
        return await self._get(provider.userinfo_endpoint, {"Authorization": f"Bearer {tokens.access_token}"})

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        async with httpx.AsyncClient(transport=_Borrowed(self._transport), timeout=SECONDS) as client:
            try:
                answer = await client.get(url, headers=dict(headers or {}))
                if answer.status_code != 200:
                    raise ProviderUnavailable(f"status {answer.status_code}")
                return json_object(answer)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as failure:
                raise ProviderUnavailable(type(failure).__name__) from None

    def _client(self, provider: Provider) -> Any:
        return AsyncOAuth2Client(
            provider.client_id,
            provider.client_secret,
            scope=provider.scope,
            redirect_uri=provider.redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post",  # noqa: S106
            transport=_Borrowed(self._transport),
            timeout=SECONDS,
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._transport.aclose()


class _Borrowed(httpx.AsyncBaseTransport):
    """A transport that stays open when the client that uses it is closed."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._transport.handle_async_request(request)

"""An OpenID provider on 127.0.0.1 that consents at once, and checks what it is asked (spec 07 §4.3).

async with identity_provider() as provider:
    provider.email = "ann@hooli.test"
    provider.claims = {"email_verified": False}      # change or, with None, leave out claims of the ID token
    provider.fault = "token:500"                     # or token:malformed, token:slow, keys:packed, userinfo:elsewhere
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.serving import served

CLIENT_ID, CLIENT_SECRET = "billwright-client", "a-client-secret-xyz"


@cache
def _first_key() -> RSAKey:
    """One for all tests: it is slow to make."""
    return RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class IdentityProvider:
    """One provider with the addresses of both Google and Okta."""

    port: int = 0
    email: str = "ann@hooli.test"
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    userinfo: dict[str, Any] = field(default_factory=dict[str, Any])
    fault: str = ""
    algorithm: str = "RS256"
    redirect_uris: set[str] = field(default_factory=set[str])
    authorized: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    refusals: list[str] = field(default_factory=list[str])
    key: RSAKey = field(default_factory=lambda: _first_key())
    signing_key: RSAKey | None = None
    """Signs instead of ``key``, which stays the published one."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    _access: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def issued(self) -> list[str]:
        """The access tokens given out so far."""
        assert self._access
        return list(self._access)

    def rotate(self) -> None:
        """Another key, published under another id."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})

    async def discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/oauth2/v1/authorize",
                "token_endpoint": f"{self.url}/oauth2/v1/token",
                "jwks_uri": f"{self.url}/oauth2/v1/keys",
                "userinfo_endpoint": f"{self.url}/oauth2/v1/userinfo",
            }
        )

    async def authorize(self, request: Request) -> Response:
        """Consents, and sends the browser back with a code."""
        given = dict(request.query_params)
        self.authorized.append(given)
        wrong = [
            given.get("client_id") != CLIENT_ID and "client_id",
            given.get("response_type") != "code" and "response_type",
            given.get("code_challenge_method") != "S256" and "code_challenge_method",
            len(given.get("code_challenge", "")) != 43 and "code_challenge",
            len(given.get("nonce", "")) < 20 and "nonce",
            len(given.get("state", "")) < 20 and "state",
            given.get("redirect_uri") not in self.redirect_uris and "redirect_uri",
            not {"openid", "email"} <= set(given.get("scope", "").split()) and "scope",
        ]
        if any(wrong):
            self.refusals.append(str([name for name in wrong if name]))
            return PlainTextResponse("refused", 400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = given
        return RedirectResponse(f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}", 302)

    async def token(self, request: Request) -> Response:
        if self.fault.startswith("token:"):
            return self._broken()
        form = {key: str(value) for key, value in (await request.form()).items()}
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        wrong = [
            asked is None and "code",
            form.get("client_id") != CLIENT_ID and "client_id",
            form.get("client_secret") != CLIENT_SECRET and "client_secret",
            form.get("grant_type") != "authorization_code" and "grant_type",
            asked is not None and form.get("redirect_uri") != asked["redirect_uri"] and "redirect_uri",
            asked is not None and challenge.decode().rstrip("=") != asked["code_challenge"] and "code_verifier",
        ]
        if any(wrong) or asked is None:
            self.refusals.append(str([name for name in wrong if name]))
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "person-1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": self.email,
            "email_verified": True,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        access = secrets.token_urlsafe(16)
        self._access[access] = self.email
        return JSONResponse({"access_token": access, "token_type": "Bearer", "expires_in": 300,
                             "id_token": self._signed(claims)})  # fmt: skip

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.algorithm in ("none", "HS256"):
            parts = [{"alg": self.algorithm, "kid": self.key.kid}, claims]
            text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
            forged = hmac.digest(self.key.as_pem(private=False), text.encode(), "sha256")
            return f"{text}.{_base64(forged) if self.algorithm == 'HS256' else ''}"
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, self.signing_key or self.key, algorithms=[self.algorithm])

    async def keys(self, _: Request) -> Response:
        if self.fault == "keys:packed":
            packed = gzip.compress(json.dumps({"keys": [self.key.as_dict(private=False)]}).encode())
            return Response(packed, headers={"content-encoding": "gzip"}, media_type="application/json")
        if self.fault.startswith("keys:"):
            return self._broken()
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def person(self, request: Request) -> Response:
        if self.fault.startswith("userinfo:"):
            return self._broken()
        email = self._access.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if email is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse({"sub": "person-1", "email": email, **self.userinfo})

    def _broken(self) -> Response:
        kind = self.fault.partition(":")[2]
        if kind == "malformed":
            return Response(b"{not json", media_type="application/json")
        if kind == "slow":
            return StreamingResponse(_dripping(), media_type="application/json")
        if kind == "elsewhere":
            return RedirectResponse("http://127.0.0.1:1/elsewhere", 302)
        return PlainTextResponse("out of order", int(kind))


async def _dripping() -> AsyncIterator[bytes]:
    """An answer that never stops coming, each byte in good time."""
    for _ in range(100):
        yield b" "
        await asyncio.sleep(0.1)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@asynccontextmanager
async def identity_provider() -> AsyncIterator[IdentityProvider]:
    """A running provider."""
    provider = IdentityProvider()
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.discovery),
            Route("/oauth2/v1/authorize", provider.authorize),
            Route("/oauth2/v1/token", provider.token, methods=["POST"]),
            Route("/oauth2/v1/keys", provider.keys),
            Route("/oauth2/v1/userinfo", provider.person),
        ]
    )
    async with served(app) as address:
        provider.port = int(address.rpartition(":")[2])
        yield provider

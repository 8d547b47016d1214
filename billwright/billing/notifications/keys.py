"""The keys that sign webhooks: kept encrypted, made when they are first needed (spec 06 §16.3, design §9)."""

from __future__ import annotations

import asyncio
import base64
import uuid
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.kernel.db import Database, Session
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.notifications.models import SigningKey, WebhookHmacKey
from billwright.billing.notifications.signing import generate_private_key, public_pem

_PURPOSE = "webhooks"


class WebhookKeys:
    """``private_key`` is the RSA key of the settings, in PEM; without one the installation keeps its own."""

    def __init__(self, box: SecretBox, private_key: str = "") -> None:
        self._box = box
        self._private_key = private_key
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return "WebhookKeys()"

    async def private_key(self, database: Database) -> str:
        """The installation's RSA key in PEM."""
        async with self._lock:
            if not self._private_key:
                self._private_key = await self._kept(database)
        return self._private_key

    async def _kept(self, database: Database) -> str:
        statement = select(col(SigningKey.sealed)).where(col(SigningKey.purpose) == _PURPOSE)
        async with database.transaction() as session:
            sealed = await session.scalar(statement)
            if sealed is None:
                made = await asyncio.to_thread(generate_private_key)
                await session.execute(
                    insert(SigningKey)
                    .values(purpose=_PURPOSE, sealed=self._box.seal(made))
                    .on_conflict_do_nothing(index_elements=["purpose"])
                )
                sealed = await session.scalar(statement)
                assert sealed is not None
        return self._box.open(sealed)

    async def public_key(self, database: Database) -> str:
        """Base64 of the public key's PEM, as receivers fetch it."""
        return base64.b64encode(public_pem(await self.private_key(database))).decode()

    async def hmac_key(self, session: Session, organization_id: UUID) -> str:
        """The organization's HMAC key, a UUID in text form. To be shown only with the permission for keys."""
        statement = select(col(WebhookHmacKey.sealed)).where(col(WebhookHmacKey.organization_id) == organization_id)
        sealed = await session.scalar(statement)
        if sealed is None:
            await session.execute(
                insert(WebhookHmacKey)
                .values(organization_id=organization_id, sealed=self._box.seal(str(uuid.uuid4())))
                .on_conflict_do_nothing(index_elements=["organization_id"])
            )
            sealed = await session.scalar(statement)
            assert sealed is not None
        return self._box.open(sealed)

    def opened(self, sealed: bytes) -> str:
        """A stored HMAC key. Raises ``ValueError`` when it is damaged or was sealed with another key."""
        return self._box.open(sealed)

"""E-mails to a mail server that checks what it is told, over the wire (spec 04 §22)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from billwright.billing.access.service import create_organization
from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.registration import register_all
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import StoredFile
from billwright.billing.mailing.models import Email
from billwright.billing.mailing.service import queue_email
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.integrations.mail import SmtpSender

_JOB = text("select id from jobs where name = 'send_email'")
BOX = SecretBox("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")


@dataclass
class MailServer:
    """Speaks just enough SMTP; ``refuse`` maps a command to the answer that it gets instead."""

    port: int = 0
    refuse: dict[str, str] = field(default_factory=dict[str, str])
    login: str | None = None
    received: list[tuple[str, list[str], Any]] = field(default_factory=list[tuple[str, list[str], Any]])
    logins: list[str] = field(default_factory=list[str])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, recipients = "", []
        writer.write(b"220 mail.test\r\n")
        while line := (await reader.readline()).decode().strip():
            command = line.split(" ")[0].upper()
            answer = self.refuse.get(command, "250 OK")
            if command == "EHLO":
                writer.write(b"250-mail.test\r\n250 AUTH PLAIN\r\n" if self.login else b"250 mail.test\r\n")
                continue
            if command == "AUTH":
                self.logins.append(base64.b64decode(line.split(" ")[2]).decode())
                answer = self.refuse.get(command, "235 welcome")
            if command == "MAIL":
                sender = line.partition("<")[2].partition(">")[0]
            if command == "RCPT" and answer.startswith("250"):
                recipients.append(line.partition("<")[2].partition(">")[0])
            if command == "DATA" and command not in self.refuse:
                writer.write(b"354 go on\r\n")
                body = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                self.received.append((sender, recipients, message_from_bytes(body, policy=policy.default)))
            if command == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            writer.write(answer.encode() + b"\r\n")
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    found = MailServer()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


@asynccontextmanager
async def runtime(database: Database, port: int, **more: Any) -> AsyncIterator[Runtime]:
    register_all()
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=2)
    given = {"host": "127.0.0.1", "port": port, "user": "", "password": "", "security": "none"}
    sender = SmtpSender(**{**given, "address": "Billing <billing@acme.test>", **more})
    store = PostgresEventStore(pool)
    yield Runtime(database, store, box=BOX, mail=sender)
    await store.close()
    await pool.close()


async def _email(database: Database, **more: Any) -> Any:
    async with database.transaction() as session:
        organization = (await create_organization(session, "Acme Grüße")).organization
        organization.email = "office@acme.test"
        given = {
            "subject": "Hello\r\nBcc: evil@x.test",
            "text": "Read {link}\n",
            "to": ["ann@hooli.test"],
            "bcc": ["boss@acme.test"],
            "organization_id": organization.id,
            "link": (BOX, "https://a.test/secret"),
        }
        email = await queue_email(session, "test", **{**given, **more})  # fmt: skip
        assert email is not None
        return email.id


async def _work(run: Runtime) -> None:
    for job_id in await due_jobs(run.database):
        await run_job(run, job_id)


async def _state(run: Runtime, email_id: Any) -> tuple[str, str | None]:
    async with run.database.reading() as session:
        email = await session.get_one(Email, email_id)
        return email.status, email.error


async def test_a_message_is_sent_once_with_its_link(database: Database) -> None:
    async with mail_server() as server, runtime(database, server.port) as run:
        email_id = await _email(database)
        await _work(run)
        await _work(run)
        assert await _state(run, email_id) == ("sent", None)
    ((sender, recipients, message),) = server.received
    assert sender == "billing@acme.test"
    assert recipients == ["ann@hooli.test", "boss@acme.test"]
    assert message["From"] == "Acme Grüße <billing@acme.test>"
    assert message["To"] == "ann@hooli.test"
    assert message["Bcc"] is None
    assert message["Reply-To"] == "Acme Grüße <office@acme.test>"
    assert message["Subject"] == "Hello Bcc: evil@x.test", "a subject is one line"
    assert message["Message-ID"] == f"<{email_id}@acme.test>"
    assert message.get_content().strip() == "Read https://a.test/secret"


async def test_a_page_with_a_logo_and_an_attachment(database: Database) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(20)
    async with mail_server() as server, runtime(database, server.port) as run:
        async with database.transaction() as session:
            organization = (await create_organization(session, "Acme")).organization
            organization.logo, organization.logo_content_type = picture, "image/png"
            stored = StoredFile(
                id=new_id(),
                organization_id=organization.id,
                filename="ACM-1.pdf",
                content_type="application/pdf",
                content=b"%PDF-1.7",
                token="t",
                created_at=system_now(),
            )
            session.add(stored)
            await session.flush()
            given = {"to": ["ann@hooli.test"], "cc": ["cfo@hooli.test"], "bcc": ["boss@acme.test"]}
            await queue_email(
                session,
                "test",
                subject="Invoice",
                text="Plain\n",
                html='<p>Rich</p><img src="cid:logo">',
                organization_id=organization.id,
                attachment=(stored.id, "invoice-ACM-1.pdf"),
                **given,
            )
        await _work(run)
    ((_, recipients, message),) = server.received
    assert recipients == ["ann@hooli.test", "cfo@hooli.test", "boss@acme.test"]
    assert (message["To"], message["Cc"], message["Bcc"]) == ("ann@hooli.test", "cfo@hooli.test", None)
    assert message.get_body(("plain",)).get_content().strip() == "Plain"
    assert "Rich" in message.get_body(("html",)).get_content()
    parts = {part.get_content_type(): part for part in message.walk()}
    assert parts["image/png"]["Content-ID"] == "<logo>"
    assert parts["image/png"].get_content() == picture
    assert parts["application/pdf"].get_filename() == "invoice-ACM-1.pdf"
    assert parts["application/pdf"].get_content() == b"%PDF-1.7"
    assert {"multipart/mixed", "multipart/alternative", "multipart/related"} <= parts.keys()


async def test_the_link_is_stored_encrypted(database: Database) -> None:
    async with mail_server() as server, runtime(database, server.port) as run:
        email_id = await _email(database)
        async with run.database.reading() as session:
            email = await session.get_one(Email, email_id)
    assert "secret" not in email.text
    assert b"secret" not in (email.sealed_link or b"")


async def test_logging_in(database: Database) -> None:
    async with mail_server() as server:
        server.login = "yes"
        async with runtime(database, server.port, user="me", password="word") as run:
            email_id = await _email(database)
            await _work(run)
            assert await _state(run, email_id) == ("sent", None)
    assert server.logins == ["\0me\0word"]


@pytest.mark.parametrize(
    ("refuse", "state"),
    [
        ({"RCPT": "550 nobody here"}, "failed"),
        ({"DATA": "554 no"}, "failed"),
        ({"RCPT": "451 later"}, "queued"),
        ({"MAIL": "421 busy"}, "queued"),
    ],
)
async def test_refusals_end_it_and_busy_servers_are_asked_again(
    database: Database, refuse: dict[str, str], state: str
) -> None:
    async with mail_server() as server, runtime(database, server.port) as run:
        server.refuse = refuse
        email_id = await _email(database)
        await _work(run)
        assert (await _state(run, email_id))[0] == state
        if state == "queued":
            server.refuse = {}
            async with run.database.reading() as session:
                job_id = await session.scalar(_JOB)
            assert await run_job(run, job_id, immediate=True) == "succeeded"
            assert (await _state(run, email_id))[0] == "sent"


async def test_without_a_connection_it_gives_up_after_six_attempts(database: Database) -> None:
    async with mail_server() as server:
        port = server.port
    async with runtime(database, port) as run:
        email_id = await _email(database)
        async with run.database.reading() as session:
            job_id = await session.scalar(_JOB)
        for _ in range(5):
            assert await run_job(run, job_id, immediate=True) == "queued"
        assert await run_job(run, job_id, immediate=True) == "succeeded"
        assert (await _state(run, email_id))[0] == "failed"

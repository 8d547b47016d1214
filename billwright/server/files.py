"""``GET /files/...``: stored documents and exports by their unguessable address, without any key (spec 04 §18, §23)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from sqlmodel import col
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from billwright.billing.exports.links import open_link, parts
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.models import StoredFile
from billwright.server.middleware import error_answer

_MAX_TOKEN = 200
_INLINE = {"application/pdf", "image/png", "image/jpeg"}
"""Types that a browser may show; everything else is saved."""
_POLICY = "default-src 'none'; object-src 'self'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""What a browser's own viewer needs to show the file."""


def routes() -> list[BaseRoute]:
    """The routes of stored files, to be put into the application as they are."""
    return [
        Route("/files/exports/{token}/{filename}", serve_export, methods=["GET"]),
        Route("/files/{token}/{filename:path}", serve_file, methods=["GET"]),
    ]


async def serve_file(request: Request) -> Response:
    """The file's bytes under its own name; 404 for anything else than the exact address."""
    state: Any = request.app.state
    database: Database = state.database
    token, filename = request.path_params["token"], request.path_params["filename"]
    if len(token) > _MAX_TOKEN or "\x00" in token:
        return error_answer(404)
    async with database.reading() as session:
        stored = (await session.scalars(select(StoredFile).where(col(StoredFile.token) == token))).first()
    if stored is None or stored.filename != filename:
        return error_answer(404)
    return file_answer(request, stored)


def file_answer(request: Request, stored: StoredFile, *, saved: bool = False) -> Response:
    """The file's bytes with the headers of everything that is served here; ``saved``: never shown in the browser."""
    headers = {
        "Content-Disposition": _disposition(stored, saved=saved),
        "Cache-Control": "private, max-age=3600",
        "ETag": f'"{sha256(stored.content).hexdigest()[:32]}"',
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
        "Referrer-Policy": "no-referrer",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(stored.content, media_type=stored.content_type, headers=headers)


async def serve_export(request: Request) -> Response:
    """A CSV export by the link of its e-mail, part by part (spec 04 §23); 404 for a wrong or ended link."""
    state: Any = request.app.state
    database: Database = state.database
    token, filename = request.path_params["token"], request.path_params["filename"]
    if len(token) > _MAX_TOKEN or "\x00" in token:
        return error_answer(404)
    async with database.reading() as session:
        export = await open_link(session, token, filename)
    if export is None:
        return error_answer(404)
    headers = {
        "Content-Disposition": f'attachment; filename="{export.filename}"',
        "Content-Length": str(export.size_bytes),
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
        "Referrer-Policy": "no-referrer",
    }
    return StreamingResponse(parts(database, export.id), media_type="text/csv; charset=utf-8", headers=headers)


def _disposition(stored: StoredFile, *, saved: bool) -> str:
    """Inline for what a browser shows safely; the name as plain ASCII and, exactly, in UTF-8 (RFC 6266)."""
    kind = "inline" if stored.content_type in _INLINE and not saved else "attachment"
    plain = "".join(
        each if each.isascii() and each.isprintable() and each not in '"\\' else "_" for each in stored.filename
    )
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(stored.filename, safe='')}"

"""Logos of documents, sent as data URIs (spec 04 §24)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from billwright.billing.kernel.errors import ValidationFailed

MAX_BYTES = 800 * 1024
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


@dataclass(frozen=True, slots=True)
class Logo:
    """An image as stored."""

    content: bytes
    content_type: str


def read_logo(text: str) -> Logo:
    """The image of a data URI: PNG or JPEG, by its first bytes as well, at most 800 KB.

    Raises ``ValidationFailed``: ``logo: invalid_content_type``, ``logo: invalid_size``.
    """
    head, comma, encoded = text.strip().partition(",")
    kind, _, coding = head.removeprefix("data:").partition(";")
    kind = {"image/jpg": "image/jpeg"}.get(kind.lower(), kind.lower())
    if not head.startswith("data:") or not comma or coding.rpartition(";")[2].lower() != "base64" or kind not in MAGIC:
        raise ValidationFailed(logo="invalid_content_type")
    if len(encoded) > MAX_BYTES * 4 // 3 + 4:
        raise ValidationFailed(logo="invalid_size")
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValidationFailed(logo="invalid_content_type") from None
    if not content.startswith(MAGIC[kind]):
        raise ValidationFailed(logo="invalid_content_type")
    if len(content) > MAX_BYTES:
        raise ValidationFailed(logo="invalid_size")
    return Logo(content, kind)

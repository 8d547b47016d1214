"""Logos for documents: PNG or JPEG bytes wrapped in an SVG, so that they reach Typst as data and never as a file."""

from __future__ import annotations

import base64
import struct

_PNG = b"\x89PNG\r\n\x1a\n"


def logo_svg(data: bytes) -> tuple[str, tuple[int, int]] | None:
    """The SVG text and its size in pixels; ``None`` for anything that is not a PNG or JPEG with a size."""
    if data.startswith(_PNG):
        media, size = "image/png", _png_size(data)
    elif data.startswith(b"\xff\xd8"):
        media, size = "image/jpeg", _jpeg_size(data)
    else:
        return None
    if size is None or not all(0 < side <= 20_000 for side in size):
        return None
    width, height = size
    href = f"data:{media};base64,{base64.b64encode(data).decode('ascii')}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="{href}"/></svg>'
    )
    return svg, size


def _png_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walks the markers to the first start-of-frame."""
    position = 2
    while position + 9 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            position += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        position += 2 + struct.unpack(">H", data[position + 2 : position + 4])[0]
    return None

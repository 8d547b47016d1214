"""HTTP/1.1 as uvicorn speaks it, with a bound on what a client may send before its body."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers together."""
_REFUSED = b"Request Header Fields Too Large"


class BoundedHead(HttpToolsProtocol):
    """Answers 431 and closes the connection when request line and headers exceed ``MAX_HEAD_BYTES``.

    The parser itself would collect them without end.
    """

    _in_head = True
    _head_bytes = 0
    _too_large = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse()

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._too_large = True
            raise ValueError("the head of the request is too large")  # the parser stops: ``send_400_response``
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if self._too_large:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        head = b"HTTP/1.1 431 %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
        self.transport.write(head % (_REFUSED, len(_REFUSED), _REFUSED))
        self.transport.close()

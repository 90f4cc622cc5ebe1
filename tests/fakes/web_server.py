"""A web API on a free port of this machine, for as long as a test."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Reply:
    """What is answered: JSON unless `raw` is given."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None


class WebServer:
    """Subclasses answer; every request is kept as (path, parameters, body)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, path: str, params: dict[str, str], body: Any) -> Reply:
        raise NotImplementedError

    def n_calls(self, path: str) -> int:
        return sum(asked == path for asked, _, _ in self.requests)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                url, size = urlsplit(self.path), int(self.headers.get("Content-Length") or 0)
                params, data = dict(parse_qsl(url.query)), self.rfile.read(size)
                body = json.loads(data) if data else None
                fake.requests.append((url.path, params, body))
                reply = fake.reply(url.path, params, body)
                sent = json.dumps(reply.body, ensure_ascii=False).encode() if reply.raw is None else reply.raw
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

        return Handler

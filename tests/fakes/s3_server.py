"""As much of S3 as reading needs: listing below a prefix, looking at an object, and getting a range of it."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class S3Server:
    """Objects of one bucket by key, served on a free port of this machine until `stop`."""

    def __init__(self, bucket: str) -> None:
        self.bucket, self.objects = bucket, dict[str, bytes]()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, wanted: str) -> tuple[int, bytes, str]:
        """Status, bytes and Content-Range for a path and what is wanted of it, like `bytes=0-99`."""
        url = urlsplit(path)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        if bucket != self.bucket or (key and key not in self.objects):
            return 404, b"", ""
        if not key:
            return 200, self.listing(parse_qs(url.query)), ""
        data = self.objects[key]
        if not wanted:
            return 200, data, ""
        start, _, end = wanted.removeprefix("bytes=").partition("-")
        part = data[int(start) : int(end) + 1 if end else None]
        return 206, part, f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self._send(with_body=False)

            def do_GET(self) -> None:
                self._send(with_body=True)

            def _send(self, *, with_body: bool) -> None:
                code, data, content_range = fake.answer(self.path, self.headers.get("Range", ""))
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Last-Modified", "Thu, 05 Mar 2026 00:00:00 GMT")
                self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
                if content_range:
                    self.send_header("Content-Range", content_range)
                self.end_headers()
                if with_body:
                    self.wfile.write(data)

        return Handler

    def listing(self, query: dict[str, list[str]]) -> bytes:
        prefix, delimiter = (query.get(name, [""])[0] for name in ("prefix", "delimiter"))
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        folders = {
            prefix + key[len(prefix) :].split(delimiter)[0] + delimiter
            for key in keys
            if delimiter in key[len(prefix) :]
        }
        own = [key for key in keys if not delimiter or delimiter not in key[len(prefix) :]]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            "<LastModified>2026-03-05T00:00:00.000Z</LastModified></Contents>"
            for key in own
        )
        prefixes = "".join(
            f"<CommonPrefixes><Prefix>{escape(p)}</Prefix></CommonPrefixes>" for p in sorted(folders) if delimiter
        )
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{self.bucket}</Name><KeyCount>{len(own)}</KeyCount><IsTruncated>false</IsTruncated>{contents}{prefixes}"
            "</ListBucketResult>"
        ).encode()

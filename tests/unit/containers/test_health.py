"""The health check of the containers, against a real HTTP server."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

HEALTH = Path(__file__).resolve().parents[3] / "docker" / "health.py"
ANSWERS = {
    "/up": (200, b"ok"),
    "/down": (503, b""),
    "/parts": (200, b'{"scheduler": {"status": "healthy"}, "triggerer": {"status": null}}'),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = ANSWERS.get(self.path, (404, b""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["/up"], 0),
        (["/down"], 1),
        (["/nowhere"], 1),
        (["/parts", "scheduler"], 0),
        (["/parts", "triggerer"], 1),
        (["/parts", "dag_processor"], 1),
        (["/up", "scheduler"], 1),
    ],
)
def test_the_exit_status_tells(url: str, arguments: list[str], status: int) -> None:
    done = subprocess.run([sys.executable, str(HEALTH), url + arguments[0], *arguments[1:]], check=False)
    assert done.returncode == status


def test_a_closed_port_is_not_healthy() -> None:
    done = subprocess.run([sys.executable, str(HEALTH), "http://127.0.0.1:9/"], check=False)
    assert done.returncode == 1

"""A real Airflow API server with the project's plugins, a staging database with a release, and a real browser."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from harness.shared_servers import ServerUrls, unique_name
from pages.airflow_site import DAY, EVIL, ROOT, SHOP, Site
from pages.browser import ARGUMENTS, find_browser
from pages.release_of_a_day import publish_a_day

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="session")
def databases(server_urls: ServerUrls, _staging_template: str) -> Iterator[dict[str, str]]:
    """URLs of a migrated staging database and an empty one for Airflow; dropped at the end."""
    import psycopg

    names = {"staging": unique_name("pages"), "airflow": unique_name("pages_airflow")}
    with psycopg.connect(server_urls.postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{names["staging"]}" TEMPLATE "{_staging_template}"')
        admin.execute(f'CREATE DATABASE "{names["airflow"]}"')
        yield {key: urlsplit(server_urls.postgres)._replace(path=f"/{name}").geturl() for key, name in names.items()}
        for name in names.values():
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def site(databases: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The API server, ended with everything it started."""
    release = publish_a_day(databases["staging"], shop=SHOP, day=DAY, evil=EVIL)
    folder, port = tmp_path_factory.mktemp("airflow"), _free_port()
    users = {name: secrets.token_hex(8) for name in ("admin", "viewer")}
    (folder / "passwords.json").write_text(json.dumps(users), encoding="utf-8")
    environment = {**os.environ, **_settings(folder, port, databases)}
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=environment, check=True, capture_output=True, timeout=180)
    with (folder / "api-server.log").open("wb") as log:
        server = subprocess.Popen(
            [*airflow, "api-server"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_until_up(f"http://127.0.0.1:{port}", server, folder / "api-server.log")
            yield Site(url=f"http://127.0.0.1:{port}", users=users, release=release)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    """A page of a browser that is logged in as `viewer`; anything the page's console complains of fails the test."""
    from playwright.sync_api import sync_playwright

    browser = find_browser()
    if isinstance(browser, str):
        pytest.skip(browser)
    complaints: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser.program, args=list(ARGUMENTS), env={**os.environ, **browser.environment}
        )
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
        context.add_cookies([{"name": "_token", "value": site.token("viewer"), "url": site.url}])
        opened = context.new_page()
        opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        yield opened
        context.close()
        chromium.close()
    assert not complaints


def _settings(folder: Path, port: int, databases: dict[str, str]) -> dict[str, str]:
    def driver(name: str) -> str:
        return urlsplit(databases["airflow"])._replace(scheme=f"postgresql+{name}").geturl()

    sections = {
        "core": {
            "dags_folder": str(folder / "no-dags"),
            "plugins_folder": str(ROOT / "plugins"),
            "load_examples": "False",
            "simple_auth_manager_users": "admin:admin,viewer:viewer",
            "simple_auth_manager_passwords_file": str(folder / "passwords.json"),
        },
        "database": {"sql_alchemy_conn": driver("psycopg"), "sql_alchemy_conn_async": driver("asyncpg")},
        "api": {"host": "127.0.0.1", "port": str(port), "workers": "1", "secret_key": secrets.token_hex(16)},
        "api_auth": {"jwt_secret": secrets.token_hex(32)},
    }
    settings = {f"AIRFLOW__{s.upper()}__{k.upper()}": v for s, keys in sections.items() for k, v in keys.items()}
    return {
        **settings,
        "AIRFLOW_HOME": str(folder),
        "PYTHONPATH": str(ROOT / "include"),
        "AIRFLOW_CONN_SHOPMINE_STAGING": databases["staging"],
    }


def _free_port() -> int:
    from shopmine.local.ports import choose_port

    return choose_port(set())


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/api/v2/version", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    raise RuntimeError(f"the API server is not up:\n{log.read_text(errors='replace')[-3000:]}")

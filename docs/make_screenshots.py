"""Makes the pictures of the documentation from a running installation.

After ./shopmine demo:

    ./shopmine python docs/make_screenshots.py [SHOP]

Needs a Chromium: an installed one, the one named by SHOPMINE_CHROMIUM, or the one that the tests of pages unpack.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from shopmine.local.installation import Installation

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"
MOST_BYTES = 300_000
sys.path.append(str(DOCS.parent / "tests"))


def log_in(url: str, login_file: Path) -> str:
    """A token of the installation's user."""
    user, password = next(iter(json.loads(login_file.read_text(encoding="utf-8")).items()))
    answer = httpx.post(f"{url}/auth/token", json={"username": user, "password": password}, trust_env=False)
    return str(answer.raise_for_status().json()["access_token"])


def save(page: Page, name: str) -> None:
    """One picture, in few enough bytes for a repository."""
    path = IMAGES / name
    page.screenshot(path=path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path} has {size} bytes, more than {MOST_BYTES}; make the window smaller")
    sys.stdout.write(f"{path.relative_to(DOCS.parent)}: {size} bytes\n")


def main(shop: str) -> None:
    """The page of releases within the web UI, and the graph of the daily DAG."""
    from pages.browser import ARGUMENTS, find_browser  # noqa: PLC0415  of the tests, whose folder is added above

    installation = Installation.load()
    url = f"http://127.0.0.1:{installation.port('airflow')}"
    browser = find_browser()
    if isinstance(browser, str):
        raise SystemExit(browser)
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser.program, args=list(ARGUMENTS), env={**os.environ, **browser.environment}
        )
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
        context.add_cookies([{"name": "_token", "value": log_in(url, installation.login_file), "url": url}])
        page = context.new_page()
        page.goto(f"{url}/plugin/shopmine_releases")
        frame = page.frame_locator("iframe")
        frame.locator(f"a[href$='/shops/{shop}']").click()
        frame.locator("tr.current a").click()
        frame.locator("#segments").wait_for()
        save(page, "releases.png")
        chromium.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "demo")

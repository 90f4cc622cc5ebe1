"""The page of releases on a real Airflow API server, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from pages.airflow_site import DAY, EVIL, SHOP, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

PATHS = ["/shopmine/", f"/shopmine/shops/{SHOP}", f"/shopmine/shops/{SHOP}/releases/1", "/shopmine/static/pages.css"]


@pytest.mark.parametrize("path", PATHS)
def test_nobody_reads_it_without_a_login(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 401
    assert SHOP not in answer.text


@pytest.mark.parametrize("path", ["/shopmine/docs", "/shopmine/openapi.json", "/shopmine/redoc"])
def test_the_app_describes_itself_to_nobody(site: Site, path: str) -> None:
    assert site.get(path, "admin").status_code == 404


def test_it_sends_a_strict_policy_and_can_only_be_read(site: Site) -> None:
    answer = site.get("/shopmine/", "viewer")
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    headers = {"Authorization": f"Bearer {site.token('admin')}"}
    for method in ("POST", "PUT", "DELETE"):
        assert httpx.request(method, f"{site.url}{PATHS[1]}", headers=headers).status_code == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/shopmine/shops/nobody", 404),
        (f"/shopmine/shops/{SHOP}/releases/999", 404),
        (f"/shopmine/shops/{SHOP}/releases/x", 422),
        ("/shopmine/shops/a%00b", 404),
        (f"/shopmine/shops/{SHOP}/releases/1?customer=a%00b", 404),
        ("/shopmine/static/..%2Freleases.py", 404),
        ("/shopmine/static/other.css", 422),
    ],
)
def test_what_does_not_exist_is_said_so(site: Site, path: str, status: int) -> None:
    assert site.get(path, "viewer").status_code == status


def test_values_of_a_source_never_become_markup(site: Site) -> None:
    text = site.get(f"/shopmine/shops/{SHOP}/releases/{site.release}", "viewer").text
    assert "&lt;script&gt;" in text
    assert "<script" not in text.lower()
    assert EVIL not in text


def test_an_asked_customer_is_shown_alone(site: Site) -> None:
    path = f"/shopmine/shops/{SHOP}/releases/{site.release}"
    text = site.get(path, "viewer", params={"customer": "bob"}).text
    assert "bob · new" in text
    assert "anna" not in text
    assert "opted out" in site.get(path, "viewer", params={"customer": "carl' OR 1=1"}).text


def test_a_person_finds_the_release_from_the_menu_and_reads_why(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/")
    page.get_by_role("link", name="Releases 发布").or_(page.get_by_text("Releases 发布")).first.click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name=SHOP).click()
    frame.get_by_role("link", name=str(site.release), exact=True).click()
    frame.get_by_role("heading", name=f"{SHOP}, {DAY.isoformat()}").wait_for()
    assert frame.get_by_text("常与绿茶一起购买").first.is_visible()
    assert frame.get_by_text("62.0\u2009%").first.is_visible(), "how much each reason counts"
    assert frame.get_by_role("row", name="churn").get_by_text("failed").is_visible()
    assert frame.get_by_role("row", name="ndcg@10").get_by_text("0.354").is_visible()
    assert frame.locator("#segments").get_by_text("老客户").is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "dark")])
def test_it_fits_a_phone_and_the_dark(site: Site, page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{site.url}/shopmine/shops/{SHOP}/releases/{site.release}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out at the side"
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 28)" if scheme == "dark" else "rgb(255, 255, 255)")
    assert page.title() == f"{SHOP} {DAY.isoformat()} · Shopmine"

"""The page "Releases 发布" of the Airflow web UI: what was published, on what grounds, and what it says. Read-only.

Only the plugin itself is here; every Airflow process loads this file, so the page is imported when the API server
asks for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

PREFIX = "/shopmine"


class ReleasesPage(AirflowPlugin):
    """Mounts the page and adds it to the menu."""

    name = "shopmine_releases"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The page, under /shopmine."""
        from shopmine_pages.releases import make_app

        return [{"name": "Shopmine releases", "app": make_app(), "url_prefix": PREFIX}]

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:
        """The menu's entry."""
        below = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        return [
            {
                "name": "Releases 发布",
                "href": f"{below}{PREFIX}/",
                "url_route": "shopmine_releases",
                "destination": "nav",
                "nav_top_level": True,
                "icon": f"{below}{PREFIX}/static/releases.svg",
                "icon_dark_mode": f"{below}{PREFIX}/static/releases-dark.svg",
            }
        ]

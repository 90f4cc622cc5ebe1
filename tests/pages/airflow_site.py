"""An Airflow API server as the tests of pages see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
SHOP, DAY = "tea_house", date(2024, 5, 6)
EVIL = '<script>document.title="owned"</script>&"\''


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running API server; `release` is the number of the one release that it shows."""

    url: str
    users: dict[str, str]
    release: int

    def token(self, user: str) -> str:
        answer = httpx.post(f"{self.url}/auth/token", json={"username": user, "password": self.users[user]})
        return str(answer.raise_for_status().json()["access_token"])

    def get(self, path: str, user: str | None = None, **options: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=60, **options)  # type: ignore[arg-type]

"""The REST API over a real database."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from harness.reasons import NAMED, REASONS, TOLD
from shopmine.serving.api import create_app
from shopmine.staging.database import Database
from shopmine.staging.leases import hold_lease
from shopmine.staging.releases import publish_release
from shopmine.staging.rights import record_right

TOKEN = "a-token-of-this-test-only"
TABLES = {
    "customers": pa.table({"customer": ["ann", "a/b c"], "segment": ["s1", "s1"], "features": ['{"x": 1}', None]}),
    "segments": pa.table({"segment": ["s1"], "name_zh": ["忠诚客户"]}),
    "recommendations": pa.table(
        {
            "customer": ["ann", "ann", "a/b c"],
            "list": ["for_you", "discover", "for_you"],
            "rank": [1, 1, 1],
            "product": ["A", "B", "A"],
            **{name: [value, None, None] for name, value in NAMED.items()},
        }
    ),
    "reasons": REASONS,
    "similar_products": pa.table({"product": ["A/1"], "rank": [1], "similar": ["B"], "score": [0.5]}),
}


def publish(db: Database, day: int) -> int:
    with hold_lease(db, "shop/pointer", wait_seconds=5) as lease:
        made = publish_release(
            db, shop="shop", day=date(2011, 12, day), known_at=None, run=1, key="k", tables=TABLES, lease=lease
        )
    return made.release


@pytest.fixture
def client(staging: Database) -> TestClient:
    publish(staging, 8)
    return TestClient(create_app(staging, TOKEN), headers={"Authorization": f"Bearer {TOKEN}"})


def test_a_customers_lists_carry_their_release(client: TestClient) -> None:
    answer = client.get("/shops/shop/customers/ann/recommendations", params={"list": "for_you"})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["release"], found["day"], found["customer"]) == (1, "2011-12-08", "ann")
    (row,) = found["recommendations"]
    assert (row["product"], row["rank"], row["reasons"]) == ("A", 1, TOLD)
    assert len(client.get("/shops/shop/customers/ann/recommendations").json()["recommendations"]) == 2


def test_ids_may_hold_slashes_and_spaces(client: TestClient) -> None:
    assert client.get("/shops/shop/customers/a%2Fb%20c").json()["segment"] == "s1"
    assert client.get("/shops/shop/customers/a%2Fb%20c/recommendations").json()["recommendations"][0]["product"] == "A"
    assert client.get("/shops/shop/products/A%2F1/similar").json()["similar"][0]["similar"] == "B"


def test_segments_and_release(client: TestClient) -> None:
    assert client.get("/shops/shop/segments").json()["segments"][0]["name_zh"] == "忠诚客户"
    assert len(client.get("/shops/shop/release").json()["content_hash"]) == 64


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_without_the_token_there_is_nothing_but_health(client: TestClient, sent: dict[str, str]) -> None:
    client.headers.clear()
    for path in ("/shops/shop/release", "/shops/shop/customers/ann", "/shops/nobody/segments"):
        answer = client.get(path, headers=sent)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path",
    [
        "/shops/nobody/release",
        "/shops/shop/customers/bob",
        "/shops/shop/products/Z/similar",
        "/shops/shop/x",
        "/shops/shop/customers/%00",
        "/shops/%00/release",
    ],
)
def test_what_is_not_there_is_404_and_names_nobody(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "ann" not in answer.text


def test_a_wrong_list_or_limit_is_refused(client: TestClient) -> None:
    path = "/shops/shop/customers/ann/recommendations"
    assert client.get(path, params={"list": "for_me"}).status_code == 422
    assert client.get(path, params={"limit": 0}).status_code == 422


def test_the_tag_changes_with_the_release_and_with_rights(client: TestClient, staging: Database) -> None:
    path = "/shops/shop/customers/ann/recommendations"
    tag = client.get(path).headers["etag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    publish(staging, 9)
    newer = client.get(path, headers={"If-None-Match": tag})
    assert (newer.status_code, newer.json()["release"]) == (200, 2)
    record_right(staging, "shop", "ann", "no_personalisation")
    hidden = client.get(path, headers={"If-None-Match": newer.headers["etag"]})
    assert (hidden.status_code, hidden.json()["recommendations"]) == (200, [])
    record_right(staging, "shop", "ann", "no_profiling")
    assert client.get(path).status_code == 404


def test_a_database_that_is_gone_is_503_without_its_address() -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    client = TestClient(create_app(gone, TOKEN), headers={"Authorization": f"Bearer {TOKEN}"})
    answer = client.get("/shops/shop/release")
    assert (answer.status_code, client.get("/health").status_code) == (503, 503)
    assert "127.0.0.1" not in answer.text

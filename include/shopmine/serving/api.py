"""The REST API: what is published, read-only, for a shop's own programs.

Every answer is of one release and carries it; every route but /health asks for the bearer token.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shopmine.errors import ConfigError, NotFoundError, ShopmineError, SourceUnavailableError
from shopmine.serving.lookups import PublishedRelease, find_release, read_customer, read_product, read_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from shopmine.staging.database import Database

TOKEN_VARIABLE: Final = "SHOPMINE_API_TOKEN"  # noqa: S105  the name of the variable, not its value
_MIN_TOKEN: Final = 16
_BEARER: Final = HTTPBearer(auto_error=False)

ListName = Literal["for_you", "discover", "buy_again"]
Limit = Annotated[int, Query(ge=1, le=1000, description="at most so many rows")]
Reader = Callable[["sa.Connection", PublishedRelease], dict[str, Any]]


def create_app(db: Database, token: str) -> FastAPI:
    """The API over one staging database.

    Args:
        db: where the published views are.
        token: what a caller must send as `Authorization: Bearer …`; at least 16 characters.

    Raises:
        ConfigError: there is no token, or it can be guessed.
    """
    if len(token) < _MIN_TOKEN:
        raise ConfigError(
            f"the API does not start without a token: set {TOKEN_VARIABLE} to {_MIN_TOKEN} or more characters, say"
            ' of `python -c "import secrets; print(secrets.token_urlsafe(32))"`'
        )
    # The pages with the documentation would load scripts from elsewhere; /openapi.json says the same.
    app = FastAPI(title="Shopmine", version="1", docs_url=None, redoc_url=None)
    app.add_exception_handler(ShopmineError, _explain)
    app.get("/health", summary="Is the API up, and its database?")(partial(_health, db))
    router = APIRouter(prefix="/shops/{shop}", dependencies=[Depends(_guard(token))])
    _add_shop_routes(router, db)
    _add_customer_routes(router, db)
    _add_product_routes(router, db)
    app.include_router(router)
    return app


def _health(db: Database) -> dict[str, str]:
    with db.snapshot() as connection:
        connection.exec_driver_sql("SELECT 1")
    return {"status": "ok"}


def _guard(token: str) -> Callable[..., None]:
    expected = token.encode()

    def check(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        if sent is None or not secrets.compare_digest(sent.credentials.encode(), expected):
            raise HTTPException(401, "send the token as `Authorization: Bearer …`", {"WWW-Authenticate": "Bearer"})

    return check


def _explain(_request: Request, error: Exception) -> Response:
    """A deliberate error as an answer: 404 for what is not there, 503 for a database that may come back."""
    status = 404 if isinstance(error, NotFoundError) else 503 if isinstance(error, SourceUnavailableError) else 500
    # Near ids are for the shop's people at the command line, not for whoever tries ids through a program; nor are hosts.
    detail = {404: "not found in the current release", 503: "the database does not answer; try again"}.get(status)
    return JSONResponse({"detail": detail or type(error).__name__}, status)


def _add_shop_routes(router: APIRouter, db: Database) -> None:
    @router.get("/release", summary="The current release")
    def release(shop: str, request: Request) -> Response:
        return _answer(db, request, shop, lambda _connection, at: _release_json(at))

    @router.get("/segments", summary="The segments of the customers 用户分群")
    def segments(shop: str, request: Request) -> Response:
        return _answer(db, request, shop, lambda connection, at: {"segments": read_rows(connection, at, "segments")})


def _add_customer_routes(router: APIRouter, db: Database) -> None:
    """Ids may hold any character, also `/`: they are the rest of the path, so the longer route comes first."""

    @router.get("/customers/{customer:path}/recommendations", summary="A customer's lists 产品推荐")
    def recommendations(
        shop: str,
        customer: str,
        request: Request,
        name: Annotated[ListName | None, Query(alias="list")] = None,
        limit: Limit = 100,
    ) -> Response:
        def read(connection: sa.Connection, at: PublishedRelease) -> dict[str, Any]:
            wanted: dict[str, str] = {} if name is None else {"list": name}
            rows = read_rows(connection, at, "recommendations", limit=limit, customer=customer, **wanted)
            if not rows:
                read_customer(connection, at, customer)
            return {"customer": customer, "recommendations": rows}

        return _answer(db, request, shop, read)

    @router.get("/customers/{customer:path}", summary="A customer's profile 用户画像")
    def profile(shop: str, customer: str, request: Request) -> Response:
        return _answer(db, request, shop, lambda connection, at: read_customer(connection, at, customer))


def _add_product_routes(router: APIRouter, db: Database) -> None:
    @router.get("/products/{product:path}/similar", summary="Products like a product 相似商品")
    def similar(shop: str, product: str, request: Request, limit: Limit = 100) -> Response:
        def read(connection: sa.Connection, at: PublishedRelease) -> dict[str, Any]:
            rows = read_rows(connection, at, "similar_products", limit=limit, product=product)
            if not rows:
                read_product(connection, at, product)
            return {"product": product, "similar": rows}

        return _answer(db, request, shop, read)


def _answer(db: Database, request: Request, shop: str, read: Reader) -> Response:
    """The rows with their release. The tag changes with the release, and with what rights hide within one."""
    if any("\0" in value for value in request.path_params.values()):
        raise NotFoundError("no id holds a NUL character, which PostgreSQL could not even compare")
    with db.snapshot() as connection:
        at = find_release(connection, shop)
        content = read(connection, at)
    body = json.dumps({"release": at.release, "day": at.day, **content}, ensure_ascii=False, default=_jsonable).encode()
    tag = f'"{at.release}-{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in {value.strip().removeprefix("W/") for value in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _release_json(at: PublishedRelease) -> dict[str, Any]:
    return {
        "shop": at.shop,
        "known_at": at.known_at,
        "created_at": at.created_at,
        "content_hash": at.content_hash,
    }


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

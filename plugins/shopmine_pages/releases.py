"""The page of releases: which there are, what each is based on, what it says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from airflow.models.connection import Connection as AirflowConnection
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

from shopmine.config.connections import STAGING, Connection
from shopmine.errors import ShopmineError
from shopmine.staging.database import Database, open_database
from shopmine_pages import queries
from shopmine_pages.rendering import render

STATIC = Path(__file__).with_name("static")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def make_app() -> FastAPI:
    """The page as an app of its own; every route asks for a user who may see the web UI."""
    app = FastAPI(
        title="Shopmine releases",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
    )
    app.middleware("http")(_without_nul)
    app.middleware("http")(_with_headers)
    app.get("/")(show_shops)
    app.get("/shops/{shop}")(show_shop)
    app.get("/shops/{shop}/releases/{number}")(show_release)
    app.get("/static/{name}")(show_file)
    app.exception_handler(ShopmineError)(_show_error)
    return app


def show_shops(request: Request, user: GetUserDep) -> HTMLResponse:
    """Every shop that the user may see."""
    with _snapshot() as connection:
        found = queries.shops(connection)
    return _page(request, "shops.html", shops=[row for row in found if _may_see(row["shop"], user)])


def show_shop(request: Request, shop: str, user: GetUserDep) -> HTMLResponse:
    """The releases and the newest runs of a shop."""
    _require(shop, user)
    with _snapshot() as connection:
        found, runs = queries.releases(connection, shop), queries.runs(connection, shop)
    if not found and not runs:
        raise HTTPException(404, f"there is no shop {shop!r} with a run or a release")
    return _page(request, "shop.html", shop=shop, releases=found, runs=runs)


def show_release(
    request: Request,
    shop: str,
    number: int,
    user: GetUserDep,
    customer: Annotated[str | None, Query(max_length=200)] = None,
) -> HTMLResponse:
    """One release: its checks, its models, where its rows came from, its segments and some recommendations."""
    _require(shop, user)
    with _snapshot() as connection:
        release = queries.release(connection, shop, number)
        if release is None:
            raise HTTPException(404, f"shop {shop!r} has no release {number}")
        customers = queries.sample_customers(connection, shop, number, customer or None)
        names = [row["customer"] for row in customers]
        most = queries.N_PRODUCTS if customer else queries.N_SAMPLED
        found = {
            "checks": queries.checks(connection, shop, number),
            "metrics": queries.metrics(connection, shop, number),
            "segments": queries.segments(connection, shop, number),
            "steps": queries.steps(connection, release["run"]),
            "accounting": queries.accounting(connection, release["run"]),
            "newest_days": queries.newest_days(connection, release["run"]),
            "recommendations": queries.recommendations(connection, shop, number, names, most),
        }
    return _page(
        request, "release.html", shop=shop, release=release, customers=customers, asked=customer or "", **found
    )


def show_file(name: Literal["pages.css", "releases.svg", "releases-dark.svg"]) -> FileResponse:
    """The pages' style sheet and icons."""
    return FileResponse(STATIC / name)


def _page(request: Request, template: str, **values: object) -> HTMLResponse:
    return HTMLResponse(render(template, root=request.scope["root_path"], **values))


def _may_see(shop: str, user: Any) -> bool:
    return get_auth_manager().is_authorized_dag(method="GET", details=DagDetails(id=f"{shop}.daily"), user=user)


def _require(shop: str, user: Any) -> None:
    if not _may_see(shop, user):
        raise HTTPException(403, "you may not read this shop's daily DAG, so its releases are not shown either")


@contextmanager
def _snapshot() -> Iterator[sa.Connection]:
    with _database().snapshot() as connection:
        connection.execute(sa.text("SET LOCAL statement_timeout = '15s'"))
        yield connection


@cache
def _database() -> Database:
    found = AirflowConnection.get_connection_from_secrets(STAGING)
    return open_database({STAGING: Connection.parse(STAGING, found.as_json())})


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update(HEADERS)
    return response


async def _without_nul(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """No id holds a NUL character, which PostgreSQL takes in no text at all: what asks for one is not there."""
    if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
        return JSONResponse({"detail": "nothing has a name with a NUL character"}, status_code=404)
    return await call_next(request)


async def _show_error(request: Request, error: Exception) -> HTMLResponse:
    return HTMLResponse(render("error.html", root=request.scope["root_path"], text=str(error)), status_code=503)

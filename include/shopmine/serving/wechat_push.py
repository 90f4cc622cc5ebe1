"""The address to which WeChat pushes messages and events: `/wechat/SHOP/SOURCE`, with WeChat's signature instead of a bearer token."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse

from shopmine.collect.personal import personal_key
from shopmine.collect.reading import Opening
from shopmine.collect.wechat_push import MOST_BYTES, Push, Receiver
from shopmine.config.connections import Connections, find_connection
from shopmine.config.days import utc_now
from shopmine.config.shops import list_shops, load_shop
from shopmine.errors import ConfigError, DataError

if TYPE_CHECKING:
    from shopmine.config.shops import Shop

log = logging.getLogger("shopmine.serving")
Receivers = Mapping[tuple[str, str], Receiver]


def find_receivers(connections: Connections) -> dict[tuple[str, str], Receiver]:
    """A receiver for each WeChat source of any shop that reads pushed messages, by shop and source.

    What is wrong with one is logged and leaves the others alone.
    """
    found = {}
    for name in list_shops():
        try:
            shop = load_shop(name)
            found.update({(name, source): _receiver(shop, source, connections) for source in _pushed(shop)})
        except ConfigError as error:
            log.warning("shop %s takes no pushed messages: %s", name, error)
    return found


def _pushed(shop: Shop) -> list[str]:
    return [
        name
        for name, source in shop.sources.items()
        if source.kind == "wechat" and any(entity.api == "messages" for entity in source.read_entities())
    ]


def _receiver(shop: Shop, name: str, connections: Connections) -> Receiver:
    source = shop.sources[name]
    connection = find_connection(connections, source.connection, f"source {name!r} of shop {shop.name!r}")
    key = personal_key(shop, connections)
    return Receiver(Opening(source=source, connection=connection, zone=shop.zone, key=key))


def add_push_routes(app: FastAPI, receivers: Receivers) -> None:
    """Answer WeChat's trial of the address, and take what it pushes."""

    def receiver_of(shop: str, source: str) -> Receiver:
        if (shop, source) not in receivers:
            raise HTTPException(404, "there is no such source that takes pushed messages")
        return receivers[shop, source]

    @app.get("/wechat/{shop}/{source}", summary="WeChat tries the address", response_class=PlainTextResponse)
    def greet(shop: str, source: str, request: Request) -> str:
        """The text that WeChat sent, if it was WeChat."""
        receiver = receiver_of(shop, source)
        try:
            return receiver.greet(Push(params=dict(request.query_params)), utc_now())
        except DataError as error:
            raise HTTPException(403, str(error)) from error

    @app.post("/wechat/{shop}/{source}", summary="A message or event is pushed", response_class=PlainTextResponse)
    async def take(shop: str, source: str, request: Request) -> str:
        """`success` once it is on the disk; anything else makes WeChat send it again."""
        receiver = receiver_of(shop, source)
        push = Push(params=dict(request.query_params), body=await _body(request))
        try:
            await run_in_threadpool(receiver.take, push, utc_now())
        except DataError as error:
            raise HTTPException(403, str(error)) from error
        return "success"


async def _body(request: Request) -> bytes:
    """The body, or so much of it that it is clearly too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            break
    return body

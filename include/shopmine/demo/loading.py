"""Puts a ready-made shop's data where its file under `shops/examples` says that it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from shopmine.config.connections import Connections, find_connection
from shopmine.demo import foodmart, online_retail, sizes, ta_feng
from shopmine.demo.demo_shop import load_demo_shop
from shopmine.demo.dumps import DUMPS, load_dump
from shopmine.errors import ConfigError

GENERATED: Final = "demo"
EXAMPLES: Final = Path(__file__).resolve().parents[3] / "shops" / "examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDemo:
    """What a ready-made shop's stores now hold: its last day with data, and the rows of each table or collection."""

    last_day: date
    n_rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    size: str
    data: Path | None
    connections: Connections
    files_dir: Path


def demo_shops() -> list[str]:
    """Names of the ready-made shops, sorted."""
    return sorted(set(_LOADERS) & {file.stem for file in EXAMPLES.glob("*.toml")})


def load_demo(shop: str, *, size: str, data: Path | None, connections: Connections, files_dir: Path) -> LoadedDemo:
    """Fill the shop's own stores; what is there already from the same load is left alone, anything else is replaced.

    Args:
        shop: one of `demo_shops`.
        size: "tiny", "small" or "medium"; only the generated shop has sizes.
        data: folder with the data of a shop that is not generated.
        connections: the shop's stores, ids `<shop>_mysql`, `<shop>_mongo`.
        files_dir: folder of the shop's connection `<shop>_files`.

    Raises:
        ConfigError: unknown shop or size, a connection or the data is missing.
        SourceUnavailableError: a server does not answer.
    """
    if shop not in _LOADERS:
        raise ConfigError(f"there is no ready-made shop {shop!r}; there are {demo_shops()}")
    return _LOADERS[shop](_Request(size=size, data=data, connections=connections, files_dir=files_dir))


def shop_file(shop: str, *, size: str) -> str:
    """Text of a ready-made shop's file; the generated shop's `first_day` is the one of this size.

    The example itself names the first day of the size "tiny": with it a larger shop would lose its older history, and
    with the day of a larger one a tiny shop would begin with empty years.

    Raises:
        ConfigError: unknown shop or size.
    """
    if shop not in _LOADERS:
        raise ConfigError(f"there is no ready-made shop {shop!r}; there are {demo_shops()}")
    text = (EXAMPLES / f"{shop}.toml").read_text(encoding="utf-8")
    if shop != GENERATED:
        return text
    own, needed = (f"first_day = {sizes.find_size(name).first_day}" for name in ("tiny", size))
    if text.count(own) != 1:
        raise ConfigError(f"{EXAMPLES / shop}.toml must say {own!r} once; it is the first day of the size tiny")
    return text.replace(own, needed)


def _load_online_retail(request: _Request) -> LoadedDemo:
    connection = find_connection(request.connections, "online_retail_mysql", "the shop online_retail")
    n_rows = online_retail.load_online_retail(connection, request.data)
    return LoadedDemo(last_day=online_retail.LAST_DAY, n_rows=n_rows)


def _load_foodmart(request: _Request) -> LoadedDemo:
    connection = find_connection(request.connections, "foodmart_mysql", "the shop foodmart")
    return LoadedDemo(last_day=foodmart.LAST_DAY, n_rows=foodmart.load_foodmart(connection, request.data))


def _load_ta_feng(request: _Request) -> LoadedDemo:
    return LoadedDemo(last_day=ta_feng.LAST_DAY, n_rows=ta_feng.load_ta_feng(request.files_dir, request.data))


def _load_from_dump(shop: str, request: _Request) -> LoadedDemo:
    connection = find_connection(request.connections, f"{shop}_mysql", f"the shop {shop}")
    return LoadedDemo(last_day=DUMPS[shop].last_day, n_rows=load_dump(shop, connection, request.data))


def _load_generated(request: _Request) -> LoadedDemo:
    n_rows = load_demo_shop(request.connections, request.files_dir, size=request.size)
    return LoadedDemo(last_day=sizes.LAST_DAY, n_rows=n_rows)


_LOADERS: Final[Mapping[str, Callable[[_Request], LoadedDemo]]] = {
    **{shop: partial(_load_from_dump, shop) for shop in DUMPS},
    GENERATED: _load_generated,
    "foodmart": _load_foodmart,
    "online_retail": _load_online_retail,
    "ta_feng": _load_ta_feng,
}

"""A ready-made shop in a test's own servers: its file, its data, its connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shopmine.config.connections import Connection
from shopmine.demo.loading import load_demo, shop_file

if TYPE_CHECKING:
    from datetime import date

_KEY = "a key of a test, long enough to be one"


def load_ready_made(
    shop: str, connections: Mapping[str, Connection], folder: Path, *, size: str = "tiny", data: Path | None = None
) -> tuple[dict[str, Connection], date]:
    """Fill the shop's stores and write its file into `folder`/shops, which the caller makes $SHOPMINE_SHOPS.

    Args:
        shop: `demo` or another ready-made one.
        connections: as the fixture `connections` gives them, for a shop named `shop`.
        folder: for the shop's file and its own files.
        size: of the generated shop.
        data: folder with the data of a shop that is not generated.

    Returns:
        The connections under the ids that the shop's file names, and the last day of its data.
    """
    renamed = {
        name.replace("shop_", f"{shop}_", 1): found for name, found in connections.items() if name.startswith("shop_")
    }
    own = {name: replace(found, id=name) for name, found in renamed.items()}
    own["shopmine_staging"] = connections["shopmine_staging"]
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    own[f"{shop}_files"] = Connection.parse(f"{shop}_files", f"file://{files}")
    own[f"{shop}_key"] = Connection(id=f"{shop}_key", kind="generic", password=_KEY)
    loaded = load_demo(shop, size=size, data=data, connections=own, files_dir=files)
    shops = folder / "shops"
    shops.mkdir(exist_ok=True)
    (shops / f"{shop}.toml").write_text(shop_file(shop, size=size), encoding="utf-8")
    return own, loaded.last_day
